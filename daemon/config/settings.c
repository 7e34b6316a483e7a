/* settings.c - the rows of settings.def, and one value at a time into the struct. */
#include "settings.h"

static const rows_row rows[CONFIG_SETTING_COUNT] = {
#define SETTING(name, kind, fallback, least, most, doc)                                            \
    [CONFIG_##                                                                                     \
        name] = { #name, ROWS_##kind, fallback, least, most, doc, offsetof(struct config, name) },
#include "settings.def"
};

const rows_row *settings_row_of(config_setting setting)
{
    TRIAL_ASSERT(setting < CONFIG_SETTING_COUNT);
    return &rows[setting];
}

config_setting settings_named(const char *key)
{
    config_setting setting = 0;

    while (setting < CONFIG_SETTING_COUNT && !rows_is_named(&rows[setting], key)) {
        setting++;
    }
    return setting;
}

/* Endpoints behind each other, with commas between them. */
static trial_code
add_endpoints(const rows_row *row, const char *value, config_endpoints *endpoints, trial_error *err)
{
    const char *next = value;

    while (next != NULL) {
        const char *comma = strchr(next, ',');
        trial_text one =
            comma == NULL ? trial_text_of(next) : (trial_text){ next, (uint32_t)(comma - next) };
        trial_code code;

        one = trial_text_trim(one);
        code = rows_check_endpoint(row, one, err);
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
        rows_copy_text(one, endpoints->items[endpoints->count++]);
        next = comma == NULL ? NULL : comma + 1;
    }
    return TRIAL_OK;
}

trial_code settings_set(struct config *config,
                        config_setting setting,
                        const char *value,
                        config_origin origin,
                        trial_error *err)
{
    const rows_row *row = settings_row_of(setting);
    void *member = (char *)config + row->offset;
    bool is_new = config->origins[setting] != origin;

    TRIAL_ASSERT(value != NULL);
    config->origins[setting] = origin;
    if (row->kind != ROWS_ENDPOINTS) {
        return rows_set(row, value, member, err);
    }
    if (is_new) {
        ((config_endpoints *)member)->count = 0;
    }
    return add_endpoints(row, value, member, err);
}
