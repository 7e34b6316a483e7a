/* test_fold.c - what an event changes in its subject's state, causes missing or not. */
#include "history.h"
#include "notes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static history past;

static int forget(void **state)
{
    (void)state;
    history_done(&past);
    return 0;
}

static trial_state *get(trial_kind kind, const char *id)
{
    const trial_state *state = history_find(&past, kind, trial_text_of(id));

    assert_non_null(state);
    return (trial_state *)(uintptr_t)state;
}

static struct trial_trial *get_trial(void)
{
    return &get(TRIAL_KIND_TRIAL, "t1")->as.trial;
}

static trial_date day(const char *text)
{
    trial_date date;
    trial_error err;

    assert_int_equal(trial_date_read(trial_text_of(text), &date, &err), TRIAL_OK);
    return date;
}

/* Fold without asking whether it may happen. */
static void happens(const char *note)
{
    trial_event event = history_event(&past, note);

    history_fold(&past, &event);
}

static void assert_text(trial_text text, const char *wanted)
{
    if (!trial_text_is(text, wanted)) {
        print_error("'%.*s' is not '%s'\n", TRIAL_TEXT_ARGS(text), wanted);
    }
    assert_true(trial_text_is(text, wanted));
}

static void assert_state(const char *wanted)
{
    trial_choice state = get_trial()->state;

    assert_string_equal(trial_choice_word(&trial_choices_trial_state, state), wanted);
}

static void test_a_trial_walks_through_its_states(void **state)
{
    static const char *const rows[][2] = {
        { SUBMITTED, "submitted" },
        { SCREENED, "screened" },
        { SCREENED_FAILED, "screened-failed" },
        { ENDORSED, "endorsed" },
        { WITHDRAWN, "withdrawn" },
        { REJECTED, "rejected" },
        { APPROVED, "approved" },
        { RUNNING, "running" },
        { SUSPENDED, "suspended" },
        { SUSPENDED "trial.resumed trial/t1 N 2017-10-01\n", "running" },
        { ABANDONED, "abandoned" },
        { LAPSED, "lapsed" },
        { COMPLETED, "completed" },
        { EVALUATED, "evaluated" },
        { ASSESSED, "assessed" },
        { ASSESSED "assessment.made trial/t1 G 2019-12-01\n", "assessed" },
        { ASSESSED FINAL, "assessed" },
        { SCREENED "application.revised trial/t1 N 2016-12-20\n", "submitted" },
        { COMPLETED "evaluation.published trial/t1 N 2018-11-01 kind=interim\n", "completed" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        history_given(&past, rows[i][0]);
        assert_state(rows[i][1]);
        history_done(&past);
    }
}

static void test_a_trial_lapses_only_when_its_last_exemption_expires_unused(void **state)
{
    (void)state;
    history_given(&past,
                  ENDORSED "trial.approved trial/t1 M 2017-03-01 exemptions.1.exemptionId=e2 "
                           "exemptions.2.exemptionId=e3\n"
                           "exemption.expired trial/t1 M 2017-03-01 exemptionId=e1\n");
    assert_state("approved");
    history_given(&past, "exemption.revoked trial/t1 M 2017-03-01 exemptionId=e2\n");
    assert_state("approved");
    history_given(&past, "exemption.expired trial/t1 M 2017-03-01 exemptionId=e3\n");
    assert_state("lapsed");
    history_done(&past);
    history_given(&past, RUNNING "exemption.expired trial/t1 M 2018-12-31 validTo=2018-12-31\n");
    assert_state("running");
}

static void test_a_milestone_is_the_first_time_and_how_it_is_known(void **state)
{
    const struct trial_milestone *assessed;
    const struct trial_milestone *submitted;

    (void)state;
    history_given(&past,
                  EVALUATED "assessment.made trial/t1 G 2018-12-01 provenance=documented\n"
                            "assessment.made trial/t1 G 2019-12-01\n");
    assessed = rules_milestone(get_trial(), TRIAL_CHOICE_step_ASSESSED);
    assert_non_null(assessed);
    assert_int_equal(trial_date_of(assessed->time), day("2018-12-01"));
    assert_int_equal(assessed->position.value, past.event_count - 1);
    assert_int_equal(assessed->provenance, TRIAL_CHOICE_provenance_DOCUMENTED);
    submitted = rules_milestone(get_trial(), TRIAL_CHOICE_step_SUBMITTED);
    assert_int_equal(submitted->provenance, 0);
    assert_null(rules_milestone(get_trial(), TRIAL_CHOICE_step_ABANDONED));
    assert_int_equal(get_trial()->milestones.count, 7); /* submitted to assessed, none twice */
    assert_int_equal(trial_date_of(get_trial()->since), day("2019-12-01"));
}

static void test_a_step_without_its_cause_has_happened_all_the_same(void **state)
{
    (void)state;
    happens("evaluation.published trial/t1 N 2018-11-01 kind=final"); /* it may be no step */
    assert_int_equal(get_trial()->state, 0);
    happens("assessment.made trial/t1 G 2018-12-01");
    assert_state("assessed");
    happens("exemption.expired trial/t1 M 2018-12-31");
    happens("exemption.revoked trial/t1 M 2018-12-31");
    happens("exemption.extended trial/t1 M 2018-12-31");
    assert_int_equal(get_trial()->exemptions.count, 0);
    happens("deadline.moved programme/p1 M 2016-01-01");
    happens("round.closed programme/p1 M 2016-01-01");
    assert_int_equal(get(TRIAL_KIND_PROGRAMME, "p1")->as.programme.rounds.count, 0);
    happens("network.member-left network/n1 N 2016-01-01");
    happens("municipality.withdrawn municipality/0101 M 2016-01-01");
    assert_int_equal(get(TRIAL_KIND_NETWORK, "n1")->as.network.members.count, 0);
    happens("law.entered-into-force law/l1 M 2017-01-01 form=act");
    assert_int_equal(get(TRIAL_KIND_LAW, "l1")->as.law.state, TRIAL_CHOICE_law_state_IN_FORCE);
}

static void test_an_event_of_another_kind_of_subject_changes_nothing(void **state)
{
    (void)state;
    happens("trial.started network/n1 N 2017-05-01");
    happens("programme.opened webinar/w1 G 2017-05-01");
    assert_int_equal(get(TRIAL_KIND_NETWORK, "n1")->as.network.state, 0);
}

static void test_what_happens_twice_is_folded_once(void **state)
{
    (void)state;
    history_given(&past, WORLD);
    happens("network.member-joined network/n1 M 2017-01-01 municipality=0101");
    assert_int_equal(get(TRIAL_KIND_NETWORK, "n1")->as.network.members.count, 2);
    happens("municipality.appointed municipality/0103 G 2017-01-01");
    happens("municipality.appointed municipality/0103 G 2017-01-02");
    assert_int_equal(get(TRIAL_KIND_MUNICIPALITY, "0103")->as.municipality.appointments.count, 1);
    happens("deadline.set programme/p1 M 2017-01-01");
    happens("deadline.set programme/p1 M 2017-01-02");
    assert_int_equal(get(TRIAL_KIND_PROGRAMME, "p1")->as.programme.attached->deadlines.count, 1);
    happens("round.opened programme/p1 M 2017-01-02");
    assert_int_equal(get(TRIAL_KIND_PROGRAMME, "p1")->as.programme.rounds.count, 1);
}

static void test_a_round_that_opens_again_is_open(void **state)
{
    const struct trial_round_fact *round;

    (void)state;
    history_given(&past, WORLD "round.closed programme/p1 M 2016-12-02 received=33\n");
    happens("round.opened programme/p1 M 2017-01-02 opensOn=2017-01-02 deadline=2017-05-01");
    round = &get(TRIAL_KIND_PROGRAMME, "p1")->as.programme.rounds.items[0];
    assert_int_equal(round->deadline, day("2017-05-01"));
    assert_int_equal(round->closedAt, TRIAL_INSTANT_NONE);
    assert_false(round->received.is_set);
    happens("round.closed programme/p1 M 2017-05-02 received=41");
    assert_int_equal(round->received.value, 41);
}

static void test_memberships_end_by_leaving_or_with_the_network(void **state)
{
    const struct trial_network *network;

    (void)state;
    history_given(&past,
                  WORLD "network.coordinator-named network/n1 N 2016-11-01 contact=desk\n"
                        "network.member-left network/n1 N 2017-01-01T23:30:00-01:00\n"
                        "network.dissolved network/n1 M 2018-03-16\n");
    network = &get(TRIAL_KIND_NETWORK, "n1")->as.network;
    assert_int_equal(network->members.count, 2);
    assert_int_equal(network->members.items[0].from, day("2016-10-10"));
    assert_int_equal(network->members.items[0].to, day("2017-01-02")); /* a day is one in UTC */
    assert_int_equal(network->members.items[1].to, day("2018-03-16"));
    assert_text(network->coordinator, "0101");
    assert_text(network->contact, "desk");
    assert_int_equal(trial_date_of(network->appliedAt), day("2016-05-01"));
    assert_int_equal(trial_date_of(network->appointedAt), day("2016-10-10"));
    assert_int_equal(trial_date_of(network->endedAt), day("2018-03-16"));
    assert_int_equal(network->applicants.count, 2);
}

static void test_a_municipality_keeps_the_names_it_had(void **state)
{
    const struct trial_municipality *municipality;

    (void)state;
    history_given(&past,
                  MUNICIPALITIES ALONE
                  "municipality.registered municipality/0103 M 2017-01-01 code=0103 name=C\n"
                  "municipality.registered municipality/0103 M 2018-01-01 code=0103 name=D "
                  "region=South\n"
                  "municipality.withdrawn municipality/0103 K0103 2018-02-01 programme=p2\n"
                  "municipality.appointed municipality/0103 G 2018-03-01 programme=p2\n"
                  "municipality.withdrawn municipality/0103 K0103 2018-04-01 programme=p2\n");
    municipality = &get(TRIAL_KIND_MUNICIPALITY, "0103")->as.municipality;
    assert_text(municipality->name, "D");
    assert_text(municipality->region, "South");
    assert_int_equal(municipality->names.count, 2);
    assert_text(municipality->names.items[0].name, "C");
    assert_int_equal(municipality->appointments.items[0].from, day("2016-02-01"));
    assert_int_equal(municipality->appointments.items[0].to, day("2018-02-01"));
    assert_int_equal(municipality->appointments.count, 2);
    assert_int_equal(municipality->appointments.items[1].to, day("2018-04-01"));
}

static void test_a_programme_keeps_its_period_and_its_rounds(void **state)
{
    const struct trial_programme *programme;

    (void)state;
    history_given(&past,
                  AGREED OPENED ROUND
                  "programme.extended programme/p1 G 2016-10-10 from=2019-12-31 to=2020-06-30\n"
                  "round.closed programme/p1 M 2016-12-01 received=33\n"
                  "deadline.set programme/p1 M 2016-01-15\n"
                  "deadline.moved programme/p1 M 2016-03-30 from=2016-01-15 to=2016-06-01\n"
                  "figure.reported programme/p1 P 2016-08-26 metric=networks.applied value=43\n"
                  "programme.closed programme/p1 M 2020-12-31\n"
                  "programme.results-published programme/p1 M 2021-01-14\n");
    programme = &get(TRIAL_KIND_PROGRAMME, "p1")->as.programme;
    assert_int_equal(programme->periodFrom, day("2016-01-15"));
    assert_int_equal(programme->periodTo, day("2020-06-30"));
    assert_int_equal(programme->closedOn, day("2020-12-31"));
    assert_int_equal(trial_date_of(programme->resultsAt), day("2021-01-14"));
    assert_int_equal(programme->rounds.items[0].received.value, 33);
    assert_int_equal(trial_date_of(programme->rounds.items[0].closedAt), day("2016-12-01"));
    assert_int_equal(programme->attached->deadlines.items[0].due, day("2016-06-01"));
    assert_text(programme->attached->figures.items[0].metric, "networks.applied");
    assert_text(programme->attached->figures.items[0].source, "/dk/presse/p");
    assert_int_equal(programme->position.value, 2);
}

static void test_a_trial_keeps_what_each_step_said(void **state)
{
    const struct trial_trial *trial;

    (void)state;
    history_given(&past,
                  SUSPENDED "trial.resumed trial/t1 N 2017-10-01\n"
                            "trial.extended trial/t1 M 2018-06-01 from=2018-12-31 to=2019-06-30\n"
                            "exemption.extended trial/t1 M 2018-06-01 from=2018-12-31 "
                            "to=2019-12-31\n"
                            "trial.completed trial/t1 N 2018-10-01\n");
    trial = get_trial();
    assert_text(trial->programme, "p1");
    assert_text(trial->network, "n1");
    assert_int_equal(trial->round.value, 1);
    assert_int_equal(trial->participants.count, 2);
    assert_int_equal(trial->approvedParticipants.count, 2);
    assert_int_equal(trial->startedParticipants.count, 2);
    assert_int_equal(trial->plannedEnd, day("2019-06-30"));
    assert_int_equal(trial->startedOn, day("2017-05-01"));
    assert_int_equal(trial->completedOn, day("2018-10-01"));
    assert_int_equal(trial->expectedResume, TRIAL_DATE_NONE);
    assert_int_equal(trial->charters.count, 2);
    assert_int_equal(rules_exempt_until(trial), day("2019-12-31"));
    assert_text(trial->legalBasis->title, "x");
}

static void test_a_suspension_says_when_it_should_end(void **state)
{
    (void)state;
    history_given(&past,
                  RUNNING "trial.suspended trial/t1 N 2017-09-01 expectedResume=2017-12-01\n");
    assert_int_equal(get_trial()->expectedResume, day("2017-12-01"));
    history_given(&past, "trial.abandoned trial/t1 N 2017-10-01 stage=suspended reason=cost\n");
    assert_int_equal(get_trial()->expectedResume, TRIAL_DATE_NONE);
    assert_int_equal(get_trial()->abandonedAt, TRIAL_CHOICE_stage_SUSPENDED);
    assert_text(get_trial()->endReason, "cost");
}

static void test_an_end_keeps_its_reason(void **state)
{
    (void)state;
    history_given(&past, SUBMITTED "application.withdrawn trial/t1 N 2016-11-10 reason=time\n");
    assert_text(get_trial()->endReason, "time");
    history_done(&past);
    history_given(&past,
                  SUBMITTED "application.rejected trial/t1 G 2016-11-10 reason=eu-law "
                            "ministry=tax\n");
    assert_int_equal(get_trial()->rejection, TRIAL_CHOICE_rejection_EU_LAW);
    assert_text(get_trial()->ministry, "tax");
}

static void test_the_last_value_of_an_indicator_counts(void **state)
{
    const struct trial_indicator_fact *indicator;

    (void)state;
    history_given(&past,
                  RUNNING "baseline.recorded trial/t1 K 2017-05-11 value=20\n"
                          "target.set trial/t1 N 2017-05-12 value=10 direction=down\n"
                          "measurement.recorded trial/t1 K 2018-05-11 value=15\n"
                          "measurement.recorded trial/t1 K 2018-06-11 value=12 final=true\n"
                          "measurement.recorded trial/t1 K 2018-05-12 value=14\n"
                          "measurement.recorded trial/t1 K 2018-05-12 indicator=i2 unit=kr\n");
    assert_int_equal(get_trial()->indicators.count, 2);
    indicator = &get_trial()->indicators.items[0];
    assert_true(trial_number_value(indicator->baseline) == 20);
    assert_true(trial_number_value(indicator->target) == 10);
    assert_int_equal(indicator->direction, TRIAL_CHOICE_direction_DOWN);
    assert_true(trial_number_value(indicator->final) == 12);
    assert_true(trial_number_value(indicator->latest) == 14);
    assert_int_equal(indicator->latestAsOf, day("2018-05-12"));
    assert_int_equal(indicator->measurements.value, 3);
}

static void test_corrections_are_counted_for_their_indicator(void **state)
{
    trial_state *trial;
    trial_event baseline;
    trial_event target;
    trial_event measurement;

    (void)state;
    history_given(&past, RUNNING);
    trial = get(TRIAL_KIND_TRIAL, "t1");
    baseline = history_event(&past, "baseline.recorded trial/t1 K 2017-05-11");
    target = history_event(&past, "target.set trial/t1 K 2017-05-11");
    measurement = history_event(&past, "measurement.recorded trial/t1 K 2017-05-11 indicator=i2");
    rules_count_correction(trial, &baseline, &past.arena);
    rules_count_correction(trial, &target, &past.arena);
    rules_count_correction(trial, &measurement, &past.arena);
    rules_count_correction(trial, &past.events[0], &past.arena);
    assert_int_equal(trial->as.trial.indicators.items[0].corrections.value, 2);
    assert_int_equal(trial->as.trial.indicators.items[1].corrections.value, 1);
    rules_count_correction(get(TRIAL_KIND_NETWORK, "n1"), &baseline, &past.arena);
}

static void test_an_evaluation_keeps_its_plan_and_what_was_published(void **state)
{
    const struct trial_evaluation_fact *evaluation;

    (void)state;
    history_given(&past,
                  RUNNING "evaluation.published trial/t1 E 2018-01-01 evaluationId=v2 "
                          "kind=interim mode=external evaluator=KORA url=u\n"
                          "evaluation.planned trial/t1 E 2018-02-01 evaluationId=v2 "
                          "mode=external evaluator=KORA dueBy=2018-12-01\n"
                          "trial.completed trial/t1 N 2018-10-01\n"
                          "evaluation.published trial/t1 E 2018-11-01 evaluationId=v2 kind=final "
                          "mode=external evaluator=VIVE conclusion=mixed recommendsSpread=false\n"
                          "evaluation.published trial/t1 E 2018-11-02 evaluationId=v2 kind=final "
                          "mode=external evaluator=VIVE conclusion=negative\n");
    assert_int_equal(get_trial()->evaluations.count, 2);
    evaluation = &get_trial()->evaluations.items[1];
    assert_text(evaluation->evaluator, "VIVE");
    assert_text(evaluation->url, "u");
    assert_int_equal(evaluation->dueBy, day("2018-12-01"));
    assert_int_equal(trial_date_of(evaluation->plannedAt), day("2018-02-01"));
    assert_int_equal(trial_date_of(evaluation->interimAt), day("2018-01-01"));
    assert_int_equal(trial_date_of(evaluation->finalAt), day("2018-11-01"));
    assert_int_equal(evaluation->position.value, past.event_count - 3);
    assert_int_equal(evaluation->finalPosition.value, past.event_count - 1);
    assert_int_equal(evaluation->conclusion, TRIAL_CHOICE_conclusion_NEGATIVE);
}

static void test_a_law_gathers_what_its_events_say(void **state)
{
    const struct trial_law *law;

    (void)state;
    history_given(&past,
                  SUBMITTED "law.proposed law/l1 M 2017-01-01 bill=L1 role=general "
                            "inspiredBy.trials=t1\n"
                            "law.enacted law/l1 F 2017-06-01 number=658 title=Act role=general\n"
                            "law.entered-into-force law/l1 F 2017-07-01\n");
    law = &get(TRIAL_KIND_LAW, "l1")->as.law;
    assert_text(law->bill, "L1");
    assert_text(law->number, "658");
    assert_text(law->title, "Act");
    assert_int_equal(law->role, TRIAL_CHOICE_role_GENERAL);
    assert_int_equal(law->form, TRIAL_CHOICE_law_form_ACT);
    assert_int_equal(law->inForce, day("2017-07-01"));
    assert_int_equal(law->trials.count, 1);
}

static void test_knowledge_hangs_on_whatever_shares_it(void **state)
{
    (void)state;
    history_given(&past, SUBMITTED "knowledge.shared webinar/w1 E 2021-01-21 trials=t1\n");
    assert_int_equal(trial_state_attached(get(TRIAL_KIND_OTHER, "webinar/w1"))->knowledge.count, 1);
}

#define TEST(name) cmocka_unit_test_teardown(test_##name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_trial_walks_through_its_states),
        TEST(a_trial_lapses_only_when_its_last_exemption_expires_unused),
        TEST(a_milestone_is_the_first_time_and_how_it_is_known),
        TEST(a_step_without_its_cause_has_happened_all_the_same),
        TEST(an_event_of_another_kind_of_subject_changes_nothing),
        TEST(what_happens_twice_is_folded_once),
        TEST(a_round_that_opens_again_is_open),
        TEST(memberships_end_by_leaving_or_with_the_network),
        TEST(a_municipality_keeps_the_names_it_had),
        TEST(a_programme_keeps_its_period_and_its_rounds),
        TEST(a_trial_keeps_what_each_step_said),
        TEST(a_suspension_says_when_it_should_end),
        TEST(an_end_keeps_its_reason),
        TEST(the_last_value_of_an_indicator_counts),
        TEST(corrections_are_counted_for_their_indicator),
        TEST(an_evaluation_keeps_its_plan_and_what_was_published),
        TEST(a_law_gathers_what_its_events_say),
        TEST(knowledge_hangs_on_whatever_shares_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
