/* ahead.h - a part of the log walked and taken apart on a thread of its own, some batches ahead of
 * who folds it: the two halves of a rebuild take about as long, and there is a processor for each.
 */
#ifndef ENGINE_AHEAD_H
#define ENGINE_AHEAD_H

#include "generation.h"
#include "record.h"

#define AHEAD_BATCH STORE_BUILD_AHEAD_MAX /* events that are folded together */

/** Some events in the order of the log; texts point into its map, lists into the arena. */
typedef struct ahead_batch {
    proto_record records[AHEAD_BATCH];
    trial_event events[AHEAD_BATCH];
    uint32_t count;
    uint32_t passed; /* records of the log, those that leave no trace with them */
    trial_arena arena;
} ahead_batch;

typedef struct ahead ahead;

/**
 * Walk `records_max` records from a position on, or to the end of the log. Until ahead_end() the
 * snapshot is the thread's alone. Fails with STORAGE where no thread can be had.
 */
TRIAL_MUST_USE trial_code ahead_begin(
    store_read *log, uint64_t from, uint32_t records_max, ahead **ret_ahead, trial_error *err);

/** The next batch, waited for; NULL behind the last. Valid until ahead_give(). */
ahead_batch *ahead_take(ahead *a);

/** The batch that was taken last is done with. */
void ahead_give(ahead *a);

/** End the walk, wherever it is, and free it. Fails as it did: with STORAGE (damage). */
TRIAL_MUST_USE trial_code ahead_end(ahead *a, trial_error *err);

#endif
