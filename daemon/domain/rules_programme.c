/* rules_programme.c - a programme of trials and its rounds for applications. */
#include "rules_internal.h"

DECIDED_BY_THE_MACHINE(programme_agreed)

void apply_programme_agreed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.programme.title = event->as.programme_agreed.title;
}

DECIDED_BY_THE_MACHINE(programme_opened)

void apply_programme_opened(trial_state *state, const trial_event *event, trial_arena *arena)
{
    struct trial_programme *programme = &state->as.programme;
    const struct trial_programme_opened *opened = &event->as.programme_opened;

    (void)arena;
    programme->title = opened->title;
    programme->periodFrom = opened->periodFrom;
    programme->periodTo = opened->periodTo;
    programme->maxNetworks = opened->maxNetworks;
    programme->legalLimits = opened->legalLimits;
    programme->organisedIn = opened->organisedIn;
    programme->position = rules_position(event);
}

trial_code decide_programme_extended(const rules_asked *asked, trial_error *err)
{
    return rules_current_day(
        asked->event->as.programme_extended.from, asked->state->as.programme.periodTo, "from", err);
}

void apply_programme_extended(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.programme.periodTo = event->as.programme_extended.to;
}

DECIDED_BY_THE_MACHINE(programme_closed)

void apply_programme_closed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    state->as.programme.closedOn = event->as.programme_closed.closedOn;
}

DECIDED_BY_THE_MACHINE(programme_results_published)

void apply_programme_results_published(trial_state *state,
                                       const trial_event *event,
                                       trial_arena *arena)
{
    (void)arena;
    state->as.programme.resultsAt = event->time;
}

trial_code decide_round_opened(const rules_asked *asked, trial_error *err)
{
    trial_integer number = asked->event->as.round_opened.round;
    const struct trial_round_fact *round = rules_round(&asked->state->as.programme, number);

    if (round == NULL) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_ILLEGAL_TRANSITION,
                          "round %lld of %.*s was opened before, with deadline %s",
                          (long long)number.value,
                          TRIAL_TEXT_ARGS(asked->event->subject),
                          rules_day(round->deadline).text);
    return trial_fail_field(err, "data.round");
}

/* A round is opened a second time only where a correction gave it another's number. The later event
 * counts, as everywhere in a fold: the round is open again, and nothing is left of how it closed.
 * That it was opened before is a finding. */
void apply_round_opened(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_round_opened *opened = &event->as.round_opened;
    struct trial_programme *programme = &state->as.programme;
    struct trial_round_fact *round = rules_round(programme, opened->round);

    if (round == NULL) {
        round = RULES_ADD(arena, &programme->rounds, round_fact);
    }
    round->round = opened->round;
    round->opensOn = opened->opensOn;
    round->deadline = opened->deadline;
    round->closedAt = TRIAL_INSTANT_NONE;
    round->received = (trial_integer){ 0 };
    round->position = rules_position(event);
}

trial_code decide_round_closed(const rules_asked *asked, trial_error *err)
{
    trial_integer number = asked->event->as.round_closed.round;
    const struct trial_round_fact *round = rules_round(&asked->state->as.programme, number);
    char closed[TRIAL_INSTANT_TEXT_BYTES];

    if (round == NULL) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_UNKNOWN_SUBJECT,
                              "%.*s never opened a round %lld",
                              TRIAL_TEXT_ARGS(asked->event->subject),
                              (long long)number.value);
        return trial_fail_field(err, "data.round");
    }
    if (round->closedAt == TRIAL_INSTANT_NONE) {
        return TRIAL_OK;
    }
    trial_instant_write(round->closedAt, closed);
    (void)trial_fail_rule(err,
                          TRIAL_RULE_ILLEGAL_TRANSITION,
                          "round %lld of %.*s is closed since %s",
                          (long long)number.value,
                          TRIAL_TEXT_ARGS(asked->event->subject),
                          closed);
    return trial_fail_field(err, "data.round");
}

void apply_round_closed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_round_closed *closed = &event->as.round_closed;
    struct trial_round_fact *round = rules_round(&state->as.programme, closed->round);

    (void)arena;
    if (round != NULL) {
        round->closedAt = event->time;
        round->received = closed->received;
    }
}
