/* read_redis.c - reading from Redis Streams: XRANGE of the log and of one stream, XREAD BLOCK. */
#include "read.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_BYTES 64

struct connection {
    redisContext *context;
    char last[ID_BYTES]; /* the entry that a subscriber had last */
};

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

static void *open_connection(const char *endpoint)
{
    struct connection *c = calloc(1, sizeof *c);

    if (c == NULL) {
        load_fail("out of memory");
    }
    c->context = redisConnectUnix(endpoint);
    if (c->context == NULL || c->context->err != 0) {
        load_fail("redis: no connection to %s", endpoint);
    }
    return c;
}

static void close_connection(void *given)
{
    struct connection *c = given;

    redisFree(c->context);
    free(c);
}

static uint64_t replay(void *given)
{
    struct connection *c = given;
    char from[ID_BYTES] = "-";
    uint64_t count = 0;

    for (;;) {
        redisReply *page;

        (void)redisAppendCommand(c->context, "XRANGE log %s + COUNT 1000", from);
        page = answer(c->context);
        count += page->elements;
        if (page->elements == 0) {
            freeReplyObject(page);
            return count;
        }
        (void)snprintf(
            from, sizeof from, "(%s", page->element[page->elements - 1]->element[0]->str);
        freeReplyObject(page);
    }
}

static uint32_t history(void *given, const char *subject)
{
    struct connection *c = given;
    redisReply *events;
    uint32_t count;

    (void)redisAppendCommand(c->context, "XRANGE %s - +", subject);
    events = answer(c->context);
    count = (uint32_t)events->elements;
    freeReplyObject(events);
    return count;
}

static void publish(void *given, uint64_t stamp)
{
    struct connection *c = given;

    (void)redisAppendCommand(
        c->context,
        "XADD log * id push-%llu type activity.completed stream case/push note %s sent %llu",
        (unsigned long long)stamp,
        "as-many-letters-as-the-payload-of-an-event-of-two-hundred-bytes-has,-more-or-"
        "less,-so-that-nobody-carries-less-than-the-others-do-on-the-same-way-to-the-end",
        (unsigned long long)stamp);
    freeReplyObject(answer(c->context));
}

static void flush(redisContext *context)
{
    int is_done = 0;

    while (is_done == 0) {
        if (redisBufferWrite(context, &is_done) != REDIS_OK) {
            load_fail("redis: %s", context->errstr);
        }
    }
}

static void ask_for_more(struct connection *c)
{
    (void)redisAppendCommand(c->context, "XREAD BLOCK 0 STREAMS log %s", c->last);
    flush(c->context);
}

static void subscribe(void *given)
{
    struct connection *c = given;
    redisReply *last;

    (void)redisAppendCommand(c->context, "XREVRANGE log + - COUNT 1");
    last = answer(c->context);
    (void)snprintf(c->last,
                   sizeof c->last,
                   "%s",
                   last->elements == 0 ? "0" : last->element[0]->element[0]->str);
    freeReplyObject(last);
    ask_for_more(c);
}

static int fd(void *given)
{
    const struct connection *c = given;

    return c->context->fd;
}

/* What an answer to XREAD holds; the stamp is the last value of each entry. */
static uint32_t take_entries(struct connection *c, const redisReply *reply, uint64_t *ret_stamps)
{
    const redisReply *entries = reply->element[0]->element[1];

    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *fields = entries->element[i]->element[1];

        ret_stamps[i] = strtoull(fields->element[fields->elements - 1]->str, NULL, 10);
        (void)snprintf(c->last, sizeof c->last, "%s", entries->element[i]->element[0]->str);
    }
    return (uint32_t)entries->elements;
}

static uint32_t take(void *given, uint64_t *ret_stamps)
{
    struct connection *c = given;
    uint32_t count = 0;
    void *reply = NULL;

    if (redisBufferRead(c->context) != REDIS_OK) {
        load_fail("redis: %s", c->context->errstr);
    }
    while (redisGetReplyFromReader(c->context, &reply) == REDIS_OK && reply != NULL) {
        count += take_entries(c, reply, ret_stamps + count);
        freeReplyObject(reply);
        ask_for_more(c);
    }
    return count;
}

int main(int count, char **words)
{
    static const read_driver driver = { .open = open_connection,
                                        .close = close_connection,
                                        .replay = replay,
                                        .history = history,
                                        .publish = publish,
                                        .subscribe = subscribe,
                                        .fd = fd,
                                        .take = take };

    return read_main(&driver, count, words);
}
