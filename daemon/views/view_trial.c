/* view_trial.c - where a trial stands, its next legal step and what is missing. Key: the trial's
 * id.
 *
 * `next` is the type of the event that would take it on; nil where its life is over. An assessed
 * trial may be assessed again. An approved trial of which no participant has published a charter
 * may not start: its next step is that.
 *
 * `missing` names what the state calls for and is not there:
 *   charter            approved, running, suspended: an approved participant has published none
 *   baseline, target   approved and later, unless it ended without: an indicator lacks it, or there
 *                      is no indicator at all
 *   final-measurement  completed and later: the same
 *   evaluation-plan    approved to completed: no evaluation is planned
 */
#include "views_internal.h"

/* TRIAL_EVENT_COUNT: no step is left. */
static const trial_event_type next_of_state[TRIAL_CHOICE_trial_state_END] = {
    [TRIAL_CHOICE_trial_state_NONE] = TRIAL_EVENT_COUNT,
    [TRIAL_CHOICE_trial_state_SUBMITTED] = TRIAL_EVENT_APPLICATION_SCREENED,
    [TRIAL_CHOICE_trial_state_SCREENED] = TRIAL_EVENT_APPLICATION_ENDORSED,
    [TRIAL_CHOICE_trial_state_SCREENED_FAILED] = TRIAL_EVENT_APPLICATION_REVISED,
    [TRIAL_CHOICE_trial_state_ENDORSED] = TRIAL_EVENT_TRIAL_APPROVED,
    [TRIAL_CHOICE_trial_state_WITHDRAWN] = TRIAL_EVENT_COUNT,
    [TRIAL_CHOICE_trial_state_REJECTED] = TRIAL_EVENT_COUNT,
    [TRIAL_CHOICE_trial_state_APPROVED] = TRIAL_EVENT_TRIAL_STARTED,
    [TRIAL_CHOICE_trial_state_RUNNING] = TRIAL_EVENT_TRIAL_COMPLETED,
    [TRIAL_CHOICE_trial_state_SUSPENDED] = TRIAL_EVENT_TRIAL_RESUMED,
    [TRIAL_CHOICE_trial_state_ABANDONED] = TRIAL_EVENT_COUNT,
    [TRIAL_CHOICE_trial_state_LAPSED] = TRIAL_EVENT_COUNT,
    [TRIAL_CHOICE_trial_state_COMPLETED] = TRIAL_EVENT_EVALUATION_PUBLISHED,
    [TRIAL_CHOICE_trial_state_EVALUATED] = TRIAL_EVENT_ASSESSMENT_MADE,
    [TRIAL_CHOICE_trial_state_ASSESSED] = TRIAL_EVENT_ASSESSMENT_MADE,
};

static bool has_charter(const struct trial_trial *trial, trial_text code)
{
    for (uint32_t i = 0; i < trial->charters.count; i++) {
        if (trial_text_equal(trial->charters.items[i].municipality, code)) {
            return true;
        }
    }
    return false;
}

/* How many approved participants have published a charter? */
static uint32_t count_chartered(const struct trial_trial *trial)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < trial->approvedParticipants.count; i++) {
        count += has_charter(trial, trial->approvedParticipants.items[i]);
    }
    return count;
}

static void put_next(trial_arena *arena, trial_value *row, const struct trial_trial *trial)
{
    trial_event_type next = next_of_state[trial->state];

    if (next == TRIAL_EVENT_TRIAL_STARTED && count_chartered(trial) == 0) {
        next = TRIAL_EVENT_TRIAL_CHARTER_PUBLISHED;
    }
    trial_value_set(arena,
                    row,
                    "next",
                    next == TRIAL_EVENT_COUNT
                        ? trial_value_nil(arena)
                        : trial_value_word(arena, trial_event_row_of(next)->name));
}

static void put_missing(trial_arena *arena, trial_value *row, const struct trial_trial *trial)
{
    trial_value *missing = views_put_list(arena, row, "missing");
    bool is_under_way = trial->state == TRIAL_CHOICE_trial_state_APPROVED ||
                        trial->state == TRIAL_CHOICE_trial_state_RUNNING ||
                        trial->state == TRIAL_CHOICE_trial_state_SUSPENDED;
    bool is_completed = views_is_completed(trial);
    bool lacks_baseline = trial->indicators.count == 0;
    bool lacks_target = trial->indicators.count == 0;
    bool lacks_final = trial->indicators.count == 0;
    bool is_planned = false;

    for (uint32_t i = 0; i < trial->indicators.count; i++) {
        lacks_baseline |= trial->indicators.items[i].baseline.form == TRIAL_NUMBER_ABSENT;
        lacks_target |= trial->indicators.items[i].target.form == TRIAL_NUMBER_ABSENT;
        lacks_final |= trial->indicators.items[i].final.form == TRIAL_NUMBER_ABSENT;
    }
    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        is_planned |= trial->evaluations.items[i].plannedAt != TRIAL_INSTANT_NONE;
    }
    views_miss(arena,
               missing,
               is_under_way && count_chartered(trial) < trial->approvedParticipants.count,
               TRIAL_CHOICE_missing_CHARTER);
    views_miss(arena,
               missing,
               (is_under_way || is_completed) && lacks_baseline,
               TRIAL_CHOICE_missing_BASELINE);
    views_miss(arena,
               missing,
               (is_under_way || is_completed) && lacks_target,
               TRIAL_CHOICE_missing_TARGET);
    views_miss(arena, missing, is_completed && lacks_final, TRIAL_CHOICE_missing_FINAL_MEASUREMENT);
    views_miss(arena,
               missing,
               (is_under_way || trial->state == TRIAL_CHOICE_trial_state_COMPLETED) && !is_planned,
               TRIAL_CHOICE_missing_EVALUATION_PLAN);
}

static void put_exemptions(trial_arena *arena, trial_value *row, const struct trial_trial *trial)
{
    trial_value *list = views_put_list(arena, row, "exemptions");

    for (uint32_t i = 0; i < trial->exemptions.count; i++) {
        const struct trial_exemption_fact *exemption = &trial->exemptions.items[i];
        trial_value *map = trial_value_map(arena);

        views_put_text(arena, map, "exemptionId", exemption->exemptionId);
        views_put_text(arena, map, "act", exemption->act);
        views_put_text(arena, map, "section", exemption->section);
        views_put_text(arena, map, "ministry", exemption->ministry);
        views_put_word(arena, map, "effect", &trial_choices_effect, exemption->effect);
        views_put_date(arena, map, "validFrom", exemption->validFrom);
        views_put_date(arena, map, "validTo", exemption->validTo);
        views_put_word(arena, map, "state", &trial_choices_exemption_state, exemption->state);
        trial_value_push(arena, list, map);
    }
}

static void put_evaluations(trial_arena *arena, trial_value *row, const struct trial_trial *trial)
{
    trial_value *list = views_put_list(arena, row, "evaluations");

    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        const struct trial_evaluation_fact *evaluation = &trial->evaluations.items[i];
        trial_value *map = trial_value_map(arena);

        views_put_text(arena, map, "evaluationId", evaluation->evaluationId);
        views_put_word(arena, map, "mode", &trial_choices_mode, evaluation->mode);
        views_put_text(arena, map, "evaluator", evaluation->evaluator);
        views_put_date(arena, map, "dueBy", evaluation->dueBy);
        views_put_instant(arena, map, "publishedAt", evaluation->finalAt);
        views_put_word(arena, map, "conclusion", &trial_choices_conclusion, evaluation->conclusion);
        views_put_truth(arena, map, "recommendsSpread", evaluation->recommendsSpread);
        views_put_word(arena,
                       map,
                       "state",
                       &trial_choices_evaluation_state,
                       views_evaluation_state(evaluation->finalAt != TRIAL_INSTANT_NONE,
                                              !views_ended_without(trial),
                                              evaluation->interimAt != TRIAL_INSTANT_NONE));
        trial_value_push(arena, list, map);
    }
}

static void put_indicators(trial_arena *arena, trial_value *row, const struct trial_trial *trial)
{
    trial_value *list = views_put_list(arena, row, "indicators");

    for (uint32_t i = 0; i < trial->indicators.count; i++) {
        const struct trial_indicator_fact *indicator = &trial->indicators.items[i];
        trial_value *map = trial_value_map(arena);

        views_put_text(arena, map, "indicator", indicator->indicator);
        views_put_text(arena, map, "unit", indicator->unit);
        views_put_number(arena, map, "baseline", indicator->baseline);
        views_put_number(arena, map, "target", indicator->target);
        views_put_word(arena, map, "direction", &trial_choices_direction, indicator->direction);
        views_put_date(arena, map, "dueBy", indicator->dueBy);
        views_put_number(arena, map, "latest", indicator->latest);
        views_put_number(arena, map, "final", indicator->final);
        views_put_word(
            arena, map, "result", &trial_choices_result, views_indicator_result(trial, indicator));
        trial_value_push(arena, list, map);
    }
}

static void put_charters(trial_arena *arena, trial_value *row, const struct trial_trial *trial)
{
    trial_value *list = views_put_list(arena, row, "charters");

    for (uint32_t i = 0; i < trial->charters.count; i++) {
        const struct trial_charter_fact *charter = &trial->charters.items[i];
        trial_value *map = trial_value_map(arena);

        views_put_text(arena, map, "municipality", charter->municipality);
        views_put_date(arena, map, "validFrom", charter->validFrom);
        views_put_text(arena, map, "url", charter->url);
        views_put_instant(arena, map, "time", charter->time);
        trial_value_push(arena, list, map);
    }
}

static void put_days(trial_arena *arena,
                     trial_value *map,
                     const char *name,
                     const struct trial_trial *trial,
                     trial_choice from,
                     trial_choice to)
{
    int64_t days = 0;

    if (views_days_between(trial, from, to, &days)) {
        views_put_count(arena, map, name, days);
    } else {
        views_put_nil(arena, map, name);
    }
}

static void put_times(trial_arena *arena, trial_value *row, const struct trial_trial *trial)
{
    trial_value *durations = views_put_map(arena, row, "durations");
    trial_value *milestones = views_put_map(arena, row, "milestones");

    for (uint32_t i = 0; i < VIEWS_SPANS; i++) {
        const views_span *span = &views_spans[i];

        put_days(arena,
                 durations,
                 trial_choice_word(&trial_choices_span, span->name),
                 trial,
                 span->from,
                 span->to);
    }
    for (uint32_t i = 0; i < trial->milestones.count; i++) {
        const struct trial_milestone *reached = &trial->milestones.items[i];

        views_put_instant(arena,
                          milestones,
                          trial_choice_word(&trial_choices_step, reached->step),
                          reached->time);
    }
}

/* The columns that conditions name most, first: many rows are dropped by them. */
static trial_value *begin_row(trial_arena *arena, const trial_state *state)
{
    const struct trial_trial *trial = &state->as.trial;
    trial_value *row = trial_value_map(arena);

    views_put_word(arena, row, "state", &trial_choices_trial_state, trial->state);
    views_put_text(arena, row, "programme", trial->programme);
    views_put_text(arena, row, "network", trial->network);
    views_put_integer(arena, row, "round", trial->round);
    put_next(arena, row, trial);
    put_missing(arena, row, trial);
    return row;
}

static bool make_row(void *context, const trial_state *state)
{
    views_fold *fold = context;
    trial_arena *arena = fold->arena;
    const struct trial_trial *trial = &state->as.trial;
    trial_value *row;

    if (trial->state == 0 || !views_is_wanted(fold, state->id) ||
        !views_may_fit_word(fold, "state", &trial_choices_trial_state, trial->state) ||
        !views_may_fit_text(fold, "network", trial->network)) {
        return true;
    }
    row = begin_row(arena, state);
    if (!views_may_fit(fold, row)) {
        return true;
    }
    trial_value_set(arena, row, "subject", trial_value_text(arena, views_subject_of(arena, state)));
    views_put_text(arena, row, "title", trial->title);
    views_put_text(arena, row, "theme", trial->theme);
    views_put_instant(arena, row, "since", trial->since);
    views_put_texts(arena, row, "participants", views_participants(trial));
    put_exemptions(arena, row, trial);
    put_evaluations(arena, row, trial);
    put_indicators(arena, row, trial);
    put_charters(arena, row, trial);
    views_put_text(arena, row, "ministry", trial->ministry);
    views_put_date(arena, row, "plannedStart", trial->plannedStart);
    views_put_date(arena, row, "plannedEnd", trial->plannedEnd);
    views_put_date(arena, row, "startedOn", trial->startedOn);
    views_put_date(arena, row, "completedOn", trial->completedOn);
    put_times(arena, row, trial);
    views_put_word(arena, row, "rejection", &trial_choices_rejection, trial->rejection);
    views_put_word(arena, row, "assessment", &trial_choices_assessment, trial->assessment);
    views_keep(fold, state->id, row);
    return !views_is_full(fold);
}

trial_code views_make_trial(views_fold *fold, trial_error *err)
{
    return views_walk(fold, TRIAL_KIND_TRIAL, make_row, fold, err);
}
