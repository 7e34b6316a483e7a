/* test_views_programme.c - the views over the whole history of one real programme: the counts that
 * its provenance note states. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static struct world programme;

static int read_programme(void **state)
{
    (void)state;
    world_read(&programme, TRIAL_TEST_DATA "/data/programme-2016-2020.ndjson");
    return programme.count == 1866 ? 0 : -1;
}

static int let_go(void **state)
{
    (void)state;
    world_done(&programme);
    return 0;
}

static views_answer answer_to(const world_question *question)
{
    trial_error err = TRIAL_ERROR_NONE;
    views_answer answer = { 0 };

    if (world_ask(&programme, question, &answer, &err) != TRIAL_OK) {
        fail_msg("%s: %s", question->view, err.text);
    }
    return answer;
}

static const char *column_of(const views_answer *answer, uint32_t row, const char *column)
{
    assert_true(row < answer->count);
    return world_json(&programme, trial_value_get(answer->rows[row].row, column));
}

/* How many rows a question has. */
static const struct count_case {
    const char *name;
    world_question question;
    uint32_t rows;
} count_cases[] = {
    { "107 trials have a row", { .view = "trial" }, 107 },
    { "8 networks were appointed", { .view = "network" }, 8 },
    { "7 networks are left", { .view = "network", .where = "{\"state\":\"appointed\"}" }, 7 },
    { "44 municipalities are registered", { .view = "municipality" }, 44 },
    { "82 exemptions were granted", { .view = "exemption" }, 82 },
    { "82 exemptions have expired",
      { .view = "exemption", .where = "{\"state\":\"expired\"}" },
      82 },
    { "36 exemptions are from serviceloven",
      { .view = "exemption", .where = "{\"act\":\"Lov om social service\"}" },
      36 },
    { "68 exemptions ran to the end of 2021",
      { .view = "exemption", .where = "{\"validTo\":\"2021-12-31\"}" },
      68 },
    { "9 exemptions ran to the end of 2022",
      { .view = "exemption", .where = "{\"validTo\":\"2022-12-31\"}" },
      9 },
    { "5 exemptions ran to the end of 2023",
      { .view = "exemption", .where = "{\"validTo\":\"2023-12-31\"}" },
      5 },
    { "58 exemptions were live in February 2018",
      { .view = "exemption", .where = "{\"state\":\"granted\"}", .as_of = "2018-02-28" },
      58 },
    { "14 exemptions are in force in 2022",
      { .view = "exemption", .where = "{\"in-force\":\"2022-06-01\"}" },
      14 },
    { "5 exemptions are in force on the last day of all",
      { .view = "exemption", .where = "{\"in-force\":\"2023-12-31\"}" },
      5 },
    { "no exemption is in force the day after", /* the edge of validTo */
      { .view = "exemption", .where = "{\"in-force\":\"2024-01-01\"}" },
      0 },
    { "86 indicators have an outcome, 9 more are of trials given up", { .view = "outcome" }, 95 },
    { "31 targets were reached", { .view = "outcome", .where = "{\"result\":\"reached\"}" }, 31 },
    { "36 indicators improved", { .view = "outcome", .where = "{\"result\":\"improved\"}" }, 36 },
    { "10 indicators got worse", { .view = "outcome", .where = "{\"result\":\"worse\"}" }, 10 },
    { "5 indicators lack a baseline",
      { .view = "outcome", .where = "{\"result\":\"no-baseline\"}" },
      5 },
    { "4 indicators lack a target",
      { .view = "outcome", .where = "{\"result\":\"no-target\"}" },
      4 },
    { "11 indicators had got worse before the corrections",
      { .view = "outcome", .where = "{\"result\":\"worse\"}", .as_of = "2021-01-31" },
      11 },
    { "3 indicators were corrected", { .view = "outcome", .where = "{\"corrections\":1}" }, 3 },
    { "7 external evaluations were published",
      { .view = "evaluation", .where = "{\"mode\":\"external\",\"state\":\"published\"}" },
      7 },
    { "2 of them by the end of 2020",
      { .view = "evaluation",
        .where = "{\"mode\":\"external\",\"state\":\"published\"}",
        .as_of = "2020-12-31" },
      2 },
    { "43 internal evaluations were published",
      { .view = "evaluation", .where = "{\"mode\":\"internal\",\"state\":\"published\"}" },
      43 },
    { "7 evaluations were discontinued",
      { .view = "evaluation", .where = "{\"state\":\"discontinued\"}" },
      7 },
    { "4 evaluated trials lack an assessment",
      { .view = "trial", .where = "{\"state\":\"evaluated\"}" },
      4 },
    { "5 trials lapsed", { .view = "trial", .where = "{\"state\":\"lapsed\"}" }, 5 },
    { "62 trials ran at the end of 2018",
      { .view = "trial", .where = "{\"state\":\"running\"}", .as_of = "2018-12-31" },
      62 },
    { "3 completed trials lack a baseline",
      { .view = "trial", .where = "{\"missing\":\"baseline\"}" },
      3 },
    { "2 completed trials lack a target",
      { .view = "trial", .where = "{\"missing\":\"target\"}" },
      2 },
    { "the log agrees with 16 of 18 figures",
      { .view = "figure", .where = "{\"agrees\":true}" },
      16 },
    { "no deadline is overdue when all is over",
      { .view = "deadline", .where = "{\"state\":\"overdue\"}" },
      0 },
};

static void test_count_case(void **state)
{
    const struct count_case *c = *state;

    assert_int_equal(answer_to(&c->question).count, c->rows);
}

/* A column of the first row. */
static const struct column_case {
    const char *name;
    world_question question;
    const char *column;
    const char *expected;
} column_cases[] = {
    { "assessed: 53", { .view = "funnel", .key = "ff2" }, "assessed", "53" },
    { "lapsed: 5", { .view = "funnel", .key = "ff2" }, "lapsed", "5" },
    { "withdrawn: 4", { .view = "funnel", .key = "programme/ff2" }, "withdrawn", "4" },
    { "rejected: 24", { .view = "funnel" }, "rejected", "24" },
    { "abandoned: 10 before the start, 7 while running",
      { .view = "funnel" },
      "abandonedBy",
      "{\"approved\":10,\"running\":7,\"suspended\":0}" },
    { "municipalities: 44 ever, 38 at the end",
      { .view = "programme", .key = "ff2" },
      "municipalities",
      "{\"active\":38,\"ever\":44}" },
    { "networks: 8 appointed, 7 active",
      { .view = "programme", .key = "programme/ff2" },
      "networks",
      "{\"active\":7,\"appointed\":8}" },
    { "days from submission to approval: least 107",
      { .view = "duration", .key = "ff2/approval//" },
      "least",
      "107" },
    { "median 236", { .view = "duration", .key = "ff2/approval//" }, "median", "236" },
    { "most 284", { .view = "duration", .key = "ff2/approval//" }, "most", "284" },
    { "of 79 trials", { .view = "duration", .key = "ff2/approval//" }, "count", "79" },
};

static void test_column_case(void **state)
{
    const struct column_case *c = *state;
    views_answer answer = answer_to(&c->question);

    assert_string_equal(column_of(&answer, 0, c->column), c->expected);
}

/* The funnel on past days. */
static const struct day_case {
    const char *day;
    int64_t submitted, endorsed, approved, started, completed, evaluated, assessed, abandoned;
} day_cases[] = {
    { "2016-12-31", 33, 0, 0, 0, 0, 0, 0, 0 },
    { "2018-02-28", 107, 79, 55, 27, 0, 0, 0, 1 },
    { "2018-12-31", 107, 79, 79, 64, 0, 0, 0, 10 },
    { "2020-12-31", 107, 79, 79, 64, 57, 37, 0, 17 },
    { "2021-01-14", 107, 79, 79, 64, 57, 57, 0, 17 },
    { "2021-08-31", 107, 79, 79, 64, 57, 57, 53, 17 },
};

static void test_the_funnel_of_a_past_day_is_that_day_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof day_cases / sizeof day_cases[0]; i++) {
        const struct day_case *c = &day_cases[i];
        world_question question = { .view = "funnel", .as_of = c->day };
        views_answer answer = answer_to(&question);
        const trial_value *row = answer.rows[0].row;

        assert_int_equal(answer.count, 1);
        assert_int_equal(trial_value_get_integer(row, "submitted"), c->submitted);
        assert_int_equal(trial_value_get_integer(row, "endorsed"), c->endorsed);
        assert_int_equal(trial_value_get_integer(row, "approved"), c->approved);
        assert_int_equal(trial_value_get_integer(row, "started"), c->started);
        assert_int_equal(trial_value_get_integer(row, "completed"), c->completed);
        assert_int_equal(trial_value_get_integer(row, "evaluated"), c->evaluated);
        assert_int_equal(trial_value_get_integer(row, "assessed"), c->assessed);
        assert_int_equal(trial_value_get_integer(row, "abandoned"), c->abandoned);
    }
}

/* Submitted, approved, completed and evaluated by network. */
static const struct network_case {
    const char *id;
    int64_t submitted, approved, completed;
} network_cases[] = {
    { "ff2-akut", 4, 2, 2 },
    { "ff2-beskaeftigelse", 22, 19, 17 },
    { "ff2-boern", 10, 9, 8 },
    { "ff2-bolig", 24, 14, 6 },
    { "ff2-borgerinvolvering", 4, 0, 0 },
    { "ff2-en-plan", 14, 13, 9 },
    { "ff2-social", 16, 13, 10 },
    { "ff2-sundhed", 13, 9, 5 },
};

static void test_each_network_counts_its_own_trials(void **state)
{
    world_question question = { .view = "network" };
    views_answer answer = answer_to(&question);

    (void)state;
    assert_int_equal(answer.count, 8);
    for (uint32_t i = 0; i < answer.count; i++) {
        const struct network_case *c = &network_cases[i];
        const trial_value *row = answer.rows[i].row;

        assert_true(trial_text_is(answer.rows[i].key, c->id));
        assert_int_equal(trial_value_get_integer(row, "submitted"), c->submitted);
        assert_int_equal(trial_value_get_integer(row, "approved"), c->approved);
        assert_int_equal(trial_value_get_integer(row, "completed"), c->completed);
        assert_int_equal(trial_value_get_integer(row, "evaluated"), c->completed);
    }
}

/* The sum of a view's counts where a column has a value. */
static int64_t sum_of(const char *view, const char *where)
{
    world_question question = { .view = view, .where = where };
    views_answer answer = answer_to(&question);
    int64_t sum = 0;

    for (uint32_t i = 0; i < answer.count; i++) {
        sum += trial_value_get_integer(answer.rows[i].row, "count");
    }
    return sum;
}

static void test_every_rejection_is_counted_once_by_its_reason(void **state)
{
    (void)state;
    assert_int_equal(sum_of("refusal", "{\"programme\":\"ff2\"}"), 24);
    assert_int_equal(sum_of("refusal", "{\"reason\":\"resolved-by-general-law\"}"), 6);
    assert_int_equal(sum_of("refusal", "{\"reason\":\"not-accommodated\"}"), 5);
    assert_int_equal(sum_of("refusal", "{\"reason\":\"already-permitted\"}"), 4);
    assert_int_equal(sum_of("refusal", "{\"reason\":\"constitution\"}"), 3);
    assert_int_equal(sum_of("refusal", "{\"reason\":\"economic-advantage\"}"), 3);
    assert_int_equal(sum_of("refusal", "{\"reason\":\"eu-law\"}"), 1);
    assert_int_equal(sum_of("refusal", "{\"reason\":\"legal-security\"}"), 1);
    assert_int_equal(sum_of("refusal", "{\"reason\":\"tax-area-unsuited\"}"), 1);
}

static void test_the_published_figures_stand_beside_the_log_s(void **state)
{
    static const struct {
        const char *metric, *as_of, *value, *computed;
    } figures[] = {
        { "applications.endorsed", "2018-02-15", "79", "79" },
        { "networks.applied", "2016-08-26", "43", "8" },
        { "municipalities.since-2012", "2018-10-13", "53", "44" },
        { "evaluations.external.vive", "2021-01-14", "5", "5" },
        { "assessments.spread-or-followed-up", "2021-08-26", "38", "38" },
        { "trials.stopped-or-not-started", "2021-08-26", "17", "17" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        char where[160];
        world_question question = { .view = "figure", .where = where };
        views_answer answer;

        (void)snprintf(where,
                       sizeof where,
                       "{\"metric\":\"%s\",\"asOf\":\"%s\"}",
                       figures[i].metric,
                       figures[i].as_of);
        answer = answer_to(&question);
        assert_int_equal(answer.count, 1);
        assert_string_equal(column_of(&answer, 0, "value"), figures[i].value);
        assert_string_equal(column_of(&answer, 0, "computed"), figures[i].computed);
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OWN_TESTS 4

int main(void)
{
    static struct CMUnitTest tests[COUNT(count_cases) + COUNT(column_cases) + OWN_TESTS] = {
        cmocka_unit_test(test_the_funnel_of_a_past_day_is_that_day_s),
        cmocka_unit_test(test_each_network_counts_its_own_trials),
        cmocka_unit_test(test_every_rejection_is_counted_once_by_its_reason),
        cmocka_unit_test(test_the_published_figures_stand_beside_the_log_s),
    };

    for (size_t i = 0; i < COUNT(count_cases); i++) {
        tests[OWN_TESTS + i] =
            (struct CMUnitTest){ .name = count_cases[i].name,
                                 .test_func = test_count_case,
                                 .initial_state = (void *)(uintptr_t)&count_cases[i] };
    }
    for (size_t i = 0; i < COUNT(column_cases); i++) {
        tests[OWN_TESTS + COUNT(count_cases) + i] =
            (struct CMUnitTest){ .name = column_cases[i].name,
                                 .test_func = test_column_case,
                                 .initial_state = (void *)(uintptr_t)&column_cases[i] };
    }
    return cmocka_run_group_tests(tests, read_programme, let_go);
}
