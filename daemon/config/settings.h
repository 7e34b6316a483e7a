/* settings.h - the rows of settings.def as a table; for the files of this room only. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config.h"

typedef enum settings_kind {
    SETTINGS_PATH,
    SETTINGS_ENDPOINT,
    SETTINGS_ENDPOINTS,
    SETTINGS_BYTES,
    SETTINGS_COUNT,
    SETTINGS_MS,
} settings_kind;

typedef struct settings_row {
    const char *name; /* with underscores */
    settings_kind kind;
    const char *fallback; /* the default, as a user would write it */
    uint64_t least;
    uint64_t most;
    const char *doc;
    size_t offset; /* in struct config */
} settings_row;

#define SETTINGS_NAME_BYTES 64 /* TRIALD_ and the longest name have room to double */
#define SETTINGS_VALUE_BYTES CONFIG_PATH_BYTES

const settings_row *settings_row_of(config_setting setting);

/** The setting of that key, `-` and `_` being one; CONFIG_SETTING_COUNT where there is none. */
config_setting settings_named(const char *key);

/** Write map-bytes or TRIALD_MAP_BYTES; `ret_name` holds SETTINGS_NAME_BYTES. */
void settings_flag(config_setting setting, char *ret_name);
void settings_variable(config_setting setting, char *ret_name);

/** What stands for a value in help: PATH, ENDPOINT, BYTES, NUMBER or MS. */
const char *settings_placeholder(config_setting setting);

/** Read a value into its member. Endpoints from the same origin add up, those of an earlier one go.
 * Fails with INVALID. */
TRIAL_MUST_USE trial_code settings_set(struct config *config,
                                       config_setting setting,
                                       const char *value,
                                       config_origin origin,
                                       trial_error *err);

/** Write a number of bytes with the largest suffix that keeps it whole. */
void settings_print_bytes(uint64_t bytes, FILE *out);

#endif
