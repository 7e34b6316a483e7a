/* generation.h - the tables that are folds of the log (STATE, LINK) exist twice. One generation is
 * current: readers see it and appends put to it. The other is spare: empty, or what a rebuild
 * writes, piece by piece, beside the one in use. The commit that follows a swap makes it current;
 * until then a crash leaves the old rows in use and the new ones as a leftover, cleared later. */
#ifndef STORE_GENERATION_H
#define STORE_GENERATION_H

#include "store.h"

/** The spare generation while it is built. One thread at a time uses it. */
typedef struct store_build store_build;

/**
 * Begin to build; an earlier leftover is cleared first. Not the writer's: it waits for disk.
 *
 * memory_bytes  rows are gathered up to here before they are written.
 * is_stopped    set by another thread: give up soon, with BUSY. Outlives the build.
 *
 * Fails with BUSY      another build is not in use yet, or it was told to stop.
 *            NO_SPACE  disk or map has no room for a second generation; nothing of the log is lost.
 *            STORAGE   LMDB failed.
 */
TRIAL_MUST_USE trial_code store_build_begin(store *s,
                                            size_t memory_bytes,
                                            const _Atomic bool *is_stopped,
                                            store_build **ret_build,
                                            trial_error *err);

/** Let go: of what was not swapped in a leftover stays until store_clear_spare(). NULL is fine. */
void store_build_end(store_build *b);

/** Set a row of STORE_STATE or STORE_LINK; copied. Writes when much has gathered; fails as above.
 */
TRIAL_MUST_USE trial_code store_build_put(
    store_build *b, store_table table, trial_bytes key, trial_bytes value, trial_error *err);

/** A row as it was last put; data == NULL: there is none. Borrowed until the next call. */
TRIAL_MUST_USE trial_code store_build_get(
    store_build *b, store_table table, trial_bytes key, trial_bytes *ret_value, trial_error *err);

/** Write what has gathered, in pieces between which commits go first. */
TRIAL_MUST_USE trial_code store_build_write(store_build *b, trial_error *err);

/** Rows gathered and not written yet. */
size_t store_build_gathered(const store_build *b);

/** Have the rows of at most STORE_BUILD_AHEAD_MAX keys brought near before they are looked up. */
#define STORE_BUILD_AHEAD_MAX 32u
void store_build_fetch(const store_build *b,
                       store_table table,
                       const trial_bytes *keys,
                       size_t count);

/**
 * Make the build what the writer sees from now on, and the next commit what everybody sees. The
 * writer's; what it costs grows with the rows gathered, so write first. The build must be level
 * with store_head(), and all of that flushed. Fails with STORAGE: the process must leave.
 */
TRIAL_MUST_USE trial_code store_swap(store *s, store_build *b, trial_error *err);

/** Was it swapped and is not committed yet? The writer's. */
bool store_is_swapping(const store *s);

/** Did LMDB fail a piece for another reason than room? It is not trusted again: the process must
 * leave. */
bool store_build_has_failed(const store *s);

/** Are there rows of a generation that nobody uses? */
TRIAL_MUST_USE trial_code store_has_spare(store *s, bool *ret_has, trial_error *err);

/** Delete them, in pieces between which commits go first; not the writer's. Fails as building. */
TRIAL_MUST_USE trial_code store_clear_spare(store *s,
                                            const _Atomic bool *is_stopped,
                                            trial_error *err);

#endif
