/* config.h - the settings of triald: read from flags, variables and a file, checked, and told. */
#ifndef CONFIG_H
#define CONFIG_H

#include "trial/base.h"
#include "trial/limits.h"

#include <stdio.h>

#define CONFIG_PATH_BYTES 4096    /* PATH_MAX of Linux, its NUL included */
#define CONFIG_ENDPOINT_BYTES 256 /* the longest ipc path is 107 bytes, a host name 253 */
#define CONFIG_ENDPOINTS_MAX 8    /* one or two are usual; each is one bind of the same socket */

typedef struct config_endpoints {
    uint32_t count;
    char items[CONFIG_ENDPOINTS_MAX][CONFIG_ENDPOINT_BYTES];
} config_endpoints;

/** One row of settings.def each. */
typedef enum config_setting {
#define SETTING(name, kind, ...) CONFIG_##name,
#include "settings.def"
    CONFIG_SETTING_COUNT
} config_setting;

/** Where a value comes from; a later origin beats an earlier one. */
typedef enum config_origin {
    CONFIG_DEFAULT,
    CONFIG_CREDENTIAL, /* the service manager's */
    CONFIG_FILE,
    CONFIG_VARIABLE,
    CONFIG_FLAG,
} config_origin;

#define CONFIG_MEMBER_PATH(name) char name[CONFIG_PATH_BYTES];
#define CONFIG_MEMBER_ENDPOINT(name) char name[CONFIG_ENDPOINT_BYTES];
#define CONFIG_MEMBER_ENDPOINTS(name) config_endpoints name;
#define CONFIG_MEMBER_BYTES(name) uint64_t name;
#define CONFIG_MEMBER_COUNT(name) uint32_t name;
#define CONFIG_MEMBER_MS(name) uint32_t name;

/** What the process is asked to do. */
typedef enum config_task {
    CONFIG_SERVE,
    CONFIG_VERIFY,  /* look at the store or backup `from`; settings are left aside */
    CONFIG_RESTORE, /* make the store of the backup `from` */
} config_task;

#define CONFIG_MOMENT_BYTES 96 /* a position or an instant; SIZE:ROOT of an earlier log */

/** The effective settings. It owns all it holds and can be copied. */
struct config {
#define SETTING(name, kind, ...) CONFIG_MEMBER_##kind(name)
#include "settings.def"
    config_origin origins[CONFIG_SETTING_COUNT];
    config_task task;
    char from[CONFIG_PATH_BYTES];    /* of --verify or --restore */
    char until[CONFIG_MOMENT_BYTES]; /* of a restore: where it ends; "" for all */
    char since[CONFIG_MOMENT_BYTES]; /* of a verify: an earlier log; "" for none */
    bool
        is_checked; /* --check-config: the settings were printed; what they name may be looked at */
    bool is_answered; /* --help, --version, --check-config or --describe was printed: exit with 0 */
};

/**
 * Read the settings of this process: flag before variable before file before default.
 *
 * argv         argv[0] is the program's name; words after it are flags.
 * environment  as `environ`; a TRIALD_ variable that names no setting is passed over, and an empty
 *              one counts as absent.
 *
 * Fails with MALFORMED  an unknown flag or a word that is none: exit status 64.
 *            INVALID    an unknown key, a value out of its range, values that do not fit together:
 *                       exit status 78.
 *            STORAGE    a named file cannot be read: exit status 78.
 */
TRIAL_MUST_USE trial_code
config_read(int argc, char **argv, char **environment, struct config *ret_config, trial_error *err);

/** The exit status of a process whose config_read() failed with that code: 64 or 78. */
int config_exit_status(trial_code code);

/** Add what a file says to settings that were read so far; `name` is for messages. Errors as
 * config_read(). */
TRIAL_MUST_USE trial_code config_read_file(FILE *file,
                                           const char *name,
                                           struct config *config,
                                           trial_error *err);

/** Write the settings as a file that config_read() takes, each with its origin as a comment. */
void config_print(const struct config *config, FILE *out);

/** Write rows for the documents: settings, example (a file of them), events, requests, errors,
 * rules, views or limits. False where there is nothing of that name. */
bool config_describe(const char *what, FILE *out);

#endif
