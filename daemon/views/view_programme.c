/* view_programme.c - one row a programme: period, limits, rounds, parties, figures. Key: its id. */
#include "views_internal.h"

#include <stdlib.h>

struct programmes {
    views_fold *fold;
    views_table rounds;  /* programme/round to an int64_t: applications submitted */
    views_table parties; /* programme to views_parties */
    views_figures figures;
};

static trial_text round_key(trial_arena *arena, trial_text programme, int64_t round)
{
    trial_text parts[] = { programme, views_key_number(arena, round) };

    return views_key(arena, parts, 2);
}

static bool count_round(void *context, const trial_state *state)
{
    struct programmes *all = context;
    const struct trial_trial *trial = &state->as.trial;
    int64_t *submitted;

    if (trial->round.is_set && rules_milestone(trial, TRIAL_CHOICE_step_SUBMITTED) != NULL) {
        submitted = views_table_at(
            &all->rounds, round_key(all->fold->arena, trial->programme, trial->round.value));
        (*submitted)++;
    }
    return true;
}

static void put_rounds(struct programmes *all, trial_value *row, const trial_state *state)
{
    trial_arena *arena = all->fold->arena;
    trial_value *rounds = views_put_list(arena, row, "rounds");

    for (uint32_t i = 0; i < state->as.programme.rounds.count; i++) {
        const struct trial_round_fact *round = &state->as.programme.rounds.items[i];
        const int64_t *submitted =
            views_table_find(&all->rounds, round_key(arena, state->id, round->round.value));
        trial_value *map = trial_value_map(arena);

        views_put_integer(arena, map, "round", round->round);
        views_put_date(arena, map, "opensOn", round->opensOn);
        views_put_date(arena, map, "deadline", round->deadline);
        views_put_integer(arena, map, "received", round->received);
        views_put_count(arena, map, "submitted", submitted == NULL ? 0 : *submitted);
        trial_value_push(arena, rounds, map);
    }
}

static void put_parties(struct programmes *all, trial_value *row, trial_text programme)
{
    static const views_parties none = { 0 };
    trial_arena *arena = all->fold->arena;
    const views_parties *parties = views_table_find(&all->parties, programme);
    trial_value *networks = views_put_map(arena, row, "networks");
    trial_value *municipalities = views_put_map(arena, row, "municipalities");

    parties = parties == NULL ? &none : parties;
    views_put_count(arena, networks, "appointed", parties->appointed);
    views_put_count(arena, networks, "active", parties->active);
    views_put_count(arena, municipalities, "ever", parties->ever);
    views_put_count(arena, municipalities, "active", parties->current);
}

static int compare_programme(const void *programme, const void *figure)
{
    return trial_text_compare(*(const trial_text *)programme,
                              ((const views_figure *)figure)->programme);
}

/* The figures lie in the order of their programmes: find one, go back to the first. */
static void put_figures(struct programmes *all, trial_value *row, trial_text programme)
{
    trial_value *list = views_put_list(all->fold->arena, row, "figures");
    const views_figure *figure;
    const views_figure *end;

    if (all->figures.count == 0) {
        return;
    }
    end = all->figures.items + all->figures.count;
    figure = bsearch(&programme,
                     all->figures.items,
                     all->figures.count,
                     sizeof *all->figures.items,
                     compare_programme);
    if (figure == NULL) {
        return;
    }
    while (figure > all->figures.items && trial_text_equal(figure[-1].programme, programme)) {
        figure--;
    }
    for (; figure < end && trial_text_equal(figure->programme, programme); figure++) {
        trial_value_push(all->fold->arena, list, figure->row);
    }
}

static bool make_row(void *context, const trial_state *state)
{
    struct programmes *all = context;
    trial_arena *arena = all->fold->arena;
    const struct trial_programme *programme = &state->as.programme;
    trial_value *row;

    if (programme->state == 0 || !views_is_wanted(all->fold, state->id)) {
        return true;
    }
    row = trial_value_map(arena);
    trial_value_set(arena, row, "subject", trial_value_text(arena, views_subject_of(arena, state)));
    views_put_text(arena, row, "programme", state->id);
    views_put_text(arena, row, "title", programme->title);
    views_put_word(arena, row, "state", &trial_choices_programme_state, programme->state);
    views_put_date(arena, row, "periodFrom", programme->periodFrom);
    views_put_date(arena, row, "periodTo", programme->periodTo);
    views_put_integer(arena, row, "maxNetworks", programme->maxNetworks);
    views_put_texts(arena, row, "legalLimits", programme->legalLimits);
    views_put_date(arena, row, "closedOn", programme->closedOn);
    put_rounds(all, row, state);
    put_parties(all, row, state->id);
    put_figures(all, row, state->id);
    views_keep(all->fold, state->id, row);
    return !views_is_full(all->fold);
}

trial_code views_make_programme(views_fold *fold, trial_error *err)
{
    struct programmes all = { .fold = fold };
    trial_code code;

    all.rounds = views_table_of(fold->arena, sizeof(int64_t));
    code = views_each(fold, TRIAL_KIND_TRIAL, count_round, &all, err);
    if (code == TRIAL_OK) {
        code = views_count_parties(
            fold->source, fold->programme, true, fold->arena, &all.parties, err);
    }
    if (code == TRIAL_OK) {
        code = views_gather_figures(fold, &all.figures, err);
    }
    if (code == TRIAL_OK) {
        code = views_compute_figures(fold, &all.figures, err);
    }
    return code == TRIAL_OK ? views_walk(fold, TRIAL_KIND_PROGRAMME, make_row, &all, err) : code;
}
