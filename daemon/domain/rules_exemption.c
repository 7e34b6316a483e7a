/* rules_exemption.c - what becomes of an exemption after the approval that granted it. */
#include "rules_internal.h"

/* Find the exemption, which no event has ended yet. */
static trial_code find_live(const rules_asked *asked,
                            trial_text id,
                            const struct trial_exemption_fact **ret_fact,
                            trial_error *err)
{
    const struct trial_exemption_fact *fact = rules_exemption(&asked->state->as.trial, id);

    if (fact != NULL && fact->state == EXEMPTION_AT(GRANTED)) {
        *ret_fact = fact;
        return TRIAL_OK;
    }
    if (fact == NULL) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_UNKNOWN_SUBJECT,
                              "%.*s has no exemption '%.*s'",
                              TRIAL_TEXT_ARGS(asked->event->subject),
                              TRIAL_TEXT_ARGS(id));
    } else {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_ILLEGAL_TRANSITION,
                              "exemption '%.*s' of %.*s is %s since %s",
                              TRIAL_TEXT_ARGS(id),
                              TRIAL_TEXT_ARGS(asked->event->subject),
                              trial_choice_word(&trial_choices_exemption_state, fact->state),
                              rules_day(fact->endedOn).text);
    }
    return trial_fail_field(err, "data.exemptionId");
}

trial_code decide_exemption_extended(const rules_asked *asked, trial_error *err)
{
    const struct trial_exemption_extended *event = &asked->event->as.exemption_extended;
    const struct trial_exemption_fact *fact;
    trial_code code = find_live(asked, event->exemptionId, &fact, err);

    return code == TRIAL_OK ? rules_current_day(event->from, fact->validTo, "from", err) : code;
}

void apply_exemption_extended(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_exemption_extended *extended = &event->as.exemption_extended;
    struct trial_exemption_fact *fact = rules_exemption(&state->as.trial, extended->exemptionId);

    (void)arena;
    if (fact != NULL) {
        fact->validTo = extended->to;
    }
}

static void
end_exemption(trial_state *state, const trial_event *event, trial_text id, trial_choice end)
{
    struct trial_exemption_fact *fact = rules_exemption(&state->as.trial, id);

    if (fact != NULL && fact->state == EXEMPTION_AT(GRANTED)) {
        fact->state = end;
        fact->endedOn = trial_date_of(event->time);
    }
}

trial_code decide_exemption_revoked(const rules_asked *asked, trial_error *err)
{
    const struct trial_exemption_fact *fact;

    return find_live(asked, asked->event->as.exemption_revoked.exemptionId, &fact, err);
}

void apply_exemption_revoked(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    end_exemption(state, event, event->as.exemption_revoked.exemptionId, EXEMPTION_AT(REVOKED));
}

trial_code decide_exemption_expired(const rules_asked *asked, trial_error *err)
{
    const struct trial_exemption_expired *event = &asked->event->as.exemption_expired;
    trial_date day = trial_date_of(asked->event->time);
    const struct trial_exemption_fact *fact;
    trial_code code = find_live(asked, event->exemptionId, &fact, err);

    if (code == TRIAL_OK) {
        code = rules_current_day(event->validTo, fact->validTo, "validTo", err);
    }
    if (code != TRIAL_OK || day >= fact->validTo) {
        return code;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_OUTSIDE_PERIOD,
                          "exemption '%.*s' is in force through %s and cannot expire on %s",
                          TRIAL_TEXT_ARGS(event->exemptionId),
                          rules_day(fact->validTo).text,
                          rules_day(day).text);
    return trial_fail_field(err, "time");
}

void apply_exemption_expired(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    end_exemption(state, event, event->as.exemption_expired.exemptionId, EXEMPTION_AT(EXPIRED));
}
