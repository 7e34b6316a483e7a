/* fold.h - one event after the other into the states of subjects, wherever these are kept. The same
 * code folds for the writer, for `as_of` and for a rebuild, so there is one meaning of every event.
 */
#ifndef ENGINE_FOLD_H
#define ENGINE_FOLD_H

#include "links.h"
#include "record.h"
#include "rules.h"

/**
 * Where a fold keeps its states and finds the records it has folded.
 *
 * get     the encoded state of a subject; data == NULL: none. Borrowed until the next put.
 * put     keep an encoded state; copied.
 * link    keep the links of a state, some of which are new. NULL: nobody asks for them.
 * record  a record by position; borrowed until the next call.
 * buffer  what states are encoded in, one after the other; of the context.
 * is_in   does this fold take that record in? `as_of` and `known_at` leave some out. NULL: all.
 * has_exemption  was an exemption of that id granted to anybody?
 * elsewhere  the state of a subject that a fold of one programme does not reach, or of a
 *            municipality, of which it reaches a part; in the arena, and left alone where `get`
 *            has the last word. NULL: it always has.
 */
typedef struct fold_rows {
    void *context;
    trial_code (*get)(
        void *context, trial_kind kind, trial_text id, trial_bytes *ret_state, trial_error *err);
    trial_code (*put)(void *context, const trial_state *state, trial_bytes bytes, trial_error *err);
    void (*link)(void *context, const trial_state *state);
    pack_writer *buffer;
    trial_code (*record)(void *context,
                         uint64_t position,
                         trial_bytes *ret_record,
                         trial_error *err);
    bool (*is_in)(void *context, const proto_record *record);
    trial_code (*has_exemption)(void *context,
                                trial_text exemption_id,
                                bool *ret_has,
                                trial_error *err);
    trial_code (*elsewhere)(void *context,
                            trial_kind kind,
                            trial_text id,
                            trial_arena *arena,
                            trial_bytes *ret_state,
                            trial_error *err);
} fold_rows;

/** The id a state is kept under: what follows the slash, or the whole subject for kinds without a
 * word. */
trial_text fold_state_id(const trial_event *event);

/** Load a state, cleared where there is none. Lists live in the arena, text in copies there. */
TRIAL_MUST_USE trial_code fold_load(const fold_rows *rows,
                                    trial_kind kind,
                                    trial_text id,
                                    trial_arena *arena,
                                    trial_state *ret_state,
                                    trial_error *err);

/** An event on its way into the fold, with all that was looked up for it. */
typedef struct fold_step {
    const fold_rows *rows;
    trial_arena *arena;
    const trial_event *event;
    uint64_t previous; /* position of the subject's event before it, 0: none */
    trial_state state; /* of its subject, before it and then after it */
    links_mark links;  /* of the state before it */
    rules_correction correction;
    trial_code failed; /* of a look-up inside a rule; TRIAL_OK where all went well */
    trial_error why;
} fold_step;

/** Load what the event needs. `event` and `arena` outlive the step. */
TRIAL_MUST_USE trial_code fold_begin(fold_step *step,
                                     const fold_rows *rows,
                                     const trial_event *event,
                                     uint64_t previous,
                                     trial_arena *arena,
                                     trial_error *err);

/** May it happen? Fails as rules_decide(), or with STORAGE where a look-up failed. */
TRIAL_MUST_USE trial_code fold_decide(fold_step *step, trial_error *err);

/** Fold it into step->state; a correction folds the subject's history again. */
TRIAL_MUST_USE trial_code fold_apply(fold_step *step, trial_error *err);

/** Encode the state and put it, and its links where one is new. */
TRIAL_MUST_USE trial_code fold_save(const fold_step *step, trial_error *err);

/** Does the event change no state at all? Most of a foreign log is of this sort. */
bool fold_leaves_no_trace(const proto_record *record);

/**
 * Begin, apply and save in one. `is_judged` notes an event that the rules refuse now as a breach
 * (rebuild).
 */
TRIAL_MUST_USE trial_code fold_event(const fold_rows *rows,
                                     const proto_record *record,
                                     bool is_judged,
                                     trial_arena *arena,
                                     trial_error *err);

/** The same of an event that was read from its record, at whose subject's event `previous` was the
 * last before it; it leaves a trace. */
TRIAL_MUST_USE trial_code fold_decoded(const fold_rows *rows,
                                       const trial_event *event,
                                       uint64_t previous,
                                       bool is_judged,
                                       trial_arena *arena,
                                       trial_error *err);

/** Fold one record of a walk over the log, as its bytes stand there, if the rows take it in; the
 * arena is reset. Fails with STORAGE where the bytes are no record. */
TRIAL_MUST_USE trial_code fold_bytes(
    const fold_rows *rows, trial_bytes bytes, bool is_judged, trial_arena *arena, trial_error *err);

#endif
