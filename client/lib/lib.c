/* lib.c - the socket: every option is stated here, none is left to ZeroMQ's default. */
#include "lib.h"

#include "trial/arena.h"
#include "trial/limits.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

#define SOCKETS_MAX 1023 /* of one context: what ZeroMQ allows unless told otherwise */

static const struct option {
    int name;
    int value;
} options[] = {
    { ZMQ_LINGER, 0 },    /* whoever wants an answer waits for it; nothing else is worth a hang */
    { ZMQ_SNDHWM, 1000 }, /* frames in flight before a send waits */
    { ZMQ_RCVHWM, 1000 },
    { ZMQ_SNDTIMEO, 0 }, /* never block inside ZeroMQ: lib_wait() has the deadline */
    { ZMQ_RCVTIMEO, 0 },
    { ZMQ_RECONNECT_IVL, 50 }, /* ms; doubles up to the next */
    { ZMQ_RECONNECT_IVL_MAX, 1000 },
    { ZMQ_CONNECT_TIMEOUT, 5000 },
    { ZMQ_HANDSHAKE_IVL, 5000 },
    { ZMQ_HEARTBEAT_IVL, 10000 }, /* a daemon that vanished without a word is noticed */
    { ZMQ_HEARTBEAT_TIMEOUT, 30000 },
    { ZMQ_HEARTBEAT_TTL, 30000 },
    { ZMQ_TCP_KEEPALIVE, 1 },
    { ZMQ_IPV6, 1 },
};

char *lib_setting(const char *given, const char *variable, const char *otherwise)
{
    const char *value = given;
    char *copy;

    if (value == NULL || value[0] == '\0') {
        value = getenv(variable);
    }
    if (value == NULL || value[0] == '\0') {
        value = otherwise;
    }
    copy = trial_memory(strlen(value) + 1);
    memcpy(copy, value, strlen(value) + 1);
    return copy;
}

proto_frame_limits lib_limits(const trial_client_settings *settings)
{
    uint32_t bytes =
        settings->request_bytes == 0 ? TRIAL_REQUEST_BYTES_DEFAULT : settings->request_bytes;

    return (proto_frame_limits){
        /* No daemon takes more, and an answer is a little larger still. */
        .request_bytes = bytes < TRIAL_REQUEST_BYTES_MAX ? bytes : TRIAL_REQUEST_BYTES_MAX,
        .request_events = TRIAL_REQUEST_EVENTS_MAX,
        .event_depth = TRIAL_EVENT_DEPTH_MAX,
    };
}

int64_t lib_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

trial_code lib_fail_zmq(trial_error *err, int zmq_error, const char *format, ...)
{
    bool is_endpoint = zmq_error == EINVAL || zmq_error == EPROTONOSUPPORT ||
                       zmq_error == ENOCOMPATPROTO || zmq_error == ENODEV ||
                       zmq_error == ENAMETOOLONG;
    trial_code code = is_endpoint ? TRIAL_INVALID : TRIAL_BUSY;
    char what[TRIAL_ERROR_TEXT_BYTES / 2];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return trial_fail(err, code, "%s: %s", what, zmq_strerror(zmq_error));
}

static bool set_options(void *socket, int type, uint32_t request_bytes)
{
    int64_t message_bytes = (int64_t)LIB_ANSWER_BYTES(request_bytes);
    /* Requests go only over a connection that stands, so that "nothing was sent" is true. A
     * subscriber must not have this: its subscription would stay here (seen with 4.3.4). */
    int is_immediate = type == ZMQ_SUB ? 0 : 1;

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof options[i].value) !=
            0) {
            return false;
        }
    }
    if (zmq_setsockopt(socket, ZMQ_IMMEDIATE, &is_immediate, sizeof is_immediate) != 0) {
        return false;
    }
    if (type == ZMQ_SUB && zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) != 0) {
        return false;
    }
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes, sizeof message_bytes) == 0;
}

trial_code lib_socket_open(int type,
                           uint32_t request_bytes,
                           const char *endpoint,
                           const lib_keys *keys,
                           const trial_client *beside,
                           void **ret_context,
                           void **ret_socket,
                           void **ret_watch,
                           trial_error *err)
{
    bool is_tcp = strncmp(endpoint, "tcp://", 6) == 0;
    void *used = beside == NULL ? NULL : lib_context(beside);
    void *watch = NULL;
    void *context = beside == NULL ? zmq_ctx_new() : NULL;
    void *socket = NULL;

    if (context != NULL) {
        (void)zmq_ctx_set(context, ZMQ_BLOCKY, 0);                /* these three cannot fail: */
        (void)zmq_ctx_set(context, ZMQ_IO_THREADS, 1);            /* the names are known and */
        (void)zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SOCKETS_MAX); /* the values in range */
    }
    used = used == NULL ? context : used;
    if (is_tcp && !trial_endpoint_has_port(trial_text_of(endpoint))) {
        lib_socket_close(context, NULL);
        return lib_fail_zmq(err, EINVAL, "connecting to '%s'", endpoint);
    }
    if (used != NULL) {
        socket = zmq_socket(used, type);
    }
    if (socket != NULL && ret_watch != NULL && is_tcp &&
        lib_watch_open(used, socket, &watch, err) != TRIAL_OK) {
        lib_socket_close(context, socket);
        return err == NULL ? TRIAL_BUSY : err->code;
    }
    if (socket == NULL || !set_options(socket, type, request_bytes) ||
        !lib_keys_set(keys, socket, endpoint) || zmq_connect(socket, endpoint) != 0) {
        int zmq_error = errno;

        lib_watch_close(socket, watch);
        lib_socket_close(context, socket);
        return lib_fail_zmq(err, zmq_error, "connecting to '%s'", endpoint);
    }
    if (ret_watch != NULL) {
        *ret_watch = watch;
    }
    *ret_context = context;
    *ret_socket = socket;
    return TRIAL_OK;
}

void lib_socket_again(void *socket, const char *endpoint)
{
    (void)zmq_disconnect(socket, endpoint); /* fails where ZeroMQ has let go */
    (void)zmq_connect(socket, endpoint);    /* it could before; else none comes */
}

void lib_socket_close(void *context, void *socket)
{
    if (socket != NULL) {
        (void)zmq_close(socket); /* fails only for what is no socket */
    }
    if (context != NULL) {
        (void)zmq_ctx_term(context); /* does not wait: nothing lingers */
    }
}

bool lib_wait(void *socket, void *watch, short events, int64_t deadline_ms)
{
    for (;;) {
        zmq_pollitem_t items[] = { { .socket = socket, .events = events },
                                   { .socket = watch, .events = ZMQ_POLLIN } };
        int64_t left_ms = deadline_ms - lib_now_ms();
        int ready = zmq_poll(items, watch == NULL ? 1 : 2, left_ms > 0 ? (long)left_ms : 0);

        if (ready > 0) {
            return true;
        }
        if (ready == 0 && lib_now_ms() >= deadline_ms) {
            return false;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
    }
}
