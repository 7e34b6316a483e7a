/* peer_redis.c - appends to Redis Streams: a plain XADD, or a script that does what triald does of
 * it: the id is new, the revision as expected, the event in its stream and in the log. */
#include "load.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORM_PLAIN, FORM_SAME_WORK };

struct connection {
    redisContext *context;
    char *data;
    size_t data_size;
    char script[41];
    uint32_t form;
};

static const char script[] =
    "if not redis.call('SET', KEYS[1], '1', 'NX') then return redis.error_reply('duplicate') end "
    "if redis.call('XLEN', KEYS[2]) ~= tonumber(ARGV[1]) then"
    " return redis.error_reply('revision') end "
    "redis.call('XADD', KEYS[2], (ARGV[1] + 1) .. '-0',"
    " 'id', ARGV[2], 'type', ARGV[3], 'data', ARGV[4]) "
    "return redis.call('XADD', 'log', '*',"
    " 'id', ARGV[2], 'stream', KEYS[2], 'type', ARGV[3], 'data', ARGV[4])";

static redisReply *answer(redisContext *context)
{
    void *reply = NULL;

    if (redisGetReply(context, &reply) != REDIS_OK || reply == NULL) {
        load_fail("redis: %s", context->errstr);
    }
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
        load_fail("redis: %s", ((redisReply *)reply)->str);
    }
    return reply;
}

static void *open_connection(const load_settings *settings, uint32_t client)
{
    static const char *const forms[] = { "plain", "same-work", NULL };
    struct connection *connection = calloc(1, sizeof *connection);
    redisReply *reply;

    (void)client;
    if (connection == NULL) {
        load_fail("out of memory");
    }
    connection->form = load_form(settings, forms);
    connection->data_size = settings->bytes;
    connection->data = load_text(settings->bytes);
    connection->context = redisConnectUnix(settings->endpoint);
    if (connection->context == NULL || connection->context->err != 0) {
        load_fail("redis: no connection to %s", settings->endpoint);
    }
    (void)redisAppendCommand(connection->context, "SCRIPT LOAD %s", script);
    reply = answer(connection->context);
    (void)snprintf(connection->script, sizeof connection->script, "%s", reply->str);
    freeReplyObject(reply);
    return connection;
}

static void send_words(struct connection *connection, int count, const char **words, size_t last)
{
    size_t sizes[16];

    for (int i = 0; i < count; i++) {
        sizes[i] = i == count - 1 ? last : strlen(words[i]);
    }
    if (redisAppendCommandArgv(connection->context, count, words, sizes) != REDIS_OK) {
        load_fail("redis: %s", connection->context->errstr);
    }
}

static void send_event(void *given, const load_event *event)
{
    struct connection *connection = given;
    char revision[24];

    if (connection->form == FORM_PLAIN) {
        const char *words[] = { "XADD",         "log",           "*",
                                "id",           event->id,       "stream",
                                event->subject, "type",          "trial.suspended",
                                "data",         connection->data };

        send_words(connection, 11, words, connection->data_size);
        return;
    }
    (void)snprintf(revision, sizeof revision, "%llu", (unsigned long long)event->revision);
    {
        const char *words[] = { "EVALSHA", connection->script, "2",
                                event->id, event->subject,     revision,
                                event->id, "trial.suspended",  connection->data };

        send_words(connection, 9, words, connection->data_size);
    }
}

static void await_answer(void *given)
{
    struct connection *connection = given;

    freeReplyObject(answer(connection->context));
}

static void close_connection(void *given)
{
    struct connection *connection = given;

    redisFree(connection->context);
    free(connection->data);
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
