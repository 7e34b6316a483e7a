/* test_subscribers.c - whatever a peer takes or leaves, and however far it falls behind, it is sent
 * every event it asked for once and in order. */
#include "desk.h"
#include "subscribers.h"

#include <time.h>

#define EVENTS 1866u
#define ROUNDS 40

static unsigned seed;

static unsigned pick(unsigned least, unsigned most)
{
    seed = seed * 1103515245u + 12345u;
    return least + (seed >> 8) % (most - least + 1);
}

/* One peer with one subscription, and what came to it. */
struct peer {
    uint64_t subscription;
    uint64_t positions[EVENTS];
    uint32_t count;
    uint32_t live;
    uint32_t heartbeats;
    uint32_t allowed; /* credit it gave and has not been sent */
    unsigned moods;   /* of so many sends, one is not taken */
};

/* Take a notification as a peer does; now and then take nothing. */
static subscribers_sent take(void *context, trial_bytes id, bool is_delimited, trial_bytes bytes)
{
    const proto_frame_limits limits = { UINT32_MAX, 16384, TRIAL_EVENT_DEPTH_DEFAULT };
    trial_error err = TRIAL_ERROR_NONE;
    trial_arena arena = { 0 };
    struct peer *peer = context;
    trial_value *params = NULL;
    const trial_value *events;
    proto_frame frame;
    pack_reader reader;

    (void)is_delimited;
    assert_int_equal(id.size, 4);
    if (peer->moods > 0 && pick(0, peer->moods) == 0) {
        return SUBSCRIBERS_FULL;
    }
    assert_true(bytes.size <= TRIAL_REQUEST_BYTES_DEFAULT);
    assert_int_equal(proto_frame_read(bytes, &limits, &frame, &err), TRIAL_OK);
    reader = pack_reader_of(frame.params);
    assert_int_equal(pack_value(&reader, &arena, &params, &err), TRIAL_OK);
    assert_int_equal(trial_value_get_integer(params, "subscription"), peer->subscription);
    peer->live += trial_text_is(frame.method, "live") ? 1 : 0;
    peer->heartbeats += trial_text_is(frame.method, "heartbeat") ? 1 : 0;
    events = trial_value_get(params, "events");
    for (uint32_t i = 0; events != NULL && i < events->as.list.count; i++) {
        assert_true(peer->allowed > 0);
        peer->allowed--;
        peer->positions[peer->count++] =
            (uint64_t)trial_value_get_integer(events->as.list.items[i], "position");
    }
    trial_arena_done(&arena);
    return SUBSCRIBERS_SENT;
}

/* What a peer may ask for, and the same as a filter over the whole log. */
static const struct wish {
    const char *subject;
    const char *type;
    const char *programme;
} wishes[] = {
    { NULL, NULL, NULL },
    { "trial/", NULL, NULL },
    { "trial/ff2-018", NULL, NULL },
    { NULL, "measurement.recorded", NULL },
    { NULL, "trial.", "ff2" },
    { NULL, NULL, "ff2" },
    { NULL, NULL, "none" },
    { "network/", "network.", "ff2" },
};

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_wanted(const struct wish *wish, const proto_record *record)
{
    char subject[TRIAL_SUBJECT_BYTES_MAX + 1];
    char type[TRIAL_TYPE_BYTES_MAX + 1];

    (void)snprintf(subject, sizeof subject, "%.*s", TRIAL_TEXT_ARGS(record->subject));
    (void)snprintf(type, sizeof type, "%.*s", TRIAL_TEXT_ARGS(record->type));
    return (wish->subject == NULL || starts(subject, wish->subject)) &&
           (wish->type == NULL || starts(type, wish->type)) &&
           (wish->programme == NULL ||
            (strcmp(wish->programme, "ff2") == 0 && !starts(subject, "municipality/")));
}

static void give_credit(subscribers *s, struct peer *peer, uint32_t add)
{
    pack_writer params = { 0 };

    pack_put_map(&params, 2);
    pack_put_word(&params, "add");
    pack_put_unsigned(&params, add);
    pack_put_word(&params, "subscription");
    pack_put_unsigned(&params, peer->subscription);
    subscribers_credit(s, (trial_bytes){ (const uint8_t *)"else", 4 }, pack_written(&params), 0);
    subscribers_credit(s, (trial_bytes){ (const uint8_t *)"peer", 4 }, pack_written(&params), 0);
    pack_writer_done(&params);
    peer->allowed += add;
}

/* Let the readers' part be done at once, some of the time. */
static void serve_pages(desk *d, subscribers *s, uint64_t head, uint64_t now_ms)
{
    readers_job *job;

    while (pick(0, 2) > 0 && (job = subscribers_next_page(s, head, now_ms)) != NULL) {
        job->filter.choice.known_position = head; /* the log has more than has been handed over */
        job->range.bytes = TRIAL_REQUEST_BYTES_DEFAULT / 2;
        job->code = answers_page_read(
            d->store, NULL, &d->known, &job->filter, &job->range, &job->page, &job->err);
        assert_int_equal(job->code, TRIAL_OK);
        job->page.head = head;
        subscribers_take_page(s, job, now_ms);
        readers_job_done(job);
    }
}

/* The log's events from `head` on, as a turn of `count` of them would hand them over. */
static void hand_over(desk *d, subscribers *s, uint64_t head, uint32_t count)
{
    trial_arena arena = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    engine_added *added = trial_arena_take(&arena, count * sizeof *added);

    for (uint32_t i = 0; i < count; i++) {
        trial_bytes bytes;

        assert_int_equal(store_get_record(d->store, head + i + 1, &bytes, &err), TRIAL_OK);
        assert_int_equal(
            proto_record_read(trial_arena_bytes(&arena, bytes), &added[i].record, &err), TRIAL_OK);
        if (!trial_text_starts(added[i].record.subject, TRIAL_TEXT("municipality/"))) {
            added[i].programmes[0] = TRIAL_TEXT("ff2");
        }
    }
    subscribers_add(s, added, count);
    trial_arena_done(&arena);
}

static void
assert_all_came(desk *d, const struct wish *wish, const struct peer *peer, uint64_t from)
{
    trial_error err = TRIAL_ERROR_NONE;
    uint32_t seen = 0;

    for (uint64_t position = from; position <= EVENTS; position++) {
        proto_record record;
        trial_bytes bytes;

        assert_int_equal(store_get_record(d->store, position, &bytes, &err), TRIAL_OK);
        assert_int_equal(proto_record_read(bytes, &record, &err), TRIAL_OK);
        if (is_wanted(wish, &record)) {
            assert_true(seen < peer->count);
            assert_int_equal(peer->positions[seen], position);
            seen++;
        }
    }
    assert_int_equal(seen, peer->count);
    assert_int_equal(peer->live, 1);
    assert_true(peer->heartbeats > 0);
}

static void one_round(desk *d)
{
    named_list unnamed = { 0 };
    const struct wish *wish = &wishes[pick(0, sizeof wishes / sizeof wishes[0] - 1)];
    trial_text type = trial_text_of(wish->type);
    struct trial_request_subscribe request = { .subject = trial_text_of(wish->subject),
                                               .programme = trial_text_of(wish->programme) };
    struct peer *peer = calloc(1, sizeof *peer);
    subscribers *s = subscribers_new(TRIAL_REQUEST_BYTES_DEFAULT, &unnamed, take, peer);
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t head = pick(0, EVENTS / 2);
    uint64_t now_ms = 0;
    uint64_t from = pick(0, 1) == 0 ? pick(1, (unsigned)head + 1) : head + 1;

    peer->moods = pick(0, 3);
    request.types.items = &type;
    request.types.count = wish->type == NULL ? 0 : 1;
    request.from = (trial_integer){ (int64_t)(from == head + 1 ? 0 : from), true };
    request.credit = (trial_integer){ 0, true };
    assert_int_equal(subscribers_open(s,
                                      (trial_bytes){ (const uint8_t *)"peer", 4 },
                                      false,
                                      &request,
                                      NULL,
                                      0,
                                      head,
                                      now_ms,
                                      &peer->subscription,
                                      &err),
                     TRIAL_OK);
    for (int quiet = 0; quiet < 400; now_ms += 25) {
        uint32_t count = pick(0, 60);

        count = count < EVENTS - head ? count : (uint32_t)(EVENTS - head);
        hand_over(d, s, head, count);
        head += count;
        quiet += head == EVENTS ? 1 : 0;
        give_credit(s, peer, pick(0, 9) == 0 ? EVENTS : pick(0, 40));
        subscribers_pump(s, head, now_ms);
        assert_true(subscribers_due_ms(s) > now_ms);
        assert_true(subscribers_due_ms(s) <= now_ms + TRIAL_HEARTBEAT_MS);
        serve_pages(d, s, head, now_ms);
    }
    assert_all_came(d, wish, peer, from);
    subscribers_done(s);
    free(peer);
}

static void test_every_event_comes_once_and_in_order(void **state)
{
    desk *d = *state;
    trial_error err = TRIAL_ERROR_NONE;

    desk_import(d, 0, EVENTS, 1000);
    assert_int_equal(store_commit_all(d->store, &err), TRIAL_OK);
    for (int round = 0; round < ROUNDS; round++) {
        one_round(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_every_event_comes_once_and_in_order, desk_setup, desk_teardown),
    };
    const char *given = getenv("TRIAL_SEED");

    seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("TRIAL_SEED=%u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
