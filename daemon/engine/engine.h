/* engine.h - the writer: decides appends, derives every row from them, and hands them to the store.
 * One thread calls it. A turn is a function of the store, the requests and the time given. */
#ifndef ENGINE_H
#define ENGINE_H

#include "fold.h"
#include "frame.h"
#include "generation.h"
#include "keys.h"

typedef struct engine engine;

typedef struct engine_settings {
    uint32_t request_events;
    uint32_t request_bytes;
    uint32_t event_bytes;
    uint32_t event_depth;
    bool is_checking;  /* look twice at what the journal holds, to the last byte */
    bool is_restoring; /* a store that a restore left unfinished may be opened */
    /* Told now and then how far the opening is, where it takes long; may be NULL. */
    void (*tell_opening)(uint64_t position);
} engine_settings;

#define ENGINE_TELL_EVENTS 1024u /* some milliseconds' work, a second's on a very slow disk */

/** Fills `bytes` with random bytes; never fails. */
typedef void engine_random(void *bytes, size_t size);

/** An event that a turn added: for subscribers and the feed. Spans live until engine_turn_done().
 */
typedef struct engine_added {
    proto_record record;
    trial_text programmes[2]; /* it belongs to; absent where not */
} engine_added;

/**
 * Take over an opened store: fold what its journal holds beyond LMDB.
 *
 * ret_recovered  how many events that were.
 * Fails with STORAGE (damage) or as the store does.
 */
TRIAL_MUST_USE trial_code engine_open(store *s,
                                      const engine_settings *settings,
                                      engine_random *random,
                                      engine **ret_engine,
                                      uint64_t *ret_recovered,
                                      trial_error *err);
void engine_close(engine *e); /* NULL is fine; the store is the caller's */

/** Who speaks in an append, as far as it bounds what may be said. */
typedef struct engine_speaker {
    bool is_daemon; /* may name the source that is the daemon's own */
    /* May events of that source be appended? Fails with UNAUTHORISED. NULL: of any. */
    trial_code (*may_name)(void *context, trial_text source, trial_error *err);
    void *context;
} engine_speaker;

#define ENGINE_OWN_SOURCE "/triald" /* of what the daemon says itself */

/** Open a turn. `now_ns` (UTC) becomes its events' ingest time, unless the log's clock is ahead. */
void engine_turn_begin(engine *e, int64_t now_ns);

/**
 * Decide one append and add its events, all or none.
 *
 * speaker  whose the request is; every event's source is put to it before anything else is judged.
 *          NULL: somebody who may name any source but the daemon's own.
 * answer  gets the response frame to be sent once engine_turn_flush() has come back with OK;
 * appended to.
 *
 * Fails with STORAGE only: the process must leave. A refusal is an answer.
 */
TRIAL_MUST_USE trial_code engine_append(engine *e,
                                        uint32_t msgid,
                                        const struct trial_request_append *request,
                                        const engine_speaker *speaker,
                                        pack_writer *answer,
                                        trial_error *err);

/** What the writer counts of appends, dry runs left out but in `answers`. */
typedef struct engine_counts {
    uint64_t appended;                  /* events */
    uint64_t duplicates;                /* events */
    uint64_t refused[TRIAL_RULE_COUNT]; /* appends, by the rule */
    uint64_t answers[TRIAL_CODE_COUNT]; /* appends, by their code */
} engine_counts;
const engine_counts *engine_counted(const engine *e);

/** Put the turn on disk, one flush, if it added anything. After a failure nothing may be
 * acknowledged. */
TRIAL_MUST_USE trial_code engine_turn_flush(engine *e, trial_error *err);

/** The time of the turn: what its events get as their ingest time at least. */
trial_instant engine_turn_time(const engine *e);

/** What the turn added, in order. */
const engine_added *engine_turn_added(const engine *e, uint32_t *ret_count);

/** Let go of the turn's memory. */
void engine_turn_done(engine *e);

/** The RFC 6962 root of all events appended so far. */
void engine_root(const engine *e, uint8_t *ret_root);

store *engine_store(const engine *e);

/* Restoring: a log is made again from the records of a backup, in their order. */

/** Say on disk that the store is being restored: no daemon opens it until engine_restore_end(). */
TRIAL_MUST_USE trial_code engine_restore_begin(engine *e, trial_error *err);

/**
 * Append a record as it is, with all rows that follow from it; judged as a rebuild does. It lies on
 * disk after engine_turn_flush().
 *
 * Fails with STORAGE, err->position set: it is damaged, or does not fit the log so far.
 */
TRIAL_MUST_USE trial_code engine_restore(engine *e, trial_bytes record, trial_error *err);

/** Everything is there: commit it and take the word from the disk. */
TRIAL_MUST_USE trial_code engine_restore_end(engine *e, trial_error *err);

/** Did an older version of the fold make the rows? They serve, and are to be rebuilt beside. */
bool engine_needs_rebuild(const engine *e);

/** Swap rebuilt rows in, between two turns; see store_swap(). */
TRIAL_MUST_USE trial_code engine_swap(engine *e, store_build *build, trial_error *err);

#endif
