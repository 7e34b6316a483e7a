/* history.h - small worlds for tests: events from one-line notes or from dice, folded as the daemon
 * folds them, in plain memory. */
#ifndef TESTS_HISTORY_H
#define TESTS_HISTORY_H

#include "rules.h"

#define HISTORY_SUBJECTS_MAX 128
#define HISTORY_EVENTS_MAX 2048

/** Everything that happened so far, and the state of each subject. Start with { 0 }. */
typedef struct history {
    trial_arena arena;
    trial_state states[HISTORY_SUBJECTS_MAX];
    uint32_t state_count;
    trial_event events[HISTORY_EVENTS_MAX]; /* events[n] stands at position n + 1 */
    uint32_t event_count;
} history;

void history_done(history *past);

/**
 * Read a note: `trial.started trial/t1 N 2017-05-01 startedOn=2017-05-02 participants=0101,0102`.
 *
 * That is type, subject, emitter, time, then what differs from the defaults. The emitter is a
 * letter of emitters.def (K0101 for a municipality) or a whole source; the time a day (10:00 UTC is
 * meant) or RFC 3339. Required fields that the note does not name get a default: text "x", number
 * 1, the event's day, the first choice, municipality 0101, programme p1, exemption e1. A field of
 * an object is named with a dot, the first of a list of objects as `exemptions.validTo`, the second
 * as `exemptions.1.validTo`. `network=` leaves a field out. Spaces of a value are written as `_`.
 * A note that cannot be read ends the program. The event lives as long as the history.
 */
trial_event history_event(history *past, const char *note);

/** An event of that type with every required field at its default. */
trial_event history_blank(history *past,
                          trial_event_type type,
                          const char *subject,
                          const char *source,
                          trial_instant time);

/** The state of a subject, or NULL. */
const trial_state *history_find(const history *past, trial_kind kind, trial_text id);

/**
 * May the event happen now? Shape first, then the rules, as the daemon asks.
 *
 * A correction's values stand for themselves: oldValue=stale does not stand, newValue=unfit does
 * not fit, everything else does.
 */
TRIAL_MUST_USE trial_code history_judge(history *past, const trial_event *event, trial_error *err);

/** Let it happen, whatever the rules say. */
void history_fold(history *past, const trial_event *event);

/** Read the notes, one a line, and let each happen; one that is refused ends the program. */
void history_given(history *past, const char *notes);

/** A state of its own in another arena: nothing in it points into the old one. */
trial_state history_clone(const trial_state *state, trial_arena *arena);

/** Is there any difference between two states? */
bool history_is_same(const trial_state *a, const trial_state *b, trial_arena *arena);

/** Where chance comes from: bytes where there are any, then zeros; else a seed. */
typedef struct history_dice {
    const uint8_t *bytes; /* NULL: the seed is used */
    size_t size;
    uint64_t seed;
} history_dice;

/** 0 .. sides - 1. */
uint32_t history_roll(history_dice *dice, uint32_t sides);

/** A text with a number in it, as printf makes it. */
const char *history_name(history *past, const char *beginning, uint32_t number);

/** Any event at all, legal or not, of a world of a few names: it has the right types, no more. */
trial_event history_any(history *past, history_dice *dice);

#endif
