/* client.h - libtrial: what a C program says to a daemon. One client is used by one thread at a
 * time. Where a function fails, `err` (may be NULL) has why, and nothing else is given back. */
#ifndef TRIAL_CLIENT_H
#define TRIAL_CLIENT_H

#include "trial/base.h"
#include "trial/value.h"

typedef struct trial_client trial_client;

typedef struct trial_client_settings {
    const char *endpoint;   /* NULL: TRIALD_ENDPOINT, else ipc:///run/triald/triald.sock */
    const char *feed;       /* NULL: TRIALD_FEED, else ipc:///run/triald/feed.sock */
    const char *name;       /* of the calling program, which a subscriber says; NULL: "libtrial" */
    const char *key;        /* file of one's secret key, for a daemon on tcp; NULL: TRIALD_KEY,
                             * else none */
    const char *server_key; /* the daemon's certificate, or its public key itself; NULL:
                             * TRIALD_SERVER_KEY, else none */
    uint32_t timeout_ms;    /* of a call; 0: 5,000 */
    uint32_t request_bytes; /* the daemon's request limit, at most 64 MiB; 0: 4 MiB */
    const trial_client *beside; /* share its ZeroMQ context, one I/O thread for both: it is closed
                                 * last; NULL: a context of one's own */
} trial_client_settings;

/**
 * Make a client; it connects in the background. `settings` is copied; NULL for the defaults. Close
 * with trial_client_close().
 *
 * Fails with INVALID, or STORAGE: an endpoint that is none, or a key's file that cannot be used.
 */
TRIAL_MUST_USE trial_code trial_client_open(const trial_client_settings *settings,
                                            trial_client **ret_client,
                                            trial_error *err);
void trial_client_close(trial_client *client); /* NULL is fine */

/**
 * Send one request and wait for its response. What else comes meanwhile is kept for
 * trial_client_receive(), 4,096 messages at most.
 *
 * params      a map, or NULL for none.
 * ret_result  lives in the arena.
 *
 * Fails with the daemon's own error (code, rule, index, field, text), TOO_LARGE before anything is
 * sent (bytes, or nested deeper than 40 levels), UNAUTHORISED: the daemon does not know this key,
 * or is not the one it should be, BUSY: no answer within the timeout, or as many messages are kept
 * as may be. The text says whether anything was sent; where it was, the outcome of an append is
 * unknown: send it again, the same id makes it one event.
 */
TRIAL_MUST_USE trial_code trial_client_call(trial_client *client,
                                            const char *method,
                                            const trial_value *params,
                                            trial_arena *arena,
                                            trial_value **ret_result,
                                            trial_error *err);

/**
 * Send without waiting for the response, which ret_msgid names; for a connection it waits at most
 * the timeout.
 *
 * Receive while you send: where a thousand answers or more are waiting for this client the daemon
 * may drop further ones, for it waits for nobody. The answer to a request that was under way when
 * the connection was lost does not come either, and nothing says so: send again what was not
 * answered in time.
 *
 * Fails with TOO_LARGE, UNAUTHORISED or BUSY; nothing was sent then.
 */
TRIAL_MUST_USE trial_code trial_client_send(trial_client *client,
                                            const char *method,
                                            const trial_value *params,
                                            uint32_t *ret_msgid,
                                            trial_error *err);

/** As trial_client_send(), with parameters that are a MessagePack map already; borrowed. */
TRIAL_MUST_USE trial_code trial_client_send_raw(trial_client *client,
                                                const char *method,
                                                trial_bytes params,
                                                uint32_t *ret_msgid,
                                                trial_error *err);

/** What came: a response to a send, or a notification. Values and texts live in the arena given. */
typedef struct trial_message {
    bool is_notification;
    uint32_t msgid;     /* of a response */
    trial_text method;  /* of a notification: events, live, heartbeat */
    trial_error error;  /* of a response; code TRIAL_OK where it has a result */
    trial_value *value; /* the result, or a notification's map */
    trial_bytes raw;    /* the same as bytes, borrowed until the next receive */
} trial_message;

/**
 * Wait for the next message at most `timeout_ms` (0: do not wait). `want_value` false leaves
 * `value` NULL and only `raw` set; the arena is there for the name of a notification then.
 *
 * An error that the daemon answered is no failure of this call: it is in the message. Fails with
 * BUSY where none came in time, MALFORMED where what came is not the protocol, UNAUTHORISED as
 * trial_client_call().
 */
TRIAL_MUST_USE trial_code trial_client_receive(trial_client *client,
                                               uint32_t timeout_ms,
                                               bool want_value,
                                               trial_arena *arena,
                                               trial_message *ret_message,
                                               trial_error *err);

/** Send a notification (credit, unsubscribe). Fails as trial_client_send(). */
TRIAL_MUST_USE trial_code trial_client_notify(trial_client *client,
                                              const char *method,
                                              const trial_value *params,
                                              trial_error *err);

/** A descriptor that polls readable when something may have come; edge-like, so receive until BUSY,
 * also after a call or a send. -1: there is none. */
int trial_client_fd(trial_client *client);

typedef struct trial_replay trial_replay;

/** An event where it lies in the answer that brought it: nothing was copied, no value was built. */
typedef struct trial_replayed {
    uint64_t position;
    uint64_t revision;
    trial_text id;
    trial_text source;
    trial_text type;
    trial_text subject;
    trial_text time;
    trial_text ingesttime;
    trial_bytes data;  /* a MessagePack map */
    trial_bytes event; /* the whole event, a MessagePack map of all attributes */
} trial_replayed;

/**
 * Read the log from `from` on (0: its beginning) as fast as it comes: while one page is handed out
 * the next is on its way.
 *
 * filters  a map of `subject`, `types`, `programme`, `as_of`, `known_at` as in `read`, or NULL for
 *          the whole log; copied.
 *
 * Fails as trial_client_open() does. Close with trial_replay_close().
 */
TRIAL_MUST_USE trial_code trial_replay_open(const trial_client_settings *settings,
                                            uint64_t from,
                                            const trial_value *filters,
                                            trial_replay **ret_replay,
                                            trial_error *err);
void trial_replay_close(trial_replay *replay); /* NULL is fine */

/**
 * The next event, NULL at the end of the log; it lives until the next call. What was appended since
 * is found by calling again. Fails as trial_client_call() of a read; the next call asks again.
 */
TRIAL_MUST_USE trial_code trial_replay_next(trial_replay *replay,
                                            const trial_replayed **ret_event,
                                            trial_error *err);

/** The whole event as a value that lives in the arena. Fails with MALFORMED. */
TRIAL_MUST_USE trial_code trial_replayed_value(const trial_replayed *event,
                                               trial_arena *arena,
                                               trial_value **ret_value,
                                               trial_error *err);

typedef struct trial_feed trial_feed;

/**
 * Listen to the feed: every event from `from` on (0: only new ones), once and in order. What the
 * feed drops is read from the log, so its user sees no gap. Close with trial_feed_close().
 *
 * Whether it is still the same log is not looked at: a subscriber (subscriber.h) does.
 *
 * Fails as trial_client_call() does: the head is asked for first.
 */
TRIAL_MUST_USE trial_code trial_feed_open(const trial_client_settings *settings,
                                          uint64_t from,
                                          trial_feed **ret_feed,
                                          trial_error *err);
void trial_feed_close(trial_feed *feed); /* NULL is fine */

/**
 * Wait for the next event at most `timeout_ms`, and where it has to be read from the log for that
 * answer, at most the settings' timeout; it lives until the next call, or until the arena is reset.
 * Fails with BUSY where none came in time, CONFLICT where the daemon has another log than before or
 * an older copy of it (only a new feed helps), else as trial_client_call() of a read; after
 * UNAUTHORISED the next call asks to be let in again.
 */
TRIAL_MUST_USE trial_code trial_feed_next(trial_feed *feed,
                                          uint32_t timeout_ms,
                                          trial_arena *arena,
                                          trial_value **ret_event,
                                          trial_error *err);

#endif
