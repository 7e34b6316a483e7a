/* fuzz_journal.c - bytes as the two files of a journal: whatever they hold, it is read to an end or
 * refused with a sentence, and what is given out are whole records in order.
 *
 * No fuzzer guesses a checksum, so the bytes say what is written where, and the sums are made
 * right: a piece is one byte of flags, a place, the fields of a header, and records. */
#include "journal_format.h"
#include "trial/arena.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BLOCKS 12u
#define FILE_BYTES (FILE_BLOCKS * JOURNAL_BLOCK_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_FILE = 1, FLAG_UNSEALED = 2, FLAG_LATER = 4, FLAG_RAW = 8 };

struct piece {
    uint8_t flags;
    uint8_t block; /* where it is put; FLAG_LATER: behind the last one of its file */
    uint8_t generation;
    uint8_t first;
    uint8_t count;
    uint8_t size[2]; /* of its records */
};

static uint8_t image[JOURNAL_FILES][FILE_BYTES];

/* Put one piece into its file; how many bytes of the input it took. */
static size_t put(const journal *j, const uint8_t *data, size_t size, uint64_t *behind)
{
    struct piece piece;
    size_t bytes;
    uint64_t at;
    uint8_t *turn;
    int index;

    if (size < sizeof piece) {
        return size;
    }
    memcpy(&piece, data, sizeof piece);
    index = piece.flags & FLAG_FILE;
    at = (piece.flags & FLAG_LATER) != 0 ? behind[index]
                                         : piece.block % FILE_BLOCKS * JOURNAL_BLOCK_BYTES;
    if (at > FILE_BYTES - JOURNAL_BLOCK_BYTES) {
        at = JOURNAL_BLOCK_BYTES;
    }
    bytes = (size_t)piece.size[0] + (size_t)piece.size[1] * 256u;
    bytes = bytes > size - sizeof piece ? size - sizeof piece : bytes;
    bytes = bytes > FILE_BYTES - at - JOURNAL_HEADER_BYTES ? FILE_BYTES - at - JOURNAL_HEADER_BYTES
                                                           : bytes;
    turn = image[index] + at;
    if ((piece.flags & FLAG_RAW) != 0) {
        memcpy(turn, data + sizeof piece, bytes);
    } else {
        memcpy(turn + JOURNAL_HEADER_BYTES, data + sizeof piece, bytes);
        journal_seal(
            j, turn, JOURNAL_HEADER_BYTES + bytes, piece.generation, piece.first, piece.count);
    }
    if ((piece.flags & FLAG_UNSEALED) != 0 && bytes > 0) {
        turn[JOURNAL_HEADER_BYTES + bytes / 2] ^= 1;
    }
    behind[index] = at + journal_blocks(JOURNAL_HEADER_BYTES + bytes);
    return sizeof piece + bytes;
}

static void check_turn(trial_bytes turn)
{
    size_t at = 0;

    while (at < turn.size) {
        uint32_t size;

        TRIAL_ASSERT(turn.size - at > sizeof size);
        memcpy(&size, turn.data + at, sizeof size);
        TRIAL_ASSERT(size > 0 && size <= turn.size - at - sizeof size);
        at += sizeof size + size;
    }
}

/* Read what journal_open() found as a start does. */
static void read_all(journal *j, uint64_t committed)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code = TRIAL_OK;

    for (int i = 0; code == TRIAL_OK && i < JOURNAL_FILES; i++) {
        code = journal_walk(j, i, &err);
        code = code == TRIAL_OK ? journal_check_reached(j, i, committed, &err) : code;
    }
    code = code == TRIAL_OK ? journal_check_joined(j, committed, &err) : code;
    j->replayed = committed;
    while (code == TRIAL_OK) {
        uint64_t before = j->replayed;
        uint64_t first = 0;
        trial_bytes turn = { 0 };

        code = journal_next(j, committed, &first, &turn, &err);
        if (code == TRIAL_OK && turn.size == 0) {
            break;
        }
        if (code == TRIAL_OK) {
            TRIAL_ASSERT(first <= before + 1 && j->replayed > before);
            check_turn(turn);
        }
    }
    TRIAL_ASSERT(code == TRIAL_OK || err.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fds[JOURNAL_FILES] = { -1, -1 };
    uint64_t behind[JOURNAL_FILES] = { JOURNAL_BLOCK_BYTES, JOURNAL_BLOCK_BYTES };
    journal j = { .secret = 7, .reading = -1, .directory = "input" };
    size_t at = 1;

    memset(image, 0, sizeof image);
    while (at < size) {
        at += put(&j, data + at, size - at, behind);
    }
    for (int i = 0; i < JOURNAL_FILES; i++) {
        ssize_t wrote;

        if (fds[i] < 0) {
            fds[i] = memfd_create("journal", MFD_CLOEXEC);
        }
        wrote = pwrite(fds[i], image[i], FILE_BYTES, 0);
        TRIAL_ASSERT(wrote == (ssize_t)FILE_BYTES);
        j.files[i] =
            (journal_file){ .fd = fds[i], .size = FILE_BYTES, .used = JOURNAL_BLOCK_BYTES };
    }
    read_all(&j, size == 0 ? 0 : data[0]);
    free(j.turn);
    return 0;
}
