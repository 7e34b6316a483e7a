/* bash.h - what the completion script for bash is made of beside the rows. */
#ifndef CLIENT_BASH_H
#define CLIENT_BASH_H

#include "trial/shape.h"

/** A field of a view that holds one of few words. */
typedef struct bash_word {
    const char *field;            /* VIEW.FIELD */
    const trial_choices *choices; /* or NULL: the words below are all */
    const char *words;
} bash_word;

extern const bash_word bash_words[];
extern const uint32_t bash_word_count;

/* The script, in its order: how the line is read; how it is walked through, once the words of the
 * rows are there; and what is offered, once the flags of the verb are there, too. */
extern const char bash_reading[];
extern const char bash_walking[];
extern const char bash_choosing[];

#endif
