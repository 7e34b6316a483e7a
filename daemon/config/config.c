/* config.c - the settings of this process: flags, variables, file and defaults, laid over each
 * other and checked against each other. */
#include "settings.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

#define KEY_OF_FIRST_SETTING 0x100 /* above every letter, so that no flag has a short form */
#define HELP_BYTES 400
#define FLAGS_MAX 256 /* flags of one command line; more is a mistake of who wrote it */
#define EXIT_USAGE 64
#define EXIT_CONFIG 78

enum {
    KEY_HELP = 1,
    KEY_VERSION,
    KEY_CHECK,
    KEY_DESCRIBE,
    KEY_VERIFY,
    KEY_RESTORE,
    KEY_UNTIL,
    KEY_SINCE,
    OTHER_FLAGS = 8,
};

/* One flag that was given, to be judged once the file and the variables have had their say. */
struct given_flag {
    config_setting setting;
    const char *value;
};

struct command_line {
    struct given_flag flags[FLAGS_MAX];
    size_t count;
    int question; /* KEY_HELP .. KEY_DESCRIBE, 0 for none */
    const char *describe;
    config_task task;
    const char *from; /* of a task */
    const char *until;
    const char *since;
    trial_error *err;
};

static error_t take_flag(struct command_line *line, int key, const char *value)
{
    if (line->count == FLAGS_MAX) {
        (void)trial_fail(line->err, TRIAL_MALFORMED, "more than %d flags", FLAGS_MAX);
        return EINVAL;
    }
    line->flags[line->count++] =
        (struct given_flag){ (config_setting)(key - KEY_OF_FIRST_SETTING), value };
    return 0;
}

/* What is to be done instead of serving; no more than one of them. */
static error_t take_task(struct command_line *line, config_task task, const char *from)
{
    if (line->task != CONFIG_SERVE) {
        (void)trial_fail(line->err, TRIAL_MALFORMED, "only one of --verify and --restore");
        return EINVAL;
    }
    line->task = task;
    line->from = from;
    return 0;
}

/* argp's reader; its signature is fixed. */
static error_t on_key(int key, char *value, struct argp_state *state)
{
    struct command_line *line = state->input;

    if (key >= KEY_OF_FIRST_SETTING && key < KEY_OF_FIRST_SETTING + (int)CONFIG_SETTING_COUNT) {
        return take_flag(line, key, value);
    }
    switch (key) {
    case KEY_HELP:
    case KEY_VERSION:
    case KEY_CHECK:
    case KEY_DESCRIBE:
        line->question = key;
        line->describe = key == KEY_DESCRIBE ? value : line->describe;
        return 0;
    case KEY_VERIFY:
        return take_task(line, CONFIG_VERIFY, value);
    case KEY_RESTORE:
        return take_task(line, CONFIG_RESTORE, value);
    case KEY_UNTIL:
        line->until = value;
        return 0;
    case KEY_SINCE:
        line->since = value;
        return 0;
    case ARGP_KEY_ARG:
        (void)trial_fail(
            line->err, TRIAL_MALFORMED, "'%s' is no flag; triald --help lists them", value);
        return EINVAL;
    case ARGP_KEY_ERROR:
        if (line->err->code == TRIAL_OK) {
            (void)trial_fail(line->err,
                             TRIAL_MALFORMED,
                             "'%s' is unknown, ambiguous or lacks its value; triald --help lists "
                             "the flags",
                             state->argv[state->next > 1 ? state->next - 1 : 1]);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* argp's table, from the rows. */
struct flag_table {
    struct argp_option options[CONFIG_SETTING_COUNT + OTHER_FLAGS + 1];
    char names[CONFIG_SETTING_COUNT][ROWS_NAME_BYTES];
    char docs[CONFIG_SETTING_COUNT][HELP_BYTES];
};

static void fill_flags(struct flag_table *ret_table)
{
    struct argp_option *next = ret_table->options;

    memset(ret_table, 0, sizeof *ret_table);
    for (config_setting s = 0; s < CONFIG_SETTING_COUNT; s++) {
        const rows_row *row = settings_row_of(s);

        rows_flag(row, ret_table->names[s]);
        (void)snprintf(ret_table->docs[s], HELP_BYTES, "%s (default %s)", row->doc, row->fallback);
        *next++ = (struct argp_option){ .name = ret_table->names[s],
                                        .key = KEY_OF_FIRST_SETTING + (int)s,
                                        .arg = rows_placeholder(row),
                                        .doc = ret_table->docs[s] };
    }
    *next++ = (struct argp_option){ .name = "check-config",
                                    .key = KEY_CHECK,
                                    .doc = "print the effective settings and leave",
                                    .group = 1 };
    *next++ = (struct argp_option){
        .name = "describe",
        .key = KEY_DESCRIBE,
        .arg = "WHAT",
        .doc = "print rows: settings, example, events, requests, errors, rules, views or limits",
        .group = 1
    };
    *next++ = (struct argp_option){ .name = "verify",
                                    .key = KEY_VERIFY,
                                    .arg = "DIR",
                                    .doc = "look at all of a store or backup that no daemon holds, "
                                           "name the first bad position, and leave",
                                    .group = 1 };
    *next++ = (struct argp_option){ .name = "since",
                                    .key = KEY_SINCE,
                                    .arg = "SIZE:ROOT",
                                    .doc = "with --verify: is that earlier log its beginning?",
                                    .group = 1 };
    *next++ = (struct argp_option){ .name = "restore",
                                    .key = KEY_RESTORE,
                                    .arg = "DIR",
                                    .doc = "make the store that --store names from the backup in "
                                           "DIR, and leave",
                                    .group = 1 };
    *next++ = (struct argp_option){ .name = "until",
                                    .key = KEY_UNTIL,
                                    .arg = "POSITION|TIME",
                                    .doc = "with --restore: nothing that came later; the log gets "
                                           "a new name",
                                    .group = 1 };
    *next++ =
        (struct argp_option){ .name = "help", .key = KEY_HELP, .doc = "print this", .group = 1 };
    *next = (struct argp_option){
        .name = "version", .key = KEY_VERSION, .doc = "print the version", .group = 1
    };
}

static const char about[] =
    "Keep the event log of public trials: take events in, decide them, answer for them."
    "\vEvery setting is also a variable (TRIALD_MAP_BYTES) and a key of the file (map_bytes = "
    "64G). "
    "A flag beats a variable, a variable the file. See triald(8) and triald.conf(5).";

static trial_code
read_command_line(int argc, char **argv, struct command_line *ret_line, trial_error *err)
{
    struct flag_table table;
    struct argp argp = { .options = table.options, .parser = on_key, .doc = about };
    unsigned flags = ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_NO_HELP;
    error_t failed;

    *ret_line = (struct command_line){ .err = err };
    *err = TRIAL_ERROR_NONE;
    fill_flags(&table);
    failed = argp_parse(&argp, argc, argv, flags, NULL, ret_line);
    if (failed == ENOMEM) {
        return trial_fail_errno(err, failed, "reading the flags");
    }
    if (failed != 0) {
        return err->code != TRIAL_OK ? err->code
                                     : trial_fail(err, TRIAL_MALFORMED, "the flags make no sense");
    }
    if (ret_line->question == KEY_HELP) {
        argp_help(&argp,
                  stdout,
                  ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK,
                  program_invocation_short_name);
    }
    return TRIAL_OK;
}

static trial_code read_defaults(char **environment, struct config *config, trial_error *err)
{
    const char *directory = rows_find_variable(environment, "STATE_DIRECTORY");
    char first[CONFIG_PATH_BYTES];
    trial_code code = TRIAL_OK;

    for (config_setting s = 0; s < CONFIG_SETTING_COUNT && code == TRIAL_OK; s++) {
        code = settings_set(config, s, settings_row_of(s)->fallback, CONFIG_DEFAULT, err);
    }
    if (code != TRIAL_OK || directory == NULL) {
        return code;
    }
    /* The service manager may name several with colons between them; the first is ours. */
    (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(directory, ":"), directory);
    code = settings_set(config, CONFIG_store, first, CONFIG_DEFAULT, err);
    return code == TRIAL_OK ? code : trial_fail_while(err, "STATE_DIRECTORY");
}

static trial_code read_variables(char **environment, struct config *config, trial_error *err)
{
    for (config_setting s = 0; s < CONFIG_SETTING_COUNT; s++) {
        char name[ROWS_NAME_BYTES];
        const char *value;

        rows_variable(settings_row_of(s), SETTINGS_PREFIX, name);
        value = rows_find_variable(environment, name);
        if (value != NULL && settings_set(config, s, value, CONFIG_VARIABLE, err) != TRIAL_OK) {
            return trial_fail_while(err, "%s", name);
        }
    }
    return TRIAL_OK;
}

static trial_code
read_flags(const struct command_line *line, struct config *config, trial_error *err)
{
    for (size_t i = 0; i < line->count; i++) {
        const struct given_flag *flag = &line->flags[i];

        if (settings_set(config, flag->setting, flag->value, CONFIG_FLAG, err) != TRIAL_OK) {
            char name[ROWS_NAME_BYTES];

            rows_flag(settings_row_of(flag->setting), name);
            return trial_fail_while(err, "--%s", name);
        }
    }
    return TRIAL_OK;
}

/* The file that flag or variable names, else the default one, which may be absent. */
static trial_code read_named_file(struct config *config, trial_error *err)
{
    FILE *file = fopen(config->config, "re");
    trial_code code;

    if (file == NULL && errno == ENOENT && config->origins[CONFIG_config] == CONFIG_DEFAULT) {
        return TRIAL_OK;
    }
    if (file == NULL) {
        return trial_fail_errno(err, errno, "opening '%.300s'", config->config);
    }
    code = config_read_file(file, config->config, config, err);
    (void)fclose(file); /* it was only read */
    return code;
}

/* Bounds that only make sense together. */
static trial_code check_together(const struct config *config, trial_error *err)
{
    if (config->event_bytes > config->request_bytes) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "event_bytes is over request_bytes: no event of that "
                          "size could be sent");
    }
    if (config->request_bytes > config->turn_bytes) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "request_bytes is over turn_bytes: no turn could take "
                          "a request of that size");
    }
    if (config->turn_bytes > config->journal_bytes / 2) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "journal_bytes is under twice turn_bytes: a turn might "
                          "not fit the journal");
    }
    return TRIAL_OK;
}

/* Lay the origins over each other. The file's name must be known before the file is read, and the
 * file gives way to what names it, so variables and flags are laid on twice. */
static trial_code lay_origins(const struct command_line *line,
                              char **environment,
                              struct config *config,
                              trial_error *err)
{
    struct config named = *config;
    trial_code code = read_defaults(environment, config, err);

    if (code == TRIAL_OK) {
        named = *config;
        code = read_variables(environment, &named, err);
    }
    if (code == TRIAL_OK) {
        code = read_flags(line, &named, err);
    }
    if (code == TRIAL_OK) {
        memcpy(config->config, named.config, sizeof config->config);
        config->origins[CONFIG_config] = named.origins[CONFIG_config];
        code = read_named_file(config, err);
    }
    if (code == TRIAL_OK) {
        code = read_variables(environment, config, err);
    }
    if (code == TRIAL_OK) {
        code = read_flags(line, config, err);
    }
    return code == TRIAL_OK ? check_together(config, err) : code;
}

/* Keep what a task was given; each flag belongs to its own. */
static trial_code
take_words(const struct command_line *line, struct config *config, trial_error *err)
{
    const struct word {
        const char *flag;
        const char *value;
        char *ret_value;
        size_t room;
        config_task task;
    } words[] = {
        { "--until", line->until, config->until, sizeof config->until, CONFIG_RESTORE },
        { "--since", line->since, config->since, sizeof config->since, CONFIG_VERIFY },
        { "DIR", line->from, config->from, sizeof config->from, line->task },
    };

    config->task = line->task;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].value == NULL) {
            continue;
        }
        if (words[i].task != line->task) {
            return trial_fail(err, TRIAL_MALFORMED, "%s belongs to another task", words[i].flag);
        }
        if (words[i].value[0] == '\0' || strlen(words[i].value) >= words[i].room) {
            return trial_fail(
                err, TRIAL_MALFORMED, "what %s was given is too long or empty", words[i].flag);
        }
        memcpy(words[i].ret_value, words[i].value, strlen(words[i].value) + 1);
    }
    return TRIAL_OK;
}

trial_code
config_read(int argc, char **argv, char **environment, struct config *ret_config, trial_error *err)
{
    struct command_line line;
    trial_error unheard;
    trial_code code;

    err = err == NULL ? &unheard : err;
    memset(ret_config, 0, sizeof *ret_config);
    code = read_command_line(argc, argv, &line, err);
    if (code != TRIAL_OK) {
        return code;
    }
    ret_config->is_answered = line.question != 0;
    if (line.question == KEY_VERSION) {
        (void)printf("triald %s\n", TRIALD_VERSION);
    } else if (line.question == KEY_DESCRIBE && !config_describe(line.describe, stdout)) {
        return trial_fail(
            err, TRIAL_MALFORMED, "there is nothing called '%.40s' to describe", line.describe);
    }
    if (line.question != 0 && line.question != KEY_CHECK) {
        return TRIAL_OK;
    }
    code = take_words(&line, ret_config, err);
    if (code == TRIAL_OK) {
        code = ret_config->task == CONFIG_VERIFY ? read_defaults(environment, ret_config, err)
                                                 : lay_origins(&line, environment, ret_config, err);
    }
    if (code == TRIAL_OK && line.question == KEY_CHECK) {
        config_print(ret_config, stdout);
    }
    return code;
}

int config_exit_status(trial_code code)
{
    return code == TRIAL_MALFORMED ? EXIT_USAGE : EXIT_CONFIG;
}
