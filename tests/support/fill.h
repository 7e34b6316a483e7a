/* fill.h - structs and events made from their rows, the same ones every time or by chance. */
#ifndef FILL_H
#define FILL_H

#include "pack.h"
#include "trial/event.h"

typedef struct filler {
    trial_arena *arena;
    bool is_random; /* else every field is set, to the fixed value of its kind */
    uint64_t state; /* of the generator, not 0 */
} filler;

/** The next random number (xorshift64*), and one below `bound`. */
uint64_t fill_next(filler *fill);
uint32_t fill_below(filler *fill, uint32_t bound);

/** TRIAL_SEED, else `otherwise`; printed, so that a failure can be had again. */
uint64_t fill_seed(uint64_t otherwise);

/** Fill a struct. By chance: what is required, and about half of the rest. */
void fill_struct(filler *fill, const trial_shape *shape, void *ret_struct);

/** A tree of plain values, at most `depth` levels. */
trial_value *fill_value(filler *fill, uint32_t depth);

/** An event of that type as a publisher would send it: a map without what the log adds. */
trial_value *fill_event(filler *fill, trial_event_type type);

/** Bytes of a value in one of its many spellings: keys in any order, numbers and lengths in any
 * form, floats as float 32 where nothing is lost. */
void fill_spell(filler *fill, const trial_value *value, pack_writer *writer);

#endif
