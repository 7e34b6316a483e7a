/* word.h - what a word on a command line or in an address means as a parameter. */
#ifndef CLIENT_JSON_WORD_H
#define CLIENT_JSON_WORD_H

#include "trial/value.h"

/** Read a decimal number in a range, of digits only. False: it is none. */
bool word_number(trial_text word, uint64_t least, uint64_t most, uint64_t *ret_number);

/** A condition of `where`: true and false are truths, the rest is text, for the daemon compares a
 * number also with its decimal text. The text is copied. */
trial_value *word_condition(trial_arena *arena, trial_text word);

/** A moment of `known_at`: digits are a position, the rest is text. The text is copied. */
trial_value *word_moment(trial_arena *arena, trial_text word);

#endif
