/* walk.c - see walk.h. */
#include "walk.h"

#include "notes.h"

#define AT(UPPER) TRIAL_CHOICE_trial_state_##UPPER
#define IN(UPPER) (1u << TRIAL_CHOICE_trial_state_##UPPER)
#define UNDER_WAY (IN(APPROVED) | IN(RUNNING) | IN(SUSPENDED))
#define WAITING (IN(SUBMITTED) | IN(SCREENED) | IN(SCREENED_FAILED) | IN(ENDORSED))
#define EXEMPT (UNDER_WAY | IN(COMPLETED) | IN(EVALUATED) | IN(ASSESSED))

static trial_date today(const walk *walker)
{
    return trial_date_of(walker->now);
}

static uint32_t roll(walk *walker, uint32_t sides)
{
    return history_roll(walker->dice, sides);
}

static void say_source(trial_event *event, const char *source)
{
    event->source = trial_text_of(source);
}

/* A part of a set of municipalities that is not empty, as codes. */
static trial_texts some_of(walk *walker, uint32_t set, uint32_t *ret_chosen)
{
    trial_texts codes = { trial_arena_take(&walker->past->arena, 2 * sizeof(trial_text)), 0 };
    uint32_t chosen = set & (1 + roll(walker, 3));

    chosen = chosen == 0 ? set : chosen;
    if ((chosen & 1) != 0) {
        codes.items[codes.count++] = TRIAL_TEXT("0101");
    }
    if ((chosen & 2) != 0) {
        codes.items[codes.count++] = TRIAL_TEXT("0102");
    }
    *ret_chosen = chosen;
    return codes;
}

/* What each step of a trial says. False: it cannot be said now. */

static bool screen_pass(walk *walker, walk_trial *trial, trial_event *event)
{
    (void)walker;
    (void)trial;
    (void)event; /* the defaults are a pass */
    return true;
}

static bool screen_fail(walk *walker, walk_trial *trial, trial_event *event)
{
    (void)walker;
    (void)trial;
    event->as.application_screened.result = TRIAL_CHOICE_screening_FAIL;
    event->as.application_screened.checks->euLaw = TRIAL_CHOICE_check_UNCLEAR;
    return true;
}

static bool approve(walk *walker, walk_trial *trial, trial_event *event)
{
    struct trial_trial_approved *approved = &event->as.trial_approved;
    uint32_t count = 1 + roll(walker, WALK_EXEMPTIONS_MAX);

    if (today(walker) > walker->period_to) {
        return false;
    }
    approved->participants = some_of(walker, trial->applied, &trial->approved);
    approved->plannedEnd = today(walker) + 30;
    approved->exemptions.items = trial_arena_grow(&walker->past->arena,
                                                  approved->exemptions.items,
                                                  1,
                                                  count,
                                                  sizeof *approved->exemptions.items);
    approved->exemptions.count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct trial_exemption_grant *grant = &approved->exemptions.items[i];
        walk_exemption *kept = &trial->exemptions[i];

        *grant = approved->exemptions.items[0];
        kept->id = history_name(walker->past, "e", ++walker->exemption_count);
        kept->from = today(walker) - (trial_date)roll(walker, 5);
        kept->to = today(walker) + (trial_date)roll(walker, 40);
        kept->is_live = true;
        grant->exemptionId = trial_text_of(kept->id);
        grant->validFrom = kept->from;
        grant->validTo = kept->to;
    }
    trial->exemption_count = count;
    return true;
}

static bool publish_charter(walk *walker, walk_trial *trial, trial_event *event)
{
    uint32_t who;
    trial_texts codes = some_of(walker, trial->approved, &who);

    event->as.trial_charter_published.municipality = codes.items[0];
    say_source(event,
               trial_text_is(codes.items[0], "0101") ? "/dk/kommune/0101" : "/dk/kommune/0102");
    trial->charters |= trial_text_is(codes.items[0], "0101") ? 1 : 2;
    return true;
}

/* A live exemption, or NULL. */
static walk_exemption *live_one(walk *walker, walk_trial *trial)
{
    uint32_t first = roll(walker, WALK_EXEMPTIONS_MAX);

    for (uint32_t i = 0; i < trial->exemption_count; i++) {
        walk_exemption *kept = &trial->exemptions[(first + i) % trial->exemption_count];

        if (kept->is_live) {
            return kept;
        }
    }
    return NULL;
}

static bool start(walk *walker, walk_trial *trial, trial_event *event)
{
    const walk_exemption *kept = live_one(walker, trial);
    uint32_t ready = trial->approved & trial->charters;
    uint32_t chosen;

    if (kept == NULL || ready == 0) {
        return false;
    }
    trial->started = kept->from + (trial_date)roll(walker, (uint32_t)(kept->to - kept->from) + 1);
    event->as.trial_started.startedOn = trial->started;
    event->as.trial_started.participants = some_of(walker, ready, &chosen);
    return true;
}

static bool extend(walk *walker, walk_trial *trial, trial_event *event)
{
    (void)trial;
    event->as.trial_extended.to += 1 + (trial_date)roll(walker, 30);
    return true;
}

static bool give_up(walk *walker, walk_trial *trial, trial_event *event)
{
    (void)walker;
    event->as.trial_abandoned.stage = trial->state == AT(APPROVED)  ? TRIAL_CHOICE_stage_APPROVED
                                      : trial->state == AT(RUNNING) ? TRIAL_CHOICE_stage_RUNNING
                                                                    : TRIAL_CHOICE_stage_SUSPENDED;
    return true;
}

static bool complete(walk *walker, walk_trial *trial, trial_event *event)
{
    event->as.trial_completed.completedOn = trial->started + (trial_date)roll(walker, 30);
    return true;
}

static bool publish_interim(walk *walker, walk_trial *trial, trial_event *event)
{
    (void)trial;
    if (roll(walker, 2) == 0) {
        event->as.evaluation_published.mode = TRIAL_CHOICE_mode_EXTERNAL;
        say_source(event, "/dk/evaluator/e");
    }
    return true;
}

static bool publish_final(walk *walker, walk_trial *trial, trial_event *event)
{
    event->as.evaluation_published.kind = TRIAL_CHOICE_publication_FINAL;
    return publish_interim(walker, trial, event);
}

static bool extend_exemption(walk *walker, walk_trial *trial, trial_event *event)
{
    walk_exemption *kept = live_one(walker, trial);

    if (kept == NULL) {
        return false;
    }
    event->as.exemption_extended.exemptionId = trial_text_of(kept->id);
    event->as.exemption_extended.from = kept->to;
    kept->to += 1 + (trial_date)roll(walker, 10);
    event->as.exemption_extended.to = kept->to;
    return true;
}

static bool revoke(walk *walker, walk_trial *trial, trial_event *event)
{
    walk_exemption *kept = live_one(walker, trial);

    if (kept == NULL) {
        return false;
    }
    event->as.exemption_revoked.exemptionId = trial_text_of(kept->id);
    kept->is_live = false;
    return true;
}

static bool expire(walk *walker, walk_trial *trial, trial_event *event)
{
    walk_exemption *kept = live_one(walker, trial);

    if (kept == NULL || today(walker) < kept->to) {
        return false;
    }
    event->as.exemption_expired.exemptionId = trial_text_of(kept->id);
    event->as.exemption_expired.validTo = kept->to;
    kept->is_live = false;
    if (trial->state == AT(APPROVED) && live_one(walker, trial) == NULL) {
        trial->state = AT(LAPSED);
    }
    return true;
}

#define SAME 0 /* the state stays */

/* clang-format off */
static const struct trial_step {
    trial_event_type type;
    uint32_t from;
    trial_choice to;
    const char *source;
    bool (*say)(walk *walker, walk_trial *trial, trial_event *event); /* NULL: defaults will do */
} steps[] = {
    { TRIAL_EVENT_APPLICATION_REVISED, WAITING & ~IN(ENDORSED), AT(SUBMITTED), "/dk/netvaerk/n", NULL },
    { TRIAL_EVENT_APPLICATION_SCREENED, IN(SUBMITTED), AT(SCREENED), "/dk/ministerium/m", screen_pass },
    { TRIAL_EVENT_APPLICATION_SCREENED, IN(SUBMITTED), AT(SCREENED), "/dk/ministerium/m", screen_pass },
    { TRIAL_EVENT_APPLICATION_SCREENED, IN(SUBMITTED), AT(SCREENED_FAILED), "/dk/ministerium/m", screen_fail },
    { TRIAL_EVENT_APPLICATION_ENDORSED, IN(SCREENED), AT(ENDORSED), "/dk/regering", NULL },
    { TRIAL_EVENT_APPLICATION_ENDORSED, IN(SCREENED), AT(ENDORSED), "/dk/ministerium/m", NULL },
    { TRIAL_EVENT_APPLICATION_WITHDRAWN, IN(SCREENED_FAILED), AT(WITHDRAWN), "/dk/kommune/0101", NULL },
    { TRIAL_EVENT_APPLICATION_REJECTED, IN(SCREENED_FAILED), AT(REJECTED), "/dk/regering", NULL },
    { TRIAL_EVENT_TRIAL_APPROVED, IN(ENDORSED), AT(APPROVED), "/dk/ministerium/m", approve },
    { TRIAL_EVENT_TRIAL_CHARTER_PUBLISHED, UNDER_WAY, SAME, "", publish_charter },
    { TRIAL_EVENT_TRIAL_STARTED, IN(APPROVED), AT(RUNNING), "/dk/netvaerk/n", start },
    { TRIAL_EVENT_TRIAL_STARTED, IN(APPROVED), AT(RUNNING), "/dk/kommune/0102", start },
    { TRIAL_EVENT_TRIAL_SUSPENDED, IN(RUNNING), AT(SUSPENDED), "/dk/ministerium/m", NULL },
    { TRIAL_EVENT_TRIAL_RESUMED, IN(SUSPENDED), AT(RUNNING), "/dk/netvaerk/n", NULL },
    { TRIAL_EVENT_TRIAL_EXTENDED, UNDER_WAY, SAME, "/dk/ministerium/m", extend },
    { TRIAL_EVENT_TRIAL_ABANDONED, IN(SUSPENDED), AT(ABANDONED), "/dk/netvaerk/n", give_up },
    { TRIAL_EVENT_TRIAL_COMPLETED, IN(RUNNING), AT(COMPLETED), "/dk/netvaerk/n", complete },
    { TRIAL_EVENT_BASELINE_RECORDED, IN(APPROVED) | IN(RUNNING), SAME, "/dk/kommune/0101", NULL },
    { TRIAL_EVENT_TARGET_SET, IN(APPROVED) | IN(RUNNING), SAME, "/dk/netvaerk/n", NULL },
    { TRIAL_EVENT_MEASUREMENT_RECORDED, IN(RUNNING) | IN(SUSPENDED) | IN(COMPLETED), SAME, "/dk/evaluator/e", NULL },
    { TRIAL_EVENT_EVALUATION_PLANNED, UNDER_WAY | IN(COMPLETED), SAME, "/dk/netvaerk/n", NULL },
    { TRIAL_EVENT_EVALUATION_PUBLISHED, IN(RUNNING) | IN(SUSPENDED) | IN(COMPLETED), SAME, "/dk/netvaerk/n", publish_interim },
    { TRIAL_EVENT_EVALUATION_PUBLISHED, IN(COMPLETED), AT(EVALUATED), "/dk/netvaerk/n", publish_final },
    { TRIAL_EVENT_EVALUATION_PUBLISHED, IN(EVALUATED) | IN(ASSESSED), SAME, "/dk/netvaerk/n", publish_final },
    { TRIAL_EVENT_ASSESSMENT_MADE, IN(EVALUATED) | IN(ASSESSED), AT(ASSESSED), "/dk/regering", NULL },
    { TRIAL_EVENT_EXEMPTION_EXTENDED, EXEMPT, SAME, "/dk/ministerium/m", extend_exemption },
    { TRIAL_EVENT_EXEMPTION_REVOKED, IN(RUNNING) | IN(ABANDONED), SAME, "/dk/ministerium/m", revoke },
    { TRIAL_EVENT_EXEMPTION_EXPIRED, EXEMPT | IN(ABANDONED), SAME, "/dk/ministerium/m", expire },
};
/* clang-format on */
#define STEP_COUNT (sizeof steps / sizeof steps[0])

static bool step_trial(walk *walker, trial_event *ret_event)
{
    walk_trial *trial = &walker->trials[roll(walker, walker->trial_count)];
    const struct trial_step *step = &steps[roll(walker, STEP_COUNT)];
    trial_choice before = trial->state;

    if ((step->from & (1u << before)) == 0) {
        return false;
    }
    *ret_event = history_blank(walker->past, step->type, trial->subject, step->source, walker->now);
    if (step->say != NULL && !step->say(walker, trial, ret_event)) {
        return false;
    }
    if (step->to != SAME) {
        trial->state = step->to;
    }
    return true;
}

static bool step_apply(walk *walker, trial_event *ret_event)
{
    walk_trial *trial = &walker->trials[walker->trial_count];
    struct trial_application_submitted *submitted = &ret_event->as.application_submitted;

    if (walker->trial_count == WALK_TRIALS_MAX || today(walker) > walker->period_to) {
        return false;
    }
    *trial = (walk_trial){ .state = AT(SUBMITTED) };
    trial->subject = history_name(walker->past, "trial/t", ++walker->trial_count);
    *ret_event = history_blank(walker->past,
                               TRIAL_EVENT_APPLICATION_SUBMITTED,
                               trial->subject,
                               "/dk/netvaerk/n",
                               walker->now);
    submitted->network = TRIAL_TEXT("n1");
    submitted->participants = some_of(walker, 3, &trial->applied);
    if (walker->trial_count > 1 && roll(walker, 2) == 0) {
        submitted->copyOf = TRIAL_TEXT("t1");
    }
    return true;
}

/* What happens round the trials. */

static bool step_programme(walk *walker, trial_event *ret_event)
{
    static const trial_event_type types[] = { TRIAL_EVENT_PROGRAMME_AGREED,
                                              TRIAL_EVENT_PROGRAMME_OPENED,
                                              TRIAL_EVENT_PROGRAMME_CLOSED };

    if (roll(walker, 3) == 0) {
        *ret_event = history_blank(walker->past,
                                   TRIAL_EVENT_PROGRAMME_EXTENDED,
                                   "programme/p1",
                                   "/dk/regering",
                                   walker->now);
        ret_event->as.programme_extended.from = walker->period_to;
        ret_event->as.programme_extended.to = ++walker->period_to;
        return true;
    }
    if (walker->programme == TRIAL_CHOICE_programme_state_CLOSED) {
        walker->programme = 0;
        walker->number++;
        walker->network = 0;
        walker->law = 0;
    }
    *ret_event = history_blank(walker->past,
                               types[walker->programme],
                               history_name(walker->past, "programme/q", walker->number),
                               "/dk/regering",
                               walker->now);
    if (walker->programme == TRIAL_CHOICE_programme_state_OPEN) {
        say_source(ret_event, "/dk/ministerium/m");
    }
    walker->programme++;
    return true;
}

static bool step_round(walk *walker, trial_event *ret_event)
{
    bool opens = walker->round_count % 2 == 0;

    *ret_event = history_blank(walker->past,
                               opens ? TRIAL_EVENT_ROUND_OPENED : TRIAL_EVENT_ROUND_CLOSED,
                               "programme/p1",
                               "/dk/ministerium/m",
                               walker->now);
    if (opens) {
        ret_event->as.round_opened.round.value = 2 + walker->round_count / 2;
    } else {
        ret_event->as.round_closed.round.value = 2 + walker->round_count / 2;
    }
    walker->round_count++;
    return true;
}

static bool step_deadline(walk *walker, trial_event *ret_event)
{
    bool is_set = walker->deadline != TRIAL_DATE_NONE;

    *ret_event = history_blank(walker->past,
                               is_set ? TRIAL_EVENT_DEADLINE_MOVED : TRIAL_EVENT_DEADLINE_SET,
                               "programme/p1",
                               "/dk/ministerium/m",
                               walker->now);
    if (is_set) {
        ret_event->as.deadline_moved.from = walker->deadline;
    }
    walker->deadline = today(walker);
    return true;
}

static bool step_member(walk *walker, trial_event *ret_event)
{
    *ret_event = history_blank(walker->past,
                               walker->is_member ? TRIAL_EVENT_NETWORK_MEMBER_LEFT
                                                 : TRIAL_EVENT_NETWORK_MEMBER_JOINED,
                               "network/n1",
                               "/dk/netvaerk/n",
                               walker->now);
    if (walker->is_member) {
        ret_event->as.network_member_left.municipality = TRIAL_TEXT("0103");
    } else {
        ret_event->as.network_member_joined.municipality = TRIAL_TEXT("0103");
    }
    walker->is_member = !walker->is_member;
    return true;
}

static bool step_municipality(walk *walker, trial_event *ret_event)
{
    if (roll(walker, 3) == 0) {
        *ret_event = history_blank(walker->past,
                                   TRIAL_EVENT_MUNICIPALITY_REGISTERED,
                                   "municipality/0101",
                                   "/dk/ministerium/m",
                                   walker->now);
        return true;
    }
    *ret_event = history_blank(walker->past,
                               walker->is_alone ? TRIAL_EVENT_MUNICIPALITY_WITHDRAWN
                                                : TRIAL_EVENT_MUNICIPALITY_APPOINTED,
                               "municipality/0103",
                               "/dk/regering",
                               walker->now);
    walker->is_alone = !walker->is_alone;
    return true;
}

/* A network of its own lives through applied, appointed, dissolved; the next one has a new number.
 */
static bool step_network(walk *walker, trial_event *ret_event)
{
    const char *subject = history_name(walker->past, "network/m", walker->number);
    trial_event_type type = TRIAL_EVENT_NETWORK_COORDINATOR_NAMED;
    const char *source = "/dk/netvaerk/n";

    if (walker->network == 0) {
        type = TRIAL_EVENT_NETWORK_APPLIED;
        walker->network = TRIAL_CHOICE_network_state_APPLIED;
    } else if (walker->network == TRIAL_CHOICE_network_state_APPLIED) {
        bool is_good = roll(walker, 2) == 0;

        type = is_good ? TRIAL_EVENT_NETWORK_APPOINTED : TRIAL_EVENT_NETWORK_REJECTED;
        source = "/dk/regering";
        walker->network =
            is_good ? TRIAL_CHOICE_network_state_APPOINTED : TRIAL_CHOICE_network_state_REJECTED;
    } else if (walker->network != TRIAL_CHOICE_network_state_APPOINTED) {
        return false;
    } else if (roll(walker, 2) == 0) {
        type = TRIAL_EVENT_NETWORK_DISSOLVED;
        walker->network = TRIAL_CHOICE_network_state_DISSOLVED;
    }
    *ret_event = history_blank(walker->past, type, subject, source, walker->now);
    return true;
}

static bool step_law(walk *walker, trial_event *ret_event)
{
    static const trial_event_type types[] = { TRIAL_EVENT_LAW_PROPOSED,
                                              TRIAL_EVENT_LAW_ENACTED,
                                              TRIAL_EVENT_LAW_ENTERED_INTO_FORCE };

    if (walker->law == TRIAL_CHOICE_law_state_IN_FORCE) {
        return false;
    }
    *ret_event = history_blank(walker->past,
                               types[walker->law],
                               history_name(walker->past, "law/l", walker->number),
                               walker->law == 0 ? "/dk/regering" : "/dk/folketing",
                               walker->now);
    walker->law++;
    return true;
}

static bool step_key(walk *walker, trial_event *ret_event)
{
    walker->has_rights = !walker->has_rights;
    *ret_event =
        history_blank(walker->past,
                      walker->has_rights ? TRIAL_EVENT_RIGHT_GRANTED : TRIAL_EVENT_RIGHT_REVOKED,
                      "key/k1",
                      "/triald",
                      walker->now);
    return true;
}

static bool step_other(walk *walker, trial_event *ret_event)
{
    static const struct {
        trial_event_type type;
        const char *subject;
        const char *source;
    } others[] = {
        { TRIAL_EVENT_PROGRAMME_RESULTS_PUBLISHED, "programme/p1", "/dk/ministerium/m" },
        { TRIAL_EVENT_FIGURE_REPORTED, "programme/p1", "/dk/presse/p" },
        { TRIAL_EVENT_KNOWLEDGE_SHARED, "network/n1", "/dk/evaluator/e" },
        { TRIAL_EVENT_KNOWLEDGE_SHARED, "webinar/w1", "/dk/evaluator/e" },
        { TRIAL_EVENT_ACTIVITY_COMPLETED, "case/1", "https://example.org" },
        { TRIAL_EVENT_CORRECTION_ISSUED, "programme/p1", "/dk/ministerium/m" },
    };
    uint32_t index = roll(walker, sizeof others / sizeof others[0]);

    *ret_event = history_blank(
        walker->past, others[index].type, others[index].subject, others[index].source, walker->now);
    if (others[index].type == TRIAL_EVENT_CORRECTION_ISSUED) {
        ret_event->as.correction_issued.corrects = TRIAL_TEXT("5"); /* the opening */
        ret_event->as.correction_issued.field = TRIAL_TEXT("title");
    } else if (others[index].type == TRIAL_EVENT_KNOWLEDGE_SHARED) {
        ret_event->as.knowledge_shared.trials =
            (trial_texts){ trial_arena_take(&walker->past->arena, sizeof(trial_text)), 1 };
        ret_event->as.knowledge_shared.trials.items[0] = TRIAL_TEXT("t1");
    }
    return true;
}

void walk_begin(walk *walker, history *past, history_dice *dice)
{
    trial_event first;

    *walker = (walk){
        .past = past, .dice = dice, .deadline = TRIAL_DATE_NONE, .number = 1, .round_count = 0
    };
    history_given(past, WORLD);
    walker->period_to =
        history_find(past, TRIAL_KIND_PROGRAMME, TRIAL_TEXT("p1"))->as.programme.periodTo;
    walker->now = past->events[past->event_count - 1].time;
    (void)step_apply(walker, &first);
    history_fold(past, &first);
}

trial_event walk_step(walk *walker)
{
    static bool (*const around[])(walk *, trial_event *) = {
        step_apply,        step_programme, step_round, step_deadline, step_member,
        step_municipality, step_network,   step_law,   step_key,      step_other,
    };
    const uint32_t around_count = sizeof around / sizeof around[0];
    trial_event event;
    bool is_said = false;

    walker->now += (trial_instant)roll(walker, 20) * 3600 * TRIAL_NS_PER_S;
    for (uint32_t tries = 0; !is_said && tries < 64; tries++) {
        uint32_t index = roll(walker, 8 * around_count);

        is_said = index < around_count ? around[index](walker, &event) : step_trial(walker, &event);
    }
    if (!is_said) { /* the dice have run dry: a fact that is always at hand */
        event = history_blank(
            walker->past, TRIAL_EVENT_FIGURE_REPORTED, "programme/p1", "/dk/presse/p", walker->now);
    }
    return event;
}
