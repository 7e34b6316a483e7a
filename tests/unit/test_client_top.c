/* test_client_top.c - what two answers to `metrics` say between them, whatever daemons gave them.
 */
#include "test.h"

#include "measures.h"
#include "top.h"

static void
put(trial_arena *arena, trial_value *answer, trial_metric metric, const char *label, double number)
{
    const char *section = trial_metric_section(trial_metric_row_of(metric)->kind);
    const char *name = trial_metric_row_of(metric)->name;
    trial_value *map = answer;
    trial_value *value = trial_value_float(arena, number);

    if (trial_value_get(map, section) == NULL) {
        trial_value_set(arena, map, section, trial_value_map(arena));
    }
    map = trial_value_get(map, section);
    if (label != NULL && trial_value_get(map, name) == NULL) {
        trial_value_set(arena, map, name, trial_value_map(arena));
    }
    trial_value_set(arena,
                    label == NULL ? map : trial_value_get(map, name),
                    label == NULL ? name : label,
                    value);
}

/* A flush of so many in the bucket up to 128 us. */
static void put_flushes(trial_arena *arena, trial_value *answer, uint64_t count)
{
    trial_value *list = trial_value_list(arena);
    trial_value *map = trial_value_map(arena);
    trial_value *stages = trial_value_map(arena);
    trial_value *histograms = trial_value_map(arena);

    for (uint32_t i = 0; i < TRIAL_HISTOGRAM_BUCKETS; i++) {
        trial_value_push(arena, list, trial_value_unsigned(arena, i == 7 ? count : 0));
    }
    trial_value_set(arena, map, "buckets", list);
    trial_value_set(arena, map, "sum", trial_value_float(arena, (double)count * 1e-4));
    trial_value_set(arena, stages, "flush", map);
    trial_value_set(arena, histograms, "stage_seconds", stages);
    trial_value_set(arena, answer, "histograms", histograms);
}

static trial_value *
make_answer(trial_arena *arena, double started, double uptime, double events, uint64_t flushes)
{
    trial_value *answer = trial_value_map(arena);

    put(arena, answer, TRIAL_METRIC_start_time_seconds, NULL, started);
    put(arena, answer, TRIAL_METRIC_uptime_seconds, NULL, uptime);
    put(arena, answer, TRIAL_METRIC_appended_events, NULL, events);
    put(arena, answer, TRIAL_METRIC_dropped, "lines", events / 2);
    put(arena, answer, TRIAL_METRIC_dropped, "answers", events / 4);
    put_flushes(arena, answer, flushes);
    return answer;
}

static void test_rates_lie_between_two_answers(void **state)
{
    trial_arena arena = { 0 };
    top_model model = { 0 };
    trial_histogram flush;

    (void)state;
    top_model_take(&model, make_answer(&arena, 1000, 5, 100, 10));
    assert_null(model.before);
    assert_float_equal(top_model_rate(&model, TRIAL_METRIC_appended_events), 0, 0);
    flush = top_model_times(&model, TRIAL_METRIC_stage_seconds, "flush");
    assert_int_equal(measures_count(&flush), 10); /* since the start */
    top_model_take(&model, make_answer(&arena, 1000, 7, 140, 16));
    assert_float_equal(top_model_rate(&model, TRIAL_METRIC_appended_events), 20, 1e-9);
    assert_float_equal(top_model_rate(&model, TRIAL_METRIC_dropped), 15, 1e-9);
    flush = top_model_times(&model, TRIAL_METRIC_stage_seconds, "flush");
    assert_int_equal(measures_count(&flush), 6);
    assert_float_equal((double)flush.sum_ns, 600000, 1);
    assert_float_equal(measures_most(model.now, TRIAL_METRIC_dropped), 70, 1e-9);
    trial_arena_done(&arena);
}

static void test_another_run_of_the_daemon_gives_no_rate(void **state)
{
    trial_arena arena = { 0 };
    top_model model = { 0 };
    trial_histogram flush;

    (void)state;
    top_model_take(&model, make_answer(&arena, 1000, 5, 100, 10));
    top_model_take(&model, make_answer(&arena, 2000, 1, 3, 2));
    assert_null(model.before);
    assert_float_equal(top_model_rate(&model, TRIAL_METRIC_appended_events), 0, 0);
    flush = top_model_times(&model, TRIAL_METRIC_stage_seconds, "flush");
    assert_int_equal(measures_count(&flush), 2);
    top_model_take(&model, make_answer(&arena, 2000, 1, 3, 2)); /* no time has passed */
    assert_null(model.before);
    top_model_take(&model, make_answer(&arena, 2000, 2, 8, 2));
    assert_float_equal(top_model_rate(&model, TRIAL_METRIC_appended_events), 5, 1e-9);
    trial_arena_done(&arena);
}

/* A daemon of another version leaves rows out, or says something else in their place. */
static void test_what_is_not_told_is_nothing(void **state)
{
    trial_arena arena = { 0 };
    top_model model = { 0 };
    top_line lines[TOP_LINES_MAX];
    trial_value *strange = trial_value_map(&arena);
    trial_value *histograms = trial_value_map(&arena);
    trial_value *gauges = trial_value_map(&arena);
    trial_histogram times;

    (void)state;
    trial_value_set(&arena, gauges, "peers", trial_value_word(&arena, "many"));
    trial_value_set(&arena, gauges, "condition", trial_value_list(&arena));
    trial_value_set(&arena, strange, "gauges", gauges);
    trial_value_set(&arena, histograms, "stage_seconds", trial_value_word(&arena, "none"));
    trial_value_set(&arena, strange, "histograms", histograms);
    top_model_take(&model, strange);
    assert_float_equal(measures_sum(strange, TRIAL_METRIC_peers), 0, 0);
    assert_float_equal(measures_most(strange, TRIAL_METRIC_view_lag_events), 0, 0);
    times = top_model_times(&model, TRIAL_METRIC_stage_seconds, "flush");
    assert_int_equal(measures_count(&times), 0);
    assert_true(top_model_lines(&model, lines) > TRIAL_STAGE_COUNT);
    assert_string_equal(lines[0].text, "serving");
    trial_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_lie_between_two_answers),
        cmocka_unit_test(test_another_run_of_the_daemon_gives_no_rate),
        cmocka_unit_test(test_what_is_not_told_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
