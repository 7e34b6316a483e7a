/* uuid7.h - ids that sort by the time they were made (RFC 9562, version 7). */
#ifndef CLIENT_UUID7_H
#define CLIENT_UUID7_H

#include "trial/base.h"

#define UUID7_TEXT_BYTES 37 /* and its NUL */
#define UUID7_RANDOM_BYTES 10

/**
 * Make one of a moment and random bytes. `text` holds UUID7_TEXT_BYTES.
 *
 * The twelve bits behind the milliseconds count on inside the millisecond, so two ids made 250 ns
 * apart sort as they were made.
 */
void uuid7_write(int64_t unix_ns, const uint8_t *random, char *text);

/** Make one now. */
void uuid7_new(char *text);

#endif
