/* subscriptions.c - trialctl list subscription, list parked, replay and unsubscribe. */
#include "subscriptions.h"

#include "json.h"
#include "render.h"

#define SUBSCRIPTION "subscription"
#define PARKED "parked"

bool subscriptions_are_meant(const char *what)
{
    return strcmp(what, SUBSCRIPTION) == 0 || strcmp(what, PARKED) == 0;
}

static bool fits(const trial_value *row, const trial_value *where)
{
    for (uint32_t i = 0; i < where->as.map.count; i++) {
        const trial_entry *wanted = &where->as.map.entries[i];
        const trial_value *value = trial_value_find(row, wanted->name);

        if (value == NULL || !trial_value_fits(value, wanted->value)) {
            return false;
        }
    }
    return true;
}

/* An unknown field is no condition that nothing fulfils. */
static trial_code
check_fields(const ctl_command *ctl, const trial_value *where, const char *fields, trial_error *err)
{
    for (uint32_t i = 0; i < where->as.map.count; i++) {
        trial_text wanted = where->as.map.entries[i].name;
        const char *at = fields;

        while (*at != '\0' &&
               !trial_text_equal((trial_text){ at, (uint32_t)strcspn(at, " ") }, wanted)) {
            at += strcspn(at, " ");
            at += strspn(at, " ");
        }
        if (*at == '\0') {
            return trial_fail(err,
                              TRIAL_INVALID,
                              "%s has no field '%.*s'",
                              ctl->arguments[0],
                              TRIAL_TEXT_ARGS(wanted));
        }
    }
    return TRIAL_OK;
}

static int print_rows(ctl_command *ctl,
                      const trial_value *all,
                      const trial_value *where,
                      const trial_value *head,
                      const char *columns)
{
    trial_value *rows = trial_value_list(&ctl->arena);

    for (uint32_t i = 0; all != NULL && i < all->as.list.count; i++) {
        trial_value *row = all->as.list.items[i];

        if (head != NULL) {
            trial_value_set(&ctl->arena,
                            row,
                            "head",
                            trial_value_unsigned(&ctl->arena, (uint64_t)head->as.integer));
        }
        if (fits(row, where)) {
            trial_value_push(&ctl->arena, rows, row);
        }
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, rows);
    } else {
        render_table(stdout, &ctl->arena, rows, columns);
    }
    return CTL_EXIT_DONE;
}

static trial_code ask(ctl_command *ctl,
                      const char *method,
                      trial_text name,
                      trial_value **ret_result,
                      trial_error *err)
{
    trial_value *params = trial_value_map(&ctl->arena);

    if (trial_text_is_set(name)) {
        trial_value_set(&ctl->arena, params, "name", trial_value_text(&ctl->arena, name));
    }
    return ctl_call(ctl, method, params, ret_result, err);
}

static int list_parked(ctl_command *ctl, const trial_value *where)
{
    trial_text name = trial_value_get_text(where, "name");
    trial_value *rest = trial_value_map(&ctl->arena);
    trial_value *result = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    if (!trial_text_is_set(name)) {
        return ctl_usage(ctl, "say whose: list parked name=NAME");
    }
    for (uint32_t i = 0; i < where->as.map.count; i++) {
        if (!trial_text_is(where->as.map.entries[i].name, "name")) {
            trial_value_set_text(
                &ctl->arena, rest, where->as.map.entries[i].name, where->as.map.entries[i].value);
        }
    }
    if (check_fields(ctl, rest, PARKED_COLUMNS, &err) != TRIAL_OK ||
        ask(ctl, "parked", name, &result, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    return print_rows(ctl, trial_value_get(result, "parked"), rest, NULL, PARKED_COLUMNS);
}

int subscriptions_list(ctl_command *ctl, const trial_value *where)
{
    trial_value *result = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    if (ctl_has(ctl, CTL_LIMIT) || ctl_has(ctl, CTL_AS_OF) || ctl_has(ctl, CTL_KNOWN_AT)) {
        return ctl_usage(ctl,
                         "what the daemon keeps of subscriptions has no --limit, --as-of or "
                         "--known-at");
    }
    if (strcmp(ctl->arguments[0], PARKED) == 0) {
        return list_parked(ctl, where);
    }
    if (check_fields(ctl, where, SUBSCRIPTION_COLUMNS " made", &err) != TRIAL_OK ||
        ask(ctl, "subscriptions", (trial_text){ 0 }, &result, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    return print_rows(ctl,
                      trial_value_get(result, "subscriptions"),
                      where,
                      trial_value_get(result, "head"),
                      SUBSCRIPTION_COLUMNS);
}

/* Ask a person; a script says --yes. */
static bool is_agreed(ctl_command *ctl)
{
    int answer;

    if (ctl_has(ctl, CTL_YES)) {
        return true;
    }
    (void)fputs(" [y/N] ", stderr); /* where nobody reads it, nobody answers yes */
    answer = getchar();
    return answer == 'y' || answer == 'Y';
}

/* Say what is about to be done and to how many events, ask, and do it. */
static int agree_and_do(ctl_command *ctl, const char *method, const char *what, const char *done)
{
    trial_text name = trial_text_of(ctl->arguments[0]);
    trial_value *result = NULL;
    const trial_value *parked;
    trial_error err = TRIAL_ERROR_NONE;

    if (ask(ctl, "parked", name, &result, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    parked = trial_value_get(result, "parked");
    if (!ctl_has(ctl, CTL_YES)) {
        (void)fprintf(stderr,
                      "trialctl: %u events of '%s' are parked; %s?",
                      parked == NULL ? 0 : parked->as.list.count,
                      ctl->arguments[0],
                      what);
    }
    if (!is_agreed(ctl)) {
        ctl_say("nothing was done");
        return CTL_EXIT_OTHER;
    }
    if (ask(ctl, method, name, &result, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, result);
    } else {
        ctl_say("%s", done);
    }
    return CTL_EXIT_DONE;
}

int ctl_replay(ctl_command *ctl)
{
    return agree_and_do(ctl, "replay", "send them all again", "they are sent again");
}

int ctl_unsubscribe(ctl_command *ctl)
{
    return agree_and_do(
        ctl, "unsubscribe", "remove it with them and its position", "the subscription is removed");
}
