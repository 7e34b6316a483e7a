/* top_model.c - see top.h. */
#include "top.h"

#include "measures.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define KIB 1024.0
#define MIB (1024.0 * 1024.0)
#define GIB (1024.0 * MIB)
#define NUMBER_BYTES 32
#define US_PER_S 1e6

/* What takes a thread, as metrics name it; in the order that is shown. */
static const char *const readers[] = { "read", "query", "page", "records", "verify" };
#define READERS (sizeof readers / sizeof readers[0])

/* The stages in the order of a turn, the commit behind it. */
static const trial_stage stages[] = {
    TRIAL_STAGE_decode, TRIAL_STAGE_decide,  TRIAL_STAGE_gather, TRIAL_STAGE_flush,
    TRIAL_STAGE_answer, TRIAL_STAGE_publish, TRIAL_STAGE_turn,   TRIAL_STAGE_commit,
};
#define STAGES (sizeof stages / sizeof stages[0])
static_assert(STAGES == TRIAL_STAGE_COUNT, "every stage has its line");

void top_model_take(top_model *model, const trial_value *answer)
{
    const trial_value *last = model->now;
    bool is_same = last != NULL && measures_sum(last, TRIAL_METRIC_start_time_seconds) ==
                                       measures_sum(answer, TRIAL_METRIC_start_time_seconds);

    model->now = answer;
    model->before = is_same ? last : NULL;
    model->seconds = is_same ? measures_sum(answer, TRIAL_METRIC_uptime_seconds) -
                                   measures_sum(last, TRIAL_METRIC_uptime_seconds)
                             : 0;
    if (model->seconds <= 0) {
        model->before = NULL;
    }
}

double top_model_rate(const top_model *model, trial_metric metric)
{
    return model->before == NULL
               ? 0
               : (measures_sum(model->now, metric) - measures_sum(model->before, metric)) /
                     model->seconds;
}

trial_histogram top_model_times(const top_model *model, trial_metric metric, const char *label)
{
    trial_histogram now = measures_histogram(model->now, metric, label);
    trial_histogram before = measures_histogram(model->before, metric, label);

    return measures_since(&now, &before);
}

/* What lies between two answers and is no error; of requests all that is not `ok`. */
static double failed_rate(const top_model *model)
{
    double rate = 0;
    const trial_value *now = measures_find(model->now, TRIAL_METRIC_requests);
    const trial_value *before = measures_find(model->before, TRIAL_METRIC_requests);

    for (uint32_t i = 0; model->before != NULL && now != NULL && now->kind == TRIAL_VALUE_MAP &&
                         i < now->as.map.count;
         i++) {
        const trial_entry *method = &now->as.map.entries[i];

        rate += (double)trial_value_get_integer(method->value, trial_code_name(TRIAL_OK)) -
                (double)trial_value_get_integer(trial_value_find(before, method->name),
                                                trial_code_name(TRIAL_OK));
    }
    return top_model_rate(model, TRIAL_METRIC_requests) -
           (model->before == NULL ? 0 : rate / model->seconds);
}

/* Numbers a person reads at a glance. */

static const char *rate_text(char text[NUMBER_BYTES], double rate)
{
    (void)snprintf(text, NUMBER_BYTES, rate >= 100 || rate == 0 ? "%.0f" : "%.1f", rate);
    return text;
}

static const char *whole_text(char text[NUMBER_BYTES], double number)
{
    (void)snprintf(text, NUMBER_BYTES, "%.0f", number);
    return text;
}

static const char *bytes_text(char text[NUMBER_BYTES], double bytes)
{
    if (bytes >= GIB) {
        (void)snprintf(text, NUMBER_BYTES, "%.1f GiB", bytes / GIB);
    } else if (bytes >= MIB) {
        (void)snprintf(text, NUMBER_BYTES, "%.1f MiB", bytes / MIB);
    } else if (bytes >= KIB) {
        (void)snprintf(text, NUMBER_BYTES, "%.1f KiB", bytes / KIB);
    } else {
        (void)snprintf(text, NUMBER_BYTES, "%.0f B", bytes);
    }
    return text;
}

static const char *time_text(char text[NUMBER_BYTES], double us)
{
    if (us >= US_PER_S) {
        (void)snprintf(text, NUMBER_BYTES, "%.2f s", us / US_PER_S);
    } else if (us >= 1000) {
        (void)snprintf(text, NUMBER_BYTES, "%.2f ms", us / 1000);
    } else {
        (void)snprintf(text, NUMBER_BYTES, "%.0f us", us);
    }
    return text;
}

/* Lines. */

struct lines {
    top_line *at;
    uint32_t count;
};

static void add(struct lines *lines, top_style style, const char *format, ...) TRIAL_PRINTF(3, 4);

static void add(struct lines *lines, top_style style, const char *format, ...)
{
    va_list args;

    if (lines->count < TOP_LINES_MAX) {
        top_line *line = &lines->at[lines->count++];

        line->style = style;
        va_start(args, format);
        (void)vsnprintf(line->text, sizeof line->text, format, args); /* a cut one says most */
        va_end(args);
    }
}

static void add_conditions(struct lines *lines, const top_model *model)
{
    const trial_value *map = measures_find(model->now, TRIAL_METRIC_condition);
    char text[TOP_TEXT_BYTES] = "";

    for (uint32_t i = 0; map != NULL && map->kind == TRIAL_VALUE_MAP && i < map->as.map.count;
         i++) {
        const trial_entry *entry = &map->as.map.entries[i];
        size_t size = strlen(text);

        if (entry->value->kind == TRIAL_VALUE_INTEGER && entry->value->as.integer != 0) {
            (void)snprintf(text + size,
                           sizeof text - size,
                           "%s%.*s",
                           size == 0 ? "" : ", ",
                           TRIAL_TEXT_ARGS(entry->name));
        }
    }
    add(lines, text[0] == '\0' ? TOP_GOOD : TOP_BAD, "%s", text[0] == '\0' ? "serving" : text);
}

static void add_rates(struct lines *lines, const top_model *model)
{
    char a[NUMBER_BYTES];
    char b[NUMBER_BYTES];
    char c[NUMBER_BYTES];

    add(lines,
        TOP_PLAIN,
        "events    %10s/s   repeats   %10s/s   turns     %10s/s",
        rate_text(a, top_model_rate(model, TRIAL_METRIC_appended_events)),
        rate_text(b, top_model_rate(model, TRIAL_METRIC_duplicate_events)),
        rate_text(c, top_model_rate(model, TRIAL_METRIC_turns)));
    add(lines,
        TOP_PLAIN,
        "requests  %10s/s   failed    %10s/s   refused   %10s/s",
        rate_text(a, top_model_rate(model, TRIAL_METRIC_requests)),
        rate_text(b, failed_rate(model)),
        rate_text(c, top_model_rate(model, TRIAL_METRIC_refused_appends)));
    add(lines,
        TOP_PLAIN,
        "received  %10s/s   sent      %10s/s   journal   %10s/s",
        bytes_text(a, top_model_rate(model, TRIAL_METRIC_received_bytes)),
        bytes_text(b,
                   top_model_rate(model, TRIAL_METRIC_sent_bytes) +
                       top_model_rate(model, TRIAL_METRIC_notified_bytes)),
        bytes_text(c, top_model_rate(model, TRIAL_METRIC_flushed_bytes)));
}

static void
add_times(struct lines *lines, const top_model *model, trial_metric metric, const char *label)
{
    trial_histogram times = top_model_times(model, metric, label);
    uint64_t count = measures_count(&times);
    char rate[NUMBER_BYTES];
    char p50[NUMBER_BYTES];
    char p99[NUMBER_BYTES];
    char mean[NUMBER_BYTES];

    if (count == 0) {
        add(lines, TOP_PLAIN, "%-10s %9s", label, "0");
        return;
    }
    add(lines,
        TOP_PLAIN,
        "%-10s %9s  %10s  %10s  %10s",
        label,
        rate_text(rate, model->before == NULL ? 0 : (double)count / model->seconds),
        time_text(p50, trial_histogram_quantile_us(&times, 0.5)),
        time_text(p99, trial_histogram_quantile_us(&times, 0.99)),
        time_text(mean, (double)times.sum_ns / 1000 / (double)count));
}

static void add_tables(struct lines *lines, const top_model *model)
{
    add(lines,
        TOP_HEADING,
        "%-10s %9s  %10s  %10s  %10s",
        "Stages",
        "a second",
        "p50",
        "p99",
        "mean");
    for (size_t i = 0; i < STAGES; i++) {
        add_times(lines, model, TRIAL_METRIC_stage_seconds, trial_stage_row_of(stages[i])->name);
    }
    add(lines,
        TOP_HEADING,
        "%-10s %9s  %10s  %10s  %10s",
        "Readers",
        "a second",
        "p50",
        "p99",
        "mean");
    for (size_t i = 0; i < READERS; i++) { /* those that were ever asked */
        trial_histogram all =
            measures_histogram(model->now, TRIAL_METRIC_reader_seconds, readers[i]);

        if (measures_count(&all) > 0) {
            add_times(lines, model, TRIAL_METRIC_reader_seconds, readers[i]);
        }
    }
}

static void add_rest(struct lines *lines, const top_model *model)
{
    const trial_value *m = model->now;
    char a[NUMBER_BYTES];
    char b[NUMBER_BYTES];
    char c[NUMBER_BYTES];
    char d[NUMBER_BYTES];

    add(lines,
        TOP_PLAIN,
        "behind    views %.0f, subscriptions %.0f (%.0f open), consumers %.0f",
        measures_most(m, TRIAL_METRIC_view_lag_events),
        measures_sum(m, TRIAL_METRIC_subscriptions_lag_events),
        measures_sum(m, TRIAL_METRIC_subscriptions),
        measures_most(m, TRIAL_METRIC_subscription_lag_events));
    add(lines,
        TOP_PLAIN,
        "reading   %.0f jobs, %.0f wait for a thread; %.0f snapshots, the oldest %s",
        measures_sum(m, TRIAL_METRIC_reader_jobs),
        measures_sum(m, TRIAL_METRIC_reader_queue_jobs),
        measures_sum(m, TRIAL_METRIC_lmdb_readers),
        time_text(a, measures_sum(m, TRIAL_METRIC_lmdb_oldest_reader_age_seconds) * US_PER_S));
    add(lines,
        TOP_PLAIN,
        "store     journal %s of %s, tables %s, free %s",
        bytes_text(a, measures_sum(m, TRIAL_METRIC_journal_used_bytes)),
        bytes_text(b, measures_sum(m, TRIAL_METRIC_journal_bytes)),
        bytes_text(c, measures_sum(m, TRIAL_METRIC_lmdb_bytes)),
        bytes_text(d, measures_sum(m, TRIAL_METRIC_disk_free_bytes)));
    add(lines,
        measures_sum(m, TRIAL_METRIC_dropped) > 0 ? TOP_BAD : TOP_PLAIN,
        "peers     %.0f, dropped %.0f; slowest flush of the last minutes %s",
        measures_sum(m, TRIAL_METRIC_peers),
        measures_sum(m, TRIAL_METRIC_dropped),
        time_text(a, measures_sum(m, TRIAL_METRIC_flush_slowest_seconds) * US_PER_S));
}

uint32_t top_model_lines(const top_model *model, top_line ret_lines[TOP_LINES_MAX])
{
    struct lines lines = { ret_lines, 0 };

    add_conditions(&lines, model);
    add_rates(&lines, model);
    add_rest(&lines, model);
    add_tables(&lines, model);
    return lines.count;
}

void top_model_head(char ret_text[TOP_TEXT_BYTES])
{
    (void)snprintf(ret_text,
                   TOP_TEXT_BYTES,
                   "%10s %9s %9s %9s %10s %10s %9s %9s %10s",
                   "position",
                   "events/s",
                   "asked/s",
                   "failed/s",
                   "flush p50",
                   "flush p99",
                   "views",
                   "readers",
                   "free");
}

void top_model_row(const top_model *model, char ret_text[TOP_TEXT_BYTES])
{
    trial_histogram flush = top_model_times(model, TRIAL_METRIC_stage_seconds, "flush");
    char position[NUMBER_BYTES];
    char events[NUMBER_BYTES];
    char asked[NUMBER_BYTES];
    char failed[NUMBER_BYTES];
    char p50[NUMBER_BYTES];
    char p99[NUMBER_BYTES];
    char lag[NUMBER_BYTES];
    char jobs[NUMBER_BYTES];
    char room[NUMBER_BYTES];

    static_assert(TOP_TEXT_BYTES >= 9 * NUMBER_BYTES, "the row holds its numbers");
    (void)snprintf(ret_text,
                   TOP_TEXT_BYTES,
                   "%10s %9s %9s %9s %10s %10s %9s %9s %10s",
                   whole_text(position, measures_sum(model->now, TRIAL_METRIC_log_size_events)),
                   rate_text(events, top_model_rate(model, TRIAL_METRIC_appended_events)),
                   rate_text(asked, top_model_rate(model, TRIAL_METRIC_requests)),
                   rate_text(failed, failed_rate(model)),
                   time_text(p50, trial_histogram_quantile_us(&flush, 0.5)),
                   time_text(p99, trial_histogram_quantile_us(&flush, 0.99)),
                   whole_text(lag, measures_most(model->now, TRIAL_METRIC_view_lag_events)),
                   whole_text(jobs, measures_sum(model->now, TRIAL_METRIC_reader_jobs)),
                   bytes_text(room, measures_sum(model->now, TRIAL_METRIC_disk_free_bytes)));
}
