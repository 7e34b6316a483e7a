/* rules_outcome.c - indicators: what they were, what they shall become, what they are. */
#include "rules_internal.h"

static struct trial_indicator_fact *find_indicator(const struct trial_trial *trial, trial_text name)
{
    for (uint32_t i = 0; i < trial->indicators.count; i++) {
        if (trial_text_equal(trial->indicators.items[i].indicator, name)) {
            return &trial->indicators.items[i];
        }
    }
    return NULL;
}

static struct trial_indicator_fact *
make_indicator(struct trial_trial *trial, trial_text name, trial_text unit, trial_arena *arena)
{
    struct trial_indicator_fact *indicator = find_indicator(trial, name);

    if (indicator == NULL) {
        indicator = RULES_ADD(arena, &trial->indicators, indicator_fact);
        indicator->indicator = name;
        indicator->unit = unit;
    }
    return indicator;
}

/* An indicator keeps the unit it was first named with. */
static trial_code
judge_unit(const rules_asked *asked, trial_text name, trial_text unit, trial_error *err)
{
    const struct trial_indicator_fact *known = find_indicator(&asked->state->as.trial, name);

    if (known == NULL || trial_text_equal(known->unit, unit)) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule_as(err,
                             TRIAL_RULE_INCONSISTENT,
                             TRIAL_REFUSED,
                             "'%.*s' of %.*s is counted in '%.*s', not in '%.*s'",
                             TRIAL_TEXT_ARGS(name),
                             TRIAL_TEXT_ARGS(asked->event->subject),
                             TRIAL_TEXT_ARGS(known->unit),
                             TRIAL_TEXT_ARGS(unit));
    return trial_fail_field(err, "data.unit");
}

/* Facts may come late, and so may the start: whether one was there in time is for the times to say,
 * whichever the log learnt first. */
static void keep_earlier(trial_instant *kept, trial_instant time)
{
    if (*kept == TRIAL_INSTANT_NONE || time < *kept) {
        *kept = time;
    }
}

trial_code decide_baseline_recorded(const rules_asked *asked, trial_error *err)
{
    const struct trial_baseline_recorded *event = &asked->event->as.baseline_recorded;

    return judge_unit(asked, event->indicator, event->unit, err);
}

void apply_baseline_recorded(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_baseline_recorded *recorded = &event->as.baseline_recorded;
    struct trial_trial *trial = &state->as.trial;
    struct trial_indicator_fact *indicator =
        make_indicator(trial, recorded->indicator, recorded->unit, arena);

    indicator->baseline = recorded->value;
    indicator->baselineAsOf = recorded->asOf;
    keep_earlier(&trial->baselineAt, event->time);
}

trial_code decide_target_set(const rules_asked *asked, trial_error *err)
{
    const struct trial_target_set *event = &asked->event->as.target_set;

    return judge_unit(asked, event->indicator, event->unit, err);
}

void apply_target_set(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_target_set *set = &event->as.target_set;
    struct trial_trial *trial = &state->as.trial;
    struct trial_indicator_fact *indicator =
        make_indicator(trial, set->indicator, set->unit, arena);

    indicator->target = set->value;
    indicator->direction = set->direction;
    indicator->dueBy = set->dueBy;
    indicator->position = rules_position(event);
    keep_earlier(&trial->targetAt, event->time);
}

trial_code decide_measurement_recorded(const rules_asked *asked, trial_error *err)
{
    const struct trial_measurement_recorded *event = &asked->event->as.measurement_recorded;

    return judge_unit(asked, event->indicator, event->unit, err);
}

void apply_measurement_recorded(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_measurement_recorded *recorded = &event->as.measurement_recorded;
    struct trial_indicator_fact *indicator =
        make_indicator(&state->as.trial, recorded->indicator, recorded->unit, arena);

    indicator->latest = recorded->value;
    indicator->latestAsOf = recorded->asOf;
    indicator->measurements = (trial_integer){ indicator->measurements.value + 1, true };
    if (recorded->final.value) {
        indicator->final = recorded->value;
        indicator->finalAsOf = recorded->asOf;
    }
}

void rules_count_correction(trial_state *state, const trial_event *event, trial_arena *arena)
{
    struct trial_indicator_fact *indicator = NULL;
    struct trial_trial *trial = &state->as.trial;

    if (state->kind != TRIAL_KIND_TRIAL) {
        return;
    }
    if (event->type == TRIAL_EVENT_BASELINE_RECORDED) {
        const struct trial_baseline_recorded *recorded = &event->as.baseline_recorded;

        indicator = make_indicator(trial, recorded->indicator, recorded->unit, arena);
    } else if (event->type == TRIAL_EVENT_TARGET_SET) {
        const struct trial_target_set *set = &event->as.target_set;

        indicator = make_indicator(trial, set->indicator, set->unit, arena);
    } else if (event->type == TRIAL_EVENT_MEASUREMENT_RECORDED) {
        const struct trial_measurement_recorded *recorded = &event->as.measurement_recorded;

        indicator = make_indicator(trial, recorded->indicator, recorded->unit, arena);
    }
    if (indicator != NULL) {
        indicator->corrections = (trial_integer){ indicator->corrections.value + 1, true };
    }
}
