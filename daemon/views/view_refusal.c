/* view_refusal.c - rejected applications counted. Key: programme, reason, ministry, round. */
#include "views_internal.h"

struct refused {
    trial_text programme;
    trial_choice reason;
    trial_text ministry;
    trial_integer round;
    int64_t count;
    int64_t by_provenance[TRIAL_CHOICE_provenance_END];
};

struct refusals {
    views_fold *fold;
    views_table table; /* the row's key to struct refused */
};

static bool count_trial(void *context, const trial_state *state)
{
    struct refusals *all = context;
    trial_arena *arena = all->fold->arena;
    const struct trial_trial *trial = &state->as.trial;
    const struct trial_milestone *rejected = rules_milestone(trial, TRIAL_CHOICE_step_REJECTED);
    struct refused *refused;
    trial_text parts[4] = { trial->programme, { 0 }, trial->ministry, { 0 } };

    if (trial->state != TRIAL_CHOICE_trial_state_REJECTED || rejected == NULL) {
        return true;
    }
    parts[1] = trial_text_of(trial_choice_word(&trial_choices_rejection, trial->rejection));
    if (trial->round.is_set) {
        parts[3] = views_key_number(arena, trial->round.value);
    }
    refused = views_table_at(&all->table, views_key(arena, parts, 4));
    if (refused->count++ == 0) {
        refused->programme = trial_arena_text(arena, trial->programme);
        refused->reason = trial->rejection;
        refused->ministry = trial_arena_text(arena, trial->ministry);
        refused->round = trial->round;
    }
    refused->by_provenance[rejected->provenance]++;
    return true;
}

trial_code views_make_refusal(views_fold *fold, trial_error *err)
{
    struct refusals all = { fold, views_table_of(fold->arena, sizeof(struct refused)) };
    trial_arena *arena = fold->arena;
    trial_code code = views_each(fold, TRIAL_KIND_TRIAL, count_trial, &all, err);

    for (uint32_t i = 0; code == TRIAL_OK && i < all.table.count; i++) {
        const struct refused *refused = all.table.slots[i].item;
        trial_value *row = trial_value_map(arena);

        views_put_text(arena, row, "programme", refused->programme);
        views_put_word(arena, row, "reason", &trial_choices_rejection, refused->reason);
        views_put_text(arena, row, "ministry", refused->ministry);
        views_put_integer(arena, row, "round", refused->round);
        views_put_count(arena, row, "count", refused->count);
        views_put_split(
            arena, views_put_map(arena, row, "provenance"), "count", refused->by_provenance);
        views_keep(fold, all.table.slots[i].key, row);
    }
    return code;
}
