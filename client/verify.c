/* verify.c - trialctl verify: of a daemon's log, of a store, of a backup. The client opens no
 * store: triald looks into one, as a child, and a store that a daemon holds is asked about there.
 */
#include "child.h"
#include "json.h"
#include "render.h"
#include "trial/limits.h"

#include <stdlib.h>

/* SIZE:ROOT into parameters. False: it is not that. */
static bool add_since(ctl_command *ctl, trial_value *params)
{
    const char *since = ctl->values[CTL_SINCE];
    const char *colon = strchr(since, ':');
    uint64_t size = 0;
    char number[20];

    if (colon == NULL || (size_t)(colon - since) >= sizeof number ||
        !trial_text_is_hex(trial_text_of(colon + 1), TRIAL_HASH_BYTES * 2)) {
        return false;
    }
    memcpy(number, since, (size_t)(colon - since));
    number[colon - since] = '\0';
    if (!ctl_number_read(number, 0, INT64_MAX, &size)) {
        return false;
    }
    trial_value_set(&ctl->arena, params, "size", trial_value_unsigned(&ctl->arena, size));
    trial_value_set(&ctl->arena, params, "root", trial_value_word(&ctl->arena, colon + 1));
    return true;
}

static void print_verdict(ctl_command *ctl, const trial_value *result, bool is_same, int64_t bad)
{
    (void)printf("size  %lld\nroot  %.*s\n",
                 (long long)trial_value_get_integer(result, "size"),
                 TRIAL_TEXT_ARGS(trial_value_get_text(result, "root")));
    if (bad > 0) {
        (void)printf("bad   the event at position %lld is not as it was written: ", (long long)bad);
        render_put(stdout, trial_value_get_text(result, "reason"));
        (void)putchar('\n');
    } else {
        (void)printf(
            "good  every event is as it was written, and so is all that follows from it\n");
    }
    if (ctl_has(ctl, CTL_SINCE)) {
        (void)printf(is_same ? "same  the earlier log is the beginning of this one\n"
                             : "other the earlier log is not the beginning of this one\n");
    }
}

/* Print what was found; the exit status. */
static int tell(ctl_command *ctl, const trial_value *result)
{
    const trial_value *same = trial_value_get(result, "same");
    bool is_same = same == NULL || same->kind != TRIAL_VALUE_TRUTH || same->as.truth;
    int64_t bad = trial_value_get_integer(result, "bad");

    if (ctl_is_json(ctl)) {
        json_print(stdout, result);
    } else {
        print_verdict(ctl, result, is_same, bad);
    }
    if (bad > 0 || !is_same) {
        ctl_say("verification failed");
        return CTL_EXIT_NOT_VERIFIED;
    }
    return CTL_EXIT_DONE;
}

static int verify_by_daemon(ctl_command *ctl)
{
    trial_value *params = trial_value_map(&ctl->arena);
    trial_value *result = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    if (ctl_has(ctl, CTL_SINCE)) {
        (void)add_since(ctl, params); /* it was looked at already */
    }
    if (ctl_call_long(ctl, "verify", params, &result, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    return tell(ctl, result);
}

/* A store or backup, by its path. */
static int verify_place(ctl_command *ctl, const char *path)
{
    child_verdict verdict = { 0 };
    trial_error err = TRIAL_ERROR_NONE;

    if (child_verify(ctl, path, ctl->values[CTL_SINCE], &verdict, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (verdict.is_held) {
        if (!ctl_has(ctl, CTL_ENDPOINT) && trial_text_is_set(verdict.endpoint)) {
            ctl->values[CTL_ENDPOINT] =
                trial_arena_print(&ctl->arena, "%.*s", TRIAL_TEXT_ARGS(verdict.endpoint)).at;
        }
        ctl_say("a daemon holds '%s'; it is asked to verify", path);
        return verify_by_daemon(ctl);
    }
    return verdict.result == NULL ? verdict.status : tell(ctl, verdict.result);
}

int ctl_verify(ctl_command *ctl)
{
    if (ctl_has(ctl, CTL_SINCE) && !add_since(ctl, trial_value_map(&ctl->arena))) {
        return ctl_usage(ctl, "--since takes SIZE:ROOT, the root in 64 hex digits");
    }
    return ctl->argument_count == 1 ? verify_place(ctl, ctl->arguments[0]) : verify_by_daemon(ctl);
}
