/* rules_shape.c - what an event shows by itself beyond the types of its fields. No log is asked. */
#include "rules_internal.h"

/* A period may be one day long. */
static trial_code judge_period(
    trial_date from, trial_date to, const char *from_field, const char *to_field, trial_error *err)
{
    if (from == TRIAL_DATE_NONE || to == TRIAL_DATE_NONE || from <= to) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_BAD_RANGE,
                          "%s %s is before %s %s",
                          to_field,
                          rules_day(to).text,
                          from_field,
                          rules_day(from).text);
    return trial_fail_field(err, "data.%s", to_field);
}

/* A prolongation ends later than what it prolongs. */
static trial_code judge_prolongation(trial_date from, trial_date to, trial_error *err)
{
    if (from < to) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_BAD_RANGE,
                          "the new end %s is not after %s, so nothing is prolonged",
                          rules_day(to).text,
                          rules_day(from).text);
    return trial_fail_field(err, "data.to");
}

static trial_code judge_code(const trial_event *event, trial_error *err)
{
    trial_text code = event->as.municipality_registered.code;

    if (trial_text_equal(code, event->subject_id)) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_INCONSISTENT,
                          "the code is %.*s, but the subject is %.*s",
                          TRIAL_TEXT_ARGS(code),
                          TRIAL_TEXT_ARGS(event->subject));
    return trial_fail_field(err, "data.code");
}

static trial_code judge_screening(const struct trial_application_screened *event, trial_error *err)
{
    const struct trial_screening_checks *checks = event->checks;
    rules_words failed = { 0 };

    if (event->result != TRIAL_CHOICE_screening_PASS || checks == NULL) {
        return TRIAL_OK;
    }
    if (checks->constitution != TRIAL_CHOICE_check_PASS) {
        rules_words_add(&failed, TRIAL_TEXT("constitution"));
    }
    if (checks->euLaw != TRIAL_CHOICE_check_PASS) {
        rules_words_add(&failed, TRIAL_TEXT("euLaw"));
    }
    if (checks->economicAdvantage != TRIAL_CHOICE_check_PASS) {
        rules_words_add(&failed, TRIAL_TEXT("economicAdvantage"));
    }
    if (checks->legalSecurity != TRIAL_CHOICE_check_PASS) {
        rules_words_add(&failed, TRIAL_TEXT("legalSecurity"));
    }
    if (failed.count == 0) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_INCONSISTENT,
                          "a screening passes only where all four checks pass; not so: %s",
                          failed.text);
    return trial_fail_field(err, "data.result");
}

static trial_code judge_approval(const struct trial_trial_approved *event, trial_error *err)
{
    for (uint32_t i = 0; i < event->exemptions.count; i++) {
        const struct trial_exemption_grant *grant = &event->exemptions.items[i];

        if (grant->validTo < grant->validFrom) {
            (void)trial_fail_rule(err,
                                  TRIAL_RULE_BAD_RANGE,
                                  "exemption '%.*s' ends on %s, before it begins on %s",
                                  TRIAL_TEXT_ARGS(grant->exemptionId),
                                  rules_day(grant->validTo).text,
                                  rules_day(grant->validFrom).text);
            return trial_fail_field(err, "data.exemptions.validTo");
        }
    }
    return judge_period(event->plannedStart, event->plannedEnd, "plannedStart", "plannedEnd", err);
}

static trial_code judge_kind(const trial_event *event, trial_error *err)
{
    const trial_event_row *row = trial_event_row_of(event->type);

    if (row->kind == TRIAL_KIND_ANY || row->kind == event->kind) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_INCONSISTENT,
                          "%s happens to a subject of kind '%s/', not to '%.*s'",
                          row->name,
                          trial_kind_word(row->kind),
                          TRIAL_TEXT_ARGS(event->subject));
    return trial_fail_field(err, "subject");
}

/* What only some types have to show; all others have nothing beyond their shape. */
static trial_code judge_fields(const trial_event *event, trial_error *err)
{
    if (event->type == TRIAL_EVENT_PROGRAMME_OPENED) {
        const struct trial_programme_opened *opened = &event->as.programme_opened;

        return judge_period(opened->periodFrom, opened->periodTo, "periodFrom", "periodTo", err);
    }
    if (event->type == TRIAL_EVENT_ROUND_OPENED) {
        const struct trial_round_opened *opened = &event->as.round_opened;

        return judge_period(opened->opensOn, opened->deadline, "opensOn", "deadline", err);
    }
    if (event->type == TRIAL_EVENT_PROGRAMME_EXTENDED) {
        const struct trial_programme_extended *extended = &event->as.programme_extended;

        return judge_prolongation(extended->from, extended->to, err);
    }
    if (event->type == TRIAL_EVENT_TRIAL_EXTENDED) {
        const struct trial_trial_extended *extended = &event->as.trial_extended;

        return judge_prolongation(extended->from, extended->to, err);
    }
    if (event->type == TRIAL_EVENT_EXEMPTION_EXTENDED) {
        const struct trial_exemption_extended *extended = &event->as.exemption_extended;

        return judge_prolongation(extended->from, extended->to, err);
    }
    if (event->type == TRIAL_EVENT_MUNICIPALITY_REGISTERED) {
        return judge_code(event, err);
    }
    if (event->type == TRIAL_EVENT_APPLICATION_SCREENED) {
        return judge_screening(&event->as.application_screened, err);
    }
    if (event->type == TRIAL_EVENT_TRIAL_APPROVED) {
        return judge_approval(&event->as.trial_approved, err);
    }
    return TRIAL_OK;
}

trial_code rules_shape(const trial_event *event, trial_error *err)
{
    trial_code code = judge_kind(event, err);

    return code == TRIAL_OK ? judge_fields(event, err) : code;
}
