/* backup.h - the files of a backup: trialctl writes them, triald reads them.
 *
 * A backup is a directory. BACKUP, a text, says whose log it is, which segments there are, and what
 * the root of their events is; it is written by rename and last, so a backup is always what its
 * BACKUP says: a beginning of the log, whole. A segment holds records in a row, byte for byte as
 * the log holds them, salts too, each with a sum; behind them stand their offsets. Segments are
 * never changed: a later backup adds more of them. Numbers are little-endian. */
#ifndef PROTO_BACKUP_H
#define PROTO_BACKUP_H

#include "record.h"

#define BACKUP_FORMAT 1
#define BACKUP_MANIFEST "BACKUP"
#define BACKUP_UNFINISHED "new.tmp" /* a segment, or a BACKUP, in the making */
#define BACKUP_PATH_BYTES 4096
#define BACKUP_LOG_BYTES 37                /* a UUID in text and its NUL */
#define BACKUP_SEGMENT_RECORDS 65536u      /* of one segment: its offsets are kept while it grows */
#define BACKUP_SEGMENT_BYTES (16u << 20)   /* where one ends: what a crash may cost to move again */
#define BACKUP_SEGMENTS_MAX 1000000u       /* a backup an hour for a century */
#define BACKUP_RECORD_BYTES_MAX (4u << 20) /* an event at its ceiling and its head, twice over */

typedef struct backup_segment {
    uint64_t first;
    uint64_t last;
    uint64_t bytes;
} backup_segment;

/** What BACKUP says. Zero-initialise ({ 0 }), let go by backup_done(). */
typedef struct backup {
    char path[BACKUP_PATH_BYTES];
    char log[BACKUP_LOG_BYTES];
    proto_tree tree; /* of its events; tree.size is the last position */
    backup_segment *segments;
    uint32_t count;
    uint32_t room;
    struct backup_map *maps; /* one a segment, for reading */
    uint32_t mapped;
} backup;

void backup_done(backup *b);

/** Is there a BACKUP in that directory? */
bool backup_is_one(const char *path);

/** Read BACKUP. Fails with INVALID: absent, damaged, or of a later format; STORAGE. */
TRIAL_MUST_USE trial_code backup_open(const char *path, backup *ret_backup, trial_error *err);

/**
 * One record; its sum was looked at. Borrowed until backup_unmap() or backup_done().
 * Fails with STORAGE, err->position set, where it or its segment is damaged.
 */
TRIAL_MUST_USE trial_code backup_record(backup *b,
                                        uint64_t position,
                                        trial_bytes *ret_record,
                                        trial_error *err);

/** Let go of what reading has mapped; records that were borrowed go with it. */
void backup_unmap(backup *b);

/* Writing. */

/** A segment in the making. */
typedef struct backup_writer {
    backup *b;
    int fd;
    uint64_t first;
    uint32_t count;
    uint64_t bytes;
    uint64_t *offsets; /* BACKUP_SEGMENT_RECORDS of them */
    uint8_t *buffer;
    size_t buffered;
} backup_writer;

/** Begin a backup of no events in a directory that is there and empty, and save it. */
TRIAL_MUST_USE trial_code backup_begin(const char *path,
                                       trial_text log,
                                       backup *ret_backup,
                                       trial_error *err);

/** Write BACKUP anew and sync it: what it says is the backup from now on. */
TRIAL_MUST_USE trial_code backup_save(const backup *b, trial_error *err);

/** Begin; nothing is written yet. Let go by backup_write_done(). */
void backup_write_begin(backup *b, backup_writer *ret_writer);
void backup_write_done(backup_writer *w);

/** Add the record behind the last one. A segment that is full is ended, as by backup_write_end().
 */
TRIAL_MUST_USE trial_code backup_write(backup_writer *w, trial_bytes record, trial_error *err);

/** End the segment: sync it, give it its name, and save BACKUP with it. Nothing to do without
 * records. The tree must be that of all records written by then. */
TRIAL_MUST_USE trial_code backup_write_end(backup_writer *w, trial_error *err);

/** The path of a file of the backup; false where it is too long. */
bool backup_path(const backup *b, const char *name, char ret_path[BACKUP_PATH_BYTES]);

/** The path of a segment by its first position; false where it is too long. */
bool backup_segment_path(const backup *b, uint64_t first, char ret_path[BACKUP_PATH_BYTES]);

/** What stands in front of a segment's records. */
typedef struct backup_header {
    char magic[16];
    uint32_t format;
    uint32_t nothing;
    uint64_t first;
    char log[40];
} backup_header;

/** What stands in front of a record. */
typedef struct backup_record_header {
    uint32_t size;
    uint32_t nothing;
    uint8_t sum[8]; /* the beginning of the SHA-256 of its bytes */
} backup_record_header;

void backup_record_sum(trial_bytes record, uint8_t ret_sum[8]);
#define BACKUP_MAGIC "triald records\n"

#endif
