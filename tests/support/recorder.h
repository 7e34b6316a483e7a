/* recorder.h - what the recorder writes down of a program's disk; see recorder.c. */
#ifndef TESTS_RECORDER_H
#define TESTS_RECORDER_H

#include <stdint.h>

typedef enum recorder_kind {
    RECORDER_MAKE, /* a file */
    RECORDER_MAKE_DIRECTORY,
    RECORDER_REMOVE, /* either */
    RECORDER_RENAME, /* to `other` */
    RECORDER_WRITE,
    RECORDER_SIZE, /* it has `offset` bytes from now on */
    RECORDER_SYNC, /* fsync, of a file or a directory */
    RECORDER_SYNC_DATA,
    RECORDER_SYNC_WRITE, /* the write just before is on disk: its descriptor is O_DSYNC */
} recorder_kind;

/** In front of each call; the path, the other path and the bytes follow. Calls that failed are not
 * recorded. A call stands where it ended, and no two run at once. */
typedef struct recorder_call {
    uint32_t kind;
    uint32_t path_size; /* relative to the recorded directory, no NUL */
    uint32_t other_size;
    uint32_t size; /* of the bytes written */
    uint64_t offset;
} recorder_call;

#endif
