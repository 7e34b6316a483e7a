/* net_internal.h - what the files of this room share. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net.h"
#include "trial/arena.h"

#include <errno.h>
#include <zmq.h>

enum { NET_PEER, NET_PAYLOAD, NET_REST, NET_FRAMES };

typedef struct outbox outbox;
typedef struct account account;

struct net {
    void *context;
    void *router;
    void *feed;
    void *monitor;
    void *feed_monitor;                /* while the feed is bound */
    int feed_listener;                 /* whose connections may have to be cut */
    struct zap *zap;                   /* who decides about keys */
    char secret[TRIAL_KEY_TEXT_BYTES]; /* the daemon's own; "": it has none */
    int feed_fd; /* readable when there is something to take off that socket */
    int monitor_fd;
    uint32_t topics;              /* that anybody wants of the feed */
    zmq_msg_t frames[NET_FRAMES]; /* of the message being read */
    outbox *outboxes;             /* of peers that are slow */
    account *accounts;            /* of peers with large messages on their way */
    uint32_t sweep_at;            /* so many accounts, and those that are idle are let go */
    uint64_t bytes_max;           /* of large messages on their way to one peer */
    uint32_t queue_max;
    uint32_t peers;
    uint8_t *is_peer; /* by descriptor */
    size_t is_peer_size;
    uint64_t dropped;
};

/** An error from zmq_errno(), under what was being done. */
trial_code net_fail(trial_error *err, const char *format, ...) TRIAL_PRINTF(2, 3);

/** Send without queueing: NET_SENT, NET_FULL or NET_GONE. */
net_sent net_send_now(net *n, trial_bytes peer, bool is_delimited, trial_bytes payload);

/* outbox.c: messages that slow peers have not taken yet, at most queue_max a peer. */
bool outbox_has(const net *n, trial_bytes peer);
bool outbox_add(net *n, trial_bytes peer, bool is_delimited, trial_bytes payload);
void outbox_drop_all(net *n);

/* parcel.c: large messages, and how many bytes of them a peer has not taken yet. */
#define PARCEL_BYTES 8192u /* a message of so many is large: a thousand smaller ones are 8 MiB */

/** The last frame of a message whose frames before it are sent; false where it cannot be sent. */
bool parcel_send(net *n, trial_bytes peer, trial_bytes payload);
size_t parcel_bytes(const net *n, trial_bytes peer);
void parcel_done(net *n); /* when libzmq has let go of all of them */

/* accept.c: how many connections there may be. */

/** State the bound before a listener is bound: so many descriptors has the process, and so many
 * listeners share them. Fails with INVALID: too few to serve anybody. */
TRIAL_MUST_USE trial_code accept_bound(uint32_t descriptors, uint32_t listeners, trial_error *err);
uint64_t accept_turned_away(void);

/** End all connections of that listener. */
void accept_cut(int listener);

/* zap.c: who may come in (ZeroMQ RFC 27). */
typedef struct zap zap;

/** Start the thread that answers; it must be there before anything is bound. */
TRIAL_MUST_USE trial_code
zap_start(void *context, net_admits *admits, void *admits_context, zap **ret_zap, trial_error *err);

/** Wait for the thread, whose context is being ended by another. NULL is fine. */
void zap_done(zap *z);

/** What ZAP is told of a door. */
const char *zap_domain(net_door door);

/** State who may come in by the endpoint that is bound next. */
TRIAL_MUST_USE trial_code
zap_guard(const net *n, void *socket, net_door door, bool is_tcp, trial_error *err);

/** Is a key that nobody knows refused? Fails with STORAGE: it was let in, or nobody answered. */
TRIAL_MUST_USE trial_code zap_try(const net *n, trial_error *err);

/** Who sent the message that the frame is part of? */
net_who zap_who(const net *n, zmq_msg_t *frame);

/* monitor.c: who is connected. */

/** Between these two the feed is bound: n->feed_listener is known from then on. */
TRIAL_MUST_USE trial_code monitor_listener_begin(net *n, trial_error *err);
TRIAL_MUST_USE trial_code monitor_listener_end(net *n, trial_error *err);

TRIAL_MUST_USE trial_code monitor_open(net *n, trial_error *err);
void monitor_drain(net *n);
void monitor_close(net *n);

#endif
