/* store.h - the log and its tables on disk. The only room that knows LMDB and the journal's files;
 * it never asks what the bytes mean. One writer thread; any number of readers, each with its own
 * store_read. */
#ifndef STORE_H
#define STORE_H

#include "trial/metrics.h"

typedef struct store store;
typedef struct store_read store_read;
typedef struct store_tail store_tail;

/** The tables. LOG is keyed by position (store_append); the others by 1..511 bytes of the caller's.
 */
typedef enum store_table {
    STORE_LOG,
    STORE_EVENT_ID,  /* source NUL id -> position */
    STORE_SUBJECT,   /* subject -> head row */
    STORE_PROGRAMME, /* programme NUL big-endian position -> nothing */
    STORE_STATE,     /* kind, programme NUL id -> state of the fold */
    STORE_LINK,      /* what is named NUL who names it -> nothing */
    STORE_META,      /* small facts of the engine's: Merkle frontier, versions of the fold */
    STORE_TABLE_COUNT
} store_table;

typedef struct store_settings {
    const char *path;       /* directory of the store */
    uint64_t map_bytes;     /* LMDB's map; never resized */
    uint64_t journal_bytes; /* of each of the journal's two files, when the store is made; at least
                             * TRIAL_TURN_BYTES_MAX */
    uint32_t commit_events; /* LMDB is brought level after at most so many events */
    uint64_t reserve_bytes; /* free space below which appends are refused */
    const char *name;  /* a UUID in text for the log of a store that is made; NULL: a new one */
    bool is_read_only; /* look at one that is there and write nothing: no append, no commit */
} store_settings;

/** Does a store lie there, whatever its state? */
bool store_is_there(const char *path);

/**
 * Open the store, or make one where `path` is absent or an empty directory.
 *
 * ret_is_new  says that it was made. The lock on STORE is held until store_close().
 *
 * Fails with BUSY               another daemon holds it (exit status 75); nothing was touched.
 *            INVALID            refused: missing, empty, foreign or damaged log, a network file
 *                               system, a store others may write, or settings out of range (exit
 *                               status 78); nothing was written.
 *            STORAGE, NO_SPACE  the disk failed (exit status 74).
 *
 * What the journal holds beyond LMDB is then given by store_recover(), which must be called until
 * its end before the first append.
 */
TRIAL_MUST_USE trial_code store_open(const store_settings *settings,
                                     store **ret_store,
                                     bool *ret_is_new,
                                     trial_error *err);

/** Flush and commit what is pending, unless a flush or commit has failed, and let go. Every
 * store_read was given back. NULL is fine. */
void store_close(store *s);

/** The log's name: a UUID in text, made with the store. */
const char *store_name(const store *s);

/** Write down in the store's directory where its daemon is found, for whoever finds the store in
 * use. Only a help: nothing rests on it. */
TRIAL_MUST_USE trial_code store_announce(const store *s, const char *endpoint, trial_error *err);

/** What the daemon that holds the store at `path` wrote down; empty where there is nothing. */
#define STORE_ENDPOINT_BYTES 300
void store_announced(const char *path, char ret_endpoint[STORE_ENDPOINT_BYTES]);

/** Did a damaged page of the tables lead this thread to `address`, which it may not read or write
 * (NULL: it was aborted)? For a signal handler. */
bool store_is_fault(const void *address);

/** Is there something at `path` that was made to be a store? */
bool store_is_one(const char *path);

/** Last position appended; last flushed; last that LMDB holds. flushed >= committed. */
uint64_t store_head(const store *s);
uint64_t store_flushed(const store *s);
uint64_t store_committed(const store *s);

/**
 * The next record that the journal holds and LMDB does not, in order; an empty span at the end. The
 * caller derives the tables' rows from it by store_put() and then calls store_append() with the
 * same bytes, as it did the first time. Borrowed until the next call.
 */
TRIAL_MUST_USE trial_code store_recover(store *s, trial_bytes *ret_record, trial_error *err);

/* The writer's side. What is put is seen by store_get() at once, is undone by store_rewind(), lies
 * on disk (the records, in the journal) after store_flush() and in LMDB after a commit. */

/** Add a record (1..2^31 bytes) at store_head() + 1. Copies it. */
void store_append(store *s, trial_bytes record);

/** Set a row; key 1..511 bytes, copied. An empty value is a row all the same. */
void store_put(store *s, store_table table, trial_bytes key, trial_bytes value);
void store_delete(store *s, store_table table, trial_bytes key);

/** A row as the writer sees it. data == NULL in ret_value: there is none. Borrowed until the next
 * call that writes or commits. */
TRIAL_MUST_USE trial_code
store_get(store *s, store_table table, trial_bytes key, trial_bytes *ret_value, trial_error *err);

/** A record by position, 1..store_head(); its checksum was checked. Borrowed as by store_get(). */
TRIAL_MUST_USE trial_code store_get_record(store *s,
                                           uint64_t position,
                                           trial_bytes *ret_record,
                                           trial_error *err);

/** Remember this point; store_rewind() undoes all that was appended and put since the last mark. */
void store_mark(store *s);
void store_rewind(store *s);

/**
 * Is there room for so many bytes of records more before the flush? It may wait for the commit that
 * runs, and then takes note of it as store_commit_end() does: look at store_committed() afterwards.
 *
 * Fails with NO_SPACE where the disk's reserve is touched; or the last commit found no room; or
 * both files of the journal hold what LMDB cannot take; or the turn alone is larger than a file.
 * Nothing is lost, and the next call succeeds as soon as there is room again.
 *
 * Fails with STORAGE where a commit failed for good: the process must leave.
 */
TRIAL_MUST_USE trial_code store_has_room(store *s, uint64_t bytes, trial_error *err);

/**
 * Make what was appended durable: one pwrite and one fdatasync. It is the new mark: what is flushed
 * cannot be undone. On failure the process must leave; nothing more may be asked of the store but
 * store_close().
 */
TRIAL_MUST_USE trial_code store_flush(store *s, trial_error *err);

/**
 * Bring LMDB level, on the store's own thread. store_commit_begin() hands over what is flushed and
 * comes back at once (it does nothing while a commit runs, while a turn is not flushed, or when
 * nothing is pending; after a failure it tries the same again). store_commit_end() takes note of
 * one that has finished. `store_commit_fd()` is readable when there is one to take note of. Fails
 * with NO_SPACE where the disk or the map is full: nothing is lost, try again later. STORAGE
 * otherwise: the process must leave.
 */
bool store_commit_is_due(const store *s); /* commit_events or half of the journal reached, or a
                                           * second has passed since a commit failed */
void store_commit_begin(store *s);
int store_commit_fd(const store *s);
TRIAL_MUST_USE trial_code store_commit_end(store *s, trial_error *err);

/** What is put now belongs to batch store_batch() and lies in LMDB once store_batch_committed() has
 * reached it: for rows that no record of the log stands behind. */
uint64_t store_batch(const store *s);
uint64_t store_batch_committed(const store *s);

/** Commit everything and wait for it: at the end. */
TRIAL_MUST_USE trial_code store_commit_all(store *s, trial_error *err);

/**
 * What is flushed and LMDB does not hold, for readers who would have to wait for a commit. Taken by
 * the writer between two turns, lent to one reader's thread, given back by the writer: nothing of
 * it changes meanwhile, and its memory is not used again.
 *
 * NULL where the swap of a rebuild is not committed, or where those that were not given back leave
 * nothing to write on in: then wait until store_committed() is there. NULL may be given back.
 */
store_tail *store_tail_take(store *s);
void store_tail_give(store_tail *tail);

/* A reader's side: a snapshot of one moment of LMDB, and of the tail that lay in front of it.
 * Short: give it back before any wait. */

/** Begin a snapshot; ret_head is the last position it holds, that of the tail or a later one. NULL:
 * what LMDB holds. */
TRIAL_MUST_USE trial_code store_read_begin_with(
    store *s, const store_tail *tail, store_read **ret_read, uint64_t *ret_head, trial_error *err);

/** The same with no tail. */
TRIAL_MUST_USE trial_code store_read_begin(store *s,
                                           store_read **ret_read,
                                           uint64_t *ret_committed,
                                           trial_error *err);
void store_read_end(store_read *r); /* NULL is fine */

TRIAL_MUST_USE trial_code store_read_get(
    store_read *r, store_table table, trial_bytes key, trial_bytes *ret_value, trial_error *err);
TRIAL_MUST_USE trial_code store_read_record(store_read *r,
                                            uint64_t position,
                                            trial_bytes *ret_record,
                                            trial_error *err);

/** Takes a row, borrowed for the call. Return false to end the walk. */
typedef bool store_visit(void *context, trial_bytes key, trial_bytes value);

/** Visit the rows of `table` whose key begins with `prefix` and is at least `from` (empty: all), in
 * key order. */
TRIAL_MUST_USE trial_code store_read_each(store_read *r,
                                          store_table table,
                                          trial_bytes prefix,
                                          trial_bytes from,
                                          store_visit *visit,
                                          void *context,
                                          trial_error *err);

/** As above for records, from a position upwards or downwards; the key is the position, big-endian.
 */
TRIAL_MUST_USE trial_code store_read_log(store_read *r,
                                         uint64_t from,
                                         bool is_backwards,
                                         store_visit *visit,
                                         void *context,
                                         trial_error *err);

/**
 * Look at what LMDB keeps between the rows of its last commit (pages.h): all of it where the store
 * is only looked at, else what leads to the rows, for that needs one snapshot.
 *
 * Fails with INVALID  it is damaged; the sentence names the page.
 */
TRIAL_MUST_USE trial_code store_check_pages(store *s, trial_error *err);

/** For `status`, asked by the writer: bytes on disk, free bytes, size of the journal's tail, age of
 * the oldest snapshot.
 */
typedef struct store_facts {
    uint64_t lmdb_bytes;
    uint64_t journal_bytes;
    uint64_t journal_used_bytes;
    uint64_t free_bytes;     /* of the file system */
    uint64_t oldest_read_ms; /* age of the oldest snapshot in use; 0: none */
    uint32_t readers;        /* snapshots in use, without the writer's own */
    bool is_refusing;        /* for want of space */
} store_facts;
TRIAL_MUST_USE trial_code store_look(store *s, store_facts *ret_facts, trial_error *err);

/** The same without a walk or an error: cheap enough for every second. Asked by the writer. */
typedef struct store_health {
    uint64_t free_bytes;     /* of the file system */
    uint64_t oldest_read_ms; /* age of the oldest snapshot in use; 0: none */
    bool is_low;             /* fewer are free than are kept in reserve: appends are refused */
    bool is_journal_full;    /* the last append found no room in the journal */
    bool is_behind;          /* the last commit found no room: it is tried again */
} store_health;
void store_look_at_health(store *s, store_health *ret_health);

/** What the store counts of itself; asked by the writer. Commits that failed for good are not
 * counted: the process leaves. */
typedef struct store_counts {
    uint64_t flushes;
    uint64_t flushed_bytes; /* of the journal's blocks */
    uint64_t commits;
    uint64_t commits_without_room; /* which are tried again */
    uint64_t committed_events;
    uint64_t committed_rows;
    trial_histogram commit; /* the time of each, on the store's own thread */
} store_counts;
const store_counts *store_counted(const store *s);

/** Was it LMDB's map, and not the disk, that had no room for the last commit? */
bool store_map_is_full(const store *s);

#endif
