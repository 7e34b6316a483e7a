/* file.c - the configuration file: `key = value` lines, read by inih and looked at by us before,
 * for inih cuts a long line in two, ends one at a NUL and takes a section without a word. */
#include "settings.h"

#include <errno.h>
#include <ini.h>

struct reading {
    FILE *file;
    struct config *config;
    bool is_seen[CONFIG_SETTING_COUNT];
    bool is_inside_line; /* the piece read last did not end its line */
    int line;            /* the one read last, from 1 */
    int raw_line;        /* the first that inih would bend, 0 for none */
    trial_error raw;     /* why */
    int bad_line;        /* the first whose key or value was refused */
    trial_error error;   /* why */
};

/* One more piece of a line as it stands in the file; its size, 0 at the end of the file. */
static int read_piece(FILE *file, char *ret_line, int size)
{
    int used = 0;

    while (used < size - 1) {
        int byte = getc(file);

        if (byte == EOF) {
            break;
        }
        ret_line[used++] = (char)byte;
        if (byte == '\n') {
            break;
        }
    }
    ret_line[used] = '\0';
    return used;
}

/* Is that the beginning of a section? inih passes over blanks, and the file's byte order mark. */
static bool is_section(const char *line, int number)
{
    line += number == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    return line[strspn(line, " \t")] == '[';
}

/* The first line that inih would bend, where this piece is of one. */
static void look_at(struct reading *reading, const char *piece, int size, bool is_first)
{
    trial_code code = TRIAL_OK;

    if (reading->raw_line != 0) {
        return;
    }
    if (!is_first) {
        code = trial_fail(&reading->raw, TRIAL_INVALID, "it is over %d bytes", INI_MAX_LINE - 2);
    } else if (memchr(piece, '\0', (size_t)size) != NULL) {
        code = trial_fail(&reading->raw, TRIAL_INVALID, "there is a NUL in it");
    } else if (is_section(piece, reading->line)) {
        code = trial_fail(&reading->raw,
                          TRIAL_INVALID,
                          "'%.*s': the file has no sections",
                          (int)strcspn(piece, "\r\n"),
                          piece);
    }
    reading->raw_line = code == TRIAL_OK ? 0 : reading->line;
}

/* inih's source of lines; its signature is fixed. */
static char *next_line(char *ret_line, int size, void *stream)
{
    struct reading *reading = stream;
    bool is_first = !reading->is_inside_line;
    int read = read_piece(reading->file, ret_line, size);

    if (read == 0) {
        return NULL;
    }
    reading->line += is_first ? 1 : 0;
    reading->is_inside_line = ret_line[read - 1] != '\n';
    look_at(reading, ret_line, read, is_first);
    return ret_line;
}

static trial_code take_key(struct reading *reading, const char *key, const char *value)
{
    config_setting setting = settings_named(key);

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

    (void)section; /* its line was refused before */
    if (reading->bad_line == 0 && take_key(reading, key, value) != TRIAL_OK) {
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
    if (reading.raw_line != 0 && (bad_line == 0 || reading.raw_line <= bad_line)) {
        return trial_fail(
            err, TRIAL_INVALID, "'%s' line %d: %s", name, reading.raw_line, reading.raw.text);
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
