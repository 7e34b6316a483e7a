/* history.c - trialctl history: everything that ever happened to one subject, who said so, when it
 * was learnt, and what was put right later. */
#include "json.h"
#include "reading.h"
#include "render.h"
#include "trace.h"

#define NAME_COLUMNS 19 /* as wide as requestedExemptions */

struct history {
    ctl_command *ctl;
    trial_value *events; /* all of them; a correction stands behind what it corrects */
};

static bool keep_event(void *context, const trial_value *event)
{
    struct history *history = context;

    /* The walk keeps its events in ctl->arena, so they may be held. */
    trial_value_push(&history->ctl->arena, history->events, (trial_value *)(uintptr_t)event);
    return true;
}

static bool is_said_of_another_field(trial_text name)
{
    return trial_text_is(name, "provenance") || trial_text_is(name, "cite") ||
           trial_text_is(name, "datePrecision") || trial_text_is(name, "documentedFields");
}

/* How the fact is known, on one line: documented (cite), to the month. */
static void print_provenance(const trial_value *data)
{
    trial_text provenance = trial_value_get_text(data, "provenance");
    trial_text cite = trial_value_get_text(data, "cite");
    trial_text precision = trial_value_get_text(data, "datePrecision");

    if (!trial_text_is_set(provenance) && !trial_text_is_set(cite)) {
        return;
    }
    (void)printf("         known               %.*s%s%.*s",
                 TRIAL_TEXT_ARGS(provenance),
                 trial_text_is_set(cite) ? ", " : "",
                 TRIAL_TEXT_ARGS(cite));
    if (trial_text_is_set(precision)) {
        (void)printf(", to the %.*s", TRIAL_TEXT_ARGS(precision));
    }
    (void)putchar('\n'); /* main.c looks whether everything was written */
}

/* Which request of somebody's it came out of; what has not that form is shown as it stands. */
static void print_trace(trial_arena *arena, const trial_value *event)
{
    const trial_value *value = trial_value_get(event, TRACE_ATTRIBUTE);
    trace_parent parent;

    if (value == NULL) {
        return;
    }
    if (value->kind == TRIAL_VALUE_TEXT && trace_read(value->as.text, &parent)) {
        (void)printf("         trace               %.*s, span %.*s%s\n",
                     TRIAL_TEXT_ARGS(parent.trace),
                     TRIAL_TEXT_ARGS(parent.span),
                     parent.is_sampled ? ", sampled" : "");
    } else {
        (void)printf("         traceparent         %.*s (not in the form of W3C Trace Context)\n",
                     TRIAL_TEXT_ARGS(render_cell(arena, value)));
    }
}

/* A correction said later of this event. */
static bool corrects(const trial_value *later, const trial_value *event)
{
    const trial_value *data = trial_value_get(later, "data");

    return trial_text_is(trial_value_get_text(later, "type"), "correction.issued") &&
           trial_text_equal(trial_value_get_text(data, "corrects"),
                            trial_value_get_text(event, "id"));
}

static void print_corrections(const struct history *history, uint32_t index)
{
    trial_arena *arena = &history->ctl->arena;
    const trial_value *event = history->events->as.list.items[index];

    for (uint32_t i = index + 1; i < history->events->as.list.count; i++) {
        const trial_value *later = history->events->as.list.items[i];
        const trial_value *data = trial_value_get(later, "data");

        if (corrects(later, event)) {
            (void)printf("         corrected           %.*s: %.*s -> %.*s, by position %lld\n",
                         TRIAL_TEXT_ARGS(trial_value_get_text(data, "field")),
                         TRIAL_TEXT_ARGS(render_cell(arena, trial_value_get(data, "oldValue"))),
                         TRIAL_TEXT_ARGS(render_cell(arena, trial_value_get(data, "newValue"))),
                         (long long)trial_value_get_integer(later, "position"));
        }
    }
}

/* One field of an event; a list of maps takes a line for each. */
static void print_field(trial_arena *arena, trial_text name, const trial_value *value)
{
    bool is_nested = value->kind == TRIAL_VALUE_LIST && value->as.list.count > 0 &&
                     value->as.list.items[0]->kind == TRIAL_VALUE_MAP;

    for (uint32_t i = 0; i < (is_nested ? value->as.list.count : 1); i++) {
        trial_text cell = render_cell(arena, is_nested ? value->as.list.items[i] : value);

        (void)printf("         ");
        render_padded(stdout, i == 0 ? name : TRIAL_TEXT(""), NAME_COLUMNS);
        (void)printf(" %.*s\n", TRIAL_TEXT_ARGS(cell));
    }
}

static void print_event(const struct history *history, uint32_t index)
{
    trial_arena *arena = &history->ctl->arena;
    const trial_value *event = history->events->as.list.items[index];
    const trial_value *data = trial_value_get(event, "data");

    (void)printf("%.*s  %.*s\n",
                 TRIAL_TEXT_ARGS(trial_value_get_text(event, "time")),
                 TRIAL_TEXT_ARGS(trial_value_get_text(event, "type")));
    (void)printf("         by                  %.*s, id %.*s\n",
                 TRIAL_TEXT_ARGS(trial_value_get_text(event, "source")),
                 TRIAL_TEXT_ARGS(trial_value_get_text(event, "id")));
    (void)printf("         learnt              %.*s, position %lld, revision %lld\n",
                 TRIAL_TEXT_ARGS(trial_value_get_text(event, "ingesttime")),
                 (long long)trial_value_get_integer(event, "position"),
                 (long long)trial_value_get_integer(event, "revision"));
    print_trace(arena, event);
    for (uint32_t i = 0; data != NULL && data->kind == TRIAL_VALUE_MAP && i < data->as.map.count;
         i++) {
        const trial_entry *entry = &data->as.map.entries[i];

        if (!is_said_of_another_field(entry->name)) {
            print_field(arena, render_tame(arena, entry->name), entry->value);
        }
    }
    print_provenance(data);
    print_corrections(history, index);
}

int ctl_history(ctl_command *ctl)
{
    struct history history = { .ctl = ctl, .events = trial_value_list(&ctl->arena) };
    reading_question question = { .keeps = true };
    trial_error err = TRIAL_ERROR_NONE;

    if (strchr(ctl->arguments[0], '/') == NULL) {
        return ctl_usage(ctl,
                         "'%s' is no subject: a kind, a slash and an id, as trial/ff2-018",
                         ctl->arguments[0]);
    }
    question.filters = reading_filters(ctl, true);
    trial_value_set(
        &ctl->arena, question.filters, "subject", trial_value_word(&ctl->arena, ctl->arguments[0]));
    if (reading_walk(ctl, &question, keep_event, &history, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (history.events->as.list.count == 0) {
        ctl_say("not-found: nothing is known of %s", ctl->arguments[0]);
        ctl_say_since_when(ctl);
        return CTL_EXIT_NOT_FOUND;
    }
    if (ctl_is_json(ctl)) {
        json_write(stdout, history.events);
        (void)putchar('\n');
        return CTL_EXIT_DONE;
    }
    for (uint32_t i = 0; i < history.events->as.list.count; i++) {
        print_event(&history, i);
    }
    return CTL_EXIT_DONE;
}
