/* views.h - asking the daemon's views. */
#ifndef CLIENT_VIEWS_H
#define CLIENT_VIEWS_H

#include "ctl.h"

/**
 * All rows of a view that fit, through every page.
 *
 * key           one row, or NULL.
 * where         a map, or NULL.
 * limit         at most so many; 0: all.
 * ret_position  the last position the answer rests on; may be NULL.
 * ret_rows      a list; it lives in ctl->arena.
 */
TRIAL_MUST_USE trial_code views_rows(ctl_command *ctl,
                                     const char *view,
                                     const char *key,
                                     trial_value *where,
                                     uint64_t limit,
                                     int64_t *ret_position,
                                     trial_value **ret_rows,
                                     trial_error *err);

/**
 * What is overdue, or falls due within so many days: the earliest first.
 *
 * ret_count  all rows of the view, near or not.
 * ret_rows   a list; it lives in ctl->arena.
 */
TRIAL_MUST_USE trial_code views_due(
    ctl_command *ctl, int64_t days, uint32_t *ret_count, trial_value **ret_rows, trial_error *err);

/** The columns a table shows of a view, separated by spaces; "" where there is no such view. */
const char *views_columns(const char *view);

#endif
