/* flags.c - see flags.h. Reading is argp's. */
#include "flags.h"

#include "trial/arena.h"

#include <errno.h>
#include <stdlib.h>

#define KEY_OF_FIRST_ROW 0x100 /* above every letter, so that no flag has a short form */
#define HELP_BYTES 400

static error_t take_row(flags_line *line, int key, const char *value)
{
    if (line->count == line->program->given_max) {
        (void)trial_fail(
            line->err, TRIAL_MALFORMED, "more than %zu flags", line->program->given_max);
        return EINVAL;
    }
    line->given[line->count++] = (flags_given){ (size_t)(key - KEY_OF_FIRST_ROW), value };
    return 0;
}

/* argp's reader; its signature is fixed. */
static error_t on_key(int key, char *value, struct argp_state *state)
{
    flags_line *line = state->input;

    if (key >= KEY_OF_FIRST_ROW && key < KEY_OF_FIRST_ROW + (int)line->program->row_count) {
        return take_row(line, key, value);
    }
    if (key > FLAGS_NONE && key < FLAGS_QUESTION_COUNT) {
        line->question = (flags_question)key;
        line->describe = key == FLAGS_DESCRIBE ? value : line->describe;
        return 0;
    }
    if (key >= FLAGS_KEY_OTHERS && key < FLAGS_KEY_OTHERS + (int)FLAGS_OTHERS_MAX) {
        return line->program->on_other(line, key, value);
    }
    if (key == ARGP_KEY_ARG) {
        (void)trial_fail(line->err,
                         TRIAL_MALFORMED,
                         "'%s' is no flag; %s --help lists them",
                         value,
                         line->program->name);
        return EINVAL;
    }
    if (key == ARGP_KEY_ERROR) {
        if (line->err->code == TRIAL_OK) {
            (void)trial_fail(line->err,
                             TRIAL_MALFORMED,
                             "'%s' is unknown, ambiguous or lacks its value; %s --help lists the "
                             "flags",
                             state->argv[state->next > 1 ? state->next - 1 : 1],
                             line->program->name);
        }
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* argp's table and the texts it points to. */
struct table {
    struct argp_option *options;
    char (*names)[ROWS_NAME_BYTES];
    char (*docs)[HELP_BYTES];
};

static void fill_table(const flags_program *program, struct table *table)
{
    struct argp_option *next = table->options;

    for (size_t i = 0; i < program->row_count; i++) {
        const rows_row *row = &program->rows[i];

        rows_flag(row, table->names[i]);
        (void)snprintf(table->docs[i],
                       HELP_BYTES,
                       "%s (default %s)",
                       row->doc,
                       row->fallback[0] == '\0' ? "none" : row->fallback);
        *next++ = (struct argp_option){ .name = table->names[i],
                                        .key = KEY_OF_FIRST_ROW + (int)i,
                                        .arg = rows_placeholder(row),
                                        .doc = table->docs[i] };
    }
    *next++ = (struct argp_option){ .name = "check-config",
                                    .key = FLAGS_CHECK,
                                    .doc = "print the effective settings and leave",
                                    .group = 1 };
    *next++ = (struct argp_option){ .name = "describe",
                                    .key = FLAGS_DESCRIBE,
                                    .arg = "WHAT",
                                    .doc = program->describes,
                                    .group = 1 };
    for (const struct argp_option *other = program->others; other != NULL && other->name != NULL;
         other++) {
        *next++ = *other;
    }
    *next++ =
        (struct argp_option){ .name = "help", .key = FLAGS_HELP, .doc = "print this", .group = 1 };
    *next = (struct argp_option){
        .name = "version", .key = FLAGS_VERSION, .doc = "print the version", .group = 1
    };
}

trial_code flags_read(const flags_program *program,
                      int argc,
                      char **argv,
                      void *context,
                      flags_line *ret_line,
                      trial_error *err)
{
    size_t options = program->row_count + FLAGS_OTHERS_MAX + FLAGS_QUESTION_COUNT; /* and an end */
    trial_arena arena = { 0 };
    struct table table = {
        .options = trial_arena_take(&arena, options * sizeof *table.options),
        .names = trial_arena_take(&arena, program->row_count * sizeof *table.names),
        .docs = trial_arena_take(&arena, program->row_count * sizeof *table.docs),
    };
    struct argp argp = { .options = table.options, .parser = on_key, .doc = program->about };
    unsigned flags = ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_NO_HELP;
    trial_code code = TRIAL_OK;
    error_t failed;

    *ret_line = (flags_line){ .program = program, .context = context, .err = err };
    *err = TRIAL_ERROR_NONE;
    fill_table(program, &table);
    failed = argp_parse(&argp, argc, argv, flags, NULL, ret_line);
    if (failed == ENOMEM) {
        code = trial_fail_errno(err, failed, "reading the flags");
    } else if (failed != 0) {
        code = err->code != TRIAL_OK ? err->code
                                     : trial_fail(err, TRIAL_MALFORMED, "the flags make no sense");
    } else if (ret_line->question == FLAGS_HELP) {
        argp_help(&argp,
                  stdout,
                  ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK,
                  program_invocation_short_name);
    }
    trial_arena_done(&arena);
    return code;
}
