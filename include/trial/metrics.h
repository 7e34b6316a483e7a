/* metrics.h - what the daemon measures of itself: the rows of metrics.def and stages.def, and the
 * histogram that times are kept in. */
#ifndef TRIAL_METRICS_H
#define TRIAL_METRICS_H

#include "trial/base.h"

typedef enum trial_metric {
#define METRIC(kind, lower, unit, labels, doc) TRIAL_METRIC_##lower,
#include "trial/metrics.def"
    TRIAL_METRIC_COUNT
} trial_metric;

typedef enum trial_metric_kind {
    TRIAL_METRIC_COUNTER,
    TRIAL_METRIC_GAUGE,
    TRIAL_METRIC_HISTOGRAM,
} trial_metric_kind;

/** One row of metrics.def. */
typedef struct trial_metric_row {
    trial_metric_kind kind;
    const char *name;
    const char *unit;   /* "" for a plain number */
    const char *labels; /* with commas between; "" for none */
    const char *doc;
} trial_metric_row;

const trial_metric_row *trial_metric_row_of(trial_metric metric);

/** The key of a kind in the answer to `metrics`: counters, gauges, histograms. */
const char *trial_metric_section(trial_metric_kind kind);

/** The stages of stages.def. */
typedef enum trial_stage {
#define STAGE(lower, doc) TRIAL_STAGE_##lower,
#include "trial/stages.def"
    TRIAL_STAGE_COUNT
} trial_stage;

typedef struct trial_stage_row {
    const char *name;
    const char *doc;
} trial_stage_row;

const trial_stage_row *trial_stage_row_of(trial_stage stage);

/* A bucket takes what is at most its bound: 1, 2, 4 ... 8,388,608 µs; one more takes the rest. A
 * flush takes some tens of microseconds, and one of over eight seconds is no matter of degree. */
#define TRIAL_HISTOGRAM_BOUNDS 24u
#define TRIAL_HISTOGRAM_BUCKETS (TRIAL_HISTOGRAM_BOUNDS + 1)

typedef struct trial_histogram {
    uint64_t buckets[TRIAL_HISTOGRAM_BUCKETS]; /* how many times lay in each alone */
    uint64_t sum_ns;
} trial_histogram;

/** The bound of a bucket, 0 .. TRIAL_HISTOGRAM_BOUNDS - 1, in microseconds. */
static inline uint64_t trial_histogram_bound_us(uint32_t bucket)
{
    return (uint64_t)1 << bucket;
}

static inline void trial_histogram_add(trial_histogram *histogram, uint64_t ns)
{
    uint64_t us = (ns + 999) / 1000; /* what is over a bound by a nanosecond is over it */
    uint32_t bucket = us <= 1 ? 0 : 64u - (uint32_t)__builtin_clzll(us - 1);

    histogram->buckets[bucket < TRIAL_HISTOGRAM_BOUNDS ? bucket : TRIAL_HISTOGRAM_BOUNDS]++;
    histogram->sum_ns += ns;
}

/**
 * The time that `share` of all times (0 to 1) are at most, in microseconds, taken evenly over the
 * bucket it falls into; the last bound where it falls beyond. 0 where there are none.
 */
double trial_histogram_quantile_us(const trial_histogram *histogram, double share);

#endif
