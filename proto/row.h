/* row.h - the structs that rows describe, as the tables hold them: by place instead of by name. A
 * state is read and written with every event, and names cost a third of the writer's time. A change
 * of a shape changes its rows: they are folds of the log and are folded again.
 *
 * A struct is one bit a field (least first, whole bytes: is it set?), then the values of those that
 * are, in the order of their rows: text and bytes a length and bytes; integers and lengths LEB128,
 * signed ones folded (zigzag); instants 8 bytes, days 4, numbers a form and 8, little-endian;
 * truths and choices one byte; lists a length and their items. */
#ifndef PROTO_ROW_H
#define PROTO_ROW_H

#include "pack.h"

/** Append a struct to the writer. */
void proto_row_write(pack_writer *writer, const trial_shape *shape, const void *from);

/**
 * Read a struct from exactly these bytes.
 *
 * ret_struct  text and bytes point into `bytes`; lists and objects are taken from the arena.
 * Fails with STORAGE where they are no row of this shape.
 */
TRIAL_MUST_USE trial_code proto_row_read(trial_bytes bytes,
                                         const trial_shape *shape,
                                         trial_arena *arena,
                                         void *ret_struct,
                                         trial_error *err);

#endif
