/* rules_application.c - the first half of a trial's life: from the application to its answer. */
#include "rules_internal.h"

/* Is the programme open, and the event's day inside its period? */
static trial_code
judge_programme(const rules_asked *asked, const trial_state *programme, trial_error *err)
{
    const struct trial_programme *known = &programme->as.programme;
    trial_date day = trial_date_of(asked->event->time);

    if (known->periodFrom == TRIAL_DATE_NONE) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_OUTSIDE_PERIOD,
                              "programme '%.*s' is %s and has not been opened",
                              TRIAL_TEXT_ARGS(programme->id),
                              rules_state_word(programme));
        return trial_fail_field(err, "data.programme");
    }
    if (day < known->periodFrom || day > known->periodTo) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_OUTSIDE_PERIOD,
                              "%s is outside programme '%.*s', which runs from %s to %s",
                              rules_day(day).text,
                              TRIAL_TEXT_ARGS(programme->id),
                              rules_day(known->periodFrom).text,
                              rules_day(known->periodTo).text);
        return trial_fail_field(err, "time");
    }
    if (known->state != PROGRAMME_AT(OPEN)) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_OUTSIDE_PERIOD,
                              "programme '%.*s' is %s and takes no applications",
                              TRIAL_TEXT_ARGS(programme->id),
                              rules_state_word(programme));
        return trial_fail_field(err, "data.programme");
    }
    return TRIAL_OK;
}

/* Is the round, where one is named, open on the event's day? */
static trial_code
judge_round(const rules_asked *asked, const trial_state *programme, trial_error *err)
{
    trial_integer number = asked->event->as.application_submitted.round;
    const struct trial_round_fact *round;
    trial_date day = trial_date_of(asked->event->time);

    if (!number.is_set) {
        return TRIAL_OK;
    }
    round = rules_round(&programme->as.programme, number);
    if (round == NULL) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_UNKNOWN_SUBJECT,
                              "programme '%.*s' never opened a round %lld",
                              TRIAL_TEXT_ARGS(programme->id),
                              (long long)number.value);
        return trial_fail_field(err, "data.round");
    }
    if (day < round->opensOn || day > round->deadline) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_OUTSIDE_PERIOD,
                              "%s is outside round %lld, which takes applications from %s to %s",
                              rules_day(day).text,
                              (long long)number.value,
                              rules_day(round->opensOn).text,
                              rules_day(round->deadline).text);
        return trial_fail_field(err, "time");
    }
    if (round->closedAt != TRIAL_INSTANT_NONE) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_OUTSIDE_PERIOD,
                              "round %lld is closed since %s",
                              (long long)number.value,
                              rules_day(trial_date_of(round->closedAt)).text);
        return trial_fail_field(err, "data.round");
    }
    return TRIAL_OK;
}

/* Is the network appointed in that programme, and are all participants its members now? */
static trial_code judge_network(const rules_asked *asked, trial_error *err)
{
    const struct trial_application_submitted *event = &asked->event->as.application_submitted;
    rules_words strangers = { 0 };
    const trial_state *network;
    trial_code code =
        rules_known(asked, TRIAL_KIND_NETWORK, event->network, "network", &network, err);

    if (code != TRIAL_OK) {
        return code;
    }
    if (!trial_text_equal(network->as.network.programme, event->programme)) {
        (void)trial_fail_rule_as(err,
                                 TRIAL_RULE_INCONSISTENT,
                                 TRIAL_REFUSED,
                                 "network '%.*s' belongs to programme '%.*s', not to '%.*s'",
                                 TRIAL_TEXT_ARGS(event->network),
                                 TRIAL_TEXT_ARGS(network->as.network.programme),
                                 TRIAL_TEXT_ARGS(event->programme));
        return trial_fail_field(err, "data.network");
    }
    if (network->as.network.state != NETWORK_AT(APPOINTED)) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_NOT_MEMBER,
                              "network '%.*s' is %s, and only an appointed one applies for trials",
                              TRIAL_TEXT_ARGS(event->network),
                              rules_state_word(network));
        return trial_fail_field(err, "data.network");
    }
    for (uint32_t i = 0; i < event->participants.count; i++) {
        if (!rules_is_member(&network->as.network, event->participants.items[i])) {
            rules_words_add(&strangers, event->participants.items[i]);
        }
    }
    if (strangers.count == 0) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_NOT_MEMBER,
                          "not a member of network '%.*s' now: %s",
                          TRIAL_TEXT_ARGS(event->network),
                          strangers.text);
    return trial_fail_field(err, "data.participants");
}

/* Is each participant appointed in that programme by itself? */
static trial_code judge_appointed(const rules_asked *asked, trial_error *err)
{
    const struct trial_application_submitted *event = &asked->event->as.application_submitted;
    rules_words strangers = { 0 };

    for (uint32_t i = 0; i < event->participants.count; i++) {
        const trial_state *municipality;
        trial_text id = event->participants.items[i];
        trial_code code =
            rules_known(asked, TRIAL_KIND_MUNICIPALITY, id, "participants", &municipality, err);

        if (code != TRIAL_OK) {
            return code;
        }
        if (!rules_is_appointed(&municipality->as.municipality, event->programme)) {
            rules_words_add(&strangers, id);
        }
    }
    if (strangers.count == 0) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_NOT_MEMBER,
                          "not appointed in programme '%.*s' now: %s",
                          TRIAL_TEXT_ARGS(event->programme),
                          strangers.text);
    return trial_fail_field(err, "data.participants");
}

static trial_code
judge_applicants(const rules_asked *asked, const trial_state *programme, trial_error *err)
{
    if (trial_text_is_set(asked->event->as.application_submitted.network)) {
        return judge_network(asked, err);
    }
    if (programme->as.programme.organisedIn == TRIAL_CHOICE_organised_MUNICIPALITIES) {
        return judge_appointed(asked, err);
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_MISSING_FIELD,
                          "programme '%.*s' is organised in networks, so the network must be named",
                          TRIAL_TEXT_ARGS(programme->id));
    return trial_fail_field(err, "data.network");
}

trial_code decide_application_submitted(const rules_asked *asked, trial_error *err)
{
    const struct trial_application_submitted *event = &asked->event->as.application_submitted;
    const trial_state *programme;
    const trial_state *original;
    trial_code code =
        rules_known(asked, TRIAL_KIND_PROGRAMME, event->programme, "programme", &programme, err);

    if (code == TRIAL_OK) {
        code = judge_programme(asked, programme, err);
    }
    if (code == TRIAL_OK) {
        code = judge_round(asked, programme, err);
    }
    if (code == TRIAL_OK) {
        code = judge_applicants(asked, programme, err);
    }
    if (code == TRIAL_OK && trial_text_is_set(event->copyOf)) {
        code = rules_known(asked, TRIAL_KIND_TRIAL, event->copyOf, "copyOf", &original, err);
    }
    return code;
}

void apply_application_submitted(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_application_submitted *submitted = &event->as.application_submitted;
    struct trial_trial *trial = &state->as.trial;

    (void)arena;
    trial->programme = submitted->programme;
    trial->network = submitted->network;
    trial->round = submitted->round;
    trial->title = submitted->title;
    trial->theme = submitted->theme;
    trial->route = submitted->route;
    trial->copyOf = submitted->copyOf;
    trial->participants = submitted->participants;
    trial->requestedExemptions = submitted->requestedExemptions;
}

DECIDED_BY_THE_MACHINE(application_revised)

void apply_application_revised(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)state; /* what changed is for people to read; the state moved back to submitted */
    (void)event;
    (void)arena;
}

DECIDED_BY_THE_MACHINE(application_screened)

void apply_application_screened(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.trial.ministry = event->as.application_screened.ministry;
}

DECIDED_BY_THE_MACHINE(application_withdrawn)

void apply_application_withdrawn(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.trial.endReason = event->as.application_withdrawn.reason;
}

DECIDED_BY_THE_MACHINE(application_endorsed)

void apply_application_endorsed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    rules_keep_text(&state->as.trial.ministry, event->as.application_endorsed.ministry);
}

DECIDED_BY_THE_MACHINE(application_rejected)

void apply_application_rejected(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    rules_keep_text(&state->as.trial.ministry, event->as.application_rejected.ministry);
    state->as.trial.rejection = event->as.application_rejected.reason;
}
