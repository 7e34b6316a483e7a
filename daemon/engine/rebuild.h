/* rebuild.h - all states and their links folded from the log once more, on disk beside the rows in
 * use, while appends and reads go on. A reader thread folds what LMDB holds; then the writer hands
 * over, round by round, the records that came meanwhile, until so few are left that it folds them
 * itself and swaps. Until the commit after the swap the old rows are in use, whatever happens. */
#ifndef ENGINE_REBUILD_H
#define ENGINE_REBUILD_H

#include "answers.h"
#include "engine.h"

typedef struct rebuild rebuild;

/** Nothing is read or written yet. `progress` outlives it. */
rebuild *rebuild_new(store *s, answers_progress *progress);
void rebuild_done(rebuild *r); /* NULL is fine */

/**
 * Fold what there is: at first all that LMDB holds, judging as it goes, then what
 * rebuild_hand_over() gave. On one thread at a time, not the writer's.
 *
 * Fails with BUSY      told to stop, or another rebuild is not done yet.
 *            NO_SPACE  no room for a second generation of the rows; the old ones are in use.
 *            STORAGE   damage, or LMDB failed.
 */
TRIAL_MUST_USE trial_code rebuild_fold(rebuild *r, trial_error *err);

/**
 * Copy what was flushed and is not folded yet for the next rebuild_fold(), and say so; false: so
 * little is left that rebuild_swap() is due. The writer's.
 */
TRIAL_MUST_USE trial_code rebuild_hand_over(rebuild *r, bool *ret_has_more, trial_error *err);

/** Fold the rest and swap, between two turns. Fails with STORAGE: the process must leave. */
TRIAL_MUST_USE trial_code rebuild_swap(rebuild *r, engine *e, trial_error *err);

#endif
