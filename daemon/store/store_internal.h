/* store_internal.h - what the files of this room share. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store.h"

#define STORE_PATH_BYTES_MAX 4096

#include "journal.h"
#include "overlay.h"

#include <lmdb.h>
#include <pthread.h>

#define STORE_FORMAT 3              /* 2: states by place; 3: folded rows twice */
#define STORE_KEY_BYTES_MAX 511     /* LMDB's own bound */
#define STORE_SUM_BYTES ((size_t)8) /* in front of every value in LMDB */
#define STORE_READERS_MAX 1024
#define STORE_COMMIT_ROWS_MAX ((size_t)100000) /* a page each stays below LMDB's 131,071 */
#define STORE_SPACE_CHECK_MS 1000
#define STORE_PAGES_CHECK_MS 150   /* of a start; beyond it a large store is opened unlooked at */
#define STORE_RETRY_COMMIT_MS 1000 /* a full disk is tried again no more often */

#define STORE_MARKER "STORE"
#define STORE_JOURNAL "journal"
#define STORE_LMDB "lmdb"
#define STORE_DAEMON "daemon"      /* where the daemon that holds the store is found */
#define STORE_UNFINISHED "new.tmp" /* a store in the making; holds nothing anyone was promised */

/** LMDB and its tables; those that are folds once for each generation (generation.h). */
#define STORE_SLOT_COUNT (STORE_TABLE_COUNT + 2)
typedef struct store_tables {
    MDB_env *env;
    MDB_dbi facts; /* of the store's own: the log's name, the current generation */
    MDB_dbi tables[STORE_SLOT_COUNT];
} store_tables;

/** Where a table of a generation (0 or 1) lies in store_tables.tables. */
static inline uint32_t store_slot(store_table table, uint32_t generation)
{
    if (generation == 0 || (table != STORE_STATE && table != STORE_LINK)) {
        return (uint32_t)table;
    }
    return (uint32_t)STORE_TABLE_COUNT + (table == STORE_STATE ? 0 : 1);
}

/** An overlay and what belongs to it. Frozen ones lie in front of LMDB, oldest first. */
typedef struct store_layer {
    overlay rows;
    uint64_t batch;      /* its number, from 1 */
    uint32_t generation; /* of its rows */
    uint32_t readers;    /* tails that hold it: it is not used again before they are given back */
    bool is_frozen;      /* LMDB does not hold it yet, and nobody changes it */
} store_layer;

/** One is written, and every turn with a read behind it freezes one; from STORE_LAYERS_DUE on they
 * are committed, and as many again may be frozen meanwhile. More of them make the writer's look-ups
 * longer. */
#define STORE_LAYERS 12u
#define STORE_LAYERS_DUE 4u

/** Layers of one generation, oldest first, that LMDB did not hold when it was taken. */
struct store_tail {
    store *owner;
    store_layer *layers[STORE_LAYERS];
    uint32_t count;
};

struct store_read {
    store *owner;
    store_read *next_free;
    store_read *next; /* of all that were ever made */
    MDB_txn *txn;
    MDB_cursor *cursors[STORE_SLOT_COUNT];
    bool is_cursor_fresh[STORE_SLOT_COUNT]; /* renewed for this snapshot */
    bool is_in_use;
    bool is_fixed;          /* reads `generation`, whichever is current */
    uint32_t generation;    /* that it reads */
    uint64_t head;          /* the last position it holds */
    uint64_t kept;          /* the last position that LMDB holds in it */
    const store_tail *tail; /* what lies in front of LMDB; NULL: nothing */
    uint32_t tail_from;     /* its first layer that LMDB does not hold */
    int64_t begun_ms;
};

/** Everything the writer and the commit thread hand to each other lies under `lock`. */
typedef enum commit_state {
    COMMIT_IDLE,
    COMMIT_RUNNING,
    COMMIT_FINISHED, /* nobody has taken note of the result yet */
    COMMIT_LEAVING
} commit_state;

typedef struct store_committer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    commit_state state;
    const store_layer *batch[STORE_LAYERS]; /* frozen: read by both, changed by none */
    uint32_t count; /* of them, oldest first; their generation is current once they are in */
    size_t rows;    /* that the last one put */
    trial_code code;
    trial_error err;
    uint64_t took_ns; /* the last one */
    int event_fd;
    bool is_started;
} store_committer;

struct store {
    store_settings settings;
    char path[STORE_PATH_BYTES_MAX];
    char name[JOURNAL_NAME_BYTES];
    int directory_fd; /* locked, so that no two make one store */
    int marker_fd;    /* locked for life */
    store_tables tables;
    journal journal;
    store_layer layers[STORE_LAYERS];
    store_layer *active;
    store_layer *frozen[STORE_LAYERS]; /* oldest first: being committed, or waiting to be */
    uint32_t frozen_count;
    uint32_t committing;  /* of them, the oldest: a commit has them */
    store_read *snapshot; /* the writer's own, renewed after every commit */
    uint64_t head;
    uint64_t flushed;
    uint64_t committed;
    uint64_t batch; /* counts the layers: the active one's number, from 1 */
    uint64_t batch_committed;
    size_t turn_at;           /* where the turn that is not flushed begins in the active log */
    uint32_t generation;      /* of the rows that the writer puts */
    uint32_t current;         /* as LMDB has it, the writer's word */
    _Atomic bool is_building; /* a rebuild has the generation that is not current */
    _Atomic bool has_failed;  /* LMDB failed a piece of it */
    store_committer committer;
    int64_t commit_failed_ms;   /* 0: the last one succeeded */
    trial_error commit_failure; /* else why not */
    int64_t space_checked_ms;
    uint64_t free_bytes;
    bool is_low; /* fewer bytes are free than the reserve */
    bool
        is_journal_full; /* the last append found no room there, and no commit has made any since */
    bool is_map_full;    /* why the last commit failed */
    bool is_broken;      /* a flush or commit failed for good: nothing is written any more */
    store_counts counts;
    trial_bytes replay; /* what is left of the turn that store_recover() gives out */
    uint64_t replay_position;
    pthread_mutex_t reads_lock;
    store_read *reads;
    store_read *free_reads;
};

/* store_error.c */

/** Fail with what LMDB (or errno) said: a full map or disk is NO_SPACE, all else STORAGE. */
trial_code store_fail(trial_error *err, int lmdb_code, const char *format, ...) TRIAL_PRINTF(3, 4);

/** Fail with what the system said of a file while the store is opened: "WHAT 'PATH': reason". A
 * file that is absent or not ours to open is INVALID, a full disk NO_SPACE, all else STORAGE. */
trial_code store_refuse(trial_error *err, int system_errno, const char *what, const char *path);

/** What a caller of LMDB or the system reads in a sentence. */
const char *store_reason(int lmdb_code);

/* sum.c */

/** XXH3-64. */
uint64_t store_sum(trial_bytes bytes, uint64_t seed);

/** The checksum in front of a row's value: over its table, key and value. */
uint64_t store_row_sum(store_table table, trial_bytes key, trial_bytes value);

/* place.c */

/** Print a path; false where it is too long. */
bool place_join(char ret_path[STORE_PATH_BYTES_MAX], const char *directory, const char *name);

/** Find or make the store's directory, lock it, and make a store there if it is empty. */
TRIAL_MUST_USE trial_code place_open(store *s, bool *ret_is_new, trial_error *err);
void place_close(store *s);

/** Sync a directory: what was made, renamed or removed in it. */
TRIAL_MUST_USE trial_code place_sync(const char *path, trial_error *err);

/* create.c */
TRIAL_MUST_USE trial_code place_create(const store *s, trial_error *err);

/* table.c */

TRIAL_MUST_USE trial_code tables_create(const char *directory,
                                        const char name[JOURNAL_NAME_BYTES],
                                        trial_error *err);

/**
 * See whether the tables are whole and those of the log `name`, and where it ends; nothing is
 * written, not even LMDB's lock file: a store that is refused stays as it was found.
 */
TRIAL_MUST_USE trial_code tables_look(const char *directory,
                                      const char name[JOURNAL_NAME_BYTES],
                                      uint64_t map_bytes,
                                      uint64_t *ret_last,
                                      trial_error *err);

/** Open tables that tables_look() has passed. */
TRIAL_MUST_USE trial_code tables_open(store_tables *t,
                                      const char *directory,
                                      const char name[JOURNAL_NAME_BYTES],
                                      uint64_t map_bytes,
                                      bool is_read_only,
                                      trial_error *err);
void tables_close(store_tables *t);

/** Write a row through a cursor of its table, its checksum in front; an LMDB code. */
int table_put(MDB_cursor *cursor, store_table table, trial_bytes key, trial_bytes value);

/* fault.c */

/** What follows runs inside LMDB, and a fault there is LMDB's; they nest. */
void fault_enter(void);
void fault_leave(void);

/** Learn where the map lies from a value in one of its pages that is no overflow page. */
void fault_note_map(MDB_env *env, const void *in_page);
void fault_forget_map(void);

/** LMDB found that it cannot go on; for mdb_env_set_assert(). */
void fault_assertion(MDB_env *env, const char *message);

/* commit.c */
TRIAL_MUST_USE trial_code commit_start(store *s, trial_error *err);
void commit_stop(store *s);

/** Wait for the commit that runs, if one does. */
void commit_wait(store *s);
bool commit_is_running(store *s);

/** Compare two overlay_row pointers by table and key, for qsort. */
int commit_compare_rows(const void *left, const void *right);

/** LMDB reports a full disk as EIO: was it one, where so many bytes were wanted and so many were
 * free before? And it says that its map is full where damage has it ask for more than there is. */
int commit_reason(const store *s, int rc, uint64_t wanted, uint64_t free_before);

/* layer.c */

/** Freeze the active layer if `least` or more others are free, the first of which is written then.
 * False: they are not, or a turn is not flushed. True also where there is nothing to freeze. */
bool layer_freeze(store *s, uint32_t least);

/** Is the row, of the layer with that index among `count`, replaced in a newer one? */
bool layer_replaces(const store_layer *const *layers,
                    uint32_t count,
                    uint32_t index,
                    const overlay_row *row);

/* tail.c */

/** Leave out what LMDB holds by now: where the snapshot is new. */
void tail_begin(store_read *r);

/** What the tail says of a row; false: nothing, LMDB is asked. */
bool tail_get(const store_read *r, store_table table, trial_bytes key, trial_bytes *ret_value);

/** A record behind those that LMDB holds. */
trial_bytes tail_record(const store_read *r, uint64_t position);

/** Visit those records, from a position on; false where a visit ended it. */
bool tail_log(
    const store_read *r, uint64_t from, bool is_backwards, store_visit *visit, void *context);

/** A walk over the rows of LMDB that takes those of the tail in. Begin, give tail_visit() to the
 * walk, end. */
typedef struct tail_walk {
    store_visit *visit;
    void *context;
    const overlay_row **rows; /* of the tail, by key */
    size_t count;
    size_t at;
    bool has_ended; /* a visit ended it */
} tail_walk;

void tail_walk_begin(
    const store_read *r, store_table table, trial_bytes prefix, trial_bytes from, tail_walk *walk);
bool tail_visit(void *walk, trial_bytes key, trial_bytes value);
void tail_walk_end(tail_walk *walk, bool has_failed);

/* generation.c */

/** Read, or set in a transaction that is committed later, which generation is current; an LMDB
 * code, MDB_CORRUPTED where the row is damaged. */
int generation_get(MDB_txn *txn, const store_tables *t, uint32_t *ret_generation);
int generation_put(MDB_txn *txn, const store_tables *t, uint32_t generation);

/* read.c */
TRIAL_MUST_USE trial_code read_renew(store_read *r, trial_error *err);
void reads_done(store *s);

/* space.c */
uint64_t space_free(const store *s);

/** Ask the disk again: what is free, and whether that is less than the reserve. */
void space_look(store *s);
int64_t space_now_ms(void);
uint64_t space_now_ns(void); /* for differences */

#endif
