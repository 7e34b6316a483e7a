/* json.h - JSON text to values and back. Reading is jansson's; an integer stays an integer and 3.0
 * stays a float. */
#ifndef CLIENT_JSON_JSON_H
#define CLIENT_JSON_JSON_H

#include "trial/value.h"

#include <stdio.h>

#define JSON_DEPTH_MAX 64 /* above what any event or answer may have */

/**
 * Read one JSON value that fills `text`. Everything returned lives in the arena.
 *
 * Fails with MALFORMED (not-json)  no JSON, or a key twice
 *            MALFORMED (bad-utf8)  bad UTF-8, NUL, or half a surrogate pair
 *            INVALID (bad-range)   a number that no 64 bits hold
 *            TOO_LARGE             nested deeper than JSON_DEPTH_MAX
 */
TRIAL_MUST_USE trial_code json_read(trial_text text,
                                    trial_arena *arena,
                                    trial_value **ret_value,
                                    trial_error *err);

/** Write a value on one line, without a line end. Map entries stand in the order they have. */
void json_write(FILE *out, const trial_value *value);
void json_write_text(FILE *out, trial_text text);

/** json_write() and the end of the line. Whether it arrived is for whoever closes `out` to see. */
void json_print(FILE *out, const trial_value *value);

/** The same as text in the arena. */
trial_text json_text(trial_arena *arena, const trial_value *value);

#define JSON_NUMBER_BYTES 32

/** Write a float so that it is read again as the same float; `text` holds JSON_NUMBER_BYTES. */
void json_float_write(double number, char *text);

#endif
