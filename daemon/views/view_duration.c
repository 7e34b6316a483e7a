/* view_duration.c - whole days between a trial's steps, by round and ministry. Key: programme,
 * step, round, ministry; an empty round or ministry stands for all of them.
 *
 * approval  submitted to approved        start  approved to started
 * end       started to completed: only of trials that were carried through
 */
#include "views_internal.h"

#include <stdlib.h>

const views_span views_spans[VIEWS_SPANS] = {
    { TRIAL_CHOICE_span_TO_APPROVAL, TRIAL_CHOICE_step_SUBMITTED, TRIAL_CHOICE_step_APPROVED },
    { TRIAL_CHOICE_span_TO_START, TRIAL_CHOICE_step_APPROVED, TRIAL_CHOICE_step_STARTED },
    { TRIAL_CHOICE_span_TO_END, TRIAL_CHOICE_step_STARTED, TRIAL_CHOICE_step_COMPLETED },
};

/* The days of the trials of one row. */
struct spans {
    trial_text programme;
    const char *step;
    trial_integer round;
    trial_text ministry;
    int64_t *days;
    uint32_t count;
    uint32_t room;
};

struct durations {
    views_fold *fold;
    views_table table; /* the row's key to struct spans */
};

static void add_days(struct durations *all,
                     const struct trial_trial *trial,
                     const char *step,
                     bool is_of_round,
                     bool is_of_ministry,
                     int64_t days)
{
    trial_arena *arena = all->fold->arena;
    trial_text parts[4] = { trial->programme, trial_text_of(step), { 0 }, { 0 } };
    struct spans *spans;

    if (is_of_round) {
        parts[2] = views_key_number(arena, trial->round.value);
    }
    if (is_of_ministry) {
        parts[3] = trial->ministry;
    }
    spans = views_table_at(&all->table, views_key(arena, parts, 4));
    if (spans->room == 0) {
        spans->programme = trial_arena_text(arena, trial->programme);
        spans->step = step;
        spans->round = is_of_round ? trial->round : (trial_integer){ 0 };
        spans->ministry = trial_arena_text(arena, parts[3]);
    }
    if (spans->count == spans->room) {
        spans->room = spans->room == 0 ? 8 : spans->room * 2;
        spans->days =
            trial_arena_grow(arena, spans->days, spans->count, spans->room, sizeof *spans->days);
    }
    spans->days[spans->count++] = days;
}

static bool note_trial(void *context, const trial_state *state)
{
    struct durations *all = context;
    const struct trial_trial *trial = &state->as.trial;
    bool has_round = trial->round.is_set;
    bool has_ministry = trial_text_is_set(trial->ministry);

    for (uint32_t i = 0; i < VIEWS_SPANS; i++) {
        const views_span *span = &views_spans[i];
        const char *name = trial_choice_word(&trial_choices_span, span->name);
        int64_t days = 0;

        if (!views_days_between(trial, span->from, span->to, &days)) {
            continue;
        }
        add_days(all, trial, name, false, false, days);
        if (has_round) {
            add_days(all, trial, name, true, false, days);
        }
        if (has_ministry) {
            add_days(all, trial, name, false, true, days);
        }
        if (has_round && has_ministry) {
            add_days(all, trial, name, true, true, days);
        }
    }
    return true;
}

static int compare_days(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static trial_value *make_row(trial_arena *arena, struct spans *spans)
{
    trial_value *row = trial_value_map(arena);

    qsort(spans->days, spans->count, sizeof *spans->days, compare_days);
    views_put_text(arena, row, "programme", spans->programme);
    trial_value_set(arena, row, "step", trial_value_word(arena, spans->step));
    views_put_integer(arena, row, "round", spans->round);
    views_put_text(arena, row, "ministry", spans->ministry);
    views_put_count(arena, row, "count", spans->count);
    views_put_count(arena, row, "least", spans->days[0]);
    views_put_count(arena, row, "median", spans->days[spans->count / 2]);
    views_put_count(arena, row, "most", spans->days[spans->count - 1]);
    return row;
}

trial_code views_make_duration(views_fold *fold, trial_error *err)
{
    struct durations all = { fold, views_table_of(fold->arena, sizeof(struct spans)) };
    trial_code code = views_each(fold, TRIAL_KIND_TRIAL, note_trial, &all, err);

    for (uint32_t i = 0; code == TRIAL_OK && i < all.table.count; i++) {
        views_keep(fold, all.table.slots[i].key, make_row(fold->arena, all.table.slots[i].item));
    }
    return code;
}
