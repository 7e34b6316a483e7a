/* oracle_fold.h - what the tables must hold: the records of a log folded anew into a second store
 * by the daemon's own recovery, and the rows of both compared table by table. */
#ifndef TESTS_ORACLE_FOLD_H
#define TESTS_ORACLE_FOLD_H

#include "engine.h"

typedef struct oracle_fold oracle_fold;

/** `directory` is there and empty. What was folded once is remembered by the log's root. */
oracle_fold *oracle_fold_new(const char *directory);
void oracle_fold_done(oracle_fold *f); /* NULL is fine */

/**
 * Are the rows in LMDB those that the records make? Nothing may be pending in the store.
 *
 * records  records[n] has position n + 1.
 * root     of the log, TRIAL_HASH_BYTES: two logs of one root hold the same records.
 * where    says which table differs, where one does.
 */
bool oracle_fold_is_held(oracle_fold *f,
                         store *s,
                         const trial_bytes *records,
                         uint64_t count,
                         const uint8_t *root,
                         char *where);

#endif
