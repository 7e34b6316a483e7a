/* lib.h - what the files of libtrial share; with them, all that knows ZeroMQ on the client's side.
 */
#ifndef CLIENT_LIB_LIB_H
#define CLIENT_LIB_LIB_H

#include "frame.h"
#include "pack.h"
#include "trial/client.h"
#include "trial/key.h"

#include <errno.h>

#define LIB_ENDPOINT_DEFAULT "ipc:///run/triald/triald.sock"
#define LIB_FEED_DEFAULT "ipc:///run/triald/feed.sock"
#define LIB_TIMEOUT_MS_DEFAULT 5000u

/* The largest frame taken from a daemon: its answers stay under the request limit, and a little is
 * added for the frame round them. */
#define LIB_ANSWER_BYTES(request_bytes) ((request_bytes) + 64u * 1024u)

/** What was given, else the environment variable, else the default; given with free(). */
char *lib_setting(const char *given, const char *variable, const char *otherwise);

/** What a client takes of a daemon, by its settings. */
proto_frame_limits lib_limits(const trial_client_settings *settings);

/** CLOCK_MONOTONIC in milliseconds: what deadlines are counted in. */
int64_t lib_now_ms(void);

/** The keys of a client; where there are none, it shows none. */
typedef struct lib_keys {
    bool is_set;
    trial_key_pair own;
    char server[TRIAL_KEY_TEXT_BYTES];
} lib_keys;

/* keys.c */

/** The keys that settings or variables name. Fails with INVALID or STORAGE. */
TRIAL_MUST_USE trial_code lib_keys_read(const trial_client_settings *settings,
                                        lib_keys *ret_keys,
                                        trial_error *err);

/** Show them on a socket that is about to be connected; on ipc nothing is shown. */
bool lib_keys_set(const lib_keys *keys, void *socket, const char *endpoint);

/** Watch the handshakes of a socket that is about to be connected. */
TRIAL_MUST_USE trial_code lib_watch_open(void *context,
                                         void *socket,
                                         void **ret_watch,
                                         trial_error *err);
void lib_watch_close(void *socket, void *watch); /* NULL is fine */

/** Fails with UNAUTHORISED: a handshake has failed since the last look. Its system_errno is
 * LIB_HANDSHAKE_CUT where nobody said why: so does a daemon that leaves meanwhile. */
#define LIB_HANDSHAKE_CUT EPROTO
TRIAL_MUST_USE trial_code lib_watch_look(void *watch,
                                         const lib_keys *keys,
                                         const char *endpoint,
                                         trial_error *err);

/**
 * Make a socket of that ZeroMQ type, all options stated, and connect it.
 *
 * beside       the client whose context it lives in; NULL: a new context.
 * ret_context  the new one, to be given to lib_socket_close(); NULL where it is somebody else's.
 * ret_watch    of its handshakes, to be given to lib_watch_close() before; NULL on ipc. Not asked
 * for where it is NULL itself.
 */
TRIAL_MUST_USE trial_code lib_socket_open(int type,
                                          uint32_t request_bytes,
                                          const char *endpoint,
                                          const lib_keys *keys,
                                          const trial_client *beside,
                                          void **ret_context,
                                          void **ret_socket,
                                          void **ret_watch,
                                          trial_error *err);
void lib_socket_close(void *context, void *socket); /* NULLs are fine */

/** Begin a connection anew that ZeroMQ let go of because its handshake was refused. */
void lib_socket_again(void *socket, const char *endpoint);

/** The context that a client's socket lives in. */
void *lib_context(const trial_client *client);

/** Wait until the socket is ready for `events`, or its watch (NULL: none) has something to tell;
 * false at the deadline. */
bool lib_wait(void *socket, void *watch, short events, int64_t deadline_ms);

/** Make an error of ZeroMQ's errno. Returns INVALID for a bad endpoint, BUSY for all else. */
trial_code lib_fail_zmq(trial_error *err, int zmq_error, const char *format, ...)
    TRIAL_PRINTF(3, 4);

/** Wait for the answer to one of several requests; what else comes is kept. As
 * trial_client_receive() without a value. */
TRIAL_MUST_USE trial_code lib_await(trial_client *client,
                                    uint32_t msgid,
                                    uint32_t timeout_ms,
                                    trial_arena *arena,
                                    trial_message *ret_answer,
                                    trial_error *err);

#define LIB_LOG_BYTES 64u /* of a log's name: a UUID in text, with room */

/**
 * Is it the log that was followed before, and does it still hold what was heard of?
 *
 * known       its name, "" before the first time; set where it is.
 * known_head  the last position heard of.
 *
 * Fails with CONFLICT   it is another one, or an older copy.
 *            MALFORMED  the daemon did not say which it is.
 */
TRIAL_MUST_USE trial_code lib_check_log(const char *endpoint,
                                        char known[LIB_LOG_BYTES],
                                        uint64_t known_head,
                                        trial_text log,
                                        uint64_t head,
                                        trial_error *err);

/** Take one event where it lies; the reader fails where it is none. */
void lib_take_event(pack_reader *reader, trial_replayed *ret_event);

/** Of a notification about a subscription. */
typedef struct lib_notice {
    uint64_t subscription;
    uint64_t head;
    pack_reader events; /* a list, where there are any */
    bool is_replayed;
    trial_code code; /* why it has ended */
} lib_notice;

/** Take one apart where it lies. Fails with MALFORMED. */
TRIAL_MUST_USE trial_code lib_take_notice(trial_bytes raw, lib_notice *ret_notice);

/** Write a value of the caller's. Fails with TOO_LARGE: it is nested too deep. */
TRIAL_MUST_USE trial_code lib_put_tree(pack_writer *writer,
                                       const trial_value *value,
                                       trial_arena *scratch,
                                       trial_error *err);

/** A value whose text lives in the arena too. */
TRIAL_MUST_USE trial_code lib_read_value(trial_bytes bytes,
                                         trial_arena *arena,
                                         trial_value **ret_value,
                                         trial_error *err);

/** What lib_client_wait() found. */
typedef enum lib_ready { LIB_READY, LIB_TOO_LATE, LIB_STOPPED } lib_ready;

/** Wait until the client's socket is ready for `events`, or was refused, which the next call says
 * (NULL: for no socket), or `stop_fd` is readable (0: there is none), or until the deadline. */
lib_ready
lib_client_wait(const trial_client *client, short events, int stop_fd, int64_t deadline_ms);

/** A descriptor for a caller's loop (wake.c); all zero: there is none, and nothing is done. */
typedef struct lib_wake {
    bool is_open;
    int fd;
    int timer;
    int watched; /* descriptor of a connection; -1: none */
} lib_wake;

bool lib_wake_open(lib_wake *wake); /* false: the process has no descriptor left */
void lib_wake_close(lib_wake *wake);
void lib_wake_watch(lib_wake *wake, int fd);         /* and no other one; -1: none */
void lib_wake_at(lib_wake *wake, int64_t moment_ms); /* of lib_now_ms() */

/** Nobody waits for that answer any more. What was received last stays as it is. */
void lib_forget(trial_client *client, uint32_t msgid);

#endif
