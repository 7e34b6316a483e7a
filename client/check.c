/* check.c - trialctl check: how the daemon is, in the one line and by the exit status that Nagios,
 * Icinga and their like take from a plugin. */
#include "ctl.h"
#include "json.h"
#include "measures.h"
#include "render.h"
#include "streams.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#define TEXT_BYTES 1024 /* of the line in front of the figures: monitors show about so much */
#define PAIR_BYTES 64
#define THRESHOLD_BYTES_MAX 9e18 /* more than any disk, and a number of 64 bits */
#define MIB 1048576.0

/* What a plugin says; the numbers are exit statuses, and in the order of their weight but for
 * UNKNOWN, which nothing is weighed against. */
typedef enum state { STATE_OK, STATE_WARNING, STATE_CRITICAL, STATE_UNKNOWN } state;

static const char *const state_names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

typedef enum grade { GRADE_NOTICE, GRADE_WARNING, GRADE_ERROR, GRADE_NEVER, GRADE_COUNT } grade;

static const char *const grade_names[] = { "notice", "warning", "error", "never" };

static const struct condition_row {
    const char *name;
    grade grade;
    const char *what;
} conditions[] = {
#define CONDITION(UPPER, name, grade, what, advice, over, id) { name, GRADE_##grade, what },
#include "trial/conditions.def"
};
#define CONDITION_COUNT (sizeof conditions / sizeof conditions[0])

/* One figure that is held against a pair of thresholds. */
typedef struct figure {
    const char *name; /* in the figures behind the line */
    const char *unit; /* as plugins write it */
    ctl_option option;
    const char *fallback; /* the pair where none is given */
    bool is_floor;        /* too little is what is wrong */
    const char *before;   /* what the line says of it: before, the value / scale, after */
    const char *after;
    double scale;
    int decimals;
    double value;
    double warning;
    double critical;
} figure;

enum { FIGURE_FLUSH, FIGURE_LAG, FIGURE_CONSUMERS, FIGURE_FREE, FIGURE_COUNT };

struct check {
    ctl_command *ctl;
    figure figures[FIGURE_COUNT];
    grade from_warning; /* conditions of this grade and graver */
    grade from_critical;
    trial_value *conditions; /* names of those that hold */
    state state;
    char worst[TEXT_BYTES]; /* what is wrong */
    char rest[TEXT_BYTES];  /* what is not */
};

/* clang-format off */
static const figure all_figures[FIGURE_COUNT] = {
    [FIGURE_FLUSH] = {
        .name = "flush", .unit = "s", .option = CTL_FLUSH, .fallback = "100ms,1s",
        .before = "slowest flush ", .after = " ms", .scale = 1e-3, .decimals = 1 },
    [FIGURE_LAG] = {
        .name = "lag", .unit = "", .option = CTL_LAG, .fallback = "65536,1000000",
        .before = "views ", .after = " events behind", .scale = 1 },
    [FIGURE_CONSUMERS] = {
        .name = "consumer_lag", .unit = "", .option = CTL_CONSUMER_LAG, .fallback = "100000,1000000",
        .before = "consumers ", .after = " events behind", .scale = 1 },
    [FIGURE_FREE] = {
        .name = "free", .unit = "B", .option = CTL_FREE, .fallback = "1G,256M", .is_floor = true,
        .before = "", .after = " MiB free", .scale = MIB },
};
/* clang-format on */

static void add(char *text, const char *format, ...) TRIAL_PRINTF(2, 3);

/* Add to a list of things; what finds no room is cut. */
static void add(char *text, const char *format, ...)
{
    size_t size = strlen(text);
    va_list args;

    if (size > 0) {
        (void)snprintf(text + size, TEXT_BYTES - size, ", ");
        size = strlen(text);
    }
    va_start(args, format);
    (void)vsnprintf(text + size, TEXT_BYTES - size, format, args);
    va_end(args);
}

static void note(struct check *check, state found, const char *text)
{
    check->state = found > check->state ? found : check->state;
    add(found == STATE_OK ? check->rest : check->worst, "%s", text);
}

/* A number of bytes: K, M, G, T stand for powers of 1024. */
static bool read_bytes(const char *text, double *ret_number)
{
    static const char *const letters = "KMGT";
    char *end = NULL;
    double number = strtod(text, &end);
    const char *letter = *end == '\0' ? NULL : strchr(letters, *end);

    if (end == text || !isfinite(number) || number < 0 ||
        (*end != '\0' && (letter == NULL || end[1] != '\0'))) {
        return false;
    }
    for (const char *at = letters; letter != NULL && at <= letter; at++) {
        number *= 1024;
    }
    *ret_number = number;
    return number <= THRESHOLD_BYTES_MAX;
}

static bool read_threshold(const figure *of, const char *text, double *ret_number)
{
    uint64_t number;

    if (of->option == CTL_FLUSH) {
        if (!ctl_span_read(text, &number)) {
            return false;
        }
        *ret_number = (double)number / 1000;
        return true;
    }
    if (of->option == CTL_FREE) {
        return read_bytes(text, ret_number);
    }
    if (!ctl_number_read(text, 0, INT64_MAX, &number)) {
        return false;
    }
    *ret_number = (double)number;
    return true;
}

/* Take WARNING,CRITICAL apart. */
static bool split_pair(const char *pair, char ret_first[PAIR_BYTES], const char **ret_second)
{
    const char *comma = strchr(pair, ',');

    if (comma == NULL || comma == pair || comma[1] == '\0' || comma - pair >= PAIR_BYTES) {
        return false;
    }
    (void)snprintf(ret_first, PAIR_BYTES, "%.*s", (int)(comma - pair), pair);
    *ret_second = comma + 1;
    return true;
}

static bool read_figure(figure *of, const char *pair)
{
    char first[PAIR_BYTES];
    const char *second;

    return split_pair(pair, first, &second) && read_threshold(of, first, &of->warning) &&
           read_threshold(of, second, &of->critical) &&
           (of->is_floor ? of->warning >= of->critical : of->warning <= of->critical);
}

static grade grade_named(const char *name)
{
    grade at = 0;

    while (at < GRADE_COUNT && strcmp(name, grade_names[at]) != 0) {
        at++;
    }
    return at;
}

static bool read_grades(struct check *check, const char *pair)
{
    char first[PAIR_BYTES];
    const char *second;

    if (!split_pair(pair, first, &second)) {
        return false;
    }
    check->from_warning = grade_named(first);
    check->from_critical = grade_named(second);
    return check->from_warning != GRADE_COUNT && check->from_critical != GRADE_COUNT &&
           check->from_warning <= check->from_critical;
}

/* Read the thresholds. Says what is wrong with the first that is none. */
static bool read_thresholds(struct check *check)
{
    const char *grades = check->ctl->values[CTL_CONDITIONS];
    char text[TEXT_BYTES];

    for (int i = 0; i < FIGURE_COUNT; i++) {
        figure *of = &check->figures[i];
        const char *given = check->ctl->values[of->option];

        if (!read_figure(of, given == NULL ? of->fallback : given)) {
            (void)snprintf(text,
                           sizeof text,
                           "--%s '%s' is no pair WARNING,CRITICAL such as %s",
                           ctl_options[of->option].name,
                           given,
                           of->fallback);
            note(check, STATE_UNKNOWN, text);
            return false;
        }
    }
    if (!read_grades(check, grades == NULL ? "warning,error" : grades)) {
        (void)snprintf(text,
                       sizeof text,
                       "--conditions '%s' is no pair of notice, warning, error and never such as "
                       "warning,error",
                       grades);
        note(check, STATE_UNKNOWN, text);
        return false;
    }
    return true;
}

static state state_of(const figure *of)
{
    if (of->is_floor ? of->value < of->critical : of->value > of->critical) {
        return STATE_CRITICAL;
    }
    return (of->is_floor ? of->value < of->warning : of->value > of->warning) ? STATE_WARNING
                                                                              : STATE_OK;
}

static void judge_figures(struct check *check, const trial_value *answer)
{
    char text[TEXT_BYTES];

    check->figures[FIGURE_FLUSH].value = measures_sum(answer, TRIAL_METRIC_flush_slowest_seconds);
    check->figures[FIGURE_LAG].value = measures_most(answer, TRIAL_METRIC_view_lag_events);
    check->figures[FIGURE_CONSUMERS].value =
        measures_most(answer, TRIAL_METRIC_subscription_lag_events);
    check->figures[FIGURE_FREE].value = measures_sum(answer, TRIAL_METRIC_disk_free_bytes);
    for (int i = 0; i < FIGURE_COUNT; i++) {
        const figure *of = &check->figures[i];

        (void)snprintf(text,
                       sizeof text,
                       "%s%.*f%s",
                       of->before,
                       of->decimals,
                       of->value / of->scale,
                       of->after);
        note(check, state_of(of), text);
    }
}

/* One that only a later daemon knows is as grave as a warning. */
static const struct condition_row *row_of(trial_text name)
{
    static const struct condition_row unknown = { "", GRADE_WARNING, "" };

    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        if (trial_text_is(name, conditions[i].name)) {
            return &conditions[i];
        }
    }
    return &unknown;
}

static void judge_conditions(struct check *check, const trial_value *answer)
{
    trial_arena *arena = &check->ctl->arena;
    const trial_value *map = measures_find(answer, TRIAL_METRIC_condition);
    char text[TEXT_BYTES];

    check->conditions = trial_value_list(arena);
    for (uint32_t i = 0; map != NULL && map->kind == TRIAL_VALUE_MAP && i < map->as.map.count;
         i++) {
        const trial_entry *entry = &map->as.map.entries[i];
        const struct condition_row *row = row_of(entry->name);

        if (entry->value->kind != TRIAL_VALUE_INTEGER || entry->value->as.integer == 0) {
            continue;
        }
        trial_value_push(arena, check->conditions, trial_value_text(arena, entry->name));
        (void)snprintf(text, sizeof text, "%.*s", TRIAL_TEXT_ARGS(entry->name));
        note(check,
             row->grade >= check->from_critical  ? STATE_CRITICAL
             : row->grade >= check->from_warning ? STATE_WARNING
                                                 : STATE_OK,
             row->what[0] == '\0' ? text : row->what);
    }
}

static trial_value *figures_of(struct check *check)
{
    trial_arena *arena = &check->ctl->arena;
    trial_value *map = trial_value_map(arena);

    for (int i = 0; i < FIGURE_COUNT; i++) {
        const figure *of = &check->figures[i];
        trial_value *one = trial_value_map(arena);

        trial_value_set(arena, one, "value", trial_value_float(arena, of->value));
        trial_value_set(arena, one, "warning", trial_value_float(arena, of->warning));
        trial_value_set(arena, one, "critical", trial_value_float(arena, of->critical));
        trial_value_set(arena, one, "state", trial_value_word(arena, state_names[state_of(of)]));
        trial_value_set(arena, map, of->name, one);
    }
    return map;
}

/* No plugin writes exponents. */
static void print_number(double number, const char *unit)
{
    (void)printf("%.*f%s", number == (double)(int64_t)number ? 0 : 6, number, unit);
}

/* The figures as plugins write them: NAME=VALUE;WARNING;CRITICAL;LEAST, a floor with a colon. */
static void print_figures(const struct check *check)
{
    (void)printf(" |");
    for (int i = 0; i < FIGURE_COUNT; i++) {
        const figure *of = &check->figures[i];
        const char *colon = of->is_floor ? ":" : "";

        (void)printf(" %s=", of->name);
        print_number(of->value, of->unit);
        (void)putchar(';');
        print_number(of->warning, colon);
        (void)putchar(';');
        print_number(of->critical, colon);
        (void)printf(";0");
    }
    (void)printf(" conditions=%u;;;0", check->conditions->as.list.count);
}

/* A bar ends the line's words. */
static const char *without_bars(char *text)
{
    for (char *bar = strchr(text, '|'); bar != NULL; bar = strchr(bar, '|')) {
        *bar = '/';
    }
    return text;
}

/* The status of a plugin. Nobody has read what could not be written: that is not OK. */
static int close_line(const struct check *check)
{
    return (int)(proto_streams_arrived() || check->state != STATE_OK ? check->state
                                                                     : STATE_UNKNOWN);
}

static int tell(struct check *check, bool has_figures)
{
    trial_arena *arena = &check->ctl->arena;
    bool has_both = check->worst[0] != '\0' && check->rest[0] != '\0';
    trial_value *document = trial_value_map(arena);
    trial_text text = trial_arena_print(arena,
                                        "%s%s%s",
                                        without_bars(check->worst),
                                        has_both ? "; " : "",
                                        without_bars(check->rest));

    if (!ctl_is_json(check->ctl)) {
        (void)printf("%s - ", state_names[check->state]);
        render_put(stdout, text);
        if (has_figures) {
            print_figures(check);
        }
        (void)putchar('\n');
        return close_line(check);
    }
    trial_value_set(arena, document, "state", trial_value_word(arena, state_names[check->state]));
    trial_value_set(arena, document, "text", trial_value_text(arena, render_valid(arena, text)));
    if (has_figures) {
        trial_value_set(arena, document, "figures", figures_of(check));
        trial_value_set(arena, document, "conditions", check->conditions);
    }
    json_print(stdout, document);
    return close_line(check);
}

int ctl_check(ctl_command *ctl)
{
    struct check check = { .ctl = ctl };
    trial_value *answer = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    memcpy(check.figures, all_figures, sizeof check.figures);
    if (!read_thresholds(&check)) {
        return tell(&check, false);
    }
    if (ctl_call(ctl, "metrics", NULL, &answer, &err) != TRIAL_OK) {
        /* Nobody who answers is what is looked for; another answer says nothing about the daemon.
         */
        note(&check, err.code == TRIAL_BUSY ? STATE_CRITICAL : STATE_UNKNOWN, err.text);
        return tell(&check, false);
    }
    judge_conditions(&check, answer);
    judge_figures(&check, answer);
    return tell(&check, true);
}
