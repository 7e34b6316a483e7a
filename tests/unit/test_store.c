/* test_store.c - rows and records as the store's callers see them: put, read back, undone,
 * committed and walked. */
#include "overlay.h"
#include "store_fixture.h"

static void test_a_new_store_is_empty_and_has_a_name(void **state)
{
    fixture *f = *state;

    assert_int_equal(store_head(f->s), 0);
    assert_int_equal(store_flushed(f->s), 0);
    assert_int_equal(store_committed(f->s), 0);
    assert_int_equal(strlen(store_name(f->s)), 36);
    assert_row(f, "nothing", NULL);
    assert_int_equal(recover(f), 0);
}

static void test_the_name_is_kept_for_life(void **state)
{
    fixture *f = *state;
    char name[64];
    bool is_new = true;

    (void)snprintf(name, sizeof name, "%s", store_name(f->s));
    store_close(f->s);
    assert_int_equal(store_open(&f->settings, &f->s, &is_new, &f->err), TRIAL_OK);
    assert_false(is_new);
    assert_string_equal(store_name(f->s), name);
}

static void test_rows_are_found_in_each_place_they_can_lie(void **state)
{
    fixture *f = *state;

    put(f, "a", "lmdb");
    put(f, "b", "lmdb");
    put(f, "c", "lmdb");
    append(f, 100);
    commit(f);
    put(f, "b", "frozen");
    put(f, "c", "frozen");
    append(f, 200);
    freeze(f);
    put(f, "c", "active");
    append(f, 300);
    assert_row(f, "a", "lmdb");
    assert_row(f, "b", "frozen");
    assert_row(f, "c", "active");
    assert_row(f, "d", NULL);
    assert_record(f, 1, 100);
    assert_record(f, 2, 200);
    assert_record(f, 3, 300);
    commit(f);
    assert_row(f, "a", "lmdb");
    assert_row(f, "b", "frozen");
    assert_row(f, "c", "active");
    assert_record(f, 3, 300);
    assert_int_equal(store_committed(f->s), 3);
}

static void test_a_deleted_row_is_gone_in_each_place(void **state)
{
    fixture *f = *state;

    put(f, "a", "1");
    put(f, "b", "1");
    put(f, "c", "1");
    append(f, 16);
    commit(f);
    store_delete(f->s, STORE_STATE, bytes_of("a"));
    store_delete(f->s, STORE_STATE, bytes_of("never there"));
    assert_row(f, "a", NULL);
    append(f, 16);
    freeze(f);
    store_delete(f->s, STORE_STATE, bytes_of("b"));
    assert_row(f, "a", NULL);
    assert_row(f, "b", NULL);
    put(f, "a", "again");
    append(f, 16);
    commit(f);
    assert_row(f, "a", "again");
    assert_row(f, "b", NULL);
    assert_row(f, "c", "1");
}

static void test_an_empty_value_is_a_row(void **state)
{
    fixture *f = *state;

    put(f, "empty", "");
    assert_row(f, "empty", "");
    append(f, 16);
    commit(f);
    assert_row(f, "empty", "");
}

static void test_tables_do_not_share_keys(void **state)
{
    fixture *f = *state;
    trial_bytes got;

    for (int round = 0; round < 2; round++) {
        for (store_table t = STORE_EVENT_ID; t < STORE_TABLE_COUNT; t++) {
            char value[8];

            (void)snprintf(value, sizeof value, "%d", (int)t);
            if (round == 0) {
                store_put(f->s, t, bytes_of("key"), bytes_of(value));
            }
            assert_int_equal(store_get(f->s, t, bytes_of("key"), &got, &f->err), TRIAL_OK);
            assert_bytes(got, bytes_of(value));
        }
        commit(f);
    }
}

static void test_rewind_undoes_all_since_the_mark(void **state)
{
    fixture *f = *state;

    put(f, "kept", "old");
    put(f, "gone", "was here");
    append(f, 50);
    store_mark(f->s);
    put(f, "kept", "a much longer value than before");
    put(f, "kept", "x");
    put(f, "new", "1");
    put(f, "new", "2");
    store_delete(f->s, STORE_STATE, bytes_of("gone"));
    append(f, 60);
    append(f, 70);
    store_rewind(f->s);
    assert_row(f, "kept", "old");
    assert_row(f, "new", NULL);
    assert_row(f, "gone", "was here");
    assert_int_equal(store_head(f->s), 1);
    append(f, 80);
    commit(f);
    assert_record(f, 1, 50);
    assert_record(f, 2, 80);
    assert_row(f, "kept", "old");
    assert_row(f, "new", NULL);
}

static void test_rewind_uncovers_what_lies_below(void **state)
{
    fixture *f = *state;

    put(f, "a", "lmdb");
    append(f, 20);
    commit(f);
    store_mark(f->s);
    put(f, "a", "refused");
    append(f, 20);
    store_rewind(f->s);
    assert_row(f, "a", "lmdb");
    store_rewind(f->s);
    assert_int_equal(store_head(f->s), 1);
}

static void test_rewind_keeps_thousands_of_rows_straight(void **state)
{
    fixture *f = *state;
    char key[32];

    for (int turn = 0; turn < 40; turn++) {
        store_mark(f->s);
        for (int i = 0; i < 500; i++) { /* grows the table of slots on the way */
            (void)snprintf(key, sizeof key, "%d/%d", turn, i);
            put(f, key, key);
        }
        append(f, 32);
        if (turn % 2 == 1) {
            store_rewind(f->s);
        }
    }
    for (int turn = 0; turn < 40; turn++) {
        for (int i = 0; i < 500; i++) {
            (void)snprintf(key, sizeof key, "%d/%d", turn, i);
            assert_row(f, key, turn % 2 == 1 ? NULL : key);
        }
    }
    assert_int_equal(store_head(f->s), 20);
}

/* Nobody commits what was undone, so nothing else would ever give its memory back. */
static void test_what_is_rewound_holds_no_memory(void **state)
{
    static const uint8_t large[100000];
    const trial_bytes sizes[] = { { large, 100 }, { large, sizeof large }, { large, 3 } };
    overlay o = { 0 };
    size_t bytes = 0;

    (void)state;
    overlay_reset(&o, 1);
    for (int turn = 0; turn < 200; turn++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            overlay_put(&o, STORE_STATE, bytes_of("kept"), sizes[i]);
            overlay_put(&o, STORE_STATE, bytes_of("new"), sizes[i]);
        }
        bytes = turn == 0 ? overlay_row_bytes(&o) : bytes;
        assert_int_equal(overlay_row_bytes(&o), bytes);
        overlay_rewind(&o);
        assert_true(overlay_is_empty(&o));
    }
    overlay_put(&o, STORE_STATE, bytes_of("kept"), bytes_of("old"));
    overlay_mark(&o);
    for (int turn = 0; turn < 200; turn++) {
        const overlay_row *row;

        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            overlay_put(&o, STORE_STATE, bytes_of("kept"), sizes[i]);
        }
        bytes = turn == 0 ? overlay_row_bytes(&o) : bytes;
        assert_int_equal(overlay_row_bytes(&o), bytes);
        overlay_rewind(&o);
        row = overlay_find(
            &o, overlay_hash(STORE_STATE, bytes_of("kept")), STORE_STATE, bytes_of("kept"));
        assert_non_null(row);
        assert_bytes(overlay_value(row), bytes_of("old"));
    }
    overlay_done(&o);
}

static void test_what_is_flushed_cannot_be_rewound(void **state)
{
    fixture *f = *state;

    store_mark(f->s);
    put(f, "a", "1");
    append(f, 20);
    flush(f);
    store_rewind(f->s);
    assert_row(f, "a", "1");
    assert_int_equal(store_head(f->s), 1);
}

static void test_a_large_value_and_record_come_back_whole(void **state)
{
    fixture *f = *state;
    trial_bytes got;
    trial_bytes large = record_of(7, 1 << 20);

    store_put(f->s, STORE_META, bytes_of("large"), large);
    append(f, 1 << 20);
    commit(f);
    assert_record(f, 1, 1 << 20);
    assert_int_equal(store_get(f->s, STORE_META, bytes_of("large"), &got, &f->err), TRIAL_OK);
    assert_bytes(got, record_of(7, 1 << 20));
}

static void test_puts_without_a_record_are_committed(void **state)
{
    fixture *f = *state;

    put(f, "version", "3");
    commit(f);
    reopen(f);
    assert_row(f, "version", "3");
    assert_int_equal(store_head(f->s), 0);
}

static void test_commit_is_due_after_so_many_events(void **state)
{
    fixture *f = *state;

    for (uint32_t i = 0; i < f->settings.commit_events; i++) {
        assert_false(store_commit_is_due(f->s));
        append(f, 16);
    }
    assert_true(store_commit_is_due(f->s));
    freeze(f);
    assert_false(store_commit_is_due(f->s));
}

static void test_commit_leaves_an_unflushed_turn_alone(void **state)
{
    fixture *f = *state;

    append(f, 40);
    store_commit_begin(f->s);
    store_mark(f->s);
    append(f, 40);
    store_rewind(f->s);
    assert_int_equal(store_head(f->s), 1);
    assert_int_equal(store_flushed(f->s), 0);
    assert_int_equal(store_commit_end(f->s, &f->err), TRIAL_OK);
    assert_int_equal(store_committed(f->s), 0);
    commit(f);
    assert_int_equal(store_committed(f->s), 1);
}

/* Rows that a walk gives, as "key=value " one after the other. */
static bool collect(void *context, trial_bytes key, trial_bytes value)
{
    char *text = context;
    size_t used = strlen(text);

    (void)snprintf(text + used,
                   1024 - used,
                   "%.*s=%.*s ",
                   (int)key.size,
                   (const char *)key.data,
                   (int)value.size,
                   (const char *)value.data);
    return strstr(text, "stop") == NULL;
}

static void assert_walk(fixture *f, const char *prefix, const char *from, const char *wanted)
{
    store_read *r;
    uint64_t committed;
    char text[1024] = "";

    assert_int_equal(store_read_begin(f->s, &r, &committed, &f->err), TRIAL_OK);
    assert_int_equal(
        store_read_each(r, STORE_STATE, bytes_of(prefix), bytes_of(from), collect, text, &f->err),
        TRIAL_OK);
    store_read_end(r);
    assert_string_equal(text, wanted);
}

static void test_walks_go_in_key_order_within_their_prefix(void **state)
{
    fixture *f = *state;

    put(f, "b/2", "2");
    put(f, "b/1", "1");
    put(f, "b/10", "10");
    put(f, "a", "x");
    put(f, "b", "y");
    put(f, "c", "z");
    commit(f);
    assert_walk(f, "b/", "", "b/1=1 b/10=10 b/2=2 ");
    assert_walk(f, "b/", "b/10", "b/10=10 b/2=2 ");
    assert_walk(f, "b/", "b/11", "b/2=2 ");
    assert_walk(f, "b/", "a", "b/1=1 b/10=10 b/2=2 ");
    assert_walk(f, "b/", "c", "");
    assert_walk(f, "", "", "a=x b=y b/1=1 b/10=10 b/2=2 c=z ");
    assert_walk(f, "", "b/2", "b/2=2 c=z ");
    assert_walk(f, "d", "", "");
    put(f, "b/1", "stop");
    commit(f);
    assert_walk(f, "b", "", "b=y b/1=stop ");
}

static void test_the_log_is_walked_in_both_directions(void **state)
{
    fixture *f = *state;
    static const struct {
        uint64_t from;
        bool is_backwards;
        int left;
        uint64_t first;
        uint64_t end;
    } walks[] = {
        { 0, false, 99, 1, 21 },  { 1, false, 99, 1, 21 }, { 15, false, 99, 15, 21 },
        { 15, false, 2, 15, 17 }, { 21, false, 99, 0, 0 }, { 20, true, 99, 20, 0 },
        { 99, true, 99, 20, 0 },  { 0, true, 3, 20, 17 },  { 7, true, 99, 7, 0 },
    };
    store_read *r;
    uint64_t committed;

    for (size_t i = 1; i <= 20; i++) {
        append(f, 16 + i);
    }
    commit(f);
    append(f, 40);
    assert_int_equal(store_read_begin(f->s, &r, &committed, &f->err), TRIAL_OK);
    assert_int_equal(committed, 20);
    for (size_t i = 0; i < sizeof walks / sizeof walks[0]; i++) {
        log_walk walk = { walks[i].first, walks[i].is_backwards ? -1 : 1, walks[i].left };

        assert_int_equal(
            store_read_log(r, walks[i].from, walks[i].is_backwards, follow, &walk, &f->err),
            TRIAL_OK);
        assert_int_equal(walk.expected, walks[i].end);
    }
    store_read_end(r);
}

static void test_a_snapshot_holds_still(void **state)
{
    fixture *f = *state;
    store_read *old;
    store_read *new;
    uint64_t committed;
    trial_bytes got;

    put(f, "a", "1");
    append(f, 20);
    commit(f);
    assert_int_equal(store_read_begin(f->s, &old, &committed, &f->err), TRIAL_OK);
    put(f, "a", "2");
    append(f, 20);
    commit(f);
    assert_int_equal(store_read_begin(f->s, &new, &committed, &f->err), TRIAL_OK);
    assert_int_equal(committed, 2);
    assert_int_equal(store_read_get(old, STORE_STATE, bytes_of("a"), &got, &f->err), TRIAL_OK);
    assert_bytes(got, bytes_of("1"));
    assert_int_equal(store_read_record(old, 2, &got, &f->err), TRIAL_NOT_FOUND);
    assert_int_equal(store_read_record(old, 0, &got, &f->err), TRIAL_NOT_FOUND);
    assert_int_equal(store_read_get(new, STORE_STATE, bytes_of("a"), &got, &f->err), TRIAL_OK);
    assert_bytes(got, bytes_of("2"));
    assert_int_equal(store_read_record(new, 2, &got, &f->err), TRIAL_OK);
    assert_bytes(got, record_of(2, 20));
    store_read_end(old);
    store_read_end(new);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_new_store_is_empty_and_has_a_name),
        STORE_TEST(test_the_name_is_kept_for_life),
        STORE_TEST(test_rows_are_found_in_each_place_they_can_lie),
        STORE_TEST(test_a_deleted_row_is_gone_in_each_place),
        STORE_TEST(test_an_empty_value_is_a_row),
        STORE_TEST(test_tables_do_not_share_keys),
        STORE_TEST(test_rewind_undoes_all_since_the_mark),
        STORE_TEST(test_rewind_uncovers_what_lies_below),
        STORE_TEST(test_rewind_keeps_thousands_of_rows_straight),
        STORE_TEST(test_what_is_rewound_holds_no_memory),
        STORE_TEST(test_what_is_flushed_cannot_be_rewound),
        STORE_TEST(test_a_large_value_and_record_come_back_whole),
        STORE_TEST(test_puts_without_a_record_are_committed),
        STORE_TEST(test_commit_is_due_after_so_many_events),
        STORE_TEST(test_commit_leaves_an_unflushed_turn_alone),
        STORE_TEST(test_walks_go_in_key_order_within_their_prefix),
        STORE_TEST(test_the_log_is_walked_in_both_directions),
        STORE_TEST(test_a_snapshot_holds_still),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
