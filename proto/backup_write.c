/* backup_write.c - writing a backup so that it is whole at every moment. See backup.h. */
#include "backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 20)

static trial_code fail_at(const backup *b, const char *what, trial_error *err)
{
    return trial_fail_errno(err, errno, "%s in '%s'", what, b->path);
}

static trial_code sync_directory(const backup *b, trial_error *err)
{
    int fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    trial_code code = TRIAL_OK;

    if (fd < 0 || fsync(fd) != 0) {
        code = fail_at(b, "syncing the directory", err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return code;
}

static trial_code
write_all(const backup *b, int fd, const void *bytes, size_t size, trial_error *err)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t wrote = write(fd, at, size);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            errno = wrote == 0 ? ENOSPC : errno;
            return fail_at(b, "writing the backup", err);
        }
        at += wrote;
        size -= (size_t)wrote;
    }
    return TRIAL_OK;
}

/* Sync what was written under the unfinished name and give it its own. Takes the descriptor. */
static trial_code finish(const backup *b, int fd, const char *path, trial_error *err)
{
    char unfinished[BACKUP_PATH_BYTES];
    bool is_good = fsync(fd) == 0;

    is_good = close(fd) == 0 && is_good;
    if (!is_good || !backup_path(b, BACKUP_UNFINISHED, unfinished) ||
        rename(unfinished, path) != 0) {
        return fail_at(b, "finishing a file of the backup", err);
    }
    return sync_directory(b, err);
}

static int make_file(const backup *b)
{
    char path[BACKUP_PATH_BYTES];

    return backup_path(b, BACKUP_UNFINISHED, path)
               ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
               : -1;
}

static void print_manifest(const backup *b, FILE *out)
{
    uint8_t root[TRIAL_HASH_BYTES];
    char hex[PROTO_HASH_TEXT_BYTES];

    proto_tree_root(&b->tree, root);
    proto_hash_write(root, hex);
    (void)fprintf(out,
                  "triald backup, format %u\nlog %s\nhead %llu\nroot %s\npeaks ",
                  BACKUP_FORMAT,
                  b->log,
                  (unsigned long long)b->tree.size,
                  hex);
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((b->tree.size >> bit & 1) != 0) {
            proto_hash_write(b->tree.peaks[bit], hex);
            (void)fputs(hex, out);
        }
    }
    (void)fprintf(out, "-\nsegments %u\n", b->count);
    for (uint32_t i = 0; i < b->count; i++) {
        (void)fprintf(out,
                      "%llu %llu %llu\n",
                      (unsigned long long)b->segments[i].first,
                      (unsigned long long)b->segments[i].last,
                      (unsigned long long)b->segments[i].bytes);
    }
}

trial_code backup_save(const backup *b, trial_error *err)
{
    char path[BACKUP_PATH_BYTES];
    char hex[PROTO_HASH_TEXT_BYTES];
    uint8_t hash[TRIAL_HASH_BYTES];
    char *text = NULL;
    size_t size = 0;
    FILE *out = trial_memory_stream(&text, &size);
    int fd = make_file(b);
    trial_code code;

    if (fd < 0) {
        code = fail_at(b, "making " BACKUP_MANIFEST, err);
    } else {
        print_manifest(b, out);
        (void)fflush(out); /* to memory, as below: it cannot fail */
        proto_hash((trial_bytes){ (const uint8_t *)text, size }, hash);
        proto_hash_write(hash, hex);
        (void)fprintf(out, "sum %s\n", hex);
        (void)fflush(out);
        code = write_all(b, fd, text, size, err);
    }
    (void)fclose(out);
    free(text);
    if (code != TRIAL_OK) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return code;
    }
    (void)backup_path(b, BACKUP_MANIFEST, path); /* backup_open() saw to the length */
    return finish(b, fd, path, err);
}

trial_code backup_begin(const char *path, trial_text log, backup *ret_backup, trial_error *err)
{
    *ret_backup = (backup){ 0 };
    if (log.size != BACKUP_LOG_BYTES - 1 ||
        snprintf(ret_backup->path, BACKUP_PATH_BYTES, "%s", path) >= BACKUP_PATH_BYTES - 64) {
        return trial_fail(err, TRIAL_INVALID, "the path '%.80s...' is too long", path);
    }
    memcpy(ret_backup->log, log.at, log.size);
    return backup_save(ret_backup, err);
}

void backup_write_begin(backup *b, backup_writer *ret_writer)
{
    backup_unmap(b); /* there will be more segments than were mapped */
    *ret_writer = (backup_writer){ .b = b, .fd = -1 };
    ret_writer->offsets = trial_memory(BACKUP_SEGMENT_RECORDS * sizeof *ret_writer->offsets);
    ret_writer->buffer = trial_memory(BUFFER_BYTES);
}

void backup_write_done(backup_writer *w)
{
    if (w->fd >= 0) {
        (void)close(w->fd); /* an unfinished segment counts for nothing */
    }
    free(w->offsets);
    free(w->buffer);
    *w = (backup_writer){ .fd = -1 };
}

static trial_code flush(backup_writer *w, trial_error *err)
{
    size_t size = w->buffered;

    w->buffered = 0;
    return write_all(w->b, w->fd, w->buffer, size, err);
}

static trial_code put(backup_writer *w, const void *bytes, size_t size, trial_error *err)
{
    trial_code code = TRIAL_OK;

    w->bytes += size;
    if (w->buffered + size > BUFFER_BYTES) {
        code = flush(w, err);
    }
    if (code == TRIAL_OK && size > BUFFER_BYTES) {
        return write_all(w->b, w->fd, bytes, size, err);
    }
    if (code == TRIAL_OK) {
        memcpy(w->buffer + w->buffered, bytes, size);
        w->buffered += size;
    }
    return code;
}

static trial_code begin_segment(backup_writer *w, trial_error *err)
{
    backup_header header = { .magic = BACKUP_MAGIC, .format = BACKUP_FORMAT };

    w->first = w->b->count == 0 ? 1 : w->b->segments[w->b->count - 1].last + 1;
    w->bytes = 0;
    w->buffered = 0;
    header.first = w->first;
    memcpy(header.log, w->b->log, sizeof w->b->log);
    if (w->b->count == BACKUP_SEGMENTS_MAX) {
        return trial_fail(err,
                          TRIAL_TOO_LARGE,
                          "the backup '%s' has %u segments; begin a new one in another directory",
                          w->b->path,
                          w->b->count);
    }
    w->fd = make_file(w->b);
    return w->fd < 0 ? fail_at(w->b, "making a segment", err) : put(w, &header, sizeof header, err);
}

trial_code backup_write(backup_writer *w, trial_bytes record, trial_error *err)
{
    backup_record_header header = { .size = (uint32_t)record.size };
    trial_code code = w->count == 0 ? begin_segment(w, err) : TRIAL_OK;

    TRIAL_ASSERT(record.size > 0 && record.size <= BACKUP_RECORD_BYTES_MAX);
    if (code != TRIAL_OK) {
        return code;
    }
    backup_record_sum(record, header.sum);
    w->offsets[w->count++] = w->bytes;
    code = put(w, &header, sizeof header, err);
    if (code == TRIAL_OK) {
        code = put(w, record.data, record.size, err);
    }
    if (code == TRIAL_OK &&
        (w->count == BACKUP_SEGMENT_RECORDS || w->bytes >= BACKUP_SEGMENT_BYTES)) {
        code = backup_write_end(w, err);
    }
    return code;
}

static void add_segment(backup_writer *w)
{
    backup *b = w->b;

    if (b->count == b->room) {
        b->room = b->room == 0 ? 16 : b->room * 2;
        b->segments = trial_memory_again(b->segments, b->room * sizeof *b->segments);
    }
    b->segments[b->count++] = (backup_segment){ w->first, w->first + w->count - 1, w->bytes };
}

trial_code backup_write_end(backup_writer *w, trial_error *err)
{
    char path[BACKUP_PATH_BYTES];
    trial_code code;

    if (w->count == 0) {
        return TRIAL_OK;
    }
    code = put(w, w->offsets, w->count * sizeof *w->offsets, err);
    if (code == TRIAL_OK) {
        code = flush(w, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    (void)backup_segment_path(w->b, w->first, path); /* backup_open() saw to the length */
    code = finish(w->b, w->fd, path, err);
    w->fd = -1;
    if (code == TRIAL_OK) {
        add_segment(w);
        w->count = 0;
        code = backup_save(w->b, err);
    }
    return code;
}
