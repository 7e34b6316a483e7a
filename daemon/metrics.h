/* metrics.h - what the loop counts and times of itself, and the answer to `metrics`. A stage costs
 * a look at the clock a turn; all else is an increment. Belongs to the loop's thread. */
#ifndef METRICS_H
#define METRICS_H

#include "readers.h"
#include "trial/metrics.h"

/** What takes a reader's thread, by its name: methods, and pages of subscriptions. */
typedef enum metrics_reader {
    METRICS_PAGE,
    METRICS_QUERY,
    METRICS_READ,
    METRICS_RECORDS,
    METRICS_VERIFY,
    METRICS_READER_COUNT
} metrics_reader;

typedef struct metrics {
    uint64_t requests[TRIAL_METHOD_COUNT + 1][TRIAL_CODE_COUNT]; /* the last: no method of ours */
    uint64_t received_messages;
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint64_t notified_messages;
    uint64_t notified_bytes;
    uint64_t feed_events;
    uint64_t turns;
    uint64_t jobs;                                 /* under way now */
    trial_histogram stages[TRIAL_STAGE_COUNT];     /* commits are timed by the store */
    trial_histogram readers[METRICS_READER_COUNT]; /* from being asked to being answered */
    uint64_t slowest_ns[2];                        /* flush of this minute, and of the one before */
    uint64_t minute_ns;                            /* when this minute began */
    /* of the turn */
    bool is_sampling;  /* its first message is being taken */
    uint64_t turn_ns;  /* when it began */
    uint64_t stage_ns; /* when its stage began */
} metrics;

struct loop;

/** The name that a method is counted under; TRIAL_METHOD_COUNT: what is none of ours. */
const char *metrics_method(trial_method method);

/** A turn begins, as far as its first message. */
void metrics_begin(metrics *m);

/** A stage has ended, and the next one begins with it; returns how long it took. */
uint64_t metrics_end_stage(metrics *m, trial_stage stage);

/** The first message of the turn was read; it was judged. */
void metrics_end_decode(metrics *m);
void metrics_end_decide(metrics *m, trial_method method);

/** All messages of the turn were taken; the turn is over. */
void metrics_end_gather(metrics *m);
void metrics_end_turn(metrics *m);

/** The turn is on disk; returns how long that took. */
uint64_t metrics_end_flush(metrics *m);

/** A job was answered. */
void metrics_end_job(metrics *m, const readers_job *job);

/** Write the result of `metrics`, one map. */
void metrics_put(struct loop *l);

#endif
