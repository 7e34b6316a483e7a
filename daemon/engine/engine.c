/* engine.c - the writer's life: open and recover, turns, and the swap of rebuilt rows. */
#include "engine_internal.h"

#include "rebuild.h"
#include "version.h"

#include <stdlib.h>

static trial_bytes log_key(void)
{
    return (trial_bytes){ (const uint8_t *)LOG_ROW_KEY, sizeof LOG_ROW_KEY - 1 };
}

static void put_log_row(engine *e)
{
    uint8_t bytes[LOG_ROW_BYTES_MAX];

    store_put(
        e->store, STORE_META, log_key(), (trial_bytes){ bytes, log_row_write(&e->log, bytes) });
}

static trial_bytes fold_key(void)
{
    return (trial_bytes){ (const uint8_t *)FOLD_ROW_KEY, sizeof FOLD_ROW_KEY - 1 };
}

/* The rows are of this version of the fold. No request undoes it. */
static void put_fold_row(engine *e)
{
    uint8_t bytes[FOLD_ROW_BYTES];

    fold_row_write(bytes);
    store_put(e->store, STORE_META, fold_key(), (trial_bytes){ bytes, sizeof bytes });
    store_mark(e->store);
    e->is_fold_old = false;
}

/* Rows of other shapes cannot be read: they are folded anew before anything is put beside them. */
static trial_code fold_again(engine *e, trial_error *err)
{
    answers_progress progress = { .tell = e->settings.tell_opening };
    rebuild *r = rebuild_new(e->store, &progress);
    trial_code code = rebuild_fold(r, err);

    if (code == TRIAL_OK) {
        code = rebuild_swap(r, e, err);
    }
    if (code == TRIAL_OK) {
        code = store_commit_all(e->store, err);
    }
    rebuild_done(r);
    return code == TRIAL_OK
               ? TRIAL_OK
               : trial_fail_while(err, "folding the log again for this version of triald");
}

/* Which version of the fold made the rows that LMDB holds? */
static trial_code check_fold_row(engine *e, trial_error *err)
{
    trial_bytes bytes = { 0 };
    fold_row_age age;
    trial_code code = store_get(e->store, STORE_META, fold_key(), &bytes, err);

    if (code != TRIAL_OK || e->settings.is_checking) { /* which folds nothing */
        return code;
    }
    age = fold_row_look(bytes);
    if (store_committed(e->store) == 0) {
        put_fold_row(e);
        return TRIAL_OK;
    }
    e->is_fold_old = age == FOLD_ROW_OLD;
    return age == FOLD_ROW_FOREIGN ? fold_again(e, err) : TRIAL_OK;
}

/* Where LMDB's log stands; an empty log where it holds none. */
static trial_code load_log_row(engine *e, trial_error *err)
{
    trial_bytes bytes = { 0 };
    trial_code code = store_get(e->store, STORE_META, log_key(), &bytes, err);

    if (code == TRIAL_OK && bytes.data != NULL) {
        code = log_row_read(bytes, &e->log, err);
    }
    if (code == TRIAL_OK && e->log.tree.size != store_committed(e->store)) {
        return trial_fail(
            err,
            TRIAL_STORAGE,
            "the log holds %llu events but its tree %llu; restore the store from a backup",
            (unsigned long long)store_committed(e->store),
            (unsigned long long)e->log.tree.size);
    }
    return code;
}

static trial_code misfit(trial_error *err, uint64_t position, const char *what)
{
    trial_code code =
        trial_fail(err, TRIAL_STORAGE, "position %llu %s", (unsigned long long)position, what);

    if (err != NULL) {
        err->position = (int64_t)position;
    }
    return code;
}

/* Does the record hold together, and is it the next of its subject and of the log? */
static trial_code check_fits(engine *e,
                             const proto_record *record,
                             trial_bytes bytes,
                             const trial_event *event,
                             const head_row *head,
                             trial_error *err)
{
    trial_bytes there = { 0 };
    trial_code code;
    row_key k;

    if (!proto_record_leaf_is_right(record) || !proto_record_is_sound(record, bytes, &e->request)) {
        return misfit(err, record->position, "is not as it was written");
    }
    if (record->previous != head->last || record->revision != head->revision + 1) {
        return misfit(err, record->position, "is not the next event of its subject");
    }
    if (record->ingest < e->log.last_ingest) {
        return misfit(err, record->position, "is older than the event in front of it");
    }
    key_event_id(event->source, event->id, &k);
    code = store_get(e->store, STORE_EVENT_ID, key_span(&k), &there, err);
    return code == TRIAL_OK && there.data != NULL
               ? misfit(err, record->position, "has the id of another event")
               : code;
}

/* Take in a record that was decided once, as it was taken in the first time. One that is restored
 * is looked at to the last byte and judged, as a rebuild would; one that is only looked at leaves
 * no state. */
static trial_code take_record(engine *e, trial_bytes bytes, bool is_restored, trial_error *err)
{
    trial_text programmes[2];
    head_row head;
    trial_event event;
    proto_record record;
    row_key k;
    trial_code code = proto_record_read(bytes, &record, err);

    if (code == TRIAL_OK) {
        code = proto_record_event(&record, &e->request, &event, err);
    }
    if (code == TRIAL_OK && record.position != store_head(e->store) + 1) {
        code = trial_fail(err,
                          TRIAL_STORAGE,
                          "the log goes on with position %llu after %llu",
                          (unsigned long long)record.position,
                          (unsigned long long)store_head(e->store));
    }
    if (code == TRIAL_OK) {
        code = writer_head(e, record.subject, &head, err);
    }
    if (code == TRIAL_OK && (is_restored || e->settings.is_checking)) {
        code = check_fits(e, &record, bytes, &event, &head, err);
    }
    if (code == TRIAL_OK && !e->settings.is_checking) {
        code = fold_event(&e->rows, &record, is_restored, &e->request, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    key_event_id(event.source, event.id, &k);
    store_put(e->store,
              STORE_EVENT_ID,
              key_span(&k),
              (trial_bytes){ (const uint8_t *)&record.position, sizeof record.position });
    writer_note(e, &record, bytes, &head, programmes);
    proto_tree_add(&e->log.tree, record.leaf);
    return TRIAL_OK;
}

static trial_code recover(engine *e, uint64_t *ret_recovered, trial_error *err)
{
    trial_code code = TRIAL_OK;

    *ret_recovered = 0;
    for (;;) {
        trial_bytes bytes = { 0 };

        code = store_recover(e->store, &bytes, err);
        if (code != TRIAL_OK || bytes.data == NULL) {
            break;
        }
        bytes = trial_arena_bytes(&e->request, bytes);
        code = take_record(e, bytes, false, err);
        if (code != TRIAL_OK) {
            (void)trial_fail_while(err, "taking in what the journal holds");
            break;
        }
        (*ret_recovered)++;
        if (e->settings.tell_opening != NULL && *ret_recovered % ENGINE_TELL_EVENTS == 0) {
            e->settings.tell_opening(store_head(e->store));
        }
        trial_arena_reset(&e->request);
        trial_arena_reset(&e->turn);
    }
    if (code == TRIAL_OK && *ret_recovered > 0) {
        put_log_row(e);
    }
    return code;
}

static trial_bytes restoring_key(void)
{
    return (trial_bytes){ (const uint8_t *)RESTORING_ROW_KEY, sizeof RESTORING_ROW_KEY - 1 };
}

static trial_code check_is_whole(engine *e, trial_error *err)
{
    trial_bytes bytes = { 0 };
    trial_code code = store_get(e->store, STORE_META, restoring_key(), &bytes, err);

    if (code == TRIAL_OK && bytes.data != NULL && !e->settings.is_restoring) {
        code = trial_fail(err,
                          TRIAL_INVALID,
                          "the store is what an interrupted restore left; remove it and restore "
                          "again");
    }
    return code;
}

trial_code engine_restore_begin(engine *e, trial_error *err)
{
    store_put(e->store, STORE_META, restoring_key(), (trial_bytes){ (const uint8_t *)"", 0 });
    return store_commit_all(e->store, err);
}

trial_code engine_restore(engine *e, trial_bytes record, trial_error *err)
{
    trial_bytes mine = trial_arena_bytes(&e->request, record);
    trial_code code = take_record(e, mine, true, err);

    if (code == TRIAL_OK) {
        e->has_unflushed = true;
    } else if (err != NULL && err->position <= 0) {
        err->position = (int64_t)store_head(e->store) + 1;
    }
    trial_arena_reset(&e->request);
    return code;
}

trial_code engine_restore_end(engine *e, trial_error *err)
{
    store_delete(e->store, STORE_META, restoring_key());
    return store_commit_all(e->store, err);
}

trial_code engine_open(store *s,
                       const engine_settings *settings,
                       engine_random *random,
                       engine **ret_engine,
                       uint64_t *ret_recovered,
                       trial_error *err)
{
    engine *e = trial_memory(sizeof *e);
    trial_code code;

    e->store = s;
    e->settings = *settings;
    e->random = random;
    e->rows = writer_rows(e);
    e->log.last_ingest = TRIAL_INSTANT_NONE;
    code = check_is_whole(e, err);
    if (code == TRIAL_OK) {
        code = load_log_row(e, err);
    }
    if (code == TRIAL_OK) {
        code = check_fold_row(e, err);
    }
    if (code == TRIAL_OK) {
        code = recover(e, ret_recovered, err);
    }
    if (code != TRIAL_OK) {
        engine_close(e);
        return code;
    }
    *ret_engine = e;
    return TRIAL_OK;
}

void engine_close(engine *e)
{
    if (e == NULL) {
        return;
    }
    pack_writer_done(&e->state);
    trial_arena_done(&e->turn);
    trial_arena_done(&e->request);
    free(e);
}

void engine_turn_begin(engine *e, int64_t now_ns)
{
    trial_instant now = now_ns - now_ns % TRIAL_NS_PER_US; /* the log keeps microseconds */

    e->now = now > e->log.last_ingest ? now : e->log.last_ingest;
    e->has_unflushed = false;
}

trial_code engine_turn_flush(engine *e, trial_error *err)
{
    if (!e->has_unflushed) {
        return TRIAL_OK;
    }
    put_log_row(e);
    e->has_unflushed = false;
    return store_flush(e->store, err);
}

trial_instant engine_turn_time(const engine *e)
{
    return e->now;
}

const engine_added *engine_turn_added(const engine *e, uint32_t *ret_count)
{
    *ret_count = e->added_count;
    return e->added;
}

void engine_turn_done(engine *e)
{
    e->added = NULL;
    e->added_count = 0;
    e->added_room = 0;
    trial_arena_reset(&e->turn);
}

const engine_counts *engine_counted(const engine *e)
{
    return &e->counts;
}

void engine_root(const engine *e, uint8_t *ret_root)
{
    proto_tree_root(&e->log.tree, ret_root);
}

store *engine_store(const engine *e)
{
    return e->store;
}

trial_code engine_swap(engine *e, store_build *build, trial_error *err)
{
    trial_code code = store_swap(e->store, build, err);

    if (code == TRIAL_OK) {
        put_fold_row(e);
    }
    return code;
}

bool engine_needs_rebuild(const engine *e)
{
    return e->is_fold_old;
}
