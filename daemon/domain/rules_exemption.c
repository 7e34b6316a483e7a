/* rules_exemption.c - what becomes of an exemption after the approval that granted it. */
#include "rules_internal.h"

/* The exemption, which no event has ended yet; NULL after saying why there is none. */
static const struct trial_exemption_fact *
find_live(const rules_asked *asked, trial_text id, trial_error *err)
{
    const struct trial_exemption_fact *fact = rules_exemption(&asked->state->as.trial, id);

    if (fact != NULL && fact->state == EXEMPTION_AT(GRANTED)) {
        return fact;
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
    (void)trial_fail_field(err, "data.exemptionId");
    return NULL;
}

trial_code decide_exemption_extended(const rules_asked *asked, trial_error *err)
{
    const struct trial_exemption_extended *event = &asked->event->as.exemption_extended;
    const struct trial_exemption_fact *fact = find_live(asked, event->exemptionId, err);

    if (fact == NULL) {
        return err->code;
    }
    return rules_current_day(event->from, fact->validTo, "from", err);
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
    trial_text id = asked->event->as.exemption_revoked.exemptionId;

    return find_live(asked, id, err) == NULL ? err->code : TRIAL_OK;
}

void apply_exemption_revoked(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)arena;
    end_exemption(state, event, event->as.exemption_revoked.exemptionId, EXEMPTION_AT(REVOKED));
}

trial_code decide_exemption_expired(const rules_asked *asked, trial_error *err)
{
    const struct trial_exemption_expired *event = &asked->event->as.exemption_expired;
    const struct trial_exemption_fact *fact = find_live(asked, event->exemptionId, err);
    trial_date day = trial_date_of(asked->event->time);
    trial_code code;

    if (fact == NULL) {
        return err->code;
    }
    code = rules_current_day(event->validTo, fact->validTo, "validTo", err);
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
