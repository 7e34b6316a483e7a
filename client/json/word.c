/* word.c - see word.h. */
#include "word.h"

#define DIGITS_MAX 19 /* so many fit 64 bits */

bool word_number(trial_text word, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (word.size == 0 || word.size > DIGITS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < word.size; i++) {
        if (word.at[i] < '0' || word.at[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(word.at[i] - '0');
    }
    if (number < least || number > most) {
        return false;
    }
    *ret_number = number;
    return true;
}

trial_value *word_condition(trial_arena *arena, trial_text word)
{
    bool is_true = trial_text_is(word, "true");

    return is_true || trial_text_is(word, "false") ? trial_value_truth(arena, is_true)
                                                   : trial_value_copy(arena, word);
}

trial_value *word_moment(trial_arena *arena, trial_text word)
{
    uint64_t position = 0;

    return word_number(word, 0, INT64_MAX, &position) ? trial_value_unsigned(arena, position)
                                                      : trial_value_copy(arena, word);
}
