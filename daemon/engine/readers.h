/* readers.h - the threads that answer from snapshots, so that nobody who reads delays who
 * publishes. Jobs go in and come back finished; the loop and the threads share nothing else but the
 * store. */
#ifndef ENGINE_READERS_H
#define ENGINE_READERS_H

#include "answers.h"
#include "rebuild.h"

typedef struct readers readers;

typedef enum readers_kind {
    READERS_REQUEST, /* read, records or query */
    READERS_PAGE,    /* the next page of a subscription */
    READERS_LONG,    /* verify: on the thread of what is long */
    READERS_REBUILD, /* the next fold of a rebuild: there too */
    READERS_CLEAR,   /* what a rebuild left behind: there too */
} readers_kind;

/** One job. The loop owns it before readers_give() and after readers_take(). */
typedef struct readers_job {
    struct readers_job *next;
    readers_kind kind;
    uint8_t peer[256]; /* a routing id and its size */
    size_t peer_size;
    bool is_delimited;
    uint64_t owner;        /* whose rights it rests on; 0 where nobody is asked */
    trial_request request; /* spans point into `frame` and `arena` */
    trial_bytes frame;     /* owned */
    trial_arena arena;
    uint64_t asked_ns; /* when the loop took it on */
    uint64_t needs;    /* position that the snapshot must hold */
    store_tail *tail;  /* with what it does; NULL: LMDB holds it. Given back with the job */
    trial_date today;  /* the UTC day when it was asked */
    /* of a page */
    uint64_t subscription;
    answers_filter filter; /* spans are the subscription's: it waits for its page */
    answers_range range;
    /* the results */
    pack_writer answer; /* a response frame */
    answers_page page;
    rebuild *rebuild; /* begun by the first fold */
    uint64_t swapped; /* position at which it was swapped */
    trial_code code;  /* of whatever it was; what was asked for is answered all the same */
    trial_error err;
} readers_job;

readers_job *readers_job_new(void);
void readers_job_done(readers_job *job); /* NULL is fine */

/** Start `count` threads for short jobs and one for long ones. Fails with STORAGE: no threads. */
TRIAL_MUST_USE trial_code readers_start(store *s,
                                        const answers_settings *settings,
                                        uint32_t count,
                                        readers **ret_readers,
                                        trial_error *err);

/** Tell all threads to give up what is long, wait for them, and let every job go. NULL is fine. */
void readers_stop(readers *r);

/** Is it a job for the threads of short ones? */
bool readers_job_is_short(const readers_job *job);

/** Hand a job over. */
void readers_give(readers *r, readers_job *job);

/** The next finished job, NULL where there is none. */
readers_job *readers_take(readers *r);

/** The same for the answer to a request, which may leave in the midst of a turn; to ask for one
 * where there is none costs next to nothing. */
readers_job *readers_take_answer(readers *r);

/** Readable when a job has finished. */
int readers_fd(const readers *r);

/** Jobs handed over that no thread has begun. */
uint32_t readers_waiting(readers *r);

/** What the long job is, or was last, and how far it is; 0 of 0 where there is none. */
void readers_progress(const readers *r,
                      readers_kind *ret_kind,
                      uint64_t *ret_done,
                      uint64_t *ret_total);

#endif
