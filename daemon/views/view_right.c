/* view_right.c - who may do what, keys and local users alike. Key: the certificate's name. */
#include "views_internal.h"

static bool make_row(void *context, const trial_state *state)
{
    views_fold *fold = context;
    trial_arena *arena = fold->arena;
    const struct trial_key *key = &state->as.key;
    trial_value *row;

    if (key->state == 0 || !views_is_wanted(fold, state->id)) {
        return true;
    }
    row = trial_value_map(arena);
    trial_value_set(arena, row, "subject", trial_value_text(arena, views_subject_of(arena, state)));
    views_put_text(arena, row, "name", state->id);
    views_put_word(arena, row, "state", &trial_choices_right_state, key->state);
    views_put_instant(arena, row, "since", key->since);
    views_put_text(arena, row, "fingerprint", key->fingerprint);
    views_put_integer(arena, row, "uid", key->uid);
    views_put_integer(arena, row, "gid", key->gid);
    views_put_texts(arena, row, "roles", key->roles);
    views_put_texts(arena, row, "sources", key->sources);
    views_put_text(arena, row, "reason", key->reason);
    views_keep(fold, state->id, row);
    return !views_is_full(fold);
}

trial_code views_make_right(views_fold *fold, trial_error *err)
{
    return views_walk(fold, TRIAL_KIND_KEY, make_row, fold, err);
}
