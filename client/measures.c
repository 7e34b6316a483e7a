/* measures.c - see measures.h. */
#include "measures.h"

#define NS_PER_S 1e9
#define LABELS_DEPTH 3u /* the labels of a row, and the number under them */

const trial_value *measures_find(const trial_value *answer, trial_metric metric)
{
    const trial_metric_row *row = trial_metric_row_of(metric);

    return trial_value_get(trial_value_get(answer, trial_metric_section(row->kind)), row->name);
}

/* The numbers of a row, at whatever depth of labels: their sum, and the largest of them. */
static void walk(const trial_value *value, double *ret_sum, double *ret_most)
{
    struct level {
        const trial_value *map;
        uint32_t next;
    } levels[LABELS_DEPTH] = { { value, 0 } };
    uint32_t depth = 1;
    double number;

    *ret_sum = 0;
    *ret_most = 0;
    if (value == NULL || trial_value_as_number(value, ret_sum)) {
        *ret_most = *ret_sum;
        return;
    }
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        const trial_value *inner;

        if (level->map->kind != TRIAL_VALUE_MAP || level->next == level->map->as.map.count) {
            depth--;
            continue;
        }
        inner = level->map->as.map.entries[level->next++].value;
        if (trial_value_as_number(inner, &number)) {
            *ret_sum += number;
            *ret_most = number > *ret_most ? number : *ret_most;
        } else if (depth < LABELS_DEPTH) {
            levels[depth++] = (struct level){ inner, 0 };
        }
    }
}

double measures_sum(const trial_value *answer, trial_metric metric)
{
    double sum;
    double most;

    walk(measures_find(answer, metric), &sum, &most);
    return sum;
}

double measures_most(const trial_value *answer, trial_metric metric)
{
    double sum;
    double most;

    walk(measures_find(answer, metric), &sum, &most);
    return most;
}

trial_histogram
measures_histogram(const trial_value *answer, trial_metric metric, const char *label)
{
    const trial_value *value = trial_value_get(measures_find(answer, metric), label);
    const trial_value *buckets = trial_value_get(value, "buckets");
    const trial_value *sum = trial_value_get(value, "sum");
    trial_histogram histogram = { 0 };
    double number = 0;

    for (uint32_t i = 0; buckets != NULL && buckets->kind == TRIAL_VALUE_LIST &&
                         i < buckets->as.list.count && i < TRIAL_HISTOGRAM_BUCKETS;
         i++) {
        if (trial_value_as_number(buckets->as.list.items[i], &number)) {
            histogram.buckets[i] = (uint64_t)number;
        }
    }
    if (sum != NULL && trial_value_as_number(sum, &number) && number > 0) {
        histogram.sum_ns = (uint64_t)(number * NS_PER_S);
    }
    return histogram;
}

trial_histogram measures_since(const trial_histogram *now, const trial_histogram *before)
{
    trial_histogram since = { .sum_ns = now->sum_ns - before->sum_ns };

    for (uint32_t i = 0; i < TRIAL_HISTOGRAM_BUCKETS; i++) {
        since.buckets[i] = now->buckets[i] - before->buckets[i];
    }
    return since;
}

uint64_t measures_count(const trial_histogram *histogram)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < TRIAL_HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
    }
    return count;
}
