/* arena.c - see arena.h. */
#include "trial/arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)64 * 1024) /* an event of the default limit and its parts */
#define ALIGNMENT ((size_t)16)

struct trial_arena_chunk {
    trial_arena_chunk *older;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

/* Nothing here may ask for memory. The exit status says it as well, so a lost word is no loss. */
_Noreturn void trial_exhausted(void)
{
    static const char words[] = ": the machine has no memory left; nothing was half done\n";
    const char *name = program_invocation_short_name;

    (void)!write(STDERR_FILENO, name, strlen(name));
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    _exit(EXIT_FAILURE);
}

void *trial_memory(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);

    if (memory == NULL) {
        trial_exhausted();
    }
    return memory;
}

void *trial_memory_again(void *old, size_t size)
{
    void *memory = realloc(old, size == 0 ? 1 : size);

    if (memory == NULL) {
        trial_exhausted();
    }
    return memory;
}

/* Where a stream into memory writes to. */
struct memory_cookie {
    char **text;
    size_t *size;
    size_t room;
};

static ssize_t write_to_memory(void *at, const char *bytes, size_t size)
{
    struct memory_cookie *cookie = at;
    size_t wanted = *cookie->size + size + 1; /* with a terminator, for C's sake */

    if (wanted > cookie->room) {
        cookie->room = wanted * 2;
        *cookie->text = trial_memory_again(*cookie->text, cookie->room);
    }
    memcpy(*cookie->text + *cookie->size, bytes, size);
    *cookie->size += size;
    (*cookie->text)[*cookie->size] = '\0';
    return (ssize_t)size;
}

static int close_memory(void *at)
{
    free(at);
    return 0;
}

FILE *trial_memory_stream(char **ret_text, size_t *ret_size)
{
    const cookie_io_functions_t functions = { .write = write_to_memory, .close = close_memory };
    struct memory_cookie *cookie = trial_memory(sizeof *cookie);
    FILE *stream = fopencookie(cookie, "w", functions);

    if (stream == NULL) {
        trial_exhausted();
    }
    *ret_text = trial_memory(1);
    *ret_size = 0;
    *cookie = (struct memory_cookie){ ret_text, ret_size, 1 };
    return stream;
}

static void add_chunk(trial_arena *arena, size_t size)
{
    size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    trial_arena_chunk *chunk = malloc(sizeof *chunk + room);

    if (chunk == NULL) {
        trial_exhausted();
    }
    chunk->older = arena->chunks;
    chunk->size = room;
    arena->chunks = chunk;
    arena->next = chunk->bytes;
    arena->left = room;
}

void *trial_arena_room(trial_arena *arena, size_t size)
{
    size_t room = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    void *taken;

    TRIAL_ASSERT(room >= size);
    if (room == 0) {
        room = ALIGNMENT;
    }
    if (arena->left < room) {
        add_chunk(arena, room);
    }
    taken = arena->next;
    arena->next += room;
    arena->left -= room;
    arena->used_bytes += room;
    return taken;
}

void *trial_arena_take(trial_arena *arena, size_t size)
{
    return memset(trial_arena_room(arena, size), 0, size);
}

void *
trial_arena_grow(trial_arena *arena, const void *old, size_t kept, size_t count, size_t item_size)
{
    void *grown;

    TRIAL_ASSERT(kept <= count);
    TRIAL_ASSERT(item_size == 0 || count <= SIZE_MAX / item_size);
    grown = trial_arena_take(arena, count * item_size);
    if (kept > 0) {
        memcpy(grown, old, kept * item_size);
    }
    return grown;
}

trial_bytes trial_arena_bytes(trial_arena *arena, trial_bytes bytes)
{
    uint8_t *copy;

    if (bytes.size == 0) {
        return (trial_bytes){ 0 };
    }
    copy = trial_arena_room(arena, bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    return (trial_bytes){ copy, bytes.size };
}

trial_text trial_arena_text(trial_arena *arena, trial_text text)
{
    char *copy;

    if (text.at == NULL) {
        return text;
    }
    copy = trial_arena_room(arena, (size_t)text.size + 1); /* with a terminator, for C's sake */
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    return (trial_text){ copy, text.size };
}

trial_text trial_arena_print(trial_arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;
    char *text;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    TRIAL_ASSERT(size >= 0);
    text = trial_arena_take(arena, (size_t)size + 1);
    (void)vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return (trial_text){ text, (uint32_t)size };
}

static void free_chunks(trial_arena_chunk *chunk)
{
    while (chunk != NULL) {
        trial_arena_chunk *older = chunk->older;

        free(chunk);
        chunk = older;
    }
}

void trial_arena_reset(trial_arena *arena)
{
    trial_arena_chunk *kept = arena->chunks;

    arena->used_bytes = 0;
    if (kept == NULL) {
        return;
    }
    free_chunks(kept->older);
    if (kept->size > CHUNK_BYTES * 16) { /* one giant request must not hold its memory for ever */
        free(kept);
        *arena = (trial_arena){ 0 };
        return;
    }
    kept->older = NULL;
    arena->next = kept->bytes;
    arena->left = kept->size;
}

void trial_arena_done(trial_arena *arena)
{
    free_chunks(arena->chunks);
    *arena = (trial_arena){ 0 };
}
