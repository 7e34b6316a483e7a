/* journal.c - making, opening and writing the journal's files; see journal.h. What they hold is
 * read back in journal_read.c. */
#include "journal_format.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)1024 * 1024) /* of one write while a file is made or secured */
#define WRITE_TRIES_MAX 8u /* of a block, until a disk that takes half of one is bad */

static uint64_t random_word(void)
{
    uint64_t word = 0;
    ssize_t got = getrandom(&word, sizeof word, 0);

    TRIAL_ASSERT(got == (ssize_t)sizeof word); /* so few bytes are never cut short */
    return word;
}

static void file_path(char path[STORE_PATH_BYTES_MAX], const char *directory, int index)
{
    bool fits = place_join(path, directory, index == 0 ? "0" : "1");

    TRIAL_ASSERT(fits); /* place.c checked the longest path of a store */
}

/* Past the page cache nothing is copied and nothing waits for the cache to be written: a flush of 4
 * KiB takes 94 µs for 101, one of 256 KiB 136 for 149. A file system without it says so, at once or
 * at the first write. */
static bool set_direct(int fd, bool is_direct)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, is_direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

trial_code journal_write_at(
    int fd, const uint8_t *bytes, size_t size, uint64_t offset, const char *path, trial_error *err)
{
    uint32_t tries = 0; /* that moved nothing */

    while (size > 0) {
        ssize_t wrote = pwrite(fd, bytes, size, (off_t)offset);
        size_t done;

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0 && errno == EINVAL && tries++ < WRITE_TRIES_MAX && set_direct(fd, false)) {
            continue;
        }
        if (wrote <= 0) {
            return trial_fail_errno(
                err, wrote < 0 ? errno : ENOSPC, "writing the journal in '%s'", path);
        }
        /* What is left is written from a block's boundary again: direct writes know no other. */
        done = (size_t)wrote == size ? size
                                     : (size_t)wrote / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
        if (done == 0 && ++tries > WRITE_TRIES_MAX) {
            return trial_fail_errno(err, EIO, "writing the journal in '%s'", path);
        }
        bytes += done;
        size -= done;
        offset += done;
    }
    return TRIAL_OK;
}

static trial_code
fill(int fd, const journal_file_header *header, const char *path, trial_error *err)
{
    uint8_t *block = calloc(1, COPY_BYTES);
    trial_code code = TRIAL_OK;

    if (block == NULL) {
        return trial_fail_errno(err, ENOMEM, "making '%s'", path);
    }
    memcpy(block, header, sizeof *header);
    for (uint64_t at = 0; at < header->size && code == TRIAL_OK; at += COPY_BYTES) {
        uint64_t left = header->size - at;

        code = journal_write_at(
            fd, block, left < COPY_BYTES ? (size_t)left : COPY_BYTES, at, path, err);
        memset(block, 0, sizeof *header);
    }
    free(block);
    if (code == TRIAL_OK && fsync(fd) != 0) {
        code = trial_fail_errno(err, errno, "syncing '%s'", path);
    }
    return code;
}

static trial_code
create_file(const char *directory, const journal_file_header *header, trial_error *err)
{
    char path[STORE_PATH_BYTES_MAX];
    trial_code code;
    int fd;

    file_path(path, directory, (int)header->index);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return trial_fail_errno(err, errno, "making '%s'", path);
    }
    code = fill(fd, header, path, err);
    (void)close(fd); /* it was synced */
    return code;
}

trial_code journal_create(const char *directory,
                          const char name[JOURNAL_NAME_BYTES],
                          uint64_t bytes,
                          trial_error *err)
{
    journal_file_header header = { .magic = JOURNAL_FILE_MAGIC,
                                   .format = JOURNAL_FORMAT,
                                   .size = bytes / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES,
                                   .secret = random_word() };
    trial_code code = TRIAL_OK;

    memcpy(header.name, name, JOURNAL_NAME_BYTES);
    for (uint32_t i = 0; i < JOURNAL_FILES && code == TRIAL_OK; i++) {
        header.index = i;
        header.sum = journal_file_sum(&header);
        code = create_file(directory, &header, err);
    }
    return code;
}

static trial_code check_file_header(const journal *j,
                                    const journal_file_header *header,
                                    int index,
                                    uint64_t size,
                                    const char name[JOURNAL_NAME_BYTES],
                                    trial_error *err)
{
    if (header->magic != JOURNAL_FILE_MAGIC || header->sum != journal_file_sum(header) ||
        header->index != (uint32_t)index) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/%d' is not a journal of triald's, or its first block is damaged; "
                          "restore the store from a backup",
                          j->directory,
                          index);
    }
    if (header->format != JOURNAL_FORMAT || memcmp(header->name, name, JOURNAL_NAME_BYTES) != 0) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/%d' belongs to another store (log %.36s, format %u), not to log "
                          "%s; put the right file back",
                          j->directory,
                          index,
                          header->name,
                          header->format,
                          name);
    }
    if (header->size != size || (index > 0 && header->secret != j->secret)) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/%d' has %llu bytes and was made with %llu: it was cut or mixed up; "
                          "restore the store from a backup",
                          j->directory,
                          index,
                          (unsigned long long)size,
                          (unsigned long long)header->size);
    }
    return TRIAL_OK;
}

static trial_code
open_file(journal *j, int index, const char name[JOURNAL_NAME_BYTES], trial_error *err)
{
    journal_file *file = &j->files[index];
    journal_file_header header = { 0 };
    char path[STORE_PATH_BYTES_MAX];
    struct stat facts;
    trial_code code;

    file_path(path, j->directory, index);
    file->fd = open(path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &facts) != 0) {
        return errno == ENOENT
                   ? trial_fail(err,
                                TRIAL_INVALID,
                                "the journal's file '%s' is missing, and what it held may be lost "
                                "with it; restore the store from a backup",
                                path)
                   : store_refuse(err, errno, "opening the journal's file", path);
    }
    file->size = (uint64_t)facts.st_size;
    file->used = JOURNAL_BLOCK_BYTES;
    if (file->size >= JOURNAL_BLOCK_BYTES) {
        code = journal_read_at(file->fd, (uint8_t *)&header, sizeof header, 0, path, err);
        if (code != TRIAL_OK) {
            return code;
        }
    }
    code = check_file_header(j, &header, index, file->size, name, err);
    if (code == TRIAL_OK) {
        j->secret = header.secret;
    }
    return code;
}

trial_code journal_open(journal *j,
                        const char *directory,
                        const char name[JOURNAL_NAME_BYTES],
                        uint64_t committed,
                        trial_error *err)
{
    trial_code code = TRIAL_OK;

    *j = (journal){ .files = { { .fd = -1 }, { .fd = -1 } }, .reading = -1, .replayed = committed };
    (void)snprintf(j->directory, sizeof j->directory, "%s", directory);
    for (int i = 0; i < JOURNAL_FILES && code == TRIAL_OK; i++) {
        code = open_file(j, i, name, err);
    }
    for (int i = 0; i < JOURNAL_FILES && code == TRIAL_OK; i++) {
        code = journal_walk(j, i, err);
    }
    if (code == TRIAL_OK) {
        code = journal_check_joined(j, committed, err);
    }
    for (int i = 0; i < JOURNAL_FILES && code == TRIAL_OK; i++) {
        code = journal_check_reached(j, i, committed, err);
    }
    j->current = j->files[1].last > j->files[0].last ? 1 : 0;
    return code;
}

void journal_close(journal *j)
{
    for (int i = 0; i < JOURNAL_FILES; i++) {
        if (j->files[i].fd >= 0) {
            (void)close(j->files[i].fd); /* what counts was synced */
            j->files[i].fd = -1;
        }
    }
    free(j->turn);
    free(j->buffer);
    j->turn = NULL;
    j->buffer = NULL;
    j->buffer_room = 0;
}

uint64_t journal_last(const journal *j)
{
    return j->files[j->current].last;
}

/* Write the last turn again. Those before it were synced before it was written. */
static trial_code write_last_again(const journal_file *file, const char *path, trial_error *err)
{
    uint8_t *block = malloc(COPY_BYTES);
    trial_code code = TRIAL_OK;

    if (block == NULL) {
        return trial_fail_errno(err, ENOMEM, "reading '%s'", path);
    }
    for (uint64_t at = file->last_at; at < file->used && code == TRIAL_OK; at += COPY_BYTES) {
        uint64_t left = file->used - at;
        size_t size = left < COPY_BYTES ? (size_t)left : COPY_BYTES;

        code = journal_read_at(file->fd, block, size, at, path, err);
        if (code == TRIAL_OK) {
            code = journal_write_at(file->fd, block, size, at, path, err);
        }
    }
    free(block);
    return code;
}

trial_code journal_secure(journal *j, uint64_t committed, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (journal_last(j) > committed) {
        code = write_last_again(&j->files[j->current], j->directory, err);
    }
    for (int i = 0; i < JOURNAL_FILES && code == TRIAL_OK; i++) {
        if (j->files[i].last > committed && fdatasync(j->files[i].fd) != 0) {
            code = trial_fail_errno(err, errno, "syncing the journal in '%s'", j->directory);
        }
    }
    return code;
}

static bool is_free(const journal_file *file, uint64_t committed)
{
    return file->last <= committed;
}

/* The file that takes a turn of so many bytes: the current one from where it stands or, if LMDB
 * holds all of it, from its start; else the other one if it is free. -1: none. */
static int file_for(const journal *j, uint64_t size, uint64_t committed)
{
    const journal_file *current = &j->files[j->current];
    const journal_file *other = &j->files[1 - j->current];
    uint64_t at = is_free(current, committed) ? JOURNAL_BLOCK_BYTES : current->used;

    if (size <= current->size - at) {
        return j->current;
    }
    if (is_free(other, committed) && size <= other->size - JOURNAL_BLOCK_BYTES) {
        return 1 - j->current;
    }
    return -1;
}

bool journal_has_room(const journal *j, uint64_t size, uint64_t committed)
{
    return file_for(j, journal_blocks(size), committed) >= 0;
}

uint64_t journal_turn_bytes_max(const journal *j)
{
    uint64_t a = j->files[0].size;
    uint64_t b = j->files[1].size;

    return (a < b ? a : b) - JOURNAL_BLOCK_BYTES;
}

static trial_code make_buffer(journal *j, size_t size, trial_error *err)
{
    size_t room = j->buffer_room == 0 ? COPY_BYTES : j->buffer_room;

    while (room < size) {
        room *= 2;
    }
    if (room > j->buffer_room) {
        free(j->buffer); /* nothing of the last turn is wanted any more */
        j->buffer = aligned_alloc(JOURNAL_BLOCK_BYTES, room);
        j->buffer_room = j->buffer == NULL ? 0 : room;
    }
    return j->buffer != NULL ? TRIAL_OK
                             : trial_fail_errno(err, ENOMEM, "gathering a turn of %zu bytes", size);
}

/* The records behind room for their header, padded to whole blocks. */
static void gather_turn(journal *j, trial_bytes records, size_t padded)
{
    size_t size = JOURNAL_HEADER_BYTES + records.size;

    memcpy(j->buffer + JOURNAL_HEADER_BYTES, records.data, records.size);
    memset(j->buffer + size, 0, padded - size);
}

static void write_directly(journal *j)
{
    for (int i = 0; i < JOURNAL_FILES && !j->is_direct; i++) {
        (void)set_direct(j->files[i].fd, true); /* else through the cache */
    }
    j->is_direct = true;
}

trial_code journal_write(journal *j,
                         trial_bytes records,
                         uint64_t first,
                         uint32_t count,
                         uint64_t committed,
                         trial_error *err)
{
    size_t size = JOURNAL_HEADER_BYTES + records.size;
    size_t padded = (size_t)journal_blocks(size);
    int index = file_for(j, padded, committed);
    journal_file *file;
    trial_code code;

    if (index < 0) {
        return trial_fail(err,
                          TRIAL_NO_SPACE,
                          "the journal in '%s' has no room for a turn of %zu bytes",
                          j->directory,
                          size);
    }
    code = make_buffer(j, padded, err);
    if (code != TRIAL_OK) {
        return code;
    }
    write_directly(j);
    file = &j->files[index];
    if (is_free(file, committed)) {
        file->used = JOURNAL_BLOCK_BYTES;
        file->generation = random_word();
        file->first = first;
    }
    gather_turn(j, records, padded);
    journal_seal(j, j->buffer, size, file->generation, first, count);
    code = journal_write_at(file->fd, j->buffer, padded, file->used, j->directory, err);
    if (code == TRIAL_OK && fdatasync(file->fd) != 0) {
        code = trial_fail_errno(err, errno, "syncing the journal in '%s'", j->directory);
    }
    if (code == TRIAL_OK) {
        file->used += padded;
        file->last = first + count - 1;
        j->current = index;
    }
    return code;
}

void journal_turn_over(journal *j, uint64_t committed)
{
    if (!is_free(&j->files[j->current], committed) &&
        is_free(&j->files[1 - j->current], committed)) {
        j->current = 1 - j->current;
    }
}

uint64_t journal_used(const journal *j, uint64_t committed)
{
    uint64_t used = 0;

    for (int i = 0; i < JOURNAL_FILES; i++) {
        if (!is_free(&j->files[i], committed)) {
            used += j->files[i].used - JOURNAL_BLOCK_BYTES;
        }
    }
    return used;
}
