/* test_check_backup.c - a backup as it was written passes; a record that was changed, swapped or
 * put in another's place, with its sum made right, is named by its position, and so is a wrong
 * root. */
#include "desk.h"

#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)
#define EVENTS 300u
#define RECORD_BYTES_MAX 65536u

/* What is wrong with a backup: something in the place of a record, `at` a byte of it, or the root.
 */
struct fault {
    trial_bytes (*replace)(desk *d, uint64_t position, trial_bytes record, size_t at);
    size_t at;
    bool is_root_wrong; /* that of other events */
};

static trial_bytes record_at(desk *d, uint64_t position)
{
    trial_bytes record = { 0 };

    assert_int_equal(store_get_record(d->store, position, &record, NULL), TRIAL_OK);
    return record;
}

/* The backup at `path` of what the desk's log holds. */
static void write_backup(desk *d, const char *path, struct fault fault)
{
    trial_error err = TRIAL_ERROR_NONE;
    backup b = { 0 };
    backup_writer w;

    assert_int_equal(backup_begin(path, trial_text_of(store_name(d->store)), &b, &err), TRIAL_OK);
    backup_write_begin(&b, &w);
    for (uint64_t position = 1; position <= EVENTS; position++) {
        trial_bytes record = record_at(d, position);
        proto_record read;

        assert_int_equal(proto_record_read(record, &read, NULL), TRIAL_OK);
        proto_tree_add(&b.tree, fault.is_root_wrong && position == 1 ? read.salt : read.leaf);
        if (fault.replace != NULL) {
            record = fault.replace(d, position, record, fault.at);
        }
        assert_int_equal(backup_write(&w, record, &err), TRIAL_OK);
    }
    assert_int_equal(backup_write_end(&w, &err), TRIAL_OK);
    backup_write_done(&w);
    backup_done(&b);
}

static check_found look(const char *path, uint64_t earlier_size)
{
    answers_progress progress = { 0 };
    check_found found = { .earlier_size = earlier_size };
    backup b = { 0 };

    assert_int_equal(backup_open(path, &b, NULL), TRIAL_OK);
    check_backup(&b, &progress, &found);
    assert_int_equal(progress.total, EVENTS);
    backup_done(&b);
    return found;
}

static void assert_bad(desk *d, struct fault fault, uint64_t position, const char *words)
{
    char path[SCRATCH_PATH_BYTES] = "";
    check_found found;

    scratch_make(path);
    write_backup(d, path, fault);
    found = look(path, 0);
    assert_int_equal(found.bad, position);
    if (strstr(found.reason, words) == NULL) {
        fail_msg("'%s' does not say '%s'", found.reason, words);
    }
    scratch_remove(path);
}

static void test_a_backup_as_it_was_written_is_good(void **state)
{
    desk *d = *state;
    char path[SCRATCH_PATH_BYTES] = "";
    uint8_t mine[TRIAL_HASH_BYTES];
    uint8_t theirs[TRIAL_HASH_BYTES];
    check_found found;

    desk_import(d, 0, 100, 50);
    engine_root(d->engine, theirs);
    desk_import(d, 100, EVENTS - 100, 50);
    scratch_make(path);
    write_backup(d, path, (struct fault){ 0 });
    found = look(path, 100);
    assert_string_equal(found.reason, "");
    assert_int_equal(found.bad, 0);
    assert_memory_equal(found.earlier_root, theirs, sizeof theirs);
    engine_root(d->engine, theirs);
    proto_tree_root(&found.tree, mine);
    assert_memory_equal(mine, theirs, sizeof theirs);
    scratch_remove(path);
}

static trial_bytes swap_two(desk *d, uint64_t position, trial_bytes record, size_t at)
{
    (void)at;
    if (position == 120 || position == 130) {
        return record_at(d, 250 - position);
    }
    return record;
}

static trial_bytes flip_one(desk *d, uint64_t position, trial_bytes record, size_t at)
{
    static uint8_t bytes[RECORD_BYTES_MAX];

    (void)d;
    if (position != 150) {
        return record;
    }
    assert_true(record.size <= sizeof bytes);
    memcpy(bytes, record.data, record.size);
    bytes[at] ^= 8;
    return (trial_bytes){ bytes, record.size };
}

static void test_records_in_each_others_place_are_named(void **state)
{
    desk *d = *state;

    desk_import(d, 0, EVENTS, EVENTS);
    assert_bad(d, (struct fault){ .replace = swap_two }, 120, "that of position 130");
}

static void test_every_part_of_a_record_is_looked_at(void **state)
{
    desk *d = *state;
    size_t size;

    desk_import(d, 0, EVENTS, EVENTS);
    size = record_at(d, 150).size;
    for (size_t at = 0; at < size; at += 13) {
        assert_bad(d, (struct fault){ .replace = flip_one, .at = at }, 150, "");
    }
}

static void test_a_root_that_is_not_that_of_the_events_is_found(void **state)
{
    desk *d = *state;

    desk_import(d, 0, EVENTS, EVENTS);
    assert_bad(d, (struct fault){ .is_root_wrong = true }, EVENTS, "the root");
}

static void test_a_flipped_bit_of_its_file_is_named(void **state)
{
    desk *d = *state;
    char path[SCRATCH_PATH_BYTES] = "";
    char segment[BACKUP_PATH_BYTES];
    uint8_t byte;
    backup b = { 0 };
    check_found found;
    int fd;

    desk_import(d, 0, EVENTS, EVENTS);
    scratch_make(path);
    write_backup(d, path, (struct fault){ 0 });
    assert_int_equal(backup_open(path, &b, NULL), TRIAL_OK);
    assert_true(backup_segment_path(&b, 1, segment));
    backup_done(&b);
    fd = open(segment, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, sizeof(backup_header) + 40), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, sizeof(backup_header) + 40), 1);
    (void)close(fd); /* what was written is read through the same cache */
    found = look(path, 0);
    assert_int_equal(found.bad, 1);
    assert_string_not_equal(found.reason, "");
    scratch_remove(path);
}

static void test_told_to_stop_it_comes_back(void **state)
{
    desk *d = *state;
    char path[SCRATCH_PATH_BYTES] = "";
    answers_progress progress = { .is_stopped = true };
    check_found found = { 0 };
    backup b = { 0 };

    desk_import(d, 0, EVENTS, EVENTS);
    scratch_make(path);
    write_backup(d, path, (struct fault){ 0 });
    assert_int_equal(backup_open(path, &b, NULL), TRIAL_OK);
    check_backup(&b, &progress, &found);
    assert_int_equal(progress.done, 0);
    assert_int_equal(found.bad, 0);
    backup_done(&b);
    scratch_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_backup_as_it_was_written_is_good),
        TEST(test_records_in_each_others_place_are_named),
        TEST(test_every_part_of_a_record_is_looked_at),
        TEST(test_a_root_that_is_not_that_of_the_events_is_found),
        TEST(test_a_flipped_bit_of_its_file_is_named),
        TEST(test_told_to_stop_it_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
