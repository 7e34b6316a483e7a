/* test_rules.c - the rules as a table: what is given, what happens, which rule forbids it. */
#include "history.h"
#include "notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct rule_case {
    const char *name;
    const char *given;
    const char *when;
    trial_rule verdict; /* NONE: it may happen */
    const char *field;  /* to blame; NULL where the row does not say */
};

#define YES TRIAL_RULE_NONE, NULL
#define NO(rule, field) TRIAL_RULE_##rule, field

/* clang-format off */
static const struct rule_case cases[] = {
#include "rules_programme.inc"
#include "rules_trial.inc"
#include "rules_facts.inc"
};
/* clang-format on */
#define CASE_COUNT (sizeof cases / sizeof cases[0])
#define MORE 4

static history past;

static int forget(void **state)
{
    (void)state;
    history_done(&past);
    return 0;
}

static void test_rule_case(void **state)
{
    const struct rule_case *row = *state;
    trial_error err = TRIAL_ERROR_NONE;
    trial_event event;
    trial_code code;

    history_given(&past, row->given);
    event = history_event(&past, row->when);
    code = history_judge(&past, &event, &err);
    if (err.rule != row->verdict) {
        print_error("%s: '%s' %s\n", row->name, trial_rule_name(err.rule), err.text);
    }
    assert_string_equal(trial_rule_name(err.rule), trial_rule_name(row->verdict));
    assert_int_equal(code == TRIAL_OK, row->verdict == TRIAL_RULE_NONE);
    if (row->field != NULL) {
        assert_string_equal(err.field, row->field);
    }
    if (code != TRIAL_OK) {
        assert_true(strlen(err.text) > 20);
        assert_int_equal(err.code, code);
    }
    history_fold(&past, &event); /* accepted or not, the fold survives it */
}

/* bad-range and inconsistent are `invalid` where the event alone shows it, else `refused`. */
static const struct code_case {
    const char *given;
    const char *when;
    trial_code code;
} code_cases[] = {
    { "", "municipality.registered municipality/0101 M 2016-01-01 code=0102", TRIAL_INVALID },
    { "", "programme.opened programme/p1 M 2016-01-01 periodTo=2015-01-01", TRIAL_INVALID },
    { RUNNING, "trial.abandoned trial/t1 N 2018-01-01 stage=approved", TRIAL_REFUSED },
    { RUNNING, "trial.completed trial/t1 N 2018-01-01 completedOn=2017-01-01", TRIAL_REFUSED },
    { RUNNING, "measurement.recorded trial/t1 K 2018-01-01 unit=kr", TRIAL_REFUSED },
    { WORLD, "application.submitted trial/t1 N 2016-11-01", TRIAL_INVALID },
};

static void test_a_fault_of_the_event_alone_is_invalid_and_of_the_log_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof code_cases / sizeof code_cases[0]; i++) {
        trial_error err = TRIAL_ERROR_NONE;
        trial_event event;

        history_given(&past, code_cases[i].given);
        event = history_event(&past, code_cases[i].when);
        assert_int_equal(history_judge(&past, &event, &err), code_cases[i].code);
        history_done(&past);
    }
}

static void test_a_list_that_is_too_long_for_a_sentence_is_cut_and_says_so(void **state)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_event event;
    trial_texts *participants = &event.as.trial_started.participants;

    (void)state;
    history_given(&past, APPROVED);
    event = history_event(&past, "trial.started trial/t1 N 2017-05-01");
    *participants = (trial_texts){ trial_arena_take(&past.arena, 64 * sizeof(trial_text)), 64 };
    for (uint32_t i = 0; i < participants->count; i++) {
        participants->items[i] = trial_text_of(history_name(&past, "9", 100 + i));
    }
    assert_int_equal(history_judge(&past, &event, &err), TRIAL_REFUSED);
    assert_non_null(strstr(err.text, "9100, 9101, "));
    assert_string_equal(err.text + strlen(err.text) - 5, ", ...");
    assert_null(strstr(err.text, "9163"));
}

static trial_event_type type_of(const char *note)
{
    size_t size = strcspn(note, " ");

    return trial_event_named((trial_text){ note, (uint32_t)size });
}

static void test_every_event_type_has_an_accepting_and_a_refusing_case(void **state)
{
    bool has_yes[TRIAL_EVENT_COUNT] = { false };
    bool has_no[TRIAL_EVENT_COUNT] = { false };
    bool is_complete = true;

    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        trial_event_type type = type_of(cases[i].when);

        assert_true(type < TRIAL_EVENT_COUNT);
        has_yes[type] |= cases[i].verdict == TRIAL_RULE_NONE;
        has_no[type] |= cases[i].verdict != TRIAL_RULE_NONE;
    }
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        if (!has_yes[type] || !has_no[type]) {
            print_error("%s has no case that is %s\n",
                        trial_event_row_of(type)->name,
                        has_yes[type] ? "refused" : "accepted");
            is_complete = false;
        }
    }
    assert_true(is_complete);
}

static void test_every_state_of_a_trial_refuses_what_is_no_step_of_it(void **state)
{
    static const struct {
        const char *given;
        const char *steps; /* the letters of what may happen then */
    } rows[] = {
        { SUBMITTED, "rswj" },
        { SCREENED, "rwje" },
        { SCREENED_FAILED, "rwj" },
        { ENDORSED, "wja" },
        { APPROVED CHARTERS, "ctxbgp" },
        { RUNNING, "cuxobgmpi" },
        { SUSPENDED, "cvxmpi" },
        { COMPLETED, "mpiF" },
        { EVALUATED, "FA" },
        { ASSESSED, "FA" },
        { WITHDRAWN, "" },
        { REJECTED, "" },
        { ABANDONED, "" },
        { LAPSED, "" },
    };
    static const struct {
        char letter;
        const char *note;
    } steps[] = {
        { 'n', "application.submitted trial/t1 N 2018-12-31 network=n1" },
        { 'r', "application.revised trial/t1 N 2018-12-31" },
        { 's', "application.screened trial/t1 M 2018-12-31" },
        { 'w', "application.withdrawn trial/t1 N 2018-12-31" },
        { 'j', "application.rejected trial/t1 G 2018-12-31" },
        { 'e', "application.endorsed trial/t1 G 2018-12-31" },
        { 'a', "trial.approved trial/t1 M 2018-12-31" },
        { 'c', "trial.charter-published trial/t1 K0101 2018-12-31" },
        { 't', "trial.started trial/t1 N 2018-12-31" },
        { 'u', "trial.suspended trial/t1 N 2018-12-31" },
        { 'v', "trial.resumed trial/t1 N 2018-12-31" },
        { 'x', "trial.extended trial/t1 M 2018-12-31 from=2018-12-31 to=2019-06-30" },
        { 'o', "trial.completed trial/t1 N 2018-12-31" },
        { 'b', "baseline.recorded trial/t1 K 2018-12-31" },
        { 'g', "target.set trial/t1 N 2018-12-31" },
        { 'm', "measurement.recorded trial/t1 K 2018-12-31" },
        { 'p', "evaluation.planned trial/t1 N 2018-12-31" },
        { 'i', "evaluation.published trial/t1 N 2018-12-31 kind=interim" },
        { 'F', "evaluation.published trial/t1 N 2018-12-31 kind=final" },
        { 'A', "assessment.made trial/t1 G 2018-12-31" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        history_given(&past, rows[i].given);
        for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
            bool is_legal = strchr(rows[i].steps, steps[k].letter) != NULL;
            trial_event event = history_event(&past, steps[k].note);
            trial_error err = TRIAL_ERROR_NONE;
            trial_code code = history_judge(&past, &event, &err);

            if (is_legal != (err.rule != TRIAL_RULE_ILLEGAL_TRANSITION)) {
                print_error("%s in row %zu: %d %s\n", steps[k].note, i, code, err.text);
            }
            assert_int_equal(is_legal, err.rule != TRIAL_RULE_ILLEGAL_TRANSITION);
        }
        history_done(&past);
    }
}

int main(void)
{
    struct CMUnitTest tests[CASE_COUNT + MORE];

    for (size_t i = 0; i < CASE_COUNT; i++) {
        tests[i] = (struct CMUnitTest){
            cases[i].name, test_rule_case, NULL, forget, (void *)(uintptr_t)&cases[i]
        };
    }
    tests[CASE_COUNT] = (struct CMUnitTest)cmocka_unit_test_teardown(
        test_a_fault_of_the_event_alone_is_invalid_and_of_the_log_refused, forget);
    tests[CASE_COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(
        test_every_event_type_has_an_accepting_and_a_refusing_case);
    tests[CASE_COUNT + 2] = (struct CMUnitTest)cmocka_unit_test_teardown(
        test_every_state_of_a_trial_refuses_what_is_no_step_of_it, forget);
    tests[CASE_COUNT + 3] = (struct CMUnitTest)cmocka_unit_test_teardown(
        test_a_list_that_is_too_long_for_a_sentence_is_cut_and_says_so, forget);
    return _cmocka_run_group_tests("rules", tests, CASE_COUNT + MORE, NULL, NULL);
}
