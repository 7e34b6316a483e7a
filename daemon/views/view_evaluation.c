/* view_evaluation.c - one row a report, which may cover several trials. Key: programme, evaluation
 * id; the id alone finds it too.
 *
 * `published` once any of its trials has the final one; `discontinued` where all its trials ended
 * without being carried through; `interim` once anything was published; else `planned`. Mode and
 * evaluator are those of the plan that came last, the conclusion that of what was published last;
 * `conclusions` gives each trial's own.
 */
#include "views_internal.h"

struct report {
    trial_text programme;
    trial_text id;
    int64_t position; /* of the fact that gave mode and evaluator */
    trial_choice mode;
    trial_text evaluator;
    int64_t due_position;
    trial_date due_by;
    trial_instant planned_at;   /* the first plan */
    trial_instant published_at; /* the first final one */
    trial_instant last_at;      /* what gave conclusion, recommends and url */
    trial_choice conclusion;
    trial_truth recommends;
    trial_text url;
    bool has_interim;
    bool has_live; /* a trial that did not end without */
    trial_value *trials;
    trial_value *conclusions;
};

struct evaluations {
    views_fold *fold;
    views_table table; /* the row's key to struct report */
};

static struct report *report_of(struct evaluations *all, trial_text programme, trial_text id)
{
    trial_arena *arena = all->fold->arena;
    trial_text parts[] = { programme, id };
    struct report *report = views_table_at(&all->table, views_key(arena, parts, 2));

    if (report->trials == NULL) {
        report->programme = trial_arena_text(arena, programme);
        report->id = trial_arena_text(arena, id);
        report->due_by = TRIAL_DATE_NONE;
        report->planned_at = TRIAL_INSTANT_NONE;
        report->published_at = TRIAL_INSTANT_NONE;
        report->last_at = TRIAL_INSTANT_NONE;
        report->trials = trial_value_list(arena);
        report->conclusions = trial_value_list(arena);
    }
    return report;
}

static trial_instant earlier(trial_instant a, trial_instant b)
{
    if (a == TRIAL_INSTANT_NONE) {
        return b;
    }
    return b == TRIAL_INSTANT_NONE || a < b ? a : b;
}

static void
note_plan(trial_arena *arena, struct report *report, const struct trial_evaluation_fact *fact)
{
    if (fact->position.value >= report->position) {
        report->position = fact->position.value;
        report->mode = fact->mode;
        report->evaluator = trial_arena_text(arena, fact->evaluator);
    }
    if (fact->dueBy != TRIAL_DATE_NONE && fact->position.value >= report->due_position) {
        report->due_position = fact->position.value;
        report->due_by = fact->dueBy;
    }
    report->planned_at = earlier(report->planned_at, fact->plannedAt);
}

static void note_publication(trial_arena *arena,
                             struct report *report,
                             const trial_state *state,
                             const struct trial_evaluation_fact *fact)
{
    trial_instant at = fact->finalAt != TRIAL_INSTANT_NONE ? fact->finalAt : fact->interimAt;
    trial_value *map;

    if (at == TRIAL_INSTANT_NONE) {
        return;
    }
    report->has_interim |= fact->interimAt != TRIAL_INSTANT_NONE;
    report->published_at = earlier(report->published_at, fact->finalAt);
    if (at >= report->last_at) {
        report->last_at = at;
        report->conclusion = fact->conclusion;
        report->recommends = fact->recommendsSpread;
        report->url = trial_arena_text(arena, fact->url);
    }
    map = trial_value_map(arena);
    views_put_text(arena, map, "trial", state->id);
    views_put_word(arena, map, "conclusion", &trial_choices_conclusion, fact->conclusion);
    views_put_truth(arena, map, "recommendsSpread", fact->recommendsSpread);
    views_put_instant(arena, map, "publishedAt", fact->finalAt);
    trial_value_push(arena, report->conclusions, map);
}

/* Trials come in the order of their ids, and so they stand in each report. */
static bool note_trial(void *context, const trial_state *state)
{
    struct evaluations *all = context;
    trial_arena *arena = all->fold->arena;
    const struct trial_trial *trial = &state->as.trial;

    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        const struct trial_evaluation_fact *fact = &trial->evaluations.items[i];
        struct report *report = report_of(all, trial->programme, fact->evaluationId);

        trial_value_push(arena, report->trials, trial_value_copy(arena, state->id));
        report->has_live |= !views_ended_without(trial);
        note_plan(arena, report, fact);
        note_publication(arena, report, state, fact);
    }
    return true;
}

static trial_value *make_row(trial_arena *arena, const struct report *report)
{
    trial_value *row = trial_value_map(arena);

    views_put_text(arena, row, "evaluationId", report->id);
    views_put_text(arena, row, "programme", report->programme);
    views_put_word(arena, row, "mode", &trial_choices_mode, report->mode);
    views_put_text(arena, row, "evaluator", report->evaluator);
    views_put_date(arena, row, "dueBy", report->due_by);
    trial_value_set(arena, row, "trials", report->trials);
    views_put_word(arena, row, "conclusion", &trial_choices_conclusion, report->conclusion);
    trial_value_set(arena, row, "conclusions", report->conclusions);
    views_put_truth(arena, row, "recommendsSpread", report->recommends);
    views_put_word(arena,
                   row,
                   "state",
                   &trial_choices_evaluation_state,
                   views_evaluation_state(report->published_at != TRIAL_INSTANT_NONE,
                                          report->has_live,
                                          report->has_interim));
    views_put_instant(arena, row, "plannedAt", report->planned_at);
    views_put_instant(arena, row, "publishedAt", report->published_at);
    views_put_text(arena, row, "url", report->url);
    return row;
}

trial_code views_make_evaluation(views_fold *fold, trial_error *err)
{
    struct evaluations all = { fold, views_table_of(fold->arena, sizeof(struct report)) };
    trial_code code = views_each(fold, TRIAL_KIND_TRIAL, note_trial, &all, err);

    for (uint32_t i = 0; code == TRIAL_OK && i < all.table.count; i++) {
        const views_slot *slot = &all.table.slots[i];
        const struct report *report = slot->item;

        if (trial_text_is_set(fold->question->key) &&
            trial_text_equal(fold->question->key, report->id)) {
            fold->key = slot->key;
        }
        views_keep(fold, slot->key, make_row(fold->arena, report));
    }
    return code;
}
