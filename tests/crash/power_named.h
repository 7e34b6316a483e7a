/* power_named.h - named subscriptions in the work that is recorded: made, acknowledged, parked,
 * replayed and removed between appends; and what must be found of them after a power cut. */
#ifndef TESTS_POWER_NAMED_H
#define TESTS_POWER_NAMED_H

#include "named.h"
#include "pack.h"

#define POWER_STATES_MAX 128 /* steps of a history between two commits that were taken note of */

/** What may be found: how all of them stood when they were last answered for, and after each step
 * since. Nothing: there were none yet. Borrowed from the record. */
typedef struct power_named {
    trial_bytes states[POWER_STATES_MAX];
    uint32_t count;
} power_named;

/** Read what the store has; done with named_done(). */
TRIAL_MUST_USE bool power_named_open(named_list *list, store *s, trial_error *err);

/** Do one thing to one of them, by chance. */
TRIAL_MUST_USE trial_code power_named_step(named_list *list, uint64_t *chance, trial_error *err);

/** How all of them stand, as bytes: the same where they stand alike. */
void power_named_write(const named_list *list, pack_writer *writer);

/** Are they as they may be found, none of them behind the end of the log? Else `text` says what is
 * wrong. */
bool power_named_is_held(const power_named *known, store *s, char *text, size_t room);

#endif
