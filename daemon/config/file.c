/* file.c - the configuration file: `key = value` lines, read by inih and counted by us, for inih
 * cuts a long line in two without a word. */
#include "settings.h"

#include <errno.h>
#include <ini.h>

struct reading {
    FILE *file;
    struct config *config;
    bool is_seen[CONFIG_SETTING_COUNT];
    bool is_inside_line; /* the piece read last did not end its line */
    int line;            /* the one read last, from 1 */
    int long_line;       /* the first that was over inih's bound, 0 for none */
    int bad_line;        /* the first whose key or value was refused */
    trial_error error;   /* why */
};

/* inih's source of lines; its signature is fixed. */
static char *next_line(char *ret_line, int size, void *stream)
{
    struct reading *reading = stream;
    char *line = fgets(ret_line, size, reading->file);

    if (line == NULL) {
        return NULL;
    }
    if (reading->is_inside_line && reading->long_line == 0) {
        reading->long_line = reading->line;
    }
    reading->line += reading->is_inside_line ? 0 : 1;
    reading->is_inside_line = strchr(line, '\n') == NULL;
    return line;
}

static trial_code
take_key(struct reading *reading, const char *section, const char *key, const char *value)
{
    config_setting setting = settings_named(key);

    if (section[0] != '\0') {
        return trial_fail(
            &reading->error, TRIAL_INVALID, "'[%.40s]': the file has no sections", section);
    }
    if (setting == CONFIG_config) {
        return trial_fail(&reading->error, TRIAL_INVALID, "a file cannot name another file");
    }
    if (setting == CONFIG_SETTING_COUNT) {
        return trial_fail(
            &reading->error, TRIAL_INVALID, "'%.60s' is no setting; triald --help lists them", key);
    }
    if (reading->is_seen[setting] && settings_row_of(setting)->kind != ROWS_ENDPOINTS) {
        return trial_fail(&reading->error, TRIAL_INVALID, "%s stands in the file twice", key);
    }
    reading->is_seen[setting] = true;
    return settings_set(reading->config, setting, value, CONFIG_FILE, &reading->error);
}

static int on_key(void *user, const char *section, const char *key, const char *value)
{
    struct reading *reading = user;

    if (reading->bad_line == 0 && take_key(reading, section, key, value) != TRIAL_OK) {
        reading->bad_line = reading->line;
    }
    return reading->bad_line == 0;
}

trial_code config_read_file(FILE *file, const char *name, struct config *config, trial_error *err)
{
    struct reading reading = { .file = file, .config = config };
    int bad_line = ini_parse_stream(next_line, &reading, on_key, &reading);

    if (ferror(file)) {
        return trial_fail(err, TRIAL_STORAGE, "reading '%s': %s", name, strerror(errno));
    }
    if (reading.long_line != 0 && (bad_line == 0 || reading.long_line <= bad_line)) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s' line %d is over %d bytes",
                          name,
                          reading.long_line,
                          INI_MAX_LINE - 2);
    }
    if (bad_line != 0 && bad_line == reading.bad_line) {
        return trial_fail(
            err, TRIAL_INVALID, "'%s' line %d: %s", name, bad_line, reading.error.text);
    }
    if (bad_line != 0) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s' line %d is neither a comment nor `key = value`",
                          name,
                          bad_line);
    }
    return TRIAL_OK;
}
