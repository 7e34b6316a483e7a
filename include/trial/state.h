/* state.h - what the fold keeps of each subject, made from the rows of state.def. */
#ifndef TRIAL_STATE_H
#define TRIAL_STATE_H

#include "trial/event.h"

#include "trial/fields_struct.inc"
#define SHAPE(lower, fields)                                                                       \
    struct trial_##lower {                                                                         \
        fields                                                                                     \
    };                                                                                             \
    struct trial_##lower##_list {                                                                  \
        struct trial_##lower *items;                                                               \
        uint32_t count;                                                                            \
    };                                                                                             \
    const trial_shape *trial_shape_of_##lower(void);
#define STATE(lower, UPPER, fields)                                                                \
    struct trial_##lower {                                                                         \
        fields                                                                                     \
    };                                                                                             \
    const trial_shape *trial_shape_of_##lower(void);
#include "trial/state.def"

#include "trial/fields_end.inc"

/** The state of one subject. */
typedef struct trial_state {
    trial_kind kind; /* CASE and OTHER both use `as.other` */
    trial_text id;   /* what follows the slash of the subject; for OTHER the whole subject */
    union {
#define SHAPE(lower, fields)
#define STATE(lower, UPPER, fields) struct trial_##lower lower;
#include "trial/state.def"
    } as;
} trial_state;

/** The shape of the state of a kind. */
const trial_shape *trial_state_shape(trial_kind kind);

/** A state of that kind of which nothing is known yet: absent everywhere, dates and instants NONE.
 */
void trial_state_clear(trial_state *state, trial_kind kind, trial_text id);

/** The short id of the programme a network, trial or law belongs to; absent for any other kind. */
trial_text trial_state_programme(const trial_state *state);

/** What hangs on any subject, NULL where nothing does. */
struct trial_attached *trial_state_attached(const trial_state *state);

/** Set every field of a struct to its absent form. */
void trial_shape_clear(const trial_shape *shape, void *ret_struct);

#endif
