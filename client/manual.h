/* manual.h - what the manual pages hold of the rows, as scdoc. */
#ifndef CLIENT_MANUAL_H
#define CLIENT_MANUAL_H

#include "trial/base.h"

/** Print text with every letter that means something to scdoc made harmless. */
void manual_plain(trial_text text);

/** Print the verbs and flags for trialctl(1). */
void manual_verbs(void);

#endif
