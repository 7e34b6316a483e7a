/* view_exemption.c - which rule of law, who is exempt, from when to when. Key: the exemption's id.
 *
 * `state` is by events alone. The condition in-force=DATE is worked out for that day.
 */
#include "views_internal.h"

struct exemptions {
    views_fold *fold;
    trial_date in_force; /* NONE: on no day in particular */
};

static trial_value *
make_row(trial_arena *arena, const trial_state *state, const struct trial_exemption_fact *exemption)
{
    const struct trial_trial *trial = &state->as.trial;
    trial_value *row = trial_value_map(arena);

    views_put_text(arena, row, "exemptionId", exemption->exemptionId);
    trial_value_set(arena, row, "subject", trial_value_text(arena, views_subject_of(arena, state)));
    views_put_text(arena, row, "programme", trial->programme);
    views_put_text(arena, row, "act", exemption->act);
    views_put_text(arena, row, "section", exemption->section);
    views_put_text(arena, row, "ministry", exemption->ministry);
    views_put_word(arena, row, "effect", &trial_choices_effect, exemption->effect);
    views_put_texts(arena, row, "participants", views_participants(trial));
    views_put_date(arena, row, "validFrom", exemption->validFrom);
    views_put_date(arena, row, "validTo", exemption->validTo);
    views_put_word(arena, row, "state", &trial_choices_exemption_state, exemption->state);
    views_put_date(arena, row, "endedOn", exemption->endedOn);
    return row;
}

static bool add_rows(void *context, const trial_state *state)
{
    struct exemptions *all = context;

    for (uint32_t i = 0; i < state->as.trial.exemptions.count; i++) {
        const struct trial_exemption_fact *exemption = &state->as.trial.exemptions.items[i];

        if (!views_is_wanted(all->fold, exemption->exemptionId) ||
            !views_may_fit_text(all->fold, "ministry", exemption->ministry) ||
            !views_may_fit_text(all->fold, "act", exemption->act) ||
            (all->in_force != TRIAL_DATE_NONE && !rules_in_force(exemption, all->in_force))) {
            continue;
        }
        views_keep(all->fold, exemption->exemptionId, make_row(all->fold->arena, state, exemption));
    }
    return true;
}

trial_code views_make_exemption(views_fold *fold, trial_error *err)
{
    struct exemptions all = { fold, TRIAL_DATE_NONE };
    const trial_value *day = trial_value_get(fold->question->where, "in-force");

    if (day != NULL) {
        trial_code code = views_read_day(day, &all.in_force, err);

        if (code != TRIAL_OK) {
            return code;
        }
    }
    return views_walk(fold, TRIAL_KIND_TRIAL, add_rows, &all, err);
}
