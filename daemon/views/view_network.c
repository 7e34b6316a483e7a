/* view_network.c - theme, coordinator, members now and ever, trials by state. Key: the network's
 * id. */
#include "views_internal.h"

struct of_network {
    int64_t by_state[TRIAL_CHOICE_trial_state_END];
    views_tally tally;
};

struct networks {
    views_fold *fold;
    views_table trials; /* network to struct of_network */
};

static bool count_trial(void *context, const trial_state *state)
{
    struct networks *all = context;
    const struct trial_trial *trial = &state->as.trial;
    struct of_network *counts;

    if (trial_text_is_set(trial->network)) {
        counts = views_table_at(&all->trials, trial->network);
        counts->by_state[trial->state]++;
        views_tally_add(&counts->tally, trial);
    }
    return true;
}

static void put_members(trial_arena *arena, trial_value *row, const struct trial_network *network)
{
    trial_value *members = views_put_list(arena, row, "members");

    for (uint32_t i = 0; i < network->members.count; i++) {
        trial_value *member = trial_value_map(arena);

        views_put_text(arena, member, "municipality", network->members.items[i].municipality);
        views_put_date(arena, member, "from", network->members.items[i].from);
        views_put_date(arena, member, "to", network->members.items[i].to);
        trial_value_push(arena, members, member);
    }
}

static void put_trials(trial_arena *arena, trial_value *row, const struct of_network *counts)
{
    static const trial_choice counted[] = { TRIAL_CHOICE_step_SUBMITTED,
                                            TRIAL_CHOICE_step_APPROVED,
                                            TRIAL_CHOICE_step_COMPLETED,
                                            TRIAL_CHOICE_step_EVALUATED };
    trial_value *trials = views_put_map(arena, row, "trials");
    trial_value *provenance;

    for (int state = 1; state < TRIAL_CHOICE_trial_state_END; state++) {
        if (counts->by_state[state] > 0) {
            views_put_count(arena,
                            trials,
                            trial_choice_word(&trial_choices_trial_state, (trial_choice)state),
                            counts->by_state[state]);
        }
    }
    provenance = views_put_map(arena, row, "provenance");
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        const char *name = trial_choice_word(&trial_choices_step, counted[i]);

        views_put_count(arena, row, name, counts->tally.steps[counted[i]]);
        views_put_split(arena, provenance, name, counts->tally.by_provenance[counted[i]]);
    }
}

static void
put_knowledge(trial_arena *arena, trial_value *row, const struct trial_attached *attached)
{
    trial_value *list = views_put_list(arena, row, "knowledge");

    for (uint32_t i = 0; attached != NULL && i < attached->knowledge.count; i++) {
        const struct trial_knowledge_fact *fact = &attached->knowledge.items[i];
        trial_value *map = trial_value_map(arena);

        views_put_word(arena, map, "kind", &trial_choices_sharing, fact->kind);
        views_put_text(arena, map, "title", fact->title);
        views_put_date(arena, map, "heldOn", fact->heldOn);
        views_put_texts(arena, map, "trials", fact->trials);
        trial_value_push(arena, list, map);
    }
}

static bool make_row(void *context, const trial_state *state)
{
    static const struct of_network none = { 0 };
    struct networks *all = context;
    trial_arena *arena = all->fold->arena;
    const struct trial_network *network = &state->as.network;
    const struct of_network *counts = views_table_find(&all->trials, state->id);
    trial_value *row;

    if (network->state == 0 || !views_is_wanted(all->fold, state->id)) {
        return true;
    }
    row = trial_value_map(arena);
    trial_value_set(arena, row, "subject", trial_value_text(arena, views_subject_of(arena, state)));
    views_put_text(arena, row, "programme", network->programme);
    views_put_text(arena, row, "name", network->name);
    views_put_text(arena, row, "theme", network->theme);
    views_put_word(arena, row, "state", &trial_choices_network_state, network->state);
    views_put_text(arena, row, "coordinator", network->coordinator);
    views_put_text(arena, row, "contact", network->contact);
    put_members(arena, row, network);
    put_trials(arena, row, counts == NULL ? &none : counts);
    put_knowledge(arena, row, network->attached);
    views_keep(all->fold, state->id, row);
    return !views_is_full(all->fold);
}

static bool note_programme(void *context, const trial_state *state)
{
    views_fold *fold = context;

    fold->programme = trial_arena_text(fold->arena, state->as.network.programme);
    return true;
}

trial_code views_make_network(views_fold *fold, trial_error *err)
{
    struct networks all = { fold, views_table_of(fold->arena, sizeof(struct of_network)) };
    trial_code code = TRIAL_OK;

    if (fold->has_subject) { /* one network's trials are all of its programme */
        code = views_walk(fold, TRIAL_KIND_NETWORK, note_programme, fold, err);
    }
    if (code == TRIAL_OK) {
        code = views_each(fold, TRIAL_KIND_TRIAL, count_trial, &all, err);
    }
    return code == TRIAL_OK ? views_walk(fold, TRIAL_KIND_NETWORK, make_row, &all, err) : code;
}
