/* peer_triald.c - appends to triald through libtrial, as a publisher would. */
#include "load.h"
#include "pack.h"
#include "trial/client.h"

#include <stdlib.h>

#define ANSWER_MS 60000u

enum { FORM_TRIAL, FORM_ACTIVITY };

struct connection {
    trial_client *client;
    trial_arena arena;
    pack_writer params;
    char *text; /* what pads the data to its size */
    uint32_t form;
};

static void check(trial_code code, const trial_error *err)
{
    if (code != TRIAL_OK) {
        load_fail("triald: %s", err->text);
    }
}

/* Data is a map of fields of one text each, `bytes` long in all. */
static uint32_t text_size(uint32_t bytes, uint32_t form)
{
    uint32_t rest = bytes - (form == FORM_TRIAL ? 8 : 10); /* the map and the names */

    return rest - (rest <= 32 ? 1 : rest <= 257 ? 2 : 3); /* the text's own head */
}

static void *open_connection(const load_settings *settings, uint32_t client)
{
    static const char *const forms[] = { "trial", "activity", NULL };
    struct connection *connection = calloc(1, sizeof *connection);
    trial_client_settings wanted = { .endpoint = settings->endpoint,
                                     .name = "bench",
                                     .timeout_ms = ANSWER_MS };
    trial_error err = TRIAL_ERROR_NONE;
    trial_value *welcome = NULL;

    (void)client;
    if (connection == NULL) {
        load_fail("out of memory");
    }
    connection->form = load_form(settings, forms);
    connection->text = load_text(text_size(settings->bytes, connection->form));
    check(trial_client_open(&wanted, &connection->client, &err), &err);
    check(trial_client_call(connection->client, "hello", NULL, &connection->arena, &welcome, &err),
          &err);
    return connection;
}

static void put_data(pack_writer *params, const struct connection *connection)
{
    pack_put_word(params, "data");
    pack_put_map(params, 1);
    pack_put_word(params, connection->form == FORM_TRIAL ? "reason" : "activity");
    pack_put_word(params, connection->text);
}

/* A running trial is suspended, a suspended one resumed: a prepared trial runs, and its revision
 * counts from there. */
static const char *type_of(const struct connection *connection, const load_event *event)
{
    if (connection->form == FORM_ACTIVITY) {
        return "activity.completed";
    }
    return event->revision % 2 == 0 ? "trial.suspended" : "trial.resumed";
}

static void send_event(void *given, const load_event *event)
{
    struct connection *connection = given;
    pack_writer *params = &connection->params;
    trial_error err = TRIAL_ERROR_NONE;
    uint32_t msgid;

    pack_writer_reset(params);
    pack_put_map(params, 2);
    pack_put_word(params, "events");
    pack_put_list(params, 1);
    pack_put_map(params, 7);
    put_data(params, connection);
    pack_put_word(params, "id");
    pack_put_word(params, event->id);
    pack_put_word(params, "source");
    pack_put_word(params, "/dk/ministerium/indenrig");
    pack_put_word(params, "specversion");
    pack_put_word(params, "1.0");
    pack_put_word(params, "subject");
    pack_put_word(params, event->subject);
    pack_put_word(params, "time");
    pack_put_word(params, event->time);
    pack_put_word(params, "type");
    pack_put_word(params, type_of(connection, event));
    pack_put_word(params, "expect");
    pack_put_map(params, 1);
    pack_put_word(params, event->subject);
    pack_put_unsigned(params, event->revision);
    check(trial_client_send_raw(connection->client, "append", pack_written(params), &msgid, &err),
          &err);
}

static void await_answer(void *given)
{
    struct connection *connection = given;
    trial_error err = TRIAL_ERROR_NONE;
    trial_message message;

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
    trial_arena_done(&connection->arena);
    free(connection->text);
    free(connection);
}

int main(int count, char **words)
{
    static const load_driver driver = { .open = open_connection,
                                        .send = send_event,
                                        .await = await_answer,
                                        .close = close_connection };
    load_settings settings = load_options(count, words);

    load_run(&driver, &settings);
    return 0;
}
