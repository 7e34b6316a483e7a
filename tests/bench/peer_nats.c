/* peer_nats.c - publishes to a JetStream stream that is there already, one message an event. */
#include "load.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 60000
#define PENDING_MAX 1000000

struct connection {
    natsConnection *connection;
    natsSubscription *answers;
    char inbox[64];
    char *data;
    int data_size;
};

static void check(natsStatus status, const char *what)
{
    if (status != NATS_OK) {
        load_fail("nats: %s: %s", what, natsStatus_GetText(status));
    }
}

static jsCtx *context_of(natsConnection *connection)
{
    jsCtx *context = NULL;

    check(natsConnection_JetStream(&context, connection, NULL), "jetstream");
    return context;
}

static natsConnection *connect_to(const load_settings *settings)
{
    natsConnection *connection = NULL;
    natsOptions *options = NULL;

    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetURL(options, settings->endpoint), "url");
    check(natsOptions_SetSendAsap(options, settings->window == 1), "send as soon as possible");
    check(natsOptions_SetMaxPendingMsgs(options, PENDING_MAX), "pending messages");
    check(natsConnection_Connect(&connection, options), settings->endpoint);
    natsOptions_Destroy(options);
    return connection;
}

static void *open_connection(const load_settings *settings, uint32_t client)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL) {
        load_fail("out of memory");
    }
    connection->data = load_text(settings->bytes);
    connection->data_size = (int)settings->bytes;
    connection->connection = connect_to(settings);
    (void)snprintf(connection->inbox,
                   sizeof connection->inbox,
                   "_INBOX.bench.%u.%llu",
                   client,
                   (unsigned long long)load_now_ns());
    check(natsConnection_SubscribeSync(
              &connection->answers, connection->connection, connection->inbox),
          "subscribe");
    check(natsConnection_Flush(connection->connection), "flush");
    return connection;
}

static void send_event(void *given, const load_event *event)
{
    struct connection *connection = given;
    char subject[LOAD_SUBJECT_BYTES + 8];

    (void)snprintf(subject, sizeof subject, "event.%s", event->subject);
    check(natsConnection_PublishRequest(connection->connection,
                                        subject,
                                        connection->inbox,
                                        connection->data,
                                        connection->data_size),
          "publish");
}

static void await_answer(void *given)
{
    struct connection *connection = given;
    natsMsg *message = NULL;
    const char *said;

    check(natsSubscription_NextMsg(&message, connection->answers, ANSWER_MS), "answer");
    said = natsMsg_GetData(message);
    if (said == NULL || strstr(said, "\"seq\":") == NULL || strstr(said, "error") != NULL) {
        load_fail("nats: %s", said == NULL ? "an empty answer" : said);
    }
    natsMsg_Destroy(message);
}

static void close_connection(void *given)
{
    struct connection *connection = given;

    natsSubscription_Destroy(connection->answers);
    natsConnection_Destroy(connection->connection);
    free(connection->data);
    free(connection);
}

/* The stream, afresh and empty. */
static void make_stream(const load_settings *settings)
{
    const char *subjects[] = { "event.>" };
    natsConnection *connection = connect_to(settings);
    jsCtx *context = context_of(connection);
    jsStreamConfig wanted;
    jsErrCode code;

    (void)js_DeleteStream(context, "EVENTS", NULL, &code); /* the first time there is none */
    check(jsStreamConfig_Init(&wanted), "stream");
    wanted.Name = "EVENTS";
    wanted.Subjects = subjects;
    wanted.SubjectsLen = 1;
    wanted.Storage = js_FileStorage;
    check(js_AddStream(NULL, context, &wanted, NULL, &code), "add stream");
    jsCtx_Destroy(context);
    natsConnection_Destroy(connection);
}

int main(int count, char **words)
{
    static const char *const forms[] = { "plain", "empty", NULL };
    static const load_driver driver = { .open = open_connection,
                                        .send = send_event,
                                        .await = await_answer,
                                        .close = close_connection };
    load_settings settings = load_options(count, words);

    if (load_form(&settings, forms) == 1) {
        make_stream(&settings);
    } else {
        load_run(&driver, &settings);
    }
    return 0;
}
