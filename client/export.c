/* export.c - trialctl export: the log in a format that others read, and the simple ones of them. */
#include "export.h"

#include "ctl.h"
#include "json.h"
#include "reading.h"

#include <errno.h>

/* ndjson: events as they are read, which can be imported again. */
static void write_ndjson(export_run *run, const trial_value *event)
{
    json_write(run->out, event);
    (void)putc('\n', run->out); /* the verb looks whether everything was written */
}

/* cloudevents: the JSON event format, one event a line. An integer of CloudEvents has 32 bits, so
 * position, revision and larger extension attributes are strings. */
static bool needs_string(const trial_entry *entry)
{
    if (trial_text_is(entry->name, "position") || trial_text_is(entry->name, "revision")) {
        return true;
    }
    return entry->value->kind == TRIAL_VALUE_UNSIGNED ||
           (entry->value->kind == TRIAL_VALUE_INTEGER &&
            (entry->value->as.integer > INT32_MAX || entry->value->as.integer < INT32_MIN));
}

static void write_cloudevent(export_run *run, const trial_value *event)
{
    (void)putc('{', run->out);
    for (uint32_t i = 0; i < event->as.map.count; i++) {
        const trial_entry *entry = &event->as.map.entries[i];
        bool is_string = needs_string(entry);

        if (i > 0) {
            (void)putc(',', run->out);
        }
        json_write_text(run->out, entry->name);
        (void)fputs(is_string ? ":\"" : ":", run->out);
        json_write(run->out, entry->value);
        (void)fputs(is_string ? "\"" : "", run->out);
    }
    (void)fputs("}\n", run->out);
}

/* csv: RFC 4180, the attributes as columns, data and extension attributes as JSON. */
static const char *const csv_columns[] = { "position", "revision",  "ingesttime", "id",
                                           "source",   "type",      "subject",    "time",
                                           "data",     "extensions" };
#define CSV_COLUMNS (sizeof csv_columns / sizeof csv_columns[0])

static trial_code begin_csv(export_run *run, trial_error *err)
{
    (void)err;
    for (size_t i = 0; i < CSV_COLUMNS; i++) {
        (void)fprintf(run->out, "%s%s", i == 0 ? "" : ",", csv_columns[i]);
    }
    (void)fputs("\r\n", run->out);
    return TRIAL_OK;
}

static void write_csv_field(FILE *out, trial_text text)
{
    bool is_plain = true;

    for (uint32_t i = 0; i < text.size && is_plain; i++) {
        is_plain = strchr(",\"\r\n", text.at[i]) == NULL;
    }
    if (is_plain) {
        (void)fwrite(text.at, 1, text.size, out);
        return;
    }
    (void)putc('"', out);
    for (uint32_t i = 0; i < text.size; i++) {
        if (text.at[i] == '"') {
            (void)putc('"', out);
        }
        (void)putc(text.at[i], out);
    }
    (void)putc('"', out);
}

/* The attributes that have no column of their own; specversion is always 1.0. */
static trial_value *extensions_of(trial_arena *arena, const trial_value *event)
{
    trial_value *extensions = trial_value_map(arena);

    for (uint32_t i = 0; i < event->as.map.count; i++) {
        const trial_entry *entry = &event->as.map.entries[i];
        bool is_known = trial_text_is(entry->name, "specversion");

        /* The last column is no attribute, and an extension attribute may have its name. */
        for (size_t k = 0; k < CSV_COLUMNS - 1 && !is_known; k++) {
            is_known = trial_text_is(entry->name, csv_columns[k]);
        }
        if (!is_known) {
            trial_value_set_text(arena, extensions, entry->name, entry->value);
        }
    }
    return extensions;
}

static void write_csv(export_run *run, const trial_value *event)
{
    trial_arena scratch = { 0 };
    trial_value *extensions = extensions_of(&scratch, event);

    for (size_t i = 0; i < CSV_COLUMNS; i++) {
        const trial_value *value = trial_value_get(event, csv_columns[i]);
        trial_text text = TRIAL_TEXT("");

        if (strcmp(csv_columns[i], "extensions") == 0) {
            value = extensions->as.map.count == 0 ? NULL : extensions;
        }
        if (value != NULL) {
            text = value->kind == TRIAL_VALUE_TEXT ? value->as.text : json_text(&scratch, value);
        }
        (void)fputs(i == 0 ? "" : ",", run->out);
        write_csv_field(run->out, text);
    }
    (void)fputs("\r\n", run->out);
    trial_arena_done(&scratch);
}

static const export_format export_ndjson = { "ndjson", NULL, write_ndjson, NULL };
static const export_format export_cloudevents = { "cloudevents", NULL, write_cloudevent, NULL };
static const export_format export_csv = { "csv", begin_csv, write_csv, NULL };

const export_format *const export_formats[] = { &export_ndjson, &export_cloudevents, &export_csv,
                                                &export_xes,    &export_ocel,        NULL };

const export_format *export_format_named(const char *name)
{
    const export_format *const *format = export_formats;

    while (*format != NULL && strcmp((*format)->name, name) != 0) {
        format++;
    }
    return *format;
}

/* The verb. */
struct exporting {
    export_run run;
    const export_format *format;
    ctl_progress progress;
    uint64_t count;
};

static bool export_event(void *context, const trial_value *event)
{
    struct exporting *exporting = context;

    exporting->format->event(&exporting->run, event);
    exporting->count++;
    ctl_progress_show(&exporting->progress, "exporting", 0, 0, exporting->count);
    return ferror(exporting->run.out) == 0;
}

static bool look_only(void *context, const trial_value *event)
{
    (void)context;
    (void)event;
    return false; /* one answer is enough */
}

/* Is there a daemon that answers this question? Asked before anything is written: a file that is
 * there is a good export until there is another. */
static trial_code look_first(ctl_command *ctl, trial_error *err)
{
    reading_question question = { .filters = reading_filters(ctl, true), .limit = 1 };

    return reading_walk(ctl, &question, look_only, NULL, err);
}

static trial_code export_all(ctl_command *ctl, struct exporting *exporting, trial_error *err)
{
    reading_question question = { .filters = reading_filters(ctl, true) };
    trial_code code = TRIAL_OK;

    if (exporting->format->begin != NULL) {
        code = exporting->format->begin(&exporting->run, err);
    }
    if (code == TRIAL_OK) {
        code = reading_walk(ctl, &question, export_event, exporting, err);
    }
    if (code == TRIAL_OK && exporting->format->end != NULL) {
        code = exporting->format->end(&exporting->run, err);
    }
    return code;
}

/* Everything that was written must be in the file. */
static trial_code close_file(FILE *file, const char *path, trial_error *err)
{
    bool has_failed = ferror(file) != 0;

    if (fclose(file) != 0 || has_failed) {
        return trial_fail_errno(err, errno, "writing '%s', which is not complete", path);
    }
    return TRIAL_OK;
}

int ctl_export(ctl_command *ctl)
{
    const char *path = ctl->argument_count == 1 ? ctl->arguments[0] : NULL;
    struct exporting exporting = { .run = { stdout, &ctl->arena, NULL } };
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;

    exporting.format =
        export_format_named(ctl_has(ctl, CTL_FORMAT) ? ctl->values[CTL_FORMAT] : "ndjson");
    if (exporting.format == NULL) {
        return ctl_usage(ctl, "--format is one of ndjson, cloudevents, csv, xes, ocel");
    }
    if (look_first(ctl, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (path != NULL && strcmp(path, "-") != 0) {
        exporting.run.out = fopen(path, "we");
    }
    if (exporting.run.out == NULL) {
        (void)trial_fail_errno(&err, errno, "opening '%s'", path);
        return ctl_fail(ctl, &err);
    }
    ctl_progress_begin(ctl, &exporting.progress);
    code = export_all(ctl, &exporting, &err);
    ctl_progress_clear(&exporting.progress);
    if (exporting.run.out != stdout) {
        trial_error close_err = TRIAL_ERROR_NONE;
        trial_code closed = close_file(exporting.run.out, path, &close_err);

        if (code == TRIAL_OK && closed != TRIAL_OK) {
            err = close_err;
            code = closed;
        }
    }
    if (code != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (exporting.count == 0) {
        ctl_say_since_when(ctl);
    }
    return CTL_EXIT_DONE;
}
