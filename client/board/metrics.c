/* metrics.c - see metrics.h. */
#include "metrics.h"

#include "json.h"
#include "rows.h"
#include "trial/time.h"

#include <inttypes.h>

/* Results of printing are not looked at here: whoever gave `out` looks at its error flag. */

typedef enum metric_sort { SORT_GAUGE, SORT_COUNTER, SORT_INFO } metric_sort;

typedef struct board_metric {
    metric_sort sort;
    const char *name; /* without _total and _info */
    const char *unit;
    const char *path;  /* of the daemon's; NULL: of the gateway */
    const char *label; /* "" for none */
    const char *doc;
    size_t offset; /* of the gateway's own, in board_counts */
} board_metric;

static const board_metric metrics[] = {
#define METRIC(sort, name, unit, path, label, doc) { SORT_##sort, name, unit, path, label, doc, 0 },
#define OWN(sort, name, unit, member, doc)                                                         \
    { SORT_##sort, name, unit, NULL, "", doc, offsetof(board_counts, member) },
#include "metrics.def"
};
#define METRIC_COUNT (sizeof metrics / sizeof metrics[0])

/* What no row can say: their samples are made below. */
static const board_metric up = {
    SORT_GAUGE, "triald_up", "", "", "", "Does the daemon answer?", 0
};
static const board_metric build = {
    SORT_INFO, "triald_build", "", "", "", "The daemon's version and log.", 0
};
static const board_metric own_build = { SORT_INFO, "trialboard_build",       "", NULL,
                                        "",        "The gateway's version.", 0 };
static const board_metric conditions = {
    SORT_GAUGE,
    "triald_condition",
    "",
    "conditions",
    "condition",
    "What the daemon is going through; trial-trouble(7) tells of each.",
    0
};
static const board_metric lag = {
    SORT_GAUGE, "triald_view_lag_events",
    "events",   "views",
    "view",     "Events of the log that the view does not rest on yet.",
    0
};
static const board_metric answers = {
    SORT_COUNTER, "trialboard_answers", "", NULL, "code", "Requests answered, by HTTP status.", 0
};

static const board_metric *const specials[] = {
    &up, &build, &own_build, &conditions, &lag, &answers
};

static const char *const condition_names[] = {
#define CONDITION(UPPER, name, ...) name,
#include "trial/conditions.def"
};

static const char *suffix_of(metric_sort sort)
{
    static const char *const suffixes[] = {
        [SORT_GAUGE] = "", [SORT_COUNTER] = "_total", [SORT_INFO] = "_info"
    };

    return suffixes[sort];
}

/* The lines before the samples. The older text names a counter with its suffix and knows no
 * info. */
static void write_head(FILE *out, bool is_open, const board_metric *metric)
{
    static const char *const words[] = {
        [SORT_GAUGE] = "gauge", [SORT_COUNTER] = "counter", [SORT_INFO] = "info"
    };
    const char *suffix = is_open ? "" : suffix_of(metric->sort);
    const char *word = !is_open && metric->sort == SORT_INFO ? "gauge" : words[metric->sort];

    (void)fprintf(out, "# TYPE %s%s %s\n", metric->name, suffix, word);
    if (is_open && metric->unit[0] != '\0') {
        (void)fprintf(out, "# UNIT %s%s %s\n", metric->name, suffix, metric->unit);
    }
    (void)fprintf(out, "# HELP %s%s %s\n", metric->name, suffix, metric->doc);
}

static void write_label_value(FILE *out, trial_text value)
{
    (void)putc('"', out);
    for (uint32_t i = 0; i < value.size; i++) {
        char c = value.at[i];

        if (c == '\n') {
            (void)fputs("\\n", out);
        } else {
            (void)fprintf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c);
        }
    }
    (void)putc('"', out);
}

static void write_name(FILE *out, const board_metric *metric, trial_text label_value)
{
    (void)fprintf(out, "%s%s", metric->name, suffix_of(metric->sort));
    if (trial_text_is_set(label_value)) {
        (void)fprintf(out, "{%s=", metric->label);
        write_label_value(out, label_value);
        (void)putc('}', out);
    }
    (void)putc(' ', out);
}

/* A number, a truth, or an instant as seconds since 1970. */
static void write_value(FILE *out, const trial_value *value)
{
    trial_instant instant = TRIAL_INSTANT_NONE;

    switch (value->kind) {
    case TRIAL_VALUE_TRUTH:
        (void)fprintf(out, "%d\n", value->as.truth ? 1 : 0);
        return;
    case TRIAL_VALUE_INTEGER:
        (void)fprintf(out, "%" PRId64 "\n", value->as.integer);
        return;
    case TRIAL_VALUE_UNSIGNED:
        (void)fprintf(out, "%" PRIu64 "\n", value->as.count);
        return;
    case TRIAL_VALUE_FLOAT:
        (void)fprintf(out, "%.17g\n", value->as.number);
        return;
    case TRIAL_VALUE_TEXT:
        if (trial_instant_read(value->as.text, &instant, NULL) == TRIAL_OK) {
            (void)fprintf(out, "%.6f\n", (double)instant / (double)TRIAL_NS_PER_S);
            return;
        }
        break;
    case TRIAL_VALUE_NIL:
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        break;
    }
    (void)fputs("NaN\n", out); /* a daemon of another version says something else here */
}

/* What stands in the status at `path`, names with dots between them; NULL where nothing does. */
static const trial_value *find_path(const trial_value *status, const char *path)
{
    const trial_value *value = status;

    while (value != NULL && *path != '\0') {
        trial_text name = { path, (uint32_t)strcspn(path, ".") };

        value = trial_value_find(value, name);
        path += name.size;
        path += *path == '.' ? 1 : 0;
    }
    return value;
}

static bool is_milliseconds(const char *path)
{
    size_t size = strlen(path);

    return size > 3 && strcmp(path + size - 3, "_ms") == 0;
}

static void
write_metric(FILE *out, bool is_open, const board_metric *metric, const trial_value *status)
{
    const trial_value *value = find_path(status, metric->path);
    trial_text none = { NULL, 0 };

    if (value == NULL) {
        return;
    }
    write_head(out, is_open, metric);
    if (metric->label[0] == '\0') {
        write_name(out, metric, none);
        if (is_milliseconds(metric->path)) {
            (void)fprintf(out, "%.3f\n", (double)value->as.integer / 1000);
        } else {
            write_value(out, value);
        }
        return;
    }
    for (uint32_t i = 0; value->kind == TRIAL_VALUE_MAP && i < value->as.map.count; i++) {
        write_name(out, metric, value->as.map.entries[i].name);
        write_value(out, value->as.map.entries[i].value);
    }
}

static void write_lag(FILE *out, bool is_open, const trial_value *status)
{
    const trial_value *views = trial_value_get(status, "views");
    int64_t head = trial_value_get_integer(status, "head");

    write_head(out, is_open, &lag);
    for (uint32_t i = 0; views != NULL && i < views->as.map.count; i++) {
        const trial_entry *entry = &views->as.map.entries[i];

        write_name(out, &lag, entry->name);
        (void)fprintf(out, "%" PRId64 "\n", head - entry->value->as.integer);
    }
}

static bool has_condition(const trial_value *status, const char *name)
{
    const trial_value *list = trial_value_get(status, "conditions");

    for (uint32_t i = 0; list != NULL && list->kind == TRIAL_VALUE_LIST && i < list->as.list.count;
         i++) {
        if (trial_text_is(trial_value_get_text(list->as.list.items[i], "name"), name)) {
            return true;
        }
    }
    return false;
}

static void write_daemon(FILE *out, bool is_open, const trial_value *status)
{
    write_head(out, is_open, &build);
    (void)fprintf(out, "triald_build_info{version=");
    write_label_value(out, trial_value_get_text(status, "version"));
    (void)fprintf(out, ",log=");
    write_label_value(out, trial_value_get_text(status, "log"));
    (void)fprintf(out, "} 1\n");
    write_head(out, is_open, &conditions);
    for (size_t i = 0; i < sizeof condition_names / sizeof condition_names[0]; i++) {
        write_name(out, &conditions, trial_text_of(condition_names[i]));
        (void)fprintf(out, "%d\n", has_condition(status, condition_names[i]) ? 1 : 0);
    }
    write_lag(out, is_open, status);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (metrics[i].path != NULL) {
            write_metric(out, is_open, &metrics[i], status);
        }
    }
}

static void write_answers(FILE *out, bool is_open, const board_counts *counts)
{
    write_head(out, is_open, &answers);
    for (uint32_t i = 0; i < METRICS_STATUS_END - METRICS_STATUS_FIRST; i++) {
        char code[16];

        if (counts->answers[i] > 0) {
            (void)snprintf(code, sizeof code, "%u", METRICS_STATUS_FIRST + i);
            write_name(out, &answers, trial_text_of(code));
            (void)fprintf(out, "%" PRIu64 "\n", counts->answers[i]);
        }
    }
}

void metrics_write(FILE *out, bool is_open, const trial_value *status, const board_counts *counts)
{
    trial_text none = { NULL, 0 };

    write_head(out, is_open, &up);
    (void)fprintf(out, "triald_up %d\n", status == NULL ? 0 : 1);
    if (status != NULL) {
        write_daemon(out, is_open, status);
    }
    write_head(out, is_open, &own_build);
    (void)fprintf(out, "trialboard_build_info{version=\"" TRIALD_VERSION "\"} 1\n");
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (metrics[i].path == NULL) {
            const uint64_t *count =
                (const uint64_t *)(const void *)((const char *)counts + metrics[i].offset);

            write_head(out, is_open, &metrics[i]);
            write_name(out, &metrics[i], none);
            (void)fprintf(out, "%" PRIu64 "\n", *count);
        }
    }
    write_answers(out, is_open, counts);
    if (is_open) {
        (void)fputs("# EOF\n", out);
    }
}

static void describe_one(FILE *out, const board_metric *metric)
{
    char name[128];

    (void)snprintf(name, sizeof name, "%s%s", metric->name, suffix_of(metric->sort));
    (void)fputs("*", out);
    rows_print_plain(name, out);
    (void)fputs("*", out);
    if (metric->label[0] != '\0') {
        (void)fprintf(out, " {%s}", metric->label);
    }
    (void)fputs("\n\t", out);
    rows_print_plain(metric->doc, out);
    (void)fputs("\n\n", out);
}

void metrics_describe(FILE *out)
{
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        describe_one(out, specials[i]);
    }
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        describe_one(out, &metrics[i]);
    }
}
