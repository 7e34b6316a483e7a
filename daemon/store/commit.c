/* commit.c - bringing LMDB level, on a thread of its own, so that the writer never waits for the
 * pages of the tables: one that kept an LMDB transaction open did half as much. Frozen layers are
 * handed over and, until the result is taken note of, changed by nobody; they go to LMDB in one
 * synced transaction or not at all. */
#include "probes.h"
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Rows by table and key, so that LMDB's pages are each visited once. */
int commit_compare_rows(const void *left, const void *right)
{
    const overlay_row *a = *(const overlay_row *const *)left;
    const overlay_row *b = *(const overlay_row *const *)right;
    size_t size = a->key_size < b->key_size ? a->key_size : b->key_size;
    int order;

    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    order = memcmp(a->key, b->key, size);
    return order != 0 ? order : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

static int put_records(MDB_txn *txn, MDB_dbi dbi, const overlay *batch)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, dbi, &cursor);

    if (rc != MDB_SUCCESS) {
        return rc;
    }
    for (size_t i = 0; i < batch->record_count && rc == MDB_SUCCESS; i++) {
        uint64_t position = batch->first + i;
        trial_bytes key = { (const uint8_t *)&position, sizeof position };

        rc = table_put(cursor, STORE_LOG, key, overlay_record_at(batch, position));
    }
    mdb_cursor_close(cursor);
    return rc;
}

static int write_row(MDB_txn *txn, MDB_dbi dbi, MDB_cursor *cursor, const overlay_row *row)
{
    trial_bytes key = { row->key, row->key_size };
    trial_bytes value = { row->value, row->value_size };
    MDB_val k = { key.size, (void *)(uintptr_t)key.data };
    int rc;

    if (!row->is_deleted) {
        return table_put(cursor, (store_table)row->table, key, value);
    }
    rc = mdb_del(txn, dbi, &k, NULL);
    return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

/* Rows of the batch, those with them that a newer layer replaces. */
static size_t count_rows(const store_committer *c)
{
    size_t rows = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        rows += c->batch[i]->rows.row_count;
    }
    return rows;
}

static void gather_rows(store_committer *c, const overlay_row **ret_rows)
{
    c->rows = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        for (size_t at = 0; at < c->batch[i]->rows.row_count; at++) {
            const overlay_row *row = &c->batch[i]->rows.rows[at];

            if (!layer_replaces(c->batch, c->count, i, row)) {
                ret_rows[c->rows++] = row;
            }
        }
    }
}

static int put_rows(MDB_txn *txn, const store_tables *t, store_committer *c)
{
    const overlay_row **sorted = malloc((count_rows(c) + 1) * sizeof *sorted);
    MDB_cursor *cursor = NULL;
    uint8_t table = STORE_TABLE_COUNT;
    MDB_dbi dbi = 0;
    int rc = MDB_SUCCESS;

    if (sorted == NULL) {
        return ENOMEM;
    }
    gather_rows(c, sorted);
    qsort(sorted, c->rows, sizeof *sorted, commit_compare_rows);
    for (size_t i = 0; i < c->rows && rc == MDB_SUCCESS; i++) {
        if (sorted[i]->table != table) {
            table = sorted[i]->table;
            if (cursor != NULL) {
                mdb_cursor_close(cursor);
                cursor = NULL;
            }
            dbi = t->tables[store_slot((store_table)table, c->batch[0]->generation)];
            rc = mdb_cursor_open(txn, dbi, &cursor);
        }
        if (rc == MDB_SUCCESS) {
            rc = write_row(txn, dbi, cursor, sorted[i]);
        }
    }
    if (cursor != NULL) {
        mdb_cursor_close(cursor);
    }
    free(sorted);
    return rc;
}

static int commit_batch(const store_tables *t, store_committer *c)
{
    MDB_txn *txn;
    uint32_t generation = c->batch[0]->generation;
    uint32_t current = 0;
    int rc = mdb_txn_begin(t->env, NULL, 0, &txn);

    if (rc != MDB_SUCCESS) {
        return rc;
    }
    for (uint32_t i = 0; i < c->count && rc == MDB_SUCCESS; i++) {
        rc = put_records(txn, t->tables[STORE_LOG], &c->batch[i]->rows);
    }
    if (rc == MDB_SUCCESS) {
        rc = put_rows(txn, t, c);
    }
    if (rc == MDB_SUCCESS) {
        rc = generation_get(txn, t, &current);
    }
    if (rc == MDB_SUCCESS && current != generation) { /* the swap of a rebuild */
        rc = generation_put(txn, t, generation);
    }
    if (rc != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* LMDB reports a full disk as EIO. The most a commit may want is a page a row, the log again, and
 * some pages of its own. */
static uint64_t bytes_wanted(const store_committer *c)
{
    uint64_t wanted = (uint64_t)count_rows(c) * 4096 + (uint64_t)1024 * 1024;

    for (uint32_t i = 0; i < c->count; i++) {
        wanted += c->batch[i]->rows.log_size * 2;
    }
    return wanted;
}

/* A damaged page may ask for any number of pages, and LMDB says that its map is full where there is
 * room for many times what a commit wants. */
#define FALSE_ALARM 8u

static bool has_map_room(const store *s, uint64_t wanted)
{
    MDB_envinfo info;
    MDB_stat facts;

    return mdb_env_info(s->tables.env, &info) == MDB_SUCCESS &&
           mdb_env_stat(s->tables.env, &facts) == MDB_SUCCESS &&
           (info.me_last_pgno + 1) * facts.ms_psize + wanted < info.me_mapsize;
}

/* Room may have come back since, so what there was before counts as well. */
int commit_reason(const store *s, int rc, uint64_t wanted, uint64_t free_before)
{
    if (rc == MDB_MAP_FULL && has_map_room(s, wanted * FALSE_ALARM)) {
        return MDB_CORRUPTED;
    }
    return rc == EIO && (free_before < wanted || space_free(s) < wanted) ? ENOSPC : rc;
}

/* The batch is this thread's until it says that it is finished. */
static trial_code commit_and_explain(store *s, trial_error *err)
{
    store_committer *c = &s->committer;
    uint64_t free_before = space_free(s);
    int rc;

    fault_enter();
    rc = commit_batch(&s->tables, c);
    fault_leave();

    if (rc == MDB_SUCCESS) {
        return TRIAL_OK;
    }
    return store_fail(err,
                      commit_reason(s, rc, bytes_wanted(c), free_before),
                      "committing positions %llu to %llu to LMDB in '%s'",
                      (unsigned long long)c->batch[0]->rows.first,
                      (unsigned long long)overlay_last(&c->batch[c->count - 1]->rows),
                      s->path);
}

static void *commit_loop(void *context)
{
    store *s = context;
    store_committer *c = &s->committer;

    (void)pthread_mutex_lock(&c->lock); /* plain mutexes, used in pairs, cannot fail */
    while (c->state != COMMIT_LEAVING) {
        if (c->state == COMMIT_RUNNING) {
            trial_error err = TRIAL_ERROR_NONE;
            uint64_t begun_ns = space_now_ns();
            trial_code code;

            (void)pthread_mutex_unlock(&c->lock);
            code = commit_and_explain(s, &err);
            (void)pthread_mutex_lock(&c->lock);
            c->code = code;
            c->err = err;
            c->took_ns = space_now_ns() - begun_ns;
            probe_committed(c->batch[0]->rows.first,
                            overlay_last(&c->batch[c->count - 1]->rows),
                            c->took_ns,
                            code);
            c->state = COMMIT_FINISHED;
            (void)eventfd_write(c->event_fd, 1); /* a counter of 64 bits does not overflow */
            (void)pthread_cond_broadcast(&c->changed);
        } else {
            (void)pthread_cond_wait(&c->changed, &c->lock);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

trial_code commit_start(store *s, trial_error *err)
{
    store_committer *c = &s->committer;
    int rc;

    c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->event_fd < 0) {
        return trial_fail_errno(err, errno, "making an eventfd for the store");
    }
    rc = pthread_create(&c->thread, NULL, commit_loop, s);
    if (rc != 0) {
        return trial_fail_errno(err, rc, "starting the store's commit thread");
    }
    c->is_started = true;
    return TRIAL_OK;
}

void commit_stop(store *s)
{
    store_committer *c = &s->committer;

    if (c->is_started) {
        commit_wait(s);
        (void)pthread_mutex_lock(&c->lock);
        c->state = COMMIT_LEAVING;
        (void)pthread_cond_broadcast(&c->changed);
        (void)pthread_mutex_unlock(&c->lock);
        (void)pthread_join(c->thread, NULL);
        c->is_started = false;
    }
    if (c->event_fd >= 0) {
        (void)close(c->event_fd);
        c->event_fd = -1;
    }
}

void commit_wait(store *s)
{
    store_committer *c = &s->committer;

    (void)pthread_mutex_lock(&c->lock);
    while (c->state == COMMIT_RUNNING) {
        (void)pthread_cond_wait(&c->changed, &c->lock);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

bool commit_is_running(store *s)
{
    bool is_running;

    (void)pthread_mutex_lock(&s->committer.lock);
    is_running = s->committer.state == COMMIT_RUNNING;
    (void)pthread_mutex_unlock(&s->committer.lock);
    return is_running;
}

int store_commit_fd(const store *s)
{
    return s->committer.event_fd;
}

bool store_commit_is_due(const store *s)
{
    size_t records = s->active->rows.record_count;
    size_t rows = s->active->rows.row_count;
    size_t bytes = s->active->rows.log_size;

    if (s->commit_failed_ms != 0) { /* the same again, now and then */
        return space_now_ms() - s->commit_failed_ms >= STORE_RETRY_COMMIT_MS;
    }
    for (uint32_t i = s->committing; i < s->frozen_count; i++) {
        records += s->frozen[i]->rows.record_count;
        rows += s->frozen[i]->rows.row_count;
        bytes += s->frozen[i]->rows.log_size;
    }
    return records >= s->settings.commit_events || rows >= STORE_COMMIT_ROWS_MAX ||
           bytes >= journal_turn_bytes_max(&s->journal) / 2 ||
           s->frozen_count - s->committing >= STORE_LAYERS_DUE;
}

/* What is flushed becomes part of the batch, and the writer goes on in another layer and in the
 * other file of the journal. The layers of one generation are committed together. Where tails hold
 * so many that one is free, it is kept for the next commit. */
static void make_batch(store *s)
{
    store_committer *c = &s->committer;

    (void)layer_freeze(s, s->frozen_count == 0 ? 1 : 2); /* or what is frozen already */
    c->count = 0;
    while (c->count < s->frozen_count &&
           s->frozen[c->count]->generation == s->frozen[0]->generation) {
        c->batch[c->count] = s->frozen[c->count];
        c->count++;
    }
    s->committing = c->count;
    if (c->count > 0) {
        journal_turn_over(&s->journal, s->committed);
    }
}

void store_commit_begin(store *s)
{
    store_committer *c = &s->committer;

    (void)pthread_mutex_lock(&c->lock);
    if (c->state == COMMIT_IDLE) {
        make_batch(s);
    }
    if (c->state == COMMIT_IDLE && c->count > 0) {
        c->state = COMMIT_RUNNING;
        (void)pthread_cond_broadcast(&c->changed);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

static trial_code take_note(store *s, trial_error *err)
{
    uint32_t count = s->committer.count; /* it is idle: nobody else looks at it */
    const store_layer *last = s->frozen[count - 1];

    s->commit_failed_ms = 0;
    s->space_checked_ms = 0; /* it may have taken room: whoever wants more looks again */
    s->is_journal_full = false;
    s->is_map_full = false;
    s->counts.commits++;
    s->counts.committed_rows += s->committer.rows;
    s->committed = overlay_last(&last->rows);
    s->batch_committed = last->batch;
    if (s->current != last->generation) { /* what was built is in use now */
        s->current = last->generation;
        s->is_building = false;
    }
    for (uint32_t i = 0; i < count; i++) {
        s->counts.committed_events += s->frozen[i]->rows.record_count;
        s->frozen[i]->is_frozen = false;
    }
    s->frozen_count -= count;
    memmove(s->frozen, s->frozen + count, s->frozen_count * sizeof *s->frozen);
    return read_renew(s->snapshot, err);
}

trial_code store_commit_end(store *s, trial_error *err)
{
    store_committer *c = &s->committer;
    trial_code code = TRIAL_OK;
    uint64_t took_ns = 0;
    bool is_finished;
    eventfd_t count;

    (void)eventfd_read(c->event_fd, &count); /* empty when there is nothing to take note of */
    (void)pthread_mutex_lock(&c->lock);
    is_finished = c->state == COMMIT_FINISHED;
    if (is_finished) {
        c->state = COMMIT_IDLE;
        code = c->code;
        took_ns = c->took_ns;
        s->commit_failure = c->err;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (!is_finished) {
        return TRIAL_OK;
    }
    s->committing = 0;
    trial_histogram_add(&s->counts.commit, took_ns);
    if (code != TRIAL_OK) {
        s->counts.commits_without_room += code == TRIAL_NO_SPACE ? 1 : 0;
        if (err != NULL) {
            *err = s->commit_failure;
        }
        s->commit_failed_ms = space_now_ms();
        s->is_map_full =
            code == TRIAL_NO_SPACE && s->commit_failure.system_errno == 0; /* LMDB's own reason */
        s->is_broken = s->is_broken || code != TRIAL_NO_SPACE;
        return code;
    }
    return take_note(s, err);
}

trial_code store_commit_all(store *s, trial_error *err)
{
    trial_code code = store_flush(s, err);

    commit_wait(s);
    if (code == TRIAL_OK) {
        code = store_commit_end(s, err);
    }
    while (code == TRIAL_OK && (s->frozen_count > 0 || !overlay_is_empty(&s->active->rows) ||
                                s->generation != s->current)) {
        store_commit_begin(s);
        commit_wait(s);
        code = store_commit_end(s, err);
    }
    return code;
}
