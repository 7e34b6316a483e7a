/* lines.h - the lines of JSON Lines files, one after the other, as batches of an import. */
#ifndef CLIENT_LINES_H
#define CLIENT_LINES_H

#include "import.h"

#include <stdio.h>

/** Files that are read one after the other. */
typedef struct lines_reader {
    const char *const *files; /* "-" is standard input */
    uint32_t file_count;
    uint32_t file_next;
    const char *file; /* the one that is read */
    FILE *stream;
    uint64_t number;      /* of the last line read */
    uint64_t read_bytes;  /* of all files so far */
    uint64_t total_bytes; /* of all files; 0 where one has no size */
    char *line;           /* the line read, without its end */
    size_t line_bytes;
    size_t line_room;
    bool is_too_long; /* the line is; only its beginning is there */
} lines_reader;

/** Find the files' sizes. Fails with STORAGE where one is not there or may not be read. */
TRIAL_MUST_USE trial_code lines_open(lines_reader *reader,
                                     const char *const *files,
                                     uint32_t count,
                                     trial_error *err);
void lines_close(lines_reader *reader);

/**
 * Read the next lines into a batch, which is emptied first: at most `most` events and
 * IMPORT_BATCH_BYTES of text, or up to a line that is no event. An empty batch is the end.
 * Fails with STORAGE where a file cannot be opened or read.
 */
TRIAL_MUST_USE trial_code lines_read(lines_reader *reader,
                                     uint32_t most,
                                     import_batch *batch,
                                     trial_error *err);

#endif
