/* test_store_kill.c - a writer is killed at random moments, over and over in one store: what it was
 * told is durable is there afterwards, once, whole, in order and with its rows. */
#include "scratch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 150
#define LIFE_US_MAX 25000   /* opening takes some thousand */
#define MAKING_US_MAX 60000 /* making a store takes longer */
#define ROUNDS_MAKING 20
#define OPEN_MS_MAX 20000
#define TURN_RECORDS_MAX 9
#define SUBJECTS 13

static size_t size_at(uint64_t position)
{
    return 16 + (size_t)(position * 7919 % 5000);
}

/* Rows as an engine would derive them: one of its own for each record, and a head row for each
 * subject that says how many it had and which was the last. */
static void put_rows(store *s, uint64_t position)
{
    char key[32];
    char value[64];
    unsigned count = 0;
    trial_bytes got;

    (void)snprintf(key, sizeof key, "id %llu", (unsigned long long)position);
    (void)snprintf(value, sizeof value, "%llu", (unsigned long long)position);
    store_put(s, STORE_EVENT_ID, bytes_of(key), bytes_of(value));
    (void)snprintf(key, sizeof key, "subject %llu", (unsigned long long)(position % SUBJECTS));
    if (store_get(s, STORE_SUBJECT, bytes_of(key), &got, NULL) != TRIAL_OK) {
        _exit(3);
    }
    if (got.data != NULL) {
        count = (unsigned)strtoul((const char *)got.data, NULL, 10);
    }
    (void)snprintf(value, sizeof value, "%u %llu", count + 1, (unsigned long long)position);
    store_put(s, STORE_SUBJECT, (trial_bytes){ bytes_of(key).data, strlen(key) }, bytes_of(value));
}

static void recover(store *s)
{
    for (;;) {
        trial_bytes record;
        uint64_t position = store_head(s) + 1;

        if (store_recover(s, &record, NULL) != TRIAL_OK) {
            _exit(4);
        }
        if (record.size == 0) {
            return;
        }
        put_rows(s, position);
        store_append(s, record);
    }
}

/* The child: open, recover, and append until killed, telling what was flushed. */
static void write_until_killed(const char *path, int tell)
{
    store_settings settings = scratch_settings(path);
    store *s;
    bool is_new;

    settings.commit_events = 50;
    if (store_open(&settings, &s, &is_new, NULL) != TRIAL_OK) {
        _exit(5);
    }
    recover(s);
    for (uint64_t turn = store_head(s);; turn++) {
        uint64_t flushed;

        if (store_has_room(s, TURN_RECORDS_MAX * 6000, NULL) != TRIAL_OK) {
            _exit(6);
        }
        for (uint64_t i = 0; i <= turn % TURN_RECORDS_MAX; i++) {
            uint64_t position = store_head(s) + 1;

            if (position % 5 == 0) { /* a request that is refused leaves nothing */
                store_mark(s);
                put_rows(s, position);
                store_append(s, record_of(position, 77));
                store_rewind(s);
            }
            put_rows(s, position);
            store_append(s, record_of(position, size_at(position)));
        }
        if (store_flush(s, NULL) != TRIAL_OK) {
            _exit(7);
        }
        flushed = store_flushed(s);
        if (write(tell, &flushed, sizeof flushed) != sizeof flushed) {
            _exit(8);
        }
        if (store_commit_is_due(s)) {
            store_commit_begin(s);
        }
        if (store_commit_end(s, NULL) != TRIAL_OK) {
            _exit(9);
        }
    }
}

/* Kill a child some microseconds after its start, or after its first turn; returns the last
 * position it said was durable. */
static uint64_t run_and_kill(const char *path, uint64_t known, bool after_turn, long life_us)
{
    uint64_t flushed = known;
    uint64_t told;
    struct timespec life = { .tv_nsec = life_us * 1000 };
    int pipe_fds[2];
    int status;
    pid_t child;
    struct pollfd never = { .fd = -1 };
    struct pollfd first = { .events = POLLIN };

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        (void)close(pipe_fds[0]);
        write_until_killed(path, pipe_fds[1]);
    }
    (void)close(pipe_fds[1]);
    first.fd = pipe_fds[0];
    if (after_turn) {
        assert_int_equal(poll(&first, 1, OPEN_MS_MAX), 1);
    }
    (void)ppoll(&never, 1, &life, NULL); /* the moment is what is tested */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* it did not give up by itself */
    while (read(pipe_fds[0], &told, sizeof told) == sizeof told) {
        assert_true(told > flushed);
        flushed = told;
    }
    (void)close(pipe_fds[0]);
    return flushed;
}

static bool check_record(void *context, trial_bytes key, trial_bytes value)
{
    uint64_t *next = context;

    assert_int_equal(key.data[7], (uint8_t)*next);
    assert_bytes(value, record_of(*next, size_at(*next)));
    (*next)++;
    return true;
}

static void check_rows(store_read *r, uint64_t head)
{
    char key[32];
    char value[64];
    trial_bytes got;

    for (uint64_t position = 1; position <= head + 3; position++) {
        (void)snprintf(key, sizeof key, "id %llu", (unsigned long long)position);
        (void)snprintf(value, sizeof value, "%llu", (unsigned long long)position);
        assert_int_equal(store_read_get(r, STORE_EVENT_ID, bytes_of(key), &got, NULL), TRIAL_OK);
        if (position <= head) {
            assert_bytes(got, bytes_of(value));
        } else {
            assert_null(got.data);
        }
    }
    for (uint64_t i = 0; i < SUBJECTS; i++) {
        uint64_t count = head / SUBJECTS + (i > 0 && head % SUBJECTS >= i ? 1 : 0);
        uint64_t last = i == 0 ? count * SUBJECTS : (count - 1) * SUBJECTS + i;

        (void)snprintf(key, sizeof key, "subject %llu", (unsigned long long)i);
        (void)snprintf(
            value, sizeof value, "%llu %llu", (unsigned long long)count, (unsigned long long)last);
        assert_int_equal(store_read_get(r, STORE_SUBJECT, bytes_of(key), &got, NULL), TRIAL_OK);
        if (count == 0) {
            assert_null(got.data);
        } else {
            assert_bytes(got, bytes_of(value));
        }
    }
}

/* Open what was left, and look at all of it. Returns its head. */
static uint64_t check(const char *path, uint64_t acknowledged)
{
    store_settings settings = scratch_settings(path);
    trial_error err = TRIAL_ERROR_NONE;
    store *s;
    store_read *r;
    uint64_t head;
    uint64_t next = 1;
    bool is_new;

    if (store_open(&settings, &s, &is_new, &err) != TRIAL_OK) {
        fail_msg("%s", err.text);
    }
    recover(s);
    assert_true(store_head(s) >= acknowledged);
    assert_int_equal(store_commit_all(s, &err), TRIAL_OK);
    assert_int_equal(store_read_begin(s, &r, &head, &err), TRIAL_OK);
    assert_int_equal(head, store_head(s));
    assert_int_equal(store_read_log(r, 1, false, check_record, &next, &err), TRIAL_OK);
    assert_int_equal(next, head + 1);
    check_rows(r, head);
    store_read_end(r);
    store_close(s);
    return head;
}

static void test_what_was_acknowledged_outlives_every_kill(void **state)
{
    char path[SCRATCH_PATH_BYTES];
    uint64_t chance = 2463534242u;
    uint64_t head = 0;
    int rounds_that_wrote = 0;

    (void)state;
    scratch_make(path);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t flushed;

        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        if (round < ROUNDS_MAKING) {
            flushed = run_and_kill(path, head, false, (long)(chance % MAKING_US_MAX) + 1);
        } else {
            flushed = run_and_kill(path, head, round % 4 != 0, (long)(chance % LIFE_US_MAX) + 1);
        }
        rounds_that_wrote += flushed > head;
        if (round % 8 == 7) {
            head = check(path, flushed);
        } else {
            head = flushed > head ? flushed : head;
        }
    }
    assert_true(check(path, head) > 0);
    assert_true(rounds_that_wrote > ROUNDS / 2);
    scratch_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_acknowledged_outlives_every_kill),
    };

    return cmocka_run_group_tests_name("store_kill", tests, NULL, NULL);
}
