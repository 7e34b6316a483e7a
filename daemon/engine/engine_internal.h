/* engine_internal.h - what the writer's files share. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "engine.h"

#define ENGINE_SALTS 128u /* asked of the kernel at once: a call an event was 4 % of the writer */

struct engine {
    store *store;
    engine_settings settings;
    engine_random *random;
    fold_rows rows;     /* over the store, as the writer sees it */
    log_row log;        /* the tree and clock of all that was appended */
    trial_instant now;  /* of this turn */
    bool has_unflushed; /* the turn appended something */
    bool is_fold_old;   /* the rows are readable, but an older version of the fold made them */
    uint8_t salts[ENGINE_SALTS * TRIAL_SALT_BYTES];
    uint32_t salts_left; /* at the beginning of `salts`; each is used once */
    pack_writer state;   /* one that is being encoded */
    trial_arena turn;    /* lives until engine_turn_done() */
    trial_arena request; /* lives for one request or one recovered record */
    engine_counts counts;
    engine_added *added; /* in the turn's arena */
    uint32_t added_count;
    uint32_t added_room;
};

/** One event of a request on its way in. */
typedef struct incoming {
    proto_arrival arrival;
    bool is_duplicate;
    uint32_t duplicate_of; /* index in the request + 1, where the first is in it too */
    uint64_t position;
    uint64_t revision;
    head_row head; /* of its subject before the request, where `has_head` */
    bool has_head;
    trial_bytes record; /* as written, where it is new */
    trial_text programmes[2];
} incoming;

/** One request on its way in; lives in the request's arena. */
typedef struct intake {
    incoming *events;
    uint32_t count;
    trial_value *warnings; /* list */
    bool is_dry;
} intake;

/** The writer's rows: states in STORE_STATE, with their links. */
fold_rows writer_rows(engine *e);

/**
 * Append a record and make the rows that its being in the log makes, besides id and state. The tree
 * takes its leaf when it is sure to stay.
 *
 * before          the head row of its subject as it was.
 * ret_programmes  two: those the event belongs to, absent where it does not; they live for the
 * turn.
 */
void writer_note(engine *e,
                 const proto_record *record,
                 trial_bytes bytes,
                 const head_row *before,
                 trial_text *ret_programmes);

/** Can the text be the short id of a programme at all? Only then it gets a list of its events. */
bool writer_may_be_programme(trial_text programme);

/**
 * The programmes an event belongs to: the one its subject or data names, and its subject's own.
 *
 * of_subject  that the head row of its subject names; may be absent.
 * ret_two     absent where there is none. An event of none is listed under the absent programme,
 *             unless its subject is a case.
 */
void writer_programmes(const proto_record *record, trial_text of_subject, trial_text *ret_two);

/** The head row of a subject; all zero where there is none. Its programme lives for the turn. */
TRIAL_MUST_USE trial_code writer_head(engine *e,
                                      trial_text subject,
                                      head_row *ret_head,
                                      trial_error *err);

#endif
