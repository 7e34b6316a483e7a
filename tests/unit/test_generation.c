/* test_generation.c - rows built beside those in use: unseen until the commit after the swap, whole
 * after it, and gone without a trace where there was none. */
#include "store_fixture.h"

#include "generation.h"

static const _Atomic bool never;

static store_build *begin_build(fixture *f, size_t memory_bytes)
{
    store_build *b = NULL;

    assert_int_equal(store_build_begin(f->s, memory_bytes, &never, &b, &f->err), TRIAL_OK);
    return b;
}

static void build(fixture *f, store_build *b, const char *key, const char *value)
{
    assert_int_equal(store_build_put(b, STORE_STATE, bytes_of(key), bytes_of(value), &f->err),
                     TRIAL_OK);
}

static void write_build(fixture *f, store_build *b)
{
    assert_int_equal(store_build_write(b, &f->err), TRIAL_OK);
}

static void swap_build(fixture *f, store_build *b)
{
    assert_int_equal(store_swap(f->s, b, &f->err), TRIAL_OK);
    assert_true(store_is_swapping(f->s));
    store_build_end(b);
}

/* A row as a reader finds it, who begins now. */
static void assert_read(fixture *f, const char *key, const char *value)
{
    store_read *read;
    trial_bytes got;
    uint64_t committed;

    assert_int_equal(store_read_begin(f->s, &read, &committed, &f->err), TRIAL_OK);
    assert_int_equal(store_read_get(read, STORE_STATE, bytes_of(key), &got, &f->err), TRIAL_OK);
    if (value == NULL) {
        assert_null(got.data);
    } else {
        assert_bytes(got, bytes_of(value));
    }
    store_read_end(read);
}

static void assert_spare(fixture *f, bool wanted)
{
    bool has = !wanted;

    assert_int_equal(store_has_spare(f->s, &has, &f->err), TRIAL_OK);
    assert_int_equal(has, wanted);
}

static void clear_spare(fixture *f)
{
    assert_int_equal(store_clear_spare(f->s, &never, &f->err), TRIAL_OK);
    assert_spare(f, false);
}

static void begin_with_old_rows(fixture *f)
{
    put(f, "a", "old");
    put(f, "b", "old");
    append(f, 20);
    commit(f);
}

static void test_what_is_built_is_unseen_until_the_commit_after_the_swap(void **state)
{
    fixture *f = *state;
    store_build *b;

    begin_with_old_rows(f);
    b = begin_build(f, 1 << 20);
    build(f, b, "a", "new");
    build(f, b, "c", "new");
    assert_read(f, "a", "old");
    write_build(f, b);
    assert_read(f, "a", "old");
    assert_read(f, "c", NULL);
    assert_row(f, "a", "old");
    swap_build(f, b);
    assert_row(f, "a", "new"); /* the writer goes on from here */
    assert_row(f, "b", NULL);
    assert_read(f, "a", "old"); /* everybody else does not yet */
    assert_read(f, "b", "old");
    commit(f);
    assert_false(store_is_swapping(f->s));
    assert_read(f, "a", "new");
    assert_read(f, "b", NULL);
    assert_read(f, "c", "new");
    assert_spare(f, true);
    clear_spare(f);
    assert_read(f, "a", "new");
    reopen(f);
    assert_row(f, "a", "new");
    assert_row(f, "b", NULL);
}

static void test_a_second_rebuild_goes_back_to_the_first_place(void **state)
{
    fixture *f = *state;

    begin_with_old_rows(f);
    for (int round = 0; round < 5; round++) {
        store_build *b = begin_build(f, 1 << 20); /* clears what the last one left */
        char value[32];

        (void)snprintf(value, sizeof value, "round %d", round);
        build(f, b, "a", value);
        if (round % 2 == 0) {
            write_build(f, b);
        }
        swap_build(f, b);
        put(f, "put after the swap", value);
        append(f, 20);
        commit(f);
        assert_read(f, "a", value);
        assert_read(f, "put after the swap", value);
        assert_read(f, "b", NULL);
        reopen(f);
    }
}

static void test_rows_gathered_are_swapped_in_without_being_written(void **state)
{
    fixture *f = *state;
    store_build *b;

    begin_with_old_rows(f);
    b = begin_build(f, 1 << 20);
    build(f, b, "a", "written");
    build(f, b, "b", "written");
    write_build(f, b);
    build(f, b, "b", "gathered");
    assert_int_equal(store_build_gathered(b), 1);
    swap_build(f, b);
    assert_row(f, "a", "written");
    assert_row(f, "b", "gathered");
    commit(f);
    assert_read(f, "a", "written");
    assert_read(f, "b", "gathered");
}

static void test_a_build_reads_back_what_it_put(void **state)
{
    fixture *f = *state;
    store_build *b;
    trial_bytes got;
    char key[32];

    begin_with_old_rows(f);
    b = begin_build(f, 0); /* writes whenever it looks */
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        build(f, b, key, "first");
        build(f, b, key, key);
    }
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(key, sizeof key, "%d", i);
        assert_int_equal(store_build_get(b, STORE_STATE, bytes_of(key), &got, &f->err), TRIAL_OK);
        assert_bytes(got, bytes_of(key));
    }
    assert_int_equal(store_build_get(b, STORE_STATE, bytes_of("a"), &got, &f->err), TRIAL_OK);
    assert_null(got.data);
    assert_true(store_build_gathered(b) < 5000);
    swap_build(f, b);
    commit(f);
    assert_read(f, "4999", "4999");
    assert_read(f, "a", NULL);
    clear_spare(f);
}

static void test_what_the_writer_put_meanwhile_gives_way(void **state)
{
    fixture *f = *state;
    store_build *b;

    begin_with_old_rows(f);
    b = begin_build(f, 1 << 20);
    build(f, b, "a", "new");
    build(f, b, "d", "new");
    write_build(f, b);
    put(f, "b", "frozen, by the old rows");
    append(f, 20);
    freeze(f); /* its commit is under way */
    put(f, "a", "active, by the old rows");
    append(f, 20);
    flush(f);
    swap_build(f, b);
    assert_row(f, "a", "new");
    assert_row(f, "b", NULL);
    assert_row(f, "d", "new");
    commit(f);
    assert_read(f, "a", "new");
    assert_read(f, "b", NULL);
    assert_read(f, "d", "new");
    assert_record(f, 3, 20);
}

static void test_tables_that_are_no_folds_are_not_swapped(void **state)
{
    fixture *f = *state;
    trial_bytes got;
    store_build *b;

    store_put(f->s, STORE_SUBJECT, bytes_of("s"), bytes_of("committed"));
    begin_with_old_rows(f);
    b = begin_build(f, 1 << 20);
    store_put(f->s, STORE_SUBJECT, bytes_of("t"), bytes_of("frozen"));
    append(f, 20);
    freeze(f);
    swap_build(f, b);
    assert_int_equal(store_get(f->s, STORE_SUBJECT, bytes_of("t"), &got, &f->err), TRIAL_OK);
    assert_bytes(got, bytes_of("frozen"));
    commit(f);
    assert_int_equal(store_get(f->s, STORE_SUBJECT, bytes_of("s"), &got, &f->err), TRIAL_OK);
    assert_bytes(got, bytes_of("committed"));
}

static void test_a_rewind_does_not_undo_a_swap(void **state)
{
    fixture *f = *state;
    store_build *b;

    begin_with_old_rows(f);
    b = begin_build(f, 1 << 20);
    build(f, b, "a", "new");
    swap_build(f, b);
    put(f, "a", "of a refused request");
    store_rewind(f->s);
    assert_row(f, "a", "new");
    assert_row(f, "b", NULL);
}

static void test_a_crash_before_that_commit_leaves_the_old_rows(void **state)
{
    fixture *f = *state;
    store_build *b;

    begin_with_old_rows(f);
    b = begin_build(f, 1 << 20);
    build(f, b, "a", "new");
    write_build(f, b);
    assert_int_equal(store_swap(f->s, b, &f->err), TRIAL_OK);
    store_build_end(b);
    crash(f);
    assert_row(f, "a", "old");
    assert_row(f, "b", "old");
    assert_spare(f, true);
    clear_spare(f);
    assert_row(f, "a", "old");
}

static void test_a_crash_after_it_leaves_the_new_ones(void **state)
{
    fixture *f = *state;
    store_build *b;

    begin_with_old_rows(f);
    b = begin_build(f, 1 << 20);
    build(f, b, "a", "new");
    write_build(f, b);
    swap_build(f, b);
    commit(f);
    crash(f);
    assert_row(f, "a", "new");
    assert_row(f, "b", NULL);
    clear_spare(f);
    assert_row(f, "a", "new");
}

static void test_only_one_has_the_spare_rows(void **state)
{
    fixture *f = *state;
    store_build *second = NULL;
    store_build *b;

    begin_with_old_rows(f);
    b = begin_build(f, 1 << 20);
    assert_int_equal(store_build_begin(f->s, 1 << 20, &never, &second, &f->err), TRIAL_BUSY);
    assert_int_equal(store_clear_spare(f->s, &never, &f->err), TRIAL_BUSY);
    swap_build(f, b); /* it keeps them until they are in use */
    assert_int_equal(store_clear_spare(f->s, &never, &f->err), TRIAL_BUSY);
    commit(f);
    clear_spare(f);
    store_build_end(begin_build(f, 1 << 20)); /* given up */
    store_build_end(begin_build(f, 1 << 20));
}

static void test_who_is_told_to_stop_stops(void **state)
{
    static const _Atomic bool at_once = true;
    fixture *f = *state;
    store_build *b = NULL;

    begin_with_old_rows(f);
    assert_int_equal(store_build_begin(f->s, 1 << 20, &at_once, &b, &f->err), TRIAL_BUSY);
    assert_null(b);
    assert_int_equal(store_clear_spare(f->s, &at_once, &f->err), TRIAL_BUSY);
    store_build_end(begin_build(f, 1 << 20));
}

static void test_a_map_that_is_nearly_full_takes_no_build(void **state)
{
    fixture *f = *state;
    static char value[4000];
    store_build *b;
    char key[32];

    store_close(f->s);
    f->settings.map_bytes = 4 << 20;
    open_it(f);
    memset(value, 'v', sizeof value - 1);
    for (int i = 0; i < 700; i++) {
        (void)snprintf(key, sizeof key, "old %d", i);
        put(f, key, value);
    }
    append(f, 20);
    commit(f);
    b = begin_build(f, 1 << 20);
    for (int i = 0; i < 250; i++) {
        (void)snprintf(key, sizeof key, "new %d", i);
        build(f, b, key, value);
    }
    assert_int_equal(store_build_write(b, &f->err), TRIAL_OK);
    build(f, b, "a", value);
    assert_int_equal(store_build_write(b, &f->err), TRIAL_NO_SPACE);
    assert_non_null(strstr(f->err.text, "map-bytes"));
    store_build_end(b);
    clear_spare(f);
    put(f, "the log", "goes on");
    append(f, 20);
    commit(f);
    assert_read(f, "the log", "goes on");
    assert_read(f, "old 699", value);
}

static void test_a_disk_in_need_of_its_reserve_takes_no_build(void **state)
{
    fixture *f = *state;
    store_build *b;

    begin_with_old_rows(f);
    store_close(f->s);
    f->settings.reserve_bytes = UINT64_MAX / 2;
    open_it(f);
    b = begin_build(f, 1 << 20);
    build(f, b, "a", "new");
    assert_int_equal(store_build_write(b, &f->err), TRIAL_NO_SPACE);
    assert_non_null(strstr(f->err.text, "the old rows are in use as before"));
    store_build_end(b);
    assert_read(f, "a", "old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_is_built_is_unseen_until_the_commit_after_the_swap),
        STORE_TEST(test_a_second_rebuild_goes_back_to_the_first_place),
        STORE_TEST(test_rows_gathered_are_swapped_in_without_being_written),
        STORE_TEST(test_a_build_reads_back_what_it_put),
        STORE_TEST(test_what_the_writer_put_meanwhile_gives_way),
        STORE_TEST(test_tables_that_are_no_folds_are_not_swapped),
        STORE_TEST(test_a_rewind_does_not_undo_a_swap),
        STORE_TEST(test_a_crash_before_that_commit_leaves_the_old_rows),
        STORE_TEST(test_a_crash_after_it_leaves_the_new_ones),
        STORE_TEST(test_only_one_has_the_spare_rows),
        STORE_TEST(test_who_is_told_to_stop_stops),
        STORE_TEST(test_a_map_that_is_nearly_full_takes_no_build),
        STORE_TEST(test_a_disk_in_need_of_its_reserve_takes_no_build),
    };

    return cmocka_run_group_tests_name("generation", tests, NULL, NULL);
}
