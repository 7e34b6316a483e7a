/* peer_triald.c - appends to triald through libtrial, as a publisher would. */
#include "load.h"
#include "pack.h"
#include "trial/client.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 60000u

enum { FORM_TRIAL, FORM_ACTIVITY, FORM_MANY };

static const char *const forms[] = { "trial", "activity", "many", NULL };

struct connection {
    trial_client *client;
    trial_arena arena;
    pack_writer params;
    pack_writer events; /* of the one request that a window is, in the form `many` */
    uint32_t count;     /* of them that are written and not answered */
    bool is_sent;
    char *text; /* what pads the data to its size */
    uint32_t form;
    bool is_legal; /* of trials; else activities in cases */
};

static void check(trial_code code, const trial_error *err)
{
    if (code != TRIAL_OK) {
        load_fail("triald: %s", err->text);
    }
}

/* Data is a map of fields of one text each, `bytes` long in all. */
static uint32_t text_size(uint32_t bytes, bool is_legal)
{
    uint32_t rest = bytes - (is_legal ? 8 : 10); /* the map and the names */

    return rest - (rest <= 32 ? 1 : rest <= 257 ? 2 : 3); /* the text's own head */
}

static void *open_connection(const load_settings *settings, uint32_t client)
{
    struct connection *connection = calloc(1, sizeof *connection);
    trial_client_settings wanted = { .endpoint = settings->endpoint,
                                     .name = "bench",
                                     .timeout_ms = ANSWER_MS,
                                     .beside = settings->common };
    trial_error err = TRIAL_ERROR_NONE;
    trial_value *welcome = NULL;

    (void)client;
    if (connection == NULL) {
        load_fail("out of memory");
    }
    connection->form = load_form(settings, forms);
    connection->is_legal =
        connection->form == FORM_TRIAL ||
        (connection->form == FORM_MANY && strncmp(settings->prefix, "trial/", 6) == 0);
    connection->text = load_text(text_size(settings->bytes, connection->is_legal));
    check(trial_client_open(&wanted, &connection->client, &err), &err);
    check(trial_client_call(connection->client, "hello", NULL, &connection->arena, &welcome, &err),
          &err);
    return connection;
}

static void put_data(pack_writer *params, const struct connection *connection)
{
    pack_put_word(params, "data");
    pack_put_map(params, 1);
    pack_put_word(params, connection->is_legal ? "reason" : "activity");
    pack_put_word(params, connection->text);
}

/* A running trial is suspended, a suspended one resumed: a prepared trial runs, and its revision
 * counts from there. */
static const char *type_of(const struct connection *connection, const load_event *event)
{
    if (!connection->is_legal) {
        return "activity.completed";
    }
    return event->revision % 2 == 0 ? "trial.suspended" : "trial.resumed";
}

static void put_event(pack_writer *to, const struct connection *connection, const load_event *event)
{
    pack_put_map(to, 7);
    put_data(to, connection);
    pack_put_word(to, "id");
    pack_put_word(to, event->id);
    pack_put_word(to, "source");
    pack_put_word(to, "/dk/ministerium/indenrig");
    pack_put_word(to, "specversion");
    pack_put_word(to, "1.0");
    pack_put_word(to, "subject");
    pack_put_word(to, event->subject);
    pack_put_word(to, "time");
    pack_put_word(to, event->time);
    pack_put_word(to, "type");
    pack_put_word(to, type_of(connection, event));
}

static void send_params(struct connection *connection)
{
    trial_error err = TRIAL_ERROR_NONE;
    uint32_t msgid;

    check(trial_client_send_raw(
              connection->client, "append", pack_written(&connection->params), &msgid, &err),
          &err);
}

static void send_event(void *given, const load_event *event)
{
    struct connection *connection = given;
    pack_writer *params = &connection->params;

    if (connection->form == FORM_MANY) {
        put_event(&connection->events, connection, event);
        connection->count++;
        return;
    }
    pack_writer_reset(params);
    pack_put_map(params, 2);
    pack_put_word(params, "events");
    pack_put_list(params, 1);
    put_event(params, connection, event);
    pack_put_word(params, "expect");
    pack_put_map(params, 1);
    pack_put_word(params, event->subject);
    pack_put_unsigned(params, event->revision);
    send_params(connection);
}

static void flush_window(void *given)
{
    struct connection *connection = given;
    pack_writer *params = &connection->params;

    if (connection->form != FORM_MANY) {
        return;
    }
    pack_writer_reset(params);
    pack_put_map(params, 1);
    pack_put_word(params, "events");
    pack_put_list(params, connection->count);
    pack_put_raw(params, pack_written(&connection->events));
    pack_writer_reset(&connection->events);
    send_params(connection);
    connection->is_sent = true;
}

/* A request of many events has one answer, which stands for each of them. */
static void await_answer(void *given)
{
    struct connection *connection = given;
    trial_error err = TRIAL_ERROR_NONE;
    trial_message message;

    if (connection->form == FORM_MANY && !connection->is_sent) {
        return;
    }
    connection->is_sent = false;
    connection->count = 0;
    check(trial_client_receive(
              connection->client, ANSWER_MS, false, &connection->arena, &message, &err),
          &err);
    check(message.error.code, &message.error);
    trial_arena_reset(&connection->arena);
}

static void close_connection(void *given)
{
    struct connection *connection = given;

    trial_client_close(connection->client);
    pack_writer_done(&connection->params);
    pack_writer_done(&connection->events);
    trial_arena_done(&connection->arena);
    free(connection->text);
    free(connection);
}

int main(int count, char **words)
{
    load_settings settings = load_options(count, words);
    load_driver driver = { .open = open_connection,
                           .send = send_event,
                           .flush = flush_window,
                           .await = await_answer,
                           .close = close_connection,
                           .is_batch = load_form(&settings, forms) == FORM_MANY };
    trial_client_settings first = { .endpoint = settings.endpoint };
    trial_error err = TRIAL_ERROR_NONE;
    trial_client *common = NULL;

    check(trial_client_open(&first, &common, &err), &err);
    settings.common = common;
    load_run(&driver, &settings);
    trial_client_close(common);
    return 0;
}
