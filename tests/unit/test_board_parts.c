/* test_board_parts.c - the ring that streams are fed from, and the text that monitors read. */
#include "test.h"

#include "metrics.h"
#include "ring.h"
#include "trial/metrics.h"

#include <stdlib.h>

static trial_value *event_at(trial_arena *arena, uint64_t position)
{
    trial_value *event = trial_value_map(arena);

    trial_value_set(arena, event, "position", trial_value_unsigned(arena, position));
    trial_value_set(arena, event, "subject", trial_value_word(arena, "trial/a"));
    trial_value_set(arena, event, "type", trial_value_word(arena, "trial.started"));
    return event;
}

static void add(board_ring *ring, trial_arena *arena, uint64_t position)
{
    ring_add(ring, frame_of_event(event_at(arena, position)));
}

static void test_a_frame_is_a_message(void **state)
{
    static const char wanted[] =
        "id: 7\nevent: event\ndata: {\"position\":7,\"subject\":\"trial/a\","
        "\"type\":\"trial.started\"}\n\n";
    trial_arena arena = { 0 };
    board_frame *frame = frame_of_event(event_at(&arena, 7));

    (void)state;
    assert_int_equal(frame->size, sizeof wanted - 1);
    assert_memory_equal(frame->bytes, wanted, frame->size);
    assert_text_is(frame->type, "trial.started");
    assert_text_is(frame->subject, "trial/a");
    frame_release(frame);
    frame = frame_of_word("live", 3, "{}");
    assert_memory_equal(frame->bytes, "id: 3\nevent: live\ndata: {}\n\n", frame->size);
    frame_release(frame);
    frame = frame_of_word("heartbeat", 0, "{}");
    assert_memory_equal(frame->bytes, "event: heartbeat\ndata: {}\n\n", frame->size);
    frame_release(frame);
    frame = frame_of_word("reset", FRAME_NO_PLACE, "{}");
    assert_memory_equal(frame->bytes, "id\nevent: reset\ndata: {}\n\n", frame->size);
    frame_release(frame);
    trial_arena_done(&arena);
}

static void test_a_ring_keeps_the_newest(void **state)
{
    trial_arena arena = { 0 };
    board_ring ring;

    (void)state;
    ring_init(&ring, 4, 1 << 20);
    ring_place(&ring, 10);
    assert_int_equal(ring.from, 11);
    assert_null(ring_at(&ring, ring_find(&ring, 11)));
    for (uint64_t position = 12; position <= 20; position += 2) { /* 12 14 16 18 20 */
        add(&ring, &arena, position);
    }
    assert_int_equal(ring.count, 4);
    assert_int_equal(ring.first, 1);
    assert_int_equal(ring.from, 13); /* behind the one that went */
    assert_int_equal(ring.last, 20);
    assert_int_equal(ring_at(&ring, ring_find(&ring, 13))->position, 14);
    assert_int_equal(ring_at(&ring, ring_find(&ring, 16))->position, 16);
    assert_int_equal(ring_at(&ring, ring_find(&ring, 17))->position, 18);
    assert_null(ring_at(&ring, ring_find(&ring, 21)));
    ring_place(&ring, 0);
    assert_int_equal(ring.count, 0);
    assert_int_equal(ring.from, 1);
    ring_done(&ring);
    trial_arena_done(&arena);
}

static void test_a_ring_is_bound_by_bytes_too(void **state)
{
    trial_arena arena = { 0 };
    board_ring ring;
    board_frame *held;

    (void)state;
    ring_init(&ring, 100, 200);
    add(&ring, &arena, 1);
    held = frame_hold(ring_at(&ring, 0));
    for (uint64_t position = 2; position <= 50; position++) {
        add(&ring, &arena, position);
    }
    assert_true(ring.bytes <= 200);
    assert_true(ring.count >= 1 && ring.count < 4);
    assert_int_equal(ring.from, ring.last - ring.count + 1);
    assert_int_equal(held->position, 1); /* whoever is sending it has it still */
    frame_release(held);
    ring_done(&ring);
    ring_init(&ring, 100, 1);
    add(&ring, &arena, 1);
    assert_int_equal(ring.count, 1); /* one event is kept whatever its size */
    ring_done(&ring);
    trial_arena_done(&arena);
}

static char *metrics_of(bool is_open, const trial_value *status, const board_counts *counts)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = trial_memory_stream(&text, &size);

    metrics_write(out, is_open, status, counts);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_metrics_of_a_daemon_that_is_away(void **state)
{
    static const board_counts counts = { .streams = 3, .events_sent = 9, .answers[404 - 100] = 2 };
    char *text = metrics_of(true, NULL, &counts);

    (void)state;
    assert_non_null(strstr(text, "\ntriald_up 0\n"));
    assert_null(strstr(text, "triald_log_size_events"));
    assert_non_null(strstr(text, "# TYPE trialboard_events_sent counter\n"));
    assert_non_null(strstr(text, "\ntrialboard_events_sent_total 9\n"));
    assert_non_null(strstr(text, "\ntrialboard_streams 3\n"));
    assert_non_null(strstr(text, "\ntrialboard_answers_total{code=\"404\"} 2\n"));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    free(text);
    text = metrics_of(false, NULL, &counts);
    assert_non_null(strstr(text, "# TYPE trialboard_events_sent_total counter\n"));
    assert_non_null(strstr(text, "# TYPE trialboard_build_info gauge\n"));
    assert_null(strstr(text, "# EOF"));
    assert_null(strstr(text, "# UNIT"));
    free(text);
}

/* Set the value at the end of a path of names, making the maps on the way. */
static void
put(trial_arena *arena, trial_value *answer, const char *const *path, trial_value *value)
{
    trial_value *map = answer;

    for (; path[1] != NULL; path++) {
        if (trial_value_get(map, path[0]) == NULL) {
            trial_value_set(arena, map, path[0], trial_value_map(arena));
        }
        map = trial_value_get(map, path[0]);
    }
    trial_value_set(arena, map, path[0], value);
}
#define PUT(value, ...) put(&arena, answer, (const char *const[]){ __VA_ARGS__, NULL }, value)

static void put_flushes(trial_arena *arena, trial_value *answer, uint32_t buckets)
{
    trial_value *list = trial_value_list(arena);

    for (uint32_t i = 0; i < buckets; i++) {
        uint64_t number = i == 0 ? 1 : i == 7 ? 5 : i == TRIAL_HISTOGRAM_BOUNDS ? 2 : 0;

        trial_value_push(arena, list, trial_value_unsigned(arena, number));
    }
    put(arena,
        answer,
        (const char *const[]){ "histograms", "stage_seconds", "flush", "buckets", NULL },
        list);
    put(arena,
        answer,
        (const char *const[]){ "histograms", "stage_seconds", "flush", "sum", NULL },
        trial_value_float(arena, 1.5));
}

static void test_metrics_of_a_daemon(void **state)
{
    static const board_counts counts = { 0 };
    trial_arena arena = { 0 };
    trial_value *answer = trial_value_map(&arena);
    char *text;

    (void)state;
    PUT(trial_value_word(&arena, "a\"b\\c\nd"), "log");
    PUT(trial_value_integer(&arena, 12), "gauges", "log_size_events");
    PUT(trial_value_float(&arena, 60.5), "gauges", "start_time_seconds");
    PUT(trial_value_integer(&arena, 2), "gauges", "view_lag_events", "trial");
    PUT(trial_value_word(&arena, "many"), "gauges", "lmdb_readers");
    PUT(trial_value_unsigned(&arena, 4), "counters", "dropped", "lines");
    PUT(trial_value_integer(&arena, 7), "counters", "requests", "append", "no-space");
    PUT(trial_value_integer(&arena, 9), "counters", "requests", "read", "ok");
    put_flushes(&arena, answer, TRIAL_HISTOGRAM_BUCKETS);
    text = metrics_of(true, answer, &counts);
    assert_non_null(strstr(text, "\ntriald_up 1\n"));
    assert_non_null(strstr(text, "\ntriald_log_size_events 12\n"));
    assert_non_null(strstr(text, ",log=\"a\\\"b\\\\c\\nd\"} 1\n"));
    assert_non_null(strstr(text, "\ntriald_start_time_seconds 60.5\n"));
    assert_non_null(strstr(text, "\ntriald_view_lag_events{view=\"trial\"} 2\n"));
    assert_non_null(strstr(text, "\ntriald_lmdb_readers NaN\n"));
    assert_non_null(strstr(text, "\ntriald_dropped_total{what=\"lines\"} 4\n"));
    assert_non_null(
        strstr(text, "\ntriald_requests_total{method=\"append\",code=\"no-space\"} 7\n"));
    assert_non_null(strstr(text, "\ntriald_requests_total{method=\"read\",code=\"ok\"} 9\n"));
    assert_non_null(strstr(text, "\n# TYPE triald_stage_seconds histogram\n"));
    assert_non_null(
        strstr(text, "\ntriald_stage_seconds_bucket{stage=\"flush\",le=\"0.000001\"} 1\n"));
    assert_non_null(
        strstr(text, "\ntriald_stage_seconds_bucket{stage=\"flush\",le=\"0.000064\"} 1\n"));
    assert_non_null(
        strstr(text, "\ntriald_stage_seconds_bucket{stage=\"flush\",le=\"0.000128\"} 6\n"));
    assert_non_null(
        strstr(text, "\ntriald_stage_seconds_bucket{stage=\"flush\",le=\"8.388608\"} 6\n"));
    assert_non_null(strstr(text, "\ntriald_stage_seconds_bucket{stage=\"flush\",le=\"+Inf\"} 8\n"));
    assert_non_null(strstr(text, "\ntriald_stage_seconds_count{stage=\"flush\"} 8\n"));
    assert_non_null(strstr(text, "\ntriald_stage_seconds_sum{stage=\"flush\"} 1.5\n"));
    assert_null(strstr(text, "triald_peers")); /* an older daemon does not tell */
    free(text);
    put_flushes(&arena, answer, TRIAL_HISTOGRAM_BUCKETS - 1);
    text = metrics_of(true, answer, &counts);
    assert_null(strstr(text, "stage=\"flush\"")); /* bounds that nobody knows */
    free(text);
    trial_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_is_a_message),
        cmocka_unit_test(test_a_ring_keeps_the_newest),
        cmocka_unit_test(test_a_ring_is_bound_by_bytes_too),
        cmocka_unit_test(test_metrics_of_a_daemon_that_is_away),
        cmocka_unit_test(test_metrics_of_a_daemon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
