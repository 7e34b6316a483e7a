/* rules_key.c - the rights of keys and local users. Only the daemon speaks of them, and it has
 * judged what it says: here they are kept, so that who could do what is a question to the log. */
#include "rules_internal.h"

DECIDED_BY_THE_MACHINE(right_granted)

void apply_right_granted(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_right_granted *granted = &event->as.right_granted;
    struct trial_key *key = &state->as.key;

    (void)arena;
    key->fingerprint = granted->fingerprint;
    key->uid = granted->uid;
    key->gid = granted->gid;
    key->roles = granted->roles;
    key->sources = granted->sources;
    key->reason = (trial_text){ 0 };
}

DECIDED_BY_THE_MACHINE(right_revoked)

void apply_right_revoked(trial_state *state, const trial_event *event, trial_arena *arena)
{
    const struct trial_right_revoked *revoked = &event->as.right_revoked;
    struct trial_key *key = &state->as.key;

    (void)arena;
    /* As of a past day the grant may be missing: what was taken away tells what there was. */
    key->fingerprint = revoked->fingerprint;
    key->uid = revoked->uid;
    key->gid = revoked->gid;
    key->roles = revoked->roles;
    key->sources = revoked->sources;
    key->reason = revoked->reason;
}
