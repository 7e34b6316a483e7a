/* print.c - the effective settings, as a file that could be read again. */
#include "settings.h"

/* Results of printing are not looked at here: whoever gave `out` looks at its error flag. */

static const char *origin_name(config_origin origin)
{
    switch (origin) {
    case CONFIG_DEFAULT:
        return "default";
    case CONFIG_CREDENTIAL:
        return "credential";
    case CONFIG_FILE:
        return "file";
    case CONFIG_VARIABLE:
        return "variable";
    case CONFIG_FLAG:
        return "flag";
    }
    trial_panic(__FILE__, __LINE__, "a value from nowhere");
}

static void print_line(const rows_row *row, const char *text, config_origin origin, FILE *out)
{
    (void)fprintf(out, "%s = %s ; %s\n", row->name, text, origin_name(origin));
}

static void print_setting(const struct config *config, config_setting setting, FILE *out)
{
    const rows_row *row = settings_row_of(setting);
    const void *member = (const char *)config + row->offset;
    config_origin origin = config->origins[setting];

    switch (row->kind) {
    case ROWS_PATH:
    case ROWS_TEXT:
    case ROWS_ENDPOINT:
        print_line(row, member, origin, out);
        return;
    case ROWS_ENDPOINTS:
        for (uint32_t i = 0; i < ((const config_endpoints *)member)->count; i++) {
            print_line(row, ((const config_endpoints *)member)->items[i], origin, out);
        }
        return;
    case ROWS_BYTES:
    case ROWS_COUNT:
    case ROWS_MS:
        (void)fprintf(out, "%s = ", row->name);
        rows_print_number(row, member, out);
        (void)fprintf(out, " ; %s\n", origin_name(origin));
        return;
    }
}

/* A file cannot name another file, and a file of a key that it names must be there. */
static bool is_comment(const struct config *config, config_setting setting)
{
    return setting == CONFIG_config ||
           (setting == CONFIG_secret_key && config->origins[setting] == CONFIG_DEFAULT);
}

void config_print(const struct config *config, FILE *out)
{
    for (config_setting s = 0; s < CONFIG_SETTING_COUNT; s++) {
        if (is_comment(config, s)) {
            (void)fprintf(out, "# ");
        }
        print_setting(config, s, out);
    }
}
