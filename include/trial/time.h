/* time.h - days and instants; both clocks are counted here and nowhere else. */
#ifndef TRIAL_TIME_H
#define TRIAL_TIME_H

#include "trial/base.h"

/** A day of the proleptic Gregorian calendar, counted from 1970-01-01, in UTC. */
typedef int32_t trial_date;
#define TRIAL_DATE_NONE INT32_MIN

/** Nanoseconds since 1970-01-01T00:00:00Z; 1900..2100 fits well inside. */
typedef int64_t trial_instant;
#define TRIAL_INSTANT_NONE INT64_MIN
#define TRIAL_NS_PER_US ((int64_t)1000)
#define TRIAL_NS_PER_S ((int64_t)1000000000)
#define TRIAL_NS_PER_DAY ((int64_t)86400 * TRIAL_NS_PER_S)

/** Read YYYY-MM-DD, a real day of the years 1900 to 2100. Fails with INVALID (bad-time). */
TRIAL_MUST_USE trial_code trial_date_read(trial_text text, trial_date *ret_date, trial_error *err);

/** Read RFC 3339 with zone, at most 9 digits of a second, 1900..2100. Fails with INVALID
 * (bad-time). */
TRIAL_MUST_USE trial_code trial_instant_read(trial_text text,
                                             trial_instant *ret_instant,
                                             trial_error *err);

#define TRIAL_DATE_TEXT_BYTES 11    /* YYYY-MM-DD and its NUL */
#define TRIAL_INSTANT_TEXT_BYTES 31 /* YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ and its NUL */

/** Write YYYY-MM-DD; `text` holds TRIAL_DATE_TEXT_BYTES. */
void trial_date_write(trial_date date, char *text);

/** Write the instant in UTC with exactly six digits of a second, as `ingesttime` stands. */
void trial_instant_write_us(trial_instant instant, char *text);

/** Write the instant in UTC with as many digits of a second as it needs, none where it is whole. */
void trial_instant_write(trial_instant instant, char *text);

/** The UTC day an instant lies in. */
trial_date trial_date_of(trial_instant instant);

/** The last nanosecond of a day: what `as_of` a DATE takes in. */
trial_instant trial_date_end(trial_date date);

/** The first nanosecond of a day. */
trial_instant trial_date_begin(trial_date date);

#endif
