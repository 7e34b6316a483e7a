/* rebuild.c - see rebuild.h. */
#include "rebuild.h"

#include "ahead.h"
#include "generation.h"

#include <stdlib.h>

#define MEMORY_BYTES                                                                               \
    ((size_t)128 * 1024 * 1024)     /* rows gathered: about 100,000 subjects at work               \
                                     */
#define RECORDS_PER_SNAPSHOT 10000u /* a longer one keeps LMDB from using freed pages again */
#define ROUNDS_MAX 32u /* handing over gains on any publisher; the last round is taken as is */
#define SWAP_EVENTS_MAX 256u /* folded by the writer: about a millisecond */
#define SWAP_ROWS_MAX 2000u  /* put by the writer: some milliseconds */

/* Records that the writer handed over: bytes one after the other, and where each begins. */
struct tail {
    uint64_t first; /* position of the first */
    uint8_t *bytes;
    size_t size;
    size_t room;
    size_t *begins;
    size_t count;
    size_t begins_room;
};

struct rebuild {
    store *store;
    answers_progress *progress;
    store_build *build;
    store_read *log;  /* while it is walked, on another thread */
    store_read *read; /* of what a fold asks for meanwhile */
    uint64_t held;    /* last position in both */
    uint64_t folded;
    uint32_t rounds;
    struct tail tail;
    trial_arena arena; /* of one event */
    fold_rows rows;
    pack_writer state; /* one that is being encoded */
    trial_code failed; /* of a link that could not be put */
    trial_error why;
};

static trial_code
get_state(void *context, trial_kind kind, trial_text id, trial_bytes *ret_state, trial_error *err)
{
    rebuild *r = context;
    row_key k;

    key_state(kind, id, &k);
    return store_build_get(r->build, STORE_STATE, key_span(&k), ret_state, err);
}

static trial_code
put_state(void *context, const trial_state *state, trial_bytes bytes, trial_error *err)
{
    rebuild *r = context;
    row_key k;

    key_state(state->kind, state->id, &k);
    return store_build_put(r->build, STORE_STATE, key_span(&k), bytes, err);
}

static void put_link(void *context, const row_key *link)
{
    rebuild *r = context;

    if (r->failed == TRIAL_OK) {
        r->failed = store_build_put(
            r->build, STORE_LINK, key_span(link), (trial_bytes){ (const uint8_t *)"", 0 }, &r->why);
    }
}

static void put_links(void *context, const trial_state *state)
{
    links_of(state, put_link, context);
}

static trial_code
has_exemption(void *context, trial_text exemption_id, bool *ret_has, trial_error *err)
{
    rebuild *r = context;
    trial_bytes there = { 0 };
    trial_code code;
    row_key k;

    key_link(KEY_OF_EXEMPTION, exemption_id, TRIAL_KIND_TRIAL, (trial_text){ 0 }, &k);
    code = store_build_get(r->build, STORE_LINK, key_span(&k), &there, err);
    *ret_has = there.data != NULL;
    return code;
}

/* A record that a correction asks for: on disk, or among those handed over. */
static trial_code
get_record(void *context, uint64_t position, trial_bytes *ret_record, trial_error *err)
{
    const rebuild *r = context;
    size_t index = (size_t)(position - r->tail.first);
    size_t end;

    if (r->tail.count == 0 || position < r->tail.first) {
        return store_read_record(r->read, position, ret_record, err);
    }
    TRIAL_ASSERT(index < r->tail.count); /* what is folded was handed over */
    end = index + 1 < r->tail.count ? r->tail.begins[index + 1] : r->tail.size;
    *ret_record =
        (trial_bytes){ r->tail.bytes + r->tail.begins[index], end - r->tail.begins[index] };
    return TRIAL_OK;
}

rebuild *rebuild_new(store *s, answers_progress *progress)
{
    rebuild *r = trial_memory(sizeof *r);

    r->store = s;
    r->progress = progress;
    r->why = TRIAL_ERROR_NONE;
    r->rows = (fold_rows){ .context = r,
                           .get = get_state,
                           .put = put_state,
                           .link = put_links,
                           .buffer = &r->state,
                           .record = get_record,
                           .has_exemption = has_exemption };
    return r;
}

void rebuild_done(rebuild *r)
{
    if (r == NULL) {
        return;
    }
    store_read_end(r->log);
    store_read_end(r->read);
    store_build_end(r->build);
    free(r->tail.bytes);
    free(r->tail.begins);
    pack_writer_done(&r->state);
    trial_arena_done(&r->arena);
    free(r);
}

/* An event was folded: what could not be put is told now. */
static trial_code end_event(rebuild *r, trial_code code, trial_error *err)
{
    trial_arena_reset(&r->arena);
    if (code == TRIAL_OK && r->failed != TRIAL_OK) {
        *err = r->why;
        code = r->failed;
    }
    return code;
}

/* The state an event changes, by its subject. */
static void key_of_subject(trial_text subject, row_key *ret_key)
{
    trial_text id = subject;
    trial_kind kind = trial_subject_split(subject, &id);

    key_state(kind, kind == TRIAL_KIND_OTHER ? subject : id, ret_key);
}

/* A state lies anywhere in memory, and to wait for one after the other takes a third of the time
 * that folding takes: those of a batch are asked for together. */
static void fetch(const rebuild *r, const ahead_batch *batch)
{
    row_key rows[AHEAD_BATCH];
    trial_bytes keys[AHEAD_BATCH];

    for (uint32_t i = 0; i < batch->count; i++) {
        key_of_subject(batch->records[i].subject, &rows[i]);
        keys[i] = key_span(&rows[i]);
    }
    store_build_fetch(r->build, STORE_STATE, keys, batch->count);
}

static trial_code fold_batch(rebuild *r, const ahead_batch *batch, trial_error *err)
{
    trial_code code = TRIAL_OK;
    bool is_far;

    fetch(r, batch);
    for (uint32_t i = 0; code == TRIAL_OK && i < batch->count; i++) {
        code = fold_decoded(
            &r->rows, &batch->events[i], batch->records[i].previous, true, &r->arena, err);
        code = end_event(r, code, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    is_far = r->folded / ENGINE_TELL_EVENTS < (r->folded + batch->passed) / ENGINE_TELL_EVENTS;
    r->folded += batch->passed;
    r->progress->done = r->folded;
    if (is_far && r->progress->tell != NULL) {
        r->progress->tell(r->folded);
    }
    return TRIAL_OK;
}

static trial_code renew(rebuild *r, trial_error *err)
{
    uint64_t of_read = 0;
    trial_code code;

    store_read_end(r->log);
    store_read_end(r->read);
    r->log = NULL;
    r->read = NULL;
    code = store_read_begin(r->store, &r->log, &r->held, err);
    return code == TRIAL_OK ? store_read_begin(r->store, &r->read, &of_read, err) : code;
}

/* Fold as much as one snapshot may show. */
static trial_code fold_slice(rebuild *r, trial_error *err)
{
    ahead *a = NULL;
    ahead_batch *batch;
    trial_code code = ahead_begin(r->log, r->folded + 1, RECORDS_PER_SNAPSHOT, &a, err);
    trial_code walked;

    if (code != TRIAL_OK) {
        return code;
    }
    while (code == TRIAL_OK && !r->progress->is_stopped && (batch = ahead_take(a)) != NULL) {
        code = fold_batch(r, batch, err);
        ahead_give(a);
    }
    walked = ahead_end(a, code == TRIAL_OK ? err : NULL);
    return code == TRIAL_OK ? walked : code;
}

/* Fold to the end of what LMDB holds, which grows meanwhile. */
static trial_code fold_held(rebuild *r, trial_error *err)
{
    trial_code code = renew(r, err);

    while (code == TRIAL_OK && r->folded < r->held) {
        r->progress->total = r->held;
        code = fold_slice(r, err);
        if (code == TRIAL_OK && r->progress->is_stopped) {
            code = trial_fail(err, TRIAL_BUSY, "the daemon is leaving; ask again when it is back");
        }
        if (code == TRIAL_OK) {
            code = renew(r, err);
        }
    }
    return code;
}

static trial_code fold_tail(rebuild *r, trial_error *err)
{
    trial_code code = TRIAL_OK;

    while (code == TRIAL_OK && r->folded + 1 < r->tail.first + r->tail.count) {
        trial_bytes bytes = { 0 };
        proto_record record;

        code = get_record(r, r->folded + 1, &bytes, err);
        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, err);
        }
        if (code == TRIAL_OK) {
            code = end_event(r, fold_event(&r->rows, &record, true, &r->arena, err), err);
        }
        if (code == TRIAL_OK) {
            r->folded++;
        }
    }
    return code;
}

/* First everything; writing it takes a while, so what came meanwhile is folded too. */
static trial_code fold_first(rebuild *r, trial_error *err)
{
    trial_code code =
        store_build_begin(r->store, MEMORY_BYTES, &r->progress->is_stopped, &r->build, err);

    if (code == TRIAL_OK) {
        code = fold_held(r, err);
    }
    if (code == TRIAL_OK) {
        code = store_build_write(r->build, err);
    }
    return code == TRIAL_OK ? fold_held(r, err) : code;
}

trial_code rebuild_fold(rebuild *r, trial_error *err)
{
    trial_code code = r->build == NULL ? fold_first(r, err) : fold_tail(r, err);

    if (code == TRIAL_OK && store_build_gathered(r->build) > SWAP_ROWS_MAX) {
        code = store_build_write(r->build, err);
    }
    return code;
}

static void add_to_tail(struct tail *tail, trial_bytes record)
{
    if (tail->count == tail->begins_room) {
        tail->begins_room = tail->begins_room == 0 ? 1024 : tail->begins_room * 2;
        tail->begins = trial_memory_again(tail->begins, tail->begins_room * sizeof *tail->begins);
    }
    if (tail->room - tail->size < record.size) {
        tail->room = (tail->room + record.size) * 2;
        tail->bytes = trial_memory_again(tail->bytes, tail->room);
    }
    memcpy(tail->bytes + tail->size, record.data, record.size);
    tail->begins[tail->count++] = tail->size;
    tail->size += record.size;
}

/* Copy the records up to the end of the log: the writer's memory is its own. */
static trial_code copy_rest(rebuild *r, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (r->tail.count == 0) {
        r->tail.first = r->folded + 1;
    }
    while (code == TRIAL_OK && r->tail.first + r->tail.count <= store_head(r->store)) {
        trial_bytes bytes = { 0 };

        code = store_get_record(r->store, r->tail.first + r->tail.count, &bytes, err);
        if (code == TRIAL_OK) {
            add_to_tail(&r->tail, bytes);
        }
    }
    return code;
}

trial_code rebuild_hand_over(rebuild *r, bool *ret_has_more, trial_error *err)
{
    uint64_t rest = store_flushed(r->store) - r->folded;

    *ret_has_more = rest > SWAP_EVENTS_MAX && ++r->rounds < ROUNDS_MAX;
    return *ret_has_more ? copy_rest(r, err) : TRIAL_OK;
}

trial_code rebuild_swap(rebuild *r, engine *e, trial_error *err)
{
    trial_code code = copy_rest(r, err);

    if (code == TRIAL_OK) {
        code = fold_tail(r, err);
    }
    return code == TRIAL_OK ? engine_swap(e, r->build, err) : code;
}
