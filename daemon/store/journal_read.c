/* journal_read.c - reading the journal back after a crash: where each file's present use ends, and
 * the turns that LMDB does not hold.
 *
 * A crash leaves at most one torn turn, the last, which nobody was promised. So a turn that is
 * whole, that LMDB does not hold and that the walk does not reach proves damage. */
#include "journal_format.h"
#include "store_internal.h"
#include "trial/arena.h"

#include <errno.h>
#include <unistd.h>

uint64_t journal_file_sum(const journal_file_header *header)
{
    trial_bytes bytes = { (const uint8_t *)header, offsetof(journal_file_header, sum) };

    return store_sum(bytes, 0);
}

static uint64_t header_sum(const journal *j, const journal_turn_header *header)
{
    trial_bytes bytes = { (const uint8_t *)header, offsetof(journal_turn_header, header_sum) };

    return store_sum(bytes, j->secret);
}

void journal_seal(const journal *j,
                  uint8_t *turn,
                  size_t size,
                  uint64_t generation,
                  uint64_t first,
                  uint32_t count)
{
    trial_bytes records = { turn + JOURNAL_HEADER_BYTES, size - JOURNAL_HEADER_BYTES };
    journal_turn_header header = { .magic = JOURNAL_TURN_MAGIC,
                                   .generation = generation,
                                   .first = first,
                                   .count = count,
                                   .size = records.size,
                                   .sum = store_sum(records, j->secret + generation) };

    header.header_sum = header_sum(j, &header);
    memcpy(turn, &header, sizeof header);
}

trial_code journal_read_at(
    int fd, uint8_t *ret_bytes, size_t size, uint64_t offset, const char *path, trial_error *err)
{
    while (size > 0) {
        ssize_t got = pread(fd, ret_bytes, size, (off_t)offset);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return trial_fail_errno(
                err, got < 0 ? errno : EIO, "reading the journal in '%s'", path);
        }
        ret_bytes += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return TRIAL_OK;
}

/* Lengths that fill the turn exactly, `count` of them. */
static bool records_fit(trial_bytes records, uint32_t count)
{
    size_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;

        if (records.size - at < sizeof size) {
            return false;
        }
        memcpy(&size, records.data + at, sizeof size);
        at += sizeof size;
        if (size == 0 || size > records.size - at) {
            return false;
        }
        at += size;
    }
    return at == records.size;
}

/* Read the header at `at`; false where there is none. */
static trial_code read_header(const journal *j,
                              const journal_file *file,
                              uint64_t at,
                              journal_turn_header *ret_header,
                              bool *ret_is_one,
                              trial_error *err)
{
    trial_code code;

    *ret_is_one = false;
    if (file->size - at < JOURNAL_BLOCK_BYTES) {
        return TRIAL_OK;
    }
    code =
        journal_read_at(file->fd, (uint8_t *)ret_header, sizeof *ret_header, at, j->directory, err);
    if (code != TRIAL_OK) {
        return code;
    }
    *ret_is_one = ret_header->magic == JOURNAL_TURN_MAGIC &&
                  ret_header->header_sum == header_sum(j, ret_header) && ret_header->count > 0 &&
                  ret_header->first > 0 &&
                  ret_header->size <= file->size - at - JOURNAL_HEADER_BYTES;
    return TRIAL_OK;
}

/* Read the turn behind a header into j->turn; false where it is not what the header says. */
static trial_code read_turn(journal *j,
                            const journal_file *file,
                            uint64_t at,
                            const journal_turn_header *header,
                            bool *ret_is_whole,
                            trial_error *err)
{
    trial_bytes records;
    trial_code code;

    *ret_is_whole = false;
    if (j->turn_room < header->size) {
        j->turn_room = (size_t)header->size;
        j->turn = trial_memory_again(j->turn, j->turn_room);
    }
    code = journal_read_at(
        file->fd, j->turn, (size_t)header->size, at + JOURNAL_HEADER_BYTES, j->directory, err);
    if (code != TRIAL_OK) {
        return code;
    }
    records = (trial_bytes){ j->turn, (size_t)header->size };
    *ret_is_whole = header->sum == store_sum(records, j->secret + header->generation) &&
                    records_fit(records, header->count);
    return TRIAL_OK;
}

static uint64_t turn_blocks(const journal_turn_header *header)
{
    return journal_blocks(JOURNAL_HEADER_BYTES + header->size);
}

static bool follows(const journal_file *file, const journal_turn_header *header)
{
    return file->last == 0 ||
           (header->generation == file->generation && header->first == file->last + 1);
}

trial_code journal_walk(journal *j, int index, trial_error *err)
{
    journal_file *file = &j->files[index];

    for (;;) {
        journal_turn_header header = { 0 };
        bool is_good;
        trial_code code = read_header(j, file, file->used, &header, &is_good, err);

        if (code == TRIAL_OK && is_good) {
            is_good = follows(file, &header);
        }
        if (code == TRIAL_OK && is_good) {
            code = read_turn(j, file, file->used, &header, &is_good, err);
        }
        if (code != TRIAL_OK || !is_good) {
            return code;
        }
        if (file->last == 0) {
            file->generation = header.generation;
            file->first = header.first;
        }
        file->last = header.first + header.count - 1;
        file->last_at = file->used;
        file->used += turn_blocks(&header);
    }
}

static trial_code
refuse_unreached(journal *j, int index, const journal_turn_header *header, trial_error *err)
{
    return trial_fail(err,
                      TRIAL_INVALID,
                      "'%s/%d' is damaged at byte %llu: positions %llu to %llu, which were "
                      "acknowledged, lie behind the damage; restore the store from a backup",
                      j->directory,
                      index,
                      (unsigned long long)j->files[index].used,
                      (unsigned long long)header->first,
                      (unsigned long long)(header->first + header->count - 1));
}

trial_code journal_check_reached(journal *j, int index, uint64_t committed, trial_error *err)
{
    const journal_file *file = &j->files[index];
    trial_code code = TRIAL_OK;
    uint64_t at = file->used;

    while (code == TRIAL_OK && at < file->size) {
        journal_turn_header header = { 0 };
        bool is_good;

        code = read_header(j, file, at, &header, &is_good, err);
        is_good = code == TRIAL_OK && is_good && header.first + header.count - 1 > committed;
        if (is_good) {
            code = read_turn(j, file, at, &header, &is_good, err);
        }
        if (code == TRIAL_OK && is_good) {
            return refuse_unreached(j, index, &header, err);
        }
        at += JOURNAL_BLOCK_BYTES;
    }
    return code;
}

trial_code journal_check_joined(const journal *j, uint64_t committed, trial_error *err)
{
    int older = j->files[1].first < j->files[0].first ? 1 : 0;
    uint64_t held = committed;

    for (int i = 0; i < JOURNAL_FILES; i++) {
        const journal_file *file = &j->files[i == 0 ? older : 1 - older];

        if (file->last <= held) {
            continue;
        }
        if (file->first > held + 1) {
            return trial_fail(err,
                              TRIAL_INVALID,
                              "positions %llu to %llu are missing: neither LMDB nor the journal "
                              "in '%s' holds them; restore the store from a backup",
                              (unsigned long long)(held + 1),
                              (unsigned long long)(file->first - 1),
                              j->directory);
        }
        held = file->last;
    }
    return TRIAL_OK;
}

/* The file that holds the position after the last one replayed; NULL: none does. */
static const journal_file *file_to_read(journal *j)
{
    if (j->reading >= 0 && j->reading_at < j->files[j->reading].used) {
        return &j->files[j->reading];
    }
    for (int i = 0; i < JOURNAL_FILES; i++) {
        if (j->files[i].first <= j->replayed + 1 && j->files[i].last > j->replayed) {
            j->reading = i;
            j->reading_at = JOURNAL_BLOCK_BYTES;
            return &j->files[i];
        }
    }
    return NULL;
}

trial_code journal_next(
    journal *j, uint64_t committed, uint64_t *ret_first, trial_bytes *ret_turn, trial_error *err)
{
    const journal_file *file;

    TRIAL_ASSERT(j->replayed >= committed);
    while ((file = file_to_read(j)) != NULL) {
        journal_turn_header header = { 0 };
        bool is_good;
        trial_code code = read_header(j, file, j->reading_at, &header, &is_good, err);

        if (code == TRIAL_OK && is_good) {
            code = read_turn(j, file, j->reading_at, &header, &is_good, err);
        }
        if (code == TRIAL_OK && !is_good) {
            code = trial_fail(err,
                              TRIAL_STORAGE,
                              "the journal in '%s' reads differently than a moment ago, after "
                              "position %llu; the disk is failing",
                              j->directory,
                              (unsigned long long)j->replayed);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        j->reading_at += turn_blocks(&header);
        if (header.first + header.count - 1 > j->replayed) {
            j->replayed = header.first + header.count - 1;
            *ret_first = header.first;
            *ret_turn = (trial_bytes){ j->turn, (size_t)header.size };
            return TRIAL_OK;
        }
    }
    *ret_turn = (trial_bytes){ 0 };
    return TRIAL_OK;
}
