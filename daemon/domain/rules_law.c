/* rules_law.c - acts and orders that enabled a programme or came of it. */
#include "rules_internal.h"

/* Is all that the law names known to the log? */
static trial_code judge_named(const rules_asked *asked,
                              trial_text programme,
                              const struct trial_inspiration *inspired_by,
                              trial_error *err)
{
    const trial_state *known;
    trial_code code = rules_known(asked, TRIAL_KIND_PROGRAMME, programme, "programme", &known, err);

    if (code == TRIAL_OK && inspired_by != NULL) {
        code = rules_all_known(
            asked, TRIAL_KIND_NETWORK, inspired_by->networks, "inspiredBy.networks", err);
    }
    if (code == TRIAL_OK && inspired_by != NULL) {
        code =
            rules_all_known(asked, TRIAL_KIND_TRIAL, inspired_by->trials, "inspiredBy.trials", err);
    }
    return code;
}

static void keep_inspiration(struct trial_law *law, const struct trial_inspiration *inspired_by)
{
    if (inspired_by != NULL) {
        law->networks = inspired_by->networks;
        law->trials = inspired_by->trials;
    }
}

trial_code decide_law_proposed(const rules_asked *asked, trial_error *err)
{
    const struct trial_law_proposed *event = &asked->event->as.law_proposed;

    return judge_named(asked, event->programme, event->inspiredBy, err);
}

void apply_law_proposed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_law_proposed *proposed = &event->as.law_proposed;
    struct trial_law *law = &state->as.law;

    (void)arena;
    law->programme = proposed->programme;
    law->title = proposed->title;
    law->role = proposed->role;
    law->form = proposed->form;
    law->bill = proposed->bill;
    keep_inspiration(law, proposed->inspiredBy);
}

trial_code decide_law_enacted(const rules_asked *asked, trial_error *err)
{
    const struct trial_law_enacted *event = &asked->event->as.law_enacted;

    return judge_named(asked, event->programme, event->inspiredBy, err);
}

void apply_law_enacted(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_law_enacted *enacted = &event->as.law_enacted;
    struct trial_law *law = &state->as.law;

    (void)arena;
    law->programme = enacted->programme;
    law->title = enacted->title;
    law->role = enacted->role;
    law->form = enacted->form;
    law->number = enacted->number;
    law->actDate = enacted->actDate;
    keep_inspiration(law, enacted->inspiredBy);
}

trial_code decide_law_entered_into_force(const rules_asked *asked, trial_error *err)
{
    const struct trial_law_entered_into_force *event = &asked->event->as.law_entered_into_force;

    return judge_named(asked, event->programme, event->inspiredBy, err);
}

void apply_law_entered_into_force(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_law_entered_into_force *entered = &event->as.law_entered_into_force;
    struct trial_law *law = &state->as.law;

    (void)arena;
    law->programme = entered->programme;
    law->inForce = entered->inForce;
    rules_keep_text(&law->title, entered->title);
    law->role = entered->role != 0 ? entered->role : law->role;
    law->form = entered->form != 0 ? entered->form : law->form;
    keep_inspiration(law, entered->inspiredBy);
}
