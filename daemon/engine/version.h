/* version.h - which version of the fold made the rows of a store: a row of STORE_META. */
#ifndef ENGINE_VERSION_H
#define ENGINE_VERSION_H

#include "trial/base.h"

/** Raise it with every change of the fold's code that makes other states of the same events: stores
 * are then rebuilt in the background when the daemon starts. */
#define FOLD_VERSION 2

#define FOLD_ROW_KEY "fold"
#define FOLD_ROW_BYTES ((size_t)16)

typedef enum fold_row_age {
    FOLD_ROW_CURRENT,
    FOLD_ROW_OLD,     /* another version; its rows can be read */
    FOLD_ROW_FOREIGN, /* rows of other shapes, or nothing is known of them */
} fold_row_age;

/** Write the row of this version: FOLD_VERSION, then what the shapes of all states come to. */
void fold_row_write(uint8_t *bytes);

/** What made the rows? `bytes` as read; data == NULL where there is no such row. */
fold_row_age fold_row_look(trial_bytes bytes);

#endif
