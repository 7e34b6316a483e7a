/* fuzz_backup.c - bytes as a backup: its BACKUP and its one segment. Refused with a sentence, or
 * each record lies inside of the segment and its sum is right.
 *
 * Two bytes say how long BACKUP is, without the line of its sum, which is made right here. */
#include "backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_MAX 64u /* records of one input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[64];

static void remove_directory(void)
{
    static const char *const names[] = { BACKUP_MANIFEST, "00000000000000000001.records" };
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path); /* it may never have been made */
    }
    (void)rmdir(directory);
}

static void make_directory(void)
{
    static const char *const parents[] = { "/dev/shm", "/tmp" }; /* in memory where possible */

    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
        (void)snprintf(directory, sizeof directory, "%s/fuzz_backup.XXXXXX", parents[i]);
        if (mkdtemp(directory) != NULL && atexit(remove_directory) == 0) {
            return;
        }
    }
    abort();
}

static void write_file(const char *name, trial_bytes bytes, const char *more)
{
    char path[128];
    FILE *file;
    size_t wrote;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "we");
    TRIAL_ASSERT(file != NULL);
    wrote = fwrite(bytes.data, 1, bytes.size, file);
    TRIAL_ASSERT(wrote == bytes.size);
    (void)fputs(more, file);
    (void)fclose(file); /* what is missing is damage like any other */
}

static void write_manifest(trial_bytes text)
{
    uint8_t hash[TRIAL_HASH_BYTES];
    char hex[PROTO_HASH_TEXT_BYTES];
    char line[PROTO_HASH_TEXT_BYTES + 8];

    proto_hash(text, hash);
    proto_hash_write(hash, hex);
    (void)snprintf(line, sizeof line, "sum %s\n", hex);
    write_file(BACKUP_MANIFEST, text, line);
}

static void read_records(backup *b)
{
    for (uint64_t position = 1; position <= b->tree.size && position <= READ_MAX; position++) {
        trial_error err = TRIAL_ERROR_NONE;
        trial_bytes bytes = { 0 };
        proto_record record;

        if (backup_record(b, position, &bytes, &err) != TRIAL_OK) {
            TRIAL_ASSERT(err.code == TRIAL_STORAGE && err.text[0] != '\0' && err.position > 0);
        } else if (proto_record_read(bytes, &record, &err) == TRIAL_OK) {
            (void)proto_record_leaf_is_right(&record); /* stays inside, whatever it finds */
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trial_error err = TRIAL_ERROR_NONE;
    size_t manifest;
    backup b;

    if (directory[0] == '\0') {
        make_directory();
    }
    if (size < 2) {
        return 0;
    }
    manifest = (size_t)data[0] + (size_t)data[1] * 256u;
    manifest = manifest > size - 2 ? size - 2 : manifest;
    write_manifest((trial_bytes){ data + 2, manifest });
    write_file("00000000000000000001.records",
               (trial_bytes){ data + 2 + manifest, size - 2 - manifest },
               "");
    if (backup_open(directory, &b, &err) != TRIAL_OK) {
        TRIAL_ASSERT(err.text[0] != '\0');
        return 0;
    }
    read_records(&b);
    backup_done(&b);
    return 0;
}
