/* net.h - the sockets of the daemon: one ROUTER for requests, one XPUB for the feed. The only room
 * of the daemon that knows ZeroMQ. One thread calls it. Nothing here ever waits for a peer. */
#ifndef NET_H
#define NET_H

#include "trial/base.h"
#include "trial/limits.h"

typedef struct net net;

#define NET_PEER_BYTES_MAX 255 /* of a routing id, ZeroMQ's own bound */
#define NET_LISTENERS_MAX 9    /* eight endpoints of requests, and the feed's */

/** Who sends, as the kernel (ipc) or CURVE's handshake (tcp) attests it. Nothing a peer says of
 * itself is in it. */
typedef struct net_who {
    bool is_local;
    bool is_named; /* by itself: whoever takes the name after it gets what is still sent to it */
    uint32_t uid;  /* of a local peer, and the one group the kernel tells */
    uint32_t gid;
    char key[TRIAL_KEY_TEXT_BYTES]; /* of a remote one, in Z85; "": not known */
} net_who;

/** What a peer connects to. */
typedef enum net_door {
    NET_REQUESTS,
    NET_FEED,
} net_door;

/** May it be let in? Called from a thread of this room; it must not wait. */
typedef bool net_admits(void *context, net_door door, const net_who *who);

typedef struct net_settings {
    const char *const *listen; /* endpoints of requests */
    uint32_t listen_count;
    const char *feed;
    uint64_t message_bytes; /* a peer that sends a larger frame is cut off by libzmq */
    uint32_t peer_queue;    /* messages on their way to one peer, in libzmq and again here */
    uint64_t peer_bytes;    /* of large ones among them: beyond it the peer has no room */
    uint32_t feed_queue;    /* events on their way to one reader of the feed */
    const char *secret;     /* the daemon's CURVE key in Z85, copied; NULL: it has none */
    net_admits *admits;     /* asked of everybody who connects, but for requests on ipc */
    void *context;          /* of admits */
    uint32_t descriptors;   /* that the process may have open; 0: connections are not bounded */
    const int *passed; /* of each of `listen` and then of the feed: a listening socket that is bound
                          to it already, given; -1 where one is to be bound. NULL: bind all */
} net_settings;

/** May it be served at all? Fails with INVALID: too few descriptors for anybody; tcp without a key
 * on an address others can reach; a path where something else than a socket lies. */
TRIAL_MUST_USE trial_code net_check(const net_settings *settings, trial_error *err);

/**
 * Bind both sockets.
 *
 * With a key tcp is served with CURVE and nothing else, and every key is put to `admits`. Before it
 * returns it has tried one that nobody knows, and been refused.
 *
 * Fails with INVALID  an endpoint that is none; what net_check() refuses.
 *            BUSY     the address is in use.
 *            STORAGE  anything else; err->system_errno says what.
 */
TRIAL_MUST_USE trial_code net_open(const net_settings *settings, net **ret_net, trial_error *err);

/** Send what can be sent within half a second and close. NULL is fine. */
void net_close(net *n);

/** One message of a peer. Borrowed until the next net_receive(). */
typedef struct net_message {
    trial_bytes peer;  /* its routing id: where to answer, and nothing else */
    bool is_delimited; /* an empty frame stood before the payload (REQ); its answer gets one too */
    bool is_whole;     /* exactly one payload frame */
    trial_bytes payload;
} net_message;

/** The next message that is there; false where there is none. */
bool net_receive(net *n, net_message *ret_message);

/** Who sent the message that was received last? */
net_who net_sender(net *n);

/** Is it a REQ socket, which takes one answer to each request and nothing else? */
bool net_sender_is_req(net *n);

typedef enum net_sent {
    NET_SENT,
    NET_QUEUED, /* the peer is slow: it goes out when the peer takes it */
    NET_FULL,   /* the peer takes nothing and its queue is full: nothing was kept */
    NET_GONE,   /* there is no such peer any more */
} net_sent;

/** Has the peer room for a large message? Not where earlier ones still wait for it to read. What is
 * made for a peer without room only lies in memory. */
bool net_has_room(const net *n, trial_bytes peer);

/** Send one message. `may_queue` false: what the peer does not take at once is NET_FULL, and so is
 * a large one where it has no room. */
net_sent net_send(net *n, trial_bytes peer, bool is_delimited, trial_bytes payload, bool may_queue);

/** Try again what waits for slow peers; true where something still waits. */
bool net_send_queued(net *n);

/** Does anybody read the feed? Where nobody does, nothing need be made for it. */
bool net_has_readers(net *n);

/** Cut off everybody who listens to the feed: they connect again at once, and whoever may not is
 * not let in. Only where keys are in use. */
void net_cut_feed(const net *n);

/** Publish on the feed; a reader that is too slow misses it. */
void net_publish(net *n, trial_text topic, trial_bytes payload);

/** A descriptor to wait on beside the sockets; `is_ready` is set by net_wait(). */
typedef struct net_watch {
    int fd;
    bool is_ready;
} net_watch;

/** Wait until a request is there, a descriptor is readable or `timeout_ms` has passed (-1: no
 * bound). False where nothing has come. */
bool net_wait(net *n, net_watch *watches, uint32_t count, long timeout_ms);

uint32_t net_peers(const net *n);       /* connected now */
uint64_t net_turned_away(const net *n); /* connections, for want of descriptors */
uint64_t net_dropped(const net *n);     /* answers dropped: the peer was gone, or its queue full */

#endif
