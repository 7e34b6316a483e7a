/* arena.h - memory that is taken piece by piece and let go at once. */
#ifndef TRIAL_ARENA_H
#define TRIAL_ARENA_H

#include "trial/base.h"

#include <stdio.h>

typedef struct trial_arena_chunk trial_arena_chunk;

/** Zero-initialise ({ 0 }) before the first use. */
typedef struct trial_arena {
    trial_arena_chunk *chunks; /* newest first */
    uint8_t *next;             /* free bytes of the newest chunk */
    size_t left;
    size_t used_bytes; /* handed out since the last reset */
} trial_arena;

/**
 * Take `size` zeroed bytes, aligned for any type; they live until the arena is reset or done.
 *
 * Never NULL: a machine without memory ends the process (exit status 1, one sentence on stderr).
 * Nothing is half done then, for what is not flushed was never acknowledged.
 */
void *trial_arena_take(trial_arena *arena, size_t size);

/** The same without the zeroes, for what is written over at once. */
void *trial_arena_room(trial_arena *arena, size_t size);

/** Take room for `count` items and copy the first `kept` of `old` into it: how a list grows. */
void *
trial_arena_grow(trial_arena *arena, const void *old, size_t kept, size_t count, size_t item_size);

/** Copy bytes or text into the arena; the absent text stays absent. */
trial_bytes trial_arena_bytes(trial_arena *arena, trial_bytes bytes);
trial_text trial_arena_text(trial_arena *arena, trial_text text);

/** Make text as printf does. */
trial_text trial_arena_print(trial_arena *arena, const char *format, ...) TRIAL_PRINTF(2, 3);

/** Forget everything that was taken and keep one chunk for the next use. */
void trial_arena_reset(trial_arena *arena);

/** Give everything back; the arena may be used again. */
void trial_arena_done(trial_arena *arena);

/** End the process with a sentence: the machine has no memory left. */
_Noreturn void trial_exhausted(void);

/** malloc, realloc and calloc that end the process as trial_arena_take() does. */
void *trial_memory(size_t size);
void *trial_memory_again(void *old, size_t size);

/**
 * open_memstream() that ends the process as trial_arena_take() does. The C library's own loses what
 * it finds no memory for, and says nothing.
 *
 * ret_text, ret_size  what was written, up to the last fflush() or fclose(); the caller frees it.
 */
FILE *trial_memory_stream(char **ret_text, size_t *ret_size);

#endif
