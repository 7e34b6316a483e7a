/* overlay.h - what the writer has appended and put and LMDB does not hold yet: the records of the
 * log in a row, and rows by table and key in a hash table. Memory only; it never fails and never
 * asks what the bytes mean.
 *
 * One thread changes an overlay. Once it is frozen nobody does, and two may look into it. */
#ifndef STORE_OVERLAY_H
#define STORE_OVERLAY_H

#include "store.h"

typedef struct overlay_chunk overlay_chunk;

/** A row that was put or deleted. Key and value lie in the overlay's chunks and never move. */
typedef struct overlay_row {
    uint64_t hash;
    const uint8_t *key;
    uint8_t *value;
    uint32_t value_size;
    uint32_t value_room; /* bytes at `value`: a later value that fits is written over it */
    uint32_t epoch;      /* of the mark after which it was last saved for store_rewind() */
    uint32_t older;      /* number of the row of its table that was put before it; 0: none */
    uint16_t key_size;
    uint8_t table;
    bool is_deleted;
} overlay_row;

/** A record: `size` bytes of `log` from `offset`. */
typedef struct overlay_record {
    size_t offset;
    size_t size;
} overlay_record;

/** What a row was before the mark, newest last. */
typedef struct overlay_undo {
    size_t offset;  /* of the old value in undo_bytes */
    uint8_t *value; /* where it lay */
    uint32_t value_room;
    uint32_t value_size;
    uint32_t row;
    bool was_there;
    bool was_deleted;
} overlay_undo;

/** Zero-initialise ({ 0 }), then overlay_reset(). */
typedef struct overlay {
    overlay_row *rows; /* in the order they were first put */
    size_t row_count;
    size_t row_room;
    uint32_t newest[STORE_TABLE_COUNT]; /* number of each table's last row, from 1; 0: none */
    uint64_t *slots; /* upper half of the hash and index of the row + 1; 0 is free */
    size_t slot_count;
    overlay_chunk *chunks; /* all of them, kept for the next use */
    overlay_chunk *chunk;  /* the one that is being filled */
    uint8_t *log;          /* records as a turn of the journal holds them: length and bytes each */
    size_t log_size;
    size_t log_room;
    overlay_record *records; /* records[0] has position `first` */
    size_t record_count;
    size_t record_room;
    uint64_t first;
    overlay_undo *undo;
    size_t undo_count;
    size_t undo_room;
    uint8_t *undo_bytes;
    size_t undo_size;
    size_t undo_bytes_room;
    uint32_t epoch;
    size_t mark_records;
    size_t mark_log_size;
    overlay_chunk *mark_chunk;
    size_t mark_used; /* of that chunk */
} overlay;

/** Forget everything and keep the memory; the next record has position `first`. */
void overlay_reset(overlay *o, uint64_t first);
void overlay_done(overlay *o);

bool overlay_is_empty(const overlay *o);

/** Memory that rows take. */
size_t overlay_row_bytes(const overlay *o);

/** Position of the last record; first - 1 when there is none. */
uint64_t overlay_last(const overlay *o);

/** Where a key hashes to in any overlay. */
uint64_t overlay_hash(store_table table, trial_bytes key);

/** NULL: the overlay says nothing of this key. */
const overlay_row *
overlay_find(const overlay *o, uint64_t hash, store_table table, trial_bytes key);

/** A row's value; data == NULL: it is deleted. */
trial_bytes overlay_value(const overlay_row *row);

/** Have the rows of some keys brought near, all at once: whoever looks them up next need not wait
 * for memory once a row. */
#define OVERLAY_AHEAD_MAX 32u
void overlay_fetch(const overlay *o, store_table table, const trial_bytes *keys, size_t count);

/** Set a row, or say that there is none. `value` may lie in the row that is replaced. */
void overlay_put(overlay *o, store_table table, trial_bytes key, trial_bytes value);
void overlay_delete(overlay *o, store_table table, trial_bytes key);

/** Copy a record to the end of the log, its length in front. */
void overlay_append(overlay *o, trial_bytes record);

/** data == NULL: the overlay does not hold this position. */
trial_bytes overlay_record_at(const overlay *o, uint64_t position);

/** Remember this point, or go back to it. */
void overlay_mark(overlay *o);
void overlay_rewind(overlay *o);

#endif
