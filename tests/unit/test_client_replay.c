/* test_client_replay.c - trial_replay against a daemon that answers page by page. */
#include "test.h"

#include "frame.h"
#include "trial/client.h"

#include <pthread.h>
#include <stdlib.h>
#include <zmq.h>

#define WAIT_MS 10000 /* of what must come: long, for a busy machine */
#define ASKED_MAX 8

/* One answer: `count` events from a position on and `next`; or, with no count, an error or rubbish.
 */
struct page {
    uint64_t position;
    uint32_t count;
    uint64_t next;
    bool is_error;
    bool is_rubbish;
};

struct daemon {
    void *context;
    void *router;
    char endpoint[64];
    const struct page *pages;
    size_t count;
    size_t held;               /* so many answers at first go out in the wrong order */
    uint64_t asked[ASKED_MAX]; /* `from` of each read */
    bool has_programme;
    pthread_t thread;
};

static void put_page(pack_writer *writer, const struct page *page)
{
    pack_put_map(writer, 3);
    pack_put_word(writer, "events");
    pack_put_list(writer, page->count);
    for (uint64_t at = page->position; at < page->position + page->count; at++) {
        pack_put_map(writer, 6);
        pack_put_word(writer, "data");
        pack_put_map(writer, 0);
        pack_put_word(writer, "extra");
        pack_put_list(writer, 0);
        pack_put_word(writer, "id");
        pack_put_word(writer, at % 2 == 0 ? "even" : "odd");
        pack_put_word(writer, "position");
        pack_put_unsigned(writer, at);
        pack_put_word(writer, "revision");
        pack_put_unsigned(writer, 7);
        pack_put_word(writer, "type");
        pack_put_word(writer, "trial.started");
    }
    pack_put_word(writer, "head");
    pack_put_unsigned(writer, 99);
    pack_put_word(writer, "next");
    pack_put_unsigned(writer, page->next);
}

static void put_answer(pack_writer *writer, uint32_t msgid, const struct page *page)
{
    trial_error err = TRIAL_ERROR_NONE;

    if (page->is_error) {
        (void)trial_fail(&err, TRIAL_STORAGE, "a record of the log is damaged");
        proto_put_error(writer, msgid, &err);
        return;
    }
    proto_put_result(writer, msgid);
    if (page->is_rubbish) {
        pack_put_map(writer, 1);
        pack_put_word(writer, "events");
        pack_put_word(writer, "many");
    } else {
        put_page(writer, page);
    }
}

/* cmocka's assertions belong to the thread of the test: this one only answers. */
static void *serve(void *context)
{
    const proto_frame_limits limits = { 1u << 20, 1024, 16 };
    struct daemon *d = context;
    pack_writer held[ASKED_MAX] = { 0 };

    for (size_t i = 0; i < d->count; i++) {
        uint8_t address[256];
        uint8_t bytes[8192];
        int address_size = zmq_recv(d->router, address, sizeof address, 0);
        int size = zmq_recv(d->router, bytes, sizeof bytes, 0);
        trial_arena arena = { 0 };
        pack_writer writer = { 0 };
        trial_request request;
        proto_frame frame;

        if (address_size < 0 || size < 0 ||
            proto_frame_read((trial_bytes){ bytes, (size_t)size }, &limits, &frame, NULL) != 0 ||
            proto_request_read(&frame, &arena, &request, NULL) != 0) {
            break;
        }
        d->asked[i] = (uint64_t)request.as.read.from.value;
        d->has_programme = trial_text_is(request.as.read.programme, "ff2");
        put_answer(&writer, frame.msgid, &d->pages[i]);
        held[i] = writer;
        for (size_t k = i + 1; i + 1 >= d->held && k > 0 && held[k - 1].data != NULL; k--) {
            (void)zmq_send(d->router, address, (size_t)address_size, ZMQ_SNDMORE);
            (void)zmq_send(d->router, held[k - 1].data, held[k - 1].size, 0);
            pack_writer_done(&held[k - 1]);
        }
        trial_arena_done(&arena);
    }
    return NULL;
}

static trial_replay *begin(struct daemon *d,
                           const struct page *pages,
                           size_t count,
                           uint64_t from,
                           const trial_value *filters)
{
    size_t size = sizeof d->endpoint;
    trial_client_settings settings = { .endpoint = d->endpoint, .timeout_ms = WAIT_MS };
    trial_replay *replay = NULL;
    int wait_ms = WAIT_MS;

    d->pages = pages;
    d->count = count;
    d->context = zmq_ctx_new();
    d->router = zmq_socket(d->context, ZMQ_ROUTER);
    assert_int_equal(zmq_setsockopt(d->router, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms), 0);
    assert_int_equal(zmq_bind(d->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(d->router, ZMQ_LAST_ENDPOINT, d->endpoint, &size), 0);
    assert_int_equal(pthread_create(&d->thread, NULL, serve, d), 0);
    assert_int_equal(trial_replay_open(&settings, from, filters, &replay, NULL), TRIAL_OK);
    return replay;
}

static void end(struct daemon *d, trial_replay *replay)
{
    assert_int_equal(pthread_join(d->thread, NULL), 0); /* every page was asked for */
    trial_replay_close(replay);
    (void)zmq_close(d->router);
    (void)zmq_ctx_term(d->context);
}

static void assert_next(trial_replay *replay, uint64_t position)
{
    const trial_replayed *event = NULL;

    assert_int_equal(trial_replay_next(replay, &event, NULL), TRIAL_OK);
    if (position == 0) {
        assert_null(event);
        return;
    }
    assert_non_null(event);
    assert_int_equal(event->position, position);
    assert_int_equal(event->revision, 7);
    assert_text_is(event->id, position % 2 == 0 ? "even" : "odd");
    assert_text_is(event->type, "trial.started");
    assert_null(event->subject.at);
    assert_int_equal(event->data.size, 1);
    assert_int_equal(event->event.data[0], 0x86);
    assert_ptr_equal(event->event.data + event->event.size, event->type.at + event->type.size);
}

static void test_a_replay_hands_out_every_event_and_then_the_end(void **state)
{
    static const struct page pages[] = {
        { 5, 3, 10, false, false }, { 10, 2, 14, false, false },
        { 0, 0, 20, false, false }, /* nothing here fits the filters; there is more */
        { 20, 1, 0, false, false }, { 21, 2, 0, false, false }, /* came later */
    };
    static const uint64_t wanted[] = { 5, 6, 7, 10, 11, 20, 0, 21, 22 };
    struct daemon d = { 0 };
    trial_arena arena = { 0 };
    trial_value *filters = trial_value_map(&arena);
    trial_replay *replay;

    (void)state;
    trial_value_set(&arena, filters, "programme", trial_value_word(&arena, "ff2"));
    replay = begin(&d, pages, COUNT_OF(pages), 5, filters);
    trial_arena_done(&arena); /* the filters were copied */
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_next(replay, wanted[i]);
    }
    end(&d, replay);
    assert_true(d.has_programme);
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        static const uint64_t asked[] = { 5, 10, 14, 20, 21 };

        assert_int_equal(d.asked[i], asked[i]);
    }
}

static void test_what_fails_is_said_and_asked_for_again(void **state)
{
    static const struct page pages[] = {
        { 1, 2, 3, false, false }, { .is_error = true },
        { .is_rubbish = true },    { 2, 1, 0, false, false }, /* not behind the last one */
        { 3, 1, 0, false, false },
    };
    static const trial_code codes[] = { TRIAL_STORAGE, TRIAL_MALFORMED, TRIAL_MALFORMED };
    struct daemon d = { 0 };
    const trial_value none = { .kind = TRIAL_VALUE_MAP };
    trial_replay *replay = begin(&d, pages, COUNT_OF(pages), 0, &none);
    const trial_replayed *event = NULL;

    (void)state;
    assert_next(replay, 1);
    assert_next(replay, 2);
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        trial_error err = TRIAL_ERROR_NONE;

        assert_int_equal(trial_replay_next(replay, &event, &err), codes[i]);
        assert_string_not_equal(err.text, "");
    }
    assert_next(replay, 3);
    end(&d, replay);
    assert_int_equal(d.asked[4], 3);
}

/* Pages behind the next one are asked for where they must begin; when one is cut short, those on
 * their way are passed over. */
static void test_pages_ahead_are_asked_for_and_given_up_when_one_is_short(void **state)
{
    static const struct page pages[] = {
        { 1, 1024, 1025, false, false }, { 1025, 3, 1028, false, false },
        { 2049, 9, 0, false, false },    { .is_error = true },
        { .is_rubbish = true },          { 1028, 2, 0, false, false },
    };
    static const uint64_t asked[] = { 1, 1025, 2049, 3073, 4097, 1028 };
    struct daemon d = { .held = 3 };
    trial_replay *replay = begin(&d, pages, COUNT_OF(pages), 0, NULL);

    (void)state;
    for (uint64_t position = 1; position < 1030; position++) {
        assert_next(replay, position);
    }
    assert_next(replay, 0);
    end(&d, replay);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        assert_int_equal(d.asked[i], asked[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_replay_hands_out_every_event_and_then_the_end),
        cmocka_unit_test(test_pages_ahead_are_asked_for_and_given_up_when_one_is_short),
        cmocka_unit_test(test_what_fails_is_said_and_asked_for_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
