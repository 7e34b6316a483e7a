/* uuid7.c - see uuid7.h. libuuid of Debian 12 has no version 7. */
#include "uuid7.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

void uuid7_write(int64_t unix_ns, const uint8_t *random, char *text)
{
    uint64_t ms = (uint64_t)unix_ns / 1000000;
    uint64_t fraction = (uint64_t)unix_ns % 1000000 * 4096 / 1000000;
    uint8_t bytes[16];
    size_t at = 0;

    for (size_t i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    bytes[6] = (uint8_t)(0x70 | fraction >> 8);
    bytes[7] = (uint8_t)fraction;
    memcpy(bytes + 8, random, 8);
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    for (size_t i = 0; i < sizeof bytes; i++) {
        bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;

        at += (size_t)snprintf(
            text + at, UUID7_TEXT_BYTES - at, "%s%02x", has_dash ? "-" : "", bytes[i]);
    }
}

void uuid7_new(char *text)
{
    uint8_t random[UUID7_RANDOM_BYTES];
    struct timespec now;

    /* Ten bytes are never cut short, and the kernel's source is ready once the machine runs. */
    TRIAL_ASSERT(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
    uuid7_write((int64_t)now.tv_sec * 1000000000 + now.tv_nsec, random, text);
}
