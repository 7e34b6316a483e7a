/* ahead.c - see ahead.h. Batches go round: the thread fills one while others wait to be folded. */
#include "ahead.h"

#include "fold.h"

#include <pthread.h>
#include <stdlib.h>

#define BATCHES 8u /* so many are ahead that neither waits for a short delay of the other */

struct ahead {
    store_read *log;
    uint64_t from;
    uint32_t left; /* records */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, but not the batches themselves */
    pthread_cond_t changed;
    uint64_t filled; /* batches, since the beginning */
    uint64_t given;
    bool has_walked;
    bool is_stopped;
    /* the thread's, until it is joined */
    ahead_batch *filling; /* NULL: nobody wants any more */
    trial_code code;
    trial_error err;
    ahead_batch batches[BATCHES];
};

/* Wait for a batch that is free. */
static void begin_batch(ahead *a)
{
    (void)pthread_mutex_lock(&a->lock); /* plain mutexes, used in pairs, cannot fail */
    while (!a->is_stopped && a->filled - a->given == BATCHES) {
        (void)pthread_cond_wait(&a->changed, &a->lock);
    }
    a->filling = a->is_stopped ? NULL : &a->batches[a->filled % BATCHES];
    (void)pthread_mutex_unlock(&a->lock);
    if (a->filling != NULL) {
        a->filling->count = 0;
        a->filling->passed = 0;
        trial_arena_reset(&a->filling->arena);
    }
}

static void end_batch(ahead *a, bool has_walked)
{
    (void)pthread_mutex_lock(&a->lock);
    a->filled += a->filling != NULL && a->filling->passed > 0 ? 1 : 0;
    a->has_walked = has_walked;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
}

static bool visit(void *context, trial_bytes key, trial_bytes value)
{
    ahead *a = context;
    ahead_batch *batch = a->filling;
    proto_record *record = &batch->records[batch->count];

    (void)key;
    a->code = proto_record_read(value, record, &a->err);
    if (a->code == TRIAL_OK && !fold_leaves_no_trace(record)) {
        a->code = proto_record_event(record, &batch->arena, &batch->events[batch->count], &a->err);
        batch->count++;
    }
    if (a->code != TRIAL_OK) {
        return false;
    }
    batch->passed++;
    a->left--;
    if (batch->count == AHEAD_BATCH && a->left > 0) {
        end_batch(a, false);
        begin_batch(a);
    }
    return a->filling != NULL && a->left > 0;
}

static void *walk(void *context)
{
    ahead *a = context;
    trial_code code;

    begin_batch(a);
    code =
        a->filling == NULL ? TRIAL_OK : store_read_log(a->log, a->from, false, visit, a, &a->err);
    a->code = code == TRIAL_OK ? a->code : code;
    end_batch(a, true);
    return NULL;
}

static void free_all(ahead *a)
{
    for (uint32_t i = 0; i < BATCHES; i++) {
        trial_arena_done(&a->batches[i].arena);
    }
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

trial_code ahead_begin(
    store_read *log, uint64_t from, uint32_t records_max, ahead **ret_ahead, trial_error *err)
{
    ahead *a = trial_memory(sizeof *a);
    int rc;

    a->log = log;
    a->from = from;
    a->left = records_max;
    a->err = TRIAL_ERROR_NONE;
    (void)pthread_mutex_init(&a->lock, NULL); /* with default attributes glibc's never fail */
    (void)pthread_cond_init(&a->changed, NULL);
    rc = pthread_create(&a->thread, NULL, walk, a);
    if (rc != 0) {
        free_all(a);
        return trial_fail_errno(err, rc, "starting a thread that reads the log");
    }
    *ret_ahead = a;
    return TRIAL_OK;
}

ahead_batch *ahead_take(ahead *a)
{
    ahead_batch *batch;

    (void)pthread_mutex_lock(&a->lock);
    while (a->filled == a->given && !a->has_walked) {
        (void)pthread_cond_wait(&a->changed, &a->lock);
    }
    batch = a->filled > a->given ? &a->batches[a->given % BATCHES] : NULL;
    (void)pthread_mutex_unlock(&a->lock);
    return batch;
}

void ahead_give(ahead *a)
{
    (void)pthread_mutex_lock(&a->lock);
    a->given++;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
}

trial_code ahead_end(ahead *a, trial_error *err)
{
    trial_code code;

    (void)pthread_mutex_lock(&a->lock);
    a->is_stopped = true;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
    (void)pthread_join(a->thread, NULL); /* it was started and is joined once */
    code = a->code;
    if (code != TRIAL_OK && err != NULL) {
        *err = a->err;
    }
    free_all(a);
    return code;
}
