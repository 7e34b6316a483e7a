/* test_client_feed.c - the feed's user sees every event once and in order, whatever the feed drops,
 * repeats or tells late. */
#include "test.h"

#include "frame.h"
#include "trial/client.h"

#include <pthread.h>
#include <stdlib.h>
#include <zmq.h>

#define EVENTS 700 /* of the log: more than a page */
#define WAIT_MS 10000

struct service {
    void *context;
    void *router;
    void *feed;
    pthread_t thread;
    char service_endpoint[64];
    char feed_endpoint[64];
    _Atomic uint64_t head;     /* what status says */
    _Atomic(const char *) log; /* and its name */
    uint32_t reads;            /* written by the thread, looked at when it has ended */
};

static void put_event(pack_writer *writer, uint64_t position)
{
    pack_put_map(writer, 1);
    pack_put_word(writer, "position");
    pack_put_unsigned(writer, position);
}

static void answer_read(pack_writer *writer, uint32_t msgid, trial_bytes params)
{
    uint64_t from = 0;
    uint64_t limit = 0;
    uint64_t last;
    pack_reader reader = pack_reader_of(params);

    for (uint32_t left = pack_map(&reader); left > 0; left--) {
        trial_text name = pack_text(&reader);

        *(trial_text_is(name, "from") ? &from : &limit) = pack_unsigned(&reader);
    }
    last = from + limit - 1 < EVENTS ? from + limit - 1 : EVENTS;
    proto_put_result(writer, msgid);
    pack_put_map(writer, 1);
    pack_put_word(writer, "events");
    pack_put_list(writer, (uint32_t)(last - from + 1));
    for (uint64_t position = from; position <= last; position++) {
        put_event(writer, position);
    }
}

/* Answer status and read until the socket is closed. */
static void *serve(void *argument)
{
    const proto_frame_limits limits = { 1u << 20, 1024, 16 };
    struct service *service = argument;
    uint8_t address[256];
    uint8_t bytes[4096];

    for (;;) {
        pack_writer writer = { 0 };
        proto_frame frame;
        int address_bytes = zmq_recv(service->router, address, sizeof address, 0);
        int size = address_bytes < 0 ? -1 : zmq_recv(service->router, bytes, sizeof bytes, 0);
        trial_bytes answer;

        if (size < 0 ||
            proto_frame_read((trial_bytes){ bytes, (size_t)size }, &limits, &frame, NULL) !=
                TRIAL_OK) {
            break;
        }
        if (trial_text_is(frame.method, "status")) {
            proto_put_result(&writer, frame.msgid);
            pack_put_map(&writer, 2);
            pack_put_word(&writer, "head");
            pack_put_unsigned(&writer, service->head);
            pack_put_word(&writer, "log");
            pack_put_word(&writer, service->log);
        } else {
            service->reads++;
            answer_read(&writer, frame.msgid, frame.params);
        }
        answer = pack_written(&writer);
        (void)zmq_send(service->router, address, (size_t)address_bytes, ZMQ_SNDMORE);
        (void)zmq_send(service->router, answer.data, answer.size, 0);
        pack_writer_done(&writer);
    }
    (void)zmq_close(service->router); /* the context waits for that */
    return NULL;
}

static void *bind_socket(void *context, int type, char *endpoint, size_t size)
{
    void *socket = zmq_socket(context, type);
    int none = 0;

    assert_non_null(socket);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none), 0);
    assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    return socket;
}

static int set_up(void **state)
{
    struct service *service = trial_memory(sizeof *service);

    service->context = zmq_ctx_new();
    service->router = bind_socket(
        service->context, ZMQ_ROUTER, service->service_endpoint, sizeof service->service_endpoint);
    service->feed = bind_socket(
        service->context, ZMQ_XPUB, service->feed_endpoint, sizeof service->feed_endpoint);
    service->head = 10;
    service->log = "the log";
    assert_int_equal(pthread_create(&service->thread, NULL, serve, service), 0);
    *state = service;
    return 0;
}

static int tear_down(void **state)
{
    struct service *service = *state;

    (void)zmq_ctx_shutdown(service->context);
    (void)pthread_join(service->thread, NULL);
    (void)zmq_close(service->feed);
    (void)zmq_ctx_term(service->context);
    free(service);
    return 0;
}

/* Publish an event, or a heartbeat where the position is 0. */
static void publish(struct service *service, uint64_t position, uint64_t head)
{
    pack_writer writer = { 0 };
    trial_bytes frame;

    proto_put_notification(&writer, position == 0 ? "heartbeat" : "events");
    pack_put_map(&writer, position == 0 ? 1 : 2);
    if (position != 0) {
        pack_put_word(&writer, "events");
        pack_put_list(&writer, 1);
        put_event(&writer, position);
    }
    pack_put_word(&writer, "head");
    pack_put_unsigned(&writer, head);
    frame = pack_written(&writer);
    assert_int_equal(zmq_send(service->feed, "topic", 5, ZMQ_SNDMORE), 5);
    assert_int_equal(zmq_send(service->feed, frame.data, frame.size, 0), (int)frame.size);
    pack_writer_done(&writer);
}

/* Open, and wait until the subscription has come: before that a feed tells nobody. */
static trial_feed *open_feed(struct service *service, uint64_t from)
{
    trial_client_settings settings = { .endpoint = service->service_endpoint,
                                       .feed = service->feed_endpoint,
                                       .timeout_ms = WAIT_MS };
    trial_feed *feed = NULL;
    uint8_t subscription[8];

    assert_int_equal(trial_feed_open(&settings, from, &feed, NULL), TRIAL_OK);
    assert_int_equal(zmq_recv(service->feed, subscription, sizeof subscription, 0), 1);
    service->head = EVENTS;
    return feed;
}

static void assert_next(trial_feed *feed, uint64_t position)
{
    trial_arena arena = { 0 };
    trial_value *event = NULL;

    assert_int_equal(trial_feed_next(feed, WAIT_MS, &arena, &event, NULL), TRIAL_OK);
    assert_int_equal(trial_value_get_integer(event, "position"), position);
    trial_arena_done(&arena);
}

static void test_what_comes_in_order_is_handed_on_without_a_read(void **state)
{
    struct service *service = *state;
    trial_feed *feed = open_feed(service, 0);

    publish(service, 11, 11);
    publish(service, 12, 12);
    assert_next(feed, 11);
    assert_next(feed, 12);
    trial_feed_close(feed);
    assert_int_equal(service->reads, 0);
}

static void test_what_the_feed_drops_is_read_from_the_log(void **state)
{
    struct service *service = *state;
    trial_feed *feed = open_feed(service, 0);

    publish(service, 11, 11);
    publish(service, 600, 600);
    publish(service, 601, 601);
    for (uint64_t position = 11; position <= 601; position++) {
        assert_next(feed, position);
    }
    trial_feed_close(feed);
}

static void test_a_repeat_is_not_handed_on_twice(void **state)
{
    struct service *service = *state;
    trial_feed *feed = open_feed(service, 0);

    publish(service, 9, 10);
    publish(service, 11, 11);
    publish(service, 11, 11);
    publish(service, 10, 11);
    publish(service, 12, 12);
    assert_next(feed, 11);
    assert_next(feed, 12);
    trial_feed_close(feed);
}

static void test_a_heartbeat_tells_of_what_was_lost_at_the_end(void **state)
{
    struct service *service = *state;
    trial_feed *feed = open_feed(service, 0);

    publish(service, 0, 12);
    assert_next(feed, 11);
    assert_next(feed, 12);
    trial_feed_close(feed);
}

static void test_the_past_comes_first_where_it_is_asked_for(void **state)
{
    struct service *service = *state;
    trial_feed *feed = open_feed(service, 3);

    publish(service, 11, 11);
    for (uint64_t position = 3; position <= 11; position++) {
        assert_next(feed, position);
    }
    trial_feed_close(feed);
}

static void assert_another_log_is_told(struct service *service, uint64_t head)
{
    trial_feed *feed = open_feed(service, 0);
    trial_arena arena = { 0 };
    trial_value *event = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    publish(service, 11, 11);
    assert_next(feed, 11);
    service->log = "another";
    publish(service, 0, head);
    assert_int_equal(trial_feed_next(feed, WAIT_MS, &arena, &event, &err), TRIAL_CONFLICT);
    assert_non_null(strstr(err.text, "has another log now, another and not the log"));
    trial_feed_close(feed);
    trial_arena_done(&arena);
}

/* Its positions are those of other events. */
static void test_a_shorter_log_is_told(void **state)
{
    assert_another_log_is_told(*state, 5);
}

static void test_a_longer_log_is_told(void **state)
{
    assert_another_log_is_told(*state, 20);
}

static void test_an_older_copy_is_told(void **state)
{
    struct service *service = *state;
    trial_feed *feed = open_feed(service, 0);
    trial_arena arena = { 0 };
    trial_value *event = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    service->head = 5;
    publish(service, 5, 5);
    assert_int_equal(trial_feed_next(feed, WAIT_MS, &arena, &event, &err), TRIAL_CONFLICT);
    assert_non_null(strstr(err.text, "ends at position 5 now and had 10 before"));
    trial_feed_close(feed);
    trial_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_what_comes_in_order_is_handed_on_without_a_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_the_feed_drops_is_read_from_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_repeat_is_not_handed_on_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_heartbeat_tells_of_what_was_lost_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_the_past_comes_first_where_it_is_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_shorter_log_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_longer_log_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_older_copy_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
