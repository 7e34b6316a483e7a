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
#include "trial/state.h"

/** Append what a state holds; its kind and id are the row's key. */
void proto_row_write(pack_writer *writer, const trial_state *state);

/**
 * Read what a state of `into->kind` holds from exactly these bytes.
 *
 * into  text and bytes point into `bytes`; lists and objects are taken from the arena. Whatever it
 *       held before is gone, its kind and id stay.
 * Fails with STORAGE where they are no row of this kind.
 */
TRIAL_MUST_USE trial_code proto_row_read(trial_bytes bytes,
                                         trial_arena *arena,
                                         trial_state *into,
                                         trial_error *err);

#endif
