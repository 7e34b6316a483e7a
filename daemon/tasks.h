/* tasks.h - what triald does instead of serving: look at a store or a backup, or make a store from
 * one. Each runs to its end and gives the exit status of the process. */
#ifndef TASKS_H
#define TASKS_H

#include "config.h"

#define TASKS_EXIT_NOT_VERIFIED 8 /* as trialctl says it */

/** Exit statuses of a store's error: 74 the disk failed, 75 in use, 78 refused, 1 anything else.
 * (main.c) */
int tasks_exit_status(const trial_error *err);

/**
 * Verify config->from, in a child process: damage may end whoever reads it, and that is a finding
 * too. Prints lines of a word and what it stands for: `progress DONE TOTAL`, then kind, log, size,
 * root, same, bad, reason and verdict; `held ENDPOINT` alone where a daemon holds the store.
 */
int tasks_verify(const struct config *config);

/** A sentence may quote what is damaged, or a path: what would be no text of one line becomes '?'.
 * (tasks_verify.c) */
void tasks_tame(char *text);

/** Make the store config->store from the backup config->from. */
int tasks_restore(const struct config *config);

#endif
