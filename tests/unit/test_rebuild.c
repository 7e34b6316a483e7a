/* test_rebuild.c - views folded anew beside the rows in use, step by step as the daemon's threads
 * take them. */
#include "desk.h"

#include "version.h"

#define STEP(id, subject)                                                                          \
    "{'id':'" id "','source':'/a','type':'activity.completed','subject':'" subject "',"            \
    "'time':'2026-01-05T08:00:00Z','data':{'activity':'x'}}"
#define LINES 1866
#define MANY ((size_t)800) /* more than the writer folds itself */

static answers_progress progress;

static size_t rows_of(desk *d, const char *view)
{
    char params[64];

    (void)snprintf(params, sizeof params, "{'view':'%s'}", view);
    return json_array_size(json_object_get(desk_query(d, params), "rows"));
}

/* A state nobody would fold: the row of a municipality that the log knows is taken away. */
static void spoil(desk *d)
{
    row_key k;

    key_state(TRIAL_KIND_MUNICIPALITY, TRIAL_TEXT("0101"), &k);
    store_delete(d->store, STORE_STATE, key_span(&k));
}

static void put_fold_row(desk *d, const uint8_t *bytes)
{
    store_put(d->store,
              STORE_META,
              (trial_bytes){ (const uint8_t *)FOLD_ROW_KEY, sizeof FOLD_ROW_KEY - 1 },
              (trial_bytes){ bytes, bytes == NULL ? 0 : FOLD_ROW_BYTES });
}

static void assert_is_whole(desk *d)
{
    assert_int_equal(rows_of(d, "municipality"), 44);
    desk_assert_states_are_folded(d);
}

static void test_questions_are_answered_from_the_old_rows_until_the_swap(void **state)
{
    desk *d = *state;
    trial_error err = TRIAL_ERROR_NONE;
    rebuild *r = rebuild_new(d->store, &progress);
    bool has_more = true;

    desk_import(d, 0, LINES, 1000);
    spoil(d);
    assert_int_equal(rows_of(d, "municipality"), 43);
    assert_int_equal(rebuild_fold(r, &err), TRIAL_OK);
    assert_int_equal(progress.done, LINES);
    assert_int_equal(rows_of(d, "municipality"), 43);
    assert_int_equal(rebuild_hand_over(r, &has_more, &err), TRIAL_OK);
    assert_false(has_more);
    assert_int_equal(rebuild_swap(r, d->engine, &err), TRIAL_OK);
    rebuild_done(r);
    assert_is_whole(d);
}

static void test_what_is_appended_meanwhile_is_handed_over(void **state)
{
    desk *d = *state;
    trial_error err = TRIAL_ERROR_NONE;
    rebuild *r = rebuild_new(d->store, &progress);
    bool has_more = false;
    size_t done = 100;

    desk_import(d, 0, done, 10);
    assert_int_equal(rebuild_fold(r, &err), TRIAL_OK); /* level with 100 at the most */
    for (int round = 0; round < 2; round++) {
        desk_import(d, done, MANY, 10);
        done += MANY;
        assert_int_equal(rebuild_hand_over(r, &has_more, &err), TRIAL_OK);
        assert_true(has_more);
        assert_int_equal(rebuild_fold(r, &err), TRIAL_OK);
    }
    desk_import(d, done, LINES - MANY * 2 - 100, 10); /* a correction in it reaches far back */
    assert_int_equal(rebuild_hand_over(r, &has_more, &err), TRIAL_OK);
    assert_int_equal(rebuild_swap(r, d->engine, &err), TRIAL_OK);
    (void)desk_append(d, "{'events':[" STEP("1", "case/a") "]}"); /* on rows not yet committed */
    assert_false(d->is_error);
    rebuild_done(r);
    assert_is_whole(d);
}

static void test_a_rebuild_that_is_given_up_leaves_the_old_rows(void **state)
{
    desk *d = *state;
    trial_error err = TRIAL_ERROR_NONE;
    rebuild *r = rebuild_new(d->store, &progress);

    desk_import(d, 0, LINES, 1000);
    spoil(d);
    assert_int_equal(rows_of(d, "municipality"), 43); /* committed so */
    assert_int_equal(rebuild_fold(r, &err), TRIAL_OK);
    rebuild_done(r);
    desk_crash(d); /* with what it wrote */
    assert_int_equal(rows_of(d, "municipality"), 43);
    desk_rebuild(d);
    assert_is_whole(d);
}

static void test_told_to_stop_it_stops(void **state)
{
    desk *d = *state;
    answers_progress stopped = { .is_stopped = true };
    trial_error err = TRIAL_ERROR_NONE;
    rebuild *r = rebuild_new(d->store, &stopped);

    desk_import(d, 0, 100, 100);
    assert_int_equal(rebuild_fold(r, &err), TRIAL_BUSY);
    rebuild_done(r);
    desk_rebuild(d);
}

static void test_rows_of_an_older_fold_serve_and_want_a_rebuild(void **state)
{
    desk *d = *state;
    uint8_t older[FOLD_ROW_BYTES];

    desk_import(d, 0, LINES, 1000);
    assert_false(engine_needs_rebuild(d->engine));
    fold_row_write(older);
    older[0] ^= 1;
    put_fold_row(d, older);
    spoil(d);
    desk_reopen(d);
    assert_true(engine_needs_rebuild(d->engine));
    assert_int_equal(rows_of(d, "municipality"), 43);
    (void)desk_append(d, "{'events':[" STEP("1", "case/a") "]}");
    assert_false(d->is_error);
    desk_rebuild(d);
    assert_false(engine_needs_rebuild(d->engine));
    assert_int_equal(rows_of(d, "municipality"), 44);
    desk_reopen(d);
    assert_false(engine_needs_rebuild(d->engine));
    assert_is_whole(d);
}

static uint64_t told_position; /* of the start below */

static void note_told(uint64_t position)
{
    told_position = position;
}

static void test_rows_of_other_shapes_are_folded_anew_before_the_journal(void **state)
{
    desk *d = *state;
    uint8_t foreign[FOLD_ROW_BYTES];
    trial_error err = TRIAL_ERROR_NONE;

    desk_import(d, 0, 1000, 1000);
    fold_row_write(foreign);
    foreign[FOLD_ROW_BYTES - 1] ^= 1;
    put_fold_row(d, foreign);
    spoil(d);
    assert_int_equal(store_commit_all(d->store, &err), TRIAL_OK);
    desk_import(d, 1000, LINES - 1000, 100); /* in the journal alone */
    told_position = 0;
    d->limits.tell_opening = note_told;
    desk_crash(d);
    assert_int_equal(told_position, 0); /* neither part is long */
    assert_int_equal(d->recovered, LINES - 1000);
    assert_false(engine_needs_rebuild(d->engine));
    assert_is_whole(d);
    desk_reopen(d); /* and now in the tables */
    put_fold_row(d, foreign);
    spoil(d);
    desk_reopen(d);
    assert_in_range(told_position, 1024, 1024 + STORE_BUILD_AHEAD_MAX);
    assert_is_whole(d);
}

static void test_an_empty_store_is_of_this_fold(void **state)
{
    desk *d = *state;

    desk_crash(d);
    assert_false(engine_needs_rebuild(d->engine));
    desk_import(d, 0, 10, 10);
    desk_crash(d);
    assert_false(engine_needs_rebuild(d->engine));
    desk_reopen(d);
    assert_false(engine_needs_rebuild(d->engine));
}

static void test_an_empty_log_is_rebuilt_too(void **state)
{
    desk *d = *state;

    desk_rebuild(d);
    desk_import(d, 0, LINES, 1000);
    assert_is_whole(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_questions_are_answered_from_the_old_rows_until_the_swap),
        TEST(test_what_is_appended_meanwhile_is_handed_over),
        TEST(test_a_rebuild_that_is_given_up_leaves_the_old_rows),
        TEST(test_told_to_stop_it_stops),
        TEST(test_rows_of_an_older_fold_serve_and_want_a_rebuild),
        TEST(test_rows_of_other_shapes_are_folded_anew_before_the_journal),
        TEST(test_an_empty_store_is_of_this_fold),
        TEST(test_an_empty_log_is_rebuilt_too),
    };

    return cmocka_run_group_tests_name("rebuild", tests, NULL, NULL);
}
