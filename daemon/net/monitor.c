/* monitor.c - counts who is connected, by what libzmq tells of its own connections. */
#include "net_internal.h"

#include <stdlib.h>

#define MONITOR_ENDPOINT "inproc://triald.monitor"
#define FEED_ENDPOINT "inproc://triald.feed"

trial_code monitor_open(net *n, trial_error *err)
{
    /* Not the event of a handshake: it does not say whose it was. */
    int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED;
    int linger = 0;
    int no_bound = 0; /* libzmq would wait for us with its lock held, and its peers with it */

    if (zmq_socket_monitor(n->router, MONITOR_ENDPOINT, events) != 0) {
        return net_fail(err, "watching connections");
    }
    n->monitor = zmq_socket(n->context, ZMQ_PAIR);
    if (n->monitor == NULL || zmq_setsockopt(n->monitor, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(n->monitor, ZMQ_RCVHWM, &no_bound, sizeof no_bound) != 0 ||
        zmq_connect(n->monitor, MONITOR_ENDPOINT) != 0) {
        return net_fail(err, "watching connections");
    }
    return TRIAL_OK;
}

static void note(net *n, uint16_t event, uint32_t fd)
{
    if (fd >= n->is_peer_size) {
        size_t size = (size_t)fd * 2 + 64;

        n->is_peer = trial_memory_again(n->is_peer, size);
        memset(n->is_peer + n->is_peer_size, 0, size - n->is_peer_size);
        n->is_peer_size = size;
    }
    if (event == ZMQ_EVENT_ACCEPTED && n->is_peer[fd] == 0) {
        n->is_peer[fd] = 1;
        n->peers++;
    } else if (event == ZMQ_EVENT_DISCONNECTED && n->is_peer[fd] == 1) {
        n->is_peer[fd] = 0;
        n->peers--;
    }
}

void monitor_drain(net *n)
{
    zmq_msg_t *frame = &n->frames[NET_REST];

    while (zmq_msg_recv(frame, n->monitor, ZMQ_DONTWAIT) >= 0) {
        uint16_t event = 0;
        uint32_t fd = 0;

        if (zmq_msg_more(frame) != 0 && zmq_msg_size(frame) == sizeof event + sizeof fd) {
            memcpy(&event, zmq_msg_data(frame), sizeof event);
            memcpy(&fd, (const char *)zmq_msg_data(frame) + sizeof event, sizeof fd);
            note(n, event, fd); /* the frame behind it is an address, which nobody needs */
        }
    }
}

trial_code monitor_listener_begin(net *n, trial_error *err)
{
    int linger = 0;

    n->feed_monitor = zmq_socket(n->context, ZMQ_PAIR);
    if (n->feed_monitor == NULL ||
        zmq_socket_monitor(n->feed, FEED_ENDPOINT, ZMQ_EVENT_LISTENING) != 0 ||
        zmq_setsockopt(n->feed_monitor, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_connect(n->feed_monitor, FEED_ENDPOINT) != 0) {
        return net_fail(err, "watching the feed");
    }
    return TRIAL_OK;
}

trial_code monitor_listener_end(net *n, trial_error *err)
{
    zmq_msg_t *frame = &n->frames[NET_REST];
    uint16_t event = 0;
    uint32_t fd = 0;

    /* The socket told of it before zmq_bind() came back. */
    if (zmq_msg_recv(frame, n->feed_monitor, ZMQ_DONTWAIT) != sizeof event + sizeof fd) {
        return net_fail(err, "watching the feed");
    }
    memcpy(&fd, (const char *)zmq_msg_data(frame) + sizeof event, sizeof fd);
    (void)zmq_msg_recv(frame, n->feed_monitor, ZMQ_DONTWAIT); /* its address, which nobody needs */
    n->feed_listener = (int)fd;
    (void)zmq_socket_monitor(n->feed, NULL, 0); /* stops what was started */
    return TRIAL_OK;
}

void monitor_close(net *n)
{
    if (n->feed_monitor != NULL) {
        (void)zmq_close(n->feed_monitor); /* a valid socket */
    }
    if (n->router != NULL) {
        (void)zmq_socket_monitor(n->router, NULL, 0); /* stops; fails only where none was started */
    }
    if (n->monitor != NULL) {
        (void)zmq_close(n->monitor); /* a valid socket */
    }
    free(n->is_peer);
}
