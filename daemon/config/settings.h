/* settings.h - the rows of settings.def as a table; for the files of this room only. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config.h"
#include "rows.h"

#define SETTINGS_PREFIX "TRIALD_" /* of a variable */

const rows_row *settings_row_of(config_setting setting);

/** The setting of that key, `-` and `_` being one; CONFIG_SETTING_COUNT where there is none. */
config_setting settings_named(const char *key);

/** Read a value into its member. Endpoints from the same origin add up, those of an earlier one go.
 * Fails with INVALID. */
TRIAL_MUST_USE trial_code settings_set(struct config *config,
                                       config_setting setting,
                                       const char *value,
                                       config_origin origin,
                                       trial_error *err);

#endif
