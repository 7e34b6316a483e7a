/* test_store_refusal.c - a store that is not whole, not ours or in use is refused, in words that
 * name what is wrong, and nothing in it is changed. A flipped bit never becomes an answer. */
#include "store_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#define OLDER 20     /* positions of a copy of LMDB, taken two commits earlier */
#define COMMITTED 60 /* positions that LMDB of the model holds; each file was used twice */
#define FLUSHED 64   /* and that its journal holds, a turn each */
#ifdef __SANITIZE_THREAD__
#define FLIPS 20 /* each child sleeps for a second at its end, to catch races there */
#else
#define FLIPS 150
#endif
#define CHILD_SECONDS_MAX 20

/* One store is made for all tests; each works on a copy of it. */
static char model[SCRATCH_PATH_BYTES];
static char other[SCRATCH_PATH_BYTES]; /* another store */
static char older[SCRATCH_PATH_BYTES]; /* the model, long ago */

static void row_of(uint64_t position, char key[32], char value[32])
{
    (void)snprintf(key, 32, "row/%03llu", (unsigned long long)position);
    (void)snprintf(value, 32, "value %llu", (unsigned long long)position * 7);
}

static void add(fixture *f, bool is_committed)
{
    char key[32];
    char value[32];

    row_of(store_head(f->s) + 1, key, value);
    put(f, key, value);
    append(f, 300);
    flush(f);
    if (is_committed) {
        commit(f);
    }
}

static void make_model(const char *path, const char *copy, const char *copy_before)
{
    fixture f = { .settings = scratch_settings(path) };

    open_it(&f);
    while (store_head(f.s) < FLUSHED) {
        add(&f, store_head(f.s) % OLDER == OLDER - 1);
        if (store_head(f.s) == OLDER && copy_before != NULL) {
            scratch_copy(path, copy_before);
        }
    }
    scratch_copy(path, copy);
    store_close(f.s);
    scratch_remove(path);
}

static int make_models(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";

    (void)state;
    scratch_make(model);
    scratch_make(other);
    scratch_make(older);
    scratch_make(path);
    make_model(path, model, older);
    assert_int_equal(mkdir(path, 0700), 0);
    make_model(path, other, NULL);
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    scratch_remove(model);
    scratch_remove(other);
    scratch_remove(older);
    return 0;
}

static void at(const char *path, const char *name, char ret[SCRATCH_PATH_BYTES])
{
    scratch_join(ret, path, name);
}

static void cut(const char *path, const char *name, off_t size)
{
    char file[SCRATCH_PATH_BYTES];

    at(path, name, file);
    assert_int_equal(truncate(file, size), 0);
}

static off_t size_of(const char *path, const char *name)
{
    char file[SCRATCH_PATH_BYTES];
    struct stat facts;

    at(path, name, file);
    assert_int_equal(stat(file, &facts), 0);
    return facts.st_size;
}

static void flip(const char *path, const char *name, off_t offset, uint8_t bits)
{
    char file[SCRATCH_PATH_BYTES];
    uint8_t byte;
    int fd;

    at(path, name, file);
    fd = open(file, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= bits;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    (void)close(fd);
}

static void drop(const char *path, const char *name)
{
    char file[SCRATCH_PATH_BYTES];

    at(path, name, file);
    assert_int_equal(unlink(file), 0);
}

static void swap_in(const char *path, const char *name, const char *from)
{
    char a[SCRATCH_PATH_BYTES];
    char b[SCRATCH_PATH_BYTES];

    at(from, name, a);
    at(path, name, b);
    scratch_copy_file(a, b);
}

static void no_marker(const char *path)
{
    drop(path, "STORE");
}

static void empty_marker(const char *path)
{
    cut(path, "STORE", 0);
}

static void flipped_marker(const char *path)
{
    flip(path, "STORE", 40, 1);
}

static void no_data(const char *path)
{
    drop(path, "lmdb/data.mdb");
}

static void empty_data(const char *path)
{
    cut(path, "lmdb/data.mdb", 0);
}

static void cut_data(const char *path)
{
    cut(path, "lmdb/data.mdb", size_of(path, "lmdb/data.mdb") - 8192);
}

static void other_data(const char *path)
{
    swap_in(path, "lmdb/data.mdb", other);
}

static void older_data(const char *path)
{
    swap_in(path, "lmdb/data.mdb", older);
}

static void garbage_data(const char *path)
{
    for (off_t i = 0; i < 8192; i++) {
        flip(path, "lmdb/data.mdb", i, (uint8_t)(i * 37 + 11));
    }
}

static void no_journal(const char *path)
{
    drop(path, "journal/1");
}

static void empty_journal(const char *path)
{
    cut(path, "journal/0", 0);
}

static void cut_journal(const char *path)
{
    cut(path, "journal/1", size_of(path, "journal/1") - 4096);
}

static void other_journal(const char *path)
{
    swap_in(path, "journal/0", other);
}

static void swapped_journal(const char *path)
{
    char a[SCRATCH_PATH_BYTES];
    char b[SCRATCH_PATH_BYTES];

    at(path, "journal/0", a);
    at(path, "journal/1", b);
    scratch_copy_file(a, b);
}

static void writable_by_others(const char *path)
{
    assert_int_equal(chmod(path, 0770), 0);
}

static const struct refusal {
    const char *name;
    void (*damage)(const char *path);
    const char *says;
} refusals[] = {
    { "a log without its marker", no_marker, "STORE" },
    { "an emptied marker", empty_marker, "damaged" },
    { "a damaged marker", flipped_marker, "damaged" },
    { "a missing data file", no_data, "data.mdb" },
    { "an empty data file", empty_data, "data.mdb" },
    { "a cut data file", cut_data, "cut" },
    { "the data file of another store", other_data, "another log" },
    { "a data file older than the journal", older_data, "missing" },
    { "garbage for a data file", garbage_data, "data.mdb" },
    { "a missing journal file", no_journal, "journal/1" },
    { "an emptied journal file", empty_journal, "journal/0" },
    { "a cut journal file", cut_journal, "cut" },
    { "the journal of another store", other_journal, "another store" },
    { "one journal file in the other's place", swapped_journal, "journal/1" },
    { "a store that others may write to", writable_by_others, "chmod" },
};

/* The bytes of every file, so that any change is seen. lock.mdb is LMDB's scratch. */
static uint64_t fingerprint(const char *path)
{
    static const char *const files[] = { "STORE", "lmdb/data.mdb", "journal/0", "journal/1" };
    static uint64_t block[1 << 17];
    uint64_t sum = 14695981039346656037u;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char file[SCRATCH_PATH_BYTES];
        ssize_t got;
        int fd;

        at(path, files[i], file);
        fd = open(file, O_RDONLY | O_CLOEXEC);
        sum = (sum ^ (uint64_t)(fd >= 0)) * 1099511628211u;
        while (fd >= 0 && (got = read(fd, block, sizeof block)) > 0) {
            memset((uint8_t *)block + got, 0, sizeof block - (size_t)got);
            for (size_t k = 0; k * sizeof block[0] < (size_t)got; k++) {
                sum = (sum ^ block[k]) * 1099511628211u;
            }
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return sum;
}

static void assert_refused(const store_settings *settings, trial_code code, const char *says)
{
    store *s = NULL;
    bool is_new;
    trial_error err = TRIAL_ERROR_NONE;

    assert_int_equal(store_open(settings, &s, &is_new, &err), code);
    assert_null(s);
    if (strstr(err.text, says) == NULL) {
        fail_msg("'%s' does not say '%s'", err.text, says);
    }
}

static void test_it_is_refused_and_nothing_is_changed(void **state)
{
    const struct refusal *it = *state;
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);
    uint64_t before;

    scratch_make(path);
    scratch_copy(model, path);
    it->damage(path);
    before = fingerprint(path);
    assert_refused(&settings, TRIAL_INVALID, it->says);
    assert_true(fingerprint(path) == before);
    scratch_remove(path);
}

static void test_the_model_itself_opens(void **state)
{
    fixture f = { 0 };

    (void)state;
    scratch_make(f.path);
    scratch_copy(model, f.path);
    f.settings = scratch_settings(f.path);
    open_it(&f);
    assert_int_equal(store_committed(f.s), COMMITTED);
    assert_int_equal(store_flushed(f.s), FLUSHED);
    assert_int_equal(recover(&f), FLUSHED - COMMITTED);
    store_close(f.s);
    scratch_remove(f.path);
}

static void test_a_second_daemon_is_told_that_the_store_is_in_use(void **state)
{
    fixture f = { 0 };

    (void)state;
    scratch_make(f.path);
    f.settings = scratch_settings(f.path);
    open_it(&f);
    assert_refused(&f.settings, TRIAL_BUSY, "in use");
    append(&f, 100);
    commit(&f);
    assert_refused(&f.settings, TRIAL_BUSY, f.path);
    store_close(f.s);
    open_it(&f);
    assert_int_equal(store_head(f.s), 1);
    store_close(f.s);
    scratch_remove(f.path);
}

static void test_only_an_empty_directory_becomes_a_store(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    char file[SCRATCH_PATH_BYTES];
    store_settings settings = scratch_settings(path);
    int fd;

    (void)state;
    scratch_make(path);
    at(path, "notes.txt", file);
    fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    (void)close(fd);
    assert_refused(&settings, TRIAL_INVALID, "notes.txt");
    settings.path = file;
    assert_refused(&settings, TRIAL_INVALID, "notes.txt"); /* a file is no directory */
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(path), 0); /* nothing else was left there */
}

static void test_a_missing_parent_is_named(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    char deep[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(deep);
    store *s;
    bool is_new = false;

    (void)state;
    scratch_make(path);
    at(path, "absent/store", deep);
    assert_refused(&settings, TRIAL_INVALID, deep);
    at(path, "store", deep);
    assert_int_equal(store_open(&settings, &s, &is_new, NULL), TRIAL_OK);
    assert_true(is_new);
    store_close(s);
    scratch_remove(path);
}

static void test_settings_out_of_range_are_refused(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    store_settings settings = scratch_settings(path);

    (void)state;
    scratch_make(path);
    settings.journal_bytes = TRIAL_TURN_BYTES_MAX - 1;
    assert_refused(&settings, TRIAL_INVALID, "journal-bytes");
    settings = scratch_settings(path);
    settings.commit_events = 0;
    assert_refused(&settings, TRIAL_INVALID, "commit-events");
    assert_int_equal(rmdir(path), 0);
}

/* Leave the first `count` things that making a store makes, as a crash on the way would. */
static void leave_unfinished(const char *path, int count)
{
    static const char *const made[] = { "new.tmp",
                                        "new.tmp/journal",
                                        "new.tmp/journal/0",
                                        "new.tmp/lmdb",
                                        "new.tmp/lmdb/data.mdb",
                                        "new.tmp/STORE",
                                        "journal",
                                        "lmdb" };

    for (int i = 0; i < count; i++) {
        char name[SCRATCH_PATH_BYTES];
        int fd;

        at(path, made[i], name);
        if (strchr("0bE", name[strlen(name) - 1]) == NULL || i == 3 || i == 7) {
            assert_int_equal(mkdir(name, 0700), 0);
        } else {
            fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
            assert_int_equal(write(fd, "unfinished", 10), 10);
            (void)close(fd);
        }
    }
}

static void test_what_a_crash_left_of_an_unfinished_store_counts_as_empty(void **state)
{
    (void)state;
    for (int count = 0; count <= 8; count++) {
        fixture f = { 0 };
        bool is_new = false;

        scratch_make(f.path);
        leave_unfinished(f.path, count);
        f.settings = scratch_settings(f.path);
        assert_int_equal(store_open(&f.settings, &f.s, &is_new, NULL), TRIAL_OK);
        assert_true(is_new);
        append(&f, 100);
        commit(&f);
        store_close(f.s);
        assert_int_equal(store_open(&f.settings, &f.s, &is_new, NULL), TRIAL_OK);
        assert_false(is_new);
        assert_int_equal(store_head(f.s), 1);
        store_close(f.s);
        scratch_remove(f.path);
    }
}

/* Where the first and the last turn of the model's journal begin, and in which file. */
static void test_damage_in_front_of_whole_turns_is_not_taken_for_a_torn_one(void **state)
{
    static const off_t offsets[] = { 4096, 4096 + 50, 4096 + 64 + 2, 4096 + 200, 3 * 4096 + 70 };

    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        char path[SCRATCH_PATH_BYTES] = "";
        store_settings settings = scratch_settings(path);

        scratch_make(path);
        scratch_copy(model, path);
        flip(path, "journal/0", offsets[i], 4);
        flip(path, "journal/1", offsets[i], 4);
        assert_refused(&settings, TRIAL_INVALID, "damage");
        scratch_remove(path);
    }
}

typedef struct tally {
    int right;
    bool is_wrong;
} tally;

static bool check_row(void *context, trial_bytes key, trial_bytes value)
{
    tally *t = context;
    char k[32];
    char v[32];

    row_of((uint64_t)++t->right, k, v);
    t->is_wrong = t->is_wrong || key.size != strlen(k) || memcmp(key.data, k, key.size) != 0 ||
                  value.size != strlen(v) || memcmp(value.data, v, value.size) != 0;
    return true;
}

/* Read everything; exit status 0: all is right, 1: an error was reported, 2: a wrong answer. */
static int read_all(const char *path)
{
    store_settings settings = scratch_settings(path);
    tally t = { 0 };
    store *s;
    store_read *r;
    uint64_t committed;
    bool is_new;

    if (store_open(&settings, &s, &is_new, NULL) != TRIAL_OK) {
        return 1;
    }
    if (store_read_begin(s, &r, &committed, NULL) != TRIAL_OK) {
        return 1;
    }
    if (store_flushed(s) != FLUSHED) {
        return 2;
    }
    for (uint64_t position = 1; position <= committed; position++) {
        char key[32];
        char value[32];
        trial_bytes got;
        trial_bytes wanted = record_of(position, 300);

        if (store_read_record(r, position, &got, NULL) != TRIAL_OK) {
            return 1;
        }
        if (got.size != wanted.size || memcmp(got.data, wanted.data, got.size) != 0) {
            return 2;
        }
        row_of(position, key, value);
        if (store_read_get(r, STORE_STATE, bytes_of(key), &got, NULL) != TRIAL_OK) {
            return 1;
        }
        if (got.size != strlen(value) || memcmp(got.data, value, got.size) != 0) {
            return 2;
        }
    }
    if (store_read_each(
            r, STORE_STATE, bytes_of("row/"), (trial_bytes){ 0 }, check_row, &t, NULL) !=
        TRIAL_OK) {
        return 1;
    }
    return t.is_wrong || t.right != (int)committed ? 2 : 0;
}

static void test_a_flipped_bit_never_becomes_an_answer(void **state)
{
    char path[SCRATCH_PATH_BYTES] = "";
    off_t size = size_of(model, "lmdb/data.mdb");
    uint64_t chance = 88172645463325252u;
    int seen[3] = { 0 };

    (void)state;
    scratch_make(path);
    scratch_copy(model, path);
    for (int i = 0; i < FLIPS; i++) {
        off_t offset;
        uint8_t bit;
        int status;
        pid_t child;

        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        offset = (off_t)(chance % (uint64_t)size);
        bit = (uint8_t)(1u << (chance >> 60 & 7));
        flip(path, "lmdb/data.mdb", offset, bit);
        (void)fflush(NULL);
        child = fork();
        if (child == 0) {
            (void)signal(SIGBUS, SIG_DFL); /* cmocka would go on with its tests */
            (void)signal(SIGSEGV, SIG_DFL);
            (void)signal(SIGABRT, SIG_DFL);
            (void)alarm(CHILD_SECONDS_MAX); /* pages that lead in a circle */
            _exit(read_all(path));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) < 3) {
            seen[WEXITSTATUS(status)]++;
            if (WEXITSTATUS(status) == 2) {
                fail_msg("bit %u of byte %lld gave a wrong answer", bit, (long long)offset);
            }
        }
        flip(path, "lmdb/data.mdb", offset, bit);
    }
    assert_true(seen[0] > 0 && seen[1] > 0);
    assert_int_equal(read_all(path), 0);
    scratch_remove(path);
}

#define REFUSALS (sizeof refusals / sizeof refusals[0])

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(test_the_model_itself_opens),
        cmocka_unit_test(test_a_second_daemon_is_told_that_the_store_is_in_use),
        cmocka_unit_test(test_only_an_empty_directory_becomes_a_store),
        cmocka_unit_test(test_a_missing_parent_is_named),
        cmocka_unit_test(test_settings_out_of_range_are_refused),
        cmocka_unit_test(test_what_a_crash_left_of_an_unfinished_store_counts_as_empty),
        cmocka_unit_test(test_damage_in_front_of_whole_turns_is_not_taken_for_a_torn_one),
        cmocka_unit_test(test_a_flipped_bit_never_becomes_an_answer),
    };
    struct CMUnitTest tests[REFUSALS + sizeof others / sizeof others[0]];

    for (size_t i = 0; i < REFUSALS; i++) {
        tests[i] = (struct CMUnitTest){ .name = refusals[i].name,
                                        .test_func = test_it_is_refused_and_nothing_is_changed,
                                        .initial_state = (void *)(uintptr_t)&refusals[i] };
    }
    memcpy(&tests[REFUSALS], others, sizeof others);
    return cmocka_run_group_tests_name("store_refusal", tests, make_models, remove_models);
}
