/* rules_machine.c - the state machines of all subjects as one table of allowed moves: which step is
 * legal in which state, and where it leads. It knows no fields beyond those that choose a move. */
#include "rules_internal.h"

/* States as bits: bit n is the state that the choice n stands for. */
#define IN(state) (1u << (state))
#define NEW IN(0)
#define STRANGER (1u << 31) /* new, and of a kind that has no life of its own */
#define KNOWN (~(NEW | STRANGER))
#define STAYS 0

#define BEFORE_APPROVAL                                                                            \
    (IN(TRIAL_AT(SUBMITTED)) | IN(TRIAL_AT(SCREENED)) | IN(TRIAL_AT(SCREENED_FAILED)) |            \
     IN(TRIAL_AT(ENDORSED)))
#define UNDER_WAY (IN(TRIAL_AT(APPROVED)) | IN(TRIAL_AT(RUNNING)) | IN(TRIAL_AT(SUSPENDED)))
#define TO_BE_MEASURED (IN(TRIAL_AT(RUNNING)) | IN(TRIAL_AT(SUSPENDED)) | IN(TRIAL_AT(COMPLETED)))
#define JUDGED (IN(TRIAL_AT(EVALUATED)) | IN(TRIAL_AT(ASSESSED)))
#define EXEMPT (UNDER_WAY | IN(TRIAL_AT(COMPLETED)) | JUDGED)

/* Some events are one of several steps; `variant` says which, 0 where there is but one. */
enum {
    VARIANT_ANY = 0,
    VARIANT_LAST = 1,  /* exemption.expired: of a trial that never started, and none is left */
    VARIANT_OTHER = 2, /* exemption.expired: any other */
    VARIANT_ORDER = 1, /* law.entered-into-force: of an order, which need not be enacted */
    VARIANT_ACT = 2,
};

typedef struct machine_move {
    trial_event_type type;
    trial_choice variant;
    trial_choice to;   /* STAYS: a fact that leaves the state alone */
    trial_choice step; /* of the funnel, 0 where it is none */
    uint32_t from;     /* states in which it is legal */
} machine_move;

#define STEP(UPPER) TRIAL_CHOICE_step_##UPPER
#define SCREENING(UPPER) TRIAL_CHOICE_screening_##UPPER
#define PUBLICATION(UPPER) TRIAL_CHOICE_publication_##UPPER

/* clang-format off */
static const machine_move moves[] = {
    { TRIAL_EVENT_PROGRAMME_AGREED,            0, PROGRAMME_AT(AGREED), 0, NEW },
    { TRIAL_EVENT_PROGRAMME_OPENED,            0, PROGRAMME_AT(OPEN),   0, NEW | IN(PROGRAMME_AT(AGREED)) },
    { TRIAL_EVENT_PROGRAMME_EXTENDED,          0, STAYS,                0, IN(PROGRAMME_AT(OPEN)) },
    { TRIAL_EVENT_PROGRAMME_CLOSED,            0, PROGRAMME_AT(CLOSED), 0, IN(PROGRAMME_AT(OPEN)) },
    { TRIAL_EVENT_PROGRAMME_RESULTS_PUBLISHED, 0, STAYS,                0, IN(PROGRAMME_AT(OPEN)) | IN(PROGRAMME_AT(CLOSED)) },
    { TRIAL_EVENT_ROUND_OPENED,                0, STAYS,                0, KNOWN },
    { TRIAL_EVENT_ROUND_CLOSED,                0, STAYS,                0, KNOWN },

    { TRIAL_EVENT_MUNICIPALITY_REGISTERED,     0, STAYS,                0, NEW | KNOWN },
    { TRIAL_EVENT_MUNICIPALITY_APPOINTED,      0, STAYS,                0, KNOWN },
    { TRIAL_EVENT_MUNICIPALITY_WITHDRAWN,      0, STAYS,                0, KNOWN },

    { TRIAL_EVENT_NETWORK_APPLIED,             0, NETWORK_AT(APPLIED),   0, NEW },
    { TRIAL_EVENT_NETWORK_APPOINTED,           0, NETWORK_AT(APPOINTED), 0, IN(NETWORK_AT(APPLIED)) },
    { TRIAL_EVENT_NETWORK_REJECTED,            0, NETWORK_AT(REJECTED),  0, IN(NETWORK_AT(APPLIED)) },
    { TRIAL_EVENT_NETWORK_MEMBER_JOINED,       0, STAYS,                 0, IN(NETWORK_AT(APPOINTED)) },
    { TRIAL_EVENT_NETWORK_MEMBER_LEFT,         0, STAYS,                 0, KNOWN },
    { TRIAL_EVENT_NETWORK_COORDINATOR_NAMED,   0, STAYS,                 0, IN(NETWORK_AT(APPOINTED)) },
    { TRIAL_EVENT_NETWORK_DISSOLVED,           0, NETWORK_AT(DISSOLVED), 0, IN(NETWORK_AT(APPOINTED)) },

    { TRIAL_EVENT_APPLICATION_SUBMITTED, 0, TRIAL_AT(SUBMITTED), STEP(SUBMITTED), NEW },
    { TRIAL_EVENT_APPLICATION_REVISED,   0, TRIAL_AT(SUBMITTED), 0,               BEFORE_APPROVAL & ~IN(TRIAL_AT(ENDORSED)) },
    { TRIAL_EVENT_APPLICATION_SCREENED, SCREENING(PASS), TRIAL_AT(SCREENED),        0, IN(TRIAL_AT(SUBMITTED)) },
    { TRIAL_EVENT_APPLICATION_SCREENED, SCREENING(FAIL), TRIAL_AT(SCREENED_FAILED), 0, IN(TRIAL_AT(SUBMITTED)) },
    { TRIAL_EVENT_APPLICATION_WITHDRAWN, 0, TRIAL_AT(WITHDRAWN), STEP(WITHDRAWN), BEFORE_APPROVAL },
    { TRIAL_EVENT_APPLICATION_ENDORSED,  0, TRIAL_AT(ENDORSED),  STEP(ENDORSED),  IN(TRIAL_AT(SCREENED)) },
    { TRIAL_EVENT_APPLICATION_REJECTED,  0, TRIAL_AT(REJECTED),  STEP(REJECTED),  BEFORE_APPROVAL },

    { TRIAL_EVENT_TRIAL_APPROVED,  0, TRIAL_AT(APPROVED),  STEP(APPROVED),  IN(TRIAL_AT(ENDORSED)) },
    { TRIAL_EVENT_TRIAL_STARTED,   0, TRIAL_AT(RUNNING),   STEP(STARTED),   IN(TRIAL_AT(APPROVED)) },
    { TRIAL_EVENT_TRIAL_SUSPENDED, 0, TRIAL_AT(SUSPENDED), 0,               IN(TRIAL_AT(RUNNING)) },
    { TRIAL_EVENT_TRIAL_RESUMED,   0, TRIAL_AT(RUNNING),   0,               IN(TRIAL_AT(SUSPENDED)) },
    { TRIAL_EVENT_TRIAL_ABANDONED, 0, TRIAL_AT(ABANDONED), STEP(ABANDONED), UNDER_WAY },
    { TRIAL_EVENT_TRIAL_COMPLETED, 0, TRIAL_AT(COMPLETED), STEP(COMPLETED), IN(TRIAL_AT(RUNNING)) },
    { TRIAL_EVENT_TRIAL_CHARTER_PUBLISHED, 0, STAYS, 0, UNDER_WAY },
    { TRIAL_EVENT_TRIAL_EXTENDED,          0, STAYS, 0, UNDER_WAY },

    { TRIAL_EVENT_BASELINE_RECORDED,    0, STAYS, 0, IN(TRIAL_AT(APPROVED)) | IN(TRIAL_AT(RUNNING)) },
    { TRIAL_EVENT_TARGET_SET,           0, STAYS, 0, IN(TRIAL_AT(APPROVED)) | IN(TRIAL_AT(RUNNING)) },
    { TRIAL_EVENT_MEASUREMENT_RECORDED, 0, STAYS, 0, TO_BE_MEASURED },

    { TRIAL_EVENT_EVALUATION_PLANNED,   0, STAYS, 0, UNDER_WAY | IN(TRIAL_AT(COMPLETED)) },
    { TRIAL_EVENT_EVALUATION_PUBLISHED, PUBLICATION(INTERIM), STAYS, 0, TO_BE_MEASURED },
    { TRIAL_EVENT_EVALUATION_PUBLISHED, PUBLICATION(FINAL), TRIAL_AT(EVALUATED), STEP(EVALUATED), IN(TRIAL_AT(COMPLETED)) },
    { TRIAL_EVENT_EVALUATION_PUBLISHED, PUBLICATION(FINAL), STAYS, 0, JUDGED },
    { TRIAL_EVENT_ASSESSMENT_MADE,      0, TRIAL_AT(ASSESSED), STEP(ASSESSED), JUDGED },

    { TRIAL_EVENT_EXEMPTION_EXTENDED,   0, STAYS, 0, EXEMPT },
    { TRIAL_EVENT_EXEMPTION_REVOKED,    0, STAYS, 0, EXEMPT | IN(TRIAL_AT(ABANDONED)) },
    { TRIAL_EVENT_EXEMPTION_EXPIRED, VARIANT_LAST,  TRIAL_AT(LAPSED), STEP(LAPSED), IN(TRIAL_AT(APPROVED)) },
    { TRIAL_EVENT_EXEMPTION_EXPIRED, VARIANT_OTHER, STAYS, 0, EXEMPT | IN(TRIAL_AT(ABANDONED)) },

    { TRIAL_EVENT_LAW_PROPOSED,           0, LAW_AT(PROPOSED), 0, NEW },
    { TRIAL_EVENT_LAW_ENACTED,            0, LAW_AT(ENACTED),  0, NEW | IN(LAW_AT(PROPOSED)) },
    { TRIAL_EVENT_LAW_ENTERED_INTO_FORCE, VARIANT_ORDER, LAW_AT(IN_FORCE), 0, NEW | IN(LAW_AT(PROPOSED)) | IN(LAW_AT(ENACTED)) },
    { TRIAL_EVENT_LAW_ENTERED_INTO_FORCE, VARIANT_ACT,   LAW_AT(IN_FORCE), 0, IN(LAW_AT(ENACTED)) },

    { TRIAL_EVENT_RIGHT_GRANTED, 0, RIGHT_AT(GRANTED), 0, NEW | KNOWN },
    { TRIAL_EVENT_RIGHT_REVOKED, 0, RIGHT_AT(REVOKED), 0, IN(RIGHT_AT(GRANTED)) },

    { TRIAL_EVENT_DEADLINE_SET,      0, STAYS, 0, KNOWN | STRANGER },
    { TRIAL_EVENT_DEADLINE_MOVED,    0, STAYS, 0, KNOWN | STRANGER },
    { TRIAL_EVENT_FIGURE_REPORTED,   0, STAYS, 0, KNOWN | STRANGER },
    { TRIAL_EVENT_KNOWLEDGE_SHARED,  0, STAYS, 0, KNOWN | STRANGER },
    { TRIAL_EVENT_CORRECTION_ISSUED, 0, STAYS, 0, KNOWN },
    { TRIAL_EVENT_ACTIVITY_COMPLETED, 0, STAYS, 0, KNOWN | STRANGER },
};
/* clang-format on */

#define MOVE_COUNT (sizeof moves / sizeof moves[0])

static const trial_choices *words_of(trial_kind kind)
{
    switch (kind) {
    case TRIAL_KIND_PROGRAMME:
        return &trial_choices_programme_state;
    case TRIAL_KIND_NETWORK:
        return &trial_choices_network_state;
    case TRIAL_KIND_TRIAL:
        return &trial_choices_trial_state;
    case TRIAL_KIND_LAW:
        return &trial_choices_law_state;
    case TRIAL_KIND_KEY:
        return &trial_choices_right_state;
    case TRIAL_KIND_MUNICIPALITY:
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        break;
    }
    return NULL;
}

/* The state as a choice, 0 where nothing is known. What has no machine is either known or not. */
static trial_choice state_of(const trial_state *state)
{
    switch (state->kind) {
    case TRIAL_KIND_PROGRAMME:
        return state->as.programme.state;
    case TRIAL_KIND_NETWORK:
        return state->as.network.state;
    case TRIAL_KIND_TRIAL:
        return state->as.trial.state;
    case TRIAL_KIND_LAW:
        return state->as.law.state;
    case TRIAL_KIND_KEY:
        return state->as.key.state;
    case TRIAL_KIND_MUNICIPALITY:
        return trial_text_is_set(state->as.municipality.name) ? 1 : 0;
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        break;
    }
    return 1;
}

/* When the state last changed; NONE where it never did. */
static trial_instant since_of(const trial_state *state)
{
    switch (state->kind) {
    case TRIAL_KIND_PROGRAMME:
        return state->as.programme.since;
    case TRIAL_KIND_NETWORK:
        return state->as.network.since;
    case TRIAL_KIND_TRIAL:
        return state->as.trial.since;
    case TRIAL_KIND_LAW:
        return state->as.law.since;
    case TRIAL_KIND_KEY:
        return state->as.key.since;
    case TRIAL_KIND_MUNICIPALITY:
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        break;
    }
    return TRIAL_INSTANT_NONE;
}

static void set_state(trial_state *state, trial_choice to, trial_instant since)
{
    switch (state->kind) {
    case TRIAL_KIND_PROGRAMME:
        state->as.programme.state = to;
        state->as.programme.since = since;
        break;
    case TRIAL_KIND_NETWORK:
        state->as.network.state = to;
        state->as.network.since = since;
        break;
    case TRIAL_KIND_TRIAL:
        state->as.trial.state = to;
        state->as.trial.since = since;
        break;
    case TRIAL_KIND_LAW:
        state->as.law.state = to;
        state->as.law.since = since;
        break;
    case TRIAL_KIND_KEY:
        state->as.key.state = to;
        state->as.key.since = since;
        break;
    case TRIAL_KIND_MUNICIPALITY:
    case TRIAL_KIND_CASE:
    case TRIAL_KIND_OTHER:
    case TRIAL_KIND_ANY:
        break;
    }
}

const char *rules_state_word(const trial_state *state)
{
    const trial_choices *words = words_of(state->kind);
    trial_choice now = state_of(state);

    if (now == 0) {
        return "not known";
    }
    return words == NULL ? "known" : trial_choice_word(words, now);
}

bool rules_is_known(const trial_state *state)
{
    return state != NULL && state_of(state) != 0;
}

/* Would this expiry leave a trial that never started without any exemption? */
static bool ends_the_last(const struct trial_trial *trial, trial_text id)
{
    const struct trial_exemption_fact *ending = rules_exemption(trial, id);

    if (trial->state != TRIAL_AT(APPROVED) || ending == NULL ||
        ending->state != EXEMPTION_AT(GRANTED)) {
        return false;
    }
    for (uint32_t i = 0; i < trial->exemptions.count; i++) {
        const struct trial_exemption_fact *other = &trial->exemptions.items[i];

        if (other != ending && other->state == EXEMPTION_AT(GRANTED)) {
            return false;
        }
    }
    return true;
}

static bool is_order(const struct trial_law *law, const struct trial_law_entered_into_force *event)
{
    return law->form == TRIAL_CHOICE_law_form_ORDER || event->form == TRIAL_CHOICE_law_form_ORDER;
}

/* Which of its steps the event is. The state is of the kind that the event's row asks for. */
static trial_choice variant_of(const trial_state *state, const trial_event *event)
{
    if (event->type == TRIAL_EVENT_APPLICATION_SCREENED) {
        return event->as.application_screened.result;
    }
    if (event->type == TRIAL_EVENT_EVALUATION_PUBLISHED) {
        return event->as.evaluation_published.kind;
    }
    if (event->type == TRIAL_EVENT_EXEMPTION_EXPIRED) {
        trial_text id = event->as.exemption_expired.exemptionId;

        return ends_the_last(&state->as.trial, id) ? VARIANT_LAST : VARIANT_OTHER;
    }
    if (event->type == TRIAL_EVENT_LAW_ENTERED_INTO_FORCE) {
        return is_order(&state->as.law, &event->as.law_entered_into_force) ? VARIANT_ORDER
                                                                           : VARIANT_ACT;
    }
    return VARIANT_ANY;
}

/* The event's row that is legal in that state, else NULL; ret_first is its first row in any state,
 * ret_legal all states in which it is legal. */
static const machine_move *find_move(trial_event_type type,
                                     trial_choice variant,
                                     uint32_t now,
                                     const machine_move **ret_first,
                                     uint32_t *ret_legal)
{
    const machine_move *found = NULL;

    *ret_first = NULL;
    *ret_legal = 0;
    for (size_t i = 0; i < MOVE_COUNT; i++) {
        const machine_move *move = &moves[i];

        if (move->type != type || move->variant != variant) {
            continue;
        }
        *ret_first = *ret_first == NULL ? move : *ret_first;
        *ret_legal |= move->from;
        if (found == NULL && (move->from & now) != 0) {
            found = move;
        }
    }
    return found;
}

/* May such an event also leave the state alone, as a second final evaluation does? */
static bool may_stay(trial_event_type type, trial_choice variant)
{
    for (size_t i = 0; i < MOVE_COUNT; i++) {
        if (moves[i].type == type && moves[i].variant == variant && moves[i].to == STAYS) {
            return true;
        }
    }
    return false;
}

static trial_code fail_unknown(const trial_event *event, trial_error *err)
{
    (void)trial_fail_rule(err,
                          TRIAL_RULE_UNKNOWN_SUBJECT,
                          "the log does not know %.*s, so %s cannot be its first event",
                          TRIAL_TEXT_ARGS(event->subject),
                          trial_event_row_of(event->type)->name);
    return trial_fail_field(err, "subject");
}

static trial_code fail_illegal(const rules_asked *asked, uint32_t legal, trial_error *err)
{
    const trial_choices *choices = words_of(asked->state->kind);
    const char *name = trial_event_row_of(asked->event->type)->name;
    rules_words words = { 0 };

    for (uint32_t i = 0; choices != NULL && i < choices->count; i++) {
        if ((legal & IN(i + 1)) != 0) {
            rules_words_add(&words, trial_text_of(choices->words[i]));
        }
    }
    if (words.count == 0) {
        return trial_fail_rule(err,
                               TRIAL_RULE_ILLEGAL_TRANSITION,
                               "%.*s is %s already; %s takes one the log does not know yet",
                               TRIAL_TEXT_ARGS(asked->event->subject),
                               rules_state_word(asked->state),
                               name);
    }
    return trial_fail_rule(err,
                           TRIAL_RULE_ILLEGAL_TRANSITION,
                           "%.*s is %s; %s is a step only where it is %s%s",
                           TRIAL_TEXT_ARGS(asked->event->subject),
                           rules_state_word(asked->state),
                           name,
                           words.count > 1 ? "one of " : "",
                           words.text);
}

static trial_code fail_early(const rules_asked *asked, trial_instant since, trial_error *err)
{
    char changed[TRIAL_INSTANT_TEXT_BYTES];

    trial_instant_write(since, changed);
    (void)trial_fail_rule(err,
                          TRIAL_RULE_TIME_BEFORE_STATE,
                          "%.*s is before %s, when %.*s became %s",
                          TRIAL_TEXT_ARGS(asked->event->time_text),
                          changed,
                          TRIAL_TEXT_ARGS(asked->event->subject),
                          rules_state_word(asked->state));
    return trial_fail_field(err, "time");
}

/* The subject's state as a bit of the table. */
static uint32_t bit_of(const rules_asked *asked)
{
    bool has_life =
        words_of(asked->state->kind) != NULL || asked->state->kind == TRIAL_KIND_MUNICIPALITY;

    if (!has_life) {
        return asked->is_new ? STRANGER : IN(1);
    }
    return IN(state_of(asked->state));
}

trial_code rules_check_move(const rules_asked *asked, trial_error *err)
{
    trial_choice variant = variant_of(asked->state, asked->event);
    trial_instant since = since_of(asked->state);
    uint32_t now = bit_of(asked);
    uint32_t legal;
    const machine_move *first;
    const machine_move *move = find_move(asked->event->type, variant, now, &first, &legal);

    if (move == NULL && (now & (NEW | STRANGER)) != 0) {
        return fail_unknown(asked->event, err);
    }
    if (move == NULL) {
        return fail_illegal(asked, legal, err);
    }
    if (move->to != STAYS && since != TRIAL_INSTANT_NONE && asked->event->time < since) {
        return fail_early(asked, since, err);
    }
    return TRIAL_OK;
}

/* Note when a step was first reached. */
static void note_step(struct trial_trial *trial,
                      trial_choice step,
                      const trial_event *event,
                      trial_arena *arena)
{
    struct trial_milestone *milestone;

    if (step == 0 || rules_milestone(trial, step) != NULL) {
        return;
    }
    milestone = RULES_ADD(arena, &trial->milestones, milestone);
    milestone->step = step;
    milestone->time = event->time;
    milestone->position = rules_position(event);
    milestone->provenance = event->common.provenance;
}

void rules_move(trial_state *state, const trial_event *event, trial_arena *arena)
{
    uint32_t legal;
    const machine_move *first;
    const machine_move *move =
        find_move(event->type, variant_of(state, event), IN(state_of(state)), &first, &legal);

    /* As of a past day the step before this one may be missing: it has happened all the same,
     * unless this one may have been no step. */
    if (move == NULL && !may_stay(event->type, variant_of(state, event))) {
        move = first;
    }
    if (move == NULL || move->to == STAYS) {
        return;
    }
    set_state(state, move->to, event->time);
    if (state->kind == TRIAL_KIND_TRIAL) {
        note_step(&state->as.trial, move->step, event, arena);
    }
}
