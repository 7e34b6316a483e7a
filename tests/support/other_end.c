/* other_end.c - see other_end.h. What libtrial has of connections and clocks is put in its place by
 * the linker. */
#include "other_end.h"

#include "trial/limits.h"

#include <stdlib.h>
#include <zmq.h>

struct other other;

int64_t lib_now_ms(void)
{
    return other.now_ms;
}

char *lib_setting(const char *given, const char *variable, const char *otherwise)
{
    const char *value = given == NULL ? otherwise : given;
    char *copy = trial_memory(strlen(value) + 1);

    (void)variable;
    memcpy(copy, value, strlen(value) + 1);
    return copy;
}

trial_code
lib_read_value(trial_bytes bytes, trial_arena *arena, trial_value **ret_value, trial_error *err)
{
    pack_reader reader = pack_reader_of(trial_arena_bytes(arena, bytes));

    return pack_value(&reader, arena, ret_value, err);
}

trial_code trial_client_open(const trial_client_settings *settings,
                             trial_client **ret_client,
                             trial_error *err)
{
    (void)settings;
    (void)err;
    assert_false(other.is_open); /* the one before was closed */
    assert_in_range(other.opened, 0, SAID_MAX - 1);
    other.opened_ms[other.opened++] = other.now_ms;
    other.is_open = true;
    other.taken = other.coming_count; /* nothing of an old connection arrives in a new one */
    *ret_client = &other.client;
    return TRIAL_OK;
}

void trial_client_close(trial_client *client)
{
    other.is_open = other.is_open && client == NULL;
}

int trial_client_fd(trial_client *client)
{
    assert_ptr_equal(client, &other.client);
    return other.fd;
}

struct other_coming *other_bring(const char *method)
{
    struct other_coming *coming = &other.coming[other.coming_count++];

    assert_in_range(other.coming_count, 1, COMING_MAX);
    (void)snprintf(coming->method, sizeof coming->method, "%s", method);
    return coming;
}

static void put_number(pack_writer *writer, const char *name, uint64_t number)
{
    pack_put_word(writer, name);
    pack_put_unsigned(writer, number);
}

void other_bring_word(const char *method)
{
    pack_writer *writer = &other_bring(method)->bytes;

    pack_put_map(writer, 2);
    put_number(writer, "head", other.head);
    put_number(writer, "subscription", (uint64_t)other.opened);
}

void other_bring_end(const char *code)
{
    pack_writer *writer = &other_bring("ended")->bytes;

    pack_put_map(writer, code == NULL ? 1 : 2);
    if (code != NULL) {
        pack_put_word(writer, "code");
        pack_put_word(writer, code);
    }
    put_number(writer, "subscription", (uint64_t)other.opened);
}

void other_bring_events(uint64_t from, uint64_t to, bool is_replayed)
{
    pack_writer *writer = &other_bring("events")->bytes;

    other.head = to > other.head ? to : other.head;
    pack_put_map(writer, 4);
    pack_put_word(writer, "events");
    pack_put_list(writer, (uint32_t)(to - from + 1));
    for (uint64_t at = from; at <= to; at++) {
        pack_put_map(writer, 2);
        pack_put_word(writer, "id");
        pack_put_word(writer, "an id");
        put_number(writer, "position", at);
    }
    put_number(writer, "head", other.head);
    pack_put_word(writer, "replayed");
    pack_put_truth(writer, is_replayed);
    put_number(writer, "subscription", (uint64_t)other.opened);
}

static void note(const char *method, const trial_value *params)
{
    const trial_value *takeover = trial_value_get(params, "takeover");
    struct other_said *said = &other.said[other.said_count++];
    static const char *const numbers[] = { "from", "position", "add" };

    assert_in_range(other.said_count, 1, SAID_MAX);
    (void)snprintf(said->method, sizeof said->method, "%s", method);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (trial_value_get(params, numbers[i]) != NULL) {
            said->number = trial_value_get_integer(params, numbers[i]);
        }
    }
    said->takes_over = takeover != NULL && takeover->as.truth;
    said->at_ms = other.now_ms;
}

trial_code trial_client_send(trial_client *client,
                             const char *method,
                             const trial_value *params,
                             uint32_t *ret_msgid,
                             trial_error *err)
{
    struct other_coming *answer = other_bring("");

    (void)err;
    assert_ptr_equal(client, &other.client);
    note(method, params);
    answer->is_answer = true;
    answer->msgid = (uint32_t)other.said_count;
    *ret_msgid = answer->msgid;
    if (other.refused > 0 && strcmp(method, other.refused_method) == 0) {
        answer->code = other.refusals;
        other.refused--;
        return TRIAL_OK;
    }
    pack_put_map(&answer->bytes, 4);
    put_number(&answer->bytes, "head", other.head);
    pack_put_word(&answer->bytes, "log");
    pack_put_word(&answer->bytes, other.log);
    put_number(&answer->bytes, "position", other.position);
    put_number(&answer->bytes, "subscription", (uint64_t)other.opened);
    return TRIAL_OK;
}

trial_code trial_client_notify(trial_client *client,
                               const char *method,
                               const trial_value *params,
                               trial_error *err)
{
    (void)err;
    assert_ptr_equal(client, &other.client);
    note(method, params);
    return TRIAL_OK;
}

trial_code trial_client_receive(trial_client *client,
                                uint32_t timeout_ms,
                                bool want_value,
                                trial_arena *arena,
                                trial_message *ret_message,
                                trial_error *err)
{
    const struct other_coming *coming = &other.coming[other.taken];

    (void)arena;
    (void)err;
    assert_ptr_equal(client, &other.client);
    assert_int_equal(timeout_ms, 0);
    assert_false(want_value);
    if (other.taken == other.coming_count) {
        return TRIAL_BUSY;
    }
    other.taken++;
    *ret_message = (trial_message){ .is_notification = !coming->is_answer,
                                    .msgid = coming->msgid,
                                    .method = trial_text_of(coming->method),
                                    .raw = pack_written(&coming->bytes) };
    if (coming->code != TRIAL_OK) {
        (void)trial_fail(&ret_message->error, coming->code, "refused");
    }
    return TRIAL_OK;
}

trial_code lib_await(trial_client *client,
                     uint32_t msgid,
                     uint32_t timeout_ms,
                     trial_arena *arena,
                     trial_message *ret_answer,
                     trial_error *err)
{
    (void)msgid;
    (void)timeout_ms;
    return trial_client_receive(client, 0, false, arena, ret_answer, err);
}

/* Time passes here and nowhere else. */
lib_ready
lib_client_wait(const trial_client *client, short events, int stop_fd, int64_t deadline_ms)
{
    if (stop_fd != 0 && other.is_stopped) {
        return LIB_STOPPED;
    }
    if (client != NULL && events == ZMQ_POLLOUT) {
        return LIB_READY;
    }
    if (client != NULL && other.has_heartbeats &&
        other.now_ms + TRIAL_HEARTBEAT_MS <= deadline_ms) {
        other.now_ms += TRIAL_HEARTBEAT_MS;
        other_bring_word("heartbeat");
        return LIB_READY;
    }
    if (client != NULL && other.taken < other.coming_count) {
        return LIB_READY;
    }
    other.now_ms = deadline_ms > other.now_ms ? deadline_ms : other.now_ms;
    return LIB_TOO_LATE;
}

trial_subscriber *other_subscribe(const trial_subscriber_settings *how)
{
    trial_subscriber *s = NULL;

    memset(&other, 0, sizeof other);
    other.log = "the log";
    other.now_ms = 1000000;
    assert_int_equal(trial_subscriber_open(NULL, how, &s, NULL), TRIAL_OK);
    return s;
}

void other_end(trial_subscriber *s)
{
    trial_subscriber_close(s);
    assert_false(other.is_open);
    for (size_t i = 0; i < other.coming_count; i++) {
        pack_writer_done(&other.coming[i].bytes);
    }
}

void other_assert_next(trial_subscriber *s, uint64_t position)
{
    const trial_replayed *event = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    assert_int_equal(trial_subscriber_next(s, LONG_MS, &event, &err), TRIAL_OK);
    assert_non_null(event);
    assert_int_equal(event->position, position);
    assert_text_is(event->id, "an id");
}

void other_assert_fails(trial_subscriber *s, uint32_t timeout_ms, trial_code code, const char *say)
{
    const trial_replayed *event = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    assert_int_equal(trial_subscriber_next(s, timeout_ms, &event, &err), code);
    assert_non_null(strstr(err.text, say));
}

void other_connect(trial_subscriber *s)
{
    other_assert_fails(s, 100, TRIAL_BUSY, "no event");
    assert_true(trial_subscriber_look(s).is_connected);
}

const struct other_said *other_last(const char *method)
{
    for (size_t i = other.said_count; i > 0; i--) {
        if (strcmp(other.said[i - 1].method, method) == 0) {
            return &other.said[i - 1];
        }
    }
    return NULL;
}

size_t other_count(const char *method)
{
    size_t found = 0;

    for (size_t i = 0; i < other.said_count; i++) {
        found += strcmp(other.said[i].method, method) == 0;
    }
    return found;
}
