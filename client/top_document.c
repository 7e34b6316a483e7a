/* top_document.c - one interval of `trialctl top` as a document for programs: every row of
 * metrics.def, by its name. */
#include "measures.h"
#include "top.h"

static bool number_of(const trial_value *value, double *ret_number)
{
    return value != NULL && trial_value_as_number(value, ret_number);
}

static trial_value *
rate_of(trial_arena *arena, double seconds, const trial_value *now, const trial_value *before)
{
    double after = 0;
    double earlier = 0;

    (void)number_of(now, &after);
    (void)number_of(before, &earlier); /* what was not there was not counted yet */
    return trial_value_float(arena, (after - earlier) / seconds);
}

/* A counter's rates, in the maps that its labels make: two deep at most. */
static trial_value *make_rates(const top_model *model, trial_metric metric, trial_arena *arena)
{
    const trial_value *now = measures_find(model->now, metric);
    const trial_value *before = measures_find(model->before, metric);
    trial_value *map;
    double ignored;

    if (number_of(now, &ignored)) {
        return rate_of(arena, model->seconds, now, before);
    }
    map = trial_value_map(arena);
    for (uint32_t i = 0; now != NULL && now->kind == TRIAL_VALUE_MAP && i < now->as.map.count;
         i++) {
        const trial_entry *entry = &now->as.map.entries[i];
        const trial_value *earlier = trial_value_find(before, entry->name);
        trial_value *inner;

        if (number_of(entry->value, &ignored)) {
            trial_value_append(
                arena, map, entry->name, rate_of(arena, model->seconds, entry->value, earlier));
            continue;
        }
        inner = trial_value_map(arena);
        for (uint32_t k = 0;
             entry->value->kind == TRIAL_VALUE_MAP && k < entry->value->as.map.count;
             k++) {
            const trial_entry *deep = &entry->value->as.map.entries[k];

            trial_value_append(
                arena,
                inner,
                deep->name,
                rate_of(arena, model->seconds, deep->value, trial_value_find(earlier, deep->name)));
        }
        trial_value_append(arena, map, entry->name, inner);
    }
    return map;
}

static trial_value *make_times(const top_model *model, trial_metric metric, trial_arena *arena)
{
    const trial_value *labels = measures_find(model->now, metric);
    trial_value *map = trial_value_map(arena);

    for (uint32_t i = 0;
         labels != NULL && labels->kind == TRIAL_VALUE_MAP && i < labels->as.map.count;
         i++) {
        trial_text name = labels->as.map.entries[i].name;
        trial_text label = trial_arena_print(arena, "%.*s", TRIAL_TEXT_ARGS(name));
        trial_histogram times = top_model_times(model, metric, label.at);
        trial_value *one = trial_value_map(arena);

        trial_value_set(arena,
                        one,
                        "rate",
                        trial_value_float(arena, (double)measures_count(&times) / model->seconds));
        trial_value_set(arena,
                        one,
                        "p50",
                        trial_value_float(arena, trial_histogram_quantile_us(&times, 0.5) / 1e6));
        trial_value_set(arena,
                        one,
                        "p99",
                        trial_value_float(arena, trial_histogram_quantile_us(&times, 0.99) / 1e6));
        trial_value_append(arena, map, name, one);
    }
    return map;
}

trial_value *top_model_document(const top_model *model, trial_arena *arena)
{
    trial_value *document = trial_value_map(arena);
    trial_value *rates = trial_value_map(arena);
    trial_value *times = trial_value_map(arena);

    trial_value_set(arena, document, "seconds", trial_value_float(arena, model->seconds));
    trial_value_set(arena, document, "rates", rates);
    trial_value_set(arena, document, "times", times);
    trial_value_set(arena,
                    document,
                    "gauges",
                    trial_value_get(model->now, trial_metric_section(TRIAL_METRIC_GAUGE)));
    for (trial_metric metric = 0; metric < TRIAL_METRIC_COUNT; metric++) {
        const trial_metric_row *row = trial_metric_row_of(metric);

        if (row->kind == TRIAL_METRIC_COUNTER) {
            trial_value_set(arena, rates, row->name, make_rates(model, metric, arena));
        } else if (row->kind == TRIAL_METRIC_HISTOGRAM) {
            trial_value_set(arena, times, row->name, make_times(model, metric, arena));
        }
    }
    return document;
}
