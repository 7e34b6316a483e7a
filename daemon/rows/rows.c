/* rows.c - one value at a time: from text into its member, and back. */
#include "rows.h"

#include <ctype.h>
#include <inttypes.h>
#include <sys/un.h>

bool rows_is_named(const rows_row *row, const char *key)
{
    const char *name = row->name;

    while (*key != '\0' && (*key == *name || (*key == '-' && *name == '_'))) {
        key++;
        name++;
    }
    return *key == '\0' && *name == '\0';
}

void rows_flag(const rows_row *row, char *ret_name)
{
    (void)snprintf(ret_name, ROWS_NAME_BYTES, "%s", row->name); /* it has room */
    for (char *at = ret_name; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : *at;
    }
}

void rows_variable(const rows_row *row, const char *prefix, char *ret_name)
{
    (void)snprintf(ret_name, ROWS_NAME_BYTES, "%s%s", prefix, row->name);
    for (char *at = ret_name; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
}

const char *rows_placeholder(const rows_row *row)
{
    static const char *const words[] = {
        [ROWS_PATH] = "PATH",
        [ROWS_TEXT] = "TEXT",
        [ROWS_ENDPOINT] = "ENDPOINT",
        [ROWS_ENDPOINTS] = "ENDPOINT",
        [ROWS_BYTES] = "BYTES",
        [ROWS_COUNT] = "NUMBER",
        [ROWS_MS] = "MS",
    };

    return words[row->kind];
}

bool rows_is_number(const rows_row *row)
{
    return row->kind == ROWS_BYTES || row->kind == ROWS_COUNT || row->kind == ROWS_MS;
}

const char *rows_find_variable(char **environment, const char *name)
{
    size_t size = strlen(name);

    for (char **at = environment; *at != NULL; at++) {
        if (strncmp(*at, name, size) == 0 && (*at)[size] == '=' && (*at)[size + 1] != '\0') {
            return *at + size + 1;
        }
    }
    return NULL;
}

/* What a suffix multiplies by, 0 where it is none of the kind's. */
static uint64_t factor_of(const char *suffix, rows_kind kind)
{
    static const char letters[] = "KMGT";
    const char *letter;

    if (*suffix == '\0') {
        return 1;
    }
    if (kind == ROWS_MS) {
        return strcmp(suffix, "ms") == 0 ? 1 : strcmp(suffix, "s") == 0 ? 1000 : 0;
    }
    if (kind != ROWS_BYTES || suffix[1] != '\0') {
        return 0;
    }
    letter = strchr(letters, toupper((unsigned char)suffix[0]));
    return letter == NULL ? 0 : UINT64_C(1) << (10 * (unsigned)(letter - letters + 1));
}

static const char *number_help(rows_kind kind)
{
    switch (kind) {
    case ROWS_BYTES:
        return "a number of bytes, or one with K, M, G or T behind it";
    case ROWS_MS:
        return "a number of milliseconds, or one with s behind it";
    case ROWS_COUNT:
        return "a whole number";
    case ROWS_PATH:
    case ROWS_TEXT:
    case ROWS_ENDPOINT:
    case ROWS_ENDPOINTS:
        break;
    }
    trial_panic(__FILE__, __LINE__, "text is no number");
}

static trial_code
read_number(const rows_row *row, const char *value, uint64_t *ret_number, trial_error *err)
{
    uint64_t number = 0;
    uint64_t factor;
    const char *at = value;

    while (isdigit((unsigned char)*at) && number < UINT64_MAX / 10 - 1) {
        number = number * 10 + (uint64_t)(*at - '0');
        at++;
    }
    factor = factor_of(at, row->kind);
    if (at == value || factor == 0) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "%s is '%.100s', which is not %s",
                          row->name,
                          value,
                          number_help(row->kind));
    }
    if (number > row->most / factor || number * factor > row->most ||
        number * factor < row->least) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "%s is '%.100s', and lies between %" PRIu64 " and %" PRIu64,
                          row->name,
                          value,
                          row->least,
                          row->most);
    }
    *ret_number = number * factor;
    return TRIAL_OK;
}

static trial_code check_text(const rows_row *row, trial_text value, trial_error *err)
{
    if (value.size < row->least || value.size > row->most) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "%s has %u bytes, and takes %u to %u",
                          row->name,
                          value.size,
                          (unsigned)row->least,
                          (unsigned)row->most);
    }
    for (uint32_t i = 0; i < value.size; i++) {
        if (iscntrl((unsigned char)value.at[i])) {
            return trial_fail(err, TRIAL_INVALID, "%s holds a control character", row->name);
        }
    }
    return TRIAL_OK;
}

trial_code rows_check_endpoint(const rows_row *row, trial_text value, trial_error *err)
{
    trial_text ipc = TRIAL_TEXT("ipc://");
    trial_code code = check_text(row, value, err);

    if (code != TRIAL_OK) {
        return code;
    }
    if (trial_text_starts(value, TRIAL_TEXT("tcp://")) && trial_endpoint_has_port(value)) {
        return TRIAL_OK;
    }
    if (!trial_text_starts(value, ipc) || value.size == ipc.size) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "%s is '%.*s', which is neither ipc:///PATH nor tcp://ADDRESS:PORT",
                          row->name,
                          TRIAL_TEXT_ARGS(value));
    }
    if (value.size - ipc.size >= sizeof((struct sockaddr_un){ 0 }).sun_path) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "%s is '%.*s', whose path is over %u bytes",
                          row->name,
                          TRIAL_TEXT_ARGS(value),
                          (unsigned)sizeof((struct sockaddr_un){ 0 }).sun_path - 1);
    }
    return TRIAL_OK;
}

void rows_copy_text(trial_text value, char *ret_text)
{
    memcpy(ret_text, value.at, value.size);
    ret_text[value.size] = '\0';
}

trial_code rows_set(const rows_row *row, const char *value, void *member, trial_error *err)
{
    trial_text text = trial_text_of(value);
    uint64_t number = 0;
    trial_code code = TRIAL_OK;

    switch (row->kind) {
    case ROWS_PATH:
    case ROWS_TEXT:
    case ROWS_ENDPOINT:
        code = row->kind == ROWS_ENDPOINT ? rows_check_endpoint(row, text, err)
                                          : check_text(row, text, err);
        if (code == TRIAL_OK) {
            rows_copy_text(text, member);
        }
        return code;
    case ROWS_BYTES:
    case ROWS_COUNT:
    case ROWS_MS:
        code = read_number(row, value, &number, err);
        if (code == TRIAL_OK && row->kind == ROWS_BYTES) {
            *(uint64_t *)member = number;
        } else if (code == TRIAL_OK) {
            *(uint32_t *)member = (uint32_t)number;
        }
        return code;
    case ROWS_ENDPOINTS:
        break;
    }
    trial_panic(__FILE__, __LINE__, "a setting that its own room reads");
}

void rows_print_bytes(uint64_t bytes, FILE *out)
{
    static const char letters[] = { 'K', 'M', 'G', 'T' };
    size_t letter = 0;

    if (bytes == 0 || bytes % 1024 != 0) {
        (void)fprintf(out, "%" PRIu64, bytes); /* whoever gave `out` looks at its error flag */
        return;
    }
    bytes /= 1024;
    while (bytes % 1024 == 0 && letter + 1 < sizeof letters) {
        bytes /= 1024;
        letter++;
    }
    (void)fprintf(out, "%" PRIu64 "%c", bytes, letters[letter]);
}

void rows_print_number(const rows_row *row, const void *member, FILE *out)
{
    if (row->kind == ROWS_BYTES) {
        rows_print_bytes(*(const uint64_t *)member, out);
    } else {
        (void)fprintf(out, "%" PRIu32, *(const uint32_t *)member);
    }
}

/* scdoc takes an underscore for emphasis, a backslash makes it plain. */
void rows_print_plain(const char *text, FILE *out)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr("_*\\", *at) != NULL) {
            (void)fputc('\\', out);
        }
        (void)fputc(*at, out);
    }
}

void rows_print_range(const rows_row *row, FILE *out)
{
    if (row->kind == ROWS_BYTES) {
        (void)fprintf(out, "From ");
        rows_print_bytes(row->least, out);
        (void)fprintf(out, " to ");
        rows_print_bytes(row->most, out);
    } else {
        (void)fprintf(out, "From %" PRIu64 " to %" PRIu64, row->least, row->most);
    }
    (void)fprintf(out, ".");
}
