/* loop.h - the daemon's one loop: wait, gather a turn, decide it, flush it, answer, publish. */
#ifndef LOOP_H
#define LOOP_H

#include "config.h"
#include "engine.h"
#include "host.h"
#include "metrics.h"
#include "net.h"
#include "readers.h"
#include "rights.h"
#include "subscribers.h"

/* Of the largest size, on their way to one peer before more are made for it: a peer that does not
 * read costs so much memory and no more, and one that does never finds its queue empty. */
#define LOOP_PEER_ANSWERS 4u

/** One answer of a turn; its frame lies in loop.out. */
typedef struct reply {
    uint8_t peer[NET_PEER_BYTES_MAX];
    size_t peer_size;
    bool is_delimited;
    size_t begin;
    size_t size;
} reply;

/** A question about the daemon itself: answered when the turn is on disk. */
typedef struct question {
    uint8_t peer[NET_PEER_BYTES_MAX];
    size_t peer_size;
    bool is_delimited;
    trial_method method;
    uint32_t msgid;
} question;

/** What the daemon can be going through: the rows of conditions.def. */
typedef enum condition_id {
#define CONDITION(UPPER, name, grade, what, advice, over, id) CONDITION_##UPPER,
#include "trial/conditions.def"
    CONDITION_COUNT
} condition_id;

#define CONDITION_DETAIL_BYTES 200 /* a path and a reason of the system */

typedef struct condition {
    bool is_on;
    uint64_t since_ms;
    uint64_t count;    /* of what happens now and then: what was seen of it ... */
    uint64_t until_ms; /* ... and when it is over, if it does not happen again */
    char detail[CONDITION_DETAIL_BYTES];
} condition;

#define AUTHORITY_EVENTS_MAX 256u /* changes of rights in one turn; more follow in the next */

typedef struct loop {
    const struct config *config;
    store *store;
    engine *engine;
    net *net;
    readers *readers;
    subscribers *subscribers;
    named_list named; /* named subscriptions */
    metrics metrics;
    struct consumers_held *held; /* answers that wait for a commit */
    uint32_t held_count;
    proto_frame_limits limits;
    /* who may do what (authority.c) */
    rights *rights;
    rights_owner owner;    /* of the request that is being taken */
    int keys_fd;           /* watches their directory; -1: there is none */
    int names_fd;          /* readable when a name of theirs is somebody else */
    uint64_t keys_read_ms; /* when it is read again; 0: it has not changed */
    uint64_t keys_look_ms; /* when it is looked whether it is the same still */
    host_mark keys_mark;   /* the one that was read last */
    uint64_t keys_log_ms;  /* when changes are logged; 0: there are none */
    rights_entry *keys_logging[AUTHORITY_EVENTS_MAX]; /* of this turn */
    uint32_t keys_logged;
    char keys_problem[CONDITION_DETAIL_BYTES]; /* of what was refused last */
    int signals;
    uint64_t started_ms;
    trial_instant started; /* for people, and to tell one run of the daemon from the next */
    /* the turn */
    reply *replies; /* turn_requests of them */
    uint32_t reply_count;
    question *questions; /* turn_requests of them */
    uint32_t question_count;
    pack_writer out;
    trial_arena arena;   /* of one request */
    trial_method method; /* that is being answered; TRIAL_METHOD_COUNT: none of ours */
    bool has_served;     /* the last turn had a request */
    uint64_t singles;    /* turns of one request since the last one of more */
    chain known;         /* of the subject that was read here last */
    bool has_read;       /* this turn has answered one read itself */
    /* what waits for a commit */
    readers_job *waiting;
    /* what waits for its peer (gate.c) */
    struct gate_peer *gate_peers; /* with anything to be read for them */
    struct gate_peer *gate_held;  /* those of them that must read first */
    uint64_t gate_ms;             /* when they were looked at last */
    /* rebuilds */
    readers_job *rebuilds; /* those not begun, in the order they were asked for */
    readers_job *swapping; /* swapped, and not committed yet */
    bool is_rebuilding;    /* one was begun and is not cleared away yet */
    bool is_folding;       /* one was begun and is neither in use nor given up */
    uint32_t verifying;    /* verifications asked for and not answered */
    uint64_t records_ms;   /* when records were read last; 0: never */
    uint64_t records_from; /* the first of them */
    bool is_refusing;      /* LMDB could not commit for want of space */
    uint64_t retry_ms;     /* when to try that commit again */
    uint64_t appended_ms;  /* when the last turn added anything */
    /* clocks */
    uint64_t beat_ms;      /* when the feed's next heartbeat is due */
    uint64_t alive_ms;     /* when the watchdog is fed next */
    uint64_t status_ms;    /* when STATUS= may be told next */
    char told_status[512]; /* what it told */
    condition conditions[CONDITION_COUNT];
    bool is_reloading; /* and the service manager does not know yet that it is over */
    bool is_leaving;
    trial_error failure; /* why the loop ended by itself */
} loop;

/** Send an answer. A peer that is gone asks again, and a repeat is answered as one. (loop.c) */
void loop_answer(loop *l, trial_bytes peer, bool is_delimited, trial_bytes frame);

/** Serve until told to stop: TRIAL_OK, or why it could not go on (loop.failure). */
TRIAL_MUST_USE trial_code loop_run(loop *l);

/* FileDescriptorName= of the socket units. */
#define LISTENING_REQUESTS "requests"
#define LISTENING_FEED "feed"

/** The sockets that the service manager passed in, -1 where it did not: one for each endpoint of
 * requests, and then the feed's. Fails with INVALID: one that no setting names. (listening.c) */
TRIAL_MUST_USE trial_code listening_take(const struct config *config,
                                         int *ret_fds,
                                         trial_error *err);

/** Take one message in: append its answer to the turn, or start what answers it later. (requests.c)
 */
TRIAL_MUST_USE trial_code requests_take(loop *l, const net_message *message);

/** Answer that the right to ask was revoked meanwhile; the job is let go. (requests.c) */
void requests_refuse(loop *l, readers_job *job);

/** Answer what asked about the daemon itself, now that the turn is on disk. (requests.c) */
void requests_answer_questions(loop *l);

/** The answer to `status`, into l->out. (status.c) */
void status_put(loop *l);

/* authority.c: who may do what. */

/** Find out what the log says of rights and what the directory does, and log what differs. Fails
 * with STORAGE. */
TRIAL_MUST_USE trial_code authority_start(loop *l, trial_error *err);

/** The directory has changed: read it soon. */
void authority_note_change(loop *l);

/** Somebody is another user or group than before: read it now. */
void authority_note_names(loop *l);

/** Read it now: what is gone from it counts no more from here on. */
void authority_read(loop *l);

/** Read it where that is due. */
void authority_tick(loop *l, uint64_t now_ms);

/** Add what changed to the turn that is open. Fails with STORAGE: the process must leave. */
TRIAL_MUST_USE trial_code authority_log(loop *l, bool *ret_is_added);

/** The turn is on disk: what it granted counts. */
void authority_settle(loop *l);

/** Whoever connects: may it come in? `context` is the rights; called from the thread of keys. */
net_admits authority_admits;

/** May the sender of the message received last ask that? Sets l->owner. Fails with UNAUTHORISED,
 * and with INVALID where keys are in use and the connection has named itself. */
TRIAL_MUST_USE trial_code authority_check(loop *l, trial_method method, trial_error *err);

/** May it notify? Nobody is told where it may not: a notification has no answer. */
bool authority_may_notify(const loop *l);

/** May whoever asks publish as that source? `context` is the loop. Fails with UNAUTHORISED. */
TRIAL_MUST_USE trial_code authority_may_name(void *context, trial_text source, trial_error *err);

/** May a request that has waited still be answered? */
bool authority_still_allows(const loop *l, const readers_job *job);

/** Has that owner lost its right to read? `context` is the loop. */
bool authority_has_lost(void *context, uint64_t owner);

/** Rebuild what is of an older version, and clear what an earlier rebuild left. (rebuilding.c) */
TRIAL_MUST_USE trial_code rebuilding_start(loop *l, trial_error *err);

/** May a rebuild of that view, or of all, be added? Fails with NOT_FOUND, and with BUSY where one
 * like it waits already: so no more can wait than there are views, and one of all. (rebuilding.c)
 */
TRIAL_MUST_USE trial_code rebuilding_check(const loop *l, trial_text view, trial_error *err);

/** Rebuild when those before it are done; the job is taken. (rebuilding.c) */
void rebuilding_add(loop *l, readers_job *job);

/** A fold or a clearing has come back from its thread. Fails with STORAGE: the process must leave
 * (loop.failure). (rebuilding.c) */
TRIAL_MUST_USE trial_code rebuilding_continue(loop *l, readers_job *job);

/** A commit has ended: was it the one that puts rebuilt rows in use? (rebuilding.c) */
void rebuilding_commit(loop *l);

/** Let go of those that wait. (rebuilding.c) */
void rebuilding_drop(loop *l);

/** Answer what is asked of named subscriptions, now or when it is on disk; `subscribe` with a name;
 * the notification `ack`. (consumers.c) */
void consumers_take(loop *l, const net_message *message, const trial_request *request);
void consumers_subscribe(loop *l, const net_message *message, const trial_request *request);
void consumers_ack(loop *l, const net_message *message, trial_bytes params);

/** Send the answers whose commit has ended. (consumers.c) */
void consumers_answer(loop *l);

/** Is anything of named subscriptions to be committed? (consumers.c) */
bool consumers_want_commit(loop *l, uint64_t now_ms);

/** Let go of the answers that wait and of the list. (consumers.c) */
void consumers_drop(loop *l);

/** May a peer ask for anything more that takes a reader? Else too much of it waits. (gate.c) */
bool gate_is_open(const loop *l, trial_bytes peer, size_t frame_bytes);

/** Fails with BUSY: too much of the peer waits. (gate.c) */
trial_code gate_refuse(trial_error *err);

/** A job has come in: it counts until gate_leave(). (gate.c) */
void gate_enter(loop *l, const readers_job *job);
void gate_leave(loop *l, const readers_job *job);

/** Let a job through to wait for its commit and then for a reader, now or when its peer has room;
 * the job is taken. (gate.c) */
void gate_give(loop *l, readers_job *job);

/** Hand over what has room by now. (gate.c) */
void gate_look(loop *l, uint64_t now_ms);

/** Let go of all that waits. (gate.c) */
void gate_drop(loop *l);

/** A map of views, or of the one, each at that position. (rebuilding.c) */
void rebuilding_put_views(pack_writer *writer, views_view only, uint64_t position);

/** Say what one of the conditions is now: the log hears of it where it begins and where it is over.
 * `format` makes its detail. (conditions.c) */
void conditions_set(loop *l, condition_id id, bool is_on, const char *format, ...)
    TRIAL_PRINTF(4, 5);

/** Say that damage was found, and where: in what was asked of that subject, if of one.
 * (conditions.c)
 */
void conditions_set_damaged(loop *l, const trial_error *err, trial_text subject);

/** Say whether LMDB lacks room for a commit, and why (loop.is_refusing too). (conditions.c) */
void conditions_set_behind(loop *l, bool is_behind, const char *why);

/** Look at all that is not said by who finds it. (conditions.c) */
void conditions_look(loop *l, uint64_t now_ms);

/** The same once a second, and the status line where it has changed. (conditions.c) */
void conditions_tell(loop *l, uint64_t now_ms);

/** The conditions that hold, as a list for the answer to `status`. (conditions.c) */
void conditions_put(loop *l);

/** A job has come back from its thread: answer it. (requests.c) */
TRIAL_MUST_USE trial_code requests_finish(loop *l, readers_job *job);

#endif
