/* peer_postgres.c - appends to the table of postgres.sql by its function: a transaction an event,
 * or one for a whole window. */
#include "load.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORM_EACH, FORM_WINDOW };

struct connection {
    PGconn *database;
    char *data; /* JSON */
    bool is_pipeline;
    uint32_t form;
};

static const char *const forms[] = { "each", "window", NULL };

static void check(PGconn *database, bool is_fine)
{
    if (!is_fine) {
        load_fail("postgres: %s", PQerrorMessage(database));
    }
}

static void *open_connection(const load_settings *settings, uint32_t client)
{
    struct connection *connection = calloc(1, sizeof *connection);
    char *text = load_text(settings->bytes - 13); /* less what stands around it */
    size_t room = (size_t)settings->bytes + 1;
    PGresult *result;

    (void)client;
    if (connection == NULL || (connection->data = malloc(room)) == NULL) {
        load_fail("out of memory");
    }
    (void)snprintf(connection->data, room, "{\"reason\":\"%s\"}", text);
    free(text);
    connection->form = load_form(settings, forms);
    connection->is_pipeline = settings->window > 1;
    connection->database = PQconnectdb(settings->endpoint);
    check(connection->database, PQstatus(connection->database) == CONNECTION_OK);
    result = PQprepare(connection->database,
                       "append",
                       "SELECT append_event($1::uuid, $2::text, $3::text, $4::jsonb, $5::bigint)",
                       5,
                       NULL);
    check(connection->database, PQresultStatus(result) == PGRES_COMMAND_OK);
    PQclear(result);
    if (connection->is_pipeline) {
        check(connection->database, PQenterPipelineMode(connection->database) == 1);
    }
    return connection;
}

static void send_event(void *given, const load_event *event)
{
    struct connection *connection = given;
    char revision[24];
    const char *values[] = {
        event->id, event->subject, "trial.suspended", connection->data, revision
    };

    (void)snprintf(revision, sizeof revision, "%llu", (unsigned long long)event->revision);
    check(connection->database,
          PQsendQueryPrepared(connection->database, "append", 5, values, NULL, NULL, 0) == 1);
    if (connection->is_pipeline && connection->form == FORM_EACH) {
        check(connection->database, PQpipelineSync(connection->database) == 1);
    }
}

/* The end of a window is the end of its transaction. */
static void flush_window(void *given)
{
    struct connection *connection = given;

    if (connection->is_pipeline && connection->form == FORM_WINDOW) {
        check(connection->database, PQpipelineSync(connection->database) == 1);
    }
}

static void await_answer(void *given)
{
    struct connection *connection = given;
    PGresult *result = PQgetResult(connection->database);

    /* What closed the transaction before comes before the next answer. */
    while (connection->is_pipeline && PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        result = PQgetResult(connection->database);
    }
    check(connection->database, PQresultStatus(result) == PGRES_TUPLES_OK);
    PQclear(result);
    check(connection->database, PQgetResult(connection->database) == NULL);
    if (connection->is_pipeline && connection->form == FORM_EACH) {
        result = PQgetResult(connection->database);
        check(connection->database, PQresultStatus(result) == PGRES_PIPELINE_SYNC);
        PQclear(result);
    }
}

static void close_connection(void *given)
{
    struct connection *connection = given;

    PQfinish(connection->database);
    free(connection->data);
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
                           .is_batch = load_form(&settings, forms) == FORM_WINDOW };

    load_run(&driver, &settings);
    return 0;
}
