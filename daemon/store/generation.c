/* generation.c - see generation.h. LMDB has one lock for all who write: a piece keeps it for some
 * milliseconds, and between two pieces a commit that waits goes first. */
#include "generation.h"

#include "store_internal.h"
#include "trial/arena.h"

#include <stdatomic.h>
#include <stdlib.h>

#define FACT_GENERATION "generation"
#define PIECE_ROWS ((size_t)2000) /* one transaction of a build: about 10 ms of LMDB's lock */
#define PIECE_BYTES ((size_t)2 * 1024 * 1024)
#define PIECE_ROOM_BYTES ((uint64_t)16 * 1024 * 1024) /* disk that a piece may want at most */
#define PUTS_PER_LOOK 1024u /* to add up what has gathered takes longer than a put */
#define MAP_KEPT 16u        /* one part in so many of the map is left to the log */

struct store_build {
    store *owner;
    uint32_t generation;
    overlay gathered; /* rows that are not written yet */
    store_read *read; /* sees what is written */
    size_t memory_bytes;
    size_t puts;
    const _Atomic bool *is_stopped;
    bool is_swapped;
};

static uint64_t fact_sum(uint64_t generation)
{
    trial_bytes bytes = { (const uint8_t *)&generation, sizeof generation };

    return store_sum(bytes, STORE_TABLE_COUNT); /* no table's seed */
}

int generation_get(MDB_txn *txn, const store_tables *t, uint32_t *ret_generation)
{
    MDB_val key = { sizeof FACT_GENERATION - 1, (void *)(uintptr_t)FACT_GENERATION };
    MDB_val value;
    uint64_t fact[2];
    int rc = mdb_get(txn, t->facts, &key, &value);

    if (rc != MDB_SUCCESS) {
        return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
    }
    if (value.mv_size != sizeof fact) {
        return MDB_CORRUPTED;
    }
    memcpy(fact, value.mv_data, sizeof fact);
    if (fact[0] != fact_sum(fact[1]) || fact[1] > 1) {
        return MDB_CORRUPTED;
    }
    *ret_generation = (uint32_t)fact[1];
    return MDB_SUCCESS;
}

int generation_put(MDB_txn *txn, const store_tables *t, uint32_t generation)
{
    MDB_val key = { sizeof FACT_GENERATION - 1, (void *)(uintptr_t)FACT_GENERATION };
    uint64_t fact[2] = { fact_sum(generation), generation };
    MDB_val value = { sizeof fact, fact };

    return mdb_put(txn, t->facts, &key, &value, 0);
}

static trial_code fail_building(store *s, int rc, const char *doing, trial_error *err)
{
    int reason = commit_reason(s, rc, PIECE_ROOM_BYTES, UINT64_MAX);
    trial_code code = store_fail(err, reason, "%s in '%s'", doing, s->path);

    if (code == TRIAL_NO_SPACE) {
        code = trial_fail(err,
                          code,
                          "no room for %s in '%s' (%s); the old rows are in use as before: make "
                          "room and rebuild again",
                          doing,
                          s->path,
                          store_reason(reason));
    } else if (code == TRIAL_STORAGE) {
        s->has_failed = true;
    }
    return code;
}

bool store_build_has_failed(const store *s)
{
    return s->has_failed;
}

static trial_code current_generation(store *s, uint32_t *ret_generation, trial_error *err)
{
    store_read *r = NULL;
    uint64_t committed;
    trial_code code = store_read_begin(s, &r, &committed, err);

    if (code == TRIAL_OK) {
        *ret_generation = r->generation;
        store_read_end(r);
    }
    return code;
}

/* Begin a piece: commits that wait go first, and who was told to stop begins none. */
static trial_code
begin_piece(store *s, const _Atomic bool *is_stopped, MDB_txn **ret_txn, trial_error *err)
{
    int rc;

    if (*is_stopped) {
        return trial_fail(err, TRIAL_BUSY, "the daemon is leaving; ask again when it is back");
    }
    commit_wait(s);
    rc = mdb_txn_begin(s->tables.env, NULL, 0, ret_txn);
    return rc == MDB_SUCCESS ? TRIAL_OK : fail_building(s, rc, "beginning a piece", err);
}

/* Delete the first rows of a table, as many as a piece takes. */
static int delete_first(MDB_txn *txn, MDB_dbi dbi, size_t *rows, size_t *bytes)
{
    MDB_cursor *cursor;
    MDB_val k;
    MDB_val v;
    int rc = mdb_cursor_open(txn, dbi, &cursor);

    if (rc != MDB_SUCCESS) {
        return rc;
    }
    while (rc == MDB_SUCCESS && *rows < PIECE_ROWS && *bytes < PIECE_BYTES) {
        rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST); /* where one stands after a deletion is
                                                         * not promised */
        if (rc == MDB_SUCCESS) {
            (*rows)++;
            *bytes += k.mv_size + v.mv_size;
            rc = mdb_cursor_del(cursor, 0);
        }
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

static int delete_piece(MDB_txn *txn, const store_tables *t, uint32_t generation, bool *ret_is_end)
{
    uint32_t current = 0;
    size_t rows = 0;
    size_t bytes = 0;
    int rc = generation_get(txn, t, &current);

    TRIAL_ASSERT(rc != MDB_SUCCESS || current != generation);
    for (store_table table = STORE_STATE; rc == MDB_SUCCESS && table <= STORE_LINK; table++) {
        rc = delete_first(txn, t->tables[store_slot(table, generation)], &rows, &bytes);
    }
    *ret_is_end = rows < PIECE_ROWS && bytes < PIECE_BYTES;
    return rc;
}

static trial_code
clear(store *s, uint32_t generation, const _Atomic bool *is_stopped, trial_error *err)
{
    bool is_end = false;

    while (!is_end) {
        MDB_txn *txn = NULL;
        trial_code code = begin_piece(s, is_stopped, &txn, err);
        int rc;

        if (code != TRIAL_OK) {
            return code;
        }
        fault_enter();
        rc = delete_piece(txn, &s->tables, generation, &is_end);
        if (rc == MDB_SUCCESS) {
            rc = mdb_txn_commit(txn);
        } else {
            mdb_txn_abort(txn);
        }
        fault_leave();
        if (rc != MDB_SUCCESS) {
            return fail_building(s, rc, "clearing rows that nobody uses", err);
        }
    }
    return TRIAL_OK;
}

trial_code store_has_spare(store *s, bool *ret_has, trial_error *err)
{
    store_read *r = NULL;
    uint64_t committed;
    trial_code code = store_read_begin(s, &r, &committed, err);
    size_t rows = 0;

    if (code != TRIAL_OK) {
        return code;
    }
    for (store_table table = STORE_STATE; code == TRIAL_OK && table <= STORE_LINK; table++) {
        MDB_stat facts;
        int rc = mdb_stat(r->txn, s->tables.tables[store_slot(table, 1 - r->generation)], &facts);

        if (rc == MDB_SUCCESS) {
            rows += facts.ms_entries;
        } else {
            code = store_fail(err, rc, "looking for rows that nobody uses");
        }
    }
    store_read_end(r);
    *ret_has = rows > 0;
    return code;
}

/* Only one may have the spare generation. */
static trial_code take_spare(store *s, trial_error *err)
{
    bool is_free = false;

    return atomic_compare_exchange_strong(&s->is_building, &is_free, true)
               ? TRIAL_OK
               : trial_fail(err, TRIAL_BUSY, "another rebuild is not done yet; ask again later");
}

trial_code store_clear_spare(store *s, const _Atomic bool *is_stopped, trial_error *err)
{
    uint32_t current = 0;
    trial_code code = take_spare(s, err);

    if (code != TRIAL_OK) {
        return code;
    }
    code = current_generation(s, &current, err);
    if (code == TRIAL_OK) {
        code = clear(s, 1 - current, is_stopped, err);
    }
    s->is_building = false;
    return code;
}

trial_code store_build_begin(store *s,
                             size_t memory_bytes,
                             const _Atomic bool *is_stopped,
                             store_build **ret_build,
                             trial_error *err)
{
    store_build *b;
    uint64_t committed;
    trial_code code = take_spare(s, err);

    if (code != TRIAL_OK) {
        return code;
    }
    b = trial_memory(sizeof *b);
    b->owner = s;
    b->memory_bytes = memory_bytes;
    b->is_stopped = is_stopped;
    overlay_reset(&b->gathered, 1);
    code = current_generation(s, &b->generation, err);
    if (code == TRIAL_OK) {
        b->generation = 1 - b->generation;
        code = clear(s, b->generation, is_stopped, err);
    }
    if (code == TRIAL_OK) {
        code = store_read_begin(s, &b->read, &committed, err);
    }
    if (code != TRIAL_OK) {
        store_build_end(b);
        return code;
    }
    b->read->is_fixed = true;
    b->read->generation = b->generation;
    *ret_build = b;
    return TRIAL_OK;
}

void store_build_end(store_build *b)
{
    if (b == NULL) {
        return;
    }
    store_read_end(b->read);
    overlay_done(&b->gathered);
    if (!b->is_swapped) { /* else the commit lets go of it */
        b->owner->is_building = false;
    }
    free(b);
}

trial_code store_build_put(
    store_build *b, store_table table, trial_bytes key, trial_bytes value, trial_error *err)
{
    TRIAL_ASSERT(table == STORE_STATE || table == STORE_LINK);
    overlay_put(&b->gathered, table, key, value);
    if (++b->puts % PUTS_PER_LOOK != 0 || overlay_row_bytes(&b->gathered) <= b->memory_bytes) {
        return TRIAL_OK;
    }
    return store_build_write(b, err);
}

trial_code store_build_get(
    store_build *b, store_table table, trial_bytes key, trial_bytes *ret_value, trial_error *err)
{
    const overlay_row *row = overlay_find(&b->gathered, overlay_hash(table, key), table, key);

    if (row == NULL) {
        return store_read_get(b->read, table, key, ret_value, err);
    }
    *ret_value = overlay_value(row);
    return TRIAL_OK;
}

void store_build_fetch(const store_build *b,
                       store_table table,
                       const trial_bytes *keys,
                       size_t count)
{
    overlay_fetch(&b->gathered, table, keys, count);
}

size_t store_build_gathered(const store_build *b)
{
    return b->gathered.row_count;
}

/* Bytes of the map that are free, beyond the last page used or before it. */
static int free_of_map(MDB_env *env, MDB_txn *txn, uint64_t *ret_bytes)
{
    MDB_envinfo info;
    MDB_stat stat;
    MDB_cursor *cursor;
    MDB_val k;
    MDB_val v;
    int rc = mdb_env_info(env, &info);

    if (rc == MDB_SUCCESS) {
        rc = mdb_env_stat(env, &stat);
    }
    if (rc == MDB_SUCCESS) {
        *ret_bytes = info.me_mapsize - (info.me_last_pgno + 1) * stat.ms_psize;
        rc = mdb_cursor_open(txn, 0, &cursor); /* LMDB's own list; its rows begin with a count */
    }
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == MDB_SUCCESS) {
        size_t count = 0;

        memcpy(&count, v.mv_data, v.mv_size < sizeof count ? 0 : sizeof count);
        *ret_bytes += (uint64_t)count * stat.ms_psize;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

/* The log must not run out of room because a rebuild took it. */
static trial_code check_room(const store_build *b, trial_error *err)
{
    store *s = b->owner;
    uint64_t free_bytes = space_free(s);
    uint64_t free_of_it = 0;
    int rc;

    if (free_bytes < s->settings.reserve_bytes + PIECE_ROOM_BYTES) {
        return trial_fail(err,
                          TRIAL_NO_SPACE,
                          "a rebuild writes its rows beside the old ones, and the disk of '%s' has "
                          "only %llu bytes free and keeps %llu in reserve; free some and rebuild "
                          "again, the old rows are in use as before",
                          s->path,
                          (unsigned long long)free_bytes,
                          (unsigned long long)s->settings.reserve_bytes);
    }
    rc = free_of_map(s->tables.env, b->read->txn, &free_of_it);
    if (rc != MDB_SUCCESS) {
        return store_fail(err, rc, "counting LMDB's free pages");
    }
    if (free_of_it < s->settings.map_bytes / MAP_KEPT) {
        return trial_fail(err,
                          TRIAL_NO_SPACE,
                          "a rebuild writes its rows beside the old ones, and the map of '%s' is "
                          "nearly full; raise map-bytes, start again and rebuild again, the old "
                          "rows are in use as before",
                          s->path);
    }
    return TRIAL_OK;
}

/* Put sorted rows from `*at` on, as many as a piece takes. */
static int
put_piece(MDB_txn *txn, const store_build *b, const overlay_row *const *sorted, size_t *at)
{
    size_t end =
        *at + PIECE_ROWS < b->gathered.row_count ? *at + PIECE_ROWS : b->gathered.row_count;
    size_t bytes = 0;
    int rc = MDB_SUCCESS;

    while (rc == MDB_SUCCESS && *at < end && bytes < PIECE_BYTES) {
        store_table table = (store_table)sorted[*at]->table;
        MDB_cursor *cursor;

        rc = mdb_cursor_open(
            txn, b->owner->tables.tables[store_slot(table, b->generation)], &cursor);
        if (rc != MDB_SUCCESS) {
            return rc;
        }
        for (; rc == MDB_SUCCESS && *at < end && bytes < PIECE_BYTES &&
               sorted[*at]->table == (uint8_t)table;
             (*at)++) {
            const overlay_row *row = sorted[*at];

            bytes += row->key_size + row->value_size;
            rc = table_put(cursor,
                           table,
                           (trial_bytes){ row->key, row->key_size },
                           (trial_bytes){ row->value, row->value_size });
        }
        mdb_cursor_close(cursor);
    }
    return rc;
}

static trial_code
write_piece(store_build *b, const overlay_row *const *sorted, size_t *at, trial_error *err)
{
    MDB_txn *txn = NULL;
    trial_code code = check_room(b, err);
    int rc;

    if (code == TRIAL_OK) {
        code = begin_piece(b->owner, b->is_stopped, &txn, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    fault_enter();
    rc = put_piece(txn, b, sorted, at);
    if (rc == MDB_SUCCESS) {
        rc = mdb_txn_commit(txn);
    } else {
        mdb_txn_abort(txn);
    }
    fault_leave();
    if (rc != MDB_SUCCESS) {
        return fail_building(b->owner, rc, "writing rebuilt rows", err);
    }
    return read_renew(b->read, err);
}

trial_code store_build_write(store_build *b, trial_error *err)
{
    size_t count = b->gathered.row_count;
    const overlay_row **sorted = trial_memory((count + 1) * sizeof *sorted);
    trial_code code = TRIAL_OK;

    for (size_t i = 0; i < count; i++) {
        sorted[i] = &b->gathered.rows[i];
    }
    qsort(sorted, count, sizeof *sorted, commit_compare_rows);
    for (size_t at = 0; code == TRIAL_OK && at < count;) {
        code = write_piece(b, sorted, &at, err);
    }
    free(sorted);
    if (code == TRIAL_OK) {
        overlay_reset(&b->gathered, 1);
    }
    return code;
}

/* What the writer put in front of the old rows gives way to what was built. */
static trial_code replace_rows(store *s, store_build *b, trial_error *err)
{
    overlay *active = &s->active->rows;
    size_t count = active->row_count;

    for (size_t i = 0; i < count; i++) {
        store_table table = (store_table)active->rows[i].table;
        trial_bytes key = { active->rows[i].key, active->rows[i].key_size };
        trial_bytes value = { 0 };
        trial_code code;

        if (store_slot(table, 0) == store_slot(table, 1)) {
            continue;
        }
        code = store_build_get(b, table, key, &value, err);
        if (code != TRIAL_OK) {
            return code;
        }
        if (value.data != NULL) {
            overlay_put(active, table, key, value);
        } else {
            overlay_delete(active, table, key);
        }
    }
    for (size_t i = 0; i < b->gathered.row_count; i++) {
        const overlay_row *row = &b->gathered.rows[i];

        overlay_put(active,
                    (store_table)row->table,
                    (trial_bytes){ row->key, row->key_size },
                    (trial_bytes){ row->value, row->value_size });
    }
    return TRIAL_OK;
}

trial_code store_swap(store *s, store_build *b, trial_error *err)
{
    trial_code code;

    TRIAL_ASSERT(s->head <= s->flushed && s->generation == s->current); /* no turn is open */
    code = replace_rows(s, b, err);
    if (code != TRIAL_OK) {
        return code;
    }
    overlay_mark(&s->active->rows); /* a refused request must not undo it */
    b->is_swapped = true;
    s->generation = b->generation;
    s->snapshot->generation = b->generation;
    return read_renew(s->snapshot, err);
}

bool store_is_swapping(const store *s)
{
    return s->generation != s->current;
}
