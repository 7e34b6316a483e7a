/* test_views.c - what each view says of two small programmes, on which day, and how answers are
 * narrowed, ordered and cut. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEYS NULL /* in place of a column: the keys of all rows */

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

/* The keys of an answer with blanks between. */
static const char *keys_of(const views_answer *answer)
{
    trial_text keys = TRIAL_TEXT("");

    for (uint32_t i = 0; i < answer->count; i++) {
        keys = trial_arena_print(&world.arena,
                                 "%s%s%.*s",
                                 keys.at,
                                 i > 0 ? " " : "",
                                 TRIAL_TEXT_ARGS(answer->rows[i].key));
    }
    return keys.at;
}

/* What the one row of a question has in a column, or which rows there are. */
static const struct row_case {
    const char *name;
    world_question ask;
    const char *column;
    const char *expected;
} row_cases[] = {
    { "a programme was agreed before it opened",
      { "programme", .key = "a", .as_of = "2016-12-31" },
      "state",
      "\"agreed\"" },
    { "before it was agreed there is no programme",
      { "programme", .as_of = "2016-11-30" },
      KEYS,
      "" },
    { "a round counts what was submitted beside what it reported",
      { "programme", .key = "a" },
      "rounds",
      "[{\"deadline\":\"2017-03-31\",\"opensOn\":\"2017-02-10\",\"received\":4,\"round\":1,"
      "\"submitted\":3},{\"deadline\":\"2018-01-31\",\"opensOn\":\"2018-01-02\",\"received\":null,"
      "\"round\":2,\"submitted\":1}]" },
    { "a dissolved network is appointed for ever and active no more",
      { "programme", .key = "programme/a" },
      "networks",
      "{\"active\":1,\"appointed\":2}" },
    { "both were active before",
      { "programme", .key = "a", .as_of = "2018-03-31" },
      "networks",
      "{\"active\":2,\"appointed\":2}" },
    { "members that left count as ever and not as active",
      { "programme", .key = "a" },
      "municipalities",
      "{\"active\":1,\"ever\":3}" },
    { "appointed municipalities count without a network",
      { "programme", .key = "b" },
      "municipalities",
      "{\"active\":1,\"ever\":2}" },
    { "a programme has the figures of whatever belongs to it",
      { "programme", .where = "{\"programme\":\"b\"}" },
      "figures",
      "[]" },

    { "a funnel counts how far trials ever got", { "funnel", .key = "a" }, "approved", "2" },
    { "on a past day it counts what had happened",
      { "funnel", .key = "a", .as_of = "2017-06-01" },
      "approved",
      "1" },
    { "a day takes in what happened until its midnight and no more",
      { "funnel", .key = "a", .as_of = "2017-05-31" },
      "approved",
      "0" },
    { "the abandoned are split by the state they were in",
      { "funnel", .key = "a" },
      "abandonedBy",
      "{\"approved\":1,\"running\":0,\"suspended\":0}" },
    { "a programme without trials has a row of noughts",
      { "funnel", .key = "b", .as_of = "2017-01-31" },
      "submitted",
      "0" },
    { "an enacted law enters into force", { "law", .key = "l-1" }, "state", "\"in-force\"" },
    { "there is one row a programme", { "funnel", .key = NULL }, KEYS, "a b" },

    { "a network knows its members now and ever",
      { "network", .key = "network/a-x" },
      "members",
      "[{\"from\":\"2017-02-02\",\"municipality\":\"0101\",\"to\":null},"
      "{\"from\":\"2017-02-02\",\"municipality\":\"0102\",\"to\":\"2018-03-01\"}]" },
    { "a member that leaves later is a member",
      { "network", .key = "a-x", .as_of = "2018-02-28" },
      "members",
      "[{\"from\":\"2017-02-02\",\"municipality\":\"0101\",\"to\":null},"
      "{\"from\":\"2017-02-02\",\"municipality\":\"0102\",\"to\":null}]" },
    { "a network counts its trials by state",
      { "network", .key = "a-x" },
      "trials",
      "{\"abandoned\":1,\"evaluated\":1,\"rejected\":1,\"submitted\":1}" },
    { "and how far they ever got", { "network", .key = "a-x" }, "submitted", "4" },
    { "and how each count is known",
      { "network", .key = "a-x" },
      "provenance",
      "{\"approved\":{\"documented\":0,\"reconstructed\":1,\"reported\":1},"
      "\"completed\":{\"documented\":0,\"reconstructed\":0,\"reported\":1},"
      "\"evaluated\":{\"documented\":0,\"reconstructed\":0,\"reported\":1},"
      "\"submitted\":{\"documented\":1,\"reconstructed\":1,\"reported\":2}}" },
    { "a network without trials has none of them", { "network", .key = "a-z" }, "trials", "{}" },
    { "what a network shared stands in its row",
      { "network", .key = "a-x" },
      "knowledge",
      "[{\"heldOn\":\"2019-11-02\",\"kind\":\"webinar\",\"title\":\"What we learnt\","
      "\"trials\":[\"a-1\"]}]" },
    { "networks are found by their state",
      { "network", .where = "{\"state\":\"dissolved\"}" },
      KEYS,
      "a-z" },
    { "a network of another programme than the one asked for is none",
      { "network", .key = "a-x", .where = "{\"programme\":\"b\"}" },
      KEYS,
      "" },

    { "a municipality keeps the names it had",
      { "municipality", .key = "0101" },
      "names",
      "[\"Alpha\",\"Alfa\"]" },
    { "the last name wins", { "municipality", .key = "municipality/0101" }, "name", "\"Alfa\"" },
    { "and may be found by an old one",
      { "municipality", .where = "{\"names\":\"Alpha\"}" },
      KEYS,
      "0101" },
    { "a municipality lists each trial with the part it takes",
      { "municipality", .key = "0102" },
      "trials",
      "[{\"assessment\":null,\"network\":\"a-x\",\"part\":\"approved\",\"programme\":\"a\","
      "\"state\":\"evaluated\",\"title\":\"One\",\"trial\":\"a-1\"},"
      "{\"assessment\":null,\"network\":\"a-x\",\"part\":\"applied\",\"programme\":\"a\","
      "\"state\":\"abandoned\",\"title\":\"Three\",\"trial\":\"a-3\"},"
      "{\"assessment\":null,\"network\":\"a-x\",\"part\":\"applied\",\"programme\":\"a\","
      "\"state\":\"submitted\",\"title\":\"Four\",\"trial\":\"a-4\"}]" },
    { "its charters are its own",
      { "municipality", .key = "0101" },
      "charters",
      "[{\"time\":\"2017-06-20T12:00:00Z\",\"trial\":\"a-1\",\"url\":\"https://alpha.example\","
      "\"validFrom\":\"2017-07-01\"}]" },
    { "an appointment outside networks has its days",
      { "municipality", .key = "0103" },
      "appointments",
      "[{\"from\":\"2017-01-05\",\"programme\":\"b\",\"to\":\"2018-06-01\"}]" },
    { "a membership has them too",
      { "municipality", .key = "0103" },
      "networks",
      "[{\"from\":\"2017-02-02\",\"name\":\"Z\",\"network\":\"a-z\",\"programme\":\"a\","
      "\"to\":\"2018-04-01\"}]" },

    { "a submitted application waits for its screening",
      { "trial", .key = "a-1", .as_of = "2017-03-31" },
      "next",
      "\"application.screened\"" },
    { "a screened one for the government",
      { "trial", .key = "a-1", .as_of = "2017-04-30" },
      "next",
      "\"application.endorsed\"" },
    { "a failed one for its revision",
      { "trial", .key = "a-2", .as_of = "2017-04-30" },
      "next",
      "\"application.revised\"" },
    { "an endorsed one for its legal basis",
      { "trial", .key = "a-1", .as_of = "2017-05-31" },
      "next",
      "\"trial.approved\"" },
    { "an approved trial without any charter may not start",
      { "trial", .key = "a-1", .as_of = "2017-06-19" },
      "next",
      "\"trial.charter-published\"" },
    { "with one it may",
      { "trial", .key = "a-1", .as_of = "2017-06-20" },
      "next",
      "\"trial.started\"" },
    { "a running trial is completed next",
      { "trial", .key = "a-1", .as_of = "2017-08-01" },
      "next",
      "\"trial.completed\"" },
    { "a suspended one is resumed",
      { "trial", .key = "a-1", .as_of = "2018-09-30" },
      "next",
      "\"trial.resumed\"" },
    { "a completed one is evaluated",
      { "trial", .key = "a-1", .as_of = "2019-06-30" },
      "next",
      "\"evaluation.published\"" },
    { "an evaluated one is assessed", { "trial", .key = "a-1" }, "next", "\"assessment.made\"" },
    { "nothing follows a rejection", { "trial", .key = "a-2" }, "next", "null" },
    { "nothing follows a trial given up", { "trial", .key = "a-3" }, "next", "null" },
    { "an application misses nothing yet",
      { "trial", .key = "a-1", .as_of = "2017-05-31" },
      "missing",
      "[]" },
    { "an approved trial misses all that it will need",
      { "trial", .key = "a-1", .as_of = "2017-06-01" },
      "missing",
      "[\"charter\",\"baseline\",\"target\",\"evaluation-plan\"]" },
    { "a charter is missing until each participant has one",
      { "trial", .where = "{\"missing\":\"charter\"}", .as_of = "2017-07-09" },
      KEYS,
      "a-1" },
    { "and not after that",
      { "trial", .where = "{\"missing\":\"charter\"}", .as_of = "2017-07-10" },
      KEYS,
      "" },
    { "a running trial misses what one indicator lacks",
      { "trial", .key = "a-1", .as_of = "2017-08-01" },
      "missing",
      "[\"baseline\"]" },
    { "a completed one misses a final measurement",
      { "trial", .key = "a-1", .as_of = "2019-06-15" },
      "missing",
      "[\"baseline\",\"final-measurement\"]" },
    { "a trial given up misses nothing", { "trial", .key = "a-3" }, "missing", "[]" },
    { "who applied takes part at first",
      { "trial", .key = "a-3", .as_of = "2017-08-31" },
      "participants",
      "[\"0101\",\"0102\"]" },
    { "then who was approved", { "trial", .key = "a-3" }, "participants", "[\"0101\"]" },
    { "then who started",
      { "trial", .key = "a-1", .as_of = "2017-08-01" },
      "participants",
      "[\"0101\"]" },
    { "trials are found by who takes part",
      { "trial", .where = "{\"participants\":\"0102\"}" },
      KEYS,
      "a-4" },
    { "durations are whole days of 24 hours",
      { "trial", .key = "a-3" },
      "durations",
      "{\"approval\":181,\"end\":null,\"start\":null}" },
    { "a number is also found by its decimal text",
      { "trial", .where = "{\"round\":\"2\"}" },
      KEYS,
      "a-4" },
    { "what is absent is found by nil", { "trial", .where = "{\"round\":null}" }, KEYS, "b-1" },
    { "all conditions must hold",
      { "trial", .where = "{\"round\":1,\"state\":\"rejected\"}" },
      KEYS,
      "a-2" },

    { "an exemption is in force from its first day",
      { "exemption", .where = "{\"in-force\":\"2017-09-01\"}" },
      KEYS,
      "a-1-e a-3-e a-3-f" },
    { "and not on the day before",
      { "exemption", .where = "{\"in-force\":\"2017-08-31\"}" },
      KEYS,
      "a-1-e" },
    { "a revoked one through the day before it was revoked",
      { "exemption", .where = "{\"in-force\":\"2018-04-30\",\"programme\":\"a\"}" },
      KEYS,
      "a-1-e a-3-e a-3-f" },
    { "and not on that day",
      { "exemption", .where = "{\"in-force\":\"2018-05-01\"}" },
      KEYS,
      "a-1-e a-3-e" },
    { "through its last day",
      { "exemption", .where = "{\"in-force\":\"2019-12-31\"}" },
      KEYS,
      "a-1-e" },
    { "and not after it", { "exemption", .where = "{\"in-force\":\"2020-01-01\"}" }, KEYS, "" },
    { "an instant stands for its UTC day",
      { "exemption", .where = "{\"in-force\":\"2020-01-01T00:30:00+01:00\"}" },
      KEYS,
      "a-1-e" },
    { "its state is by events alone", { "exemption", .key = "a-3-e" }, "state", "\"granted\"" },
    { "an exemption that ended says when",
      { "exemption", .key = "a-3-f" },
      "endedOn",
      "\"2018-05-01\"" },
    { "exemptions are found by their trial",
      { "exemption", .where = "{\"subject\":\"trial/a-1\"}" },
      KEYS,
      "a-1-e" },

    { "a report covers its trials",
      { "evaluation", .key = "evaluation/r1" },
      "trials",
      "[\"a-1\",\"a-3\"]" },
    { "it is found by its whole key too",
      { "evaluation", .key = "a/evaluation/r1" },
      "dueBy",
      "\"2019-10-31\"" },
    { "it is planned at first",
      { "evaluation", .key = "evaluation/r1", .as_of = "2018-05-31" },
      "state",
      "\"planned\"" },
    { "then interim",
      { "evaluation", .key = "evaluation/r1", .as_of = "2018-06-01" },
      "state",
      "\"interim\"" },
    { "an interim one has a conclusion",
      { "evaluation", .key = "evaluation/r1", .as_of = "2018-06-01" },
      "conclusion",
      "\"mixed\"" },
    { "then published, though one of its trials was given up",
      { "evaluation", .key = "evaluation/r1", .as_of = "2019-10-15" },
      "state",
      "\"published\"" },
    { "with the conclusion of the last one",
      { "evaluation", .key = "evaluation/r1" },
      "conclusion",
      "\"positive\"" },
    { "and each trial's own",
      { "evaluation", .key = "evaluation/r1" },
      "conclusions",
      "[{\"conclusion\":\"positive\",\"publishedAt\":\"2019-10-15T12:00:00Z\","
      "\"recommendsSpread\":true,\"trial\":\"a-1\"}]" },
    { "a report whose every trial was given up is discontinued",
      { "evaluation", .where = "{\"state\":\"discontinued\"}" },
      KEYS,
      "a/evaluation/r2" },

    { "an outcome is open while the trial runs",
      { "outcome", .key = "a-1/cost/head", .as_of = "2019-06-14" },
      "result",
      "\"open\"" },
    { "its latest value is the last measured",
      { "outcome", .key = "trial/a-1/cost/head", .as_of = "2018-12-31" },
      "latest",
      "9" },
    { "only a final measurement is final",
      { "outcome", .key = "a-1/cost/head", .as_of = "2018-12-31" },
      "final",
      "null" },
    { "a completed trial without a final measurement has no result",
      { "outcome", .key = "a-1/cost/head", .as_of = "2019-06-15" },
      "result",
      "\"no-final-measurement\"" },
    { "a correction counts from its own time: before it",
      { "outcome", .key = "a-1/cost/head", .as_of = "2019-10-31" },
      "result",
      "\"reached\"" },
    { "after it", { "outcome", .key = "a-1/cost/head" }, "result", "\"improved\"" },
    { "corrections are counted where they fell",
      { "outcome", .where = "{\"corrections\":1}" },
      KEYS,
      "a-1/cost/head" },
    { "a measurement corrected is no second one",
      { "outcome", .key = "a-1/cost/head" },
      "measurements",
      "2" },
    { "what an indicator lacks is named",
      { "outcome", .key = "a-1/speed" },
      "missing",
      "[\"baseline\",\"final-measurement\"]" },
    { "a final measurement is not missing before the end",
      { "outcome", .key = "a-1/speed", .as_of = "2019-06-14" },
      "missing",
      "[\"baseline\"]" },

    { "a law has its last title", { "law", .key = "l-1" }, "title", "\"For all of us\"" },
    { "and keeps its bill", { "law", .key = "law/l-1" }, "bill", "\"L 1\"" },
    { "and what inspired it",
      { "law", .where = "{\"role\":\"general\"}" },
      "inspiredBy",
      "{\"networks\":[\"a-x\"],\"trials\":[\"a-1\"]}" },

    { "a figure is held against its own day",
      { "figure", .where = "{\"document\":\"other\"}" },
      "computed",
      "3" },
    { "it agrees as a number",
      { "figure", .where = "{\"document\":\"early\"}" },
      "agrees",
      "true" },
    { "an unknown metric is kept",
      { "figure", .where = "{\"metric\":\"happiness\"}" },
      "computed",
      "null" },
    { "and agrees with nothing",
      { "figure", .where = "{\"metric\":\"happiness\"}" },
      "agrees",
      "null" },
    { "a network's figure is of its programme",
      { "figure", .where = "{\"document\":\"theirs\"}" },
      "programme",
      "\"a\"" },
    { "figures are found by whether they agree",
      { "figure", .where = "{\"agrees\":null,\"programme\":\"a\"}" },
      KEYS,
      "a/happiness/2019-12-31/0000000066" },

    { "a foreign subject's figure is of no programme",
      { "figure", .where = "{\"document\":\"foreign\"}" },
      "computed",
      "null" },
    { "a day before the log knows of anything counts nothing",
      { "figure", .where = "{\"document\":\"other\"}", .as_of = "2016-12-31" },
      KEYS,
      "" },

    { "a rejection without a ministry is its screener's",
      { "refusal", .where = "{\"reason\":\"eu-law\"}" },
      KEYS,
      "a/eu-law/M/1/0000000001" },
    { "how a rejection is known is told apart",
      { "refusal", .key = "a/eu-law/M/1/0000000001" },
      "provenance",
      "{\"count\":{\"documented\":0,\"reconstructed\":0,\"reported\":1}}" },
    { "rejections are counted", { "refusal", .key = "a/eu-law/M/1/0000000001" }, "count", "1" },

    { "the median of an even number is the upper one",
      { "duration", .key = "a/approval//" },
      "median",
      "181" },
    { "the least is the least", { "duration", .key = "a/approval//" }, "least", "92" },
    { "a row of all rounds and ministries says nil",
      { "duration", .where = "{\"step\":\"approval\",\"round\":null,\"ministry\":null}" },
      KEYS,
      "a/approval//" },
    { "by ministry", { "duration", .key = "a/approval//M/2" }, "most", "181" },
    { "by round and ministry",
      { "duration", .where = "{\"round\":1,\"ministry\":\"M/1\",\"step\":\"start\"}" },
      "most",
      "61" },

    { "findings are those of the day asked about",
      { "finding", .as_of = "2019-10-14" },
      KEYS,
      "trial/a-1/evaluation-overdue/0000000057" },
    { "and of all that was found at the end",
      { "finding", .where = "{\"subject\":\"trial/a-1\"}" },
      KEYS,
      "trial/a-1/evaluated-late/0000000059 trial/a-1/unassessed/0000000059" },
};

static void test_row_case(void **state)
{
    const struct row_case *c = *state;
    views_answer answer = answer_to(&c->ask);

    if (c->column == KEYS) {
        assert_string_equal(keys_of(&answer), c->expected);
        return;
    }
    assert_int_equal(answer.count, 1);
    assert_string_equal(world_json(&world, trial_value_get(answer.rows[0].row, c->column)),
                        c->expected);
}

int main(void)
{
    static struct CMUnitTest tests[COUNT(row_cases)];

    for (size_t i = 0; i < COUNT(row_cases); i++) {
        tests[i] = (struct CMUnitTest){ .name = row_cases[i].name,
                                        .test_func = test_row_case,
                                        .initial_state = (void *)(uintptr_t)&row_cases[i] };
    }
    return cmocka_run_group_tests(tests, read_history, let_go);
}
