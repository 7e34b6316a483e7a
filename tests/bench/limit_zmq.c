/* limit_zmq.c - ZeroMQ alone: what a round trip over ipc costs before anybody does anything.
 * `limit_zmq --echo ENDPOINT` is the other end: it gives back what comes, until it is ended. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct connection {
    void *socket;
    char *data;
    size_t size;
};

static void *socket_of(void *context, int kind)
{
    void *socket = zmq_socket(context, kind);
    int none = 0;

    if (socket == NULL || zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none) != 0 ||
        zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none) != 0 ||
        zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none) != 0) {
        load_fail("zmq: %s", zmq_strerror(errno));
    }
    return socket;
}

static void send_event(void *given, const load_event *event)
{
    struct connection *connection = given;

    (void)event;
    if (zmq_send(connection->socket, connection->data, connection->size, 0) < 0) {
        load_fail("zmq: %s", zmq_strerror(errno));
    }
}

static void await_answer(void *given)
{
    struct connection *connection = given;

    if (zmq_recv(connection->socket, connection->data, connection->size, 0) < 0) {
        load_fail("zmq: %s", zmq_strerror(errno));
    }
}

static void *open_connection(const load_settings *settings, uint32_t client)
{
    struct connection *connection = calloc(1, sizeof *connection);

    (void)client;
    if (connection == NULL) {
        load_fail("out of memory");
    }
    connection->data = load_text(settings->bytes);
    connection->size = settings->bytes;
    connection->socket = socket_of(settings->common, ZMQ_DEALER);
    if (zmq_connect(connection->socket, settings->endpoint) != 0) {
        load_fail("zmq: %s: %s", settings->endpoint, zmq_strerror(errno));
    }
    send_event(connection, NULL);
    await_answer(connection);
    return connection;
}

static void close_connection(void *given)
{
    struct connection *connection = given;

    (void)zmq_close(connection->socket);
    free(connection->data);
    free(connection);
}

/* Give back what comes; ends with the process. */
_Noreturn static void echo(const char *endpoint)
{
    void *socket = socket_of(zmq_ctx_new(), ZMQ_ROUTER);

    if (zmq_bind(socket, endpoint) != 0) {
        load_fail("zmq: %s: %s", endpoint, zmq_strerror(errno));
    }
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;) {
        zmq_msg_t part;
        int more;

        (void)zmq_msg_init(&part); /* cannot fail: it allocates nothing */
        if (zmq_msg_recv(&part, socket, 0) < 0) {
            load_fail("zmq: %s", zmq_strerror(errno));
        }
        more = zmq_msg_more(&part);
        if (zmq_msg_send(&part, socket, more ? ZMQ_SNDMORE : 0) < 0) {
            load_fail("zmq: %s", zmq_strerror(errno));
        }
    }
}

int main(int count, char **words)
{
    static const load_driver driver = { .open = open_connection,
                                        .send = send_event,
                                        .await = await_answer,
                                        .close = close_connection };
    load_settings settings;

    if (count == 3 && strcmp(words[1], "--echo") == 0) {
        echo(words[2]);
    }
    settings = load_options(count, words);
    settings.common = zmq_ctx_new(); /* one for all clients, as libtrial has it */
    load_run(&driver, &settings);
    (void)zmq_ctx_term(settings.common);
    return 0;
}
