/* test_client_subscriber.c - the subscriber of libtrial on a connection and a clock of the test's
 * own: no socket is opened, no time passes but what the subscriber waits for. */
#include "test.h"

#include "lib.h"
#include "trial/limits.h"
#include "trial/subscriber.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define SAID_MAX 64
#define COMING_MAX 64
#define LONG_MS 600000u

/* What the subscriber has said: a request or a notification. */
struct said {
    char method[16];
    int64_t number; /* from, position or add; of another one 0 */
    bool takes_over;
    int64_t at_ms;
};

/* What is on its way to it. */
struct coming {
    bool is_answer;
    uint32_t msgid;
    trial_code code;
    char method[16];
    pack_writer bytes;
};

struct trial_client {
    int number;
};

static struct {
    int64_t now_ms;
    int opened;
    bool is_open;
    int64_t opened_ms[SAID_MAX];
    struct said said[SAID_MAX];
    size_t said_count;
    struct coming coming[COMING_MAX];
    size_t coming_count;
    size_t taken;
    const char *log;
    uint64_t head;
    uint64_t position;   /* of a named one, as the daemon keeps it */
    trial_code refusals; /* what the next ones are told */
    int refused;         /* so many requests of that method */
    const char *refused_method;
    bool has_heartbeats;
    bool is_stopped;
    int fd; /* of the connection */
    struct trial_client client;
} d;

int64_t lib_now_ms(void)
{
    return d.now_ms;
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
    assert_false(d.is_open); /* the one before was closed */
    assert_in_range(d.opened, 0, SAID_MAX - 1);
    d.opened_ms[d.opened++] = d.now_ms;
    d.is_open = true;
    d.taken = d.coming_count; /* nothing of an old connection arrives in a new one */
    *ret_client = &d.client;
    return TRIAL_OK;
}

void trial_client_close(trial_client *client)
{
    d.is_open = d.is_open && client == NULL;
}

int trial_client_fd(trial_client *client)
{
    assert_ptr_equal(client, &d.client);
    return d.fd;
}

static struct coming *bring(const char *method)
{
    struct coming *coming = &d.coming[d.coming_count++];

    assert_in_range(d.coming_count, 1, COMING_MAX);
    (void)snprintf(coming->method, sizeof coming->method, "%s", method);
    return coming;
}

static void put_number(pack_writer *writer, const char *name, uint64_t number)
{
    pack_put_word(writer, name);
    pack_put_unsigned(writer, number);
}

static void bring_word(const char *method)
{
    pack_writer *writer = &bring(method)->bytes;

    pack_put_map(writer, 2);
    put_number(writer, "head", d.head);
    put_number(writer, "subscription", (uint64_t)d.opened);
}

/* Events of these positions in one notification. */
static void bring_events(uint64_t from, uint64_t to, bool is_replayed)
{
    pack_writer *writer = &bring("events")->bytes;

    d.head = to > d.head ? to : d.head;
    pack_put_map(writer, 4);
    pack_put_word(writer, "events");
    pack_put_list(writer, (uint32_t)(to - from + 1));
    for (uint64_t at = from; at <= to; at++) {
        pack_put_map(writer, 2);
        pack_put_word(writer, "id");
        pack_put_word(writer, "an id");
        put_number(writer, "position", at);
    }
    put_number(writer, "head", d.head);
    pack_put_word(writer, "replayed");
    pack_put_truth(writer, is_replayed);
    put_number(writer, "subscription", (uint64_t)d.opened);
}

static void note(const char *method, const trial_value *params)
{
    const trial_value *takeover = trial_value_get(params, "takeover");
    struct said *said = &d.said[d.said_count++];
    static const char *const numbers[] = { "from", "position", "add" };

    assert_in_range(d.said_count, 1, SAID_MAX);
    (void)snprintf(said->method, sizeof said->method, "%s", method);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (trial_value_get(params, numbers[i]) != NULL) {
            said->number = trial_value_get_integer(params, numbers[i]);
        }
    }
    said->takes_over = takeover != NULL && takeover->as.truth;
    said->at_ms = d.now_ms;
}

trial_code trial_client_send(trial_client *client,
                             const char *method,
                             const trial_value *params,
                             uint32_t *ret_msgid,
                             trial_error *err)
{
    struct coming *answer = bring("");

    (void)err;
    assert_ptr_equal(client, &d.client);
    note(method, params);
    answer->is_answer = true;
    answer->msgid = (uint32_t)d.said_count;
    *ret_msgid = answer->msgid;
    if (d.refused > 0 && strcmp(method, d.refused_method) == 0) {
        answer->code = d.refusals;
        d.refused--;
        return TRIAL_OK;
    }
    pack_put_map(&answer->bytes, 4);
    put_number(&answer->bytes, "head", d.head);
    pack_put_word(&answer->bytes, "log");
    pack_put_word(&answer->bytes, d.log);
    put_number(&answer->bytes, "position", d.position);
    put_number(&answer->bytes, "subscription", (uint64_t)d.opened);
    return TRIAL_OK;
}

trial_code trial_client_notify(trial_client *client,
                               const char *method,
                               const trial_value *params,
                               trial_error *err)
{
    (void)err;
    assert_ptr_equal(client, &d.client);
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
    const struct coming *coming = &d.coming[d.taken];

    (void)arena;
    (void)err;
    assert_ptr_equal(client, &d.client);
    assert_int_equal(timeout_ms, 0);
    assert_false(want_value);
    if (d.taken == d.coming_count) {
        return TRIAL_BUSY;
    }
    d.taken++;
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
    if (stop_fd != 0 && d.is_stopped) {
        return LIB_STOPPED;
    }
    if (client != NULL && events == ZMQ_POLLOUT) {
        return LIB_READY;
    }
    if (client != NULL && d.has_heartbeats && d.now_ms + TRIAL_HEARTBEAT_MS <= deadline_ms) {
        d.now_ms += TRIAL_HEARTBEAT_MS;
        bring_word("heartbeat");
        return LIB_READY;
    }
    if (client != NULL && d.taken < d.coming_count) {
        return LIB_READY;
    }
    d.now_ms = deadline_ms > d.now_ms ? deadline_ms : d.now_ms;
    return LIB_TOO_LATE;
}

static trial_subscriber *subscribe(const trial_subscriber_settings *how)
{
    trial_subscriber *s = NULL;

    memset(&d, 0, sizeof d);
    d.log = "the log";
    d.now_ms = 1000000;
    assert_int_equal(trial_subscriber_open(NULL, how, &s, NULL), TRIAL_OK);
    return s;
}

static void end(trial_subscriber *s)
{
    trial_subscriber_close(s);
    assert_false(d.is_open);
    for (size_t i = 0; i < d.coming_count; i++) {
        pack_writer_done(&d.coming[i].bytes);
    }
}

static void assert_next(trial_subscriber *s, uint64_t position)
{
    const trial_replayed *event = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    assert_int_equal(trial_subscriber_next(s, LONG_MS, &event, &err), TRIAL_OK);
    assert_non_null(event);
    assert_int_equal(event->position, position);
    assert_text_is(event->id, "an id");
}

static void assert_fails(trial_subscriber *s, uint32_t timeout_ms, trial_code code, const char *say)
{
    const trial_replayed *event = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    assert_int_equal(trial_subscriber_next(s, timeout_ms, &event, &err), code);
    assert_non_null(strstr(err.text, say));
}

/* Connect, and take what there is: nothing. */
static void connect_it(trial_subscriber *s)
{
    assert_fails(s, 100, TRIAL_BUSY, "no event");
    assert_true(trial_subscriber_look(s).is_connected);
}

/* What it said last of that kind; NULL: nothing. */
static const struct said *last(const char *method)
{
    for (size_t i = d.said_count; i > 0; i--) {
        if (strcmp(d.said[i - 1].method, method) == 0) {
            return &d.said[i - 1];
        }
    }
    return NULL;
}

static size_t count(const char *method)
{
    size_t found = 0;

    for (size_t i = 0; i < d.said_count; i++) {
        found += strcmp(d.said[i].method, method) == 0;
    }
    return found;
}

static void test_the_wait_doubles_to_two_seconds_and_begins_anew(void **state)
{
    static const int64_t waits_ms[] = { 50, 100, 200, 400, 800, 1600, 2000, 2000 };
    trial_subscriber *s = subscribe(NULL);
    int64_t lost_ms;

    (void)state;
    d.refusals = TRIAL_BUSY;
    d.refused = COUNT_OF(waits_ms);
    d.refused_method = "hello";
    d.has_heartbeats = true;
    assert_fails(s, 10000, TRIAL_BUSY, "no event");
    assert_int_equal(d.opened, COUNT_OF(waits_ms) + 1);
    for (size_t i = 0; i < COUNT_OF(waits_ms); i++) {
        int64_t waited_ms = d.opened_ms[i + 1] - d.opened_ms[i];

        assert_in_range(waited_ms, waits_ms[i] / 2, waits_ms[i]);
    }
    bring("events"); /* what is no notification ends the connection */
    assert_fails(s, 100, TRIAL_MALFORMED, "is no notification");
    lost_ms = d.now_ms;
    connect_it(s);
    assert_in_range(d.opened_ms[d.opened - 1] - lost_ms, 25, 50);
    assert_int_equal(trial_subscriber_look(s).connections, 2);
    end(s);
}

static void test_it_goes_on_behind_what_was_handed_out(void **state)
{
    trial_subscriber *s = subscribe(&(trial_subscriber_settings){ .from = 5 });
    int64_t heard_ms;

    (void)state;
    d.head = 20;
    connect_it(s);
    assert_int_equal(last("subscribe")->number, 5);
    bring_events(5, 6, false);
    assert_next(s, 5);
    assert_next(s, 6);
    heard_ms = d.now_ms;
    connect_it(s); /* silence is not yet long */
    assert_int_equal(d.opened, 1);
    assert_fails(s, 3 * TRIAL_HEARTBEAT_MS + 200, TRIAL_BUSY, "no event");
    assert_int_equal(d.opened, 2);
    assert_in_range(d.opened_ms[1] - heard_ms, 3 * TRIAL_HEARTBEAT_MS, 3 * TRIAL_HEARTBEAT_MS + 50);
    assert_int_equal(last("subscribe")->number, 7);
    bring_events(6, 8, false); /* one of them again */
    assert_next(s, 7);
    assert_int_equal(trial_subscriber_look(s).lag, 13);
    bring("events"); /* 8 was not handed out: it goes with its connection */
    assert_next(s, 8);
    assert_fails(s, 100, TRIAL_MALFORMED, "is no notification");
    connect_it(s);
    bring_word("ended"); /* its right was taken away, and came back */
    connect_it(s);
    assert_int_equal(d.opened, 4);
    assert_int_equal(last("subscribe")->number, 9);
    end(s);
}

static void test_another_log_and_a_shorter_one_are_told(void **state)
{
    trial_subscriber *s;

    (void)state;
    for (int is_shorter = 0; is_shorter < 2; is_shorter++) {
        s = subscribe(&(trial_subscriber_settings){ .from = 1 });
        d.head = 9;
        connect_it(s);
        if (is_shorter) {
            d.head = 8;
        } else {
            d.log = "another";
        }
        assert_fails(s,
                     LONG_MS,
                     TRIAL_CONFLICT,
                     is_shorter ? "ends at position 8 now and had 9 before"
                                : "has another log now, another and not the log");
        assert_int_equal(count("subscribe"), 1);
        end(s);
    }
}

static void test_a_refusal_that_waiting_does_not_mend_is_told(void **state)
{
    trial_subscriber *s = subscribe(&(trial_subscriber_settings){ .name = "n" });

    (void)state;
    d.refusals = TRIAL_CONFLICT;
    d.refused = 1;
    d.refused_method = "subscribe";
    assert_fails(s, LONG_MS, TRIAL_CONFLICT, "refused");
    assert_int_equal(d.opened, 1);
    assert_false(d.is_open);
    end(s);
}

static void test_another_consumer_that_takes_over_is_told_behind_what_came(void **state)
{
    trial_subscriber *s = subscribe(&(trial_subscriber_settings){ .name = "n", .from = 1 });

    (void)state;
    connect_it(s);
    assert_false(last("subscribe")->takes_over);
    bring_events(1, 2, false);
    bring_word("ended");
    assert_next(s, 1);
    assert_next(s, 2);
    assert_fails(s, LONG_MS, TRIAL_CONFLICT, "took over the subscription 'n'");
    assert_int_equal(d.opened, 1); /* it does not take it back */
    end(s);
}

static void test_a_named_one_is_its_own_again_and_begins_where_the_daemon_is(void **state)
{
    trial_subscriber *s = subscribe(&(trial_subscriber_settings){ .name = "n", .from = 1 });

    (void)state;
    connect_it(s);
    bring_events(1, 4, false);
    for (uint64_t position = 1; position <= 4; position++) {
        assert_next(s, position);
    }
    d.position = 2; /* it knows of two acknowledgements */
    assert_fails(s, 3 * TRIAL_HEARTBEAT_MS + 200, TRIAL_BUSY, "no event");
    assert_int_equal(d.opened, 2);
    assert_true(last("subscribe")->takes_over);
    bring_events(3, 5, false);
    assert_next(s, 3);
    assert_next(s, 4);
    end(s);
}

static void test_acknowledgements_are_said_together_before_a_wait(void **state)
{
    trial_subscriber *s =
        subscribe(&(trial_subscriber_settings){ .name = "n", .from = 1, .credit = 8 });

    (void)state;
    connect_it(s);
    bring_events(1, 6, false);
    for (uint64_t position = 1; position <= 6; position++) {
        assert_next(s, position);
        if (position != 6) {
            trial_subscriber_ack(s);
        }
        assert_int_equal(count("ack"), 0);
    }
    connect_it(s);
    assert_int_equal(count("ack"), 1);
    assert_int_equal(last("ack")->number, 5);
    assert_int_equal(last("credit")->number, 6);
    connect_it(s);
    assert_int_equal(count("ack"), 1); /* once */
    bring_events(2, 2, true);
    assert_next(s, 2);
    assert_true(trial_subscriber_look(s).is_replayed);
    trial_subscriber_ack(s);
    assert_int_equal(last("ack")->number, 2); /* of one that was parked at once */
    bring_events(7, 7, false);
    assert_next(s, 7);
    trial_subscriber_ack(s);
    end(s); /* what was worked off is said before it goes */
    assert_int_equal(last("ack")->number, 7);
}

static void test_a_named_one_shows_that_it_lives_and_others_need_not(void **state)
{
    (void)state;
    for (int is_named = 0; is_named < 2; is_named++) {
        trial_subscriber *s =
            subscribe(&(trial_subscriber_settings){ .name = is_named ? "n" : NULL, .from = 1 });

        d.has_heartbeats = true;
        assert_fails(s, 12 * TRIAL_HEARTBEAT_MS, TRIAL_BUSY, "no event");
        assert_int_equal(d.opened, 1);
        assert_in_range(count("credit"), is_named ? 2 : 0, is_named ? 3 : 0);
        if (is_named) {
            assert_int_equal(last("credit")->number, 0);
        }
        end(s);
    }
}

static void test_a_wait_is_stopped(void **state)
{
    trial_subscriber *s = subscribe(&(trial_subscriber_settings){ .from = 1, .stop_fd = 1 });
    const trial_replayed *event = &(trial_replayed){ 0 };

    (void)state;
    connect_it(s);
    d.is_stopped = true;
    assert_int_equal(trial_subscriber_next(s, LONG_MS, &event, NULL), TRIAL_OK);
    assert_null(event);
    end(s);
}

static void assert_readable(int fd, bool is_wanted)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&one, 1, is_wanted ? (int)LONG_MS : 0), is_wanted ? 1 : 0);
}

static void test_a_loop_is_told_when_to_call(void **state)
{
    trial_subscriber *s = subscribe(&(trial_subscriber_settings){ .from = 1 });
    struct timespec now;
    eventfd_t one;
    int fd;

    (void)state;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    d.now_ms = 0; /* what it waits for is past */
    d.fd = eventfd(0, EFD_CLOEXEC);
    fd = trial_subscriber_fd(s);
    assert_readable(fd, true); /* to begin */
    assert_fails(s, 0, TRIAL_BUSY, "no connection");
    assert_fails(s, 0, TRIAL_BUSY, "no event");
    assert_string_equal(trial_subscriber_look(s).log, "the log");
    assert_readable(fd, true);                      /* it was silent for too long */
    d.now_ms = ((int64_t)now.tv_sec + 3600) * 1000; /* what it waits for is ahead */
    bring_word("heartbeat");
    assert_fails(s, 0, TRIAL_BUSY, "no event");
    assert_readable(fd, false);
    assert_int_equal(eventfd_write(d.fd, 1), 0); /* something came */
    assert_readable(fd, true);
    assert_int_equal(eventfd_read(d.fd, &one), 0);
    bring("events");
    assert_fails(s, 0, TRIAL_MALFORMED, "is no notification");
    assert_int_equal(eventfd_write(d.fd, 1), 0); /* of a connection that is gone */
    assert_readable(fd, false);
    d.now_ms += 1000;
    assert_fails(s, 0, TRIAL_BUSY, "no connection"); /* and one that stands again */
    assert_readable(fd, true);
    assert_int_equal(trial_subscriber_fd(s), fd);
    end(s);
    (void)close(d.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_wait_doubles_to_two_seconds_and_begins_anew),
        cmocka_unit_test(test_it_goes_on_behind_what_was_handed_out),
        cmocka_unit_test(test_another_log_and_a_shorter_one_are_told),
        cmocka_unit_test(test_a_refusal_that_waiting_does_not_mend_is_told),
        cmocka_unit_test(test_another_consumer_that_takes_over_is_told_behind_what_came),
        cmocka_unit_test(test_a_named_one_is_its_own_again_and_begins_where_the_daemon_is),
        cmocka_unit_test(test_acknowledgements_are_said_together_before_a_wait),
        cmocka_unit_test(test_a_named_one_shows_that_it_lives_and_others_need_not),
        cmocka_unit_test(test_a_wait_is_stopped),
        cmocka_unit_test(test_a_loop_is_told_when_to_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
