/* journal.h - the two files that hold the turns which LMDB does not hold yet. Preallocated and
 * zero-written, used in turn; a turn is one record, one pwrite and one fdatasync.
 *
 * A file is a block of 4,096 bytes that says whose it is, then records, each from a block's start:
 * a write that is torn never touches an older record's sector. A record of an earlier use is told
 * by its generation and its first position, a torn one by its sums. Both sums are seeded with a
 * secret of the store, so no event's bytes can pass for a record. Numbers are little-endian. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "store.h"

#define JOURNAL_BLOCK_BYTES ((uint64_t)4096)
#define JOURNAL_HEADER_BYTES ((size_t)64) /* in front of a turn's records */
#define JOURNAL_FILES 2
#define JOURNAL_NAME_BYTES 37 /* a UUID in text and its NUL */

typedef struct journal_file {
    int fd;
    uint64_t size;       /* of the file */
    uint64_t used;       /* where the next record goes */
    uint64_t generation; /* of its present use */
    uint64_t first;      /* positions of its present use; last == 0: it holds none */
    uint64_t last;
    uint64_t last_at; /* where the turn that ends with it begins; known when the file was opened */
} journal_file;

typedef struct journal {
    journal_file files[JOURNAL_FILES];
    int current;
    uint64_t secret;
    uint64_t replayed; /* the last position that journal_next() gave */
    int reading;       /* file and offset of the next record to replay */
    uint64_t reading_at;
    uint8_t *turn; /* a record that is being read back */
    size_t turn_room;
    uint8_t *buffer; /* the turn that is being written, from a block's boundary in memory too */
    size_t buffer_room;
    bool is_direct; /* the files are written past the page cache, where the file system has that */
    char directory[STORE_PATH_BYTES_MAX];
} journal;

/** Make both files in `directory`, which exists, and sync them. */
TRIAL_MUST_USE trial_code journal_create(const char *directory,
                                         const char name[JOURNAL_NAME_BYTES],
                                         uint64_t bytes,
                                         trial_error *err);

/**
 * Open and check both files; nothing is written.
 *
 * committed  the last position that LMDB holds: what the files hold beyond joins it without a gap.
 *
 * Fails with INVALID  absent, of another store, cut, or damaged where it matters; STORAGE.
 */
TRIAL_MUST_USE trial_code journal_open(journal *j,
                                       const char *directory,
                                       const char name[JOURNAL_NAME_BYTES],
                                       uint64_t committed,
                                       trial_error *err);
void journal_close(journal *j);

/** Last position held; 0 when none is. */
uint64_t journal_last(const journal *j);

/**
 * Write the last turn again, if it lies beyond `committed`, and sync all that does. A flush that
 * failed before the last exit may have left that turn in the page cache alone, where it reads well
 * and is still not on the disk; a turn is begun only when the one before it is.
 */
TRIAL_MUST_USE trial_code journal_secure(journal *j, uint64_t committed, trial_error *err);

/** The next turn beyond `committed`: `ret_turn` is its records, borrowed; empty at the end. */
TRIAL_MUST_USE trial_code journal_next(
    journal *j, uint64_t committed, uint64_t *ret_first, trial_bytes *ret_turn, trial_error *err);

/** Is there room for a turn of so many bytes, header included? */
bool journal_has_room(const journal *j, uint64_t size, uint64_t committed);

/** The most bytes of a turn that any of the files can take, header included. */
uint64_t journal_turn_bytes_max(const journal *j);

/**
 * Write a turn and sync it; from the first one on nothing is read back.
 *
 * records  of each its length (32 bits) and its bytes.
 */
TRIAL_MUST_USE trial_code journal_write(journal *j,
                                        trial_bytes records,
                                        uint64_t first,
                                        uint32_t count,
                                        uint64_t committed,
                                        trial_error *err);

/** What has been written so far is being committed: go on in the other file, if it is free. */
void journal_turn_over(journal *j, uint64_t committed);

/** Bytes that hold what LMDB does not. */
uint64_t journal_used(const journal *j, uint64_t committed);

#endif
