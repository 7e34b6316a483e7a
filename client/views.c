/* views.c - trialctl list, show and due: rows of the views. */
#include "views.h"

#include "json.h"
#include "render.h"
#include "subscriptions.h"
#include "word.h"

#include <assert.h>

#define ROWS_PAGE 1024
#define DAY_MS 86400000u

/* What a table shows of each view; --json has every field. */
static const struct columns {
    const char *view;
    const char *names;
} columns[] = {
    { "programme", "programme title state periodFrom periodTo networks municipalities" },
    { "funnel",
      "programme submitted withdrawn rejected endorsed approved started abandoned lapsed "
      "completed evaluated assessed" },
    { "network", "subject state theme name coordinator submitted approved completed evaluated" },
    { "municipality", "subject name region networks trials charters" },
    { "trial", "subject network round state next missing title" },
    { "exemption",
      "exemptionId subject state act section ministry effect validFrom validTo "
      "participants" },
    { "evaluation", "evaluationId mode evaluator state dueBy conclusion recommendsSpread trials" },
    { "outcome",
      "subject indicator unit baseline target direction dueBy latest final corrections "
      "result missing" },
    { "law", "subject role form state number inForce title inspiredBy" },
    { "deadline", "due state days kind subject programme" },
    { "figure", "programme metric asOf value computed agrees source document" },
    { "refusal", "programme reason ministry round count" },
    { "duration", "programme step round ministry count least median most" },
    { "right", "name state since roles sources uid gid fingerprint" },
    { "finding", "rule subject programme time position message" },
};

#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) +1
static_assert(sizeof columns / sizeof columns[0] == 0
#include "trial/views.def"
              ,
              "every view has its columns");

const char *views_columns(const char *view)
{
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (strcmp(columns[i].view, view) == 0) {
            return columns[i].names;
        }
    }
    return "";
}

static void set_word(ctl_command *ctl, trial_value *map, const char *name, const char *word)
{
    trial_value_set(&ctl->arena, map, name, trial_value_word(&ctl->arena, word));
}

/* Take the rows of one page over; returns the key the next page begins behind, or NULL. */
static trial_value *
take_page(ctl_command *ctl, const trial_value *result, uint64_t limit, trial_value *rows)
{
    const trial_value *page = trial_value_get(result, "rows");
    trial_value *next = trial_value_get(result, "next");

    for (uint32_t i = 0; page != NULL && i < page->as.list.count; i++) {
        if (limit != 0 && rows->as.list.count == limit) {
            return NULL;
        }
        trial_value_push(&ctl->arena, rows, page->as.list.items[i]);
    }
    return next != NULL && next->kind == TRIAL_VALUE_TEXT ? next : NULL;
}

trial_code views_rows(ctl_command *ctl,
                      const char *view,
                      const char *key,
                      trial_value *where,
                      uint64_t limit,
                      int64_t *ret_position,
                      trial_value **ret_rows,
                      trial_error *err)
{
    trial_value *params = trial_value_map(&ctl->arena);
    trial_value *rows = trial_value_list(&ctl->arena);
    trial_value *after = NULL;

    set_word(ctl, params, "view", view);
    if (key != NULL) {
        set_word(ctl, params, "key", key);
    }
    if (where != NULL) {
        trial_value_set(&ctl->arena, params, "where", where);
    }
    ctl_add_times(ctl, params);
    trial_value_set(&ctl->arena, params, "limit", trial_value_integer(&ctl->arena, ROWS_PAGE));
    do {
        trial_value *result = NULL;
        trial_code code = ctl_call(ctl, "query", params, &result, err);

        if (code != TRIAL_OK) {
            return code;
        }
        if (ret_position != NULL) {
            *ret_position = trial_value_get_integer(result, "position");
        }
        after = take_page(ctl, result, limit, rows);
        if (after != NULL) {
            trial_value_set(&ctl->arena, params, "after", after);
        }
    } while (after != NULL);
    *ret_rows = rows;
    return TRIAL_OK;
}

/* KEY=VALUE conditions. Returns 0 or 64. */
static int read_where(ctl_command *ctl, trial_value *where)
{
    for (uint32_t i = 1; i < ctl->argument_count; i++) {
        const char *word = ctl->arguments[i];
        const char *equals = strchr(word, '=');
        trial_text key;

        if (equals == NULL || equals == word) {
            return ctl_usage(ctl, "'%s' is not KEY=VALUE", word);
        }
        key = (trial_text){ word, (uint32_t)(equals - word) };
        if (trial_value_find(where, key) != NULL) { /* all must hold, and one alone can be asked */
            return ctl_usage(ctl, "'%.*s' is given twice", TRIAL_TEXT_ARGS(key));
        }
        trial_value_set_text(
            &ctl->arena, where, key, word_condition(&ctl->arena, trial_text_of(equals + 1)));
    }
    return CTL_EXIT_DONE;
}

int ctl_list(ctl_command *ctl)
{
    trial_value *where = trial_value_map(&ctl->arena);
    trial_value *rows = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t limit = 0;
    int status = read_where(ctl, where);

    if (status != CTL_EXIT_DONE) {
        return status;
    }
    if (subscriptions_are_meant(ctl->arguments[0])) {
        return subscriptions_list(ctl, where);
    }
    if (ctl_has(ctl, CTL_LIMIT) && !ctl_number_read(ctl->values[CTL_LIMIT], 1, INT64_MAX, &limit)) {
        return ctl_usage(ctl, "--limit takes a number, 1 or more");
    }
    if (views_rows(ctl, ctl->arguments[0], NULL, where, limit, NULL, &rows, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, rows);
    } else {
        render_table(stdout, &ctl->arena, rows, views_columns(ctl->arguments[0]));
    }
    if (rows->as.list.count == 0) {
        ctl_say_since_when(ctl);
    }
    return CTL_EXIT_DONE;
}

/* The columns of every view in the order of its row of views.def. */
static const struct columns all_columns[] = {
#define COLUMN(name, doc) #name " "
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) { name, columns },
#include "trial/views.def"
};

/* The row with its fields in the order of its view, for a person; others behind them. */
static trial_value *in_order(ctl_command *ctl, const char *view, const trial_value *row)
{
    trial_value *ordered = trial_value_map(&ctl->arena);

    for (size_t i = 0; i < sizeof all_columns / sizeof all_columns[0]; i++) {
        const char *at = all_columns[i].names;

        while (strcmp(all_columns[i].view, view) == 0 && *at != '\0') {
            trial_text name = { at, (uint32_t)strcspn(at, " ") };
            trial_value *value = trial_value_find(row, name);

            if (value != NULL) {
                trial_value_set_text(&ctl->arena, ordered, name, value);
            }
            at += name.size + 1;
        }
    }
    for (uint32_t i = 0; i < row->as.map.count; i++) {
        trial_value_set_text(
            &ctl->arena, ordered, row->as.map.entries[i].name, row->as.map.entries[i].value);
    }
    return ordered;
}

/* The view that has a row for a subject of that kind: the one of its name, but for keys, whose rows
 * are of what they may do. */
static const char *view_of(const char *kind)
{
    return strcmp(kind, "key") == 0 ? "right" : kind;
}

int ctl_show(ctl_command *ctl)
{
    const char *subject = ctl->arguments[0];
    const char *slash = strchr(subject, '/');
    const char *view;
    trial_value *rows = NULL;
    trial_error err = TRIAL_ERROR_NONE;
    char kind[32];

    if (slash == NULL || slash == subject || (size_t)(slash - subject) >= sizeof kind) {
        return ctl_usage(
            ctl, "'%s' is no subject: a kind, a slash and an id, as trial/ff2-018", subject);
    }
    memcpy(kind, subject, (size_t)(slash - subject));
    kind[slash - subject] = '\0';
    view = view_of(kind);
    if (views_rows(ctl, view, subject, NULL, 0, NULL, &rows, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (rows->as.list.count == 0) {
        ctl_say("not-found: nothing is known of %s", subject);
        ctl_say_since_when(ctl);
        return CTL_EXIT_NOT_FOUND;
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, rows->as.list.items[0]);
    } else {
        render_card(stdout, &ctl->arena, in_order(ctl, view, rows->as.list.items[0]));
    }
    return CTL_EXIT_DONE;
}

/* Overdue, or due within so many days. */
static bool is_near(const trial_value *row, int64_t days)
{
    trial_text state = trial_value_get_text(row, "state");

    return trial_text_is(state, "overdue") ||
           (trial_text_is(state, "due") && trial_value_get_integer(row, "days") <= days);
}

/* Sort by day, and keep the order of the view where days are the same: rows come in the order of
 * their keys. */
static void sort_by_day(trial_value *rows)
{
    for (uint32_t i = 1; i < rows->as.list.count; i++) {
        trial_value *row = rows->as.list.items[i];
        trial_text due = trial_value_get_text(row, "due");
        uint32_t at = i;

        while (at > 0 && trial_text_compare(
                             trial_value_get_text(rows->as.list.items[at - 1], "due"), due) > 0) {
            rows->as.list.items[at] = rows->as.list.items[at - 1];
            at--;
        }
        rows->as.list.items[at] = row;
    }
}

trial_code views_due(
    ctl_command *ctl, int64_t days, uint32_t *ret_count, trial_value **ret_rows, trial_error *err)
{
    trial_value *rows = NULL;
    trial_value *near = trial_value_list(&ctl->arena);
    trial_code code = views_rows(ctl, "deadline", NULL, NULL, 0, NULL, &rows, err);

    if (code != TRIAL_OK) {
        return code;
    }
    for (uint32_t i = 0; i < rows->as.list.count; i++) {
        if (is_near(rows->as.list.items[i], days)) {
            trial_value_push(&ctl->arena, near, rows->as.list.items[i]);
        }
    }
    sort_by_day(near);
    *ret_count = rows->as.list.count;
    *ret_rows = near;
    return TRIAL_OK;
}

int ctl_due(ctl_command *ctl)
{
    trial_value *near = NULL;
    uint32_t count = 0;
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t within_ms = 30 * (uint64_t)DAY_MS;

    if (ctl_has(ctl, CTL_WITHIN) && !ctl_span_read(ctl->values[CTL_WITHIN], &within_ms)) {
        return ctl_usage(ctl, "--within takes a time such as 30d");
    }
    if (views_due(ctl, (int64_t)(within_ms / DAY_MS), &count, &near, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, near);
    } else {
        render_table(stdout, &ctl->arena, near, views_columns("deadline"));
    }
    if (count == 0) {
        ctl_say_since_when(ctl);
    } else if (near->as.list.count == 0 && !ctl_is_json(ctl)) {
        ctl_say("nothing is overdue, and nothing falls due in that time");
    }
    return CTL_EXIT_DONE;
}
