/* oracle_fold.c - see oracle_fold.h. The daemon recovers what store_recover() gives; here it gives,
 * to one store, the records of another. */
#include "oracle_fold.h"

#include "oracle.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FLUSH_EVENTS 1000u /* a turn of the second store */
#define MEMORIES_MAX 4096u

/* What the rows of each table come to. */
typedef struct sums {
    uint64_t of[STORE_TABLE_COUNT];
    uint64_t rows[STORE_TABLE_COUNT];
} sums;

struct memory {
    uint8_t root[TRIAL_HASH_BYTES];
    sums sums;
};

struct oracle_fold {
    char path[4096]; /* of the second store */
    struct memory *memories;
    size_t count;
};

/* The records that are being given to the second store. One thread folds. */
static struct {
    store *to;
    const trial_bytes *records;
    uint64_t count;
    uint64_t next;
    bool is_armed; /* the next store that recovers is the second one */
} giving;

trial_code __real_store_recover(store *s, trial_bytes *ret_record, trial_error *err);
trial_code __wrap_store_recover(store *s, trial_bytes *ret_record, trial_error *err);

trial_code __wrap_store_recover(store *s, trial_bytes *ret_record, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (giving.is_armed) {
        giving.is_armed = false;
        giving.to = s;
    }
    if (giving.to == NULL || giving.to != s) {
        return __real_store_recover(s, ret_record, err);
    }
    *ret_record = (trial_bytes){ 0 };
    if (giving.next % FLUSH_EVENTS == 0 || giving.next == giving.count) {
        code = store_commit_all(s, err);
    }
    if (code == TRIAL_OK && giving.next < giving.count) {
        *ret_record = giving.records[giving.next++];
    }
    return code;
}

struct summing {
    store_table table;
    uint64_t sum;
    uint64_t rows;
};

static bool begins(trial_bytes key, const char *word)
{
    size_t size = strlen(word) + 1; /* its NUL parts it from what follows */

    return key.size > size && memcmp(key.data, word, size) == 0;
}

static bool add_row(void *context, trial_bytes key, trial_bytes value)
{
    struct summing *summing = context;

    /* Named subscriptions are state of the daemon: no fold of the log makes them. */
    if (summing->table == STORE_META && (begins(key, "subscription") || begins(key, "parked"))) {
        return true;
    }
    summing->sum = XXH3_64bits_withSeed(key.data, key.size, summing->sum);
    if (value.size > 0) {
        summing->sum = XXH3_64bits_withSeed(value.data, value.size, summing->sum);
    }
    summing->rows++;
    return true;
}

static trial_code sum_tables(store *s, sums *ret_sums, trial_error *err)
{
    const trial_bytes all = { 0 };
    store_read *read = NULL;
    uint64_t committed;
    trial_code code = store_read_begin(s, &read, &committed, err);

    for (store_table table = STORE_LOG + 1; table < STORE_TABLE_COUNT && code == TRIAL_OK;
         table++) {
        struct summing summing = { .table = table };

        code = store_read_each(read, table, all, all, add_row, &summing, err);
        ret_sums->of[table] = summing.sum;
        ret_sums->rows[table] = summing.rows;
    }
    store_read_end(read);
    return code;
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

/* Fold the records into a new store beside, and sum its rows. */
static trial_code
fold(oracle_fold *f, const trial_bytes *records, uint64_t count, sums *ret_sums, trial_error *err)
{
    const store_settings settings = { .path = f->path,
                                      .map_bytes = (uint64_t)1 << 34,
                                      .journal_bytes = TRIAL_TURN_BYTES_MAX,
                                      .commit_events = 1000000 };
    const engine_settings limits = { .request_events = TRIAL_REQUEST_EVENTS_DEFAULT,
                                     .request_bytes = TRIAL_REQUEST_BYTES_DEFAULT,
                                     .event_bytes = TRIAL_EVENT_BYTES_MAX,
                                     .event_depth = TRIAL_EVENT_DEPTH_MAX };
    store *s = NULL;
    engine *e = NULL;
    uint64_t recovered;
    bool is_new;
    trial_code code;

    (void)nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    code = store_open(&settings, &s, &is_new, err);
    giving.records = records;
    giving.count = count;
    giving.next = 0;
    giving.is_armed = true;
    if (code == TRIAL_OK) {
        code = engine_open(s, &limits, NULL, &e, &recovered, err);
    }
    giving.is_armed = false;
    giving.to = NULL;
    if (code == TRIAL_OK) {
        code = store_commit_all(s, err);
    }
    if (code == TRIAL_OK) {
        code = sum_tables(s, ret_sums, err);
    }
    engine_close(e);
    store_close(s);
    (void)nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return code;
}

static const sums *recall(const oracle_fold *f, const uint8_t *root)
{
    for (size_t i = 0; i < f->count; i++) {
        if (memcmp(f->memories[i].root, root, TRIAL_HASH_BYTES) == 0) {
            return &f->memories[i].sums;
        }
    }
    return NULL;
}

static const sums *wanted_of(oracle_fold *f,
                             const trial_bytes *records,
                             uint64_t count,
                             const uint8_t *root,
                             trial_error *err)
{
    const sums *known = recall(f, root);
    struct memory *made;

    if (known != NULL) {
        return known;
    }
    f->count %= MEMORIES_MAX; /* full: begin anew */
    made = &f->memories[f->count];
    memcpy(made->root, root, TRIAL_HASH_BYTES);
    if (fold(f, records, count, &made->sums, err) != TRIAL_OK) {
        return NULL;
    }
    f->count++;
    return &made->sums;
}

bool oracle_fold_is_held(oracle_fold *f,
                         store *s,
                         const trial_bytes *records,
                         uint64_t count,
                         const uint8_t *root,
                         char *where)
{
    trial_error err = TRIAL_ERROR_NONE;
    sums held = { 0 };
    const sums *wanted;

    if (sum_tables(s, &held, &err) != TRIAL_OK) {
        (void)snprintf(where, ORACLE_TEXT_BYTES, "the tables cannot be read: %s", err.text);
        return false;
    }
    wanted = wanted_of(f, records, count, root, &err);
    if (wanted == NULL) {
        (void)snprintf(where, ORACLE_TEXT_BYTES, "the log cannot be folded again: %s", err.text);
        return false;
    }
    for (store_table table = STORE_LOG + 1; table < STORE_TABLE_COUNT; table++) {
        if (held.of[table] != wanted->of[table] || held.rows[table] != wanted->rows[table]) {
            (void)snprintf(where,
                           ORACLE_TEXT_BYTES,
                           "table %d has %llu rows that differ from the fold of the log, which "
                           "makes %llu",
                           (int)table,
                           (unsigned long long)held.rows[table],
                           (unsigned long long)wanted->rows[table]);
            return false;
        }
    }
    return true;
}

oracle_fold *oracle_fold_new(const char *directory)
{
    oracle_fold *f = trial_memory(sizeof *f);

    (void)snprintf(f->path, sizeof f->path, "%s/fold", directory);
    f->memories = trial_memory(MEMORIES_MAX * sizeof *f->memories);
    return f;
}

void oracle_fold_done(oracle_fold *f)
{
    if (f != NULL) {
        free(f->memories);
        free(f);
    }
}
