/* scratch.h - states in memory: where `as_of`, `known_at` and a rebuild fold to. One thread uses
 * it. */
#ifndef ENGINE_SCRATCH_H
#define ENGINE_SCRATCH_H

#include "fold.h"

typedef struct scratch scratch;

/** Reads a record by position for a fold over a scratch; as fold_rows.record. */
typedef trial_code
scratch_record(void *context, uint64_t position, trial_bytes *ret_record, trial_error *err);

scratch *scratch_new(void); /* given; scratch_done() */
void scratch_done(scratch *s);

/** Rows that keep their states here and read records through `record` with its `context`. */
fold_rows scratch_rows(scratch *s, scratch_record *record, void *context);

/** Limit what the fold takes in, for corrections: as fold_rows.is_in, with the context of the
 * record. */
void scratch_limit(scratch *s, bool (*is_in)(void *context, const proto_record *record));

/** As fold_rows.elsewhere, with the context of the record. */
typedef trial_code scratch_elsewhere(void *context,
                                     trial_kind kind,
                                     trial_text id,
                                     trial_arena *arena,
                                     trial_bytes *ret_state,
                                     trial_error *err);

/** Where a rule looks that asks for a subject that is not here. */
void scratch_look_elsewhere(scratch *s, scratch_elsewhere *elsewhere);

/** The encoded state of a subject; data == NULL: none. Borrowed until the next put. */
trial_bytes scratch_get(const scratch *s, trial_kind kind, trial_text id);

/** Walk the states of a kind in the order of their ids: rewind, then next until false. */
void scratch_rewind(scratch *s, trial_kind kind);
bool scratch_next(scratch *s, trial_bytes *ret_key, trial_bytes *ret_value);

/** Number of states kept. */
uint64_t scratch_count(const scratch *s);

#endif
