/* view_outcome.c - per trial and indicator: baseline, target, measurements, reached? Key: trial id,
 * indicator.
 *
 * `final-measurement` is missing from the day the trial is completed on. A trial without any
 * indicator has no row here; the view `trial` names what it is missing.
 */
#include "views_internal.h"

static bool add_rows(void *context, const trial_state *state)
{
    views_fold *fold = context;
    trial_arena *arena = fold->arena;
    const struct trial_trial *trial = &state->as.trial;

    for (uint32_t i = 0; i < trial->indicators.count; i++) {
        const struct trial_indicator_fact *indicator = &trial->indicators.items[i];
        trial_text parts[] = { state->id, indicator->indicator };
        trial_text key = views_key(arena, parts, 2);
        const char *result =
            trial_choice_word(&trial_choices_result, views_indicator_result(trial, indicator));
        trial_value *row;

        if (!views_is_wanted(fold, key) ||
            !views_may_fit_text(fold, "result", trial_text_of(result))) {
            continue;
        }
        row = trial_value_map(arena);
        trial_value_set(
            arena, row, "subject", trial_value_text(arena, views_subject_of(arena, state)));
        views_put_text(arena, row, "programme", trial->programme);
        views_put_text(arena, row, "indicator", indicator->indicator);
        views_put_text(arena, row, "unit", indicator->unit);
        views_put_number(arena, row, "baseline", indicator->baseline);
        views_put_number(arena, row, "target", indicator->target);
        views_put_word(arena, row, "direction", &trial_choices_direction, indicator->direction);
        views_put_date(arena, row, "dueBy", indicator->dueBy);
        views_put_number(arena, row, "latest", indicator->latest);
        views_put_number(arena, row, "final", indicator->final);
        views_put_count(arena, row, "measurements", indicator->measurements.value);
        views_put_count(arena, row, "corrections", indicator->corrections.value);
        trial_value_set(arena, row, "missing", views_indicator_missing(arena, trial, indicator));
        trial_value_set(arena, row, "result", trial_value_word(arena, result));
        views_keep(fold, key, row);
    }
    return true;
}

trial_code views_make_outcome(views_fold *fold, trial_error *err)
{
    return views_walk(fold, TRIAL_KIND_TRIAL, add_rows, fold, err);
}
