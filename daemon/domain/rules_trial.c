/* rules_trial.c - the second half of a trial's life: from its approval to its end. */
#include "rules_internal.h"

/* Is the day inside the period of the trial's programme? */
static trial_code judge_period(const rules_asked *asked, trial_error *err)
{
    trial_text id = asked->state->as.trial.programme;
    trial_date day = trial_date_of(asked->event->time);
    const trial_state *programme;
    trial_code code = rules_known(asked, TRIAL_KIND_PROGRAMME, id, "programme", &programme, err);
    const struct trial_programme *known;

    if (code != TRIAL_OK) {
        return code;
    }
    known = &programme->as.programme;
    if (day >= known->periodFrom && day <= known->periodTo) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_OUTSIDE_PERIOD,
                          "%s is outside programme '%.*s', which runs from %s to %s",
                          rules_day(day).text,
                          TRIAL_TEXT_ARGS(id),
                          rules_day(known->periodFrom).text,
                          rules_day(known->periodTo).text);
    return trial_fail_field(err, "time");
}

static bool is_named_before(const struct trial_exemption_grant *grants, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (trial_text_equal(grants[i].exemptionId, grants[index].exemptionId)) {
            return true;
        }
    }
    return false;
}

/* An exemption's id names one exemption for ever, in the event and in the log. */
static trial_code judge_exemption_ids(const rules_asked *asked, trial_error *err)
{
    const struct trial_trial_approved *event = &asked->event->as.trial_approved;

    for (uint32_t i = 0; i < event->exemptions.count; i++) {
        trial_text id = event->exemptions.items[i].exemptionId;
        bool is_twice = is_named_before(event->exemptions.items, i);

        if (is_twice || asked->world->has_exemption(asked->world->context, id)) {
            (void)trial_fail_rule(err,
                                  TRIAL_RULE_DUPLICATE_ID,
                                  "exemption id '%.*s' is %s; each exemption needs one of its own",
                                  TRIAL_TEXT_ARGS(id),
                                  is_twice ? "named twice in this event" : "taken in the log");
            return trial_fail_field(err, "data.exemptions.exemptionId");
        }
    }
    return TRIAL_OK;
}

/* Participants of one step are among those of the step before. */
static trial_code judge_participants(trial_texts participants,
                                     trial_texts allowed,
                                     const char *lacking,
                                     trial_error *err)
{
    rules_words strangers = rules_words_outside(participants, allowed);

    if (strangers.count == 0) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err, TRIAL_RULE_NOT_MEMBER, "%s: %s", lacking, strangers.text);
    return trial_fail_field(err, "data.participants");
}

trial_code decide_trial_approved(const rules_asked *asked, trial_error *err)
{
    trial_code code = judge_period(asked, err);

    if (code == TRIAL_OK) {
        code = judge_exemption_ids(asked, err);
    }
    if (code == TRIAL_OK) {
        code = judge_participants(asked->event->as.trial_approved.participants,
                                  asked->state->as.trial.participants,
                                  "did not apply for this trial",
                                  err);
    }
    return code;
}

static void grant(struct trial_trial *trial,
                  const struct trial_exemption_grant *granted,
                  const trial_event *event,
                  trial_arena *arena)
{
    struct trial_exemption_fact *fact = rules_exemption(trial, granted->exemptionId);

    if (fact == NULL) {
        fact = RULES_ADD(arena, &trial->exemptions, exemption_fact);
    }
    fact->exemptionId = granted->exemptionId;
    fact->act = granted->act;
    fact->section = granted->section;
    fact->ministry = granted->ministry;
    fact->effect = granted->effect;
    fact->validFrom = granted->validFrom;
    fact->validTo = granted->validTo;
    fact->state = EXEMPTION_AT(GRANTED);
    fact->position = rules_position(event);
}

void apply_trial_approved(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_trial_approved *approved = &event->as.trial_approved;
    struct trial_trial *trial = &state->as.trial;

    trial->ministry = approved->ministry;
    trial->legalBasis = approved->legalBasis;
    trial->approvedParticipants = approved->participants;
    trial->plannedStart = approved->plannedStart;
    trial->plannedEnd = approved->plannedEnd;
    for (uint32_t i = 0; i < approved->exemptions.count; i++) {
        grant(trial, &approved->exemptions.items[i], event, arena);
    }
}

static struct trial_charter_fact *find_charter(const struct trial_trial *trial, trial_text code)
{
    for (uint32_t i = 0; i < trial->charters.count; i++) {
        if (trial_text_equal(trial->charters.items[i].municipality, code)) {
            return &trial->charters.items[i];
        }
    }
    return NULL;
}

trial_code decide_trial_charter_published(const rules_asked *asked, trial_error *err)
{
    trial_text code = asked->event->as.trial_charter_published.municipality;

    if (trial_texts_has(asked->state->as.trial.approvedParticipants, code)) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_NOT_MEMBER,
                          "municipality %.*s is no participant that %.*s was approved for",
                          TRIAL_TEXT_ARGS(code),
                          TRIAL_TEXT_ARGS(asked->event->subject));
    return trial_fail_field(err, "data.municipality");
}

void apply_trial_charter_published(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_trial_charter_published *published = &event->as.trial_charter_published;
    struct trial_trial *trial = &state->as.trial;
    struct trial_charter_fact *charter = find_charter(trial, published->municipality);

    if (charter == NULL) {
        charter = RULES_ADD(arena, &trial->charters, charter_fact);
    } else if (charter->time <= event->time) {
        return; /* the earliest counts, whenever the log learns of it */
    }
    charter->municipality = published->municipality;
    charter->validFrom = published->validFrom;
    charter->url = published->url;
    charter->time = event->time;
}

/* Does an exemption that no event has ended cover the day? */
static trial_code judge_exempt(const rules_asked *asked, trial_error *err)
{
    const struct trial_trial *trial = &asked->state->as.trial;
    trial_date day = asked->event->as.trial_started.startedOn;

    for (uint32_t i = 0; i < trial->exemptions.count; i++) {
        const struct trial_exemption_fact *fact = &trial->exemptions.items[i];

        if (fact->state == EXEMPTION_AT(GRANTED) && fact->validFrom <= day &&
            day <= fact->validTo) {
            return TRIAL_OK;
        }
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_OUTSIDE_PERIOD,
                          "none of the %u exemptions of %.*s is live and valid on %s",
                          trial->exemptions.count,
                          TRIAL_TEXT_ARGS(asked->event->subject),
                          rules_day(day).text);
    return trial_fail_field(err, "data.startedOn");
}

static trial_code judge_charters(const rules_asked *asked, trial_error *err)
{
    const struct trial_trial *trial = &asked->state->as.trial;
    trial_texts participants = asked->event->as.trial_started.participants;
    rules_words missing = { 0 };

    for (uint32_t i = 0; i < participants.count; i++) {
        const struct trial_charter_fact *charter = find_charter(trial, participants.items[i]);

        if (charter == NULL || charter->time > asked->event->time) {
            rules_words_add(&missing, participants.items[i]);
        }
    }
    if (missing.count == 0) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_CHARTER_MISSING,
                          "no charter was published before the start by: %s",
                          missing.text);
    return trial_fail_field(err, "data.participants");
}

trial_code decide_trial_started(const rules_asked *asked, trial_error *err)
{
    trial_code code = judge_exempt(asked, err);

    if (code == TRIAL_OK) {
        code = judge_participants(asked->event->as.trial_started.participants,
                                  asked->state->as.trial.approvedParticipants,
                                  "not approved for this trial",
                                  err);
    }
    return code == TRIAL_OK ? judge_charters(asked, err) : code;
}

void apply_trial_started(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_trial_started *started = &event->as.trial_started;
    struct trial_trial *trial = &state->as.trial;

    (void)arena;
    trial->startedOn = started->startedOn;
    trial->startedParticipants = started->participants;
}

DECIDED_BY_THE_MACHINE(trial_suspended)

void apply_trial_suspended(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.trial.suspendedOn = trial_date_of(event->time);
    state->as.trial.expectedResume = event->as.trial_suspended.expectedResume;
}

DECIDED_BY_THE_MACHINE(trial_resumed)

void apply_trial_resumed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)event;
    (void)arena;
    state->as.trial.suspendedOn = TRIAL_DATE_NONE;
    state->as.trial.expectedResume = TRIAL_DATE_NONE;
}

DECIDED_BY_THE_MACHINE(trial_extended)

void apply_trial_extended(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.trial.plannedEnd = event->as.trial_extended.to;
}

trial_code decide_trial_abandoned(const rules_asked *asked, trial_error *err)
{
    trial_choice stage = asked->event->as.trial_abandoned.stage;
    const char *word = trial_choice_word(&trial_choices_stage, stage);

    if (trial_text_is(trial_text_of(word), rules_state_word(asked->state))) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule_as(err,
                             TRIAL_RULE_INCONSISTENT,
                             TRIAL_REFUSED,
                             "the stage is said to be %s, but %.*s is %s",
                             word,
                             TRIAL_TEXT_ARGS(asked->event->subject),
                             rules_state_word(asked->state));
    return trial_fail_field(err, "data.stage");
}

void apply_trial_abandoned(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.trial.abandonedAt = event->as.trial_abandoned.stage;
    state->as.trial.endReason = event->as.trial_abandoned.reason;
    state->as.trial.expectedResume = TRIAL_DATE_NONE;
}

trial_code decide_trial_completed(const rules_asked *asked, trial_error *err)
{
    trial_date started = asked->state->as.trial.startedOn;
    trial_date completed = asked->event->as.trial_completed.completedOn;

    if (started == TRIAL_DATE_NONE || completed >= started) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule_as(err,
                             TRIAL_RULE_BAD_RANGE,
                             TRIAL_REFUSED,
                             "completedOn %s is before %.*s started, on %s",
                             rules_day(completed).text,
                             TRIAL_TEXT_ARGS(asked->event->subject),
                             rules_day(started).text);
    return trial_fail_field(err, "data.completedOn");
}

void apply_trial_completed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.trial.completedOn = event->as.trial_completed.completedOn;
}
