/* flush.c - a turn goes to the journal: here and now, or on the store's own thread while the writer
 * decides the next one. */
#include "store_internal.h"

/* The writer and the flusher hand a turn to each other under the lock. */
static void *flush_loop(void *context)
{
    store *s = context;
    store_flusher *f = &s->flusher;

    (void)pthread_mutex_lock(&f->lock); /* plain mutexes, used in pairs, cannot fail */
    while (!f->is_leaving) {
        if (f->is_running) {
            trial_error err = TRIAL_ERROR_NONE;
            trial_code code;

            (void)pthread_mutex_unlock(&f->lock);
            code = journal_put(&s->journal, &f->turn, &err);
            (void)pthread_mutex_lock(&f->lock);
            f->code = code;
            f->err = err;
            f->is_running = false;
            (void)pthread_cond_broadcast(&f->changed);
        } else {
            (void)pthread_cond_wait(&f->changed, &f->lock);
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* Place what was appended since the last turn; false in *ret_is_any where nothing was. */
static trial_code place(store *s, bool *ret_is_any, trial_error *err)
{
    overlay *o = s->active;
    trial_code code;

    *ret_is_any = s->head > s->handed;
    if (!*ret_is_any) {
        return TRIAL_OK;
    }
    TRIAL_ASSERT(!s->is_broken && s->handed == s->flushed);
    code = journal_place(&s->journal,
                         (trial_bytes){ o->log + s->turn_at, o->log_size - s->turn_at },
                         s->handed + 1,
                         (uint32_t)(s->head - s->handed),
                         s->committed,
                         &s->flusher.turn,
                         err);
    if (code != TRIAL_OK) {
        s->is_broken = true;
        return code;
    }
    s->handed = s->head;
    overlay_mark(o); /* what is on its way to the disk is not undone */
    return TRIAL_OK;
}

static trial_code take_note(store *s, trial_code code)
{
    if (code == TRIAL_OK) {
        journal_took(&s->journal, &s->flusher.turn);
        s->flushed = s->handed;
    } else {
        s->is_broken = true; /* to sync again could report success for pages that were lost */
    }
    return code;
}

trial_code store_flush(store *s, trial_error *err)
{
    bool is_any = false;
    trial_code code = store_flush_end(s, err);

    if (code == TRIAL_OK) {
        code = place(s, &is_any, err);
    }
    return code == TRIAL_OK && is_any
               ? take_note(s, journal_put(&s->journal, &s->flusher.turn, err))
               : code;
}

trial_code store_flush_begin(store *s, trial_error *err)
{
    store_flusher *f = &s->flusher;
    bool is_any = false;
    trial_code code = store_flush_end(s, err);

    if (code == TRIAL_OK) {
        code = place(s, &is_any, err);
    }
    if (code != TRIAL_OK || !is_any) {
        return code;
    }
    if (!f->is_started) {
        f->is_started = pthread_create(&f->thread, NULL, flush_loop, s) == 0;
    }
    if (!f->is_started) { /* a machine that has no thread left flushes all the same */
        return take_note(s, journal_put(&s->journal, &f->turn, err));
    }
    (void)pthread_mutex_lock(&f->lock);
    f->is_running = true;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    return TRIAL_OK;
}

trial_code store_flush_end(store *s, trial_error *err)
{
    store_flusher *f = &s->flusher;
    trial_code code;

    if (s->handed <= s->flushed) {
        return TRIAL_OK;
    }
    if (s->is_broken) {
        return trial_fail(err, TRIAL_STORAGE, "a flush of the journal has failed before");
    }
    (void)pthread_mutex_lock(&f->lock);
    while (f->is_running) {
        (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    code = f->code;
    if (code != TRIAL_OK && err != NULL) {
        *err = f->err;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return take_note(s, code);
}

void flush_stop(store *s)
{
    store_flusher *f = &s->flusher;

    if (!f->is_started) {
        return;
    }
    (void)pthread_mutex_lock(&f->lock);
    f->is_leaving = true;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    f->is_started = false;
}
