/* test_client_lib.c - libtrial against a ROUTER that answers late, out of turn, or not at all. */
#include "test.h"

#include "frame.h"
#include "trial/subscriber.h"

#include <dirent.h>
#include <stdlib.h>
#include <zmq.h>

#define ENDPOINT_BYTES 64
#define WAIT_MS 10000 /* of what must come: long, for a busy machine */
#define LATE 500u     /* answers that nobody waits for any more */

struct peer {
    void *context;
    void *router;
    char endpoint[ENDPOINT_BYTES];
    trial_client *client;
    trial_arena arena;
    uint8_t address[256];
    size_t address_bytes;
};

static int set_up(void **state)
{
    struct peer *peer = trial_memory(sizeof *peer);
    size_t size = sizeof peer->endpoint;
    int wait_ms = WAIT_MS;
    int linger = 0;
    int all = 0; /* what a test sends ahead is not dropped */
    trial_client_settings settings = { .timeout_ms = WAIT_MS, .request_bytes = 4096 };

    peer->context = zmq_ctx_new();
    peer->router = zmq_socket(peer->context, ZMQ_ROUTER);
    assert_int_equal(zmq_setsockopt(peer->router, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms), 0);
    assert_int_equal(zmq_setsockopt(peer->router, ZMQ_LINGER, &linger, sizeof linger), 0);
    assert_int_equal(zmq_setsockopt(peer->router, ZMQ_SNDHWM, &all, sizeof all), 0);
    assert_int_equal(zmq_bind(peer->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(peer->router, ZMQ_LAST_ENDPOINT, peer->endpoint, &size), 0);
    settings.endpoint = peer->endpoint;
    assert_int_equal(trial_client_open(&settings, &peer->client, NULL), TRIAL_OK);
    *state = peer;
    return 0;
}

static int tear_down(void **state)
{
    struct peer *peer = *state;

    trial_client_close(peer->client);
    (void)zmq_close(peer->router);
    (void)zmq_ctx_term(peer->context);
    trial_arena_done(&peer->arena);
    free(peer);
    return 0;
}

/* Take the client's next request; returns its msgid. */
static uint32_t take_request(struct peer *peer, const char *method)
{
    const proto_frame_limits limits = { 1u << 20, 1024, 16 };
    uint8_t bytes[8192];
    proto_frame frame;
    int size = zmq_recv(peer->router, peer->address, sizeof peer->address, 0);

    assert_true(size > 0);
    peer->address_bytes = (size_t)size;
    size = zmq_recv(peer->router, bytes, sizeof bytes, 0);
    assert_true(size > 0);
    assert_int_equal(proto_frame_read((trial_bytes){ bytes, (size_t)size }, &limits, &frame, NULL),
                     TRIAL_OK);
    assert_true(trial_text_is(frame.method, method));
    return frame.msgid;
}

static void send_frame(struct peer *peer, pack_writer *writer)
{
    trial_bytes frame = pack_written(writer);

    assert_int_equal(zmq_send(peer->router, peer->address, peer->address_bytes, ZMQ_SNDMORE),
                     (int)peer->address_bytes);
    assert_int_equal(zmq_send(peer->router, frame.data, frame.size, 0), (int)frame.size);
    pack_writer_done(writer);
}

static void answer(struct peer *peer, uint32_t msgid, int64_t number)
{
    pack_writer writer = { 0 };

    proto_put_result(&writer, msgid);
    pack_put_map(&writer, 1);
    pack_put_word(&writer, "number");
    pack_put_integer(&writer, number);
    send_frame(peer, &writer);
}

static void notify(struct peer *peer, int64_t number)
{
    pack_writer writer = { 0 };

    proto_put_notification(&writer, "events");
    pack_put_map(&writer, 1);
    pack_put_word(&writer, "number");
    pack_put_integer(&writer, number);
    send_frame(peer, &writer);
}

static trial_message receive(struct peer *peer)
{
    trial_message message;

    assert_int_equal(
        trial_client_receive(peer->client, WAIT_MS, true, &peer->arena, &message, NULL), TRIAL_OK);
    return message;
}

static uint32_t send_request(struct peer *peer, const char *method)
{
    uint32_t msgid = 0;

    assert_int_equal(trial_client_send(peer->client, method, NULL, &msgid, NULL), TRIAL_OK);
    return msgid;
}

/* The router has to be asked before the client waits, for both are on one thread: what a call will
 * get is sent ahead, for the msgid it is going to have. */
static void test_a_call_gets_its_own_answer_and_keeps_the_rest(void **state)
{
    struct peer *peer = *state;
    trial_value *result = NULL;
    uint32_t first = send_request(peer, "status");
    trial_message message;

    assert_int_equal(take_request(peer, "status"), first);
    notify(peer, 1);
    notify(peer, 2);
    answer(peer, first, 10);
    answer(peer, first + 1, 11);
    assert_int_equal(trial_client_call(peer->client, "hello", NULL, &peer->arena, &result, NULL),
                     TRIAL_OK);
    assert_int_equal(trial_value_get_integer(result, "number"), 11);
    message = receive(peer);
    assert_true(message.is_notification);
    assert_true(trial_text_is(message.method, "events"));
    assert_int_equal(trial_value_get_integer(message.value, "number"), 1);
    assert_int_equal(trial_value_get_integer(receive(peer).value, "number"), 2);
    message = receive(peer);
    assert_false(message.is_notification);
    assert_int_equal(message.msgid, first);
}

/* What a call cannot keep is not taken, so that it is there when there is room again. */
static void test_nothing_is_lost_where_nobody_receives_between_calls(void **state)
{
    struct peer *peer = *state;
    trial_value *result = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    int64_t sent = 0;
    uint32_t msgid = send_request(peer, "status");

    assert_int_equal(take_request(peer, "status"), msgid);
    for (uint32_t round = 0; round < 11; round++) {
        for (uint32_t i = 0; i < 400; i++) {
            notify(peer, ++sent);
        }
        answer(peer, ++msgid, 7);
        assert_int_equal(
            trial_client_call(peer->client, "hello", NULL, &peer->arena, &result, &err),
            round < 10 ? TRIAL_OK : TRIAL_BUSY);
        assert_int_equal(take_request(peer, "hello"), msgid);
    }
    assert_non_null(strstr(err.text, "receive them before the next call; outcome unknown"));
    assert_int_equal(trial_client_call(peer->client, "hello", NULL, &peer->arena, &result, &err),
                     TRIAL_BUSY);
    assert_non_null(strstr(err.text, "nothing was sent"));
    for (int64_t number = 1; number <= sent; number++) {
        assert_int_equal(trial_value_get_integer(receive(peer).value, "number"), number);
    }
    answer(peer, ++msgid, 8);
    assert_int_equal(trial_client_call(peer->client, "hello", NULL, &peer->arena, &result, &err),
                     TRIAL_OK);
    assert_int_equal(trial_value_get_integer(result, "number"), 8);
}

static uint32_t count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    uint32_t count = 0;

    assert_non_null(tasks);
    for (const struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        count += task->d_name[0] == '.' ? 0 : 1;
    }
    (void)closedir(tasks); /* it was only read */
    return count;
}

static void test_clients_beside_each_other_share_their_thread(void **state)
{
    struct peer *peer = *state;
    trial_client *first = peer->client;
    trial_client_settings settings = { .endpoint = peer->endpoint,
                                       .timeout_ms = WAIT_MS,
                                       .beside = first };
    uint32_t before = count_threads();
    trial_client *second = NULL;
    trial_client *third = NULL;
    uint32_t msgid;

    assert_int_equal(trial_client_open(&settings, &second, NULL), TRIAL_OK);
    settings.beside = second;
    assert_int_equal(trial_client_open(&settings, &third, NULL), TRIAL_OK);
    assert_int_equal(count_threads(), before);
    for (int i = 0; i < 2; i++) { /* each has a connection of its own, and answers of its own */
        peer->client = i == 0 ? third : first;
        msgid = send_request(peer, "status");
        assert_int_equal(take_request(peer, "status"), msgid);
        answer(peer, msgid, 20 + i);
        assert_int_equal(trial_value_get_integer(receive(peer).value, "number"), 20 + i);
        if (i == 0) {
            trial_client_close(third);
            trial_client_close(second);
        }
    }
}

/* A daemon that stood still answers all that it was asked meanwhile. */
static void test_late_answers_are_dropped(void **state)
{
    struct peer *peer = *state;
    trial_client_settings settings = { .endpoint = peer->endpoint, .timeout_ms = 1 };
    trial_client *hasty = NULL;
    trial_value *result = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    trial_message message;
    uint32_t sent = 0;

    assert_int_equal(trial_client_open(&settings, &hasty, NULL), TRIAL_OK);
    while (sent < LATE) {
        assert_int_equal(trial_client_call(hasty, "hello", NULL, &peer->arena, &result, &err),
                         TRIAL_BUSY);
        /* At first there is no connection yet. */
        sent += strstr(err.text, "outcome unknown, send it again") != NULL ? 1 : 0;
    }
    for (uint32_t i = 0; i < LATE; i++) {
        answer(peer, take_request(peer, "hello"), 1);
    }
    notify(peer, 7);
    assert_int_equal(trial_client_receive(hasty, WAIT_MS, true, &peer->arena, &message, NULL),
                     TRIAL_OK);
    assert_true(message.is_notification);
    assert_int_equal(trial_value_get_integer(message.value, "number"), 7);
    trial_client_close(hasty);
}

static void test_an_error_comes_back_as_it_was_sent(void **state)
{
    struct peer *peer = *state;
    pack_writer writer = { 0 };
    trial_error sent = TRIAL_ERROR_NONE;
    trial_error got = TRIAL_ERROR_NONE;
    trial_value *result = NULL;
    uint32_t first = send_request(peer, "status");

    (void)take_request(peer, "status");
    (void)trial_fail_rule(&sent, TRIAL_RULE_STALE_VALUE, "it is %d now", 3);
    (void)trial_fail_field(&sent, "data.from");
    sent.index = 5;
    proto_put_error(&writer, first + 1, &sent);
    send_frame(peer, &writer);
    assert_int_equal(trial_client_call(peer->client, "append", NULL, &peer->arena, &result, &got),
                     TRIAL_REFUSED);
    assert_int_equal(got.rule, TRIAL_RULE_STALE_VALUE);
    assert_int_equal(got.index, 5);
    assert_string_equal(got.field, "data.from");
    assert_string_equal(got.text, "it is 3 now");
    assert_null(result);
}

static void test_a_request_over_the_limit_is_not_sent(void **state)
{
    struct peer *peer = *state;
    trial_value *params = trial_value_map(&peer->arena);
    char text[5000];
    uint32_t msgid = 0;

    memset(text, 'x', sizeof text);
    trial_value_set(&peer->arena,
                    params,
                    "client",
                    trial_value_text(&peer->arena, (trial_text){ text, sizeof text }));
    assert_int_equal(trial_client_send(peer->client, "hello", params, &msgid, NULL),
                     TRIAL_TOO_LARGE);
    (void)send_request(peer, "status");
    (void)take_request(peer, "status"); /* it is the first that came */
}

static void test_no_limit_at_all_takes_every_answer(void **state)
{
    struct peer *peer = *state;
    const trial_client_settings settings = { .endpoint = peer->endpoint,
                                             .timeout_ms = WAIT_MS,
                                             .request_bytes = UINT32_MAX };
    char *text = trial_arena_take(&peer->arena, 200000);
    trial_client *client = NULL;
    pack_writer writer = { 0 };
    trial_message message;
    uint32_t msgid = 0;

    assert_int_equal(trial_client_open(&settings, &client, NULL), TRIAL_OK);
    assert_int_equal(trial_client_send(client, "status", NULL, &msgid, NULL), TRIAL_OK);
    assert_int_equal(take_request(peer, "status"), msgid);
    memset(text, 'x', 200000);
    proto_put_result(&writer, msgid);
    pack_put_text(&writer, (trial_text){ text, 200000 });
    send_frame(peer, &writer);
    assert_int_equal(trial_client_receive(client, WAIT_MS, true, &peer->arena, &message, NULL),
                     TRIAL_OK);
    assert_int_equal(message.value->as.text.size, 200000);
    trial_client_close(client);
}

static void test_what_is_nested_too_deep_is_not_sent(void **state)
{
    struct peer *peer = *state;
    const trial_client_settings settings = { .endpoint = peer->endpoint };
    trial_value *params = trial_value_map(&peer->arena);
    trial_subscriber_settings wanted = { .filters = params };
    trial_value *result = NULL;
    trial_replay *replay = NULL;
    trial_subscriber *subscriber = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    uint32_t msgid = 0;

    for (uint32_t i = 0; i < 100; i++) {
        trial_value *outer = trial_value_map(&peer->arena);

        trial_value_set(&peer->arena, outer, "x", params);
        params = outer;
    }
    wanted.filters = params;
    assert_int_equal(trial_client_send(peer->client, "hello", params, &msgid, &err),
                     TRIAL_TOO_LARGE);
    assert_int_equal(err.rule, TRIAL_RULE_TOO_LARGE);
    assert_int_equal(trial_client_call(peer->client, "hello", params, &peer->arena, &result, &err),
                     TRIAL_TOO_LARGE);
    assert_int_equal(trial_client_notify(peer->client, "credit", params, NULL), TRIAL_TOO_LARGE);
    assert_int_equal(trial_replay_open(&settings, 0, params, &replay, NULL), TRIAL_TOO_LARGE);
    assert_int_equal(trial_subscriber_open(&settings, &wanted, &subscriber, NULL), TRIAL_TOO_LARGE);
    (void)send_request(peer, "status");
    (void)take_request(peer, "status"); /* it is the first that came */
}

static void test_no_daemon_means_nothing_was_sent(void **state)
{
    trial_client_settings settings = { .endpoint = "tcp://127.0.0.1:1", .timeout_ms = 50 };
    trial_client *client = NULL;
    trial_arena arena = { 0 };
    trial_value *result = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(trial_client_open(&settings, &client, NULL), TRIAL_OK);
    assert_int_equal(trial_client_call(client, "status", NULL, &arena, &result, &err), TRIAL_BUSY);
    assert_non_null(strstr(err.text, "nothing was sent"));
    trial_client_close(client);
    trial_arena_done(&arena);
}

static void test_an_endpoint_that_is_none_is_said(void **state)
{
    trial_client_settings settings = { .endpoint = "surprise" };
    trial_client *client = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(trial_client_open(&settings, &client, &err), TRIAL_INVALID);
    assert_non_null(strstr(err.text, "surprise"));
    settings.endpoint = "tcp://127.0.0.1:65536"; /* libzmq would take it for port 0 */
    assert_int_equal(trial_client_open(&settings, &client, &err), TRIAL_INVALID);
    assert_non_null(strstr(err.text, "tcp://127.0.0.1:65536"));
    settings.endpoint =
        "ipc:///a/path/that/is/longer/than/a/unix/socket/may/have/and/has/more/bytes/"
        "than/the/hundred/and/seven/that/there/are";
    assert_int_equal(trial_client_open(&settings, &client, &err), TRIAL_INVALID);
    assert_non_null(strstr(err.text, "too long"));
    assert_null(client);
}

static void test_what_is_not_the_protocol_is_said(void **state)
{
    struct peer *peer = *state;
    trial_message message;

    (void)send_request(peer, "status");
    (void)take_request(peer, "status");
    assert_int_equal(zmq_send(peer->router, peer->address, peer->address_bytes, ZMQ_SNDMORE),
                     (int)peer->address_bytes);
    assert_int_equal(zmq_send(peer->router, "\xc1", 1, 0), 1);
    assert_int_equal(
        trial_client_receive(peer->client, WAIT_MS, true, &peer->arena, &message, NULL),
        TRIAL_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_call_gets_its_own_answer_and_keeps_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_nothing_is_lost_where_nobody_receives_between_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_clients_beside_each_other_share_their_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_answers_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_error_comes_back_as_it_was_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_request_over_the_limit_is_not_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_limit_at_all_takes_every_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_is_nested_too_deep_is_not_sent, set_up, tear_down),
        cmocka_unit_test(test_no_daemon_means_nothing_was_sent),
        cmocka_unit_test(test_an_endpoint_that_is_none_is_said),
        cmocka_unit_test_setup_teardown(test_what_is_not_the_protocol_is_said, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
