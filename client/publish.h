/* publish.h - how words of the command line become values. */
#ifndef CLIENT_PUBLISH_H
#define CLIENT_PUBLISH_H

#include "trial/value.h"

/**
 * Read the VALUE of KEY=VALUE as the catalogue says of that field of that type.
 *
 * Texts, codes, dates and words stay text. Integers, numbers and truths are read as JSON where
 * they are that. Lists, objects and fields that no row names are read as JSON, else as text.
 */
trial_value *publish_value(trial_arena *arena, const char *type, trial_text key, const char *value);

#endif
