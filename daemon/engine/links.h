/* links.h - which other things a state names: the rows of STORE_LINK. */
#ifndef ENGINE_LINKS_H
#define ENGINE_LINKS_H

#include "keys.h"

/** Takes one link's key, borrowed for the call. */
typedef void links_visit(void *context, const row_key *link);

/** Visit every link of a state. A link is never taken back: who follows it looks at the state. */
void links_of(const trial_state *state, links_visit *visit, void *context);

/** What the links of a state are made from, to tell whether an event has changed any of them. It
 * points into the state's lists, which an event replaces or lengthens and whose links it never
 * writes over. */
typedef struct links_mark {
    trial_text programme;
    trial_texts codes[2];
    trial_list named;
} links_mark;

links_mark links_marked(const trial_state *state);
bool links_have_changed(const links_mark *before, const trial_state *state);

/** Does the trial or network name the municipality, as a participant or a member now or ever? */
bool links_has_municipality(const trial_state *state, trial_text code);

#endif
