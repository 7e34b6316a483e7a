/* rows.h - what a setting is: a row, the names it goes by, and its value out of text. It knows no
 * program: the daemon and the gateway have rows of their own. */
#ifndef ROWS_H
#define ROWS_H

#include "trial/base.h"

#include <stdio.h>

typedef enum rows_kind {
    ROWS_PATH,      /* char[] */
    ROWS_TEXT,      /* char[] */
    ROWS_ENDPOINT,  /* char[]: ipc:///PATH or tcp://ADDRESS:PORT */
    ROWS_ENDPOINTS, /* several of them; its room knows how it keeps them */
    ROWS_BYTES,     /* uint64_t */
    ROWS_COUNT,     /* uint32_t */
    ROWS_MS,        /* uint32_t */
} rows_kind;

typedef struct rows_row {
    const char *name; /* with underscores */
    rows_kind kind;
    const char *fallback; /* the default, as a user would write it */
    uint64_t least;       /* of a number; of text its bytes */
    uint64_t most;
    const char *doc;
    size_t offset; /* of its member in the program's struct */
} rows_row;

#define ROWS_NAME_BYTES 64 /* a prefix and the longest name have room to double */

/** Is that the row's name, `-` and `_` being one? */
bool rows_is_named(const rows_row *row, const char *key);

/** Write map-bytes, or TRIALD_MAP_BYTES for the prefix "TRIALD_"; `ret_name` holds ROWS_NAME_BYTES.
 */
void rows_flag(const rows_row *row, char *ret_name);
void rows_variable(const rows_row *row, const char *prefix, char *ret_name);

/** What stands for a value in help: PATH, TEXT, ENDPOINT, BYTES, NUMBER or MS. */
const char *rows_placeholder(const rows_row *row);

/** Is the value a number, with a least and a most that are worth telling? */
bool rows_is_number(const rows_row *row);

/** The value of a variable, or NULL; an empty one counts as absent. */
const char *rows_find_variable(char **environment, const char *name);

/** Read a value of any kind but ROWS_ENDPOINTS into its member. Fails with INVALID. */
TRIAL_MUST_USE trial_code rows_set(const rows_row *row,
                                   const char *value,
                                   void *member,
                                   trial_error *err);

/** Look at one endpoint. Fails with INVALID. */
TRIAL_MUST_USE trial_code rows_check_endpoint(const rows_row *row,
                                              trial_text value,
                                              trial_error *err);

/** Copy text behind each other with its end. */
void rows_copy_text(trial_text value, char *ret_text);

/** Write a number of bytes with the largest suffix that keeps it whole. */
void rows_print_bytes(uint64_t bytes, FILE *out);

/** Write text for scdoc with every letter that means something to it made harmless. */
void rows_print_plain(const char *text, FILE *out);

/** Write `From 1K to 1M.`, the range of a numeric row. */
void rows_print_range(const rows_row *row, FILE *out);

/** Write the value of a numeric row. */
void rows_print_number(const rows_row *row, const void *member, FILE *out);

#endif
