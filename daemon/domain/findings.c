/* findings.c - what stands out about a subject on a day. Pure in (state, day); nothing is refused.
 */
#include "rules_internal.h"

typedef struct finder {
    rules_findings found;
    const struct trial_trial *trial;
    trial_date today;
    trial_arena *arena;
    bool is_told; /* messages are wanted */
} finder;         /* passed on as `in`: the findings are put in it */

/* The sentence of a finding, if somebody wants to hear it: an append compares what stood out before
 * with what does now, and seldom tells. */
#define SAY(in, ...)                                                                               \
    ((in)->is_told ? trial_arena_print((in)->arena, __VA_ARGS__) : (trial_text){ 0 })

static void
add(finder *in, trial_rule rule, trial_instant time, trial_integer position, trial_text message)
{
    rules_findings *found = &in->found;

    found->items = trial_arena_grow(
        in->arena, found->items, found->count, (size_t)found->count + 1, sizeof *found->items);
    found->items[found->count++] = (rules_finding){ rule, time, position.value, message };
}

/* Add a finding that the event behind a milestone makes. */
static void
add_at(finder *in, trial_rule rule, const struct trial_milestone *milestone, trial_text message)
{
    add(in, rule, milestone->time, milestone->position, message);
}

trial_date rules_exempt_until(const struct trial_trial *trial)
{
    trial_date until = TRIAL_DATE_NONE;

    for (uint32_t i = 0; i < trial->exemptions.count; i++) {
        const struct trial_exemption_fact *fact = &trial->exemptions.items[i];
        trial_date end = fact->validTo;

        if (fact->state == EXEMPTION_AT(REVOKED) && fact->endedOn <= end) {
            end = fact->endedOn - 1;
        }
        until = end > until ? end : until;
    }
    return until;
}

bool rules_in_force(const struct trial_exemption_fact *exemption, trial_date day)
{
    if (day < exemption->validFrom || day > exemption->validTo) {
        return false;
    }
    return exemption->state != EXEMPTION_AT(REVOKED) || day < exemption->endedOn;
}

/* The last day a trial ran that was given up in that state. */
static trial_date ran_until_given_up(const struct trial_trial *trial)
{
    switch (trial->abandonedAt) {
    case TRIAL_CHOICE_stage_RUNNING:
        return trial_date_of(trial->since);
    case TRIAL_CHOICE_stage_SUSPENDED:
        return trial->suspendedOn;
    default:
        return TRIAL_DATE_NONE; /* before the start */
    }
}

/* The last day the trial ran: today while it runs; NONE where it never did or nobody knows. */
static trial_date ran_until(const finder *in)
{
    const struct trial_trial *trial = in->trial;

    switch (trial->state) {
    case TRIAL_AT(RUNNING):
        return in->today;
    case TRIAL_AT(SUSPENDED):
        return trial->suspendedOn;
    case TRIAL_AT(COMPLETED):
    case TRIAL_AT(EVALUATED):
    case TRIAL_AT(ASSESSED):
        return trial->completedOn;
    case TRIAL_AT(ABANDONED):
        return ran_until_given_up(trial);
    default:
        return TRIAL_DATE_NONE; /* before the start, or ended without one */
    }
}

static void find_start(finder *in)
{
    const struct trial_trial *trial = in->trial;
    const struct trial_milestone *started = rules_milestone(trial, TRIAL_CHOICE_step_STARTED);

    if (started == NULL) {
        return;
    }
    if (trial->baselineAt == TRIAL_INSTANT_NONE || trial->baselineAt > started->time) {
        add_at(in,
               TRIAL_RULE_NO_BASELINE,
               started,
               SAY(in, "started on %s without a baseline", rules_day(trial->startedOn).text));
    }
    if (trial->targetAt == TRIAL_INSTANT_NONE || trial->targetAt > started->time) {
        add_at(in,
               TRIAL_RULE_NO_TARGET,
               started,
               SAY(in, "started on %s without a target", rules_day(trial->startedOn).text));
    }
}

static void find_plan(finder *in)
{
    const struct trial_trial *trial = in->trial;
    const struct trial_milestone *approved = rules_milestone(trial, TRIAL_CHOICE_step_APPROVED);

    if (approved == NULL) {
        return;
    }
    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        if (trial->evaluations.items[i].plannedAt != TRIAL_INSTANT_NONE) {
            return;
        }
    }
    add_at(in,
           TRIAL_RULE_NO_EVALUATION_PLAN,
           approved,
           SAY(in,
               "approved on %s, and no evaluation is planned",
               rules_day(trial_date_of(approved->time)).text));
}

/* The event that made the trial run so long: its end, else its start. */
static const struct trial_milestone *milestone_of_run(const struct trial_trial *trial)
{
    const struct trial_milestone *end = rules_milestone(trial, TRIAL_CHOICE_step_COMPLETED);

    end = end == NULL ? rules_milestone(trial, TRIAL_CHOICE_step_ABANDONED) : end;
    return end == NULL ? rules_milestone(trial, TRIAL_CHOICE_step_STARTED) : end;
}

static void find_run(finder *in)
{
    const struct trial_trial *trial = in->trial;
    const struct trial_milestone *by = milestone_of_run(trial);
    const char *runs = trial->state == TRIAL_AT(RUNNING) ? "runs" : "ran until";
    trial_date exempt_until = rules_exempt_until(trial);
    trial_date until = ran_until(in);

    if (by == NULL || until == TRIAL_DATE_NONE) {
        return;
    }
    if (trial->plannedEnd != TRIAL_DATE_NONE && until > trial->plannedEnd) {
        add_at(in,
               TRIAL_RULE_PAST_PLANNED_END,
               by,
               SAY(in,
                   "%s %s, past its planned end on %s",
                   runs,
                   rules_day(until).text,
                   rules_day(trial->plannedEnd).text));
    }
    if (exempt_until != TRIAL_DATE_NONE && until > exempt_until) {
        add_at(in,
               TRIAL_RULE_PAST_EXEMPTION,
               by,
               SAY(in,
                   "%s %s, but its last exemption ended on %s",
                   runs,
                   rules_day(until).text,
                   rules_day(exempt_until).text));
    }
}

/* The earliest day by which an evaluation was planned; NONE where none was. */
static trial_date first_due(const struct trial_trial *trial)
{
    trial_date due = TRIAL_DATE_NONE;

    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        trial_date other = trial->evaluations.items[i].dueBy;

        if (other != TRIAL_DATE_NONE && (due == TRIAL_DATE_NONE || other < due)) {
            due = other;
        }
    }
    return due;
}

static void find_overdue(finder *in)
{
    const struct trial_trial *trial = in->trial;
    const struct trial_milestone *completed = rules_milestone(trial, TRIAL_CHOICE_step_COMPLETED);
    trial_date due = first_due(trial);

    if (trial->state != TRIAL_AT(COMPLETED) || completed == NULL || due == TRIAL_DATE_NONE ||
        in->today <= due) {
        return;
    }
    add_at(in,
           TRIAL_RULE_EVALUATION_OVERDUE,
           completed,
           SAY(in,
               "completed on %s, and its evaluation was due by %s",
               rules_day(trial->completedOn).text,
               rules_day(due).text));
}

static void find_late(finder *in)
{
    const struct trial_trial *trial = in->trial;

    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        const struct trial_evaluation_fact *evaluation = &trial->evaluations.items[i];

        if (evaluation->finalAt == TRIAL_INSTANT_NONE || evaluation->dueBy == TRIAL_DATE_NONE ||
            trial_date_of(evaluation->finalAt) <= evaluation->dueBy) {
            continue;
        }
        add(in,
            TRIAL_RULE_EVALUATED_LATE,
            evaluation->finalAt,
            evaluation->finalPosition,
            SAY(in,
                "evaluation '%.*s' was due by %s and published on %s",
                TRIAL_TEXT_ARGS(evaluation->evaluationId),
                rules_day(evaluation->dueBy).text,
                rules_day(trial_date_of(evaluation->finalAt)).text));
    }
}

static void find_unassessed(finder *in)
{
    const struct trial_milestone *evaluated =
        rules_milestone(in->trial, TRIAL_CHOICE_step_EVALUATED);

    if (in->trial->state != TRIAL_AT(EVALUATED) || evaluated == NULL) {
        return;
    }
    add_at(in,
           TRIAL_RULE_UNASSESSED,
           evaluated,
           SAY(in,
               "evaluated on %s, and the government has not assessed it",
               rules_day(trial_date_of(evaluated->time)).text));
}

/* Breaches are kept in the state as they were noted, in the order of the log. */
static void find_breaches(finder *in, const trial_state *state)
{
    const struct trial_attached *attached = trial_state_attached(state);

    for (uint32_t i = 0; attached != NULL && i < attached->breaches.count; i++) {
        const struct trial_breach_fact *breach = &attached->breaches.items[i];
        trial_rule rule = trial_rule_named(breach->rule);

        /* A rule that this version does not know any more has nothing to say. */
        if (rule != TRIAL_RULE_COUNT) {
            add(in, rule, breach->time, breach->position, breach->message);
        }
    }
}

static rules_findings
find(const trial_state *state, trial_date today, bool is_told, trial_arena *arena)
{
    finder in = { .today = today, .arena = arena, .is_told = is_told };

    find_breaches(&in, state);
    if (state->kind == TRIAL_KIND_TRIAL) {
        in.trial = &state->as.trial;
        find_start(&in);
        find_plan(&in);
        find_run(&in);
        find_overdue(&in);
        find_late(&in);
        find_unassessed(&in);
    }
    return in.found;
}

rules_findings rules_find(const trial_state *state, trial_date today, trial_arena *arena)
{
    return find(state, today, true, arena);
}

rules_findings rules_find_quietly(const trial_state *state, trial_date today, trial_arena *arena)
{
    return find(state, today, false, arena);
}
