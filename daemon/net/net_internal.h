/* net_internal.h - what the files of this room share. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net.h"
#include "trial/arena.h"

#include <errno.h>
#include <zmq.h>

enum { NET_PEER, NET_PAYLOAD, NET_REST, NET_FRAMES };

typedef struct outbox outbox;

struct net {
    void *context;
    void *router;
    void *feed;
    void *monitor;
    int feed_fd; /* readable when there is something to take off that socket */
    int monitor_fd;
    uint32_t topics;              /* that anybody wants of the feed */
    zmq_msg_t frames[NET_FRAMES]; /* of the message being read */
    outbox *outboxes;             /* of peers that are slow */
    uint32_t queue_max;
    uint32_t peers;
    uint8_t *is_peer; /* by descriptor: its handshake is done */
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

/* monitor.c: who is connected. */
TRIAL_MUST_USE trial_code monitor_open(net *n, trial_error *err);
void monitor_drain(net *n);
void monitor_close(net *n);

#endif
