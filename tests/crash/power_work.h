/* power_work.h - the work that is recorded: the daemon's own store and engine take random legal
 * histories, in several lives of a process that was killed, or left in order. */
#ifndef TESTS_POWER_WORK_H
#define TESTS_POWER_WORK_H

#include "store.h"
#include "trial/arena.h"

#define POWER_LIVES 3
#define POWER_EVENTS 150 /* of a history; the log is judged whole, over and over */

/** A history, as its sender writes it; events[n] gets position n + 1. The same for the same seed.
 */
typedef struct power_events {
    trial_bytes events[POWER_EVENTS];
    trial_arena arena;
} power_events;

void power_events_make(power_events *e, uint64_t seed);

/** What the worker says in the file `told`, one write each, so that it stands in the record where
 * it was said. Of an acknowledgement the records follow, each behind its size in 32 bits. */
typedef enum power_word {
    POWER_MADE = 1,     /* the store was made, and somebody knows it */
    POWER_SENT,         /* a request is on its way: `count` events from index `first` */
    POWER_ACKNOWLEDGED, /* `count` events from index `first` */
    POWER_BEGUN,        /* a commit was begun, on a thread of its own */
    POWER_NOTED,        /* that commit was taken note of */
    POWER_STEPPED,      /* how the named subscriptions stand now follows */
    POWER_ANSWERED,     /* so they lie on disk: whoever asked for it is answered */
} power_word;

typedef struct power_mark {
    uint32_t word;
    uint32_t request;
    uint32_t first;
    uint32_t count;
} power_mark;

/** Live the nth life (from 0) below `root`, where `store` is the store; the exit status. */
int power_work(const char *root, uint64_t seed, int life);

/** The settings of every store here; what a journal is made with is set small. */
store_settings power_settings(const char *path);

#endif
