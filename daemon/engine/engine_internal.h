/* engine_internal.h - what the writer's files share. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "engine.h"

struct engine {
    store *store;
    engine_settings settings;
    engine_random *random;
    fold_rows rows;      /* over the store, as the writer sees it */
    log_row log;         /* the tree and clock of all that was appended */
    trial_instant now;   /* of this turn */
    bool has_unflushed;  /* the turn appended something */
    trial_arena turn;    /* lives until engine_turn_done() */
    trial_arena request; /* lives for one request or one recovered record */
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

/** Read and derive: the rows that an event's being in the log makes, besides its state. */
TRIAL_MUST_USE trial_code writer_note(engine *e,
                                      const proto_record *record,
                                      trial_bytes bytes,
                                      trial_text *ret_programmes,
                                      trial_error *err);

/** The head row of a subject; all zero where there is none. Borrowed until the next store call. */
TRIAL_MUST_USE trial_code writer_head(engine *e,
                                      trial_text subject,
                                      head_row *ret_head,
                                      trial_error *err);

#endif
