/* test_findings.c - what an auditor is told about a subject on a day, and by which event. */
#include "history.h"
#include "notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LATE_FINAL "evaluation.published trial/t1 N 2019-01-01T00:00:00Z kind=final\n"
#define PLAN_TO_2019 "trial.extended trial/t1 M 2018-06-01 from=2018-12-31 to=2019-12-31\n"
#define SUSPENDED_LATE "trial.suspended trial/t1 N 2019-01-05\n"
#define LAST_DAY "evaluation.published trial/t1 N 2018-12-31T23:59:59Z kind=final\n"
#define PLANNED_AGAIN "evaluation.planned trial/t1 N 2017-04-14 evaluationId=v2 dueBy=2019-06-30\n"
#define MEASURED_AT_THE_START                                                                      \
    "baseline.recorded trial/t1 K 2017-05-01\ntarget.set trial/t1 K 2017-05-01\n"
#define REVOKED "exemption.revoked trial/t1 M 2018-06-02\n"

static const struct finding_case {
    const char *name;
    const char *given;
    const char *today;
    const char *found; /* the rules' names, in order */
    const char *by;    /* type of the event the last of them stands at, NULL: not looked at */
} cases[] = {
    { "nothing stands out before an approval", ENDORSED, "2017-02-02", "", NULL },
    { "an approved trial wants a plan",
      APPROVED,
      "2017-03-01",
      "no-evaluation-plan",
      "trial.approved" },
    { "a plan is all it wants", APPROVED PLANNED, "2017-05-01", "", NULL },
    { "an evaluation that was never planned is no plan",
      APPROVED CHARTERS MEASURABLE START
      "evaluation.published trial/t1 N 2017-06-01 kind=interim\n",
      "2017-06-01",
      "no-evaluation-plan",
      "trial.approved" },
    { "an abandoned trial still wanted a plan",
      ABANDONED,
      "2017-05-01",
      "no-evaluation-plan",
      "trial.approved" },
    { "a trial that is measured runs in peace", RUNNING, "2018-12-31", "", NULL },
    { "a start without baseline and target stands out",
      APPROVED CHARTERS PLANNED START,
      "2017-05-01",
      "no-baseline no-target",
      "trial.started" },
    { "a baseline recorded after the start comes too late",
      APPROVED CHARTERS PLANNED START "baseline.recorded trial/t1 K 2017-05-02\n"
                                      "target.set trial/t1 K 2017-05-02\n",
      "2017-05-02",
      "no-baseline no-target",
      "trial.started" },
    { "a start that reaches the log late was without what was measured since",
      APPROVED CHARTERS PLANNED "baseline.recorded trial/t1 K 2017-05-02\n"
                                "target.set trial/t1 K 2017-05-02\n" START,
      "2017-05-03",
      "no-baseline no-target",
      "trial.started" },
    { "a later baseline takes nothing from the first",
      APPROVED CHARTERS PLANNED MEASURABLE START "baseline.recorded trial/t1 K 2017-05-02\n"
                                                 "target.set trial/t1 K 2017-05-02\n",
      "2017-05-03",
      "",
      NULL },
    { "what was measured before the start may reach the log after it",
      APPROVED CHARTERS PLANNED START "baseline.recorded trial/t1 K 2017-04-30\n"
                                      "target.set trial/t1 K 2017-04-30\n",
      "2017-05-02",
      "",
      NULL },
    { "a trial may run on its last planned day", RUNNING, "2018-12-31", "", NULL },
    { "a trial runs past its plan and its exemption",
      RUNNING,
      "2019-01-01",
      "past-planned-end past-exemption",
      "trial.started" },
    { "an extended plan leaves the exemption",
      RUNNING PLAN_TO_2019,
      "2019-01-01",
      "past-exemption",
      "trial.started" },
    { "a revoked exemption ends the day before",
      RUNNING REVOKED,
      "2018-06-02",
      "past-exemption",
      "trial.started" },
    { "a revoked exemption holds until then", RUNNING REVOKED, "2018-06-01", "", NULL },
    { "a suspended trial does not run", SUSPENDED, "2019-06-01", "", NULL },
    { "a trial ran until it was completed",
      RUNNING "trial.completed trial/t1 N 2019-01-05 completedOn=2019-01-05\n",
      "2018-01-01",
      "past-planned-end past-exemption",
      "trial.completed" },
    { "a trial that ended in time ended in time", COMPLETED, "2018-12-31", "", NULL },
    { "a trial ran until it was given up",
      RUNNING PLAN_TO_2019 "trial.abandoned trial/t1 N 2019-01-05 stage=running\n",
      "2018-01-01",
      "past-exemption",
      "trial.abandoned" },
    { "a trial that is given up while suspended ran until it was suspended",
      RUNNING SUSPENDED_LATE "trial.abandoned trial/t1 N 2019-06-01 stage=suspended\n",
      "2018-01-01",
      "past-planned-end past-exemption",
      "trial.abandoned" },
    { "of two suspensions the last one ended it",
      RUNNING PLAN_TO_2019 "trial.suspended trial/t1 N 2017-09-01\n"
                           "trial.resumed trial/t1 N 2017-10-01\n" SUSPENDED_LATE
                           "trial.abandoned trial/t1 N 2019-06-01 stage=suspended\n",
      "2018-01-01",
      "past-exemption",
      "trial.abandoned" },
    { "a trial that was suspended in time may be given up later",
      SUSPENDED "trial.abandoned trial/t1 N 2019-06-01 stage=suspended\n",
      "2020-01-01",
      "",
      NULL },
    { "a trial that went on and was given up ran until then",
      SUSPENDED "trial.resumed trial/t1 N 2017-10-01\n" PLAN_TO_2019
                "trial.abandoned trial/t1 N 2019-01-05 stage=running\n",
      "2018-01-01",
      "past-exemption",
      "trial.abandoned" },
    { "an evaluation is overdue the day after it was due",
      COMPLETED,
      "2019-01-01",
      "evaluation-overdue",
      "trial.completed" },
    { "an interim evaluation is not the one that is due",
      COMPLETED "evaluation.published trial/t1 N 2018-12-01 kind=interim\n",
      "2019-01-01",
      "evaluation-overdue",
      "trial.completed" },
    { "a final evaluation on its last day is in time",
      COMPLETED LAST_DAY,
      "2019-01-01",
      "unassessed",
      NULL },
    { "the first of two plans is overdue first",
      COMPLETED PLANNED_AGAIN,
      "2019-01-01",
      "evaluation-overdue",
      NULL },
    { "what was measured at the instant of the start is in time",
      APPROVED CHARTERS PLANNED START MEASURED_AT_THE_START,
      "2017-05-02",
      "",
      NULL },
    { "a final evaluation on the next day is late",
      COMPLETED LATE_FINAL "assessment.made trial/t1 G 2019-02-01\n",
      "2019-02-01",
      "evaluated-late",
      "evaluation.published" },
    { "an evaluated trial waits for its assessment",
      EVALUATED,
      "2018-11-01",
      "unassessed",
      "evaluation.published" },
    { "an assessed trial waits for nothing", ASSESSED, "2025-01-01", "", NULL },
};

static history past;

static int forget(void **state)
{
    (void)state;
    history_done(&past);
    return 0;
}

static trial_date day(const char *text)
{
    trial_date date;
    trial_error err;

    assert_int_equal(trial_date_read(trial_text_of(text), &date, &err), TRIAL_OK);
    return date;
}

static const trial_state *the_trial(void)
{
    const trial_state *state = history_find(&past, TRIAL_KIND_TRIAL, TRIAL_TEXT("t1"));

    assert_non_null(state);
    return state;
}

static void test_finding_case(void **state)
{
    const struct finding_case *row = *state;
    rules_findings found;
    char names[256] = "";
    size_t used = 0;

    history_given(&past, row->given);
    found = rules_find(the_trial(), day(row->today), &past.arena);
    for (uint32_t i = 0; i < found.count; i++) {
        used += (size_t)snprintf(names + used,
                                 sizeof names - used,
                                 "%s%s",
                                 i == 0 ? "" : " ",
                                 trial_rule_name(found.items[i].rule));
        assert_true(found.items[i].message.size > 10);
    }
    assert_string_equal(names, row->found);
    if (row->by != NULL) {
        const rules_finding *last = &found.items[found.count - 1];
        const trial_event *event = &past.events[last->position - 1];

        assert_string_equal(trial_event_row_of(event->type)->name, row->by);
        assert_int_equal(last->time, event->time);
    }
}

static void test_a_breach_is_found_under_its_rule_on_any_subject(void **state)
{
    rules_findings found;
    trial_event event;
    const trial_state *programme;

    (void)state;
    history_given(&past, OPENED);
    programme = history_find(&past, TRIAL_KIND_PROGRAMME, TRIAL_TEXT("p1"));
    event = history_event(&past, "round.opened programme/p1 M 2016-10-10");
    event.position = 7;
    rules_note_breach((trial_state *)(uintptr_t)programme,
                      &event,
                      TRIAL_RULE_BAD_RANGE,
                      "it ended before it began",
                      &past.arena);
    found = rules_find(programme, day("2016-10-10"), &past.arena);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.items[0].rule, TRIAL_RULE_BAD_RANGE);
    assert_int_equal(found.items[0].position, 7);
    assert_int_equal(found.items[0].time, event.time);
    assert_true(trial_text_is(found.items[0].message, "it ended before it began"));
}

static void
test_an_exemption_is_in_force_through_its_last_day_or_before_its_revocation(void **state)
{
    struct trial_exemption_fact fact = { .validFrom = 100,
                                         .validTo = 200,
                                         .state = TRIAL_CHOICE_exemption_state_GRANTED,
                                         .endedOn = TRIAL_DATE_NONE };

    (void)state;
    assert_false(rules_in_force(&fact, 99));
    assert_true(rules_in_force(&fact, 100));
    assert_true(rules_in_force(&fact, 200));
    assert_false(rules_in_force(&fact, 201));
    fact.state = TRIAL_CHOICE_exemption_state_EXPIRED;
    fact.endedOn = 200;
    assert_true(rules_in_force(&fact, 200));
    fact.state = TRIAL_CHOICE_exemption_state_REVOKED;
    fact.endedOn = 150;
    assert_true(rules_in_force(&fact, 149));
    assert_false(rules_in_force(&fact, 150));
}

static void test_a_trial_without_exemptions_has_no_last_exempt_day(void **state)
{
    (void)state;
    history_given(&past, ENDORSED);
    assert_int_equal(rules_exempt_until(&the_trial()->as.trial), TRIAL_DATE_NONE);
}

#define CASE_COUNT (sizeof cases / sizeof cases[0])
#define MORE 3

int main(void)
{
    struct CMUnitTest tests[CASE_COUNT + MORE] = { 0 };
    static const struct CMUnitTest more[MORE] = {
        cmocka_unit_test_teardown(test_a_breach_is_found_under_its_rule_on_any_subject, forget),
        cmocka_unit_test(
            test_an_exemption_is_in_force_through_its_last_day_or_before_its_revocation),
        cmocka_unit_test_teardown(test_a_trial_without_exemptions_has_no_last_exempt_day, forget),
    };

    for (size_t i = 0; i < CASE_COUNT; i++) {
        tests[i] = (struct CMUnitTest){
            cases[i].name, test_finding_case, NULL, forget, (void *)(uintptr_t)&cases[i]
        };
    }
    memcpy(tests + CASE_COUNT, more, sizeof more);
    return _cmocka_run_group_tests("findings", tests, CASE_COUNT + MORE, NULL, NULL);
}
