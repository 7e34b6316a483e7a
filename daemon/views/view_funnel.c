/* view_funnel.c - how many trials of a programme ever got how far. Key: the programme's id. */
#include "views_internal.h"

struct funnel {
    views_fold *fold;
    views_table programmes; /* programme to views_tally */
};

static bool note_programme(void *context, const trial_state *state)
{
    struct funnel *funnel = context;

    if (state->as.programme.state != 0) {
        (void)views_table_at(&funnel->programmes, state->id); /* a row also where none applied */
    }
    return true;
}

static bool count_trial(void *context, const trial_state *state)
{
    struct funnel *funnel = context;

    if (trial_text_is_set(state->as.trial.programme)) {
        views_tally_add(views_table_at(&funnel->programmes, state->as.trial.programme),
                        &state->as.trial);
    }
    return true;
}

static void put_provenance(trial_arena *arena, trial_value *row, const views_tally *tally)
{
    trial_value *provenance = views_put_map(arena, row, "provenance");

    for (int step = 1; step < TRIAL_CHOICE_step_END; step++) {
        views_put_split(arena,
                        provenance,
                        trial_choice_word(&trial_choices_step, (trial_choice)step),
                        tally->by_provenance[step]);
    }
}

static trial_value *make_row(trial_arena *arena, trial_text programme, const views_tally *tally)
{
    trial_value *row = trial_value_map(arena);
    trial_value *abandoned_by;

    views_put_text(arena, row, "programme", programme);
    for (int step = 1; step < TRIAL_CHOICE_step_END; step++) {
        views_put_count(arena,
                        row,
                        trial_choice_word(&trial_choices_step, (trial_choice)step),
                        tally->steps[step]);
    }
    abandoned_by = views_put_map(arena, row, "abandonedBy");
    for (int stage = 1; stage < TRIAL_CHOICE_stage_END; stage++) {
        views_put_count(arena,
                        abandoned_by,
                        trial_choice_word(&trial_choices_stage, (trial_choice)stage),
                        tally->abandoned_by[stage]);
    }
    put_provenance(arena, row, tally);
    return row;
}

trial_code views_make_funnel(views_fold *fold, trial_error *err)
{
    struct funnel funnel = { fold, views_table_of(fold->arena, sizeof(views_tally)) };
    trial_code code = views_each(fold, TRIAL_KIND_PROGRAMME, note_programme, &funnel, err);

    if (code == TRIAL_OK) {
        code = views_each(fold, TRIAL_KIND_TRIAL, count_trial, &funnel, err);
    }
    for (uint32_t i = 0; code == TRIAL_OK && i < funnel.programmes.count; i++) {
        const views_slot *slot = &funnel.programmes.slots[i];

        views_keep(fold, slot->key, make_row(fold->arena, slot->key, slot->item));
    }
    return code;
}
