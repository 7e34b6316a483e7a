/* test_store_fault.c - the linker puts a door in front of the calls that reach the disk, and the
 * nth fails, n = 1, 2, 3 ..., until a run is clean. Whatever fails, nothing that was acknowledged
 * is lost and no failed flush is called a success; a full disk is waited out. */
#include "scratch.h"

#include <errno.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <sys/statvfs.h>

#define TURNS 24
#define TURNS_PER_COMMIT 5
#define RUNS_MAX 400

typedef enum door { PWRITE, FDATASYNC, FSYNC, COMMIT, PUT, DOORS } door;

/* What is to fail. Set while no other thread runs; counted by all. */
static struct {
    atomic_int calls[DOORS];
    door at;
    int nth; /* 0: nothing fails */
    int count;
    int code;         /* errno, or LMDB's */
    bool is_done_too; /* the call does its work and then says that it failed */
    bool is_disk_full;
    _Atomic off_t wrote_at; /* the last pwrite that did not fail, and its bytes */
    atomic_size_t wrote;
} fault;

static bool fails(door at)
{
    int call = atomic_fetch_add(&fault.calls[at], 1) + 1;

    return fault.nth > 0 && at == fault.at && call >= fault.nth && call < fault.nth + fault.count;
}

static void set_fault(door at, int nth, int count, int code, bool is_done_too)
{
    for (int i = 0; i < DOORS; i++) {
        atomic_store(&fault.calls[i], 0);
    }
    fault.at = at;
    fault.nth = nth;
    fault.count = count;
    fault.code = code;
    fault.is_done_too = is_done_too;
}

static void clear_fault(void)
{
    fault.nth = 0;
}

ssize_t __real_pwrite(int fd, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __real_mdb_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *value, unsigned flags);
int __wrap_mdb_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *value, unsigned flags);
int __real_fstatvfs(int fd, struct statvfs *facts);
int __wrap_fstatvfs(int fd, struct statvfs *facts);

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    if (fails(PWRITE)) {
        if (fault.is_done_too) { /* torn: half of it is there */
            (void)!__real_pwrite(fd, bytes, size / 2, offset);
        }
        errno = fault.code;
        return -1;
    }
    fault.wrote_at = offset;
    fault.wrote = size;
    return __real_pwrite(fd, bytes, size, offset);
}

int __wrap_fdatasync(int fd)
{
    if (fails(FDATASYNC)) {
        errno = fault.code;
        return -1;
    }
    return __real_fdatasync(fd);
}

int __wrap_fsync(int fd)
{
    if (fails(FSYNC)) {
        errno = fault.code;
        return -1;
    }
    return __real_fsync(fd);
}

int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (fails(COMMIT)) {
        if (fault.is_done_too) {
            (void)__real_mdb_txn_commit(txn);
        } else {
            mdb_txn_abort(txn);
        }
        return fault.code;
    }
    return __real_mdb_txn_commit(txn);
}

int __wrap_mdb_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *value, unsigned flags)
{
    return fails(PUT) ? fault.code : __real_mdb_cursor_put(cursor, key, value, flags);
}

int __wrap_fstatvfs(int fd, struct statvfs *facts)
{
    int rc = __real_fstatvfs(fd, facts);

    if (fault.is_disk_full) {
        facts->f_bavail = 0;
    }
    return rc;
}

static void row_key(uint64_t position, char key[32])
{
    (void)snprintf(key, 32, "row %llu", (unsigned long long)position);
}

static void add(store *s, trial_bytes record)
{
    char key[32];

    row_key(store_head(s) + 1, key);
    store_put(s, STORE_STATE, bytes_of(key), bytes_of(key));
    store_append(s, record);
}

static trial_code recover(store *s)
{
    for (;;) {
        trial_bytes record;
        trial_code code = store_recover(s, &record, NULL);

        if (code != TRIAL_OK || record.size == 0) {
            return code;
        }
        add(s, record);
    }
}

/* What one life of a daemon does. It leaves at the first failure, as the house rule says, but waits
 * out a full disk. Returns the last position it acknowledged. */
static uint64_t live(store *s, bool *ret_failed)
{
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t acknowledged = store_flushed(s);
    trial_code code = recover(s);

    for (int turn = 1; turn <= TURNS && code == TRIAL_OK; turn++) {
        code = store_has_room(s, 2000, &err);
        for (int i = 0; i < turn % 4 + 1 && code == TRIAL_OK; i++) {
            add(s, record_of(store_head(s) + 1, 100 + (size_t)turn));
        }
        if (code == TRIAL_OK) {
            code = store_flush(s, &err);
            assert_true(code == TRIAL_OK || err.text[0] != '\0');
            acknowledged = code == TRIAL_OK ? store_head(s) : acknowledged;
        }
        if (code == TRIAL_OK && turn % TURNS_PER_COMMIT == 0) {
            do {
                code = store_commit_all(s, &err);
            } while (code == TRIAL_NO_SPACE); /* the faults are fewer than the tries */
            assert_true(code != TRIAL_OK || store_committed(s) == store_head(s));
        }
    }
    *ret_failed = code != TRIAL_OK;
    return acknowledged;
}

/* With the faults gone, all is there, exact and gapless, and the store goes on. */
static void check(const store_settings *settings, uint64_t acknowledged)
{
    trial_error err = TRIAL_ERROR_NONE;
    store *s;
    bool is_new;

    if (store_open(settings, &s, &is_new, &err) != TRIAL_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(recover(s), TRIAL_OK);
    assert_true(store_head(s) >= acknowledged);
    add(s, record_of(store_head(s) + 1, 99));
    assert_int_equal(store_commit_all(s, &err), TRIAL_OK);
    for (uint64_t position = 1; position <= store_head(s); position++) {
        char key[32];
        trial_bytes got;

        assert_int_equal(store_get_record(s, position, &got, &err), TRIAL_OK);
        assert_bytes(got, record_of(position, got.size));
        row_key(position, key);
        assert_int_equal(store_get(s, STORE_STATE, bytes_of(key), &got, &err), TRIAL_OK);
        assert_bytes(got, bytes_of(key));
    }
    store_close(s);
}

static const struct walk {
    const char *name;
    door at;
    int count;
    int code;
    bool is_done_too;
    bool is_making; /* a new store each time, so that making it meets the fault */
} walks[] = {
    { "a write fails while the store is made", PWRITE, 1, EIO, false, true },
    { "a write finds no room while the store is made", PWRITE, 1, ENOSPC, true, true },
    { "a sync fails while the store is made", FSYNC, 1, EIO, false, true },
    { "a commit fails while the store is made", COMMIT, 1, EIO, false, true },
    { "a write fails", PWRITE, 1, EIO, false, false },
    { "a write is torn", PWRITE, 1, EIO, true, false },
    { "a write finds no room", PWRITE, 1, ENOSPC, false, false },
    { "every write is torn from some moment on", PWRITE, 1000000, EIO, true, false },
    { "a journal's sync fails", FDATASYNC, 1, EIO, false, false },
    { "a commit fails", COMMIT, 1, EIO, false, false },
    { "a commit takes and yet reports a failure", COMMIT, 1, EIO, true, false },
    { "a commit finds no room, three times", COMMIT, 3, ENOSPC, false, false },
    { "a put finds LMDB's map full", PUT, 1, MDB_MAP_FULL, false, false },
    { "a put meets a damaged page", PUT, 1, MDB_CORRUPTED, false, false },
};

/* One life with the nth call failing; false: the call was never reached. */
static bool live_with(const struct walk *walk, int n, const store_settings *settings)
{
    trial_error err = TRIAL_ERROR_NONE;
    static uint64_t acknowledged; /* of the store at `path`, over its lives */
    bool failed = true;
    bool was_reached;
    bool is_new;
    store *s = NULL;

    acknowledged = n == 1 || walk->is_making ? 0 : acknowledged;
    set_fault(walk->at, n, walk->count, walk->code, walk->is_done_too);
    if (store_open(settings, &s, &is_new, &err) == TRIAL_OK) {
        failed = false;
        if (!walk->is_making) {
            uint64_t now = live(s, &failed);

            assert_true(now >= acknowledged);
            acknowledged = now;
        }
    } else {
        assert_null(s);
        assert_true(err.text[0] != '\0');
    }
    was_reached = atomic_load(&fault.calls[walk->at]) >= n;
    assert_true(was_reached || !failed);
    store_close(s);
    clear_fault();
    check(settings, acknowledged);
    return was_reached;
}

static void test_nothing_acknowledged_is_lost(void **state)
{
    const struct walk *walk = *state;
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);
    bool was_reached = true;
    int n;

    scratch_make(path);
    if (!walk->is_making) {
        check(&settings, 0);
    }
    for (n = 1; was_reached && n <= RUNS_MAX; n++) {
        was_reached = live_with(walk, n, &settings);
        if (walk->is_making) {
            scratch_remove(path);
        }
    }
    assert_in_range(n, 3, RUNS_MAX); /* the door was passed, and at last it stayed open */
    scratch_remove(path);
}

/* A new store in a directory of its own, which `settings` name. */
static store *make_store(const store_settings *settings, char *path)
{
    store *s;
    bool is_new;

    scratch_make(path);
    assert_int_equal(store_open(settings, &s, &is_new, NULL), TRIAL_OK);
    return s;
}

static void test_after_a_failed_flush_nothing_more_is_written(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);
    store *s = make_store(&settings, path);
    int writes;

    (void)state;
    add(s, record_of(1, 100));
    set_fault(FDATASYNC, 1, 1, EIO, false);
    assert_int_equal(store_flush(s, NULL), TRIAL_STORAGE);
    writes = atomic_load(&fault.calls[PWRITE]);
    store_close(s);
    assert_int_equal(atomic_load(&fault.calls[PWRITE]), writes);
    assert_int_equal(atomic_load(&fault.calls[COMMIT]), 0);
    clear_fault();
    check(&settings, 0);
    scratch_remove(path);
}

/* The page cache may hold that turn, and the disk not: nobody can tell by reading. */
static void test_the_turn_whose_flush_failed_is_written_again(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);
    store *s = make_store(&settings, path);
    bool is_new;
    off_t at;
    size_t size;

    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        add(s, record_of(store_head(s) + 1, 5000));
        assert_int_equal(store_flush(s, NULL), TRIAL_OK);
    }
    add(s, record_of(4, 9000));
    set_fault(FDATASYNC, 1, 1, EIO, false);
    assert_int_equal(store_flush(s, NULL), TRIAL_STORAGE);
    at = fault.wrote_at;
    size = fault.wrote;
    store_close(s);
    clear_fault();
    set_fault(FDATASYNC, 0, 0, 0, false);
    assert_int_equal(store_open(&settings, &s, &is_new, NULL), TRIAL_OK);
    assert_int_equal(atomic_load(&fault.calls[PWRITE]), 1); /* and not those before it */
    assert_int_equal(atomic_load(&fault.calls[FDATASYNC]), 1);
    assert_int_equal(fault.wrote_at, at);
    assert_int_equal(fault.wrote, size);
    assert_int_equal(recover(s), TRIAL_OK);
    assert_int_equal(store_head(s), 4);
    store_close(s);
    check(&settings, 4);
    scratch_remove(path);
}

/* Not every file system lets a write go past its page cache; one may say so only when it comes. */
static void test_a_write_that_may_not_be_direct_goes_through_the_cache(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);
    store *s = make_store(&settings, path);

    (void)state;
    add(s, record_of(1, 100));
    set_fault(PWRITE, 1, 1, EINVAL, false);
    assert_int_equal(store_flush(s, NULL), TRIAL_OK);
    set_fault(PWRITE, 1, 100, EINVAL, false); /* and a file that takes none at all is bad */
    add(s, record_of(2, 100));
    assert_int_equal(store_flush(s, NULL), TRIAL_STORAGE);
    store_close(s);
    clear_fault();
    check(&settings, 1);
    scratch_remove(path);
}

/* LMDB says EIO where the disk is full; the disk says which it was. */
static void test_a_commit_on_a_full_disk_is_not_a_broken_disk(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);
    store *s = make_store(&settings, path);

    (void)state;
    add(s, record_of(1, 100));
    fault.is_disk_full = true;
    set_fault(COMMIT, 1, 1, EIO, false);
    assert_int_equal(store_commit_all(s, NULL), TRIAL_NO_SPACE);
    fault.is_disk_full = false;
    assert_int_equal(store_commit_all(s, NULL), TRIAL_OK);
    clear_fault();
    store_close(s);
    check(&settings, 1);
    scratch_remove(path);
}

static void test_appends_resume_by_themselves_when_the_disk_has_room_again(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);
    trial_error err = TRIAL_ERROR_NONE;
    store *s;

    (void)state;
    settings.reserve_bytes = 4096;
    s = make_store(&settings, path);
    fault.is_disk_full = true;
    assert_int_equal(store_has_room(s, 100, &err), TRIAL_NO_SPACE);
    assert_int_equal(store_has_room(s, 100, &err), TRIAL_NO_SPACE);
    fault.is_disk_full = false;
    assert_int_equal(store_has_room(s, 100, &err), TRIAL_OK);
    store_close(s);
    scratch_remove(path);
}

static void test_a_full_map_refuses_appends_and_loses_nothing(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = TRIAL_OK;
    uint64_t acknowledged;
    trial_bytes got;
    store *s;

    (void)state;
    settings.map_bytes = 2 << 20;
    s = make_store(&settings, path);
    while ((code = store_has_room(s, 200000, &err)) == TRIAL_OK) {
        add(s, record_of(store_head(s) + 1, 200000));
        assert_int_equal(store_flush(s, &err), TRIAL_OK);
        if (store_commit_is_due(s)) {
            store_commit_begin(s);
        }
    }
    assert_int_equal(code, TRIAL_NO_SPACE);
    acknowledged = store_head(s);
    assert_true(acknowledged > 100); /* both files of the journal were used up */
    assert_int_equal(store_get_record(s, acknowledged, &got, &err), TRIAL_OK);
    assert_int_equal(store_has_room(s, 200000, &err), TRIAL_NO_SPACE);
    store_close(s);
    settings.map_bytes = 1 << 30;
    check(&settings, acknowledged);
    scratch_remove(path);
}

/* LMDB says that its map is full where a damaged page has it ask for more than there is. */
static void test_a_map_with_room_that_is_called_full_is_damaged(void **state)
{
    static const struct {
        uint64_t map_bytes;
        trial_code code;
    } maps[] = { { (uint64_t)1 << 30, TRIAL_STORAGE }, { 2 << 20, TRIAL_NO_SPACE } };

    (void)state;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        char path[SCRATCH_PATH_BYTES] = "";
        store_settings settings = scratch_settings(path);
        store *s;

        settings.map_bytes = maps[i].map_bytes;
        s = make_store(&settings, path);
        add(s, record_of(1, 100));
        set_fault(PUT, 1, 1, MDB_MAP_FULL, false);
        assert_int_equal(store_commit_all(s, NULL), maps[i].code);
        clear_fault();
        store_close(s);
        check(&settings, 1);
        scratch_remove(path);
    }
}

#define WALKS (sizeof walks / sizeof walks[0])

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(test_after_a_failed_flush_nothing_more_is_written),
        cmocka_unit_test(test_a_write_that_may_not_be_direct_goes_through_the_cache),
        cmocka_unit_test(test_a_commit_on_a_full_disk_is_not_a_broken_disk),
        cmocka_unit_test(test_the_turn_whose_flush_failed_is_written_again),
        cmocka_unit_test(test_appends_resume_by_themselves_when_the_disk_has_room_again),
        cmocka_unit_test(test_a_full_map_refuses_appends_and_loses_nothing),
        cmocka_unit_test(test_a_map_with_room_that_is_called_full_is_damaged),
    };
    struct CMUnitTest tests[WALKS + sizeof others / sizeof others[0]];

    for (size_t i = 0; i < WALKS; i++) {
        tests[i] = (struct CMUnitTest){ .name = walks[i].name,
                                        .test_func = test_nothing_acknowledged_is_lost,
                                        .initial_state = (void *)(uintptr_t)&walks[i] };
    }
    memcpy(&tests[WALKS], others, sizeof others);
    return cmocka_run_group_tests_name("store_fault", tests, NULL, NULL);
}
