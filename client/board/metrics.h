/* metrics.h - what a monitor is told: the daemon's metrics and the gateway's own counts, as
 * OpenMetrics 1.0 or in Prometheus' older text. */
#ifndef BOARD_METRICS_H
#define BOARD_METRICS_H

#include "trial/value.h"

#include <stdio.h>

#define METRICS_STATUS_FIRST 100
#define METRICS_STATUS_END 600 /* HTTP's three digits */

/** What the gateway counts of itself. */
typedef struct board_counts {
    uint64_t connections;
    uint64_t streams;
    uint64_t questions;
    uint64_t events_sent;
    uint64_t turned_away;
    uint64_t cut;
    uint64_t resubscribed;
    uint64_t answers[METRICS_STATUS_END - METRICS_STATUS_FIRST]; /* by their status */
} board_counts;

/**
 * Write all metrics.
 *
 * is_open  OpenMetrics; else the older text, format 0.0.4.
 * answer   the daemon's, to `metrics`; NULL: it did not answer, and triald_up is 0.
 */
void metrics_write(FILE *out, bool is_open, const trial_value *answer, const board_counts *counts);

/** Write a list of scdoc: one entry a metric. */
void metrics_describe(FILE *out);

#endif
