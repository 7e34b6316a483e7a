/* test_store_journal.c - what is flushed outlives a crash, and the journal's space is used again.
 */
#include "store_fixture.h"

static void test_a_closed_store_opens_with_everything(void **state)
{
    fixture *f = *state;

    put(f, "a", "1");
    append(f, 100);
    flush(f);
    append(f, 200);
    reopen(f);
    assert_int_equal(recover(f), 0);
    assert_int_equal(store_head(f->s), 2);
    assert_int_equal(store_committed(f->s), 2);
    assert_record(f, 1, 100);
    assert_record(f, 2, 200);
    assert_row(f, "a", "1");
}

static void test_a_crash_loses_nothing_that_was_flushed(void **state)
{
    fixture *f = *state;

    append(f, 20);
    append(f, 30);
    commit(f);
    append(f, 40);
    flush(f);
    append(f, 50);
    append(f, 60);
    flush(f);
    append(f, 70); /* never flushed, never acknowledged */
    crash(f);
    assert_int_equal(store_head(f->s), 2);
    assert_int_equal(store_flushed(f->s), 5);
    assert_int_equal(recover(f), 3);
    assert_int_equal(store_head(f->s), 5);
    assert_record(f, 5, 60);
    assert_row(f, "row 4", "recovered");
    append(f, 80);
    flush(f);
    crash(f);
    assert_int_equal(recover(f), 4);
    assert_record(f, 6, 80);
    commit(f);
    crash(f);
    assert_int_equal(recover(f), 0);
    assert_int_equal(store_head(f->s), 6);
}

static void test_the_journal_is_used_over_and_over(void **state)
{
    fixture *f = *state;
    size_t size = 600 * 1024;

    for (int i = 0; i < 200; i++) { /* seven times what a file holds */
        assert_int_equal(store_has_room(f->s, size, &f->err), TRIAL_OK);
        append(f, size);
        flush(f);
        if (store_commit_is_due(f->s)) {
            store_commit_begin(f->s);
        }
        assert_int_equal(store_commit_end(f->s, &f->err), TRIAL_OK);
    }
    crash(f);
    (void)recover(f);
    assert_int_equal(store_head(f->s), 200);
    commit(f);
    for (uint64_t position = 1; position <= 200; position++) {
        assert_record(f, position, size);
    }
}

static void test_room_is_made_by_waiting_for_a_commit(void **state)
{
    fixture *f = *state;
    store_facts facts;

    for (int i = 0; i < 100; i++) { /* nobody begins a commit but store_has_room() */
        assert_int_equal(store_has_room(f->s, 1 << 20, &f->err), TRIAL_OK);
        append(f, 1 << 20);
        flush(f);
    }
    assert_int_equal(store_look(f->s, &facts, &f->err), TRIAL_OK);
    assert_int_equal(facts.journal_bytes, 2 * f->settings.journal_bytes);
    assert_in_range(facts.journal_used_bytes, 1, facts.journal_bytes);
    assert_true(store_committed(f->s) > 50);
}

static void test_a_turn_larger_than_the_journal_is_refused(void **state)
{
    fixture *f = *state;

    assert_int_equal(store_has_room(f->s, f->settings.journal_bytes, &f->err), TRIAL_NO_SPACE);
    assert_int_equal(store_has_room(f->s, 1000, &f->err), TRIAL_OK);
}

static void test_appends_are_refused_below_the_reserve(void **state)
{
    fixture *f = *state;
    store_facts facts;
    store_health health;

    store_close(f->s);
    f->settings.reserve_bytes = (uint64_t)1 << 60;
    open_it(f);
    assert_int_equal(store_has_room(f->s, 100, &f->err), TRIAL_NO_SPACE);
    assert_non_null(strstr(f->err.text, f->path));
    assert_int_equal(store_look(f->s, &facts, &f->err), TRIAL_OK);
    assert_true(facts.is_refusing);
    store_look_at_health(f->s, &health);
    assert_true(health.is_low && health.free_bytes > 0 && !health.is_journal_full);
    assert_true(!health.is_behind && !store_map_is_full(f->s));
}

static void test_status_counts_snapshots_in_use(void **state)
{
    fixture *f = *state;
    store_facts facts;
    store_health health;
    store_read *r[3];
    uint64_t committed;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_read_begin(f->s, &r[i], &committed, &f->err), TRIAL_OK);
    }
    store_read_end(r[1]);
    store_look_at_health(f->s, &health);
    assert_true(!health.is_low && health.oldest_read_ms < 60000);
    assert_int_equal(store_look(f->s, &facts, &f->err), TRIAL_OK);
    assert_int_equal(facts.readers, 2);
    assert_true(facts.lmdb_bytes > 0 && facts.free_bytes > 0);
    store_read_end(r[0]);
    store_read_end(r[2]);
    store_read_end(NULL);
    assert_int_equal(store_look(f->s, &facts, &f->err), TRIAL_OK);
    assert_int_equal(facts.readers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_closed_store_opens_with_everything),
        STORE_TEST(test_a_crash_loses_nothing_that_was_flushed),
        STORE_TEST(test_the_journal_is_used_over_and_over),
        STORE_TEST(test_room_is_made_by_waiting_for_a_commit),
        STORE_TEST(test_a_turn_larger_than_the_journal_is_refused),
        STORE_TEST(test_appends_are_refused_below_the_reserve),
        STORE_TEST(test_status_counts_snapshots_in_use),
    };

    return cmocka_run_group_tests_name("store_journal", tests, NULL, NULL);
}
