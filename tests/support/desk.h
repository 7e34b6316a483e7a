/* desk.h - an engine over a store of the test's own, spoken to in JSON. */
#ifndef DESK_H
#define DESK_H

#include "scratch.h"

#include "answers.h"
#include "engine.h"
#include "rebuild.h"

#include <jansson.h>

typedef struct desk {
    char path[SCRATCH_PATH_BYTES];
    store *store;
    engine *engine;
    chain known; /* as a reader thread has one */
    engine_settings limits;
    int64_t now_ns; /* of the next turn; goes on by a second each */
    uint64_t recovered;
    json_t *answer; /* of the last call: its result, or its error */
    bool is_error;
} desk;

/** cmocka's setup and teardown: *state is a desk over a new store. */
int desk_setup(void **state);
int desk_teardown(void **state);

/** Close the store, or open it. */
void desk_close(desk *d);
void desk_open(desk *d);

/** Close the store and open it again; or open a copy of it as it lies on disk now, as after a
 * crash. */
void desk_reopen(desk *d);
void desk_crash(desk *d);

/**
 * One append, one turn: `params` is JSON with `events` and the like, ' for ". Returns the result,
 * or the error where it was refused (d->is_error); borrowed until the next call.
 */
json_t *desk_append(desk *d, const char *params);
json_t *desk_append_json(desk *d, json_t *params); /* takes params */

/** The same where the store may fail: the code, and nothing is answered unless it is TRIAL_OK. */
trial_code desk_append_code(desk *d, const char *params);

/** An event made by its struct, as a client sends it. */
void desk_put_event(pack_writer *writer, const trial_event *event);

/** Append events made by their structs, as one request. */
json_t *desk_append_events(desk *d, const trial_event *const *events, uint32_t count);

/** Answer `read` or `query` with these parameters from what LMDB holds; commits first. */
json_t *desk_read(desk *d, const char *params);
json_t *desk_query(desk *d, const char *params);
json_t *desk_verify(desk *d, const char *params);

/** JSON text with ' in place of ". Given. */
json_t *desk_json(const char *text);

/** Append lines [from, from + count) of the programme's history, `batch` events a request; all must
 * be taken. */
void desk_import(desk *d, size_t from, size_t count, size_t batch);
size_t desk_programme_lines(void);

/** All rows that are folds of the log, states and links, one after the other; commits first. */
void desk_gather_folded(desk *d, pack_writer *ret_all);

/** Rebuild these rows and clear the old ones. */
void desk_rebuild(desk *d);

/** Fail unless the stored states and links are, byte for byte, what rebuilding makes. */
void desk_assert_states_are_folded(desk *d);

#endif
