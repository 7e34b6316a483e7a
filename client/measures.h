/* measures.h - numbers out of an answer to `metrics`, by the rows of metrics.def. What an older
 * daemon does not tell is 0. */
#ifndef CLIENT_MEASURES_H
#define CLIENT_MEASURES_H

#include "trial/metrics.h"
#include "trial/value.h"

/** What the answer has for a row; NULL where it has nothing. */
const trial_value *measures_find(const trial_value *answer, trial_metric metric);

/** A number; of a row with labels the sum of all. */
double measures_sum(const trial_value *answer, trial_metric metric);

/** The largest of a row with labels. */
double measures_most(const trial_value *answer, trial_metric metric);

/** The histogram under a label; empty where there is none. */
trial_histogram
measures_histogram(const trial_value *answer, trial_metric metric, const char *label);

/** What was added to a histogram since an earlier one of the same daemon. */
trial_histogram measures_since(const trial_histogram *now, const trial_histogram *before);

uint64_t measures_count(const trial_histogram *histogram);

#endif
