/* test_check.c - a log that is as it was written passes, and every row that was changed,
 * taken away, added or swapped behind the daemon's back, with its checksum made right, is found and
 * named. */
#include "desk.h"

#include "check.h"
#include "store_internal.h"

#include <lmdb.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)
#define EVENTS 700

/* Check what LMDB holds; everything that was put is committed first. */
static check_found check(desk *d)
{
    answers_progress progress = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    check_found found = { 0 };

    assert_int_equal(store_commit_all(d->store, &err), TRIAL_OK);
    assert_int_equal(check_store(d->store, &progress, &found, &err), TRIAL_OK);
    assert_true(found.bad != 0 || progress.done == progress.total);
    return found;
}

static void test_a_log_as_it_was_written_is_good(void **state)
{
    desk *d = *state;
    uint8_t mine[TRIAL_HASH_BYTES];
    uint8_t theirs[TRIAL_HASH_BYTES];
    check_found found = check(d); /* an empty one too */

    assert_int_equal(found.bad, 0);
    desk_import(d, 0, desk_programme_lines(), 250);
    found = check(d);
    assert_string_equal(found.reason, "");
    assert_int_equal(found.bad, 0);
    assert_int_equal(found.tree.size, desk_programme_lines());
    proto_tree_root(&found.tree, mine);
    engine_root(d->engine, theirs);
    assert_memory_equal(mine, theirs, sizeof mine);
}

#define EVENT(id, type, subject, data)                                                             \
    "{'id':'" id "','source':'/dk/ministerium/i','type':'" type "','subject':'" subject            \
    "','time':'2016-01-01T00:00:00Z','data':" data "}"

/* Whether the corrected event would be refused shows only beside the other subjects, which the
 * check does not look at; and the breach is all that hangs on the subject. */
static void test_a_breach_of_a_correction_is_no_damage(void **state)
{
    desk *d = *state;
    const json_t *found;

    (void)desk_append(
        d,
        "{'events':[" EVENT(
            "1",
            "programme.opened",
            "programme/p",
            "{'title':'P','periodFrom':'2016-01-01',"
            "'periodTo':'2016-12-31'}") "," EVENT("2",
                                                  "law.proposed",
                                                  "law/l",
                                                  "{'programme':'p','title':'L','role':'general','"
                                                  "form':'act'}") "," EVENT("3",
                                                                            "correction.issued",
                                                                            "law/l",
                                                                            "{'corrects':'2','"
                                                                            "field':'programme','"
                                                                            "oldValue':'p',"
                                                                            "'newValue':'q','"
                                                                            "reason':'slip'}") "]"
                                                                                               "}");
    assert_false(d->is_error);
    found = json_object_get(desk_query(d, "{'view':'finding'}"), "rows");
    assert_int_equal(json_array_size(found), 1);
    assert_string_equal(check(d).reason, "");
}

static void test_a_row_of_a_named_subscription_is_looked_at(void **state)
{
    static const struct {
        const char key[24];
        size_t key_size;
        const char *value;
        size_t value_size;
        bool is_good;
    } rows[] = {
        { "subscription\0n", 14, "\x95\x01\x02\xa0\xa0\x91\xa1t", 8, true },
        { "subscription\0n", 14, "\x95\x01\x02\xa0\xa0\x91", 6, false },
        { "subscription\0N", 14, "\x95\x01\x02\xa0\xa0\x90", 6, false },
        { "parked\0n\0\0\0\0\0\0\0\0\1", 17, "\x93\x01\xc2\xa1r", 5, true },
        { "parked\0n\0\0\0\0\0\0\0\0\1", 17, "\x93\x01\xc2\xa1r\x01", 6, false },
    };
    desk *d = *state;

    desk_import(d, 0, 10, 10);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trial_bytes key = { (const uint8_t *)rows[i].key, rows[i].key_size };
        trial_bytes value = { (const uint8_t *)rows[i].value, rows[i].value_size };
        check_found found;

        store_put(d->store, STORE_META, key, value);
        found = check(d);
        assert_int_equal(found.bad == 0, rows[i].is_good);
        assert_true(rows[i].is_good || strstr(found.reason, "named subscription") != NULL);
        store_delete(d->store, STORE_META, key);
    }
}

/* A row to be found: the nth of a table behind a prefix. */
struct search {
    uint32_t left;
    uint8_t key[KEY_BYTES_MAX];
    size_t key_size;
    uint8_t value[65536];
    size_t value_size;
};

static bool take_row(void *context, trial_bytes key, trial_bytes value)
{
    struct search *search = context;

    if (search->left-- > 0) {
        return true;
    }
    memcpy(search->key, key.data, key.size);
    search->key_size = key.size;
    assert_in_range(value.size, 0, sizeof search->value);
    if (value.size > 0) {
        memcpy(search->value, value.data, value.size);
    }
    search->value_size = value.size;
    return false;
}

static void find_row(desk *d, store_table table, const char *prefix, uint32_t nth, struct search *s)
{
    trial_error err = TRIAL_ERROR_NONE;
    store_read *read = NULL;
    uint64_t committed;

    s->left = nth;
    s->key_size = 0;
    assert_int_equal(store_read_begin(d->store, &read, &committed, &err), TRIAL_OK);
    assert_int_equal(
        store_read_each(read, table, bytes_of(prefix), (trial_bytes){ 0 }, take_row, s, &err),
        TRIAL_OK);
    store_read_end(read);
    assert_true(s->key_size > 0);
}

enum change {
    TAKEN_AWAY,
    ANOTHERS, /* the value of the row behind it */
    FLIPPED,  /* a bit of its last byte */
    ADDED,    /* a row of `key` with the value of the row it names */
};

/* `least` and `most`: where the finding must point; EVENTS where no event can be named. */
static struct change_case {
    const char *name;
    store_table table;
    const char *prefix;
    uint32_t nth;
    enum change change;
    const char *key;
    uint64_t least;
    uint64_t most;
    const char *reason;
} changes[] = {
    { "an id's row is gone", STORE_EVENT_ID, "", 10, TAKEN_AWAY, NULL, 1, EVENTS, "no row" },
    { "an id leads elsewhere", STORE_EVENT_ID, "", 10, ANOTHERS, NULL, 1, EVENTS, "elsewhere" },
    { "an id too many", STORE_EVENT_ID, "", 10, ADDED, "nobody", EVENTS, EVENTS, "rows of ids" },
    { "a list lacks an event", STORE_PROGRAMME, "ff2", 50, TAKEN_AWAY, NULL, 1, EVENTS, "missing" },
    { "a list has one too many",
      STORE_PROGRAMME,
      "ff2",
      50,
      ADDED,
      "ff3-abcdefgh",
      EVENTS,
      EVENTS,
      "lists of programmes" },
    { "a head is gone", STORE_SUBJECT, "trial/", 3, TAKEN_AWAY, NULL, 1, EVENTS, "does not know" },
    { "a head is another's", STORE_SUBJECT, "trial/", 3, ANOTHERS, NULL, 1, EVENTS, "not know" },
    { "a head names another programme",
      STORE_SUBJECT,
      "trial/",
      3,
      FLIPPED,
      NULL,
      1,
      EVENTS,
      "list of programme" },
    { "a head too many",
      STORE_SUBJECT,
      "trial/",
      3,
      ADDED,
      "trial/nobody",
      1,
      EVENTS,
      "should be revision" },
    { "a state is gone", STORE_STATE, "", 60, TAKEN_AWAY, NULL, 1, EVENTS, "is missing" },
    { "a state is another's", STORE_STATE, "", 60, ANOTHERS, NULL, 1, EVENTS, "folds to" },
    { "a state has changed", STORE_STATE, "", 60, FLIPPED, NULL, 1, EVENTS, "folds to" },
    { "a state too many", STORE_STATE, "", 60, ADDED, "dnobody", EVENTS, EVENTS, "does not know" },
    { "a link is gone", STORE_LINK, "m", 20, TAKEN_AWAY, NULL, 1, EVENTS, "lacks a link" },
    { "an exemption's link is gone",
      STORE_LINK,
      "e",
      5,
      TAKEN_AWAY,
      NULL,
      1,
      EVENTS,
      "lacks a link" },
    { "a link too many, to nobody",
      STORE_LINK,
      "m",
      20,
      ADDED,
      "m0101|dnobody",
      EVENTS,
      EVENTS,
      "never asked" },
    { "a link too many, to somebody",
      STORE_LINK,
      "m",
      20,
      ADDED,
      "m9999|dff2-018",
      EVENTS,
      EVENTS,
      "never asked" },
    { "an exemption too many",
      STORE_LINK,
      "e",
      5,
      ADDED,
      "enobody|d",
      EVENTS,
      EVENTS,
      "granted to nobody" },
    { "the tree has changed", STORE_META, "log", 0, FLIPPED, NULL, EVENTS, EVENTS, "stored tree" },
};

static void make_change(desk *d, const struct change_case *c, struct search *row)
{
    trial_bytes key = { row->key, row->key_size };
    trial_bytes value = { row->value, row->value_size };
    uint8_t other[KEY_BYTES_MAX];

    switch (c->change) {
    case TAKEN_AWAY:
        store_delete(d->store, c->table, key);
        return;
    case ANOTHERS:
        memcpy(other, row->key, row->key_size);
        find_row(d, c->table, c->prefix, c->nth + 1, row);
        value.size = row->value_size;
        store_put(d->store, c->table, (trial_bytes){ other, key.size }, value);
        return;
    case FLIPPED:
        row->value[row->value_size - 1] ^= 1;
        store_put(d->store, c->table, key, value);
        return;
    case ADDED:
        key = bytes_of(c->key);
        memcpy(other, key.data, key.size);
        for (size_t i = 0; i < key.size; i++) { /* what C text cannot hold */
            other[i] = other[i] == '|' ? 0 : other[i];
        }
        if (c->table == STORE_PROGRAMME) { /* a name, NUL, and a position within the log */
            memcpy(other + 3, "\0\0\0\0\0\0\0\0\5", 9);
        }
        store_put(d->store, c->table, (trial_bytes){ other, key.size }, value);
        return;
    }
}

static void test_a_change(void **state)
{
    static struct search row;
    const struct change_case *c = *state;
    void *made = NULL;
    desk *d;
    check_found found;

    assert_int_equal(desk_setup(&made), 0);
    d = made;
    desk_import(d, 0, EVENTS, EVENTS);
    assert_int_equal(check(d).bad, 0);
    find_row(d, c->table, c->prefix, c->nth, &row);
    make_change(d, c, &row);
    found = check(d);
    if (found.bad < c->least || found.bad > c->most || strstr(found.reason, c->reason) == NULL) {
        fail_msg("%s: position %llu, '%s'", c->name, (unsigned long long)found.bad, found.reason);
    }
    assert_int_equal(desk_teardown(&made), 0);
}

/* Put a record's row into LMDB as it would lie there, right by its checksum. */
static void put_record(desk *d, uint64_t position, trial_bytes record)
{
    static uint8_t row[65536];
    trial_bytes key = { (const uint8_t *)&position, sizeof position };
    uint64_t sum = store_row_sum(STORE_LOG, key, record);
    MDB_val k = { sizeof position, &position };
    MDB_val v = { sizeof sum + record.size, row };
    MDB_txn *txn;

    assert_in_range(v.mv_size, sizeof sum, sizeof row);
    memcpy(row, &sum, sizeof sum);
    if (record.size > 0) {
        memcpy(row + sizeof sum, record.data, record.size);
    }
    assert_int_equal(mdb_txn_begin(d->store->tables.env, NULL, 0, &txn), 0);
    if (record.size == 0) {
        assert_int_equal(mdb_del(txn, d->store->tables.tables[STORE_LOG], &k, NULL), 0);
    } else {
        assert_int_equal(mdb_put(txn, d->store->tables.tables[STORE_LOG], &k, &v, 0), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
}

/* A copy of a record; given with free(). */
static trial_bytes copy_record(desk *d, uint64_t position)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_bytes record = { 0 };
    uint8_t *copy;

    assert_int_equal(store_get_record(d->store, position, &record, &err), TRIAL_OK);
    copy = malloc(record.size);
    memcpy(copy, record.data, record.size);
    return (trial_bytes){ copy, record.size };
}

static void assert_bad(desk *d, uint64_t position, const char *reason)
{
    check_found found = check(d);

    assert_int_equal(found.bad, position);
    if (strstr(found.reason, reason) == NULL) {
        fail_msg("'%s'", found.reason);
    }
}

static void test_records_that_changed_places_are_named(void **state)
{
    desk *d = *state;
    trial_bytes a;
    trial_bytes b;

    desk_import(d, 0, EVENTS, EVENTS);
    assert_int_equal(check(d).bad, 0);
    a = copy_record(d, 400);
    b = copy_record(d, 300);
    put_record(d, 400, b);
    put_record(d, 300, a);
    assert_bad(d, 300, "that of position 400");
    put_record(d, 300, b);
    assert_bad(d, 400, "that of position 300");
    put_record(d, 400, a);
    assert_int_equal(check(d).bad, 0);
    put_record(d, 350, (trial_bytes){ 0 });
    assert_bad(d, 350, "position 350");
    free((void *)(uintptr_t)a.data);
    free((void *)(uintptr_t)b.data);
}

/* Every byte of a record counts, whatever the checksum of its row says. */
static void test_every_byte_of_a_record_is_looked_at(void **state)
{
    desk *d = *state;
    trial_bytes record;
    uint8_t *bytes;

    desk_import(d, 0, 5, 5);
    assert_int_equal(check(d).bad, 0);
    record = copy_record(d, 3);
    bytes = (uint8_t *)(uintptr_t)record.data;
    for (size_t at = 0; at < record.size; at++) {
        bytes[at] ^= 4;
        put_record(d, 3, record);
        bytes[at] ^= 4;
        if (check(d).bad != 3) {
            fail_msg("a flipped bit of byte %zu of %zu went unseen", at, record.size);
        }
    }
    put_record(d, 3, record);
    assert_int_equal(check(d).bad, 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_log_as_it_was_written_is_good),
        TEST(test_a_breach_of_a_correction_is_no_damage),
        TEST(test_a_row_of_a_named_subscription_is_looked_at),
        TEST(test_records_that_changed_places_are_named),
        TEST(test_every_byte_of_a_record_is_looked_at),
    };
    struct CMUnitTest cases[sizeof changes / sizeof changes[0]];

    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        cases[i] = (struct CMUnitTest){ .name = changes[i].name,
                                        .test_func = test_a_change,
                                        .initial_state = &changes[i] };
    }
    return cmocka_run_group_tests(tests, NULL, NULL) + cmocka_run_group_tests(cases, NULL, NULL);
}
