/* moment.h - the states of one moment, as the views ask for them: now, or as of and as known at a
 * time. */
#ifndef ENGINE_MOMENT_H
#define ENGINE_MOMENT_H

#include "keys.h"
#include "views.h"

/** Which events a moment rests on. */
typedef struct moment_choice {
    trial_instant as_of;     /* events that had happened by then; NONE: all */
    trial_instant known_at;  /* events the log knew by then; NONE: all */
    uint64_t known_position; /* events up to this position; 0: all */
} moment_choice;

/**
 * Read `as_of` and `known_at` as they stand in a request: a DATE takes in its whole day, an instant
 * is inclusive, an integer is a position. Absent ones give NONE. Fails with INVALID.
 */
TRIAL_MUST_USE trial_code moment_choose(trial_text as_of,
                                        trial_bytes known_at,
                                        moment_choice *ret_choice,
                                        trial_error *err);

/** Does the choice leave nothing out? Then the tables of now answer. */
bool moment_is_now(const moment_choice *choice);

/**
 * The last position of a log of `committed` events that the choice may rest on: the last one known
 * then, or the end of the log where only `as_of` chooses. 0: nothing was known.
 */
TRIAL_MUST_USE trial_code moment_last(store_read *read,
                                      uint64_t committed,
                                      const moment_choice *choice,
                                      uint64_t *ret_last,
                                      trial_error *err);

/** Is the record among the chosen? */
bool moment_takes(const moment_choice *choice, const proto_record *record);

typedef struct moment moment;

/** Open a moment over a snapshot of `committed` events. Give back with moment_close(). */
moment *moment_open(store_read *read, uint64_t committed, const moment_choice *choice);
void moment_close(moment *m);

/** The moment as the views read it; valid until moment_close(). */
views_source moment_source(moment *m);

#endif
