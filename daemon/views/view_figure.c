/* view_figure.c - figures others published, beside what the log says at the end of the day they
 * hold for. Key: programme, metric, day, position of the event.
 *
 * The figures of one day are computed from one source of that day, those of one programme in one
 * walk. A metric that is not in the table below is kept and not computed.
 */
#include "views_internal.h"

#include <stdlib.h>

/* What the log says of one programme on one day. */
struct counted {
    views_tally tally;
    views_parties parties;
    int64_t since_2012;
    int64_t external;
    int64_t external_vive;
    int64_t not_spread;
    int64_t assessed;
};

enum needs {
    NEEDS_TRIALS = 1,
    NEEDS_PARTIES = 2,
    NEEDS_EVERYBODY = 4, /* of all programmes */
};

static int64_t submitted(const struct counted *counted)
{
    return counted->tally.steps[TRIAL_CHOICE_step_SUBMITTED];
}

static int64_t endorsed(const struct counted *counted)
{
    return counted->tally.steps[TRIAL_CHOICE_step_ENDORSED];
}

static int64_t approved(const struct counted *counted)
{
    return counted->tally.steps[TRIAL_CHOICE_step_APPROVED];
}

static int64_t evaluated(const struct counted *counted)
{
    return counted->tally.steps[TRIAL_CHOICE_step_EVALUATED];
}

static int64_t stopped(const struct counted *counted)
{
    return counted->tally.steps[TRIAL_CHOICE_step_ABANDONED] +
           counted->tally.steps[TRIAL_CHOICE_step_LAPSED];
}

static int64_t networks_applied(const struct counted *counted)
{
    return counted->parties.applied;
}

static int64_t networks_appointed(const struct counted *counted)
{
    return counted->parties.appointed;
}

static int64_t networks_active(const struct counted *counted)
{
    return counted->parties.active;
}

static int64_t municipalities_active(const struct counted *counted)
{
    return counted->parties.current;
}

static int64_t since_2012(const struct counted *counted)
{
    return counted->since_2012;
}

static int64_t external(const struct counted *counted)
{
    return counted->external;
}

static int64_t external_vive(const struct counted *counted)
{
    return counted->external_vive;
}

static int64_t spread(const struct counted *counted)
{
    return counted->assessed - counted->not_spread;
}

static int64_t not_spread(const struct counted *counted)
{
    return counted->not_spread;
}

static const struct metric {
    const char *name;
    unsigned needs;
    int64_t (*compute)(const struct counted *counted);
} metrics[] = {
    { "applications.submitted", NEEDS_TRIALS, submitted },
    { "applications.endorsed", NEEDS_TRIALS, endorsed },
    { "trials.approved", NEEDS_TRIALS, approved },
    { "trials.evaluated", NEEDS_TRIALS, evaluated },
    { "trials.stopped-or-not-started", NEEDS_TRIALS, stopped },
    { "evaluations.external", NEEDS_TRIALS, external },
    { "evaluations.external.vive", NEEDS_TRIALS, external_vive },
    { "assessments.spread-or-followed-up", NEEDS_TRIALS, spread },
    { "assessments.not-spread", NEEDS_TRIALS, not_spread },
    { "networks.applied", NEEDS_PARTIES, networks_applied },
    { "networks.appointed", NEEDS_PARTIES, networks_appointed },
    { "networks.active", NEEDS_PARTIES, networks_active },
    { "municipalities.active", NEEDS_PARTIES, municipalities_active },
    { "municipalities.since-2012", NEEDS_EVERYBODY, since_2012 },
};

static const struct metric *metric_named(trial_text name)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        if (trial_text_is(name, metrics[i].name)) {
            return &metrics[i];
        }
    }
    return NULL;
}

/* Gathering. */

struct gathering {
    const views_fold *fold;
    views_figures *figures;
};

static trial_value *
begin_row(trial_arena *arena, const views_figure *figure, const struct trial_figure_fact *fact)
{
    trial_value *row = trial_value_map(arena);

    trial_value_set(arena, row, "programme", trial_value_text(arena, figure->programme));
    trial_value_set(arena, row, "metric", trial_value_text(arena, figure->metric));
    views_put_number(arena, row, "value", fact->value);
    views_put_date(arena, row, "asOf", fact->asOf);
    views_put_text(arena, row, "document", fact->document);
    views_put_text(arena, row, "source", fact->source);
    return row;
}

static bool gather(void *context, const trial_state *state)
{
    struct gathering *gathering = context;
    trial_arena *arena = gathering->fold->arena;
    views_figures *figures = gathering->figures;
    const struct trial_attached *attached = trial_state_attached(state);

    for (uint32_t i = 0; attached != NULL && i < attached->figures.count; i++) {
        const struct trial_figure_fact *fact = &attached->figures.items[i];
        views_figure *figure;

        if (figures->count == figures->room) {
            figures->room = figures->room == 0 ? 32 : figures->room * 2;
            figures->items = trial_arena_grow(
                arena, figures->items, figures->count, figures->room, sizeof *figures->items);
        }
        figure = &figures->items[figures->count++];
        *figure = (views_figure){
            .programme = trial_arena_text(arena, views_programme_of(state)),
            .metric = trial_arena_text(arena, fact->metric),
            .as_of = fact->asOf,
            .value = fact->value,
            .position = fact->position.value,
        };
        figure->row = begin_row(arena, figure, fact);
    }
    return true;
}

/* Whatever subject they hang on: a programme's own are of all that belongs to it. */
trial_code views_gather_figures(const views_fold *fold, views_figures *figures, trial_error *err)
{
    struct gathering gathering = { fold, figures };
    views_fold whole = *fold;

    whole.has_subject = false;
    return views_walk_all(&whole, gather, &gathering, err);
}

/* Computing. */

struct counting {
    trial_arena *arena;
    trial_text programme;
    struct counted *counted;
    views_table reports; /* of external evaluations, by id: bool, is it VIVE's? */
};

static bool count_trial(void *context, const trial_state *state)
{
    struct counting *counting = context;
    const struct trial_trial *trial = &state->as.trial;

    if (state->kind != TRIAL_KIND_TRIAL ||
        !trial_text_equal(trial->programme, counting->programme)) {
        return true;
    }
    views_tally_add(&counting->counted->tally, trial);
    counting->counted->assessed += trial->assessment != 0;
    counting->counted->not_spread += trial->assessment == TRIAL_CHOICE_assessment_NOT_SPREAD;
    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        const struct trial_evaluation_fact *fact = &trial->evaluations.items[i];

        if (fact->mode == TRIAL_CHOICE_mode_EXTERNAL) {
            bool *is_vive = views_table_at(&counting->reports, fact->evaluationId);

            *is_vive |= trial_text_is(fact->evaluator, "VIVE");
        }
    }
    return true;
}

static trial_code count_trials(const views_source *source,
                               trial_text programme,
                               trial_arena *arena,
                               struct counted *counted,
                               trial_error *err)
{
    struct counting counting = { arena, programme, counted, views_table_of(arena, sizeof(bool)) };
    trial_code code =
        source->each(source->context, TRIAL_KIND_TRIAL, programme, count_trial, &counting, err);

    counted->external = counting.reports.count;
    for (uint32_t i = 0; i < counting.reports.count; i++) {
        counted->external_vive += *(const bool *)counting.reports.slots[i].item;
    }
    return code;
}

static trial_code count_needed(const views_source *source,
                               trial_text programme,
                               unsigned needs,
                               trial_arena *arena,
                               struct counted *counted,
                               trial_error *err)
{
    views_table table;
    const views_parties *parties;
    trial_code code = TRIAL_OK;

    if ((needs & NEEDS_TRIALS) != 0) {
        code = count_trials(source, programme, arena, counted, err);
    }
    if (code == TRIAL_OK && (needs & NEEDS_PARTIES) != 0) {
        code = views_count_parties(source, programme, true, arena, &table, err);
        parties = code == TRIAL_OK ? views_table_find(&table, programme) : NULL;
        counted->parties = parties == NULL ? (views_parties){ 0 } : *parties;
    }
    if (code == TRIAL_OK && (needs & NEEDS_EVERYBODY) != 0) {
        code = views_count_parties(source, (trial_text){ 0 }, false, arena, &table, err);
        parties = code == TRIAL_OK ? views_table_find(&table, TRIAL_TEXT("")) : NULL;
        counted->since_2012 = parties == NULL ? 0 : parties->ever;
    }
    return code;
}

/* Are the two of one day and one programme? */
static bool is_of_group(const views_figure *a, const views_figure *b)
{
    return a->as_of == b->as_of && trial_text_equal(a->programme, b->programme);
}

static void finish_row(trial_arena *arena, views_figure *figure, const struct counted *counted)
{
    const struct metric *metric = metric_named(figure->metric);
    int64_t computed;

    if (metric == NULL || !trial_text_is_set(figure->programme)) {
        views_put_nil(arena, figure->row, "computed");
        views_put_nil(arena, figure->row, "agrees");
        return;
    }
    computed = metric->compute(counted);
    views_put_count(arena, figure->row, "computed", computed);
    trial_value_set(arena,
                    figure->row,
                    "agrees",
                    trial_value_truth(arena,
                                      trial_value_equal(trial_value_number(arena, figure->value),
                                                        trial_value_integer(arena, computed))));
}

/* Compute the figures of one day and programme, from `from` on; returns where the next begin. */
static trial_code compute_group(const views_source *source,
                                trial_arena *arena,
                                views_figures *figures,
                                uint32_t from,
                                uint32_t *ret_next,
                                trial_error *err)
{
    const views_figure *first = &figures->items[from];
    struct counted counted = { 0 };
    unsigned needs = 0;
    uint32_t next = from;
    trial_code code = TRIAL_OK;

    for (; next < figures->count && is_of_group(first, &figures->items[next]); next++) {
        const struct metric *metric = metric_named(figures->items[next].metric);

        needs |= metric == NULL ? 0 : metric->needs;
    }
    if (trial_text_is_set(first->programme)) {
        code = count_needed(source, first->programme, needs, arena, &counted, err);
    }
    for (uint32_t i = from; code == TRIAL_OK && i < next; i++) {
        finish_row(arena, &figures->items[i], &counted);
    }
    *ret_next = next;
    return code;
}

static int compare_for_computing(const void *a, const void *b)
{
    const views_figure *left = a;
    const views_figure *right = b;

    if (left->as_of != right->as_of) {
        return left->as_of < right->as_of ? -1 : 1;
    }
    return trial_text_compare(left->programme, right->programme);
}

static int compare_for_reading(const void *a, const void *b)
{
    const views_figure *left = a;
    const views_figure *right = b;
    int order = trial_text_compare(left->programme, right->programme);

    order = order != 0 ? order : trial_text_compare(left->metric, right->metric);
    if (order == 0 && left->as_of != right->as_of) {
        order = left->as_of < right->as_of ? -1 : 1;
    }
    return order != 0 ? order
                      : (left->position > right->position) - (left->position < right->position);
}

/* Compute all figures of one day; returns where the next day's begin. */
static trial_code compute_day(const views_fold *fold,
                              views_figures *figures,
                              uint32_t from,
                              uint32_t *ret_next,
                              trial_error *err)
{
    trial_date day = figures->items[from].as_of;
    views_source then;
    trial_code code = fold->source->at(fold->source->context, day, &then, err);
    uint32_t next = from;

    if (code != TRIAL_OK) {
        return code;
    }
    while (code == TRIAL_OK && next < figures->count && figures->items[next].as_of == day) {
        code = compute_group(&then, fold->arena, figures, next, &next, err);
    }
    then.close(then.context);
    *ret_next = next;
    return code;
}

trial_code views_compute_figures(const views_fold *fold, views_figures *figures, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (figures->count == 0) {
        return TRIAL_OK;
    }
    qsort(figures->items, figures->count, sizeof *figures->items, compare_for_computing);
    for (uint32_t i = 0; code == TRIAL_OK && i < figures->count;) {
        code = compute_day(fold, figures, i, &i, err);
    }
    qsort(figures->items, figures->count, sizeof *figures->items, compare_for_reading);
    return code;
}

static trial_text key_of(trial_arena *arena, const views_figure *figure)
{
    char day[TRIAL_DATE_TEXT_BYTES];
    trial_text parts[4] = { figure->programme, figure->metric };

    trial_date_write(figure->as_of, day);
    parts[2] = trial_text_of(day);
    parts[3] = views_key_number(arena, figure->position);
    return views_key(arena, parts, 4);
}

/* Leave out what the question does not want, before anything is computed. */
static void drop_unwanted(const views_fold *fold, views_figures *figures)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < figures->count; i++) {
        if (views_may_fit(fold, figures->items[i].row) &&
            views_is_wanted(fold, key_of(fold->arena, &figures->items[i]))) {
            figures->items[kept++] = figures->items[i];
        }
    }
    figures->count = kept;
}

trial_code views_make_figure(views_fold *fold, trial_error *err)
{
    views_figures figures = { 0 };
    trial_code code = views_gather_figures(fold, &figures, err);

    if (code != TRIAL_OK) {
        return code;
    }
    drop_unwanted(fold, &figures);
    code = views_compute_figures(fold, &figures, err);
    for (uint32_t i = 0; code == TRIAL_OK && i < figures.count; i++) {
        views_keep(fold, key_of(fold->arena, &figures.items[i]), figures.items[i].row);
    }
    return code;
}
