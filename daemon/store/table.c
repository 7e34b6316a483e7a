/* table.c - the LMDB environment, its tables and the checks LMDB does not make by itself.
 *
 * Default sync only: NOSYNC, NOMETASYNC, MAPASYNC and WRITEMAP lose or break what was promised. */
#include "pages.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE_BYTES                                                                            \
    ((size_t)(STORE_READERS_MAX + 64) * 64) /* 64 bytes a reader, and a head                       \
                                             */
#define PAGE_BYTES_MIN 4096
#define CREATE_MAP_BYTES ((size_t)16 * 1024 * 1024) /* empty tables take some pages */
#define FACTS_TABLE "store"
#define FACT_LOG "log"

static const struct table_row {
    const char *name;
    unsigned flags;
} table_rows[STORE_SLOT_COUNT] = {
    [STORE_LOG] = { "log", MDB_INTEGERKEY },
    [STORE_EVENT_ID] = { "event-id", 0 },
    [STORE_SUBJECT] = { "subject", 0 },
    [STORE_PROGRAMME] = { "programme", 0 },
    [STORE_STATE] = { "state", 0 },
    [STORE_LINK] = { "link", 0 },
    [STORE_META] = { "meta", 0 },
    [STORE_TABLE_COUNT] = { "state-2", 0 },
    [STORE_TABLE_COUNT + 1] = { "link-2", 0 },
};

int table_put(MDB_cursor *cursor, store_table table, trial_bytes key, trial_bytes value)
{
    uint64_t sum = store_row_sum(table, key, value);
    MDB_val k = { key.size, (void *)(uintptr_t)key.data }; /* LMDB does not write to keys */
    MDB_val v = { STORE_SUM_BYTES + value.size, NULL };
    unsigned flags = MDB_RESERVE | (table == STORE_LOG ? MDB_APPEND : 0u);
    int rc = mdb_cursor_put(cursor, &k, &v, flags);

    if (rc == MDB_SUCCESS) {
        memcpy(v.mv_data, &sum, sizeof sum);
        if (value.size > 0) {
            memcpy((uint8_t *)v.mv_data + STORE_SUM_BYTES, value.data, value.size);
        }
    }
    return rc;
}

/* LMDB makes lock.mdb sparse and writes to it through a map: on a full disk that is a SIGBUS. So
 * it gets real bytes first. Nobody else has the environment open: we hold the store's lock. */
static trial_code fill_lock_file(const char *directory, trial_error *err)
{
    static const uint8_t zeros[LOCK_FILE_BYTES];
    char path[STORE_PATH_BYTES_MAX];
    struct stat facts;
    trial_code code = TRIAL_OK;
    int fd;

    if (!place_join(path, directory, "lock.mdb")) {
        return trial_fail(err, TRIAL_INVALID, "the path '%s' is too long", directory);
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        code = store_refuse(err, errno, "opening", path);
    } else if ((size_t)facts.st_size < sizeof zeros ||
               (size_t)facts.st_blocks * 512 < sizeof zeros) {
        errno = ENOSPC; /* what a short write means */
        if (pwrite(fd, zeros, sizeof zeros, 0) != (ssize_t)sizeof zeros || fsync(fd) != 0) {
            code = trial_fail_errno(err, errno, "reserving room for '%s'", path);
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return code;
}

static trial_code open_environment(
    store_tables *t, const char *directory, uint64_t map_bytes, unsigned how, trial_error *err)
{
    unsigned flags = 0;
    int fd = -1;
    int rc = mdb_env_create(&t->env);

    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_assert(t->env, fault_assertion);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_mapsize(t->env, (size_t)map_bytes);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_maxreaders(t->env, STORE_READERS_MAX);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_maxdbs(t->env, STORE_SLOT_COUNT + 1);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_open(t->env, directory, MDB_NOTLS | how, 0600);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_get_flags(t->env, &flags);
    }
    if (rc == MDB_SUCCESS) {
        TRIAL_ASSERT((flags & (MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC | MDB_WRITEMAP)) == 0);
        rc = mdb_env_get_fd(t->env, &fd);
    }
    if (rc == MDB_SUCCESS && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) { /* 0.9.24 forgets it */
        rc = errno;
    }
    if (rc == MDB_SUCCESS) {
        return TRIAL_OK;
    }
    tables_close(t);
    if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_CORRUPTED) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/data.mdb' is not a log that LMDB can read (%s); restore the store "
                          "from a backup",
                          directory,
                          mdb_strerror(rc));
    }
    return store_fail(err, rc, "opening LMDB in '%s'", directory);
}

static int open_tables(store_tables *t, MDB_txn *txn, unsigned flags)
{
    int rc = mdb_dbi_open(txn, FACTS_TABLE, flags, &t->facts);

    for (int i = 0; i < (int)STORE_SLOT_COUNT && rc == MDB_SUCCESS; i++) {
        rc = mdb_dbi_open(txn, table_rows[i].name, table_rows[i].flags | flags, &t->tables[i]);
    }
    return rc;
}

trial_code
tables_create(const char *directory, const char name[JOURNAL_NAME_BYTES], trial_error *err)
{
    store_tables t = { 0 };
    MDB_val key = { sizeof FACT_LOG - 1, (void *)(uintptr_t)FACT_LOG };
    MDB_val value = { JOURNAL_NAME_BYTES - 1, (void *)(uintptr_t)name };
    MDB_txn *txn = NULL;
    trial_code code = fill_lock_file(directory, err);
    int rc;

    if (code == TRIAL_OK) {
        code = open_environment(&t, directory, CREATE_MAP_BYTES, 0, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    rc = mdb_txn_begin(t.env, NULL, 0, &txn);
    if (rc == MDB_SUCCESS) {
        rc = open_tables(&t, txn, MDB_CREATE);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_put(txn, t.facts, &key, &value, 0);
    }
    if (rc == MDB_SUCCESS) {
        rc = generation_put(txn, &t, 0);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_sync(t.env, 1); /* LMDB does not sync the pages it creates a file with */
    }
    tables_close(&t);
    return rc == MDB_SUCCESS ? TRIAL_OK
                             : store_fail(err, rc, "making the tables in '%s'", directory);
}

/* An absent or empty data.mdb would be opened as a new, empty log. */
static trial_code check_data_file(const char *directory, trial_error *err)
{
    char path[STORE_PATH_BYTES_MAX];
    struct stat facts = { 0 };
    int system_errno = 0;
    int fd;

    if (!place_join(path, directory, "data.mdb")) {
        return trial_fail(err, TRIAL_INVALID, "the path '%s' is too long", directory);
    }
    fd = open(path, O_RDWR | O_CLOEXEC); /* as LMDB will: it does not say which file it was */
    if (fd < 0 || fstat(fd, &facts) != 0) {
        system_errno = errno;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (system_errno == ENOENT) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "the log's file '%s' is missing, though the store was made; restore it "
                          "from a backup",
                          path);
    }
    if (system_errno != 0) {
        return store_refuse(err, system_errno, "opening the log's file", path);
    }
    if (facts.st_size < (off_t)2 * PAGE_BYTES_MIN) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "the log's file '%s' has only %lld bytes: it was emptied or cut; restore "
                          "it from a backup",
                          path,
                          (long long)facts.st_size);
    }
    return TRIAL_OK;
}

/* Reading beyond the end of a mapped file ends the process, so it must have all its pages. */
static trial_code check_is_whole(const store_tables *t, const char *directory, trial_error *err)
{
    MDB_envinfo info;
    MDB_stat pages;
    struct stat facts;
    uint64_t needed;
    int fd;
    int rc = mdb_env_info(t->env, &info);

    if (rc == MDB_SUCCESS) {
        rc = mdb_env_get_fd(t->env, &fd);
    }
    if (rc == MDB_SUCCESS && fstat(fd, &facts) != 0) {
        rc = errno;
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_stat(t->env, &pages);
    }
    if (rc != MDB_SUCCESS) {
        return store_fail(err, rc, "looking at '%s/data.mdb'", directory);
    }
    needed = ((uint64_t)info.me_last_pgno + 1) * pages.ms_psize;
    if ((uint64_t)facts.st_size < needed) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/data.mdb' was cut: it has %lld bytes and needs %llu; restore the "
                          "store from a backup",
                          directory,
                          (long long)facts.st_size,
                          (unsigned long long)needed);
    }
    return TRIAL_OK;
}

static trial_code check_name(MDB_txn *txn,
                             MDB_dbi facts,
                             const char *directory,
                             const char name[JOURNAL_NAME_BYTES],
                             trial_error *err)
{
    MDB_val key = { sizeof FACT_LOG - 1, (void *)(uintptr_t)FACT_LOG };
    MDB_val value = { 0 };
    int rc = mdb_get(txn, facts, &key, &value);

    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) {
        return store_fail(err, rc, "reading the log's name in '%s'", directory);
    }
    if (rc == MDB_NOTFOUND || value.mv_size != JOURNAL_NAME_BYTES - 1 ||
        memcmp(value.mv_data, name, JOURNAL_NAME_BYTES - 1) != 0) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/data.mdb' belongs to another log than %s, which the file STORE "
                          "names; put the right one back",
                          directory,
                          name);
    }
    fault_note_map(mdb_txn_env(txn), value.mv_data);
    return TRIAL_OK;
}

static trial_code open_and_check_tables(store_tables *t,
                                        const char *directory,
                                        const char name[JOURNAL_NAME_BYTES],
                                        trial_error *err)
{
    MDB_txn *txn = NULL;
    uint32_t generation = 0;
    trial_code code;
    int rc = mdb_txn_begin(t->env, NULL, MDB_RDONLY, &txn);

    if (rc != MDB_SUCCESS) {
        return store_fail(err, rc, "reading LMDB in '%s'", directory);
    }
    rc = open_tables(t, txn, 0);
    if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE) {
        code = trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/data.mdb' lacks a table of triald's: it is no log of this format, "
                          "or damaged; restore the store from a backup",
                          directory);
    } else if (rc != MDB_SUCCESS) {
        code = store_fail(err, rc, "opening the tables in '%s'", directory);
    } else {
        code = check_name(txn, t->facts, directory, name, err);
    }
    if (code == TRIAL_OK && generation_get(txn, t, &generation) != MDB_SUCCESS) {
        code = trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/data.mdb' does not say which of its rows are in use: it is damaged; "
                          "restore the store from a backup",
                          directory);
    }
    if (code == TRIAL_OK) {
        rc = mdb_txn_commit(txn); /* of a reader: what keeps the tables open */
        return rc == MDB_SUCCESS ? TRIAL_OK : store_fail(err, rc, "reading LMDB");
    }
    mdb_txn_abort(txn);
    return code;
}

static trial_code last_position(const store_tables *t, uint64_t *ret_last, trial_error *err)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val k = { 0 };
    MDB_val v = { 0 };
    int rc = mdb_txn_begin(t->env, NULL, MDB_RDONLY, &txn);

    if (rc == MDB_SUCCESS) {
        rc = mdb_cursor_open(txn, t->tables[STORE_LOG], &cursor);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
        mdb_cursor_close(cursor);
    }
    if (rc == MDB_SUCCESS && k.mv_size == sizeof *ret_last) {
        memcpy(ret_last, k.mv_data, sizeof *ret_last);
    } else if (rc == MDB_NOTFOUND) {
        *ret_last = 0;
        rc = MDB_SUCCESS;
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    return rc == MDB_SUCCESS ? TRIAL_OK : store_fail(err, rc, "reading the end of the log");
}

/* What leads to the rows is looked at before LMDB is, for LMDB ends the process where it is led
 * astray; what time is left goes to the rows' places. */
static trial_code check_pages(const char *directory, trial_error *err)
{
    char path[STORE_PATH_BYTES_MAX];
    int64_t until_ms = space_now_ms() + STORE_PAGES_CHECK_MS;
    trial_code code;
    int fd;

    (void)place_join(path, directory, "data.mdb"); /* it was opened a moment ago */
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return store_refuse(err, errno, "opening the log's file", path);
    }
    code = pages_check(fd, path, 0, PAGES_PATHS, until_ms, err);
    if (code == TRIAL_OK) {
        code = pages_check(fd, path, 0, PAGES_ALL, until_ms, err);
    }
    (void)close(fd); /* it was only read */
    return code;
}

trial_code tables_look(const char *directory,
                       const char name[JOURNAL_NAME_BYTES],
                       uint64_t map_bytes,
                       uint64_t *ret_last,
                       trial_error *err)
{
    store_tables t = { 0 };
    trial_code code = check_data_file(directory, err);

    if (code == TRIAL_OK) {
        code = check_pages(directory, err);
    }
    if (code == TRIAL_OK) {
        code = open_environment(&t, directory, map_bytes, MDB_RDONLY | MDB_NOLOCK, err);
    }
    if (code == TRIAL_OK) {
        code = check_is_whole(&t, directory, err);
    }
    if (code == TRIAL_OK) {
        code = open_and_check_tables(&t, directory, name, err);
    }
    if (code == TRIAL_OK) {
        code = last_position(&t, ret_last, err);
    }
    tables_close(&t);
    return code;
}

trial_code tables_open(store_tables *t,
                       const char *directory,
                       const char name[JOURNAL_NAME_BYTES],
                       uint64_t map_bytes,
                       bool is_read_only,
                       trial_error *err)
{
    trial_code code = is_read_only ? TRIAL_OK : fill_lock_file(directory, err);
    int dead;
    int rc = MDB_SUCCESS;

    if (code == TRIAL_OK) {
        code = open_environment(
            t, directory, map_bytes, is_read_only ? MDB_RDONLY | MDB_NOLOCK : 0, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    if (!is_read_only) {
        rc = mdb_reader_check(t->env, &dead);
    }
    code = rc == MDB_SUCCESS ? open_and_check_tables(t, directory, name, err)
                             : store_fail(err, rc, "clearing the readers of '%s'", directory);
    if (code != TRIAL_OK) {
        tables_close(t);
    }
    return code;
}

void tables_close(store_tables *t)
{
    if (t->env != NULL) {
        fault_forget_map();
        mdb_env_close(t->env);
        t->env = NULL;
    }
}
