/* flags.h - a command line out of rows: each is a flag, beside the questions that every program
 * answers and whatever a program adds. Words are read here; what they are worth is judged where the
 * rows are laid over each other. */
#ifndef ROWS_FLAGS_H
#define ROWS_FLAGS_H

#include "rows.h"

#include <argp.h>

#define FLAGS_GIVEN_MAX 256 /* flags of one command line, whatever the program */
#define FLAGS_OTHERS_MAX 8  /* that a program adds */

typedef enum flags_question {
    FLAGS_NONE,
    FLAGS_HELP, /* is answered when the line has been read */
    FLAGS_VERSION,
    FLAGS_CHECK,
    FLAGS_DESCRIBE,
    FLAGS_QUESTION_COUNT,
} flags_question;

/** The first key of a flag that a program adds: no letter, which would be its short form, and above
 * those of the rows. */
#define FLAGS_KEY_OTHERS 0x1000

typedef struct flags_line flags_line;

/** What a program's command line is made of; all of it is borrowed. */
typedef struct flags_program {
    const char *name;
    const char *about; /* for --help, as argp takes it */
    const rows_row *rows;
    size_t row_count;
    size_t given_max;      /* at most FLAGS_GIVEN_MAX; more is a mistake of who wrote the line */
    const char *describes; /* what --describe prints: "rows: settings, ..." */
    const struct argp_option *others; /* FLAGS_OTHERS_MAX at most, an empty one behind the last */

    /** Take a flag of `others`. Fails with EINVAL, its sentence in line->err. NULL: there are none.
     */
    error_t (*on_other)(flags_line *line, int key, const char *value);
} flags_program;

/** A flag that was given, in the order of the line. */
typedef struct flags_given {
    size_t row;
    const char *value;
} flags_given;

struct flags_line {
    const flags_program *program;
    flags_given given[FLAGS_GIVEN_MAX];
    size_t count;
    flags_question question;
    const char *describe; /* what to describe */
    void *context;        /* the program's own */
    trial_error *err;
};

/** Read a command line, and answer --help. Words are borrowed. Fails with MALFORMED. */
TRIAL_MUST_USE trial_code flags_read(const flags_program *program,
                                     int argc,
                                     char **argv,
                                     void *context,
                                     flags_line *ret_line,
                                     trial_error *err);

#endif
