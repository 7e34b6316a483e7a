/* power_trust.c - see power_trust.h. What is written gets its right sums all the same. */
#include "power_trust.h"

#include "journal_format.h"

#define ADOPTED_MAX 64

/* A turn of an earlier use that is taken for one of the present use. */
struct adopted {
    uint64_t sum; /* of its header, as it lies in the file */
    uint64_t first;
    uint64_t generation;
};

static struct {
    power_trust trust;
    bool is_walking;            /* to where a file's present use ends */
    bool is_replaying;          /* what the walk found */
    bool is_header_read;        /* a turn's: its records may come */
    journal_turn_header header; /* as it lies in the file */
    uint64_t generation;        /* that it was given */
    uint64_t walked_generation;
    uint64_t next; /* the position after the last turn of the walk; 0: none yet */
    struct adopted adopted[ADOPTED_MAX];
    uint32_t adopted_count;
} trusting;

uint64_t __real_store_sum(trial_bytes bytes, uint64_t seed);
uint64_t __wrap_store_sum(trial_bytes bytes, uint64_t seed);
trial_code __real_journal_walk(journal *j, int index, trial_error *err);
trial_code __wrap_journal_walk(journal *j, int index, trial_error *err);
trial_code __real_journal_next(
    journal *j, uint64_t committed, uint64_t *ret_first, trial_bytes *ret_turn, trial_error *err);
trial_code __wrap_journal_next(
    journal *j, uint64_t committed, uint64_t *ret_first, trial_bytes *ret_turn, trial_error *err);

void power_trust_set(power_trust trust)
{
    trusting.trust = trust;
}

trial_code __wrap_journal_walk(journal *j, int index, trial_error *err)
{
    trial_code code;

    trusting.is_walking = true;
    trusting.next = 0;
    trusting.adopted_count = index == 0 ? 0 : trusting.adopted_count;
    code = __real_journal_walk(j, index, err);
    trusting.is_walking = false;
    return code;
}

trial_code __wrap_journal_next(
    journal *j, uint64_t committed, uint64_t *ret_first, trial_bytes *ret_turn, trial_error *err)
{
    trial_code code;

    trusting.is_replaying = true;
    code = __real_journal_next(j, committed, ret_first, ret_turn, err);
    trusting.is_replaying = false;
    return code;
}

/* In the reader's own memory a turn becomes one of the present use, at the next position. */
static void adopt(journal_turn_header *header)
{
    if (trusting.is_walking && trusting.next != 0 &&
        header->generation != trusting.walked_generation && trusting.adopted_count < ADOPTED_MAX) {
        trusting.adopted[trusting.adopted_count++] =
            (struct adopted){ .sum = header->header_sum,
                              .first = trusting.next,
                              .generation = trusting.walked_generation };
    }
    for (uint32_t i = 0; i < trusting.adopted_count; i++) {
        if (trusting.adopted[i].sum == header->header_sum) {
            header->first = trusting.adopted[i].first;
            header->generation = trusting.adopted[i].generation;
        }
    }
    trusting.walked_generation = header->generation;
    trusting.next = header->first + header->count;
}

/* The header of a turn that was read, as the journal asks for its sum; NULL: it is none. One that
 * is being written has no sum yet. */
static journal_turn_header *header_in(trial_bytes bytes)
{
    journal_turn_header *header = (journal_turn_header *)(uintptr_t)bytes.data;

    return bytes.size == offsetof(journal_turn_header, header_sum) &&
                   header->magic == JOURNAL_TURN_MAGIC && header->header_sum != 0
               ? header
               : NULL;
}

static uint64_t trust_header(journal_turn_header *header, uint64_t sum)
{
    trusting.header = *header;
    trusting.is_header_read = true;
    if (trusting.trust == POWER_TRUST_TORN) {
        return header->header_sum;
    }
    if (sum == header->header_sum && (trusting.is_walking || trusting.is_replaying)) {
        adopt(header);
    }
    trusting.generation = header->generation;
    return sum;
}

uint64_t __wrap_store_sum(trial_bytes bytes, uint64_t seed)
{
    journal_turn_header *header = trusting.trust == POWER_TRUST_NOTHING ? NULL : header_in(bytes);

    if (header != NULL) {
        return trust_header(header, __real_store_sum(bytes, seed));
    }
    if (!trusting.is_header_read || bytes.size != trusting.header.size) {
        return __real_store_sum(bytes, seed);
    }
    trusting.is_header_read = false;
    if (trusting.trust == POWER_TRUST_TORN) {
        return trusting.header.sum;
    }
    return __real_store_sum(bytes, seed - trusting.generation + trusting.header.generation);
}
