/* check.h - everything a log and its rows must be, looked at again: for an auditor, for whoever
 * doubts a disk, and before a backup is called one. Nothing is trusted that can be made again. */
#ifndef ENGINE_CHECK_H
#define ENGINE_CHECK_H

#include "answers.h"
#include "backup.h"

/** What a check found. Where damage cannot be pinned to an event (a row too many), `bad` is the
 * log's last position. */
typedef struct check_found {
    uint64_t bad;                           /* first bad position; 0: none */
    char reason[TRIAL_ERROR_TEXT_BYTES];    /* one sentence, where there is a bad one */
    proto_tree tree;                        /* over the records before the first bad one */
    uint64_t earlier_size;                  /* in: size of an earlier log, 0: none is asked about */
    uint8_t earlier_root[TRIAL_HASH_BYTES]; /* as recomputed; that of no events where it is not
                                               reached */
} check_found;

/**
 * Check what the tables of a store hold: every record by its bytes, place, leaf and time; its rows
 * of ids, lists and heads; every subject's chain; its state and links against a fold of its own
 * history; no row that nothing asks for; and the tree. Breaches in a state are not compared, for
 * they say what the rules of some day thought of an event; states that an older version of the fold
 * made are not compared at all, for they are about to be rebuilt.
 *
 * It reads in slices, each with its own snapshot, so it may run beside a writer: what is committed
 * when it begins is what it checks. Memory: a bit an event, and one subject's history.
 *
 * progress  total is twice the events: each is looked at in its place, then in its subject's
 *           history. `at` is the position being looked at.
 *
 * Fails with BUSY where it was told to stop, or as the store does when no snapshot can be had. What
 * cannot be read is found bad and is no failure.
 */
TRIAL_MUST_USE trial_code check_store(store *s,
                                      answers_progress *progress,
                                      check_found *found,
                                      trial_error *err);

/**
 * Check a backup: every record by its sum, bytes, place, leaf and time, its link to its subject's
 * record before it, and the tree against what BACKUP says. It has no rows, so what only rows show
 * (an id that stands twice) is seen when it is restored. Memory: a bit an event.
 *
 * progress  total is the number of events.
 *
 * Does not fail; it only comes back early where it was told to stop.
 */
void check_backup(backup *b, answers_progress *progress, check_found *found);

#endif
