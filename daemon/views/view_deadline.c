/* view_deadline.c - what is due, what is overdue on the day asked about, and by how long. Key:
 * whole subject, sort of deadline, which one.
 *
 *   kind             due            met                     void
 *   round            its deadline   the round was closed    the programme was closed instead
 *   programme-end    periodTo       the programme closed    -
 *   planned-start    plannedStart   the trial started       it ended without a start
 *   planned-end      plannedEnd     it was completed        it ended without
 *   expected-resume  expectedResume - (only while suspended)
 *   exemption        validTo        noted as expired        revoked
 *   target           dueBy          a final measurement     the trial ended without, or is
 * evaluated evaluation       dueBy          the final one is out    the trial ended without its own
 * word     due            see below               its subject's life is over
 *
 * A deadline that was set by itself is met where the log can tell: network-application when the day
 * has passed and networks had applied, network-appointment when one is appointed.
 *
 * Otherwise `due` through the day itself, `overdue` from the next one on. `days` is always the days
 * from the day asked about to the day due: negative once that has passed.
 */
#include "views_internal.h"

enum standing {
    STANDS,
    MET,
    VOID,
};

/* What networks of a programme did, for the deadlines that bind them. */
struct called {
    bool has_applied;
    trial_date first_applied;
    bool is_appointed;
};

struct deadlines {
    views_fold *fold;
    views_table programmes; /* programme to struct called */
};

struct deadline {
    const char *sort; /* in the key */
    trial_text kind;  /* absent: the sort */
    trial_text what;
    trial_text applies_to;
    trial_date due;
    enum standing standing;
};

static trial_choice state_of(enum standing standing, trial_date due, trial_date today)
{
    switch (standing) {
    case MET:
        return TRIAL_CHOICE_deadline_state_MET;
    case VOID:
        return TRIAL_CHOICE_deadline_state_VOID;
    case STANDS:
        break;
    }
    return today <= due ? TRIAL_CHOICE_deadline_state_DUE : TRIAL_CHOICE_deadline_state_OVERDUE;
}

static void
add_row(const struct deadlines *all, const trial_state *state, const struct deadline *deadline)
{
    trial_arena *arena = all->fold->arena;
    trial_date today = all->fold->question->today;
    trial_text sort = trial_text_of(deadline->sort);
    trial_text kind = trial_text_is_set(deadline->kind) ? deadline->kind : sort;
    const char *word = trial_choice_word(&trial_choices_deadline_state,
                                         state_of(deadline->standing, deadline->due, today));
    trial_text parts[3] = { { 0 }, sort, deadline->what };
    trial_text key;
    trial_value *row;

    if (deadline->due == TRIAL_DATE_NONE ||
        !views_may_fit_text(all->fold, "state", trial_text_of(word)) ||
        !views_may_fit_text(all->fold, "kind", kind)) {
        return;
    }
    parts[0] = views_subject_of(arena, state);
    key = views_key(arena, parts, trial_text_is_set(parts[2]) ? 3 : 2);
    if (!views_is_wanted(all->fold, key)) {
        return;
    }
    row = trial_value_map(arena);
    views_put_text(arena, row, "kind", kind);
    trial_value_set(arena, row, "subject", trial_value_text(arena, parts[0]));
    views_put_text(arena, row, "programme", views_programme_of(state));
    views_put_text(arena, row, "what", deadline->what);
    views_put_text(arena, row, "appliesTo", deadline->applies_to);
    views_put_date(arena, row, "due", deadline->due);
    trial_value_set(arena, row, "state", trial_value_word(arena, word));
    views_put_count(arena, row, "days", (int64_t)deadline->due - today);
    views_keep(all->fold, key, row);
}

static enum standing standing_of(bool is_met, bool is_void)
{
    if (is_met) {
        return MET;
    }
    return is_void ? VOID : STANDS;
}

static bool note_network(void *context, const trial_state *state)
{
    struct deadlines *all = context;
    const struct trial_network *network = &state->as.network;
    struct called *called;
    trial_date day;

    if (!trial_text_is_set(network->programme)) {
        return true;
    }
    called = views_table_at(&all->programmes, network->programme);
    called->is_appointed |= network->appointedAt != TRIAL_INSTANT_NONE;
    if (network->appliedAt != TRIAL_INSTANT_NONE) {
        day = trial_date_of(network->appliedAt);
        called->first_applied =
            called->has_applied && called->first_applied < day ? called->first_applied : day;
        called->has_applied = true;
    }
    return true;
}

static bool is_over(const trial_state *state)
{
    switch (state->kind) {
    case TRIAL_KIND_PROGRAMME:
        return state->as.programme.state == TRIAL_CHOICE_programme_state_CLOSED;
    case TRIAL_KIND_NETWORK:
        return state->as.network.state == TRIAL_CHOICE_network_state_REJECTED ||
               state->as.network.state == TRIAL_CHOICE_network_state_DISSOLVED;
    case TRIAL_KIND_TRIAL:
        return views_ended_without(&state->as.trial) ||
               state->as.trial.state == TRIAL_CHOICE_trial_state_ASSESSED;
    case TRIAL_KIND_LAW:
        return state->as.law.state == TRIAL_CHOICE_law_state_IN_FORCE;
    case TRIAL_KIND_MUNICIPALITY:
    case TRIAL_KIND_KEY:
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        break;
    }
    return false;
}

/* Has what a deadline set by itself asks for come about? */
static bool is_set_one_met(const struct deadlines *all,
                           const trial_state *state,
                           const struct trial_deadline_fact *fact)
{
    trial_text programme = views_programme_of(state);
    const struct called *called = views_table_find(&all->programmes, programme);

    if (called == NULL || !trial_text_is_set(programme)) {
        return false;
    }
    if (trial_text_is(fact->kind, "network-application")) {
        return all->fold->question->today > fact->due && called->has_applied &&
               called->first_applied <= fact->due;
    }
    return trial_text_is(fact->kind, "network-appointment") && called->is_appointed;
}

static void add_set_ones(const struct deadlines *all, const trial_state *state)
{
    const struct trial_attached *attached = trial_state_attached(state);

    for (uint32_t i = 0; attached != NULL && i < attached->deadlines.count; i++) {
        const struct trial_deadline_fact *fact = &attached->deadlines.items[i];
        struct deadline deadline = { "set",           fact->kind, fact->deadlineId,
                                     fact->appliesTo, fact->due,  STANDS };

        deadline.standing = standing_of(is_set_one_met(all, state, fact), is_over(state));
        add_row(all, state, &deadline);
    }
}

static void add_of_programme(const struct deadlines *all, const trial_state *state)
{
    const struct trial_programme *programme = &state->as.programme;
    bool is_closed = programme->state == TRIAL_CHOICE_programme_state_CLOSED;
    struct deadline end = {
        .sort = "programme-end",
        .due = programme->periodTo,
        .standing = standing_of(is_closed, false),
    };

    add_row(all, state, &end);
    for (uint32_t i = 0; i < programme->rounds.count; i++) {
        const struct trial_round_fact *round = &programme->rounds.items[i];
        struct deadline deadline = {
            .sort = "round",
            .what = trial_arena_print(all->fold->arena, "%lld", (long long)round->round.value),
            .due = round->deadline,
            .standing = standing_of(round->closedAt != TRIAL_INSTANT_NONE, is_closed),
        };

        add_row(all, state, &deadline);
    }
}

static void add_plans_of_trial(const struct deadlines *all, const trial_state *state)
{
    const struct trial_trial *trial = &state->as.trial;
    bool is_without = views_ended_without(trial);
    struct deadline start = {
        .sort = "planned-start",
        .due = trial->plannedStart,
        .standing = standing_of(trial->startedOn != TRIAL_DATE_NONE, is_without),
    };
    struct deadline end = {
        .sort = "planned-end",
        .due = trial->plannedEnd,
        .standing = standing_of(views_is_completed(trial), is_without),
    };
    struct deadline resume = {
        .sort = "expected-resume",
        .due = trial->state == TRIAL_CHOICE_trial_state_SUSPENDED ? trial->expectedResume
                                                                  : TRIAL_DATE_NONE,
    };

    add_row(all, state, &start);
    add_row(all, state, &end);
    add_row(all, state, &resume);
}

static void add_facts_of_trial(const struct deadlines *all, const trial_state *state)
{
    const struct trial_trial *trial = &state->as.trial;
    bool is_without = views_ended_without(trial);
    bool is_evaluated = trial->state == TRIAL_CHOICE_trial_state_EVALUATED ||
                        trial->state == TRIAL_CHOICE_trial_state_ASSESSED;

    for (uint32_t i = 0; i < trial->exemptions.count; i++) {
        const struct trial_exemption_fact *fact = &trial->exemptions.items[i];
        struct deadline deadline = { .sort = "exemption",
                                     .what = fact->exemptionId,
                                     .due = fact->validTo };

        deadline.standing = standing_of(fact->state == TRIAL_CHOICE_exemption_state_EXPIRED,
                                        fact->state == TRIAL_CHOICE_exemption_state_REVOKED);
        add_row(all, state, &deadline);
    }
    for (uint32_t i = 0; i < trial->indicators.count; i++) {
        const struct trial_indicator_fact *fact = &trial->indicators.items[i];
        struct deadline deadline = { .sort = "target",
                                     .what = fact->indicator,
                                     .due = fact->dueBy };

        deadline.standing =
            standing_of(fact->final.form != TRIAL_NUMBER_ABSENT, is_without || is_evaluated);
        add_row(all, state, &deadline);
    }
    for (uint32_t i = 0; i < trial->evaluations.count; i++) {
        const struct trial_evaluation_fact *fact = &trial->evaluations.items[i];
        struct deadline deadline = { .sort = "evaluation",
                                     .what = fact->evaluationId,
                                     .due = fact->dueBy };

        deadline.standing = standing_of(fact->finalAt != TRIAL_INSTANT_NONE, is_without);
        add_row(all, state, &deadline);
    }
}

static bool add_rows(void *context, const trial_state *state)
{
    const struct deadlines *all = context;

    if (state->kind == TRIAL_KIND_PROGRAMME) {
        add_of_programme(all, state);
    }
    if (state->kind == TRIAL_KIND_TRIAL) {
        add_plans_of_trial(all, state);
        add_facts_of_trial(all, state);
    }
    add_set_ones(all, state);
    return true;
}

trial_code views_make_deadline(views_fold *fold, trial_error *err)
{
    struct deadlines all = { fold, views_table_of(fold->arena, sizeof(struct called)) };
    trial_code code = views_each(fold, TRIAL_KIND_NETWORK, note_network, &all, err);

    return code == TRIAL_OK ? views_walk_all(fold, add_rows, &all, err) : code;
}
