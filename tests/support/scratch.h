/* scratch.h - a store in a directory of the test's own, and what tests do to its files. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "store.h"
#include "trial/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SCRATCH_PATH_BYTES 512

static inline trial_bytes bytes_of(const char *text)
{
    return (trial_bytes){ (const uint8_t *)text, strlen(text) };
}

/* A directory that is there and empty; remove it with scratch_remove(). */
static inline void scratch_make(char path[SCRATCH_PATH_BYTES])
{
    const char *parent = getenv("TMPDIR");

    (void)snprintf(
        path, SCRATCH_PATH_BYTES, "%s/triald-test-XXXXXX", parent == NULL ? "/tmp" : parent);
    assert_non_null(mkdtemp(path));
}

static inline int
scratch_remove_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
    (void)s;
    (void)type;
    (void)f;
    return remove(path);
}

static inline void scratch_remove(const char *path)
{
    (void)nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_join(char ret[SCRATCH_PATH_BYTES], const char *a, const char *b)
{
    assert_in_range(snprintf(ret, SCRATCH_PATH_BYTES, "%s/%s", a, b), 1, SCRATCH_PATH_BYTES - 1);
}

/* Copy one file as it is now; both have the same size afterwards. */
static inline void scratch_copy_file(const char *from, const char *to)
{
    static uint8_t block[1 << 20];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t got;

    assert_true(in >= 0 && out >= 0);
    while ((got = read(in, block, sizeof block)) > 0) {
        assert_int_equal(write(out, block, (size_t)got), got);
    }
    (void)close(in);
    (void)close(out);
}

/* Copy a store: its marker, journal and data. What a crash at this moment would leave, when no
 * commit is running. */
static inline void scratch_copy(const char *from, const char *to)
{
    static const char *const files[] = { "STORE", "lmdb/data.mdb", "journal/0", "journal/1" };
    char a[SCRATCH_PATH_BYTES];
    char b[SCRATCH_PATH_BYTES];

    scratch_join(b, to, "lmdb");
    assert_int_equal(mkdir(b, 0700), 0);
    scratch_join(b, to, "journal");
    assert_int_equal(mkdir(b, 0700), 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        scratch_join(a, from, files[i]);
        scratch_join(b, to, files[i]);
        scratch_copy_file(a, b);
    }
}

static inline store_settings scratch_settings(const char *path)
{
    return (store_settings){ .path = path,
                             .map_bytes = (uint64_t)1 << 30,
                             .journal_bytes = TRIAL_TURN_BYTES_MAX,
                             .commit_events = 1000,
                             .reserve_bytes = 0 };
}

/* A record that says its position, so that any other one in its place is seen. */
static inline trial_bytes record_of(uint64_t position, size_t size)
{
    static uint8_t bytes[2 << 20];

    assert_in_range(size, 16, sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(position * 31 + i * 7 + (i >> 8));
    }
    (void)snprintf((char *)bytes, 16, "%015llu", (unsigned long long)position % 1000000000000000u);
    return (trial_bytes){ bytes, size };
}

static inline void assert_bytes(trial_bytes got, trial_bytes wanted)
{
    assert_non_null(got.data);
    assert_int_equal(got.size, wanted.size);
    assert_memory_equal(got.data, wanted.data, wanted.size);
}

#endif
