/* child.h - triald as a child of trialctl: it alone may look into stores, so it verifies. */
#ifndef CLIENT_CHILD_H
#define CLIENT_CHILD_H

#include "ctl.h"

/** What `triald --verify` said. */
typedef struct child_verdict {
    bool is_held;        /* by a daemon: look at it there */
    trial_text endpoint; /* of that daemon; absent where it left no word */
    trial_value *result; /* kind, log, size, root, same, bad, reason; NULL: it could not look */
    bool is_good;
    int status; /* trialctl's, where there is no result: it said why */
} child_verdict;

/**
 * Have a store or backup verified, with progress; everything lives in ctl->arena.
 *
 * since  SIZE:ROOT of an earlier log, or NULL.
 *
 * Fails with STORAGE where no triald can be started, or it was ended.
 */
TRIAL_MUST_USE trial_code child_verify(ctl_command *ctl,
                                       const char *path,
                                       const char *since,
                                       child_verdict *ret_verdict,
                                       trial_error *err);

#endif
