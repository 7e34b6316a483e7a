/* subscriptions.h - trialctl list subscription and list parked: what the daemon keeps and the log
 * does not hold, so it is no view. */
#ifndef CLIENT_SUBSCRIPTIONS_H
#define CLIENT_SUBSCRIPTIONS_H

#include "ctl.h"

/* What they say of each, separated by spaces. */
#define SUBSCRIPTION_COLUMNS                                                                       \
    "name subject types programme position head lag in_flight parked client since"
#define PARKED_COLUMNS "position since replayed reason"

/** Is it one of those, and no view? */
bool subscriptions_are_meant(const char *what);

/** Print them; of `where` only what fits. Parked ones need a name=NAME there. */
int subscriptions_list(ctl_command *ctl, const trial_value *where);

#endif
