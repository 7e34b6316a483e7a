/* write.c - the writer's side: what is appended and put, flushed and read back. */
#include "journal_format.h"
#include "store_internal.h"

/* Until the journal is free: the one that runs, one of what was frozen meanwhile where readers hold
 * so many layers that no other can be, and one of the rest. */
#define ROOM_COMMITS 3u

uint64_t store_head(const store *s)
{
    return s->head;
}

uint64_t store_flushed(const store *s)
{
    return s->flushed;
}

uint64_t store_committed(const store *s)
{
    return s->committed;
}

const store_counts *store_counted(const store *s)
{
    return &s->counts;
}

uint64_t store_batch(const store *s)
{
    return s->batch;
}

uint64_t store_batch_committed(const store *s)
{
    return s->batch_committed;
}

void store_append(store *s, trial_bytes record)
{
    overlay *o = &s->active->rows;

    if (s->head == s->flushed) { /* the first of a turn; while recovering it is flushed already */
        s->turn_at = o->log_size;
    }
    overlay_append(o, record);
    s->head++;
}

void store_put(store *s, store_table table, trial_bytes key, trial_bytes value)
{
    TRIAL_ASSERT(table > STORE_LOG && table < STORE_TABLE_COUNT);
    overlay_put(&s->active->rows, table, key, value);
}

void store_delete(store *s, store_table table, trial_bytes key)
{
    TRIAL_ASSERT(table > STORE_LOG && table < STORE_TABLE_COUNT);
    overlay_delete(&s->active->rows, table, key);
}

trial_code
store_get(store *s, store_table table, trial_bytes key, trial_bytes *ret_value, trial_error *err)
{
    uint64_t hash = overlay_hash(table, key);
    const overlay_row *row = overlay_find(&s->active->rows, hash, table, key);

    TRIAL_ASSERT(table > STORE_LOG && table < STORE_TABLE_COUNT);
    for (uint32_t i = s->frozen_count; row == NULL && i > 0; i--) {
        const store_layer *layer = s->frozen[i - 1];

        if (store_slot(table, s->generation) == store_slot(table, layer->generation)) {
            row = overlay_find(&layer->rows, hash, table, key);
        }
    }
    if (row == NULL) {
        return store_read_get(s->snapshot, table, key, ret_value, err);
    }
    *ret_value = overlay_value(row);
    return TRIAL_OK;
}

trial_code store_get_record(store *s, uint64_t position, trial_bytes *ret_record, trial_error *err)
{
    trial_bytes record = overlay_record_at(&s->active->rows, position);

    for (uint32_t i = s->frozen_count; record.data == NULL && i > 0; i--) {
        record = overlay_record_at(&s->frozen[i - 1]->rows, position);
    }
    if (record.data == NULL) {
        return store_read_record(s->snapshot, position, ret_record, err);
    }
    *ret_record = record;
    return TRIAL_OK;
}

void store_mark(store *s)
{
    overlay_mark(&s->active->rows);
}

void store_rewind(store *s)
{
    overlay_rewind(&s->active->rows);
    s->head = overlay_last(&s->active->rows);
}

static trial_code refuse_for_space(store *s, trial_error *err)
{
    return trial_fail(err,
                      TRIAL_NO_SPACE,
                      "the disk of the store '%s' has %llu bytes free and keeps %llu in reserve; "
                      "free some, and appends go on by themselves",
                      s->path,
                      (unsigned long long)s->free_bytes,
                      (unsigned long long)s->settings.reserve_bytes);
}

/* More would be acknowledged and not be in any view until there is room. */
static trial_code refuse_for_tables(const store *s, trial_error *err)
{
    return trial_fail(err,
                      TRIAL_NO_SPACE,
                      "%.400s%s",
                      s->commit_failure.text,
                      s->is_map_full ? ""
                                     : "; make room on the disk, and appends go on by themselves");
}

/* While appends are refused the disk is asked every time, so they go on at once. */
static bool disk_has_room(store *s)
{
    if (s->is_low || s->space_checked_ms == 0 ||
        space_now_ms() - s->space_checked_ms >= STORE_SPACE_CHECK_MS) {
        space_look(s);
    }
    return !s->is_low;
}

/* Both files hold what LMDB lacks: wait for the commit that runs, or try one that failed again. */
static trial_code make_room(store *s, uint64_t size, trial_error *err)
{
    trial_code code = TRIAL_OK;

    for (uint32_t i = 0;
         i < ROOM_COMMITS && code == TRIAL_OK && !journal_has_room(&s->journal, size, s->committed);
         i++) {
        if (s->commit_failed_ms == 0 ||
            space_now_ms() - s->commit_failed_ms >= STORE_RETRY_COMMIT_MS) {
            store_commit_begin(s);
        }
        commit_wait(s);
        code = store_commit_end(s, err);
    }
    if (code == TRIAL_OK && !journal_has_room(&s->journal, size, s->committed)) {
        code = trial_fail(err,
                          TRIAL_NO_SPACE,
                          "the journal of the store '%s' is full while LMDB cannot take what it "
                          "holds; make room on the disk, and appends go on by themselves",
                          s->path);
    }
    return code;
}

trial_code store_has_room(store *s, uint64_t bytes, trial_error *err)
{
    uint64_t pending =
        JOURNAL_HEADER_BYTES + (s->head > s->flushed ? s->active->rows.log_size - s->turn_at : 0);
    uint64_t size = pending + bytes + bytes / 16 + JOURNAL_BLOCK_BYTES; /* lengths: 4 a record */
    trial_code code = TRIAL_OK;

    if (size > journal_turn_bytes_max(&s->journal)) {
        return trial_fail(err,
                          TRIAL_NO_SPACE,
                          "a turn of %llu bytes is larger than the journal of the store '%s'",
                          (unsigned long long)size,
                          s->path);
    }
    if (!disk_has_room(s)) {
        return refuse_for_space(s, err);
    }
    if (!journal_has_room(&s->journal, size, s->committed)) {
        code = make_room(s, size, err);
    }
    s->is_journal_full = code == TRIAL_NO_SPACE;
    return code == TRIAL_OK && s->commit_failed_ms != 0 ? refuse_for_tables(s, err) : code;
}

trial_code store_flush(store *s, trial_error *err)
{
    overlay *o = &s->active->rows;
    trial_code code;

    if (s->head <= s->flushed) {
        return TRIAL_OK;
    }
    TRIAL_ASSERT(!s->is_broken);
    code = journal_write(&s->journal,
                         (trial_bytes){ o->log + s->turn_at, o->log_size - s->turn_at },
                         s->flushed + 1,
                         (uint32_t)(s->head - s->flushed),
                         s->committed,
                         err);
    if (code == TRIAL_OK) {
        s->counts.flushes++;
        s->counts.flushed_bytes += journal_blocks(JOURNAL_HEADER_BYTES + o->log_size - s->turn_at);
        s->flushed = s->head;
        overlay_mark(o); /* what is on disk cannot be undone */
    } else {
        s->is_broken = true; /* to sync again could report success for pages that were lost */
    }
    return code;
}
