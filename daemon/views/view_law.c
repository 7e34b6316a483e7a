/* view_law.c - laws that a programme enabled or led to. Key: the law's id. */
#include "views_internal.h"

static bool make_row(void *context, const trial_state *state)
{
    views_fold *fold = context;
    trial_arena *arena = fold->arena;
    const struct trial_law *law = &state->as.law;
    trial_value *inspired_by;
    trial_value *row;

    if (law->state == 0 || !views_is_wanted(fold, state->id)) {
        return true;
    }
    row = trial_value_map(arena);
    trial_value_set(arena, row, "subject", trial_value_text(arena, views_subject_of(arena, state)));
    views_put_text(arena, row, "programme", law->programme);
    views_put_text(arena, row, "title", law->title);
    views_put_word(arena, row, "role", &trial_choices_role, law->role);
    views_put_word(arena, row, "form", &trial_choices_law_form, law->form);
    views_put_word(arena, row, "state", &trial_choices_law_state, law->state);
    views_put_text(arena, row, "number", law->number);
    views_put_text(arena, row, "bill", law->bill);
    views_put_date(arena, row, "actDate", law->actDate);
    views_put_date(arena, row, "inForce", law->inForce);
    inspired_by = views_put_map(arena, row, "inspiredBy");
    views_put_texts(arena, inspired_by, "networks", law->networks);
    views_put_texts(arena, inspired_by, "trials", law->trials);
    views_keep(fold, state->id, row);
    return !views_is_full(fold);
}

trial_code views_make_law(views_fold *fold, trial_error *err)
{
    return views_walk(fold, TRIAL_KIND_LAW, make_row, fold, err);
}
