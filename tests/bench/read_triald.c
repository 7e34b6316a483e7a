/* read_triald.c - reading from triald through libtrial. */
#include "read.h"

#include "pack.h"
#include "trial/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MS 60000u
#define CREDIT 16000000u /* more than any run publishes */

struct connection {
    trial_client *client;
    trial_client_settings settings;
    pack_writer params;
    trial_arena arena;
    uint64_t published;
};

static void check(trial_code code, const trial_error *err)
{
    if (code != TRIAL_OK) {
        load_fail("triald: %s", err->text);
    }
}

static void *open_connection(const char *endpoint)
{
    struct connection *c = calloc(1, sizeof *c);
    trial_error err = TRIAL_ERROR_NONE;

    if (c == NULL) {
        load_fail("out of memory");
    }
    c->settings =
        (trial_client_settings){ .endpoint = endpoint, .name = "bench", .timeout_ms = ANSWER_MS };
    check(trial_client_open(&c->settings, &c->client, &err), &err);
    return c;
}

static void close_connection(void *given)
{
    struct connection *c = given;

    trial_client_close(c->client);
    pack_writer_done(&c->params);
    trial_arena_done(&c->arena);
    free(c);
}

/* Ask and wait; the result as bytes, until the next call. */
static trial_bytes call(struct connection *c, const char *method)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_message answer;
    uint32_t msgid;

    trial_arena_reset(&c->arena);
    check(trial_client_send_raw(c->client, method, pack_written(&c->params), &msgid, &err), &err);
    check(trial_client_receive(c->client, ANSWER_MS, false, &c->arena, &answer, &err), &err);
    check(answer.error.code, &answer.error);
    pack_writer_reset(&c->params);
    return answer.raw;
}

static uint64_t replay(void *given)
{
    const struct connection *c = given;
    trial_error err = TRIAL_ERROR_NONE;
    trial_replay *replay = NULL;
    const trial_replayed *event = NULL;
    uint64_t count = 0;

    check(trial_replay_open(&c->settings, 0, NULL, &replay, &err), &err);
    for (;;) {
        check(trial_replay_next(replay, &event, &err), &err);
        if (event == NULL) {
            break;
        }
        if (event->position != ++count) {
            load_fail("position %llu came out of turn", (unsigned long long)event->position);
        }
    }
    trial_replay_close(replay);
    return count;
}

/* Stand on the value of a map's entry; false where it is not there. */
static bool find(pack_reader *map, const char *name)
{
    uint32_t count = pack_map(map);

    for (uint32_t i = 0; i < count && !map->has_failed; i++) {
        if (trial_text_is(pack_text(map), name)) {
            return true;
        }
        (void)pack_skip(map);
    }
    return false;
}

static uint32_t history(void *given, const char *subject)
{
    struct connection *c = given;
    pack_reader reader;

    pack_put_map(&c->params, 1);
    pack_put_word(&c->params, "subject");
    pack_put_word(&c->params, subject);
    reader = pack_reader_of(call(c, "read"));
    return find(&reader, "events") ? pack_list(&reader) : 0;
}

static void publish(void *given, uint64_t stamp)
{
    struct connection *c = given;
    char id[64];

    (void)snprintf(id,
                   sizeof id,
                   "push-%d-%llu-%llu",
                   (int)getpid(),
                   (unsigned long long)stamp,
                   (unsigned long long)c->published++);
    pack_put_map(&c->params, 1);
    pack_put_word(&c->params, "events");
    pack_put_list(&c->params, 1);
    pack_put_map(&c->params, 6);
    pack_put_word(&c->params, "data");
    pack_put_map(&c->params, 3);
    pack_put_word(&c->params, "activity");
    pack_put_word(&c->params, "pushed");
    pack_put_word(&c->params, "note");
    pack_put_word(
        &c->params,
        "as many letters as the payload of an event of two hundred bytes has, more or "
        "less, so that nobody carries less than the others do on the same way to the end");
    pack_put_word(&c->params, "sent");
    pack_put_unsigned(&c->params, stamp);
    pack_put_word(&c->params, "id");
    pack_put_word(&c->params, id);
    pack_put_word(&c->params, "source");
    pack_put_word(&c->params, "/bench");
    pack_put_word(&c->params, "subject");
    pack_put_word(&c->params, "case/push");
    pack_put_word(&c->params, "time");
    pack_put_word(&c->params, "2024-05-06T07:08:09Z");
    pack_put_word(&c->params, "type");
    pack_put_word(&c->params, "activity.completed");
    (void)call(c, "append");
}

static void subscribe(void *given)
{
    struct connection *c = given;

    pack_put_map(&c->params, 1);
    pack_put_word(&c->params, "credit");
    pack_put_unsigned(&c->params, CREDIT);
    (void)call(c, "subscribe");
}

static int fd(void *given)
{
    struct connection *c = given;

    return trial_client_fd(c->client);
}

static uint32_t take_stamps(pack_reader *reader, uint64_t *ret_stamps)
{
    uint32_t count = find(reader, "events") ? pack_list(reader) : 0;
    uint32_t found = 0;

    for (uint32_t i = 0; i < count; i++) {
        pack_reader event = pack_reader_of(pack_skip(reader));

        if (find(&event, "data") && find(&event, "sent")) {
            ret_stamps[found++] = pack_unsigned(&event);
        }
    }
    return found;
}

static uint32_t take(void *given, uint64_t *ret_stamps)
{
    struct connection *c = given;
    trial_error err = TRIAL_ERROR_NONE;
    trial_message message;
    uint32_t count = 0;

    while (count + 1024 <= READ_STAMPS_MAX &&
           trial_client_receive(c->client, 0, false, &c->arena, &message, &err) == TRIAL_OK) {
        pack_reader reader = pack_reader_of(message.raw);

        if (trial_text_is(message.method, "events")) {
            count += take_stamps(&reader, ret_stamps + count);
        }
        trial_arena_reset(&c->arena);
    }
    return count;
}

/* One trial, a funnel, a network's row, a day's deadlines of one subject: what a page asks for. */
static void query(void *given, uint32_t number)
{
    static const struct {
        const char *view;
        const char *key;
    } asked[] = { { "trial", "w1-000007" }, { "programme", "w1" }, { "network", "w1-net" } };
    struct connection *c = given;

    pack_put_map(&c->params, 2);
    pack_put_word(&c->params, "key");
    pack_put_word(&c->params, asked[number % 3].key);
    pack_put_word(&c->params, "view");
    pack_put_word(&c->params, asked[number % 3].view);
    (void)call(c, "query");
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
                                        .is_edge = true,
                                        .take = take,
                                        .query = query };

    return read_main(&driver, count, words);
}
