/* rules.c - the way in: who may say it, is the step legal, then the pair of the event's own row. */
#include "rules_internal.h"

static const struct rules_pair {
    trial_code (*decide)(const rules_asked *asked, trial_error *err);
    void (*apply)(trial_state *state, const trial_event *event, trial_arena *arena);
} pairs[TRIAL_EVENT_COUNT] = {
#define SHAPE(lower, fields)
#define EVENT(lower, UPPER, wire, emitters, kind, rule, feeds, doc, fields)                        \
    [TRIAL_EVENT_##UPPER] = { decide_##lower, apply_##lower },
#include "trial/events.def"
};

static const struct emitter_name {
    trial_emitters bit;
    const char *who;
} emitter_names[] = {
#define EMITTER(letter, beginning, is_whole, who) { 1u << TRIAL_EMITTER_BIT_##letter, who },
#include "trial/emitters.def"
};

/* Has the state the form that the event's row writes to? */
static bool fits_kind(const trial_state *state, trial_event_type type)
{
    trial_kind wanted = trial_event_row_of(type)->kind;

    if (wanted == TRIAL_KIND_ANY) {
        return true;
    }
    if (wanted == TRIAL_KIND_CASE) {
        return state->kind == TRIAL_KIND_CASE || state->kind == TRIAL_KIND_OTHER;
    }
    return state->kind == wanted;
}

static trial_code fail_source(const trial_event *event, rules_words wanted, trial_error *err)
{
    (void)trial_fail_rule(err,
                          TRIAL_RULE_NOT_AUTHORISED,
                          "%.*s may not say %s here; that is for %s",
                          TRIAL_TEXT_ARGS(event->source),
                          trial_event_row_of(event->type)->name,
                          wanted.text);
    return trial_fail_field(err, "source");
}

/* A charter is published by the municipality itself. */
static trial_code judge_charter_source(const trial_event *event, trial_error *err)
{
    trial_text municipality = event->as.trial_charter_published.municipality;
    rules_words wanted = { 0 };

    if (trial_text_equal(trial_emitter_name(event->source), municipality)) {
        return TRIAL_OK;
    }
    rules_words_add(&wanted, TRIAL_TEXT("the municipality itself"));
    rules_words_add(&wanted, municipality);
    return fail_source(event, wanted, err);
}

/* An external evaluation is published by the evaluator. */
static trial_code judge_evaluation_source(const trial_event *event, trial_error *err)
{
    rules_words wanted = { 0 };

    if (event->as.evaluation_published.mode != TRIAL_CHOICE_mode_EXTERNAL ||
        trial_emitter_of(event->source) == 1u << TRIAL_EMITTER_BIT_E) {
        return TRIAL_OK;
    }
    rules_words_add(&wanted, TRIAL_TEXT("an evaluator where the mode is external"));
    return fail_source(event, wanted, err);
}

/* What anybody may say of a subject, a correction among it, nobody else says of rights. */
static trial_code judge_key_source(const trial_event *event, trial_error *err)
{
    rules_words wanted = { 0 };

    if (trial_emitter_of(event->source) == 1u << TRIAL_EMITTER_BIT_D) {
        return TRIAL_OK;
    }
    rules_words_add(&wanted, TRIAL_TEXT("the daemon itself"));
    return fail_source(event, wanted, err);
}

trial_code rules_emitter(const trial_event *event, trial_error *err)
{
    trial_emitters allowed = trial_event_row_of(event->type)->emitters;
    rules_words wanted = { 0 };

    if (allowed != TRIAL_EMITTER_ANYONE && (allowed & trial_emitter_of(event->source)) == 0) {
        for (size_t i = 0; i < TRIAL_EMITTER_BIT_COUNT; i++) {
            if ((allowed & emitter_names[i].bit) != 0) {
                rules_words_add(&wanted, trial_text_of(emitter_names[i].who));
            }
        }
        return fail_source(event, wanted, err);
    }
    if (event->kind == TRIAL_KIND_KEY) {
        return judge_key_source(event, err);
    }
    if (event->type == TRIAL_EVENT_TRIAL_CHARTER_PUBLISHED) {
        return judge_charter_source(event, err);
    }
    if (event->type == TRIAL_EVENT_EVALUATION_PUBLISHED) {
        return judge_evaluation_source(event, err);
    }
    return TRIAL_OK;
}

trial_code rules_decide(const trial_state *state,
                        bool is_new,
                        const trial_event *event,
                        const rules_world *world,
                        trial_error *err)
{
    const rules_asked asked = { state, event, world, is_new };
    trial_code code;

    TRIAL_ASSERT(event->type < TRIAL_EVENT_COUNT);
    if (!fits_kind(state, event->type)) {
        return rules_shape(event, err);
    }
    code = rules_emitter(event, err);
    if (code == TRIAL_OK) {
        code = rules_check_move(&asked, err);
    }
    return code == TRIAL_OK ? pairs[event->type].decide(&asked, err) : code;
}

void rules_apply(trial_state *state, const trial_event *event, trial_arena *arena)
{
    TRIAL_ASSERT(event->type < TRIAL_EVENT_COUNT);
    if (!fits_kind(state, event->type)) {
        return; /* such an event is never let in; a fold survives it all the same */
    }
    rules_move(state, event, arena);
    pairs[event->type].apply(state, event, arena);
}
