/* settings.h - the settings of trialboard: flags and variables over defaults, checked, and told. */
#ifndef BOARD_SETTINGS_H
#define BOARD_SETTINGS_H

#include "rows.h"
#include "trial/base.h"

#define SETTINGS_TEXT_BYTES 4096 /* the longest row, its end included */

#define SETTINGS_MEMBER_PATH(name) char name[SETTINGS_TEXT_BYTES];
#define SETTINGS_MEMBER_TEXT(name) char name[SETTINGS_TEXT_BYTES];
#define SETTINGS_MEMBER_ENDPOINT(name) char name[SETTINGS_TEXT_BYTES];
#define SETTINGS_MEMBER_BYTES(name) uint64_t name;
#define SETTINGS_MEMBER_COUNT(name) uint32_t name;
#define SETTINGS_MEMBER_MS(name) uint32_t name;

/** The effective settings. It owns all it holds. */
typedef struct board_settings {
#define SETTING(name, kind, ...) SETTINGS_MEMBER_##kind(name)
#include "settings.def"
    char address[SETTINGS_TEXT_BYTES]; /* of listen, without brackets */
    uint16_t port;
    bool is_answered; /* --help, --version, --check-config or --describe was printed */
} board_settings;

/**
 * Read the settings of this process: flag before variable before default.
 *
 * environment  as `environ`; a TRIALBOARD_ variable that names no setting is passed over.
 *
 * Fails with MALFORMED  an unknown flag, or a word that is none: exit status 64.
 *            INVALID    a value out of its range, or values that do not fit together: 78.
 */
TRIAL_MUST_USE trial_code settings_read(
    int argc, char **argv, char **environment, board_settings *ret_settings, trial_error *err);

/** Is that the name of a host that we answer for? `host` is a Host header, with or without a port.
 */
bool settings_has_host(const board_settings *settings, trial_text host);

#endif
