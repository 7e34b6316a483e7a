/* sum.c - checksums: LMDB has none, and a flipped bit must never become an answer. */
#include "store_internal.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t store_sum(trial_bytes bytes, uint64_t seed)
{
    static const uint8_t nothing;

    return XXH3_64bits_withSeed(bytes.size == 0 ? &nothing : bytes.data, bytes.size, seed);
}

uint64_t store_row_sum(store_table table, trial_bytes key, trial_bytes value)
{
    return store_sum(value, store_sum(key, (uint64_t)table));
}
