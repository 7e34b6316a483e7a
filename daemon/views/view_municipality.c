/* view_municipality.c - what a municipality takes part in, and its charters. Key: its code. */
#include "views_internal.h"

/* What other subjects say of one municipality: lists of its row, NULL where nothing was said. */
struct of_municipality {
    trial_value *networks;
    trial_value *trials;
    trial_value *charters;
};

struct municipalities {
    views_fold *fold;
    views_table table; /* code to struct of_municipality */
};

static trial_value *list_of(trial_arena *arena, trial_value **list)
{
    if (*list == NULL) {
        *list = trial_value_list(arena);
    }
    return *list;
}

/* Is this municipality asked about? One alone is found by its own index. */
static struct of_municipality *asked_about(struct municipalities *all, trial_text code)
{
    if (all->fold->has_subject && !trial_text_equal(code, all->fold->subject_id)) {
        return NULL;
    }
    return views_table_at(&all->table, code);
}

static bool note_network(void *context, const trial_state *state)
{
    struct municipalities *all = context;
    trial_arena *arena = all->fold->arena;
    const struct trial_network *network = &state->as.network;

    for (uint32_t i = 0; i < network->members.count; i++) {
        const struct trial_member_fact *member = &network->members.items[i];
        struct of_municipality *item = asked_about(all, member->municipality);
        trial_value *map;

        if (item == NULL) {
            continue;
        }
        map = trial_value_map(arena);
        views_put_text(arena, map, "network", state->id);
        views_put_text(arena, map, "programme", network->programme);
        views_put_text(arena, map, "name", network->name);
        views_put_date(arena, map, "from", member->from);
        views_put_date(arena, map, "to", member->to);
        trial_value_push(arena, list_of(arena, &item->networks), map);
    }
    return true;
}

/* How far it got itself: a municipality may have applied and not been approved, or not started. */
static const char *part_of(const struct trial_trial *trial, trial_text code)
{
    if (trial_texts_has(trial->startedParticipants, code)) {
        return "started";
    }
    return trial_texts_has(trial->approvedParticipants, code) ? "approved" : "applied";
}

static void note_trial_of(struct municipalities *all, const trial_state *state, trial_text code)
{
    trial_arena *arena = all->fold->arena;
    const struct trial_trial *trial = &state->as.trial;
    struct of_municipality *item = asked_about(all, code);
    trial_value *map;

    if (item == NULL) {
        return;
    }
    map = trial_value_map(arena);
    views_put_text(arena, map, "trial", state->id);
    views_put_text(arena, map, "programme", trial->programme);
    views_put_text(arena, map, "network", trial->network);
    views_put_text(arena, map, "title", trial->title);
    views_put_word(arena, map, "state", &trial_choices_trial_state, trial->state);
    trial_value_set(arena, map, "part", trial_value_word(arena, part_of(trial, code)));
    views_put_word(arena, map, "assessment", &trial_choices_assessment, trial->assessment);
    trial_value_push(arena, list_of(arena, &item->trials), map);
}

static bool note_trial(void *context, const trial_state *state)
{
    struct municipalities *all = context;
    trial_arena *arena = all->fold->arena;
    const struct trial_trial *trial = &state->as.trial;

    for (uint32_t i = 0; i < trial->participants.count; i++) {
        note_trial_of(all, state, trial->participants.items[i]);
    }
    for (uint32_t i = 0; i < trial->approvedParticipants.count; i++) {
        if (!trial_texts_has(trial->participants, trial->approvedParticipants.items[i])) {
            note_trial_of(all, state, trial->approvedParticipants.items[i]);
        }
    }
    for (uint32_t i = 0; i < trial->charters.count; i++) {
        const struct trial_charter_fact *charter = &trial->charters.items[i];
        struct of_municipality *item = asked_about(all, charter->municipality);
        trial_value *map;

        if (item == NULL) {
            continue;
        }
        map = trial_value_map(arena);
        views_put_text(arena, map, "trial", state->id);
        views_put_date(arena, map, "validFrom", charter->validFrom);
        views_put_text(arena, map, "url", charter->url);
        views_put_instant(arena, map, "time", charter->time);
        trial_value_push(arena, list_of(arena, &item->charters), map);
    }
    return true;
}

static void put_own(trial_arena *arena, trial_value *row, const trial_state *state)
{
    const struct trial_municipality *municipality = &state->as.municipality;
    trial_value *list;

    trial_value_set(arena, row, "subject", trial_value_text(arena, views_subject_of(arena, state)));
    views_put_text(arena, row, "name", municipality->name);
    views_put_text(arena, row, "region", municipality->region);
    list = views_put_list(arena, row, "names");
    for (uint32_t i = 0; i < municipality->names.count; i++) {
        trial_value_push(arena, list, trial_value_copy(arena, municipality->names.items[i].name));
    }
    list = views_put_list(arena, row, "appointments");
    for (uint32_t i = 0; i < municipality->appointments.count; i++) {
        trial_value *map = trial_value_map(arena);

        views_put_text(arena, map, "programme", municipality->appointments.items[i].programme);
        views_put_date(arena, map, "from", municipality->appointments.items[i].from);
        views_put_date(arena, map, "to", municipality->appointments.items[i].to);
        trial_value_push(arena, list, map);
    }
}

static bool make_row(void *context, const trial_state *state)
{
    struct municipalities *all = context;
    trial_arena *arena = all->fold->arena;
    struct of_municipality *item;
    trial_value *row;

    if (!trial_text_is_set(state->as.municipality.name) || !views_is_wanted(all->fold, state->id)) {
        return true;
    }
    item = views_table_at(&all->table, state->id);
    row = trial_value_map(arena);
    put_own(arena, row, state);
    trial_value_set(arena, row, "networks", list_of(arena, &item->networks));
    trial_value_set(arena, row, "trials", list_of(arena, &item->trials));
    trial_value_set(arena, row, "charters", list_of(arena, &item->charters));
    views_keep(all->fold, state->id, row);
    return !views_is_full(all->fold);
}

/* Visit those that name the one municipality asked about, or all. */
static trial_code
visit_all(struct municipalities *all, trial_kind kind, views_visit *visit, trial_error *err)
{
    const views_source *source = all->fold->source;

    if (all->fold->has_subject) {
        return source->of_municipality(
            source->context, kind, all->fold->subject_id, visit, all, err);
    }
    return views_each(all->fold, kind, visit, all, err);
}

trial_code views_make_municipality(views_fold *fold, trial_error *err)
{
    struct municipalities all = { fold,
                                  views_table_of(fold->arena, sizeof(struct of_municipality)) };
    trial_code code = visit_all(&all, TRIAL_KIND_NETWORK, note_network, err);

    if (code == TRIAL_OK) {
        code = visit_all(&all, TRIAL_KIND_TRIAL, note_trial, err);
    }
    return code == TRIAL_OK ? views_walk(fold, TRIAL_KIND_MUNICIPALITY, make_row, &all, err) : code;
}
