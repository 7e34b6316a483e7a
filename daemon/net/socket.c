/* socket.c - see net.h. Every option that guards against silent loss is stated here. */
#include "net_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINGER_MS 500           /* answers on their way when the daemon leaves */
#define BACKLOG 4096            /* connections not yet accepted */
#define HANDSHAKE_MS 5000       /* a peer that says nothing is let go */
#define HEARTBEAT_MS 10000      /* a vanished peer's pipe is freed ... */
#define HEARTBEAT_LOST_MS 30000 /* ... after so long without an answer */
#define WATCHES_MAX 8u

struct option {
    int name;
    int value;
};

static trial_code
set_all(void *socket, const struct option *options, size_t count, trial_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof options[i].value) !=
            0) {
            return net_fail(err, "setting option %d of a socket", options[i].name);
        }
    }
    return TRIAL_OK;
}

static bool is_tcp(const char *endpoint)
{
    return trial_text_starts(trial_text_of(endpoint), TRIAL_TEXT("tcp://"));
}

/* Without keys only who is on this machine may connect. */
static bool is_local(trial_text endpoint)
{
    static const char *const beginnings[] = {
        "ipc://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:"
    };

    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (trial_text_starts(endpoint, trial_text_of(beginnings[i]))) {
            return true;
        }
    }
    return false;
}

/* Does somebody listen at this path? libzmq would take the name away from them without a word, and
 * their clients with it. What a daemon that is gone left there answers nobody. */
static bool is_taken(const char *endpoint)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = endpoint + strlen("ipc://");
    int fd;
    bool is_heard;

    if (!trial_text_starts(trial_text_of(endpoint), TRIAL_TEXT("ipc://")) ||
        strlen(path) >= sizeof address.sun_path) {
        return false;
    }
    (void)memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    is_heard = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
               errno == EAGAIN; /* so many wait for it */
    (void)close(fd);
    return is_heard;
}

/* libzmq removes whatever lies at the path: it may have what a daemon left, and nothing else. */
static bool is_free(const char *endpoint)
{
    const char *path = endpoint + strlen("ipc://");
    struct stat seen;

    return !trial_text_starts(trial_text_of(endpoint), TRIAL_TEXT("ipc:///")) ||
           lstat(path, &seen) != 0 || S_ISSOCK(seen.st_mode);
}

/* `passed` is a listening socket that somebody else bound, -1: bind one. What libzmq did not bind
 * it closes at the end and leaves in its place, for its owner's next daemon. */
static trial_code bind_to(
    const net *n, void *socket, net_door door, const char *endpoint, int passed, trial_error *err)
{
    trial_code code = zap_guard(n, socket, door, is_tcp(endpoint), err);

    if (code == TRIAL_OK && zmq_setsockopt(socket, ZMQ_USE_FD, &passed, sizeof passed) != 0) {
        code = net_fail(err, "taking the socket that was passed in for '%s'", endpoint);
    }
    if (code == TRIAL_OK && passed < 0 && is_taken(endpoint)) {
        errno = EADDRINUSE;
        return net_fail(err, "binding '%s'", endpoint);
    }
    if (code == TRIAL_OK && zmq_bind(socket, endpoint) != 0) {
        code = net_fail(err, "binding '%s'", endpoint);
    }
    return code;
}

static int passed_for(const net_settings *settings, uint32_t index)
{
    return settings->passed == NULL ? -1 : settings->passed[index];
}

static trial_code open_router(net *n, const net_settings *settings, trial_error *err)
{
    const struct option options[] = {
        { ZMQ_ROUTER_MANDATORY, 1 },
        { ZMQ_ROUTER_HANDOVER, 0 },
        { ZMQ_SNDHWM, (int)settings->peer_queue },
        { ZMQ_RCVHWM, (int)settings->peer_queue },
        { ZMQ_LINGER, LINGER_MS },
        { ZMQ_BACKLOG, BACKLOG },
        { ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS },
        { ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS },
        { ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_LOST_MS },
        { ZMQ_HEARTBEAT_TTL, HEARTBEAT_LOST_MS },
        { ZMQ_TCP_KEEPALIVE, 1 },
        { ZMQ_IPV6, 1 },
    };
    int64_t message_bytes = (int64_t)settings->message_bytes;
    trial_code code;

    n->router = zmq_socket(n->context, ZMQ_ROUTER);
    if (n->router == NULL) {
        return net_fail(err, "making the socket for requests");
    }
    code = set_all(n->router, options, sizeof options / sizeof options[0], err);
    if (code == TRIAL_OK &&
        zmq_setsockopt(n->router, ZMQ_MAXMSGSIZE, &message_bytes, sizeof message_bytes) != 0) {
        code = net_fail(err, "bounding messages to %lld bytes", (long long)message_bytes);
    }
    if (code == TRIAL_OK) {
        code = monitor_open(n, err);
    }
    /* What guards tcp holds for whatever is bound after it, so that comes last. */
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; code == TRIAL_OK && i < settings->listen_count; i++) {
            if (is_tcp(settings->listen[i]) == (turn == 1)) {
                code = bind_to(
                    n, n->router, NET_REQUESTS, settings->listen[i], passed_for(settings, i), err);
            }
        }
    }
    return code;
}

static trial_code open_feed(net *n, const net_settings *settings, trial_error *err)
{
    const struct option options[] = {
        { ZMQ_SNDHWM, (int)settings->feed_queue },
        { ZMQ_XPUB_NODROP, 0 },
        { ZMQ_LINGER, 0 },
        { ZMQ_BACKLOG, BACKLOG },
        { ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS },
        { ZMQ_TCP_KEEPALIVE, 1 },
        { ZMQ_IPV6, 1 },
    };
    trial_code code;

    n->feed = zmq_socket(n->context, ZMQ_XPUB);
    if (n->feed == NULL) {
        return net_fail(err, "making the socket for the feed");
    }
    code = set_all(n->feed, options, sizeof options / sizeof options[0], err);
    if (code == TRIAL_OK) {
        code = monitor_listener_begin(n, err);
    }
    if (code == TRIAL_OK) {
        code = bind_to(n,
                       n->feed,
                       NET_FEED,
                       settings->feed,
                       passed_for(settings, settings->listen_count),
                       err);
    }
    if (code == TRIAL_OK) {
        code = monitor_listener_end(n, err);
    }
    return code;
}

/* The descriptor of a socket that is seldom ready: watched by itself it costs a turn nothing, where
 * libzmq would ask the socket each time. It is edge-like, so whoever wakes by it drains the socket.
 */
static trial_code fd_of(void *socket, int *ret_fd, trial_error *err)
{
    size_t size = sizeof *ret_fd;

    return zmq_getsockopt(socket, ZMQ_FD, ret_fd, &size) == 0
               ? TRIAL_OK
               : net_fail(err, "asking a socket for its descriptor");
}

static trial_code check_endpoint(const net_settings *settings, uint32_t index, trial_error *err)
{
    const char *endpoint =
        index < settings->listen_count ? settings->listen[index] : settings->feed;

    if (settings->secret == NULL && !is_local(trial_text_of(endpoint))) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s' is not ipc or loopback, and the daemon has no key of its own: give "
                          "it one (secret_key, made by trialctl keygen)",
                          endpoint);
    }
    if (passed_for(settings, index) < 0 && !is_free(endpoint)) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "binding '%s': something else than a socket lies there; move it away, or "
                          "name another path",
                          endpoint);
    }
    return TRIAL_OK;
}

trial_code net_check(const net_settings *settings, trial_error *err)
{
    trial_code code = TRIAL_OK;

    for (uint32_t i = 0; code == TRIAL_OK && i <= settings->listen_count; i++) {
        code = check_endpoint(settings, i, err);
    }
    return code != TRIAL_OK || settings->descriptors == 0
               ? code
               : accept_bound(settings->descriptors, settings->listen_count + 1, err);
}

trial_code net_open(const net_settings *settings, net **ret_net, trial_error *err)
{
    net *n = trial_memory(sizeof *n);
    trial_code code = TRIAL_OK;

    n->queue_max = settings->peer_queue;
    n->bytes_max = settings->peer_bytes;
    for (int i = 0; i < NET_FRAMES; i++) {
        (void)zmq_msg_init(&n->frames[i]); /* always succeeds */
    }
    n->context = zmq_ctx_new();
    if (n->context == NULL) {
        code = net_fail(err, "starting ZeroMQ");
    } else {
        (void)zmq_ctx_set(n->context, ZMQ_BLOCKY, 0); /* known options: they cannot fail */
        (void)zmq_ctx_set(n->context, ZMQ_MAX_SOCKETS, 64);
        code = net_check(settings, err);
    }
    if (code == TRIAL_OK) {
        code = zap_start(n->context, settings->admits, settings->context, &n->zap, err);
    }
    if (code == TRIAL_OK && settings->secret != NULL) {
        memcpy(n->secret, settings->secret, sizeof n->secret);
        code = zap_try(n, err);
    }
    if (code == TRIAL_OK) {
        code = open_router(n, settings, err);
    }
    if (code == TRIAL_OK) {
        code = open_feed(n, settings, err);
    }
    if (code == TRIAL_OK) {
        code = fd_of(n->feed, &n->feed_fd, err);
    }
    if (code == TRIAL_OK) {
        code = fd_of(n->monitor, &n->monitor_fd, err);
    }
    if (code != TRIAL_OK) {
        net_close(n);
        return code;
    }
    monitor_drain(n); /* a socket that was never read from does not say that it can be */
    *ret_net = n;
    return TRIAL_OK;
}

void net_close(net *n)
{
    if (n == NULL) {
        return;
    }
    outbox_drop_all(n);
    for (int i = 0; i < NET_FRAMES; i++) {
        (void)zmq_msg_close(&n->frames[i]); /* initialised: cannot fail */
    }
    monitor_close(n);
    if (n->feed != NULL) {
        (void)zmq_close(n->feed); /* a valid socket */
    }
    if (n->router != NULL) {
        (void)zmq_close(n->router); /* a valid socket */
    }
    if (n->context != NULL) {
        (void)zmq_ctx_term(n->context); /* bounded by LINGER_MS */
    }
    zap_done(n->zap);
    explicit_bzero(n->secret, sizeof n->secret);
    parcel_done(n);
    free(n);
}

static trial_bytes bytes_of(zmq_msg_t *frame)
{
    return (trial_bytes){ zmq_msg_data(frame), zmq_msg_size(frame) };
}

net_who net_sender(net *n)
{
    net_who who = zap_who(n, &n->frames[NET_PAYLOAD]);
    trial_bytes peer = bytes_of(&n->frames[NET_PEER]);

    who.is_named = peer.size > 0 && peer.data[0] != 0; /* libzmq's own names begin with 0 */
    return who;
}

bool net_sender_is_req(net *n)
{
    const char *type = zmq_msg_gets(&n->frames[NET_PAYLOAD], "Socket-Type");

    return type != NULL && strcmp(type, "REQ") == 0; /* NULL: it speaks ZMTP 2, and does not say */
}

/* Receive the frame behind `frame` and drop it; false where the message has no more. */
static bool skip_more(net *n, zmq_msg_t *frame)
{
    return zmq_msg_more(frame) != 0 &&
           zmq_msg_recv(&n->frames[NET_REST], n->router, ZMQ_DONTWAIT) >= 0;
}

bool net_receive(net *n, net_message *ret_message)
{
    zmq_msg_t *peer = &n->frames[NET_PEER];
    zmq_msg_t *payload = &n->frames[NET_PAYLOAD];

    if (zmq_msg_recv(peer, n->router, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    *ret_message = (net_message){ .peer = bytes_of(peer), .is_whole = true };
    if (zmq_msg_more(peer) == 0 || zmq_msg_recv(payload, n->router, ZMQ_DONTWAIT) < 0) {
        ret_message->is_whole = false;
        return true;
    }
    if (zmq_msg_size(payload) == 0 && zmq_msg_more(payload) != 0) {
        ret_message->is_delimited = true;
        if (zmq_msg_recv(payload, n->router, ZMQ_DONTWAIT) < 0) {
            ret_message->is_whole = false;
            return true;
        }
    }
    ret_message->payload = bytes_of(payload);
    for (zmq_msg_t *last = payload; skip_more(n, last); last = &n->frames[NET_REST]) {
        ret_message->is_whole = false; /* one frame is a message; the rest is read and dropped */
    }
    return true;
}

/* Send one frame. A message that stays without its later frames would take those of the next one,
 * which is another peer's, so a machine without memory ends the process. */
static bool send_frame(void *socket, trial_bytes frame, int flags)
{
    if (zmq_send(socket, frame.data, frame.size, flags | ZMQ_DONTWAIT) >= 0) {
        return true;
    }
    if (zmq_errno() == ENOMEM) {
        trial_exhausted();
    }
    return false;
}

net_sent net_send_now(net *n, trial_bytes peer, bool is_delimited, trial_bytes payload)
{
    if (!send_frame(n->router, peer, ZMQ_SNDMORE)) {
        return zmq_errno() == EAGAIN ? NET_FULL : NET_GONE;
    }
    /* The first frame took a place in the peer's pipe, so the rest goes with it. */
    if (is_delimited && !send_frame(n->router, (trial_bytes){ 0 }, ZMQ_SNDMORE)) {
        return NET_GONE;
    }
    if (payload.size >= PARCEL_BYTES) {
        return parcel_send(n, peer, payload) ? NET_SENT : NET_GONE;
    }
    return send_frame(n->router, payload, 0) ? NET_SENT : NET_GONE;
}

bool net_has_room(const net *n, trial_bytes peer)
{
    return !outbox_has(n, peer) && parcel_bytes(n, peer) < n->bytes_max;
}

net_sent net_send(net *n, trial_bytes peer, bool is_delimited, trial_bytes payload, bool may_queue)
{
    bool is_full = outbox_has(n, peer) ||
                   (!may_queue && payload.size >= PARCEL_BYTES && !net_has_room(n, peer));
    net_sent sent = is_full ? NET_FULL : net_send_now(n, peer, is_delimited, payload);

    if (sent == NET_FULL && may_queue) {
        sent = outbox_add(n, peer, is_delimited, payload) ? NET_QUEUED : NET_FULL;
    }
    if (may_queue && (sent == NET_GONE || sent == NET_FULL)) {
        n->dropped++;
    }
    return sent;
}

/* Subscriptions to the feed: libzmq tells of the first reader of a topic and of its last. */
static void drain_feed(net *n)
{
    zmq_msg_t *frame = &n->frames[NET_REST];

    while (zmq_msg_recv(frame, n->feed, ZMQ_DONTWAIT) >= 0) {
        const uint8_t *told = zmq_msg_data(frame);

        if (zmq_msg_size(frame) > 0 && told[0] == 1) {
            n->topics++;
        } else if (zmq_msg_size(frame) > 0 && told[0] == 0 && n->topics > 0) {
            n->topics--;
        }
    }
}

bool net_has_readers(net *n)
{
    if (n->topics > 0) {
        drain_feed(n); /* publishing takes in what the descriptor would have told of */
    }
    return n->topics > 0;
}

void net_cut_feed(const net *n)
{
    accept_cut(n->feed_listener);
}

void net_publish(net *n, trial_text topic, trial_bytes payload)
{
    /* A full queue drops the event for that reader alone; `position` shows it the gap. */
    if (send_frame(n->feed, (trial_bytes){ (const uint8_t *)topic.at, topic.size }, ZMQ_SNDMORE)) {
        (void)send_frame(n->feed, payload, 0);
    }
}

bool net_wait(net *n, net_watch *watches, uint32_t count, long timeout_ms)
{
    zmq_pollitem_t items[WATCHES_MAX + 3] = {
        { n->router, 0, ZMQ_POLLIN, 0 },
        { NULL, n->feed_fd, ZMQ_POLLIN, 0 },
        { NULL, n->monitor_fd, ZMQ_POLLIN, 0 },
    };
    int ready;

    TRIAL_ASSERT(count <= WATCHES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        items[3 + i] = (zmq_pollitem_t){ NULL, watches[i].fd, ZMQ_POLLIN, 0 };
    }
    ready = zmq_poll(items, (int)(3 + count), timeout_ms); /* interrupted: the caller looks again */
    for (uint32_t i = 0; i < count; i++) {
        watches[i].is_ready = (items[3 + i].revents & ZMQ_POLLIN) != 0;
    }
    if (items[1].revents != 0) {
        drain_feed(n);
    }
    if (items[2].revents != 0) {
        monitor_drain(n);
    }
    return ready > 0;
}

uint32_t net_peers(const net *n)
{
    return n->peers;
}

uint64_t net_dropped(const net *n)
{
    return n->dropped;
}

uint64_t net_turned_away(const net *n)
{
    (void)n;
    return accept_turned_away();
}
