/* overlay.c - see overlay.h. Open addressing with linear probing; rows are only ever taken out in
 * the reverse of the order they came in, so a slot can simply be freed again, and memory with it.
 */
#include "overlay.h"

#include "store_internal.h"
#include "trial/arena.h"

#include <stdlib.h>

#define CHUNK_BYTES ((size_t)256 * 1024) /* some hundred rows a chunk; chunks are kept */
#define SLOTS_MIN ((size_t)4096)
#define ROWS_MIN ((size_t)2048)
#define LOG_BYTES_MIN ((size_t)256 * 1024)
#define VALUE_ALIGNMENT ((size_t)8)
#define LINE_BYTES 64u     /* of a processor's cache */
#define FETCHED_BYTES 512u /* of a value: the processor goes on by itself from there */

struct overlay_chunk {
    overlay_chunk *next;
    size_t used;
    size_t room;
    _Alignas(16) uint8_t bytes[];
};

/* Doubling keeps the cost of growing below that of what is put in. */
static void *grown(void *old, size_t needed, size_t min, size_t item_size, size_t *room)
{
    size_t count = *room < min ? min : *room;

    if (needed <= *room) {
        return old;
    }
    while (count < needed) {
        count *= 2;
    }
    TRIAL_ASSERT(count <= SIZE_MAX / item_size);
    *room = count;
    return trial_memory_again(old, count * item_size);
}

static overlay_chunk *chunk_with(overlay *o, size_t size)
{
    overlay_chunk *chunk = o->chunk;
    overlay_chunk *made;

    if (chunk != NULL && chunk->next != NULL && chunk->next->room >= size) {
        chunk->next->used = 0;
        return chunk->next;
    }
    made = trial_memory_again(NULL, sizeof *made + (size > CHUNK_BYTES ? size : CHUNK_BYTES));
    made->used = 0;
    made->room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    if (chunk == NULL) {
        made->next = o->chunks;
        o->chunks = made;
    } else {
        made->next = chunk->next;
        chunk->next = made;
    }
    return made;
}

static uint8_t *take(overlay *o, size_t size)
{
    uint8_t *taken;

    size = (size + VALUE_ALIGNMENT - 1) & ~(VALUE_ALIGNMENT - 1);
    if (o->chunk == NULL || o->chunk->room - o->chunk->used < size) {
        o->chunk = chunk_with(o, size);
    }
    taken = o->chunk->bytes + o->chunk->used;
    o->chunk->used += size;
    return taken;
}

void overlay_reset(overlay *o, uint64_t first)
{
    if (o->row_count > 0) {
        memset(o->slots, 0, o->slot_count * sizeof *o->slots);
    }
    o->row_count = 0;
    memset(o->newest, 0, sizeof o->newest);
    o->chunk = o->chunks;
    if (o->chunk != NULL) {
        o->chunk->used = 0;
    }
    o->log_size = 0;
    o->record_count = 0;
    o->first = first;
    o->undo_count = 0;
    o->undo_size = 0;
    overlay_mark(o);
}

void overlay_done(overlay *o)
{
    overlay_chunk *chunk = o->chunks;

    while (chunk != NULL) {
        overlay_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    free(o->rows);
    free(o->slots);
    free(o->log);
    free(o->records);
    free(o->undo);
    free(o->undo_bytes);
    *o = (overlay){ 0 };
}

bool overlay_is_empty(const overlay *o)
{
    return o->row_count == 0 && o->record_count == 0;
}

size_t overlay_row_bytes(const overlay *o)
{
    size_t bytes = o->row_room * sizeof *o->rows + o->slot_count * sizeof *o->slots +
                   o->undo_room * sizeof *o->undo;

    for (const overlay_chunk *chunk = o->chunks; chunk != NULL; chunk = chunk->next) {
        bytes += chunk->room;
        if (chunk == o->chunk) {
            break; /* the others are kept for the next use */
        }
    }
    return bytes;
}

uint64_t overlay_last(const overlay *o)
{
    return o->first + o->record_count - 1;
}

uint64_t overlay_hash(store_table table, trial_bytes key)
{
    return store_sum(key, (uint64_t)table);
}

static bool row_is(const overlay_row *row, uint64_t hash, store_table table, trial_bytes key)
{
    return row->hash == hash && row->table == (uint8_t)table && row->key_size == key.size &&
           memcmp(row->key, key.data, key.size) == 0;
}

/* The slot that holds the key, or the free one where it would go. */
static size_t slot_of(const overlay *o, uint64_t hash, store_table table, trial_bytes key)
{
    size_t mask = o->slot_count - 1;
    size_t at = (size_t)hash & mask;

    while (o->slots[at] != 0) {
        uint64_t slot = o->slots[at];

        if (slot >> 32 == hash >> 32 && row_is(&o->rows[(uint32_t)slot - 1], hash, table, key)) {
            return at;
        }
        at = (at + 1) & mask;
    }
    return at;
}

const overlay_row *overlay_find(const overlay *o, uint64_t hash, store_table table, trial_bytes key)
{
    uint64_t slot;

    if (o->row_count == 0) {
        return NULL;
    }
    slot = o->slots[slot_of(o, hash, table, key)];
    return slot == 0 ? NULL : &o->rows[(uint32_t)slot - 1];
}

trial_bytes overlay_value(const overlay_row *row)
{
    static const uint8_t nothing;

    if (row->is_deleted) {
        return (trial_bytes){ 0 };
    }
    return (trial_bytes){ row->value_size == 0 ? &nothing : row->value, row->value_size };
}

/* Each step needs what the one before it brought. A key that others were moved on by is not found
 * here and is waited for later, like any other. */
void overlay_fetch(const overlay *o, store_table table, const trial_bytes *keys, size_t count)
{
    const uint64_t *slots[OVERLAY_AHEAD_MAX];
    const overlay_row *rows[OVERLAY_AHEAD_MAX];

    TRIAL_ASSERT(count <= OVERLAY_AHEAD_MAX);
    if (o->row_count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        slots[i] = &o->slots[(size_t)overlay_hash(table, keys[i]) & (o->slot_count - 1)];
        __builtin_prefetch(slots[i]);
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = *slots[i] == 0 ? &o->rows[0] : &o->rows[(uint32_t)*slots[i] - 1];
        __builtin_prefetch(rows[i]);
        __builtin_prefetch((const uint8_t *)(rows[i] + 1) - 1);
    }
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(rows[i]->key);
        for (uint32_t at = 0; at < rows[i]->value_size && at < FETCHED_BYTES; at += LINE_BYTES) {
            __builtin_prefetch(rows[i]->value + at);
        }
    }
}

static uint64_t slot_for(const overlay_row *row, size_t index)
{
    return (row->hash >> 32 << 32) | (uint32_t)(index + 1);
}

/* In the order of the rows, so that the newest is still the one nobody probes past. */
static void make_slots(overlay *o, size_t count)
{
    free(o->slots);
    o->slots = trial_memory(count * sizeof *o->slots);
    o->slot_count = count;
    for (size_t i = 0; i < o->row_count; i++) {
        size_t at = (size_t)o->rows[i].hash & (count - 1);

        while (o->slots[at] != 0) {
            at = (at + 1) & (count - 1);
        }
        o->slots[at] = slot_for(&o->rows[i], i);
    }
}

static overlay_undo *add_undo(overlay *o, uint32_t row)
{
    overlay_undo *undo;

    o->undo = grown(o->undo, o->undo_count + 1, 64, sizeof *o->undo, &o->undo_room);
    undo = &o->undo[o->undo_count++];
    *undo = (overlay_undo){ .offset = o->undo_size, .row = row };
    o->rows[row].epoch = o->epoch;
    return undo;
}

static void save(overlay *o, uint32_t index)
{
    const overlay_row *row = &o->rows[index];
    overlay_undo *undo = add_undo(o, index);

    undo->was_there = true;
    undo->was_deleted = row->is_deleted;
    undo->value = row->value;
    undo->value_room = row->value_room;
    undo->value_size = row->value_size;
    o->undo_bytes =
        grown(o->undo_bytes, o->undo_size + row->value_size, 4096, 1, &o->undo_bytes_room);
    if (row->value_size > 0) {
        memcpy(o->undo_bytes + o->undo_size, row->value, row->value_size);
    }
    o->undo_size += row->value_size;
}

static overlay_row *
add_row(overlay *o, size_t at, uint64_t hash, store_table table, trial_bytes key)
{
    size_t index = o->row_count;
    overlay_row *row;
    uint8_t *copy;

    TRIAL_ASSERT(index < UINT32_MAX - 1);
    o->rows = grown(o->rows, index + 1, ROWS_MIN, sizeof *o->rows, &o->row_room);
    copy = take(o, key.size);
    memcpy(copy, key.data, key.size);
    row = &o->rows[index];
    *row = (overlay_row){ .hash = hash,
                          .key = copy,
                          .key_size = (uint16_t)key.size,
                          .older = o->newest[table],
                          .table = (uint8_t)table };
    o->newest[table] = (uint32_t)index + 1;
    o->slots[at] = slot_for(row, index);
    o->row_count++;
    (void)add_undo(o, (uint32_t)index);
    return row;
}

/* The row of a key, made or saved for a rewind, ready to be written over. */
static overlay_row *row_to_write(overlay *o, store_table table, trial_bytes key)
{
    uint64_t hash = overlay_hash(table, key);
    uint32_t index;
    size_t at;

    TRIAL_ASSERT(key.size >= 1 && key.size <= STORE_KEY_BYTES_MAX);
    if ((o->row_count + 1) * 2 > o->slot_count) {
        make_slots(o, o->slot_count == 0 ? SLOTS_MIN : o->slot_count * 2);
    }
    at = slot_of(o, hash, table, key);
    if (o->slots[at] == 0) {
        return add_row(o, at, hash, table, key);
    }
    index = (uint32_t)o->slots[at] - 1;
    if (o->rows[index].epoch != o->epoch) {
        save(o, index);
    }
    return &o->rows[index];
}

static void set_value(overlay *o, overlay_row *row, const uint8_t *value, uint32_t size)
{
    if (size > row->value_room) {
        uint32_t room = row->value_room == 0 ? size : size + size / 2; /* it grows: it will again */
        uint8_t *moved = take(o, room);

        memcpy(moved, value, size);
        row->value = moved;
        row->value_room = room;
    } else if (size > 0) {
        memmove(row->value, value, size);
    }
    row->value_size = size;
}

void overlay_put(overlay *o, store_table table, trial_bytes key, trial_bytes value)
{
    overlay_row *row = row_to_write(o, table, key);

    TRIAL_ASSERT(value.size <= UINT32_MAX / 2);
    set_value(o, row, value.data, (uint32_t)value.size);
    row->is_deleted = false;
}

void overlay_delete(overlay *o, store_table table, trial_bytes key)
{
    overlay_row *row = row_to_write(o, table, key);

    row->value_size = 0;
    row->is_deleted = true;
}

static uint8_t *log_room(overlay *o, size_t size)
{
    o->log = grown(o->log, o->log_size + size, LOG_BYTES_MIN, 1, &o->log_room);
    return o->log + o->log_size;
}

void overlay_append(overlay *o, trial_bytes record)
{
    uint32_t size = (uint32_t)record.size;
    uint8_t *at;

    TRIAL_ASSERT(record.size >= 1 && record.size <= (size_t)1 << 31);
    at = log_room(o, sizeof size + record.size);
    memcpy(at, &size, sizeof size);
    memcpy(at + sizeof size, record.data, record.size);
    o->records =
        grown(o->records, o->record_count + 1, ROWS_MIN, sizeof *o->records, &o->record_room);
    o->records[o->record_count++] =
        (overlay_record){ .offset = o->log_size + sizeof size, .size = record.size };
    o->log_size += sizeof size + record.size;
}

trial_bytes overlay_record_at(const overlay *o, uint64_t position)
{
    const overlay_record *record;

    if (position < o->first || position - o->first >= o->record_count) {
        return (trial_bytes){ 0 };
    }
    record = &o->records[position - o->first];
    return (trial_bytes){ o->log + record->offset, record->size };
}

void overlay_mark(overlay *o)
{
    o->undo_count = 0;
    o->undo_size = 0;
    o->mark_records = o->record_count;
    o->mark_log_size = o->log_size;
    o->mark_chunk = o->chunk;
    o->mark_used = o->chunk == NULL ? 0 : o->chunk->used;
    o->epoch++;
    if (o->epoch == 0) { /* after 2^32 marks an old row could pass for saved */
        for (size_t i = 0; i < o->row_count; i++) {
            o->rows[i].epoch = 0;
        }
        o->epoch = 1;
    }
}

static void remove_newest_row(overlay *o, uint32_t index)
{
    const overlay_row *row = &o->rows[index];
    trial_bytes key = { row->key, row->key_size };

    TRIAL_ASSERT(index + 1 == o->row_count);
    o->slots[slot_of(o, row->hash, (store_table)row->table, key)] = 0;
    o->newest[row->table] = row->older;
    o->row_count--;
}

/* Nothing that stays lies behind the mark, for a value that was moved is moved back. */
static void give_chunks_back(overlay *o)
{
    o->chunk = o->mark_chunk == NULL ? o->chunks : o->mark_chunk;
    if (o->chunk != NULL) {
        o->chunk->used = o->mark_used;
    }
}

void overlay_rewind(overlay *o)
{
    while (o->undo_count > 0) {
        const overlay_undo *undo = &o->undo[--o->undo_count];

        if (undo->was_there) {
            overlay_row *row = &o->rows[undo->row];

            row->value = undo->value;
            row->value_room = undo->value_room;
            row->value_size = undo->value_size;
            row->is_deleted = undo->was_deleted;
            if (undo->value_size > 0) {
                memcpy(row->value, o->undo_bytes + undo->offset, undo->value_size);
            }
        } else {
            remove_newest_row(o, undo->row);
        }
    }
    o->record_count = o->mark_records;
    o->log_size = o->mark_log_size;
    give_chunks_back(o);
    overlay_mark(o);
}
