/* subscriber.h - libtrial: events as they come, from any position and for ever. A subscriber mends
 * itself: where the daemon goes away or falls silent it asks again, with backoff, for what comes
 * behind the last event that it handed out. One subscriber is used by one thread at a time. */
#ifndef TRIAL_SUBSCRIBER_H
#define TRIAL_SUBSCRIBER_H

#include "trial/client.h"

typedef struct trial_subscriber trial_subscriber;

typedef struct trial_subscriber_settings {
    uint64_t from;              /* the first position; 0: only new events */
    const trial_value *filters; /* a map of `subject`, `types`, `programme`; NULL: all; copied */
    const char *name;           /* of a named subscription: the daemon keeps the position, `from`
                                 * counts when it is made; NULL: none */
    bool takes_over;            /* put an end to another consumer of that name */
    uint32_t credit;            /* events on their way at most; 0: 1,024 */
    int stop_fd; /* ends a wait when it is readable: a pipe, a signalfd, a terminal; 0: none */
} trial_subscriber_settings;

/** Make a subscriber; the first trial_subscriber_next() connects it. `settings` as of a client,
 * NULL for the defaults. Close with trial_subscriber_close(). */
TRIAL_MUST_USE trial_code trial_subscriber_open(const trial_client_settings *settings,
                                                const trial_subscriber_settings *wanted,
                                                trial_subscriber **ret_subscriber,
                                                trial_error *err);
void trial_subscriber_close(trial_subscriber *subscriber); /* NULL is fine */

/**
 * Wait for the next event at most `timeout_ms`; it lives until the next call. NULL: `stop_fd` is
 * readable.
 *
 * Fails with BUSY      none came in time, or the daemon is away: the next call goes on trying.
 *            CONFLICT  the daemon has another log than before, or one that ends before what was
 *                      handed out: positions mean something else. Of a named one: another consumes
 *                      it or took over, or it has another filter. Only a new subscriber helps.
 *            NOT_FOUND a named one was removed. Only a new subscriber helps.
 *            others    as the daemon refused the subscription: a filter is wrong, or the right to
 *                      read is gone; or as trial_client_open(). The next call asks again.
 */
TRIAL_MUST_USE trial_code trial_subscriber_next(trial_subscriber *subscriber,
                                                uint32_t timeout_ms,
                                                const trial_replayed **ret_event,
                                                trial_error *err);

/**
 * Of a named subscription: all that was handed out so far is worked off. It is said at once for a
 * replayed event, else with others, before the next wait; what was not said when either side ends
 * is handed out again.
 */
void trial_subscriber_ack(trial_subscriber *subscriber);

/**
 * Of a named subscription: set the event that was handed out last aside, for a reason in a
 * sentence, and go on behind it. On disk when it comes back. Fails as trial_client_call(): the
 * event is handed out again then. INVALID where there is no name, or no event yet; then nothing
 * else changes.
 */
TRIAL_MUST_USE trial_code trial_subscriber_park(trial_subscriber *subscriber,
                                                const char *reason,
                                                trial_error *err);

/**
 * For a loop that waits for more than this: a descriptor, the same for the subscriber's life, that
 * polls readable when there is something to do. Then, and after any other call, call
 * trial_subscriber_next() with 0 ms until it fails; that never waits. -1: the process has no
 * descriptor left.
 */
int trial_subscriber_fd(trial_subscriber *subscriber);

typedef struct trial_subscriber_state {
    bool is_connected;    /* the daemon answered, and spoke within the last seconds */
    bool is_live;         /* what there was when it connected has been handed out */
    uint64_t position;    /* of the last event handed out, or known to be followed by none */
    uint64_t head;        /* last one that we have heard of */
    uint64_t lag;         /* positions from the one to the other; with filters at most so many */
    bool is_replayed;     /* the event handed out last had been parked */
    uint32_t connections; /* how often a connection came to stand */
    const char *endpoint; /* where the daemon is looked for; borrowed */
    const char *log;      /* the name of the log it follows; "" before the first connection */
    int64_t heard_ms_ago; /* since the daemon last spoke; -1: never */
} trial_subscriber_state;

trial_subscriber_state trial_subscriber_look(const trial_subscriber *subscriber);

#endif
