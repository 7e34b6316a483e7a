/* test_board_parts.c - the ring that streams are fed from, and the text that monitors read. */
#include "test.h"

#include "metrics.h"
#include "ring.h"

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

static void test_metrics_of_a_status(void **state)
{
    static const board_counts counts = { 0 };
    trial_arena arena = { 0 };
    trial_value *status = trial_value_map(&arena);
    trial_value *views = trial_value_map(&arena);
    trial_value *dropped = trial_value_map(&arena);
    trial_value *stores = trial_value_map(&arena);
    trial_value *lmdb = trial_value_map(&arena);
    trial_value *list = trial_value_list(&arena);
    trial_value *condition = trial_value_map(&arena);
    char *text;

    (void)state;
    trial_value_set(&arena, status, "head", trial_value_integer(&arena, 12));
    trial_value_set(&arena, status, "log", trial_value_word(&arena, "a\"b\\c\nd"));
    trial_value_set(&arena, status, "started", trial_value_word(&arena, "1970-01-01T00:01:00.5Z"));
    trial_value_set(&arena, views, "trial", trial_value_integer(&arena, 10));
    trial_value_set(&arena, status, "views", views);
    trial_value_set(&arena, dropped, "lines", trial_value_unsigned(&arena, 4));
    trial_value_set(&arena, status, "dropped", dropped);
    trial_value_set(&arena, lmdb, "oldest_ms", trial_value_integer(&arena, 1500));
    trial_value_set(&arena, lmdb, "refusing", trial_value_truth(&arena, true));
    trial_value_set(&arena, lmdb, "readers", trial_value_word(&arena, "many"));
    trial_value_set(&arena, stores, "lmdb", lmdb);
    trial_value_set(&arena, status, "stores", stores);
    trial_value_set(&arena, condition, "name", trial_value_word(&arena, "damaged"));
    trial_value_push(&arena, list, condition);
    trial_value_set(&arena, status, "conditions", list);
    text = metrics_of(true, status, &counts);
    assert_non_null(strstr(text, "\ntriald_up 1\n"));
    assert_non_null(strstr(text, "\ntriald_log_size_events 12\n"));
    assert_non_null(strstr(text, ",log=\"a\\\"b\\\\c\\nd\"} 1\n"));
    assert_non_null(strstr(text, "\ntriald_start_time_seconds 60.500000\n"));
    assert_non_null(strstr(text, "\ntriald_view_position{view=\"trial\"} 10\n"));
    assert_non_null(strstr(text, "\ntriald_view_lag_events{view=\"trial\"} 2\n"));
    assert_non_null(strstr(text, "\ntriald_dropped_total{what=\"lines\"} 4\n"));
    assert_non_null(strstr(text, "\ntriald_lmdb_oldest_reader_age_seconds 1.500\n"));
    assert_non_null(strstr(text, "\ntriald_refusing 1\n"));
    assert_non_null(strstr(text, "\ntriald_lmdb_readers NaN\n"));
    assert_non_null(strstr(text, "\ntriald_condition{condition=\"damaged\"} 1\n"));
    assert_non_null(strstr(text, "\ntriald_condition{condition=\"low-space\"} 0\n"));
    assert_null(strstr(text, "triald_peers")); /* an older daemon does not tell */
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
        cmocka_unit_test(test_metrics_of_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
