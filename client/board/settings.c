/* settings.c - see settings.h. */
#include "settings.h"

#include "flags.h"
#include "metrics.h"

#include <stdlib.h>

#define PREFIX "TRIALBOARD_"
#define FLAGS_MAX 64 /* flags of one command line; more is a mistake of who wrote it */

static const rows_row rows[] = {
#define SETTING(name, kind, fallback, least, most, doc)                                            \
    { #name, ROWS_##kind, fallback, least, most, doc, offsetof(board_settings, name) },
#include "settings.def"
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const char about[] =
    "Show a browser what triald knows: pages, JSON, a stream of events, metrics."
    "\vEvery setting is also a variable (TRIALBOARD_HEAD_MS); a flag beats a variable. "
    "See trialboard(8).";

static trial_code
set_row(board_settings *settings, const rows_row *row, const char *value, trial_error *err)
{
    return rows_set(row, value, (char *)settings + row->offset, err);
}

/* The daemon's own variable names its endpoint where ours does not. */
static const char *find_value(char **environment, const rows_row *row)
{
    char name[ROWS_NAME_BYTES];
    const char *value;

    rows_variable(row, PREFIX, name);
    value = rows_find_variable(environment, name);
    if (value == NULL && row->offset == offsetof(board_settings, endpoint)) {
        value = rows_find_variable(environment, "TRIALD_ENDPOINT");
    }
    return value;
}

static trial_code
lay_origins(const flags_line *line, char **environment, board_settings *settings, trial_error *err)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *value = find_value(environment, &rows[i]);
        trial_code code = set_row(settings, &rows[i], rows[i].fallback, err);

        TRIAL_ASSERT(code == TRIAL_OK); /* a default is in its range */
        if (value != NULL && set_row(settings, &rows[i], value, err) != TRIAL_OK) {
            return trial_fail_while(err, "a variable of the environment");
        }
    }
    for (size_t i = 0; i < line->count; i++) {
        const rows_row *row = &rows[line->given[i].row];

        if (set_row(settings, row, line->given[i].value, err) != TRIAL_OK) {
            char name[ROWS_NAME_BYTES];

            rows_flag(row, name);
            return trial_fail_while(err, "--%s", name);
        }
    }
    return TRIAL_OK;
}

/* Take ADDRESS:PORT apart. */
static trial_code read_listen(board_settings *settings, trial_error *err)
{
    const char *colon = strrchr(settings->listen, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - settings->listen);
    const char *at = settings->listen;
    char *end = NULL;
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);

    if (size > 2 && at[0] == '[' && at[size - 1] == ']') {
        at++;
        size -= 2;
    } else if (memchr(at, ':', size) != NULL) {
        size = 0; /* several colons and no brackets: which one begins the port? */
    }
    if (size == 0 || colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > UINT16_MAX) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "listen is '%.100s', which is not ADDRESS:PORT or [ADDRESS]:PORT",
                          settings->listen);
    }
    memcpy(settings->address, at, size);
    settings->address[size] = '\0';
    settings->port = (uint16_t)port;
    return TRIAL_OK;
}

/* Bounds that only make sense together. */
static trial_code check_together(const board_settings *settings, trial_error *err)
{
    if (settings->streams + settings->questions > settings->connections) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "streams and questions together are over connections: they could never "
                          "be reached");
    }
    if (settings->url_bytes > settings->header_bytes / 2) {
        return trial_fail(
            err, TRIAL_INVALID, "url_bytes is over half of header_bytes: no room for the rest");
    }
    return TRIAL_OK;
}

static void print_settings(const board_settings *settings)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const void *member = (const char *)settings + rows[i].offset;

        (void)printf("%s = ", rows[i].name);
        if (rows_is_number(&rows[i])) {
            rows_print_number(&rows[i], member, stdout);
        } else {
            (void)printf("%s", (const char *)member);
        }
        (void)printf("\n");
    }
}

/* A list of scdoc: what a manual page holds of the rows. */
static void describe_settings(void)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char flag[ROWS_NAME_BYTES];
        char variable[ROWS_NAME_BYTES];

        rows_flag(&rows[i], flag);
        rows_variable(&rows[i], PREFIX, variable);
        (void)printf("*--%s* %s\n\t", flag, rows_placeholder(&rows[i]));
        rows_print_plain(rows[i].doc, stdout);
        (void)printf(". ");
        if (rows_is_number(&rows[i])) {
            rows_print_range(&rows[i], stdout);
            (void)printf(" ");
        }
        if (rows[i].fallback[0] != '\0') {
            (void)printf("Default: ");
            rows_print_plain(rows[i].fallback, stdout);
            (void)printf(". ");
        }
        (void)printf("Variable *");
        rows_print_plain(variable, stdout);
        (void)printf("*.\n\n");
    }
}

static trial_code describe(const char *what, trial_error *err)
{
    if (strcmp(what, "settings") == 0) {
        describe_settings();
    } else if (strcmp(what, "metrics") == 0) {
        metrics_describe(stdout);
    } else {
        return trial_fail(
            err, TRIAL_MALFORMED, "there is nothing called '%.40s' to describe", what);
    }
    return TRIAL_OK;
}

trial_code settings_read(
    int argc, char **argv, char **environment, board_settings *ret_settings, trial_error *err)
{
    const flags_program program = {
        .name = "trialboard",
        .about = about,
        .rows = rows,
        .row_count = ROW_COUNT,
        .given_max = FLAGS_MAX,
        .describes = "print rows for the manual: settings or metrics",
    };
    flags_line line;
    trial_code code;

    memset(ret_settings, 0, sizeof *ret_settings);
    code = flags_read(&program, argc, argv, NULL, &line, err);
    if (code != TRIAL_OK) {
        return code;
    }
    ret_settings->is_answered = line.question != FLAGS_NONE;
    if (line.question == FLAGS_VERSION) {
        (void)printf("trialboard %s\n", TRIALD_VERSION);
    }
    if (line.question == FLAGS_DESCRIBE) {
        return describe(line.describe, err);
    }
    if (line.question != FLAGS_NONE && line.question != FLAGS_CHECK) {
        return TRIAL_OK;
    }
    code = lay_origins(&line, environment, ret_settings, err);
    if (code == TRIAL_OK) {
        code = read_listen(ret_settings, err);
    }
    if (code == TRIAL_OK) {
        code = check_together(ret_settings, err);
    }
    if (code == TRIAL_OK && line.question == FLAGS_CHECK) {
        print_settings(ret_settings);
    }
    return code;
}

/* A host without its port and brackets. */
static trial_text bare_host(trial_text host)
{
    const char *end = host.at + host.size;
    const char *colon = host.size == 0 ? NULL : memrchr(host.at, ':', host.size);

    if (host.size > 0 && host.at[0] == '[') {
        const char *close = memchr(host.at, ']', host.size);

        end = close == NULL ? end : close;
        return (trial_text){ host.at + 1, (uint32_t)(end - host.at - 1) };
    }
    end = colon == NULL ? end : colon;
    return (trial_text){ host.at, (uint32_t)(end - host.at) };
}

static bool is_same_host(trial_text a, trial_text b)
{
    return a.size == b.size && strncasecmp(a.at, b.at, a.size) == 0;
}

bool settings_has_host(const board_settings *settings, trial_text host)
{
    static const char *const own[] = { "localhost", "127.0.0.1", "::1" };
    trial_text bare = bare_host(host);
    const char *at = settings->hosts;

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (is_same_host(bare, trial_text_of(own[i]))) {
            return true;
        }
    }
    if (is_same_host(bare, trial_text_of(settings->address))) {
        return true;
    }
    while (*at != '\0') {
        trial_text name = { at, (uint32_t)strcspn(at, ",") };

        if (trial_text_is(name, "*") || (name.size > 0 && is_same_host(bare, name))) {
            return true;
        }
        at += name.size;
        at += *at == ',' ? 1 : 0;
    }
    return false;
}
