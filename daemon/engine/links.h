/* links.h - which other things a state names: the rows of STORE_LINK. */
#ifndef ENGINE_LINKS_H
#define ENGINE_LINKS_H

#include "keys.h"

/** Takes one link's key, borrowed for the call. */
typedef void links_visit(void *context, const row_key *link);

/** Visit every link of a state. A link is never taken back: who follows it looks at the state. */
void links_of(const trial_state *state, links_visit *visit, void *context);

/** Does the trial or network name the municipality, as a participant or a member now or ever? */
bool links_has_municipality(const trial_state *state, trial_text code);

#endif
