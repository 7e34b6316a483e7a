/* test_store_tail.c - readers that do not wait for a commit: what they see of what lies in front of
 * LMDB, how long it holds still, and that commits never wait for them. */
#include "store_fixture.h"

#define LAYERS_TRIED 64 /* more than a store has */
#define KEYS 24
#define STEPS 4000

static store_tail *take(fixture *f)
{
    flush(f);
    return store_tail_take(f->s);
}

/* Rows that a walk gives, as "key=value " one after the other. */
struct walked {
    char text[4096];
    const char *last; /* the key that ends it; NULL: none */
};

static bool collect(void *context, trial_bytes key, trial_bytes value)
{
    struct walked *walked = context;
    size_t used = strlen(walked->text);

    assert_non_null(value.data);
    (void)snprintf(walked->text + used,
                   sizeof walked->text - used,
                   "%.*s=%.*s ",
                   (int)key.size,
                   (const char *)key.data,
                   (int)value.size,
                   (const char *)value.data);
    return walked->last == NULL || key.size != strlen(walked->last) ||
           memcmp(key.data, walked->last, key.size) != 0;
}

static void assert_walk(fixture *f,
                        const store_tail *tail,
                        const char *prefix,
                        const char *from,
                        const char *last,
                        const char *wanted)
{
    struct walked walked = { .last = last };
    store_read *r;
    uint64_t head;

    assert_int_equal(store_read_begin_with(f->s, tail, &r, &head, &f->err), TRIAL_OK);
    assert_int_equal(
        store_read_each(
            r, STORE_STATE, bytes_of(prefix), bytes_of(from), collect, &walked, &f->err),
        TRIAL_OK);
    store_read_end(r);
    assert_string_equal(walked.text, wanted);
}

static void assert_read(fixture *f, store_read *r, const char *key, const char *value)
{
    trial_bytes got;

    assert_int_equal(store_read_get(r, STORE_STATE, bytes_of(key), &got, &f->err), TRIAL_OK);
    if (value == NULL) {
        assert_null(got.data);
    } else {
        assert_bytes(got, bytes_of(value));
    }
}

/* LMDB, a layer that is being committed, and one that was frozen for the tail. */
static store_tail *lay_three(fixture *f)
{
    put(f, "a", "lmdb");
    put(f, "b", "lmdb");
    put(f, "c", "lmdb");
    put(f, "d", "lmdb");
    append(f, 17);
    commit(f);
    put(f, "b", "frozen");
    put(f, "bb", "");
    put(f, "e", "frozen");
    store_delete(f->s, STORE_STATE, bytes_of("c"));
    append(f, 18);
    freeze(f);
    put(f, "aa", "active");
    put(f, "c", "active");
    put(f, "e", "active");
    put(f, "f", "active");
    store_delete(f->s, STORE_STATE, bytes_of("d"));
    store_put(f->s, STORE_LINK, bytes_of("ab"), bytes_of("of another table"));
    append(f, 19);
    return take(f);
}

static void test_the_newest_of_each_row_is_read(void **state)
{
    fixture *f = *state;
    store_tail *tail = lay_three(f);
    store_read *r;
    uint64_t head;
    trial_bytes got;

    assert_non_null(tail);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(store_read_begin_with(f->s, tail, &r, &head, &f->err), TRIAL_OK);
        assert_int_equal(head, 3);
        assert_read(f, r, "a", "lmdb");
        assert_read(f, r, "b", "frozen");
        assert_read(f, r, "bb", "");
        assert_read(f, r, "c", "active");
        assert_read(f, r, "d", NULL);
        assert_read(f, r, "g", NULL);
        for (uint64_t position = 1; position <= 3; position++) {
            assert_int_equal(store_read_record(r, position, &got, &f->err), TRIAL_OK);
            assert_bytes(got, record_of(position, 16 + (size_t)position));
        }
        assert_int_equal(store_read_record(r, 4, &got, &f->err), TRIAL_NOT_FOUND);
        store_read_end(r);
        commit(f); /* and then LMDB holds all of it */
    }
    store_tail_give(tail);
}

static void test_a_walk_takes_each_row_once_and_in_order(void **state)
{
    fixture *f = *state;
    store_tail *tail = lay_three(f);

    for (int round = 0; round < 2; round++) {
        assert_walk(
            f, tail, "", "", NULL, "a=lmdb aa=active b=frozen bb= c=active e=active f=active ");
        assert_walk(f, tail, "b", "", NULL, "b=frozen bb= ");
        assert_walk(f, tail, "", "bc", NULL, "c=active e=active f=active ");
        assert_walk(f, tail, "b", "bb", NULL, "bb= ");
        assert_walk(f, tail, "d", "", NULL, "");
        assert_walk(f, tail, "", "", "aa", "a=lmdb aa=active "); /* ended by a row of the tail */
        assert_walk(f, tail, "", "", "a", "a=lmdb ");            /* and by one of LMDB */
        assert_walk(f, tail, "", "e", "e", "e=active ");         /* and behind all of LMDB's */
        commit(f);
    }
    store_tail_give(tail);
}

static void test_the_log_is_walked_through_all_layers(void **state)
{
    fixture *f = *state;
    static const struct {
        uint64_t from;
        bool is_backwards;
        int left;
        uint64_t first;
        uint64_t end;
    } walks[] = {
        { 0, false, 99, 1, 4 }, { 2, false, 99, 2, 4 }, { 3, false, 99, 3, 4 },
        { 1, false, 2, 1, 3 },  { 1, false, 1, 1, 2 },  { 4, false, 99, 4, 4 },
        { 0, true, 99, 3, 0 },  { 9, true, 99, 3, 0 },  { 2, true, 99, 2, 0 },
        { 1, true, 99, 1, 0 },  { 0, true, 1, 3, 2 },   { 0, true, 2, 3, 1 },
    };
    store_tail *tail = lay_three(f);
    store_read *r;
    uint64_t head;

    assert_int_equal(store_read_begin_with(f->s, tail, &r, &head, &f->err), TRIAL_OK);
    for (size_t i = 0; i < sizeof walks / sizeof walks[0]; i++) {
        log_walk walk = { walks[i].first, walks[i].is_backwards ? -1 : 1, walks[i].left };

        assert_int_equal(
            store_read_log(r, walks[i].from, walks[i].is_backwards, follow, &walk, &f->err),
            TRIAL_OK);
        assert_int_equal(walk.expected, walks[i].end);
    }
    store_read_end(r);
    store_tail_give(tail);
}

static void test_a_tail_holds_still(void **state)
{
    fixture *f = *state;
    store_tail *tail;
    store_read *before;
    store_read *after;
    uint64_t head;

    put(f, "a", "1");
    append(f, 17);
    tail = take(f);
    assert_int_equal(store_read_begin_with(f->s, tail, &before, &head, &f->err), TRIAL_OK);
    assert_int_equal(head, 1);
    put(f, "a", "2");
    put(f, "b", "2");
    append(f, 18);
    for (int round = 0; round < 8;
         round++) { /* layers are used again meanwhile, but not this one */
        commit(f);
        put(f, "a", "3");
        append(f, 16);
        assert_read(f, before, "a", "1");
        assert_read(f, before, "b", NULL);
    }
    store_read_end(before);
    assert_int_equal(store_read_begin_with(f->s, tail, &after, &head, &f->err), TRIAL_OK);
    assert_int_equal(head, store_committed(f->s)); /* LMDB is beyond it */
    assert_read(f, after, "a", "3");
    assert_read(f, after, "b", "2");
    store_read_end(after);
    store_tail_give(tail);
}

static void test_what_is_not_flushed_is_in_no_tail(void **state)
{
    fixture *f = *state;
    store_tail *tail;

    put(f, "a", "1");
    append(f, 17);
    assert_null(store_tail_take(f->s));
    flush(f);
    tail = store_tail_take(f->s);
    assert_non_null(tail);
    store_mark(f->s);
    put(f, "a", "undone");
    append(f, 18);
    store_rewind(f->s);
    assert_walk(f, tail, "", "", NULL, "a=1 ");
    store_tail_give(tail);
}

/* Take tails until none is given any more; returns how many were. */
static uint32_t take_all(fixture *f, store_tail *ret_tails[LAYERS_TRIED])
{
    uint32_t count = 0;
    bool is_full = false;

    while (!is_full && count < LAYERS_TRIED) {
        put(f, "a", "1");
        append(f, 16);
        ret_tails[count] = take(f);
        is_full = ret_tails[count] == NULL;
        count += is_full ? 0 : 1;
    }
    assert_true(is_full && count >= 2);
    return count;
}

static void test_commits_go_on_while_all_tails_are_held(void **state)
{
    fixture *f = *state;
    store_tail *tails[LAYERS_TRIED];
    uint32_t count = take_all(f, tails);

    for (int round = 0; round < LAYERS_TRIED; round++) {
        put(f, "a", round % 2 == 0 ? "even" : "odd");
        append(f, 16);
        commit(f);
        assert_row(f, "a", round % 2 == 0 ? "even" : "odd");
        assert_int_equal(store_committed(f->s), store_head(f->s));
        append(f, 16);
        if (round > 0) {
            assert_null(take(f)); /* none may take what the next commit needs */
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        store_tail_give(tails[i]);
    }
    commit(f);
    append(f, 16);
    tails[0] = take(f);
    assert_non_null(tails[0]);
    assert_walk(f, tails[0], "", "", NULL, "a=odd ");
    store_tail_give(tails[0]);
}

/* What is frozen is committed first, and then takes no room in the journal; what is not does. */
static void test_room_is_made_while_all_tails_are_held(void **state)
{
    fixture *f = *state;
    store_tail *tails[LAYERS_TRIED];
    uint32_t count = take_all(f, tails);

    for (int i = 0; i < 100; i++) { /* nobody begins a commit but store_has_room() */
        assert_int_equal(store_has_room(f->s, 1 << 20, &f->err), TRIAL_OK);
        append(f, 1 << 20);
        flush(f);
    }
    for (uint32_t i = 0; i < count; i++) {
        store_tail_give(tails[i]);
    }
}

static void test_many_layers_make_a_commit_due(void **state)
{
    fixture *f = *state;
    store_tail *tails[LAYERS_TRIED] = { 0 };
    uint32_t count = 0;

    while (count < LAYERS_TRIED && !store_commit_is_due(f->s)) {
        append(f, 16);
        tails[count] = take(f);
        assert_non_null(tails[count]);
        count++;
    }
    assert_true(count > 1 && count < f->settings.commit_events);
    store_commit_begin(f->s);
    assert_false(store_commit_is_due(f->s));
    append(f, 16);
    tails[count] = take(f); /* there is room while they are committed */
    assert_non_null(tails[count]);
    while (count > 0) {
        store_tail_give(tails[count--]);
    }
    store_tail_give(tails[0]);
}

/* What each key has: -1 nothing. */
typedef struct model {
    int values[KEYS];
} model;

static void assert_is_as_modelled(fixture *f, const store_tail *tail, const model *m)
{
    char wanted[4096] = "";
    size_t used = 0;
    store_read *r;
    uint64_t head;

    for (int i = 0; i < KEYS; i++) {
        if (m->values[i] >= 0) {
            used +=
                (size_t)snprintf(wanted + used, sizeof wanted - used, "%02d=%d ", i, m->values[i]);
        }
    }
    assert_walk(f, tail, "", "", NULL, wanted);
    assert_int_equal(store_read_begin_with(f->s, tail, &r, &head, &f->err), TRIAL_OK);
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        char value[16];

        (void)snprintf(key, sizeof key, "%02d", i);
        (void)snprintf(value, sizeof value, "%d", m->values[i]);
        assert_read(f, r, key, m->values[i] < 0 ? NULL : value);
    }
    store_read_end(r);
}

static uint32_t roll(uint64_t *dice, uint32_t sides)
{
    *dice = *dice * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*dice >> 33) % sides;
}

static void change_row(fixture *f, model *m, uint64_t *dice, int step)
{
    int i = (int)roll(dice, KEYS);
    char key[16];
    char value[16];

    (void)snprintf(key, sizeof key, "%02d", i);
    (void)snprintf(value, sizeof value, "%d", step);
    m->values[i] = roll(dice, 3) == 0 ? -1 : step;
    if (m->values[i] < 0) {
        store_delete(f->s, STORE_STATE, bytes_of(key));
    } else {
        put(f, key, value);
    }
}

/* By chance: rows change, turns are undone, commits run, and tails are held meanwhile. */
static void test_reads_are_right_whatever_lies_in_front(void **state)
{
    fixture *f = *state;
    store_tail *held[3] = { 0 };
    uint64_t dice = 11;
    model m;

    memset(&m, -1, sizeof m);
    for (int step = 0; step < STEPS; step++) {
        uint32_t what = roll(&dice, 20);

        if (what < 14) {
            change_row(f, &m, &dice, step);
            append(f, 16);
            flush(f);
        } else if (what < 15) {
            model ignored = m;

            change_row(f, &ignored, &dice, step);
            append(f, 16);
            store_rewind(f->s);
        } else if (what < 16) {
            freeze(f);
        } else if (what < 17) {
            assert_int_equal(store_commit_end(f->s, &f->err), TRIAL_OK);
        } else if (what < 19) {
            store_tail **tail = &held[roll(&dice, 3)];

            store_tail_give(*tail);
            *tail = store_tail_take(f->s);
            if (*tail != NULL) {
                assert_is_as_modelled(f, *tail, &m);
            }
        } else {
            commit(f);
            assert_is_as_modelled(f, NULL, &m);
        }
    }
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        store_tail_give(held[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_the_newest_of_each_row_is_read),
        STORE_TEST(test_a_walk_takes_each_row_once_and_in_order),
        STORE_TEST(test_the_log_is_walked_through_all_layers),
        STORE_TEST(test_a_tail_holds_still),
        STORE_TEST(test_what_is_not_flushed_is_in_no_tail),
        STORE_TEST(test_commits_go_on_while_all_tails_are_held),
        STORE_TEST(test_room_is_made_while_all_tails_are_held),
        STORE_TEST(test_many_layers_make_a_commit_due),
        STORE_TEST(test_reads_are_right_whatever_lies_in_front),
    };

    return cmocka_run_group_tests_name("store_tail", tests, NULL, NULL);
}
