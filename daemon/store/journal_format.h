/* journal_format.h - the bytes of the journal's files, shared by journal.c and journal_read.c. */
#ifndef STORE_JOURNAL_FORMAT_H
#define STORE_JOURNAL_FORMAT_H

#include "store_internal.h"

#include <assert.h>

#define JOURNAL_FORMAT 1
#define JOURNAL_FILE_MAGIC 0x316c616972746a00u /* NUL "jtrial1" */
#define JOURNAL_TURN_MAGIC 0x316e727574007274u

/** The first block of a file; the rest of the block is zero. */
typedef struct journal_file_header {
    uint64_t magic;
    uint32_t format;
    uint32_t index; /* 0 or 1 */
    uint64_t size;  /* of the file */
    uint64_t secret;
    char name[40]; /* the log's */
    uint64_t sum;  /* of all above */
} journal_file_header;

/** In front of a turn. After it `size` bytes: of each record its length (32 bits) and its bytes. */
typedef struct journal_turn_header {
    uint64_t magic;
    uint64_t generation; /* of the file's present use, by chance */
    uint64_t first;      /* position of its first record */
    uint32_t count;
    uint32_t nothing;
    uint64_t size;
    uint64_t sum; /* of the records, seeded with secret and generation */
    uint64_t nothing_more;
    uint64_t header_sum; /* of all above, seeded with the secret */
} journal_turn_header;

static_assert(sizeof(journal_file_header) == 80, "the file's format has no holes");
static_assert(sizeof(journal_turn_header) == JOURNAL_HEADER_BYTES, "the format has no holes");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they lie");

/** Round up to whole blocks. */
static inline uint64_t journal_blocks(uint64_t size)
{
    return (size + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
}

uint64_t journal_file_sum(const journal_file_header *header);

/** Fill in the header in front of a turn of `size` bytes, header included. */
void journal_seal(const journal *j,
                  uint8_t *turn,
                  size_t size,
                  uint64_t generation,
                  uint64_t first,
                  uint32_t count);

TRIAL_MUST_USE trial_code journal_read_at(
    int fd, uint8_t *ret_bytes, size_t size, uint64_t offset, const char *path, trial_error *err);
TRIAL_MUST_USE trial_code journal_write_at(
    int fd, const uint8_t *bytes, size_t size, uint64_t offset, const char *path, trial_error *err);

/** Walk a file's present use and note where it ends. */
TRIAL_MUST_USE trial_code journal_walk(journal *j, int index, trial_error *err);

/** What both files hold beyond `committed` must follow it without a gap. */
TRIAL_MUST_USE trial_code journal_check_joined(const journal *j,
                                               uint64_t committed,
                                               trial_error *err);

/** Refuse whole turns beyond `committed` that the walk did not reach. */
TRIAL_MUST_USE trial_code journal_check_reached(journal *j,
                                                int index,
                                                uint64_t committed,
                                                trial_error *err);

#endif
