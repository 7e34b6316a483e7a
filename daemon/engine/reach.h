/* reach.h - how far into the log the states of one programme reach. */
#ifndef ENGINE_REACH_H
#define ENGINE_REACH_H

#include "store.h"
#include "trial/event.h"

/** Positions in the order of the log, none twice. */
typedef struct reach {
    uint64_t *items;
    size_t count;
    size_t room;
} reach;

/** The list of a programme as far as a position, which is the last that may be in it.
 *
 * ret_reach  given, also on failure; reach_done().
 */
TRIAL_MUST_USE trial_code reach_list(
    store_read *read, trial_text programme, uint64_t last, reach *ret_reach, trial_error *err);

/**
 * Every event that the states of one programme's subjects are folded from, and those of subjects
 * that belong to none: municipalities, but for what names another programme.
 *
 * The list of a programme has the histories that begin with its name. A subject may come to it
 * later, by a correction or as a law does that is enacted for another programme than it was
 * proposed for: then a link of its state leads to it, and its whole history is reached.
 *
 * ret_reach  given, also on failure; reach_done().
 */
TRIAL_MUST_USE trial_code reach_programme(store_read *read,
                                          trial_text programme,
                                          reach *ret_reach,
                                          trial_error *err);

/** The history of one subject in front of a position; none where nobody knows it. As above. */
TRIAL_MUST_USE trial_code reach_subject(store_read *read,
                                        trial_kind kind,
                                        trial_text id,
                                        uint64_t before,
                                        reach *ret_reach,
                                        trial_error *err);
void reach_done(reach *r);

#endif
