/* funnel.c - trialctl funnel and compare: how many trials ever got how far. */
#include "ctl.h"
#include "json.h"
#include "render.h"
#include "trial/event.h"
#include "views.h"

#include <unistd.h>

#define BAR_WIDTH 40
#define BAR_SHARE 4u /* of the terminal: the rest is for words */
#define COMPARED_BAR_WIDTH 20

/* The funnels asked for, each with the position the answer rests on. */
static trial_code
read_funnels(ctl_command *ctl, const char *programme, trial_value **ret_rows, trial_error *err)
{
    int64_t position = 0;
    trial_code code = views_rows(ctl, "funnel", programme, NULL, 0, &position, ret_rows, err);

    if (code != TRIAL_OK) {
        return code;
    }
    for (uint32_t i = 0; i < (*ret_rows)->as.list.count; i++) {
        trial_value_set(&ctl->arena,
                        (*ret_rows)->as.list.items[i],
                        "position",
                        trial_value_integer(&ctl->arena, position));
    }
    return TRIAL_OK;
}

/* The most trials at any step: what fills a bar. */
static uint64_t most_of(const trial_value *row)
{
    uint64_t most = 0;

    for (uint32_t i = 0; i < trial_choices_step.count; i++) {
        uint64_t count = (uint64_t)trial_value_get_integer(row, trial_choices_step.words[i]);

        most = count > most ? count : most;
    }
    return most;
}

static int not_found(ctl_command *ctl, const char *programme)
{
    ctl_say("not-found: there is no programme %s", programme);
    ctl_say_since_when(ctl);
    return CTL_EXIT_NOT_FOUND;
}

/* How the trials of one step are known, and where the abandoned ones stood. */
static void print_details(ctl_command *ctl, const trial_value *row, const char *step)
{
    const trial_value *split = trial_value_get(trial_value_get(row, "provenance"), step);
    const trial_value *by = trial_value_get(row, "abandonedBy");
    const char *comma = "  ";

    for (uint32_t i = 0; split != NULL && i < split->as.map.count; i++) {
        const trial_entry *entry = &split->as.map.entries[i];

        if (entry->value->kind == TRIAL_VALUE_INTEGER && entry->value->as.integer > 0) {
            (void)printf("%s%lld %.*s",
                         comma,
                         (long long)entry->value->as.integer,
                         TRIAL_TEXT_ARGS(entry->name));
            comma = ", ";
        }
    }
    if (strcmp(step, "abandoned") == 0 && by != NULL) {
        (void)printf("  (%.*s)", TRIAL_TEXT_ARGS(render_cell(&ctl->arena, by)));
    }
}

static void print_funnel(ctl_command *ctl, const trial_value *row)
{
    uint64_t most = most_of(row);
    uint32_t width = render_columns(stdout) / BAR_SHARE; /* 0: no terminal, no bars */

    (void)printf("%.*s", TRIAL_TEXT_ARGS(trial_value_get_text(row, "programme")));
    if (ctl_has(ctl, CTL_AS_OF)) {
        (void)printf(" as of %s", ctl->values[CTL_AS_OF]);
    }
    if (ctl_has(ctl, CTL_KNOWN_AT)) {
        (void)printf(" as known at %s", ctl->values[CTL_KNOWN_AT]);
    }
    (void)printf(", at position %lld of the log\n",
                 (long long)trial_value_get_integer(row, "position"));
    for (uint32_t i = 0; i < trial_choices_step.count; i++) {
        const char *step = trial_choices_step.words[i];
        uint64_t count = (uint64_t)trial_value_get_integer(row, step);

        (void)printf("  %-10s %6llu  ", step, (unsigned long long)count);
        if (width > 0) {
            render_bar(stdout, count, most, width < BAR_WIDTH ? width : BAR_WIDTH);
        }
        print_details(ctl, row, step);
        (void)putchar('\n');
    }
}

int ctl_funnel(ctl_command *ctl)
{
    const char *programme = ctl->argument_count == 1 ? ctl->arguments[0] : NULL;
    trial_value *rows = NULL;
    trial_error err = TRIAL_ERROR_NONE;

    if (read_funnels(ctl, programme, &rows, &err) != TRIAL_OK) {
        return ctl_fail(ctl, &err);
    }
    if (programme != NULL && rows->as.list.count == 0) {
        return not_found(ctl, programme);
    }
    if (rows->as.list.count == 0) {
        ctl_say("the log holds no programme");
        ctl_say_since_when(ctl);
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, programme != NULL ? rows->as.list.items[0] : rows);
        return CTL_EXIT_DONE;
    }
    for (uint32_t i = 0; i < rows->as.list.count; i++) {
        print_funnel(ctl, rows->as.list.items[i]);
    }
    return CTL_EXIT_DONE;
}

/* A count as a share of the trials submitted, so that programmes of any size compare. */
static void print_share(const trial_value *row, uint64_t count, bool has_bars)
{
    uint64_t submitted = (uint64_t)trial_value_get_integer(row, "submitted");

    (void)printf(" %6llu", (unsigned long long)count);
    if (submitted == 0) {
        (void)printf("     -");
    } else {
        (void)printf(" %4.0f%%", 100.0 * (double)count / (double)submitted);
    }
    if (has_bars) {
        uint64_t cells = submitted == 0 ? 0 : count * COMPARED_BAR_WIDTH / submitted;

        (void)putchar(' ');
        render_bar(stdout, cells, COMPARED_BAR_WIDTH, COMPARED_BAR_WIDTH);
        (void)printf("%*s", COMPARED_BAR_WIDTH - (int)cells, "");
    }
}

static void print_compared(const trial_value *left, const trial_value *right)
{
    bool has_bars = isatty(STDOUT_FILENO) == 1;
    int width = has_bars ? 13 + COMPARED_BAR_WIDTH : 12;

    (void)printf("%-10s  %-*.*s %.*s\n",
                 "",
                 width,
                 TRIAL_TEXT_ARGS(trial_value_get_text(left, "programme")),
                 TRIAL_TEXT_ARGS(trial_value_get_text(right, "programme")));
    for (uint32_t i = 0; i < trial_choices_step.count; i++) {
        const char *step = trial_choices_step.words[i];

        (void)printf("%-10s", step);
        print_share(left, (uint64_t)trial_value_get_integer(left, step), has_bars);
        print_share(right, (uint64_t)trial_value_get_integer(right, step), has_bars);
        (void)putchar('\n');
    }
}

int ctl_compare(ctl_command *ctl)
{
    trial_value *both = trial_value_list(&ctl->arena);
    trial_error err = TRIAL_ERROR_NONE;

    for (uint32_t i = 0; i < 2; i++) {
        trial_value *rows = NULL;

        if (read_funnels(ctl, ctl->arguments[i], &rows, &err) != TRIAL_OK) {
            return ctl_fail(ctl, &err);
        }
        if (rows->as.list.count == 0) {
            return not_found(ctl, ctl->arguments[i]);
        }
        trial_value_push(&ctl->arena, both, rows->as.list.items[0]);
    }
    if (ctl_is_json(ctl)) {
        json_print(stdout, both);
    } else {
        print_compared(both->as.list.items[0], both->as.list.items[1]);
    }
    return CTL_EXIT_DONE;
}
