/* rules_attached.c - what may hang on any subject: deadlines, figures, corrections, breaches. */
#include "rules_internal.h"

static struct trial_deadline_fact *find_deadline(const trial_state *state, trial_text id)
{
    const struct trial_attached *attached = trial_state_attached(state);

    for (uint32_t i = 0; attached != NULL && i < attached->deadlines.count; i++) {
        if (trial_text_equal(attached->deadlines.items[i].deadlineId, id)) {
            return &attached->deadlines.items[i];
        }
    }
    return NULL;
}

trial_code decide_deadline_set(const rules_asked *asked, trial_error *err)
{
    trial_text id = asked->event->as.deadline_set.deadlineId;
    const struct trial_deadline_fact *known = find_deadline(asked->state, id);

    if (known == NULL) {
        return TRIAL_OK;
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_ILLEGAL_TRANSITION,
                          "deadline '%.*s' of %.*s is set already, for %s; it can be moved",
                          TRIAL_TEXT_ARGS(id),
                          TRIAL_TEXT_ARGS(asked->event->subject),
                          rules_day(known->due).text);
    return trial_fail_field(err, "data.deadlineId");
}

void apply_deadline_set(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_deadline_set *set = &event->as.deadline_set;
    struct trial_deadline_fact *fact = find_deadline(state, set->deadlineId);

    if (fact == NULL) {
        fact = RULES_ADD(arena, &rules_attach(state, arena)->deadlines, deadline_fact);
    }
    fact->deadlineId = set->deadlineId;
    fact->kind = set->kind;
    fact->due = set->due;
    fact->appliesTo = set->appliesTo;
    fact->time = event->time;
    fact->position = rules_position(event);
}

trial_code decide_deadline_moved(const rules_asked *asked, trial_error *err)
{
    const struct trial_deadline_moved *event = &asked->event->as.deadline_moved;
    const struct trial_deadline_fact *known = find_deadline(asked->state, event->deadlineId);

    if (known != NULL) {
        return rules_current_day(event->from, known->due, "from", err);
    }
    (void)trial_fail_rule(err,
                          TRIAL_RULE_UNKNOWN_SUBJECT,
                          "%.*s has no deadline '%.*s' that could be moved",
                          TRIAL_TEXT_ARGS(asked->event->subject),
                          TRIAL_TEXT_ARGS(event->deadlineId));
    return trial_fail_field(err, "data.deadlineId");
}

void apply_deadline_moved(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_deadline_moved *moved = &event->as.deadline_moved;
    struct trial_deadline_fact *fact = find_deadline(state, moved->deadlineId);

    (void)arena;
    if (fact != NULL) {
        fact->due = moved->to;
    }
}

DECIDED_BY_THE_MACHINE(figure_reported)

void apply_figure_reported(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_figure_reported *reported = &event->as.figure_reported;
    struct trial_attached *attached = rules_attach(state, arena);
    struct trial_figure_fact *fact = RULES_ADD(arena, &attached->figures, figure_fact);

    fact->metric = reported->metric;
    fact->value = reported->value;
    fact->asOf = reported->asOf;
    fact->document = reported->document;
    fact->source = event->source;
    fact->time = event->time;
    fact->position = rules_position(event);
}

/* Who corrects: the source of the event itself, or a ministry. */
static bool may_correct(const trial_event *event, trial_text source)
{
    return trial_text_equal(event->source, source) ||
           trial_emitter_of(event->source) == 1u << TRIAL_EMITTER_BIT_M;
}

/* What a correction says of its event is not corrected in turn: that would be two ways to one
 * value, and the fold knows one. Its other fields, the reason for one, are put right like any
 * other. */
static bool is_second_hand(const rules_correction *found, trial_text field)
{
    static const char *const fields[] = { "corrects", "field", "oldValue", "newValue" };
    bool is_named = false;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        is_named |= trial_text_is(field, fields[i]);
    }
    return is_named && found->type == TRIAL_EVENT_CORRECTION_ISSUED;
}

/* The correction names a field that is there, and the value that stands in it. */
static trial_code
judge_values(const rules_asked *asked, const rules_correction *found, trial_error *err)
{
    const struct trial_correction_issued *event = &asked->event->as.correction_issued;

    if (found->current == NULL) {
        (void)trial_fail_rule_as(err,
                                 TRIAL_RULE_INCONSISTENT,
                                 TRIAL_REFUSED,
                                 "the data of '%.*s' has no field '%.*s' at its top level",
                                 TRIAL_TEXT_ARGS(event->corrects),
                                 TRIAL_TEXT_ARGS(event->field));
        return trial_fail_field(err, "data.field");
    }
    if (!found->is_current) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_STALE_VALUE,
                              "oldValue is not what stands in field '%.*s' of '%.*s' now: %s",
                              TRIAL_TEXT_ARGS(event->field),
                              TRIAL_TEXT_ARGS(event->corrects),
                              rules_value(found->current).text);
        return trial_fail_field(err, "data.oldValue");
    }
    if (!found->fits) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_WRONG_TYPE,
                              "newValue is no value for field '%.*s' of a %s",
                              TRIAL_TEXT_ARGS(event->field),
                              trial_event_row_of(found->type)->name);
        return trial_fail_field(err, "data.newValue");
    }
    return TRIAL_OK;
}

trial_code decide_correction_issued(const rules_asked *asked, trial_error *err)
{
    const struct trial_correction_issued *event = &asked->event->as.correction_issued;
    const rules_correction *found = asked->world->correction;

    if (found == NULL || !found->is_found) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_UNKNOWN_SUBJECT,
                              "the history of %.*s has no event '%.*s'",
                              TRIAL_TEXT_ARGS(asked->event->subject),
                              TRIAL_TEXT_ARGS(event->corrects));
        return trial_fail_field(err, "data.corrects");
    }
    if (!may_correct(asked->event, found->source)) {
        (void)trial_fail_rule(
            err,
            TRIAL_RULE_NOT_AUTHORISED,
            "%.*s may not correct what %.*s said; that is for itself or a ministry",
            TRIAL_TEXT_ARGS(asked->event->source),
            TRIAL_TEXT_ARGS(found->source));
        return trial_fail_field(err, "source");
    }
    if (is_second_hand(found, event->field)) {
        (void)trial_fail_rule_as(
            err,
            TRIAL_RULE_INCONSISTENT,
            TRIAL_REFUSED,
            "'%.*s' is a correction itself; correct the event it names instead",
            TRIAL_TEXT_ARGS(event->corrects));
        return trial_fail_field(err, "data.corrects");
    }
    return judge_values(asked, found, err);
}

void apply_correction_issued(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)state; /* whoever folds puts the new value in the old event's place */
    (void)event;
    (void)arena;
}

DECIDED_BY_THE_MACHINE(activity_completed)

void apply_activity_completed(trial_state *state, const trial_event *event, trial_arena *arena)
{
    (void)state; /* history only */
    (void)event;
    (void)arena;
}

void rules_note_breach(trial_state *state,
                       const trial_event *event,
                       trial_rule rule,
                       const char *message,
                       trial_arena *arena)
{
    struct trial_attached *attached = rules_attach(state, arena);
    struct trial_breach_fact *breach = RULES_ADD(arena, &attached->breaches, breach_fact);

    breach->rule = trial_text_of(trial_rule_name(rule));
    breach->message = trial_arena_text(arena, trial_text_of(message));
    breach->time = event->time;
    breach->position = rules_position(event);
}

void rules_forget_breaches(trial_state *state, trial_arena *arena)
{
    rules_attach(state, arena)->breaches.count = 0; /* also where nothing else hangs on it */
}
