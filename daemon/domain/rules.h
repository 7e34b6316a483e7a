/* rules.h - what may happen and what it changes. Pure: no clock, no store, no memory but the
 * arena's. */
#ifndef DOMAIN_RULES_H
#define DOMAIN_RULES_H

#include "trial/arena.h"
#include "trial/state.h"
#include "trial/value.h"

/** What the engine found out about the event that a correction names. */
typedef struct rules_correction {
    bool is_found;         /* one event of the subject's history has that id */
    trial_text source;     /* of that event */
    trial_event_type type; /* of that event */
    const trial_field
        *field; /* of its data, its own or a common one; NULL where its shape has none */
    const trial_value *current; /* what that field holds now, earlier corrections applied; NULL
                                   where it is not there */
    bool is_current;            /* oldValue equals it, numbers as numbers */
    bool fits;                  /* newValue may stand in that field */
} rules_correction;

/**
 * The rest of the world as a rule may see it. States are borrowed until the verdict; NULL where the
 * log knows nothing of that subject. `context` is passed back.
 */
typedef struct rules_world {
    void *context;
    const trial_state *(*state)(void *context, trial_kind kind, trial_text id);
    bool (*has_exemption)(void *context, trial_text exemption_id);
    const rules_correction *correction; /* of a correction.issued, else NULL */
} rules_world;

/**
 * May this event happen now?
 *
 * state   of the event's subject, cleared where the log knows nothing of it; borrowed.
 * event   well-formed by itself; borrowed.
 * is_new  the subject has no event yet.
 *
 * world   must know the subject itself too, where the event names it once more.
 * err     not NULL.
 *
 * Fails with REFUSED, or INVALID (wrong-type of a correction's newValue, missing-field of a network
 * that the programme asks for), always with a rule's name, the field where one is to blame, and a
 * sentence that says what stood in the way. What the event shows by itself is expected to have been
 * judged by rules_shape() already; the emitter is judged first, then whether the subject is known,
 * then the step in its state, then its time, then the rest.
 */
TRIAL_MUST_USE trial_code rules_decide(const trial_state *state,
                                       bool is_new,
                                       const trial_event *event,
                                       const rules_world *world,
                                       trial_error *err);

/**
 * What the event shows by itself beyond the types of its fields: subject of the right kind, periods
 * that do not end before they begin, code = subject, no finding of pass over a failed check. Judged
 * with the shape, before duplicates. err is not NULL. Fails with INVALID (bad-range, inconsistent).
 */
TRIAL_MUST_USE trial_code rules_shape(const trial_event *event, trial_error *err);

/** May this emitter say it? Fails with REFUSED (not-authorised). Part of rules_decide(). */
TRIAL_MUST_USE trial_code rules_emitter(const trial_event *event, trial_error *err);

/**
 * Fold one event into its subject's state. Total: whatever the state, it neither fails nor asserts,
 * for `as_of` may leave out what came before. Lists grow in the arena and change in place, so a
 * copy of the struct is no copy of the state; spans are borrowed from the event and must be copied
 * (by encoding the state) before the event's bytes go.
 *
 * correction.issued does nothing here: the engine folds the subject's history again with the new
 * value in the old event's place, and says how many corrections each indicator had by
 * rules_count_correction().
 */
void rules_apply(trial_state *state, const trial_event *event, trial_arena *arena);

/** Note that the event, of this subject, was corrected once (more). Before or after its apply. */
void rules_count_correction(trial_state *state, const trial_event *event, trial_arena *arena);

/** Note an event that was accepted and that the rules refuse now: a row of the view `finding`. */
void rules_note_breach(trial_state *state,
                       const trial_event *event,
                       trial_rule rule,
                       const char *message,
                       trial_arena *arena);

/** Take away what was so noted: states that differ by nothing else are the same then. */
void rules_forget_breaches(trial_state *state, trial_arena *arena);

/** One thing an auditor looks for. */
typedef struct rules_finding {
    trial_rule rule;
    trial_instant time;
    int64_t position;
    trial_text message;
} rules_finding;

typedef struct rules_findings {
    rules_finding *items;
    uint32_t count;
} rules_findings;

/**
 * What stands out about a subject on a day: its breaches, and the warnings of the domain. Pure in
 * (state, day): the warnings of an append are what is here after it and was not before.
 */
rules_findings rules_find(const trial_state *state, trial_date today, trial_arena *arena);

/** The same without the messages of what is no breach: to compare, not to tell. */
rules_findings rules_find_quietly(const trial_state *state, trial_date today, trial_arena *arena);

/** The last day a trial was or is exempt: the latest validTo, for a revoked exemption the day
 * before it was revoked; NONE without any. */
trial_date rules_exempt_until(const struct trial_trial *trial);

/** Is the exemption in force on that day? From validFrom through validTo, or through the day before
 * it was revoked. */
bool rules_in_force(const struct trial_exemption_fact *exemption, trial_date day);

/** The milestone of that step, or NULL. */
const struct trial_milestone *rules_milestone(const struct trial_trial *trial, trial_choice step);

#endif
