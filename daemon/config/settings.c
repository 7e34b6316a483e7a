/* settings.c - one value at a time: from text into its member, and back. */
#include "settings.h"

#include <ctype.h>
#include <inttypes.h>
#include <sys/un.h>

static const settings_row rows[CONFIG_SETTING_COUNT] = {
#define SETTING(name, kind, fallback, least, most, doc)                                            \
    [CONFIG_##name] = {                                                                            \
        #name, SETTINGS_##kind, fallback, least, most, doc, offsetof(struct config, name)          \
    },
#include "settings.def"
};

const settings_row *settings_row_of(config_setting setting)
{
    TRIAL_ASSERT(setting < CONFIG_SETTING_COUNT);
    return &rows[setting];
}

static bool is_same_key(const char *key, const char *name)
{
    while (*key != '\0' && (*key == *name || (*key == '-' && *name == '_'))) {
        key++;
        name++;
    }
    return *key == '\0' && *name == '\0';
}

config_setting settings_named(const char *key)
{
    config_setting setting = 0;

    while (setting < CONFIG_SETTING_COUNT && !is_same_key(key, rows[setting].name)) {
        setting++;
    }
    return setting;
}

void settings_flag(config_setting setting, char *ret_name)
{
    (void)snprintf(ret_name, SETTINGS_NAME_BYTES, "%s", rows[setting].name); /* it has room */
    for (char *at = ret_name; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : *at;
    }
}

void settings_variable(config_setting setting, char *ret_name)
{
    (void)snprintf(ret_name, SETTINGS_NAME_BYTES, "TRIALD_%s", rows[setting].name);
    for (char *at = ret_name; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
}

const char *settings_placeholder(config_setting setting)
{
    static const char *const words[] = {
        [SETTINGS_PATH] = "PATH",    [SETTINGS_ENDPOINT] = "ENDPOINT",
        [SETTINGS_BYTES] = "BYTES",  [SETTINGS_ENDPOINTS] = "ENDPOINT",
        [SETTINGS_COUNT] = "NUMBER", [SETTINGS_MS] = "MS",
    };

    return words[rows[setting].kind];
}

/* What a suffix multiplies by, 0 where it is none of the kind's. */
static uint64_t factor_of(const char *suffix, settings_kind kind)
{
    static const char letters[] = "KMGT";
    const char *letter;

    if (*suffix == '\0') {
        return 1;
    }
    if (kind == SETTINGS_MS) {
        return strcmp(suffix, "ms") == 0 ? 1 : strcmp(suffix, "s") == 0 ? 1000 : 0;
    }
    if (kind != SETTINGS_BYTES || suffix[1] != '\0') {
        return 0;
    }
    letter = strchr(letters, toupper((unsigned char)suffix[0]));
    return letter == NULL ? 0 : UINT64_C(1) << (10 * (unsigned)(letter - letters + 1));
}

static const char *number_help(settings_kind kind)
{
    switch (kind) {
    case SETTINGS_BYTES:
        return "a number of bytes, or one with K, M, G or T behind it";
    case SETTINGS_MS:
        return "a number of milliseconds, or one with s behind it";
    case SETTINGS_COUNT:
        return "a whole number";
    case SETTINGS_PATH:
    case SETTINGS_ENDPOINT:
    case SETTINGS_ENDPOINTS:
        break;
    }
    trial_panic(__FILE__, __LINE__, "text is no number");
}

static trial_code
read_number(const settings_row *row, const char *value, uint64_t *ret_number, trial_error *err)
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

static trial_code check_text(const settings_row *row, trial_text value, trial_error *err)
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

static trial_code check_endpoint(const settings_row *row, trial_text value, trial_error *err)
{
    trial_text ipc = TRIAL_TEXT("ipc://");
    trial_code code = check_text(row, value, err);

    if (code != TRIAL_OK) {
        return code;
    }
    if (trial_text_starts(value, TRIAL_TEXT("tcp://")) && value.size > ipc.size) {
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

static void copy_text(trial_text value, char *ret_text)
{
    memcpy(ret_text, value.at, value.size);
    ret_text[value.size] = '\0';
}

static trial_text trim(trial_text text)
{
    while (text.size > 0 && isspace((unsigned char)text.at[0])) {
        text = (trial_text){ text.at + 1, text.size - 1 };
    }
    while (text.size > 0 && isspace((unsigned char)text.at[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* Endpoints behind each other, with commas between them. */
static trial_code add_endpoints(const settings_row *row,
                                const char *value,
                                config_endpoints *endpoints,
                                trial_error *err)
{
    const char *next = value;

    while (next != NULL) {
        const char *comma = strchr(next, ',');
        trial_text one =
            comma == NULL ? trial_text_of(next) : (trial_text){ next, (uint32_t)(comma - next) };
        trial_code code;

        one = trim(one);
        code = check_endpoint(row, one, err);
        if (code != TRIAL_OK) {
            return code;
        }
        if (endpoints->count == CONFIG_ENDPOINTS_MAX) {
            return trial_fail(err,
                              TRIAL_INVALID,
                              "%s names more than %d endpoints",
                              row->name,
                              CONFIG_ENDPOINTS_MAX);
        }
        copy_text(one, endpoints->items[endpoints->count++]);
        next = comma == NULL ? NULL : comma + 1;
    }
    return TRIAL_OK;
}

static trial_code
set_member(const settings_row *row, const char *value, void *member, trial_error *err)
{
    uint64_t number = 0;
    trial_code code = TRIAL_OK;

    switch (row->kind) {
    case SETTINGS_PATH:
        code = check_text(row, trial_text_of(value), err);
        if (code == TRIAL_OK) {
            copy_text(trial_text_of(value), member);
        }
        return code;
    case SETTINGS_ENDPOINT:
        code = check_endpoint(row, trial_text_of(value), err);
        if (code == TRIAL_OK) {
            copy_text(trial_text_of(value), member);
        }
        return code;
    case SETTINGS_ENDPOINTS:
        return add_endpoints(row, value, member, err);
    case SETTINGS_BYTES:
    case SETTINGS_COUNT:
    case SETTINGS_MS:
        code = read_number(row, value, &number, err);
        if (code == TRIAL_OK && row->kind == SETTINGS_BYTES) {
            *(uint64_t *)member = number;
        } else if (code == TRIAL_OK) {
            *(uint32_t *)member = (uint32_t)number;
        }
        return code;
    }
    trial_panic(__FILE__, __LINE__, "a setting of no kind");
}

trial_code settings_set(struct config *config,
                        config_setting setting,
                        const char *value,
                        config_origin origin,
                        trial_error *err)
{
    const settings_row *row = settings_row_of(setting);
    void *member = (char *)config + row->offset;

    TRIAL_ASSERT(value != NULL);
    if (row->kind == SETTINGS_ENDPOINTS && config->origins[setting] != origin) {
        ((config_endpoints *)member)->count = 0;
    }
    config->origins[setting] = origin;
    return set_member(row, value, member, err);
}

void settings_print_bytes(uint64_t bytes, FILE *out)
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
