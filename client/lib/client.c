/* client.c - libtrial: requests out, responses and notifications in, over one DEALER socket. It
 * knows no event and no view. */
#include "trial/client.h"

#include "frame.h"
#include "lib.h"
#include "trial/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

/* What came while a call waited for something else. Bounded: credit bounds what a daemon sends. */
#define KEPT_MESSAGES_MAX 4096
/* Calls that were given up; a late answer to one of them is nobody's. About as many are on their
 * way at most to a daemon that stands still. */
#define GIVEN_UP_MAX 4096

struct kept_message {
    uint8_t *data;
    size_t size;
    uint32_t msgid; /* of a response; 0: a notification */
};

struct trial_client {
    const trial_client *beside; /* whose context it shares; NULL: it has its own */
    void *context;
    void *socket;
    void *watch;         /* of its handshakes; NULL on ipc */
    trial_error refusal; /* of the last one; none once something could be sent */
    lib_keys keys;
    char *endpoint;
    uint32_t timeout_ms;
    proto_frame_limits limits;
    uint32_t msgid;
    uint32_t given_up[GIVEN_UP_MAX];
    uint32_t given_up_count; /* ever; the oldest is written over */
    struct kept_message kept[KEPT_MESSAGES_MAX];
    uint32_t kept_first;
    uint32_t kept_count;
    struct kept_message current; /* what `raw` of the last message points into */
    pack_writer writer;
    trial_arena scratch;
};

trial_code trial_client_open(const trial_client_settings *settings,
                             trial_client **ret_client,
                             trial_error *err)
{
    static const trial_client_settings defaults = { 0 };
    const trial_client_settings *from = settings == NULL ? &defaults : settings;
    trial_client *client = trial_memory(sizeof *client);
    trial_code code;

    client->beside = from->beside;
    client->endpoint = lib_setting(from->endpoint, "TRIALD_ENDPOINT", LIB_ENDPOINT_DEFAULT);
    client->timeout_ms = from->timeout_ms == 0 ? LIB_TIMEOUT_MS_DEFAULT : from->timeout_ms;
    client->limits = lib_limits(from);
    code = lib_keys_read(from, &client->keys, err);
    if (code == TRIAL_OK) {
        code = lib_socket_open(ZMQ_DEALER,
                               client->limits.request_bytes,
                               client->endpoint,
                               &client->keys,
                               from->beside,
                               &client->context,
                               &client->socket,
                               &client->watch,
                               err);
    }
    if (code != TRIAL_OK) {
        trial_client_close(client);
        return code;
    }
    *ret_client = client;
    return TRIAL_OK;
}

void trial_client_close(trial_client *client)
{
    if (client == NULL) {
        return;
    }
    lib_watch_close(client->socket, client->watch);
    lib_socket_close(client->context, client->socket);
    explicit_bzero(&client->keys, sizeof client->keys);
    for (uint32_t i = 0; i < client->kept_count; i++) {
        free(client->kept[(client->kept_first + i) % KEPT_MESSAGES_MAX].data);
    }
    free(client->current.data);
    free(client->endpoint);
    pack_writer_done(&client->writer);
    trial_arena_done(&client->scratch);
    free(client);
}

void *lib_context(const trial_client *client)
{
    while (client->beside != NULL) {
        client = client->beside;
    }
    return client->context;
}

lib_ready
lib_client_wait(const trial_client *client, short events, int stop_fd, int64_t deadline_ms)
{
    for (;;) {
        zmq_pollitem_t items[] = {
            { .fd = stop_fd, .events = ZMQ_POLLIN },
            { .socket = client == NULL ? NULL : client->socket, .events = events },
            { .socket = client == NULL ? NULL : client->watch, .events = ZMQ_POLLIN },
        };
        int first = stop_fd > 0 ? 0 : 1;
        int count = (client == NULL ? 1 : client->watch == NULL ? 2 : 3) - first;
        int64_t left_ms = deadline_ms - lib_now_ms();
        int ready = zmq_poll(items + first, count, left_ms > 0 ? (long)left_ms : 0);

        if (ready > 0 && first == 0 && items[0].revents != 0) {
            return LIB_STOPPED;
        }
        if (ready > 0) {
            return LIB_READY;
        }
        if ((ready == 0 && lib_now_ms() >= deadline_ms) || (ready < 0 && errno != EINTR)) {
            return LIB_TOO_LATE;
        }
    }
}

int trial_client_fd(trial_client *client)
{
    int fd = -1;
    size_t size = sizeof fd;

    return zmq_getsockopt(client->socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

/* Was a handshake refused since the last look? */
static bool is_refused(trial_client *client)
{
    return lib_watch_look(client->watch, &client->keys, client->endpoint, &client->refusal) !=
           TRIAL_OK;
}

/* ZeroMQ lets go of a connection whose handshake was refused, for good. It is begun anew by the
 * next that is sent, for the right may be granted by now. */
static bool connect_again(trial_client *client)
{
    if (!is_refused(client) && client->refusal.code == TRIAL_OK) {
        return false;
    }
    lib_socket_again(client->socket, client->endpoint);
    return true;
}

static trial_code fail_refused(const trial_client *client, trial_error *err)
{
    if (err != NULL) {
        *err = client->refusal;
    }
    return TRIAL_UNAUTHORISED;
}

/* Send what the writer holds, waiting for a connection until the deadline. */
static trial_code send_written(trial_client *client, int64_t deadline_ms, trial_error *err)
{
    trial_bytes frame = pack_written(&client->writer);
    bool was_refused = false;
    bool is_first = true;

    if (frame.size > client->limits.request_bytes) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_TOO_LARGE,
                              "the request has %zu bytes; at most %u are taken",
                              frame.size,
                              client->limits.request_bytes);
        return TRIAL_TOO_LARGE;
    }
    for (;;) {
        if (zmq_send(client->socket, frame.data, frame.size, ZMQ_DONTWAIT) >= 0) {
            client->refusal = TRIAL_ERROR_NONE;
            return TRIAL_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return lib_fail_zmq(err, errno, "sending to %s", client->endpoint);
        }
        was_refused = is_first ? connect_again(client) : was_refused;
        is_first = false;
        if (!lib_wait(client->socket, client->watch, ZMQ_POLLOUT, deadline_ms)) {
            if (was_refused) {
                return fail_refused(client, err);
            }
            return trial_fail(
                err, TRIAL_BUSY, "no connection to %s; nothing was sent", client->endpoint);
        }
        if (is_refused(client)) {
            return fail_refused(client, err);
        }
    }
}

static uint32_t next_msgid(trial_client *client)
{
    client->msgid = client->msgid == UINT32_MAX ? 1 : client->msgid + 1; /* 0 answers no request */
    return client->msgid;
}

static trial_code write_params(trial_client *client, const trial_value *params, trial_error *err)
{
    if (params == NULL) {
        pack_put_map(&client->writer, 0);
        return TRIAL_OK;
    }
    TRIAL_ASSERT(params->kind == TRIAL_VALUE_MAP);
    trial_arena_reset(&client->scratch);
    return lib_put_tree(&client->writer, params, &client->scratch, err);
}

trial_code trial_client_send(trial_client *client,
                             const char *method,
                             const trial_value *params,
                             uint32_t *ret_msgid,
                             trial_error *err)
{
    uint32_t msgid = next_msgid(client);
    trial_code code;

    pack_writer_reset(&client->writer);
    proto_put_request(&client->writer, msgid, method);
    code = write_params(client, params, err);
    if (code == TRIAL_OK) {
        code = send_written(client, lib_now_ms() + client->timeout_ms, err);
    }
    if (code == TRIAL_OK) {
        *ret_msgid = msgid;
    }
    return code;
}

trial_code trial_client_send_raw(trial_client *client,
                                 const char *method,
                                 trial_bytes params,
                                 uint32_t *ret_msgid,
                                 trial_error *err)
{
    uint32_t msgid = next_msgid(client);
    trial_code code;

    pack_writer_reset(&client->writer);
    proto_put_request(&client->writer, msgid, method);
    pack_put_raw(&client->writer, params);
    code = send_written(client, lib_now_ms() + client->timeout_ms, err);
    if (code == TRIAL_OK) {
        *ret_msgid = msgid;
    }
    return code;
}

trial_code trial_client_notify(trial_client *client,
                               const char *method,
                               const trial_value *params,
                               trial_error *err)
{
    trial_code code;

    pack_writer_reset(&client->writer);
    proto_put_notification(&client->writer, method);
    code = write_params(client, params, err);
    return code == TRIAL_OK ? send_written(client, lib_now_ms() + client->timeout_ms, err) : code;
}

/* The next frame from the socket as the current message. BUSY where none comes in time. */
static trial_code take_frame(trial_client *client, int64_t deadline_ms, trial_error *err)
{
    for (;;) {
        zmq_msg_t message;
        int size;

        (void)zmq_msg_init(&message); /* cannot fail: it allocates nothing */
        size = zmq_msg_recv(&message, client->socket, ZMQ_DONTWAIT);
        if (size >= 0) {
            free(client->current.data);
            client->current.data = trial_memory_again(NULL, (size_t)size);
            client->current.size = (size_t)size;
            memcpy(client->current.data, zmq_msg_data(&message), (size_t)size);
            (void)zmq_msg_close(&message); /* cannot fail: the message was initialised */
            return TRIAL_OK;
        }
        (void)zmq_msg_close(&message);
        if (errno != EAGAIN && errno != EINTR) {
            return lib_fail_zmq(err, errno, "receiving from %s", client->endpoint);
        }
        if (!lib_wait(client->socket, client->watch, ZMQ_POLLIN, deadline_ms)) {
            return trial_fail(err, TRIAL_BUSY, "no message from %s in time", client->endpoint);
        }
        if (is_refused(client)) {
            return fail_refused(client, err);
        }
    }
}

static bool was_given_up(const trial_client *client, uint32_t msgid)
{
    uint32_t known = client->given_up_count < GIVEN_UP_MAX ? client->given_up_count : GIVEN_UP_MAX;

    for (uint32_t i = 0; i < known; i++) {
        if (client->given_up[i] == msgid) {
            return true;
        }
    }
    return false;
}

static void give_up(trial_client *client, uint32_t msgid)
{
    client->given_up[client->given_up_count % GIVEN_UP_MAX] = msgid;
    client->given_up_count++;
}

static trial_bytes current_bytes(const trial_client *client)
{
    return (trial_bytes){ client->current.data, client->current.size };
}

/* Take the current frame apart. */
static trial_code read_current(trial_client *client, proto_frame *ret_frame, trial_error *err)
{
    /* An answer may be a little larger than the request limit: it has a frame of its own. */
    proto_frame_limits limits = client->limits;
    trial_code code;

    limits.request_bytes = LIB_ANSWER_BYTES(limits.request_bytes);
    code = proto_frame_read(current_bytes(client), &limits, ret_frame, err);
    if (code == TRIAL_OK && ret_frame->kind == PROTO_REQUEST) {
        code = trial_fail(err, TRIAL_MALFORMED, "%s sent a request", client->endpoint);
    }
    if (code != TRIAL_OK) {
        (void)trial_fail_while(err, "what %s sent is not the protocol", client->endpoint);
        return TRIAL_MALFORMED;
    }
    return TRIAL_OK;
}

trial_code
lib_read_value(trial_bytes bytes, trial_arena *arena, trial_value **ret_value, trial_error *err)
{
    trial_bytes mine = trial_arena_bytes(arena, bytes);
    pack_reader reader = pack_reader_of(mine);

    return pack_value(&reader, arena, ret_value, err);
}

/* The current frame as a message. */
static trial_code make_message(const proto_frame *frame,
                               bool want_value,
                               trial_arena *arena,
                               trial_message *ret_message,
                               trial_error *err)
{
    trial_message message = { .error = TRIAL_ERROR_NONE };

    message.is_notification = frame->kind == PROTO_NOTIFICATION;
    if (message.is_notification) {
        message.method = trial_arena_text(arena, frame->method);
        message.raw = frame->params;
    } else {
        pack_reader error = pack_reader_of(frame->error);

        message.msgid = frame->msgid;
        message.raw = frame->result;
        if (pack_peek(&error) != PACK_NIL) {
            proto_error_read(frame->error, &message.error);
            message.raw = (trial_bytes){ 0 };
            *ret_message = message;
            return TRIAL_OK;
        }
    }
    if (want_value) {
        trial_code code = lib_read_value(message.raw, arena, &message.value, err);

        if (code != TRIAL_OK) {
            return code;
        }
    }
    *ret_message = message;
    return TRIAL_OK;
}

trial_code trial_client_receive(trial_client *client,
                                uint32_t timeout_ms,
                                bool want_value,
                                trial_arena *arena,
                                trial_message *ret_message,
                                trial_error *err)
{
    int64_t deadline_ms = lib_now_ms() + timeout_ms;

    for (;;) {
        proto_frame frame;
        trial_code code = TRIAL_OK;

        if (client->kept_count > 0) {
            free(client->current.data);
            client->current = client->kept[client->kept_first];
            client->kept_first = (client->kept_first + 1) % KEPT_MESSAGES_MAX;
            client->kept_count--;
        } else {
            code = take_frame(client, deadline_ms, err);
        }
        if (code == TRIAL_OK) {
            code = read_current(client, &frame, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        if (frame.kind == PROTO_NOTIFICATION || !was_given_up(client, frame.msgid)) {
            return make_message(&frame, want_value, arena, ret_message, err);
        }
    }
}

/* Is there no room for one more message that nobody waits for? It stays with ZeroMQ then. */
static bool has_no_room(const trial_client *client, const char *what, trial_error *err)
{
    if (client->kept_count < KEPT_MESSAGES_MAX) {
        return false;
    }
    (void)trial_fail(err,
                     TRIAL_BUSY,
                     "%u messages wait to be received; receive them before the next call; %s",
                     client->kept_count,
                     what);
    return true;
}

/* Keep the current message for a later receive. */
static void keep_current(trial_client *client, uint32_t msgid)
{
    uint32_t at = (client->kept_first + client->kept_count) % KEPT_MESSAGES_MAX;

    TRIAL_ASSERT(client->kept_count < KEPT_MESSAGES_MAX);
    client->kept[at] = client->current;
    client->kept[at].msgid = msgid;
    client->current = (struct kept_message){ 0 };
    client->kept_count++;
}

/* Wait for the answer to `msgid`; what else comes is kept, and what is late is dropped. */
static trial_code await_answer(trial_client *client,
                               uint32_t msgid,
                               int64_t deadline_ms,
                               proto_frame *ret_frame,
                               trial_error *err)
{
    for (;;) {
        trial_code code;

        if (has_no_room(client, "outcome unknown", err)) {
            return TRIAL_BUSY;
        }
        code = take_frame(client, deadline_ms, err);
        if (code == TRIAL_OK) {
            code = read_current(client, ret_frame, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        /* 0 answers a frame in which no msgid could be read: it can only be this one. */
        if (ret_frame->kind == PROTO_RESPONSE &&
            (ret_frame->msgid == msgid || ret_frame->msgid == 0)) {
            return TRIAL_OK;
        }
        if (ret_frame->kind == PROTO_NOTIFICATION || !was_given_up(client, ret_frame->msgid)) {
            keep_current(client, ret_frame->kind == PROTO_RESPONSE ? ret_frame->msgid : 0);
        }
    }
}

/* Take an answer from those kept; false where it is not among them. */
static bool take_kept(trial_client *client, uint32_t msgid, struct kept_message *ret_message)
{
    for (uint32_t i = 0; i < client->kept_count; i++) {
        uint32_t at = (client->kept_first + i) % KEPT_MESSAGES_MAX;

        if (client->kept[at].msgid != msgid) {
            continue;
        }
        *ret_message = client->kept[at];
        for (; i > 0; i--) { /* those before it move up */
            uint32_t before = (client->kept_first + i - 1) % KEPT_MESSAGES_MAX;

            client->kept[at] = client->kept[before];
            at = before;
        }
        client->kept_first = (client->kept_first + 1) % KEPT_MESSAGES_MAX;
        client->kept_count--;
        return true;
    }
    return false;
}

trial_code lib_await(trial_client *client,
                     uint32_t msgid,
                     uint32_t timeout_ms,
                     trial_arena *arena,
                     trial_message *ret_answer,
                     trial_error *err)
{
    struct kept_message kept;
    proto_frame frame;
    trial_code code;

    if (take_kept(client, msgid, &kept)) {
        free(client->current.data);
        client->current = kept;
        code = read_current(client, &frame, err);
    } else {
        code = await_answer(client, msgid, lib_now_ms() + timeout_ms, &frame, err);
    }
    return code == TRIAL_OK ? make_message(&frame, false, arena, ret_answer, err) : code;
}

void lib_forget(trial_client *client, uint32_t msgid)
{
    struct kept_message kept;

    if (take_kept(client, msgid, &kept)) {
        free(kept.data);
    } else {
        give_up(client, msgid);
    }
}

trial_code trial_client_call(trial_client *client,
                             const char *method,
                             const trial_value *params,
                             trial_arena *arena,
                             trial_value **ret_result,
                             trial_error *err)
{
    int64_t deadline_ms = lib_now_ms() + client->timeout_ms;
    uint32_t msgid = 0;
    proto_frame frame;
    trial_message message = { 0 };
    trial_error failure = TRIAL_ERROR_NONE;
    trial_code code = TRIAL_BUSY;

    if (!has_no_room(client, "nothing was sent", &failure)) {
        code = trial_client_send(client, method, params, &msgid, &failure);
    }
    if (code == TRIAL_OK) {
        code = await_answer(client, msgid, deadline_ms, &frame, &failure);
        if (code == TRIAL_BUSY) {
            give_up(client, msgid);
        }
        if (code == TRIAL_BUSY && lib_now_ms() >= deadline_ms) {
            (void)trial_fail(&failure,
                             TRIAL_BUSY,
                             "no answer to %s from %s within %u ms; outcome unknown, send it again",
                             method,
                             client->endpoint,
                             client->timeout_ms);
        }
    }
    if (code == TRIAL_OK) {
        code = make_message(&frame, true, arena, &message, &failure);
    }
    if (code == TRIAL_OK && message.error.code != TRIAL_OK) {
        failure = message.error;
        code = message.error.code;
    }
    if (code != TRIAL_OK && err != NULL) {
        *err = failure;
    }
    if (code == TRIAL_OK) {
        *ret_result = message.value;
    }
    return code;
}
