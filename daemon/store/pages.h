/* pages.h - what LMDB keeps between the rows, looked at byte by byte: the pages that lead to them,
 * the list of free ones, and the two that all of it hangs from. LMDB believes them whatever they
 * say. A pointer that a flipped bit has turned to a neighbour or to an old copy of a page gives
 * whole rows that are not those asked for, and a free page that is none is written over.
 *
 * Everything is read from the file and never through the map, so no damage can end the process. */
#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include "store.h"

typedef enum pages_depth {
    PAGES_PATHS, /* all that leads to leaves, and the free list: a page in a hundred */
    PAGES_ALL    /* and every leaf and every row's place in it */
} pages_depth;

/**
 * Look at `fd`, LMDB's file.
 *
 * txn_id    the snapshot to look at, which must stay begun meanwhile; 0: the newest, where nobody
 *           writes.
 * until_ms  space_now_ms() at which to give up and call the rest good; INT64_MAX: never.
 *
 * Fails with INVALID  damaged; the sentence names the page.
 *            BUSY     the snapshot is not among the two newest any more: take another one.
 *            STORAGE  the file could not be read.
 */
TRIAL_MUST_USE trial_code pages_check(int fd,
                                      const char *path,
                                      uint64_t txn_id,
                                      pages_depth depth,
                                      int64_t until_ms,
                                      trial_error *err);

#endif
