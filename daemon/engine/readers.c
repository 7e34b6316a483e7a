/* readers.c - see readers.h. */
#include "readers.h"

#include "probes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Jobs in the order they came. */
struct queue {
    readers_job *first;
    readers_job *last;
};

struct readers {
    store *store;
    answers_settings settings;
    pthread_mutex_t lock; /* guards the queues and is_stopping */
    pthread_cond_t has_short;
    pthread_cond_t has_long;
    struct queue short_jobs;
    struct queue long_jobs;
    struct queue finished;
    uint32_t waiting; /* in the first two */
    _Atomic uint32_t finished_count;
    bool is_stopping;
    int event;
    uint32_t count; /* threads running, the long one included */
    pthread_t *threads;
    answers_progress progress;
    _Atomic readers_kind doing; /* what the long job is */
};

static void push(struct queue *queue, readers_job *job)
{
    job->next = NULL;
    if (queue->last == NULL) {
        queue->first = job;
    } else {
        queue->last->next = job;
    }
    queue->last = job;
}

static readers_job *pop(struct queue *queue)
{
    readers_job *job = queue->first;

    if (job != NULL) {
        queue->first = job->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        job->next = NULL;
    }
    return job;
}

readers_job *readers_job_new(void)
{
    readers_job *job = trial_memory(sizeof *job);

    job->err = TRIAL_ERROR_NONE;
    return job;
}

void readers_job_done(readers_job *job)
{
    if (job == NULL) {
        return;
    }
    free((void *)(uintptr_t)job->frame.data);
    trial_arena_done(&job->arena);
    pack_writer_done(&job->answer);
    pack_writer_done(&job->page.events);
    rebuild_done(job->rebuild);
    store_tail_give(job->tail);
    free(job);
}

static trial_code answer_request(readers *r, readers_job *job, chain *known)
{
    if (job->request.method == TRIAL_METHOD_READ) {
        return answers_read(r->store,
                            job->tail,
                            known,
                            &r->settings,
                            job->request.msgid,
                            &job->request.as.read,
                            &job->answer,
                            &job->err);
    }
    if (job->request.method == TRIAL_METHOD_RECORDS) {
        return answers_records(r->store,
                               job->tail,
                               &r->settings,
                               job->request.msgid,
                               &job->request.as.records,
                               &job->answer,
                               &job->err);
    }
    return answers_query(r->store,
                         job->tail,
                         &r->settings,
                         job->request.msgid,
                         &job->request.as.query,
                         job->today,
                         &job->answer,
                         &job->err);
}

static void do_long(readers *r, readers_job *job)
{
    r->progress.done = 0;
    r->progress.total = 0;
    r->doing = job->kind;
    if (job->kind == READERS_LONG) {
        job->code = answers_verify(r->store,
                                   job->request.msgid,
                                   &job->request.as.verify,
                                   &r->progress,
                                   &job->answer,
                                   &job->err);
    } else if (job->kind == READERS_CLEAR) {
        job->code = store_clear_spare(r->store, &r->progress.is_stopped, &job->err);
    } else {
        job->rebuild = job->rebuild == NULL ? rebuild_new(r->store, &r->progress) : job->rebuild;
        job->code = rebuild_fold(job->rebuild, &job->err);
    }
    r->progress.total = 0;
}

static void do_job(readers *r, readers_job *job, chain *known)
{
    const char *method = trial_method_row_of(job->request.method)->name; /* of a request */

    switch (job->kind) {
    case READERS_REQUEST:
        probe_query_begin(probe_text(method), job->request.msgid);
        job->code = answer_request(r, job, known);
        probe_query_end(probe_text(method), job->request.msgid, job->answer.size, job->code);
        break;
    case READERS_PAGE:
        job->range.bytes = r->settings.request_bytes / 2;
        job->code = answers_page_read(
            r->store, job->tail, known, &job->filter, &job->range, &job->page, &job->err);
        break;
    case READERS_LONG:
    case READERS_REBUILD:
    case READERS_CLEAR:
        do_long(r, job);
        break;
    }
}

static void finish(readers *r, readers_job *job)
{
    uint64_t one = 1;

    (void)pthread_mutex_lock(&r->lock); /* a plain mutex of our own: cannot fail */
    push(&r->finished, job);
    r->finished_count++;
    (void)pthread_mutex_unlock(&r->lock);
    (void)!write(r->event, &one, sizeof one); /* full means that the loop was told already */
}

/* Take jobs of one queue until told to stop. */
static void serve(readers *r, struct queue *queue, pthread_cond_t *has_job)
{
    chain known = { 0 };

    for (;;) {
        readers_job *job;

        (void)pthread_mutex_lock(&r->lock);
        while (queue->first == NULL && !r->is_stopping) {
            (void)pthread_cond_wait(has_job, &r->lock);
        }
        job = r->is_stopping ? NULL : pop(queue);
        r->waiting -= job == NULL ? 0 : 1;
        (void)pthread_mutex_unlock(&r->lock);
        if (job == NULL) {
            break;
        }
        do_job(r, job, &known);
        finish(r, job);
    }
    chain_done(&known);
}

static void *serve_short(void *context)
{
    readers *r = context;

    serve(r, &r->short_jobs, &r->has_short);
    return NULL;
}

static void *serve_long(void *context)
{
    readers *r = context;

    serve(r, &r->long_jobs, &r->has_long);
    return NULL;
}

trial_code readers_start(store *s,
                         const answers_settings *settings,
                         uint32_t count,
                         readers **ret_readers,
                         trial_error *err)
{
    readers *r = trial_memory(sizeof *r);
    int failed = 0;

    r->store = s;
    r->settings = *settings;
    r->threads = trial_memory(((size_t)count + 1) * sizeof *r->threads);
    (void)pthread_mutex_init(&r->lock, NULL); /* with default attributes glibc's never fail */
    (void)pthread_cond_init(&r->has_short, NULL);
    (void)pthread_cond_init(&r->has_long, NULL);
    r->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r->event < 0) {
        trial_code code = trial_fail_errno(err, errno, "making an eventfd for the readers");

        readers_stop(r);
        return code;
    }
    while (failed == 0 && r->count <= count) {
        failed = pthread_create(
            &r->threads[r->count], NULL, r->count < count ? serve_short : serve_long, r);
        r->count += failed == 0 ? 1 : 0;
    }
    if (failed != 0) {
        readers_stop(r);
        return trial_fail_errno(err, failed, "starting %u reader threads", count + 1);
    }
    *ret_readers = r;
    return TRIAL_OK;
}

static void drop_all(struct queue *queue)
{
    readers_job *job;

    while ((job = pop(queue)) != NULL) {
        readers_job_done(job);
    }
}

void readers_stop(readers *r)
{
    if (r == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&r->lock);
    r->is_stopping = true;
    r->progress.is_stopped = true;
    (void)pthread_cond_broadcast(&r->has_short);
    (void)pthread_cond_broadcast(&r->has_long);
    (void)pthread_mutex_unlock(&r->lock);
    for (uint32_t i = 0; i < r->count; i++) {
        (void)pthread_join(r->threads[i], NULL); /* each was started and is joined once */
    }
    drop_all(&r->short_jobs);
    drop_all(&r->long_jobs);
    drop_all(&r->finished);
    if (r->event >= 0) {
        (void)close(r->event); /* nothing was written that could be lost */
    }
    (void)pthread_cond_destroy(&r->has_short);
    (void)pthread_cond_destroy(&r->has_long);
    (void)pthread_mutex_destroy(&r->lock);
    free(r->threads);
    free(r);
}

bool readers_job_is_short(const readers_job *job)
{
    return job->kind == READERS_REQUEST || job->kind == READERS_PAGE;
}

void readers_give(readers *r, readers_job *job)
{
    bool is_long = !readers_job_is_short(job);

    (void)pthread_mutex_lock(&r->lock);
    push(is_long ? &r->long_jobs : &r->short_jobs, job);
    r->waiting++;
    (void)pthread_cond_signal(is_long ? &r->has_long : &r->has_short);
    (void)pthread_mutex_unlock(&r->lock);
}

readers_job *readers_take(readers *r)
{
    readers_job *job;
    uint64_t count;

    (void)!read(r->event, &count, sizeof count); /* empty: the queue is looked at all the same */
    (void)pthread_mutex_lock(&r->lock);
    job = pop(&r->finished);
    r->finished_count -= job != NULL ? 1 : 0;
    (void)pthread_mutex_unlock(&r->lock);
    return job;
}

readers_job *readers_take_answer(readers *r)
{
    readers_job *job = NULL;

    if (r->finished_count == 0) {
        return NULL;
    }
    (void)pthread_mutex_lock(&r->lock);
    if (r->finished.first != NULL && r->finished.first->kind == READERS_REQUEST) {
        job = pop(&r->finished);
        r->finished_count--;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return job;
}

uint32_t readers_waiting(readers *r)
{
    uint32_t waiting;

    (void)pthread_mutex_lock(&r->lock);
    waiting = r->waiting;
    (void)pthread_mutex_unlock(&r->lock);
    return waiting;
}

int readers_fd(const readers *r)
{
    return r->event;
}

void readers_progress(const readers *r,
                      readers_kind *ret_kind,
                      uint64_t *ret_done,
                      uint64_t *ret_total)
{
    *ret_kind = r->doing;
    *ret_total = r->progress.total;
    *ret_done = *ret_total == 0 ? 0 : r->progress.done;
}
