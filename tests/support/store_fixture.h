/* store_fixture.h - an open store for each test, and short words for what tests do with it. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "scratch.h"

typedef struct fixture {
    char path[SCRATCH_PATH_BYTES];
    store_settings settings;
    store *s;
    trial_error err;
} fixture;

static inline void open_it(fixture *f)
{
    bool is_new;

    f->err = TRIAL_ERROR_NONE;
    assert_int_equal(store_open(&f->settings, &f->s, &is_new, &f->err), TRIAL_OK);
}

static inline int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    scratch_make(f->path);
    f->settings = scratch_settings(f->path);
    open_it(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    fixture *f = *state;

    store_close(f->s);
    scratch_remove(f->path);
    free(f);
    return 0;
}

static inline void put(fixture *f, const char *key, const char *value)
{
    store_put(f->s, STORE_STATE, bytes_of(key), bytes_of(value));
}

static inline void assert_row(fixture *f, const char *key, const char *value)
{
    trial_bytes got;

    assert_int_equal(store_get(f->s, STORE_STATE, bytes_of(key), &got, &f->err), TRIAL_OK);
    if (value == NULL) {
        assert_null(got.data);
    } else {
        assert_bytes(got, bytes_of(value));
    }
}

static inline void assert_record(fixture *f, uint64_t position, size_t size)
{
    trial_bytes got;

    assert_int_equal(store_get_record(f->s, position, &got, &f->err), TRIAL_OK);
    assert_bytes(got, record_of(position, size));
}

static inline void append(fixture *f, size_t size)
{
    store_append(f->s, record_of(store_head(f->s) + 1, size));
}

static inline void flush(fixture *f)
{
    assert_int_equal(store_flush(f->s, &f->err), TRIAL_OK);
}

static inline void commit(fixture *f)
{
    assert_int_equal(store_commit_all(f->s, &f->err), TRIAL_OK);
}

/* Begin a commit and leave it unnoticed: what is handed over lies in the frozen overlay. */
static inline void freeze(fixture *f)
{
    flush(f);
    store_commit_begin(f->s);
}

/* As the engine does: derive a row from each record and append it again. */
static inline uint64_t recover(fixture *f)
{
    uint64_t count = 0;

    for (;;) {
        trial_bytes record;
        char key[32];

        assert_int_equal(store_recover(f->s, &record, &f->err), TRIAL_OK);
        if (record.size == 0) {
            return count;
        }
        assert_bytes(record, record_of(store_head(f->s) + 1, record.size));
        (void)snprintf(key, sizeof key, "row %llu", (unsigned long long)store_head(f->s) + 1);
        store_put(f->s, STORE_STATE, bytes_of(key), bytes_of("recovered"));
        store_append(f->s, record);
        count++;
    }
}

static inline void reopen(fixture *f)
{
    store_close(f->s);
    open_it(f);
}

/* Go on with a copy of the store's files, as after a crash at this moment. */
static inline void crash(fixture *f)
{
    char copy[SCRATCH_PATH_BYTES];

    scratch_make(copy);
    scratch_copy(f->path, copy);
    store_close(f->s);
    scratch_remove(f->path);
    memcpy(f->path, copy, sizeof copy);
    open_it(f);
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* A walk over the log: what is to come, which way, and how many before it is ended. */
typedef struct log_walk {
    uint64_t expected;
    int step;
    int left;
} log_walk;

/* Each record is the next one, as record_of() makes those of 16 bytes and its position. */
static inline bool follow(void *context, trial_bytes key, trial_bytes value)
{
    log_walk *walk = context;
    uint64_t position = 0;

    for (size_t i = 0; i < key.size; i++) {
        position = position << 8 | key.data[i];
    }
    assert_int_equal(key.size, 8);
    assert_int_equal(position, walk->expected);
    assert_bytes(value, record_of(position, 16 + (size_t)position));
    walk->expected = walk->step > 0 ? position + 1 : position - 1;
    return --walk->left > 0;
}

#endif
