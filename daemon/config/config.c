/* config.c - the settings of this process: flags, variables, file and defaults, laid over each
 * other and checked against each other. */
#include "flags.h"
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define FLAGS_MAX 256 /* flags of one command line; more is a mistake of who wrote it */
#define EXIT_USAGE 64
#define EXIT_CONFIG 78

enum { KEY_VERIFY = FLAGS_KEY_OTHERS, KEY_RESTORE, KEY_UNTIL, KEY_SINCE };

/* What is to be done instead of serving, and with what. */
struct task_words {
    config_task task;
    const char *from;
    const char *until;
    const char *since;
};

/* No more than one task. */
static error_t take_task(flags_line *line, config_task task, const char *from)
{
    struct task_words *words = line->context;

    if (words->task != CONFIG_SERVE) {
        (void)trial_fail(line->err, TRIAL_MALFORMED, "only one of --verify and --restore");
        return EINVAL;
    }
    words->task = task;
    words->from = from;
    return 0;
}

static error_t take_other(flags_line *line, int key, const char *value)
{
    struct task_words *words = line->context;

    switch (key) {
    case KEY_VERIFY:
        return take_task(line, CONFIG_VERIFY, value);
    case KEY_RESTORE:
        return take_task(line, CONFIG_RESTORE, value);
    case KEY_UNTIL:
        words->until = value;
        return 0;
    default:
        TRIAL_ASSERT(key == KEY_SINCE);
        words->since = value;
        return 0;
    }
}

static const struct argp_option other_flags[] = {
    { .name = "verify",
      .key = KEY_VERIFY,
      .arg = "DIR",
      .doc = "look at all of a store or backup that no daemon holds, name the first bad position, "
             "and leave",
      .group = 1 },
    { .name = "since",
      .key = KEY_SINCE,
      .arg = "SIZE:ROOT",
      .doc = "with --verify: is that earlier log its beginning?",
      .group = 1 },
    { .name = "restore",
      .key = KEY_RESTORE,
      .arg = "DIR",
      .doc = "make the store that --store names from the backup in DIR, and leave",
      .group = 1 },
    { .name = "until",
      .key = KEY_UNTIL,
      .arg = "POSITION|TIME",
      .doc = "with --restore: nothing that came later; the log gets a new name",
      .group = 1 },
    { 0 },
};

static const char about[] =
    "Keep the event log of public trials: take events in, decide them, answer for them."
    "\vEvery setting is also a variable (TRIALD_MAP_BYTES) and a key of the file (map_bytes = "
    "64G). "
    "A flag beats a variable, a variable the file. See triald(8) and triald.conf(5).";

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

/* What the service manager hands over stands before the default path. */
static trial_code find_credential(char **environment, struct config *config, trial_error *err)
{
    const char *directory = rows_find_variable(environment, "CREDENTIALS_DIRECTORY");
    char path[CONFIG_PATH_BYTES];

    if (directory == NULL) {
        return TRIAL_OK;
    }
    (void)snprintf(path, sizeof path, "%s/triald.key_secret", directory);
    if (access(path, F_OK) != 0) {
        return TRIAL_OK;
    }
    return settings_set(config, CONFIG_secret_key, path, CONFIG_CREDENTIAL, err);
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

static trial_code read_flags(const flags_line *line, struct config *config, trial_error *err)
{
    for (size_t i = 0; i < line->count; i++) {
        config_setting setting = (config_setting)line->given[i].row;

        if (settings_set(config, setting, line->given[i].value, CONFIG_FLAG, err) != TRIAL_OK) {
            char name[ROWS_NAME_BYTES];

            rows_flag(settings_row_of(setting), name);
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
static trial_code
lay_origins(const flags_line *line, char **environment, struct config *config, trial_error *err)
{
    struct config named = *config;
    trial_code code = read_defaults(environment, config, err);

    if (code == TRIAL_OK) {
        code = find_credential(environment, config, err);
    }
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
take_words(const struct task_words *given, struct config *config, trial_error *err)
{
    const struct word {
        const char *flag;
        const char *value;
        char *ret_value;
        size_t room;
        config_task task;
    } words[] = {
        { "--until", given->until, config->until, sizeof config->until, CONFIG_RESTORE },
        { "--since", given->since, config->since, sizeof config->since, CONFIG_VERIFY },
        { "DIR", given->from, config->from, sizeof config->from, given->task },
    };

    config->task = given->task;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].value == NULL) {
            continue;
        }
        if (words[i].task != given->task) {
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
    const flags_program program = {
        .name = "triald",
        .about = about,
        .rows = settings_row_of(0),
        .row_count = CONFIG_SETTING_COUNT,
        .given_max = FLAGS_MAX,
        .describes =
            "print rows: settings, example, events, requests, roles, errors, rules, views, limits, "
            "conditions, catalog, metrics, stages or probes",
        .others = other_flags,
        .on_other = take_other,
    };
    struct task_words words = { .task = CONFIG_SERVE };
    flags_line line;
    trial_error unheard;
    trial_code code;

    err = err == NULL ? &unheard : err;
    memset(ret_config, 0, sizeof *ret_config);
    code = flags_read(&program, argc, argv, &words, &line, err);
    if (code != TRIAL_OK) {
        return code;
    }
    ret_config->is_answered = line.question != FLAGS_NONE;
    if (line.question == FLAGS_VERSION) {
        (void)printf("triald %s\n", TRIALD_VERSION);
    } else if (line.question == FLAGS_DESCRIBE && !config_describe(line.describe, stdout)) {
        return trial_fail(
            err, TRIAL_MALFORMED, "there is nothing called '%.40s' to describe", line.describe);
    }
    if (line.question != FLAGS_NONE && line.question != FLAGS_CHECK) {
        return TRIAL_OK;
    }
    code = take_words(&words, ret_config, err);
    if (code == TRIAL_OK) {
        code = ret_config->task == CONFIG_VERIFY ? read_defaults(environment, ret_config, err)
                                                 : lay_origins(&line, environment, ret_config, err);
    }
    ret_config->is_checked = line.question == FLAGS_CHECK;
    if (code == TRIAL_OK && line.question == FLAGS_CHECK) {
        config_print(ret_config, stdout);
    }
    return code;
}

int config_exit_status(trial_code code)
{
    return code == TRIAL_MALFORMED ? EXIT_USAGE : EXIT_CONFIG;
}
