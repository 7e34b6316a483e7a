/* read.c - snapshots of LMDB, and every checksum looked at on the way out.
 *
 * A flipped bit in a key, or in LMDB's pointer to it, would make a row vanish, which no checksum of
 * the row can show. So where a key is not found, its neighbours must be whole and in order: a
 * search that damage led astray ends beside the damage, or beyond where the row belongs. */
#include "store_internal.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

/* A damaged page may lead LMDB anywhere. */
static int cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value, MDB_cursor_op how)
{
    int rc;

    if (value != NULL) {
        *value = (MDB_val){ 0 }; /* on a page whose kind is damaged it sets none */
    }
    fault_enter();
    rc = mdb_cursor_get(cursor, key, value, how);
    fault_leave();
    return rc;
}

static store_read *take_free(store *s)
{
    store_read *r;

    (void)pthread_mutex_lock(&s->reads_lock); /* a plain mutex, used in pairs, cannot fail */
    r = s->free_reads;
    if (r != NULL) {
        s->free_reads = r->next_free;
        r->is_in_use = true;
        r->begun_ms = space_now_ms();
    }
    (void)pthread_mutex_unlock(&s->reads_lock);
    return r;
}

static void give_back(store_read *r)
{
    store *s = r->owner;

    (void)pthread_mutex_lock(&s->reads_lock);
    r->is_in_use = false;
    r->next_free = s->free_reads;
    s->free_reads = r;
    (void)pthread_mutex_unlock(&s->reads_lock);
}

/* A reader that was killed elsewhere may hold a slot: clear those and try once more. */
static int begin_txn(MDB_env *env, MDB_txn **ret_txn)
{
    int dead;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, ret_txn);

    if (rc == MDB_READERS_FULL && mdb_reader_check(env, &dead) == MDB_SUCCESS) {
        rc = mdb_txn_begin(env, NULL, MDB_RDONLY, ret_txn);
    }
    return rc;
}

static trial_code make_read(store *s, store_read **ret_read, trial_error *err)
{
    store_read *r = calloc(1, sizeof *r);
    int rc;

    if (r == NULL) {
        (void)trial_fail(err, TRIAL_BUSY, "no memory for another reader");
        if (err != NULL) {
            err->system_errno = ENOMEM; /* at a start it is not another daemon that is meant */
        }
        return TRIAL_BUSY;
    }
    rc = begin_txn(s->tables.env, &r->txn);
    if (rc != MDB_SUCCESS) {
        free(r);
        return store_fail(err, rc, "beginning a snapshot");
    }
    mdb_txn_reset(r->txn);
    r->owner = s;
    r->is_in_use = true;
    r->begun_ms = space_now_ms();
    (void)pthread_mutex_lock(&s->reads_lock);
    r->next = s->reads;
    s->reads = r;
    (void)pthread_mutex_unlock(&s->reads_lock);
    *ret_read = r;
    return TRIAL_OK;
}

static int cursor_of(store_read *r, store_table table, MDB_cursor **ret_cursor)
{
    uint32_t slot = store_slot(table, r->generation);
    int rc = MDB_SUCCESS;

    if (r->cursors[slot] == NULL) {
        rc = mdb_cursor_open(r->txn, r->owner->tables.tables[slot], &r->cursors[slot]);
    } else if (!r->is_cursor_fresh[slot]) {
        rc = mdb_cursor_renew(r->txn, r->cursors[slot]);
    }
    r->is_cursor_fresh[slot] = rc == MDB_SUCCESS;
    *ret_cursor = r->cursors[slot];
    return rc;
}

/* A walk keeps its cursor to itself, for what it visits may look up and walk in the same table. */
static int take_cursor(store_read *r, store_table table, MDB_cursor **ret_cursor)
{
    uint32_t slot = store_slot(table, r->generation);
    int rc = cursor_of(r, table, ret_cursor);

    r->cursors[slot] = rc == MDB_SUCCESS ? NULL : r->cursors[slot];
    return rc;
}

static void give_cursor_back(store_read *r, store_table table, MDB_cursor *cursor)
{
    uint32_t slot = store_slot(table, r->generation);

    if (r->cursors[slot] != NULL) {
        mdb_cursor_close(r->cursors[slot]);
    }
    r->cursors[slot] = cursor;
}

static trial_code find_head(store_read *r, trial_error *err)
{
    MDB_cursor *cursor;
    MDB_val key;
    int rc = cursor_of(r, STORE_LOG, &cursor);

    r->kept = 0;
    if (rc == MDB_SUCCESS) {
        rc = cursor_get(cursor, &key, NULL, MDB_LAST);
    }
    if (rc == MDB_SUCCESS && key.mv_size == sizeof r->kept) {
        memcpy(&r->kept, key.mv_data, sizeof r->kept);
    } else if (rc != MDB_NOTFOUND) {
        return store_fail(err, rc == MDB_SUCCESS ? MDB_CORRUPTED : rc, "finding the log's end");
    }
    r->head = r->kept;
    tail_begin(r);
    return TRIAL_OK;
}

trial_code read_renew(store_read *r, trial_error *err)
{
    int rc;

    mdb_txn_reset(r->txn);
    memset(r->is_cursor_fresh, 0, sizeof r->is_cursor_fresh);
    rc = mdb_txn_renew(r->txn);
    if (rc == MDB_SUCCESS && !r->is_fixed) {
        fault_enter();
        rc = generation_get(r->txn, &r->owner->tables, &r->generation);
        fault_leave();
    }
    if (rc != MDB_SUCCESS) {
        return store_fail(err, rc, "beginning a snapshot");
    }
    return find_head(r, err);
}

trial_code store_read_begin_with(
    store *s, const store_tail *tail, store_read **ret_read, uint64_t *ret_head, trial_error *err)
{
    store_read *r = take_free(s);
    trial_code code = r != NULL ? TRIAL_OK : make_read(s, &r, err);

    if (code == TRIAL_OK) {
        r->tail = tail;
        code = read_renew(r, err);
        if (code != TRIAL_OK) {
            store_read_end(r);
        }
    }
    if (code == TRIAL_OK) {
        *ret_read = r;
        *ret_head = r->head;
    }
    return code;
}

trial_code
store_read_begin(store *s, store_read **ret_read, uint64_t *ret_committed, trial_error *err)
{
    return store_read_begin_with(s, NULL, ret_read, ret_committed, err);
}

void store_read_end(store_read *r)
{
    if (r != NULL) {
        mdb_txn_reset(r->txn); /* pages this snapshot pinned can be used again */
        r->is_fixed = false;
        r->tail = NULL;
        give_back(r);
    }
}

void reads_done(store *s)
{
    while (s->reads != NULL) {
        store_read *r = s->reads;

        TRIAL_ASSERT(!r->is_in_use);
        s->reads = r->next;
        for (size_t i = 0; i < STORE_SLOT_COUNT; i++) {
            if (r->cursors[i] != NULL) {
                mdb_cursor_close(r->cursors[i]);
            }
        }
        mdb_txn_abort(r->txn);
        free(r);
    }
    s->free_reads = NULL;
}

static trial_code damaged(store_table table, trial_bytes key, trial_error *err)
{
    uint64_t position;

    if (table == STORE_LOG && key.size == sizeof position) {
        memcpy(&position, key.data, sizeof position);
        (void)trial_fail(err,
                         TRIAL_STORAGE,
                         "position %llu of the log is damaged; restore the store from a backup",
                         (unsigned long long)position);
        if (err != NULL) {
            err->position = (int64_t)position;
        }
        return TRIAL_STORAGE;
    }
    return trial_fail(err,
                      TRIAL_STORAGE,
                      "a row of an index (table %d, key '%.*s') is damaged; run `trialctl rebuild` "
                      "or restore the store from a backup",
                      (int)table,
                      (int)(key.size < 64 ? key.size : 64),
                      (const char *)key.data);
}

/* Check a row and take its checksum off. */
static trial_code
open_row(store_table table, MDB_val k, MDB_val v, trial_bytes *ret_value, trial_error *err)
{
    trial_bytes key = { k.mv_data, k.mv_size };
    trial_bytes value;
    uint64_t sum;

    if (v.mv_size < STORE_SUM_BYTES) {
        return damaged(table, key, err);
    }
    memcpy(&sum, v.mv_data, sizeof sum);
    value.data = (const uint8_t *)v.mv_data + STORE_SUM_BYTES;
    value.size = v.mv_size - STORE_SUM_BYTES;
    if (sum != store_row_sum(table, key, value)) {
        return damaged(table, key, err);
    }
    *ret_value = value;
    return TRIAL_OK;
}

static int compare_keys(store_table table, MDB_val a, trial_bytes b)
{
    size_t size = a.mv_size < b.size ? a.mv_size : b.size;
    int order;

    if (table == STORE_LOG && a.mv_size == sizeof(uint64_t) && b.size == sizeof(uint64_t)) {
        uint64_t left;
        uint64_t right;

        memcpy(&left, a.mv_data, sizeof left);
        memcpy(&right, b.data, sizeof right);
        return (left > right) - (left < right);
    }
    order = size == 0 ? 0 : memcmp(a.mv_data, b.data, size);
    return order != 0 ? order : (a.mv_size > b.size) - (a.mv_size < b.size);
}

static trial_bytes bytes_at(MDB_val val)
{
    return (trial_bytes){ val.mv_data, val.mv_size };
}

/* The cursor stands on `next`: the row behind it must be above, and the cursor stays. */
static trial_code
check_behind(MDB_cursor *cursor, store_table table, MDB_val next, trial_error *err)
{
    MDB_val far;
    int rc = cursor_get(cursor, &far, NULL, MDB_NEXT);

    if (rc == MDB_NOTFOUND) {
        return TRIAL_OK;
    }
    if (rc == MDB_SUCCESS && compare_keys(table, far, bytes_at(next)) <= 0) {
        return damaged(table, bytes_at(next), err);
    }
    if (rc == MDB_SUCCESS) {
        rc = cursor_get(cursor, &far, NULL, MDB_PREV);
    }
    return rc == MDB_SUCCESS ? TRIAL_OK : store_fail(err, rc, "reading table %d", (int)table);
}

/* The cursor stands on `next`, the first row above `key`, or behind the last (`rc` is NOTFOUND).
 * The rows around must be in order, and the one before whole. */
static trial_code check_neighbours(
    MDB_cursor *cursor, int rc, MDB_val next, store_table table, trial_bytes key, trial_error *err)
{
    MDB_val before;
    MDB_val far;
    MDB_val v;
    trial_bytes value = { 0 };
    trial_code code = TRIAL_OK;

    if (rc == MDB_SUCCESS) {
        code = check_behind(cursor, table, next, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    rc = cursor_get(cursor, &before, &v, rc == MDB_SUCCESS ? MDB_PREV : MDB_LAST);
    if (rc == MDB_SUCCESS) {
        code = open_row(table, before, v, &value, err);
        if (code == TRIAL_OK && compare_keys(table, before, key) >= 0) {
            code = damaged(table, key, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        rc = cursor_get(cursor, &far, NULL, MDB_PREV);
        if (rc == MDB_SUCCESS && compare_keys(table, far, bytes_at(before)) >= 0) {
            return damaged(table, key, err);
        }
    }
    return rc == MDB_SUCCESS || rc == MDB_NOTFOUND
               ? TRIAL_OK
               : store_fail(err, rc, "reading table %d", (int)table);
}

trial_code store_read_get(
    store_read *r, store_table table, trial_bytes key, trial_bytes *ret_value, trial_error *err)
{
    MDB_val k = { key.size, (void *)(uintptr_t)key.data };
    MDB_val v;
    MDB_cursor *cursor;
    trial_code code;
    int rc;

    TRIAL_ASSERT(key.size >= 1 && key.size <= STORE_KEY_BYTES_MAX);
    if (tail_get(r, table, key, ret_value)) {
        return TRIAL_OK;
    }
    rc = cursor_of(r, table, &cursor);
    if (rc == MDB_SUCCESS) {
        rc = cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    }
    if (rc == MDB_SUCCESS) {
        int order = compare_keys(table, k, key);
        trial_bytes value = { 0 };

        code = open_row(table, k, v, &value, err);
        if (code == TRIAL_OK && order < 0) {
            code = damaged(table, key, err);
        }
        if (code != TRIAL_OK || order == 0) {
            *ret_value = code == TRIAL_OK ? value : (trial_bytes){ 0 };
            return code;
        }
    } else if (rc != MDB_NOTFOUND) {
        return store_fail(err, rc, "reading table %d", (int)table);
    }
    code = check_neighbours(cursor, rc, k, table, key, err);
    if (code == TRIAL_OK) {
        *ret_value = (trial_bytes){ 0 };
    }
    return code;
}

trial_code
store_read_record(store_read *r, uint64_t position, trial_bytes *ret_record, trial_error *err)
{
    trial_bytes key = { (const uint8_t *)&position, sizeof position };
    trial_bytes record = { 0 };
    trial_code code;

    if (position == 0 || position > r->head) {
        return trial_fail(err,
                          TRIAL_NOT_FOUND,
                          "there is no position %llu: the log ends at %llu",
                          (unsigned long long)position,
                          (unsigned long long)r->head);
    }
    if (position > r->kept) {
        *ret_record = tail_record(r, position);
        return TRIAL_OK;
    }
    code = store_read_get(r, STORE_LOG, key, &record, err);
    if (code == TRIAL_OK && record.data == NULL) {
        code = damaged(STORE_LOG, key, err); /* the log has no gaps */
    }
    if (code == TRIAL_OK) {
        *ret_record = record;
    }
    return code;
}

static bool starts_with(MDB_val key, trial_bytes prefix)
{
    return key.mv_size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.mv_data, prefix.data, prefix.size) == 0);
}

/* Stand on the first row at or above `start` and check that nothing before it belongs behind. */
static trial_code seek(MDB_cursor *cursor,
                       store_table table,
                       trial_bytes start,
                       MDB_val *ret_key,
                       MDB_val *ret_value,
                       bool *ret_is_end,
                       trial_error *err)
{
    trial_code code = TRIAL_OK;
    int rc;

    *ret_key = (MDB_val){ start.size, (void *)(uintptr_t)start.data };
    rc = cursor_get(cursor, ret_key, ret_value, start.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    *ret_is_end = rc == MDB_NOTFOUND;
    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) {
        return store_fail(err, rc, "reading table %d", (int)table);
    }
    if (start.size == 0) {
        return TRIAL_OK;
    }
    if (rc == MDB_SUCCESS && compare_keys(table, *ret_key, start) < 0) {
        return damaged(table, start, err);
    }
    code = check_neighbours(cursor, rc, *ret_key, table, start, err);
    if (code == TRIAL_OK && rc == MDB_SUCCESS) {
        *ret_key = (MDB_val){ start.size, (void *)(uintptr_t)start.data };
        rc = cursor_get(cursor, ret_key, ret_value, MDB_SET_RANGE);
        code = rc == MDB_SUCCESS ? TRIAL_OK : store_fail(err, rc, "reading table %d", (int)table);
    }
    return code;
}

static trial_code walk_rows(MDB_cursor *cursor,
                            store_table table,
                            trial_bytes prefix,
                            trial_bytes from,
                            store_visit *visit,
                            void *context,
                            trial_error *err)
{
    trial_text a = { (const char *)prefix.data, (uint32_t)prefix.size };
    trial_text b = { (const char *)from.data, (uint32_t)from.size };
    trial_bytes start = trial_text_compare(a, b) > 0 ? prefix : from;
    trial_bytes before = { 0 };
    MDB_val k;
    MDB_val v;
    bool is_end;
    int rc;
    trial_code code = seek(cursor, table, start, &k, &v, &is_end, err);
    while (code == TRIAL_OK && !is_end) {
        trial_bytes value = { 0 };

        code = open_row(table, k, v, &value, err); /* also of the row that ends the walk */
        if (code == TRIAL_OK && before.data != NULL && compare_keys(table, k, before) <= 0) {
            code = damaged(table, before, err);
        }
        before = (trial_bytes){ k.mv_data, k.mv_size };
        if (code != TRIAL_OK || !starts_with(k, prefix) || !visit(context, before, value)) {
            return code;
        }
        rc = cursor_get(cursor, &k, &v, MDB_NEXT);
        is_end = rc == MDB_NOTFOUND;
        if (rc != MDB_SUCCESS && !is_end) {
            code = store_fail(err, rc, "reading table %d", (int)table);
        }
    }
    return code;
}

trial_code store_read_each(store_read *r,
                           store_table table,
                           trial_bytes prefix,
                           trial_bytes from,
                           store_visit *visit,
                           void *context,
                           trial_error *err)
{
    tail_walk walk = { .visit = visit, .context = context };
    MDB_cursor *cursor;
    trial_code code;
    int rc = take_cursor(r, table, &cursor);

    TRIAL_ASSERT(table != STORE_LOG);
    if (rc != MDB_SUCCESS) {
        return store_fail(err, rc, "reading table %d", (int)table);
    }
    tail_walk_begin(r, table, prefix, from, &walk);
    code = walk_rows(cursor, table, prefix, from, tail_visit, &walk, err);
    tail_walk_end(&walk, code != TRIAL_OK);
    give_cursor_back(r, table, cursor);
    return code;
}

static trial_code walk_log(const store_read *r,
                           MDB_cursor *cursor,
                           uint64_t from,
                           bool is_backwards,
                           store_visit *visit,
                           void *context,
                           bool *ret_has_ended,
                           trial_error *err)
{
    uint64_t position = from == 0 && !is_backwards ? 1 : from;
    trial_bytes key = { (const uint8_t *)&position, sizeof position };
    MDB_val k = { key.size, &position };
    MDB_val v;
    int rc;

    if (is_backwards && (position == 0 || position > r->kept)) {
        position = r->kept;
    }
    if (position == 0 || position > r->kept) {
        return TRIAL_OK;
    }
    for (rc = cursor_get(cursor, &k, &v, MDB_SET_KEY); position >= 1 && position <= r->kept;
         rc = cursor_get(cursor, &k, &v, is_backwards ? MDB_PREV : MDB_NEXT)) {
        uint64_t name = htobe64(position);
        trial_bytes record = { 0 };
        trial_code code;

        if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) {
            return store_fail(err, rc, "reading the log at %llu", (unsigned long long)position);
        }
        if (rc == MDB_NOTFOUND || compare_keys(STORE_LOG, k, key) != 0) {
            return damaged(STORE_LOG, key, err); /* the log has no gaps */
        }
        code = open_row(STORE_LOG, k, v, &record, err);
        if (code != TRIAL_OK) {
            return code;
        }
        if (!visit(context, (trial_bytes){ (const uint8_t *)&name, sizeof name }, record)) {
            *ret_has_ended = true;
            return TRIAL_OK;
        }
        position = is_backwards ? position - 1 : position + 1;
    }
    return TRIAL_OK;
}

trial_code store_read_log(store_read *r,
                          uint64_t from,
                          bool is_backwards,
                          store_visit *visit,
                          void *context,
                          trial_error *err)
{
    bool has_ended = is_backwards && !tail_log(r, from, true, visit, context);
    MDB_cursor *cursor;
    trial_code code = TRIAL_OK;
    int rc = take_cursor(r, STORE_LOG, &cursor);

    if (rc != MDB_SUCCESS) {
        return store_fail(err, rc, "reading the log");
    }
    if (!has_ended) {
        code = walk_log(r, cursor, from, is_backwards, visit, context, &has_ended, err);
    }
    give_cursor_back(r, STORE_LOG, cursor);
    if (code == TRIAL_OK && !has_ended && !is_backwards) {
        (void)tail_log(r, from, false, visit, context); /* nothing follows it */
    }
    return code;
}
