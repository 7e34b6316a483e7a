/* test_views_answers.c - what holds for every view alike: columns, order, pages, conditions, narrow
 * walks and sources that fail; and the deadlines, day by day. */
#include "views_internal.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CALLS_MAX 100

/* The columns of each view, counted from the rows that also make its documentation. */
static const struct view_columns {
    const char *name;
    uint32_t count;
} view_columns[VIEWS_COUNT] = {
#define COLUMN(name, doc) +1
#define VIEW(lower, UPPER, name, row, answers, kinds, columns)                                     \
    [VIEWS_##UPPER] = { name, 0 columns },
#include "trial/views.def"
};

static struct world world;

static int read_history(void **state)
{
    (void)state;
    world_read(&world, TRIAL_TEST_DATA "/data/views-history.ndjson");
    return 0;
}

static int let_go(void **state)
{
    (void)state;
    world_done(&world);
    return 0;
}

static views_answer answer_to(const world_question *question)
{
    trial_error err = TRIAL_ERROR_NONE;
    views_answer answer = { 0 };

    if (world_ask(&world, question, &answer, &err) != TRIAL_OK) {
        fail_msg("%s: %s", question->view, err.text);
    }
    return answer;
}

static void test_each_view_is_found_by_its_name(void **state)
{
    (void)state;
    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        assert_string_equal(views_name(view), view_columns[view].name);
        assert_int_equal(views_named(trial_text_of(view_columns[view].name)), view);
        assert_int_not_equal(views_kinds(view), 0);
    }
    assert_int_equal(views_named(TRIAL_TEXT("trials")), VIEWS_COUNT);
    assert_int_equal(views_kinds(VIEWS_LAW), 1u << TRIAL_KIND_LAW);
    assert_true(views_has_column(VIEWS_TRIAL, TRIAL_TEXT("missing")));
    assert_false(views_has_column(VIEWS_LAW, TRIAL_TEXT("missing")));
}

static void test_every_row_has_the_columns_of_its_view_and_no_others(void **state)
{
    (void)state;
    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        world_question question = { .view = views_name(view) };
        views_answer answer = answer_to(&question);

        assert_true(answer.count > 0);
        for (uint32_t i = 0; i < answer.count; i++) {
            const trial_value *row = answer.rows[i].row;

            assert_int_equal(row->kind, TRIAL_VALUE_MAP);
            for (uint32_t j = 0; j < row->as.map.count; j++) {
                if (!views_has_column(view, row->as.map.entries[j].name)) {
                    fail_msg("%s has no column '%.*s'",
                             question.view,
                             TRIAL_TEXT_ARGS(row->as.map.entries[j].name));
                }
            }
            assert_int_equal(row->as.map.count, view_columns[view].count);
        }
    }
}

static void test_rows_stand_in_the_order_of_keys_that_are_unique(void **state)
{
    (void)state;
    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        world_question question = { .view = views_name(view) };
        views_answer answer = answer_to(&question);

        for (uint32_t i = 1; i < answer.count; i++) {
            assert_true(trial_text_compare(answer.rows[i - 1].key, answer.rows[i].key) < 0);
        }
        assert_false(trial_text_is_set(answer.next));
    }
}

/* Page through a view; the pages together are the whole. */
static void assert_pages_make_the_whole(world_question question, uint32_t limit)
{
    views_answer whole = answer_to(&question);
    uint32_t seen = 0;
    bool is_more = true;

    question.limit = limit;
    while (is_more) {
        views_answer page = answer_to(&question);

        assert_true(page.count <= limit);
        for (uint32_t i = 0; i < page.count; i++, seen++) {
            assert_true(seen < whole.count);
            assert_true(trial_text_equal(page.rows[i].key, whole.rows[seen].key));
            assert_true(trial_value_equal(page.rows[i].row, whole.rows[seen].row));
        }
        is_more = trial_text_is_set(page.next);
        assert_true(!is_more || trial_text_equal(page.next, page.rows[page.count - 1].key));
        assert_true(is_more == (seen < whole.count));
        question.after = is_more ? trial_arena_text(&world.arena, page.next).at : NULL;
    }
    assert_int_equal(seen, whole.count);
}

static void test_pages_of_any_size_make_the_whole(void **state)
{
    (void)state;
    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        world_question question = { .view = views_name(view) };

        assert_pages_make_the_whole(question, 1);
        assert_pages_make_the_whole(question, 2);
        question.as_of = "2018-03-31";
        assert_pages_make_the_whole(question, 3);
    }
}

static void test_pages_of_what_conditions_leave_make_the_whole(void **state)
{
    world_question question = { .view = "trial", .where = "{\"programme\":\"a\"}" };

    (void)state;
    assert_pages_make_the_whole(question, 1);
    question = (world_question){ .view = "duration", .where = "{\"round\":1}" };
    assert_pages_make_the_whole(question, 2);
}

static void test_each_row_is_found_alone_by_its_key(void **state)
{
    (void)state;
    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        world_question question = { .view = views_name(view) };
        views_answer whole = answer_to(&question);

        for (uint32_t i = 0; i < whole.count; i++) {
            views_answer one;

            question.key = trial_arena_text(&world.arena, whole.rows[i].key).at;
            one = answer_to(&question);
            assert_int_equal(one.count, 1);
            assert_true(trial_text_equal(one.rows[0].key, whole.rows[i].key));
            assert_true(trial_value_equal(one.rows[0].row, whole.rows[i].row));
        }
        question.key = "nothing/has/this/key";
        assert_int_equal(answer_to(&question).count, 0);
    }
}

/* Asking for what a row has in a column finds that row, whatever the column holds. */
static void test_every_column_can_be_asked_for(void **state)
{
    (void)state;
    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        world_question question = { .view = views_name(view) };
        views_answer whole = answer_to(&question);
        const trial_value *row = whole.rows[0].row;

        for (uint32_t i = 0; i < row->as.map.count; i++) {
            const trial_entry *entry = &row->as.map.entries[i];
            views_answer found;

            question.where = trial_arena_print(&world.arena,
                                               "{\"%.*s\":%s}",
                                               TRIAL_TEXT_ARGS(entry->name),
                                               world_json(&world, entry->value))
                                 .at;
            found = answer_to(&question);
            assert_true(found.count > 0);
            for (uint32_t j = 0; j < found.count; j++) {
                const trial_value *value = trial_value_find(found.rows[j].row, entry->name);

                assert_true(trial_value_fits(value, entry->value));
            }
        }
    }
}

static const struct bad_case {
    const char *name;
    const char *view;
    const char *where;
    const char *field;
} bad_cases[] = {
    { "a field of no view is invalid", "trial", "{\"stat\":\"x\"}", "where.stat" },
    { "a field of another view is invalid", "law", "{\"missing\":\"x\"}", "where.missing" },
    { "one bad field among good ones is invalid", "trial", "{\"state\":\"x\",\"b\":1}", "where.b" },
    { "in-force is for exemptions", "trial", "{\"in-force\":\"2018-01-01\"}", "where.in-force" },
    { "in-force takes a day of the calendar",
      "exemption",
      "{\"in-force\":\"2018-02-30\"}",
      "where.in-force" },
    { "in-force takes no number", "exemption", "{\"in-force\":2018}", "where.in-force" },
    { "in-force takes no instant without zone",
      "exemption",
      "{\"in-force\":\"2018-02-03T00:00:00\"}",
      "where.in-force" },
    { "conditions are a map", "trial", "[\"state\"]", "where" },
};

static void test_bad_case(void **state)
{
    const struct bad_case *c = *state;
    world_question question = { .view = c->view, .where = c->where };
    trial_error err = TRIAL_ERROR_NONE;
    views_answer answer = { 0 };

    assert_int_equal(world_ask(&world, &question, &answer, &err), TRIAL_INVALID);
    assert_string_equal(err.field, c->field);
    assert_string_not_equal(err.text, "");
}

static void test_a_question_may_be_checked_without_an_error(void **state)
{
    trial_arena arena = { 0 };
    trial_value *where = trial_value_map(&arena);
    views_question question = { .view = VIEWS_LAW, .where = where };

    (void)state;
    assert_int_equal(views_check(&question, NULL), TRIAL_OK);
    trial_value_set(&arena, where, "missing", trial_value_nil(&arena));
    assert_int_equal(views_check(&question, NULL), TRIAL_INVALID);
    trial_arena_done(&arena);
}

/* How many states a question is allowed to look at. */
static const struct narrow_case {
    const char *name;
    world_question ask;
    uint32_t visits;
} narrow_cases[] = {
    { "one trial is found and not looked for", { "trial", .key = "a-1" }, 1 },
    { "so by its whole subject", { "trial", .key = "trial/a-1" }, 1 },
    { "so by a condition", { "trial", .where = "{\"subject\":\"trial/a-1\"}" }, 1 },
    { "its outcomes come from it alone", { "outcome", .key = "a-1/speed" }, 1 },
    { "its findings too", { "finding", .where = "{\"subject\":\"trial/a-1\"}" }, 1 },
    { "its exemptions too", { "exemption", .where = "{\"subject\":\"trial/a-1\"}" }, 1 },
    { "one programme's trials are not all", { "trial", .where = "{\"programme\":\"b\"}" }, 1 },
    { "one programme's funnel is of its own trials", { "funnel", .key = "b" }, 3 },
    { "a first page ends the walk", { "trial", .limit = 1 }, 2 },
    { "one municipality is found by its index", { "municipality", .key = "0103" }, 2 },
};

static void test_narrow_case(void **state)
{
    const struct narrow_case *c = *state;

    assert_true(answer_to(&c->ask).count > 0);
    assert_int_equal(world.visits, c->visits);
}

static void test_a_source_that_fails_is_never_answered_from(void **state)
{
    (void)state;
    for (views_view view = 0; view < VIEWS_COUNT; view++) {
        world_question question = { .view = views_name(view) };
        trial_code code = TRIAL_STORAGE;
        uint32_t nth = 0;

        while (code != TRIAL_OK && nth < CALLS_MAX) {
            trial_error err = TRIAL_ERROR_NONE;

            code = world_ask_failing(&world, &question, ++nth, &err);
            assert_true(code == TRIAL_OK || code == TRIAL_STORAGE);
            assert_int_equal(err.code, code);
        }
        assert_int_equal(code, TRIAL_OK);
        assert_true(nth > 1);
    }
}

/* A deadline on a day. */
static const struct due_case {
    const char *name;
    const char *day;
    const char *key;
    const char *state;
    int64_t days;
} due_cases[] = {
    { "a call is open through its day", "2017-01-20", "programme/a/set/d1", "due", 0 },
    { "it is met the day after, for networks applied",
      "2017-01-21",
      "programme/a/set/d1",
      "met",
      -1 },
    { "an appointment is due", "2017-01-25", "programme/a/set/d2", "due", 0 },
    { "it is overdue until there is one", "2017-01-31", "programme/a/set/d2", "overdue", -6 },
    { "it is met when there is", "2017-02-01", "programme/a/set/d2", "met", -7 },
    { "any other deadline is due", "2019-06-20", "programme/a/set/d3", "due", 10 },
    { "then overdue", "2019-07-01", "programme/a/set/d3", "overdue", -1 },
    { "then void with its subject's life", "2020-07-01", "programme/a/set/d3", "void", -367 },
    { "a network has its own", "2020-07-02", "network/a-x/set/d4", "due", 61 },
    { "a dissolved one meets none", "2020-07-02", "network/a-z/set/d5", "void", 61 },
    { "a law has its own", "2020-01-19", "law/l-1/set/d6", "due", 13 },
    { "a law in force meets none", "2020-01-20", "law/l-1/set/d6", "void", 12 },
    { "a rejected trial meets none", "2020-01-05", "trial/a-2/set/d7", "void", 27 },
    { "another trial may be late", "2020-02-02", "trial/a-4/set/d8", "overdue", -1 },
    { "so may a municipality", "2020-02-02", "municipality/0101/set/d10", "overdue", -1 },
    { "a foreign subject may have one", "2020-01-31", "case/9/set/d9", "due", 1 },
    { "a round is due through its last day", "2017-03-31", "programme/a/round/1", "due", 0 },
    { "it is overdue until it is closed", "2017-04-01", "programme/a/round/1", "overdue", -1 },
    { "it is met when it is closed", "2017-04-02", "programme/a/round/1", "met", -2 },
    { "a round never closed is overdue", "2020-06-30", "programme/a/round/2", "overdue", -881 },
    { "it is void with the programme", "2020-07-01", "programme/a/round/2", "void", -882 },
    { "a programme ends on its last day", "2020-06-30", "programme/a/programme-end", "due", 0 },
    { "it has ended when it is closed", "2020-07-01", "programme/a/programme-end", "met", -1 },
    { "one that is not closed is overdue",
      "2019-01-01",
      "programme/b/programme-end",
      "overdue",
      -1 },
    { "a start is planned", "2017-07-31", "trial/a-1/planned-start", "due", 1 },
    { "it is met by the start", "2017-08-01", "trial/a-1/planned-start", "met", 0 },
    { "an end is planned", "2019-06-14", "trial/a-1/planned-end", "due", 16 },
    { "it is met by the completion", "2019-06-15", "trial/a-1/planned-end", "met", 15 },
    { "a resumption is expected", "2018-09-30", "trial/a-1/expected-resume", "due", 1 },
    { "and may be late", "2018-10-02", "trial/a-1/expected-resume", "overdue", -1 },
    { "an exemption runs out", "2019-12-31", "trial/a-1/exemption/a-1-e", "due", 0 },
    { "it stands until that is noted", "2020-01-01", "trial/a-1/exemption/a-1-e", "overdue", -1 },
    { "it is met when it is", "2020-01-02", "trial/a-1/exemption/a-1-e", "met", -2 },
    { "a revoked exemption is void", "2018-05-01", "trial/a-3/exemption/a-3-f", "void", 244 },
    { "a target is due", "2019-06-15", "trial/a-1/target/cost/head", "due", 15 },
    { "it is met by a final measurement", "2019-06-16", "trial/a-1/target/cost/head", "met", 14 },
    { "one never measured is overdue", "2019-07-01", "trial/a-1/target/speed", "overdue", -1 },
    { "and void when none can come", "2019-10-15", "trial/a-1/target/speed", "void", -107 },
    { "an evaluation is due", "2019-09-30", "trial/a-1/evaluation/evaluation/r1", "due", 0 },
    { "an interim one does not meet it",
      "2019-10-14",
      "trial/a-1/evaluation/evaluation/r1",
      "overdue",
      -14 },
    { "the final one does", "2019-10-15", "trial/a-1/evaluation/evaluation/r1", "met", -15 },
    { "it is void where the trial is given up",
      "2018-05-02",
      "trial/a-3/evaluation/evaluation/r2",
      "void",
      182 },
};

static void test_due_case(void **state)
{
    const struct due_case *c = *state;
    world_question question = { .view = "deadline", .key = c->key, .as_of = c->day };
    views_answer answer = answer_to(&question);

    assert_int_equal(answer.count, 1);
    assert_true(trial_text_is(trial_value_get_text(answer.rows[0].row, "state"), c->state));
    assert_int_equal(trial_value_get_integer(answer.rows[0].row, "days"), c->days);
}

static void test_a_resumption_is_expected_only_while_suspended(void **state)
{
    world_question question = { .view = "deadline", .where = "{\"kind\":\"expected-resume\"}" };

    (void)state;
    assert_int_equal(answer_to(&question).count, 0);
}

static void test_a_deadline_set_by_itself_goes_by_its_own_word(void **state)
{
    world_question question = { .view = "deadline", .where = "{\"kind\":\"report\"}" };
    views_answer answer = answer_to(&question);

    (void)state;
    assert_int_equal(answer.count, 1);
    assert_true(
        trial_text_is(trial_value_get_text(answer.rows[0].row, "appliesTo"), "network/a-x"));
    assert_true(trial_text_is(trial_value_get_text(answer.rows[0].row, "what"), "d3"));
}

/* Without as_of the whole log counts, also what is dated ahead; only the day moves. */
static void test_the_day_asked_about_needs_no_past(void **state)
{
    world_question question = { .view = "deadline",
                                .key = "programme/b/programme-end",
                                .today = "2018-12-01" };
    views_answer answer = answer_to(&question);

    (void)state;
    assert_true(trial_text_is(trial_value_get_text(answer.rows[0].row, "state"), "due"));
    assert_int_equal(trial_value_get_integer(answer.rows[0].row, "days"), 30);
}

/* What became of an indicator once its trial is completed. */
static const struct result_case {
    const char *name;
    trial_choice direction;
    double baseline, target, final;
    const char *result;
} result_cases[] = {
    { "up: the target itself is reached", TRIAL_CHOICE_direction_UP, 1, 3, 3, "reached" },
    { "up: between is improved", TRIAL_CHOICE_direction_UP, 1, 3, 2, "improved" },
    { "up: the baseline is unchanged", TRIAL_CHOICE_direction_UP, 1, 3, 1, "unchanged" },
    { "up: below is worse", TRIAL_CHOICE_direction_UP, 1, 3, 0.5, "worse" },
    { "down: the target itself is reached", TRIAL_CHOICE_direction_DOWN, 3, 1, 1, "reached" },
    { "down: between is improved", TRIAL_CHOICE_direction_DOWN, 3, 1, 2, "improved" },
    { "down: the baseline is unchanged", TRIAL_CHOICE_direction_DOWN, 3, 1, 3, "unchanged" },
    { "down: above is worse", TRIAL_CHOICE_direction_DOWN, 3, 1, 4, "worse" },
    { "a target below the start is reached at once",
      TRIAL_CHOICE_direction_UP,
      5,
      3,
      4,
      "reached" },
};

static trial_number number_of(double value)
{
    return (trial_number){ TRIAL_NUMBER_FLOAT, { .number = value } };
}

static const char *result_of(const struct trial_trial *trial,
                             const struct trial_indicator_fact *indicator)
{
    return trial_choice_word(&trial_choices_result, views_indicator_result(trial, indicator));
}

static void test_result_case(void **state)
{
    const struct result_case *c = *state;
    struct trial_trial trial = { .state = TRIAL_CHOICE_trial_state_ASSESSED };
    struct trial_indicator_fact indicator = { .direction = c->direction,
                                              .baseline = number_of(c->baseline),
                                              .target = number_of(c->target),
                                              .final = number_of(c->final) };

    assert_string_equal(result_of(&trial, &indicator), c->result);
    indicator.final.form = TRIAL_NUMBER_ABSENT;
    assert_string_equal(result_of(&trial, &indicator), "no-final-measurement");
    indicator.target.form = TRIAL_NUMBER_ABSENT;
    assert_string_equal(result_of(&trial, &indicator), "no-target");
    indicator.baseline.form = TRIAL_NUMBER_ABSENT;
    assert_string_equal(result_of(&trial, &indicator), "no-baseline");
    trial.state = TRIAL_CHOICE_trial_state_ABANDONED;
    assert_string_equal(result_of(&trial, &indicator), "open");
}

static void test_a_table_keeps_every_name_and_its_order(void **state)
{
    trial_arena arena = { 0 };
    views_table table = views_table_of(&arena, sizeof(int));

    (void)state;
    for (int i = 0; i < 1000; i++) {
        *(int *)views_table_at(&table, trial_arena_print(&arena, "%d", i)) += i;
        *(int *)views_table_at(&table, trial_arena_print(&arena, "%d", i)) += 1;
    }
    assert_int_equal(table.count, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(*(const int *)table.slots[i].item, i + 1);
        assert_ptr_equal(views_table_find(&table, trial_arena_print(&arena, "%d", i)),
                         table.slots[i].item);
    }
    assert_null(views_table_find(&table, TRIAL_TEXT("1000")));
    assert_null(views_table_find(&table, TRIAL_TEXT("")));
    trial_arena_done(&arena);
}

static const struct CMUnitTest own_tests[] = {
    cmocka_unit_test(test_each_view_is_found_by_its_name),
    cmocka_unit_test(test_every_row_has_the_columns_of_its_view_and_no_others),
    cmocka_unit_test(test_rows_stand_in_the_order_of_keys_that_are_unique),
    cmocka_unit_test(test_pages_of_any_size_make_the_whole),
    cmocka_unit_test(test_pages_of_what_conditions_leave_make_the_whole),
    cmocka_unit_test(test_each_row_is_found_alone_by_its_key),
    cmocka_unit_test(test_every_column_can_be_asked_for),
    cmocka_unit_test(test_a_question_may_be_checked_without_an_error),
    cmocka_unit_test(test_a_source_that_fails_is_never_answered_from),
    cmocka_unit_test(test_a_resumption_is_expected_only_while_suspended),
    cmocka_unit_test(test_a_deadline_set_by_itself_goes_by_its_own_word),
    cmocka_unit_test(test_the_day_asked_about_needs_no_past),
    cmocka_unit_test(test_a_table_keeps_every_name_and_its_order),
};

#define TESTS_MAX                                                                                  \
    (COUNT(own_tests) + COUNT(bad_cases) + COUNT(narrow_cases) + COUNT(due_cases) +                \
     COUNT(result_cases))
static struct CMUnitTest tests[TESTS_MAX];
static size_t tests_count;

static void add_test(const char *name, CMUnitTestFunction run, const void *row)
{
    tests[tests_count++] = (struct CMUnitTest){ .name = name,
                                                .test_func = run,
                                                .initial_state = (void *)(uintptr_t)row };
}

int main(void)
{
    for (size_t i = 0; i < COUNT(own_tests); i++) {
        tests[tests_count++] = own_tests[i];
    }
    for (size_t i = 0; i < COUNT(bad_cases); i++) {
        add_test(bad_cases[i].name, test_bad_case, &bad_cases[i]);
    }
    for (size_t i = 0; i < COUNT(narrow_cases); i++) {
        add_test(narrow_cases[i].name, test_narrow_case, &narrow_cases[i]);
    }
    for (size_t i = 0; i < COUNT(due_cases); i++) {
        add_test(due_cases[i].name, test_due_case, &due_cases[i]);
    }
    for (size_t i = 0; i < COUNT(result_cases); i++) {
        add_test(result_cases[i].name, test_result_case, &result_cases[i]);
    }
    return cmocka_run_group_tests(tests, read_history, let_go);
}
