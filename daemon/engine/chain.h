/* chain.h - where the events of one subject stand, in the order of the log. Records point back to
 * the one before; a chain is walked once and remembered, so that page after page of a long history
 * costs its events and not its length again each time. One thread's. */
#ifndef ENGINE_CHAIN_H
#define ENGINE_CHAIN_H

#include "keys.h"

/** One event of the subject. */
typedef struct chain_step {
    uint64_t position;
    trial_bytes record; /* where it was read under this snapshot; absent where it was not */
} chain_step;

/** Zero-initialise ({ 0 }); give back with chain_done(). */
typedef struct chain {
    uint8_t subject[TRIAL_SUBJECT_BYTES_MAX];
    uint32_t subject_size;
    uint64_t from;  /* every event of the subject from here ... */
    uint64_t until; /* ... to here is among the steps */
    chain_step *steps;
    size_t count;
    size_t room;
} chain;

void chain_done(chain *c);

/** Turn to a subject's events from a position on, and keep what is known of them. What was read
 * under an earlier snapshot is forgotten. */
void chain_begin(chain *c, trial_text subject, uint64_t from);

/**
 * Walk back from `last`, the subject's last event, to what is known. Of a way longer than `most`
 * steps (2 or more) only the older part is kept: while c->until is before `last`, another call
 * finds more.
 */
TRIAL_MUST_USE trial_code
chain_extend(chain *c, store_read *read, uint64_t last, size_t most, trial_error *err);

#endif
