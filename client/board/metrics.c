/* metrics.c - see metrics.h. */
#include "metrics.h"

#include "rows.h"
#include "trial/metrics.h"

#include <inttypes.h>

#define PREFIX "triald_"
#define NAME_BYTES 128
#define LABELS_MAX 2u /* of one row of trial/metrics.def */

/* Results of printing are not looked at here: whoever gave `out` looks at its error flag. */

typedef struct own_metric {
    trial_metric_kind kind;
    const char *name; /* without _total */
    const char *unit;
    const char *doc;
    size_t offset; /* in board_counts */
} own_metric;

static const own_metric own[] = {
#define OWN(kind, name, unit, member, doc)                                                         \
    { TRIAL_METRIC_##kind, name, unit, doc, offsetof(board_counts, member) },
#include "metrics.def"
};
#define OWN_COUNT (sizeof own / sizeof own[0])

/* What no row can say: their samples are made below. */
static const struct special {
    const char *name;
    const char *kind;
    const char *labels;
    const char *doc;
} up = { "triald_up", "gauge", "", "Does the daemon answer?" },
  build = { "triald_build", "info", "version,log", "The daemon's version and log." },
  own_build = { "trialboard_build", "info", "version", "The gateway's version." },
  answers = { "trialboard_answers", "counter", "code", "Requests answered, by HTTP status." };

static const struct special *const specials[] = { &up, &build, &own_build, &answers };

static const char *const kind_words[] = { [TRIAL_METRIC_COUNTER] = "counter",
                                          [TRIAL_METRIC_GAUGE] = "gauge",
                                          [TRIAL_METRIC_HISTOGRAM] = "histogram" };

static const char *suffix_of(const char *kind)
{
    return strcmp(kind, "counter") == 0 ? "_total" : strcmp(kind, "info") == 0 ? "_info" : "";
}

/* The lines before the samples. The older text names a counter with its suffix and knows no
 * info. */
static void write_head(
    FILE *out, bool is_open, const char *name, const char *kind, const char *unit, const char *doc)
{
    const char *suffix = is_open ? "" : suffix_of(kind);

    (void)fprintf(out,
                  "# TYPE %s%s %s\n",
                  name,
                  suffix,
                  !is_open && strcmp(kind, "info") == 0 ? "gauge" : kind);
    if (is_open && unit[0] != '\0') {
        (void)fprintf(out, "# UNIT %s%s %s\n", name, suffix, unit);
    }
    (void)fprintf(out, "# HELP %s%s %s\n", name, suffix, doc);
}

static void write_special_head(FILE *out, bool is_open, const struct special *special)
{
    write_head(out, is_open, special->name, special->kind, "", special->doc);
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

/* A number as it is, and what a daemon of another version says in its place. */
static void write_value(FILE *out, const trial_value *value)
{
    switch (value->kind) {
    case TRIAL_VALUE_INTEGER:
        (void)fprintf(out, "%" PRId64 "\n", value->as.integer);
        return;
    case TRIAL_VALUE_UNSIGNED:
        (void)fprintf(out, "%" PRIu64 "\n", value->as.count);
        return;
    case TRIAL_VALUE_FLOAT:
        (void)fprintf(out, "%.17g\n", value->as.number);
        return;
    case TRIAL_VALUE_TRUTH:
    case TRIAL_VALUE_TEXT:
    case TRIAL_VALUE_NIL:
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        break;
    }
    (void)fputs("NaN\n", out);
}

/* What a sample of the daemon's is told apart by: as many values as its row has labels. */
struct sample {
    const trial_metric_row *row;
    trial_text values[LABELS_MAX];
    uint32_t count;
};

/* `extra`: one more label, written as it is; NULL for none. */
static void
write_name(FILE *out, const struct sample *sample, const char *suffix, const char *extra)
{
    const char *label = sample->row->labels;

    (void)fprintf(out, PREFIX "%s%s", sample->row->name, suffix);
    for (uint32_t i = 0; i < sample->count; i++) {
        int size = (int)strcspn(label, ",");

        (void)fprintf(out, "%c%.*s=", i == 0 ? '{' : ',', size, label);
        write_label_value(out, sample->values[i]);
        label += size + (label[size] == ',' ? 1 : 0);
    }
    if (extra != NULL) {
        (void)fprintf(out, "%c%s", sample->count == 0 ? '{' : ',', extra);
    }
    (void)fputs(sample->count > 0 || extra != NULL ? "} " : " ", out);
}

/* Ours are counted each alone, Prometheus' with all below them; bounds are seconds. */
static void write_histogram(FILE *out, const struct sample *sample, const trial_value *value)
{
    const trial_value *buckets = trial_value_get(value, "buckets");
    const trial_value *sum = trial_value_get(value, "sum");
    char bound[40];
    int64_t below = 0;

    if (buckets == NULL || buckets->kind != TRIAL_VALUE_LIST || sum == NULL ||
        buckets->as.list.count != TRIAL_HISTOGRAM_BUCKETS) {
        return; /* a daemon of another version has other bounds, and none that we could name */
    }
    for (uint32_t i = 0; i < TRIAL_HISTOGRAM_BUCKETS; i++) {
        below += buckets->as.list.items[i]->as.integer;
        if (i < TRIAL_HISTOGRAM_BOUNDS) {
            (void)snprintf(
                bound, sizeof bound, "le=\"%.6f\"", (double)trial_histogram_bound_us(i) / 1e6);
        } else {
            (void)snprintf(bound, sizeof bound, "le=\"+Inf\"");
        }
        write_name(out, sample, "_bucket", bound);
        (void)fprintf(out, "%" PRId64 "\n", below);
    }
    write_name(out, sample, "_count", NULL);
    (void)fprintf(out, "%" PRId64 "\n", below);
    write_name(out, sample, "_sum", NULL);
    write_value(out, sum);
}

static void write_sample(FILE *out, const struct sample *sample, const trial_value *value)
{
    if (sample->row->kind == TRIAL_METRIC_HISTOGRAM) {
        write_histogram(out, sample, value);
    } else {
        write_name(out, sample, suffix_of(kind_words[sample->row->kind]), NULL);
        write_value(out, value);
    }
}

static uint32_t count_labels(const char *labels)
{
    uint32_t count = labels[0] == '\0' ? 0 : 1;

    for (; *labels != '\0'; labels++) {
        count += *labels == ',' ? 1 : 0;
    }
    return count;
}

/* One sample a label value, or a pair of them. */
static void write_metric(FILE *out, const trial_metric_row *row, const trial_value *value)
{
    struct sample sample = { .row = row, .count = count_labels(row->labels) };

    TRIAL_ASSERT(sample.count <= LABELS_MAX);
    if (sample.count == 0) {
        write_sample(out, &sample, value);
        return;
    }
    for (uint32_t i = 0; value->kind == TRIAL_VALUE_MAP && i < value->as.map.count; i++) {
        const trial_value *inner = value->as.map.entries[i].value;

        sample.values[0] = value->as.map.entries[i].name;
        if (sample.count == 1) {
            write_sample(out, &sample, inner);
        }
        for (uint32_t k = 0;
             sample.count == 2 && inner->kind == TRIAL_VALUE_MAP && k < inner->as.map.count;
             k++) {
            sample.values[1] = inner->as.map.entries[k].name;
            write_sample(out, &sample, inner->as.map.entries[k].value);
        }
    }
}

static void write_daemon(FILE *out, bool is_open, const trial_value *answer)
{
    write_special_head(out, is_open, &build);
    (void)fprintf(out, "triald_build_info{version=");
    write_label_value(out, trial_value_get_text(answer, "version"));
    (void)fprintf(out, ",log=");
    write_label_value(out, trial_value_get_text(answer, "log"));
    (void)fprintf(out, "} 1\n");
    for (trial_metric metric = 0; metric < TRIAL_METRIC_COUNT; metric++) {
        const trial_metric_row *row = trial_metric_row_of(metric);
        const trial_value *section = trial_value_get(answer, trial_metric_section(row->kind));
        const trial_value *value = trial_value_get(section, row->name);
        char name[NAME_BYTES];

        if (value != NULL) { /* an older daemon does not tell */
            (void)snprintf(name, sizeof name, PREFIX "%s", row->name);
            write_head(out, is_open, name, kind_words[row->kind], row->unit, row->doc);
            write_metric(out, row, value);
        }
    }
}

static void write_answers(FILE *out, bool is_open, const board_counts *counts)
{
    write_special_head(out, is_open, &answers);
    for (uint32_t i = 0; i < METRICS_STATUS_END - METRICS_STATUS_FIRST; i++) {
        if (counts->answers[i] > 0) {
            (void)fprintf(out,
                          "trialboard_answers_total{code=\"%u\"} %" PRIu64 "\n",
                          METRICS_STATUS_FIRST + i,
                          counts->answers[i]);
        }
    }
}

void metrics_write(FILE *out, bool is_open, const trial_value *answer, const board_counts *counts)
{
    write_special_head(out, is_open, &up);
    (void)fprintf(out, "triald_up %d\n", answer == NULL ? 0 : 1);
    if (answer != NULL) {
        write_daemon(out, is_open, answer);
    }
    write_special_head(out, is_open, &own_build);
    (void)fprintf(out, "trialboard_build_info{version=\"" TRIALD_VERSION "\"} 1\n");
    for (size_t i = 0; i < OWN_COUNT; i++) {
        const char *kind = kind_words[own[i].kind];
        const uint64_t *count =
            (const uint64_t *)(const void *)((const char *)counts + own[i].offset);

        write_head(out, is_open, own[i].name, kind, own[i].unit, own[i].doc);
        (void)fprintf(out, "%s%s %" PRIu64 "\n", own[i].name, suffix_of(kind), *count);
    }
    write_answers(out, is_open, counts);
    if (is_open) {
        (void)fputs("# EOF\n", out);
    }
}

static void
describe_one(FILE *out, const char *name, const char *kind, const char *labels, const char *doc)
{
    char whole[NAME_BYTES];

    (void)snprintf(whole, sizeof whole, "%s%s", name, suffix_of(kind));
    (void)fputs("*", out);
    rows_print_plain(whole, out);
    (void)fputs("*", out);
    if (labels[0] != '\0') {
        (void)fprintf(out, " {%s}", labels);
    }
    (void)fprintf(out, ", %s\n\t", kind);
    rows_print_plain(doc, out);
    (void)fputs("\n\n", out);
}

void metrics_describe(FILE *out)
{
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        describe_one(
            out, specials[i]->name, specials[i]->kind, specials[i]->labels, specials[i]->doc);
    }
    for (trial_metric metric = 0; metric < TRIAL_METRIC_COUNT; metric++) {
        const trial_metric_row *row = trial_metric_row_of(metric);
        char name[NAME_BYTES];

        (void)snprintf(name, sizeof name, PREFIX "%s", row->name);
        describe_one(out, name, kind_words[row->kind], row->labels, row->doc);
    }
    for (size_t i = 0; i < OWN_COUNT; i++) {
        describe_one(out, own[i].name, kind_words[own[i].kind], "", own[i].doc);
    }
    (void)fputs("The stages of _triald\\_stage\\_seconds_ are\n\n", out);
    for (trial_stage stage = 0; stage < TRIAL_STAGE_COUNT; stage++) {
        (void)fprintf(out, "*%s*\n\t", trial_stage_row_of(stage)->name);
        rows_print_plain(trial_stage_row_of(stage)->doc, out);
        (void)fputs("\n\n", out);
    }
}
