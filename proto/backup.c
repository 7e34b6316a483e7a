/* backup.c - reading a backup: its BACKUP, its segments, its records. See backup.h. */
#include "backup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAPS_MAX 1024u /* segments mapped at a time; the kernel allows some 65,000 maps in all */
#define LINE_BYTES_MAX (64u * TRIAL_HASH_BYTES * 2u + 64u) /* the peaks of a full tree */

static_assert(sizeof(backup_header) == 72 && sizeof(backup_record_header) == 16,
              "the format has no holes");
static_assert(sizeof BACKUP_MAGIC == 16, "the magic fills its place");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they lie");

struct backup_map {
    const uint8_t *bytes; /* NULL: not mapped */
};

void backup_record_sum(trial_bytes record, uint8_t ret_sum[8])
{
    uint8_t hash[TRIAL_HASH_BYTES];

    proto_hash(record, hash);
    memcpy(ret_sum, hash, 8);
}

static void forget_maps(backup *b)
{
    for (uint32_t i = 0; b->maps != NULL && i < b->count; i++) {
        if (b->maps[i].bytes != NULL) {
            (void)munmap((void *)(uintptr_t)b->maps[i].bytes, b->segments[i].bytes);
            b->maps[i].bytes = NULL;
        }
    }
    b->mapped = 0;
}

void backup_unmap(backup *b)
{
    forget_maps(b);
    free(b->maps);
    b->maps = NULL;
}

void backup_done(backup *b)
{
    backup_unmap(b);
    free(b->segments);
    *b = (backup){ 0 };
}

static bool join(char ret_path[BACKUP_PATH_BYTES], const char *directory, const char *name)
{
    int size = snprintf(ret_path, BACKUP_PATH_BYTES, "%s/%s", directory, name);

    return size > 0 && size < BACKUP_PATH_BYTES;
}

bool backup_path(const backup *b, const char *name, char ret_path[BACKUP_PATH_BYTES])
{
    return join(ret_path, b->path, name);
}

bool backup_segment_path(const backup *b, uint64_t first, char ret_path[BACKUP_PATH_BYTES])
{
    char name[40];

    (void)snprintf(name, sizeof name, "%020llu.records", (unsigned long long)first);
    return backup_path(b, name, ret_path);
}

bool backup_is_one(const char *path)
{
    char name[BACKUP_PATH_BYTES];
    struct stat facts;

    return join(name, path, BACKUP_MANIFEST) && stat(name, &facts) == 0;
}

static trial_code damaged(const backup *b, trial_error *err, const char *what)
{
    return trial_fail(err,
                      TRIAL_INVALID,
                      "'%s/" BACKUP_MANIFEST "' %s; make a new backup in another directory",
                      b->path,
                      what);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex to bytes; false where it is not that many. */
static bool read_hex(const char *text, size_t size, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]);
        int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

        if (low < 0) {
            return false;
        }
        ret_bytes[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* The peaks in the order of their bits, and the root to hold them against. */
static bool read_tree(backup *b, const char *peaks, const char *root)
{
    uint8_t hash[TRIAL_HASH_BYTES];
    uint8_t said[TRIAL_HASH_BYTES];
    size_t at = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        if ((b->tree.size >> bit & 1) == 0) {
            continue;
        }
        if (strlen(peaks + at) < (size_t)TRIAL_HASH_BYTES * 2 ||
            !read_hex(peaks + at, TRIAL_HASH_BYTES, b->tree.peaks[bit])) {
            return false;
        }
        at += (size_t)TRIAL_HASH_BYTES * 2;
    }
    proto_tree_root(&b->tree, hash);
    return strlen(root) == (size_t)TRIAL_HASH_BYTES * 2 && read_hex(root, sizeof said, said) &&
           memcmp(hash, said, sizeof said) == 0;
}

/* The lines of the segments: they join without a gap, from 1 to the head. */
static bool read_segments(backup *b, FILE *file)
{
    uint64_t next = 1;

    b->segments = trial_memory(((size_t)b->count + 1) * sizeof *b->segments);
    b->room = b->count + 1;
    for (uint32_t i = 0; i < b->count; i++) {
        unsigned long long first = 0;
        unsigned long long last = 0;
        unsigned long long bytes = 0;

        /* NOLINTNEXTLINE(cert-err34-c): the text's sum was looked at, so its numbers fit. */
        if (fscanf(file, "%llu %llu %llu\n", &first, &last, &bytes) != 3 || first != next ||
            last < first || last - first >= BACKUP_SEGMENT_RECORDS) {
            return false;
        }
        b->segments[i] = (backup_segment){ first, last, bytes };
        next = last + 1;
    }
    return next == b->tree.size + 1;
}

static trial_code parse(backup *b, FILE *file, trial_error *err)
{
    static_assert(LINE_BYTES_MAX == 4160, "as in the format below");
    char peaks[LINE_BYTES_MAX + 1] = "";
    char root[65] = "";
    unsigned format = 0;
    unsigned count = 0;
    unsigned long long head = 0;

    /* NOLINTNEXTLINE(cert-err34-c): the text's sum was looked at, so its numbers fit. */
    if (fscanf(file, "triald backup, format %u\n", &format) != 1) {
        return damaged(b, err, "is not triald's");
    }
    if (format != BACKUP_FORMAT) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "the backup '%s' has format %u and this triald knows format %u; use the "
                          "triald that made it, or a later one",
                          b->path,
                          format,
                          BACKUP_FORMAT);
    }
    /* NOLINTNEXTLINE(cert-err34-c) */
    if (fscanf(file,
               "log %36[0-9a-f-]\nhead %llu\nroot %64[0-9a-f]\npeaks %4160[-0-9a-f]\nsegments %u\n",
               b->log,
               &head,
               root,
               peaks,
               &count) != 5 ||
        count > BACKUP_SEGMENTS_MAX) {
        return damaged(b, err, "makes no sense");
    }
    b->tree.size = head;
    b->count = count;
    if (!read_tree(b, peaks, root) || !read_segments(b, file)) {
        return damaged(b, err, "contradicts itself");
    }
    return TRIAL_OK;
}

/* The text ends in a line with the SHA-256 of those before it. */
static bool sum_is_right(trial_bytes text)
{
    const size_t line = sizeof "sum " - 1 + (size_t)TRIAL_HASH_BYTES * 2 + 1;
    char hex[PROTO_HASH_TEXT_BYTES];
    uint8_t hash[TRIAL_HASH_BYTES];

    if (text.size < line) {
        return false;
    }
    text.size -= line;
    proto_hash(text, hash);
    proto_hash_write(hash, hex);
    return memcmp(text.data + text.size, "sum ", 4) == 0 &&
           memcmp(text.data + text.size + 4, hex, (size_t)TRIAL_HASH_BYTES * 2) == 0;
}

static trial_code read_text(const char *name, char **ret_text, size_t *ret_size, trial_error *err)
{
    FILE *file = fopen(name, "re");
    size_t room = 0;
    ssize_t got;

    if (file == NULL) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s' cannot be opened (%s): there is no backup, or it may not be read",
                          name,
                          strerrordesc_np(errno));
    }
    *ret_text = NULL;
    got = getdelim(ret_text, &room, '\0', file); /* a text without NUL: all of it */
    (void)fclose(file);                          /* it was only read */
    *ret_size = got < 0 ? 0 : (size_t)got;
    return TRIAL_OK;
}

trial_code backup_open(const char *path, backup *ret_backup, trial_error *err)
{
    char name[BACKUP_PATH_BYTES];
    char *text = NULL;
    size_t size = 0;
    FILE *file;
    trial_code code;

    *ret_backup = (backup){ 0 };
    if (snprintf(ret_backup->path, BACKUP_PATH_BYTES, "%s", path) >= BACKUP_PATH_BYTES - 64 ||
        !join(name, path, BACKUP_MANIFEST)) {
        return trial_fail(err, TRIAL_INVALID, "the path '%.80s...' is too long", path);
    }
    code = read_text(name, &text, &size, err);
    if (code == TRIAL_OK && !sum_is_right((trial_bytes){ (const uint8_t *)text, size })) {
        code = damaged(ret_backup, err, "is damaged or not triald's");
    }
    if (code == TRIAL_OK) {
        file = fmemopen(text, size, "r");
        if (file == NULL) {
            code = trial_fail_errno(err, errno, "reading '%s'", name);
        } else {
            code = parse(ret_backup, file, err);
            (void)fclose(file); /* it was only read */
        }
    }
    free(text);
    if (code != TRIAL_OK) {
        backup_done(ret_backup);
    }
    return code;
}

static trial_code bad_at(trial_error *err, uint64_t position, const char *path, const char *what)
{
    trial_code code = trial_fail(err,
                                 TRIAL_STORAGE,
                                 "position %llu of the backup, in '%s': %s",
                                 (unsigned long long)position,
                                 path,
                                 what);

    if (err != NULL) {
        err->position = (int64_t)position;
    }
    return code;
}

/* Map a segment and hold its size and its head against what BACKUP says. */
static trial_code map_segment(backup *b, uint32_t index, trial_error *err)
{
    const backup_segment *segment = &b->segments[index];
    uint64_t records = segment->last - segment->first + 1;
    char path[BACKUP_PATH_BYTES] = "";
    backup_header header;
    struct stat facts;
    void *bytes = MAP_FAILED;
    int fd = -1;

    if (b->mapped >= MAPS_MAX) {
        forget_maps(b);
    }
    if (backup_segment_path(b, segment->first, path)) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        return bad_at(err, segment->first, path, strerrordesc_np(errno));
    }
    if (fstat(fd, &facts) == 0 && (uint64_t)facts.st_size == segment->bytes &&
        segment->bytes > sizeof header + records * (sizeof(backup_record_header) + 8)) {
        bytes = mmap(NULL, segment->bytes, PROT_READ, MAP_SHARED, fd, 0);
    }
    (void)close(fd); /* the map keeps the file */
    if (bytes == MAP_FAILED) {
        return bad_at(err, segment->first, path, "the file has not the size that BACKUP says");
    }
    b->maps[index].bytes = bytes;
    b->mapped++;
    memcpy(&header, bytes, sizeof header);
    if (memcmp(header.magic, BACKUP_MAGIC, sizeof header.magic) != 0 ||
        header.format != BACKUP_FORMAT || header.first != segment->first ||
        memcmp(header.log, b->log, BACKUP_LOG_BYTES) != 0) {
        return bad_at(err, segment->first, path, "the file's head is not what BACKUP says");
    }
    return TRIAL_OK;
}

/* The segment that holds a position, by halving. */
static uint32_t segment_of(const backup *b, uint64_t position)
{
    uint32_t low = 0;
    uint32_t high = b->count - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (b->segments[middle].last < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

trial_code backup_record(backup *b, uint64_t position, trial_bytes *ret_record, trial_error *err)
{
    backup_record_header header;
    const backup_segment *segment;
    uint8_t sum[8];
    char path[BACKUP_PATH_BYTES] = "";
    uint64_t offset;
    uint64_t end;
    uint32_t index;

    TRIAL_ASSERT(position >= 1 && position <= b->tree.size);
    if (b->maps == NULL) {
        b->maps = trial_memory(b->count * sizeof *b->maps);
    }
    index = segment_of(b, position);
    segment = &b->segments[index];
    if (b->maps[index].bytes == NULL && map_segment(b, index, err) != TRIAL_OK) {
        return TRIAL_STORAGE;
    }
    (void)backup_segment_path(b, segment->first, path);
    end = segment->bytes - (segment->last - segment->first + 1) * 8;
    memcpy(&offset, b->maps[index].bytes + end + (position - segment->first) * 8, sizeof offset);
    if (offset < sizeof(backup_header) || offset > end - sizeof header) {
        return bad_at(err, position, path, "its offset lies outside of the records");
    }
    memcpy(&header, b->maps[index].bytes + offset, sizeof header);
    if (header.size > end - offset - sizeof header) {
        return bad_at(err, position, path, "its size cannot be");
    }
    *ret_record = (trial_bytes){ b->maps[index].bytes + offset + sizeof header, header.size };
    backup_record_sum(*ret_record, sum);
    return memcmp(sum, header.sum, sizeof sum) == 0 ? TRIAL_OK
                                                    : bad_at(err, position, path, "it is damaged");
}
