/* publish.c - trialctl publish: one event from the command line. */
#include "publish.h"

#include "ctl.h"
#include "json.h"
#include "trace.h"
#include "trial/event.h"
#include "uuid7.h"

#include <pwd.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SOURCE_BYTES 256

static const trial_field *field_of(const char *type, trial_text key)
{
    trial_event_type row = trial_event_named(trial_text_of(type));
    const trial_field *field = NULL;

    if (row != TRIAL_EVENT_COUNT) {
        field = trial_shape_find(trial_event_row_of(row)->shape(), key);
    }
    return field != NULL ? field : trial_shape_find(trial_shape_of_common(), key);
}

/* Is this what JSON made of it, or must it stay text? */
static bool fits(const trial_value *value, const trial_field *field)
{
    if (field == NULL) {
        return true;
    }
    switch (field->kind) {
    case TRIAL_FIELD_TEXT:
    case TRIAL_FIELD_DATE:
    case TRIAL_FIELD_INSTANT:
    case TRIAL_FIELD_CODE:
    case TRIAL_FIELD_CHOICE:
        return false;
    case TRIAL_FIELD_INTEGER:
        return value->kind == TRIAL_VALUE_INTEGER || value->kind == TRIAL_VALUE_UNSIGNED;
    case TRIAL_FIELD_NUMBER:
        return value->kind == TRIAL_VALUE_INTEGER || value->kind == TRIAL_VALUE_UNSIGNED ||
               value->kind == TRIAL_VALUE_FLOAT;
    case TRIAL_FIELD_TRUTH:
        return value->kind == TRIAL_VALUE_TRUTH;
    case TRIAL_FIELD_TEXTS:
    case TRIAL_FIELD_CODES:
    case TRIAL_FIELD_OBJECT:
    case TRIAL_FIELD_OBJECTS:
    case TRIAL_FIELD_ANY:
    case TRIAL_FIELD_FREE:
        return true;
    }
    return true;
}

trial_value *publish_value(trial_arena *arena, const char *type, trial_text key, const char *value)
{
    trial_text text = trial_text_of(value);
    trial_value *read = NULL;

    if (json_read(text, arena, &read, NULL) == TRIAL_OK && fits(read, field_of(type, key))) {
        return read;
    }
    return trial_value_text(arena, text);
}

/* KEY=VALUE words as the event's data. Returns 0 or 64. */
static int read_data(ctl_command *ctl, trial_value *data)
{
    for (uint32_t i = 0; i < ctl->argument_count; i++) {
        const char *word = ctl->arguments[i];
        const char *equals = strchr(word, '=');
        trial_text key;

        if (equals == NULL || equals == word) {
            return ctl_usage(ctl, "'%s' is not KEY=VALUE", word);
        }
        key = (trial_text){ word, (uint32_t)(equals - word) };
        if (trial_value_find(data, key) != NULL) {
            return ctl_usage(ctl, "'%.*s' is given twice", TRIAL_TEXT_ARGS(key));
        }
        trial_value_set_text(&ctl->arena,
                             data,
                             key,
                             publish_value(&ctl->arena, ctl->values[CTL_TYPE], key, equals + 1));
    }
    return CTL_EXIT_DONE;
}

static trial_text default_source(ctl_command *ctl)
{
    const char *source = getenv("TRIALD_SOURCE");
    const struct passwd *user;

    if (source != NULL && source[0] != '\0') {
        return trial_text_of(source);
    }
    user = getpwuid(geteuid());
    return user == NULL ? trial_arena_print(&ctl->arena, "/local/%u", (unsigned)geteuid())
                        : trial_arena_print(&ctl->arena, "/local/%s", user->pw_name);
}

static trial_text time_now(ctl_command *ctl)
{
    char text[TRIAL_INSTANT_TEXT_BYTES];
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
    trial_instant_write_us((trial_instant)now.tv_sec * TRIAL_NS_PER_S + now.tv_nsec, text);
    return trial_arena_text(&ctl->arena, trial_text_of(text));
}

/* The subject may leave out its kind where the type's row has one. */
static trial_text subject_of(ctl_command *ctl)
{
    trial_event_type type = trial_event_named(trial_text_of(ctl->values[CTL_TYPE]));
    const char *word =
        type == TRIAL_EVENT_COUNT ? "" : trial_kind_word(trial_event_row_of(type)->kind);

    return ctl_subject(ctl, word, ctl->values[CTL_SUBJECT]);
}

static void set(ctl_command *ctl, trial_value *map, const char *name, trial_text text)
{
    trial_value_set(&ctl->arena, map, name, trial_value_text(&ctl->arena, text));
}

/* Set the trace that was named; one of the environment that is none is passed over, as whoever
 * takes it over is to do. Returns 0 or 64. */
static int set_trace(ctl_command *ctl, trial_value *event)
{
    const char *given = ctl->values[CTL_TRACEPARENT];
    const char *inherited = getenv("TRACEPARENT");
    trace_parent ignored;

    if (given != NULL && !trace_read(trial_text_of(given), &ignored)) {
        return ctl_usage(ctl,
                         "--traceparent '%s' is none of W3C Trace Context: "
                         "00-TRACE-SPAN-FLAGS of 32, 16 and 2 small hex digits",
                         given);
    }
    if (given == NULL && inherited != NULL && inherited[0] != '\0') {
        given = inherited;
        if (!trace_read(trial_text_of(given), &ignored)) {
            ctl_say("TRACEPARENT is none of W3C Trace Context and is left out");
            given = NULL;
        }
    }
    if (given != NULL) {
        set(ctl, event, TRACE_ATTRIBUTE, trial_text_of(given));
    }
    return CTL_EXIT_DONE;
}

static trial_value *make_event(ctl_command *ctl, trial_value *data)
{
    trial_value *event = trial_value_map(&ctl->arena);
    char id[UUID7_TEXT_BYTES];

    uuid7_new(id);
    set(ctl,
        event,
        "id",
        ctl_has(ctl, CTL_ID) ? trial_text_of(ctl->values[CTL_ID])
                             : trial_arena_text(&ctl->arena, trial_text_of(id)));
    set(ctl,
        event,
        "source",
        ctl_has(ctl, CTL_SOURCE) ? trial_text_of(ctl->values[CTL_SOURCE]) : default_source(ctl));
    set(ctl, event, "type", trial_text_of(ctl->values[CTL_TYPE]));
    set(ctl, event, "subject", subject_of(ctl));
    set(ctl,
        event,
        "time",
        ctl_has(ctl, CTL_TIME) ? trial_text_of(ctl->values[CTL_TIME]) : time_now(ctl));
    trial_value_set(&ctl->arena, event, "data", data);
    return event;
}

/* The first item of a list that the answer has for each event. */
static trial_value *first_of(const trial_value *result, const char *name)
{
    const trial_value *list = trial_value_get(result, name);
    bool has_one = list != NULL && list->kind == TRIAL_VALUE_LIST && list->as.list.count > 0;

    return has_one ? list->as.list.items[0] : NULL;
}

static void say_warnings(const trial_value *result)
{
    const trial_value *warnings = trial_value_get(result, "warnings");

    for (uint32_t i = 0; warnings != NULL && i < warnings->as.list.count; i++) {
        trial_text rule = trial_value_get_text(warnings->as.list.items[i], "rule");
        trial_text message = trial_value_get_text(warnings->as.list.items[i], "message");

        ctl_say("warning: %.*s: %.*s", TRIAL_TEXT_ARGS(rule), TRIAL_TEXT_ARGS(message));
    }
}

static void print_answer(ctl_command *ctl, const trial_value *event, trial_value *result)
{
    const trial_value *position = first_of(result, "positions");
    const trial_value *revision = first_of(result, "revisions");
    const trial_value *duplicate = first_of(result, "duplicates");
    bool is_duplicate = duplicate != NULL && duplicate->as.truth;
    bool is_dry = ctl_has(ctl, CTL_DRY_RUN);

    say_warnings(result);
    if (ctl_is_json(ctl)) {
        set(ctl, result, "id", trial_value_get_text(event, "id"));
        set(ctl, result, "source", trial_value_get_text(event, "source"));
        trial_value_set(&ctl->arena, result, "position", first_of(result, "positions"));
        trial_value_set(&ctl->arena, result, "revision", first_of(result, "revisions"));
        trial_value_set(
            &ctl->arena, result, "duplicate", trial_value_truth(&ctl->arena, is_duplicate));
        json_print(stdout, result);
        return;
    }
    (void)printf("%s%s %.*s: position %lld, revision %lld, id %.*s%s\n",
                 is_dry ? "would be taken: " : "",
                 ctl->values[CTL_TYPE],
                 TRIAL_TEXT_ARGS(trial_value_get_text(event, "subject")),
                 position == NULL ? 0 : (long long)position->as.integer,
                 revision == NULL ? 0 : (long long)revision->as.integer,
                 TRIAL_TEXT_ARGS(trial_value_get_text(event, "id")),
                 is_duplicate ? " (a repeat: it was in the log already)" : "");
}

/* A repeat has the same content, the trace too. */
static void say_how_again(const trial_value *event)
{
    trial_text trace = trial_value_get_text(event, TRACE_ATTRIBUTE);

    ctl_say("sent again with --id %.*s --time %.*s%s%.*s it becomes one event, never two",
            TRIAL_TEXT_ARGS(trial_value_get_text(event, "id")),
            TRIAL_TEXT_ARGS(trial_value_get_text(event, "time")),
            trial_text_is_set(trace) ? " --traceparent " : "",
            TRIAL_TEXT_ARGS(trace));
}

int ctl_publish(ctl_command *ctl)
{
    trial_value *data = trial_value_map(&ctl->arena);
    trial_value *params = trial_value_map(&ctl->arena);
    trial_value *events = trial_value_list(&ctl->arena);
    trial_value *result = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    trial_value *event;
    int status;

    if (!ctl_has(ctl, CTL_TYPE) || !ctl_has(ctl, CTL_SUBJECT) || ctl->type_count != 1) {
        return ctl_usage(ctl, "publish needs one --type and a --subject");
    }
    status = read_data(ctl, data);
    if (status != CTL_EXIT_DONE) {
        return status;
    }
    event = make_event(ctl, data);
    status = set_trace(ctl, event);
    if (status != CTL_EXIT_DONE) {
        return status;
    }
    trial_value_push(&ctl->arena, events, event);
    trial_value_set(&ctl->arena, params, "events", events);
    if (ctl_has(ctl, CTL_DRY_RUN)) {
        trial_value_set(&ctl->arena, params, "dry_run", trial_value_truth(&ctl->arena, true));
    }
    if (ctl_call(ctl, "append", params, &result, &err) != TRIAL_OK) {
        status = ctl_fail(ctl, &err);
        if (err.code == TRIAL_BUSY || err.code == TRIAL_STORAGE) {
            say_how_again(event);
        }
        return status;
    }
    print_answer(ctl, event, result);
    return CTL_EXIT_DONE;
}
