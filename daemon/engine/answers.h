/* answers.h - what readers answer from snapshots: read, query, verify. Called by several threads at
 * once; they share the store and nothing else. */
#ifndef ENGINE_ANSWERS_H
#define ENGINE_ANSWERS_H

#include "chain.h"
#include "frame.h"
#include "moment.h"

typedef struct answers_settings {
    uint32_t request_bytes; /* an answer stays under it */
} answers_settings;

/** An answer leaves this much of them for its frame and the fields beside its list. */
#define ANSWERS_FRAME_BYTES 512u

/** Which events a read or a subscription wants. Spans are borrowed. */
typedef struct answers_filter {
    trial_text subject; /* whole, or a kind with its slash; absent: all */
    trial_texts types;  /* whole, or a prefix with its dot; none: all */
    trial_text programme;
    moment_choice choice;
} answers_filter;

/** Are `subject`, `types` and `programme` what they may be? Fails with INVALID. */
TRIAL_MUST_USE trial_code answers_filter_check(const answers_filter *filter, trial_error *err);

/** The same filter, its spans in the arena. */
answers_filter answers_filter_copy(const answers_filter *filter, trial_arena *arena);

/** Does the filter want the record, the programme left aside? */
bool answers_filter_takes(const answers_filter *filter, const proto_record *record);

/** Is it the name of one subject, and not of a kind? */
bool answers_is_whole_subject(trial_text subject);

/** Which part of what the filter wants. */
typedef struct answers_range {
    uint64_t from;
    bool is_backwards;
    uint32_t limit;       /* events */
    uint32_t bytes;       /* about so many, and one event at least */
    uint64_t history_max; /* a subject with more events than this gets no page; 0: any gets one */
} answers_range;

/** One page of events. */
typedef struct answers_page {
    pack_writer events; /* the items of the list, one after the other; the caller's to let go */
    uint32_t count;
    uint64_t next;    /* where to go on, 0 at the end of the log (or its beginning, backwards) */
    uint64_t head;    /* last position of the snapshot */
    bool is_too_long; /* the subject has more than history_max events: nothing was gathered */
} answers_page;

/** Gather a page from LMDB and what lies in front of it (NULL: nothing). `known` is the thread's:
 * what it remembers of the subject it was asked about last. */
TRIAL_MUST_USE trial_code answers_page_read(store *s,
                                            const store_tail *tail,
                                            chain *known,
                                            const answers_filter *filter,
                                            const answers_range *range,
                                            answers_page *ret_page,
                                            trial_error *err);

/** Answer `read`, `records` or `query` into a response frame; a refusal is an answer too, and what
 * is returned beside it. `today`: the UTC day. */
trial_code answers_read(store *s,
                        const store_tail *tail,
                        chain *known,
                        const answers_settings *settings,
                        uint32_t msgid,
                        const struct trial_request_read *request,
                        pack_writer *answer,
                        trial_error *err);
trial_code answers_records(store *s,
                           const store_tail *tail,
                           const answers_settings *settings,
                           uint32_t msgid,
                           const struct trial_request_records *request,
                           pack_writer *answer,
                           trial_error *err);
trial_code answers_query(store *s,
                         const store_tail *tail,
                         const answers_settings *settings,
                         uint32_t msgid,
                         const struct trial_request_query *request,
                         trial_date today,
                         pack_writer *answer,
                         trial_error *err);

/**
 * Answer `read` if that is sure to be quick: the short history of one subject. False where it is
 * not: nothing was written.
 */
bool answers_read_at_once(store *s,
                          chain *known,
                          uint32_t msgid,
                          const struct trial_request_read *request,
                          pack_writer *answer);

/** How far a long job is, for `status`. Written by its thread, read by another. */
typedef struct answers_progress {
    _Atomic uint64_t done;
    _Atomic uint64_t total;
    _Atomic uint64_t at;             /* the position being looked at, by a verify */
    _Atomic bool is_stopped;         /* set by another thread: give up soon */
    void (*tell)(uint64_t position); /* told now and then by a rebuild; NULL: nobody is */
} answers_progress;

/** Read the whole log again: checksums, positions, revisions, leaves, ids, root. Fails with STORAGE
 * where it found damage, at err->position; else with why it could not look. Answered is either. */
TRIAL_MUST_USE trial_code answers_verify(store *s,
                                         uint32_t msgid,
                                         const struct trial_request_verify *request,
                                         answers_progress *progress,
                                         pack_writer *answer,
                                         trial_error *err);

#endif
