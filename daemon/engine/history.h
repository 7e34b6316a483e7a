/* history.h - one subject's events, with what corrections made of them. */
#ifndef ENGINE_HISTORY_H
#define ENGINE_HISTORY_H

#include "fold.h"

/** Find the event a correction names and hold the correction against it. */
TRIAL_MUST_USE trial_code history_find_corrected(const fold_rows *rows,
                                                 uint64_t last,
                                                 const struct trial_correction_issued *correction,
                                                 trial_text source,
                                                 trial_arena *arena,
                                                 rules_correction *ret_correction,
                                                 trial_error *err);

/**
 * Fold the history behind step->event into step->state anew, with the new value in the old one's
 * place. Breaches stay; what the rules refuse now and did not before the correction is added to
 * them.
 */
TRIAL_MUST_USE trial_code history_fold_again(fold_step *step, trial_error *err);

#endif
