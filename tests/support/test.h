/* test.h - what every test of words and bytes begins with. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trial/arena.h"

#define COUNT_OF(rows) (sizeof(rows) / sizeof(rows)[0])

/** Texts are compared with their bytes shown. */
#define assert_text_is(text, literal)                                                              \
    do {                                                                                           \
        trial_text text_seen = (text);                                                             \
        assert_int_equal(text_seen.size, strlen(literal));                                         \
        assert_memory_equal(text_seen.at, literal, text_seen.size);                                \
    } while (0)

#define assert_bytes_equal(a, b)                                                                   \
    do {                                                                                           \
        trial_bytes bytes_a = (a);                                                                 \
        trial_bytes bytes_b = (b);                                                                 \
        assert_int_equal(bytes_a.size, bytes_b.size);                                              \
        assert_memory_equal(bytes_a.data, bytes_b.data, bytes_a.size);                             \
    } while (0)

/** Read hex with blanks between bytes into the arena. */
static inline trial_bytes test_hex(trial_arena *arena, const char *hex)
{
    uint8_t *bytes = trial_arena_take(arena, strlen(hex) / 2 + 1);
    size_t size = 0;

    for (; *hex != '\0'; hex++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, *hex);

        if (*hex == ' ' || digit == NULL) {
            continue;
        }
        bytes[size / 2] = (uint8_t)(bytes[size / 2] << 4 | (digit - digits));
        size++;
    }
    return (trial_bytes){ bytes, size / 2 };
}

#endif
