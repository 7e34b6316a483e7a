/* watch_screen.c - the screen of `trialctl watch`: curses knows what the terminal can and sends it
 * only what changed. */
#include "screen_draw.h"
#include "trial/event.h"
#include "watch.h"

#include <stdio.h>
#include <wchar.h>

#define COLUMNS_SPLIT 76  /* from here on two panels stand side by side */
#define FUNNEL_COLUMNS 38 /* of the left one, at least */
#define NAME_COLUMNS 11   /* of a step of the funnel */
#define NUMBER_COLUMNS 7
#define EVENT_ROWS_MIN 4 /* a heading and three events are left, whatever else there is */

/* A part of the screen: where the next line goes, and where it ends. */
struct panel {
    int row;
    int end; /* the first row that is not its own any more */
    int column;
    int columns;
};

static void put_number(int row, int column, int columns, attr_t style, int64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%lld", (long long)number);

    (void)screen_text(row, column + (size < columns ? columns - size : 0), columns, style, text);
}

static void put_heading(struct panel *panel, const char *heading)
{
    if (panel->row < panel->end) {
        (void)screen_text(
            panel->row++, panel->column, panel->columns, A_BOLD | A_UNDERLINE, heading);
    }
}

static bool is_loss(const char *step)
{
    return strcmp(step, "withdrawn") == 0 || strcmp(step, "rejected") == 0 ||
           strcmp(step, "abandoned") == 0 || strcmp(step, "lapsed") == 0;
}

static void put_bar(int row, int column, int columns, attr_t style, uint64_t number, uint64_t most)
{
    static const wchar_t eighths[] = L" ▏▎▍▌▋▊▉";
    uint64_t parts = most == 0 || columns <= 0 ? 0 : number * (uint64_t)columns * 8 / most;
    wchar_t bar[WATCH_TEXT_BYTES];
    int cells = 0;

    for (; parts >= 8 && cells < (int)WATCH_TEXT_BYTES - 1; parts -= 8) {
        bar[cells++] = L'█';
    }
    if (parts > 0) {
        bar[cells++] = eighths[parts];
    }
    (void)attrset((int)style);
    (void)mvaddnwstr(row, column, bar, cells);
    (void)attrset(A_NORMAL);
}

/* Whose funnel it is, and how many others there are to turn to. */
static void put_programme(const watch_model *model, struct panel *panel)
{
    uint32_t count = model->funnels == NULL ? 0 : model->funnels->as.list.count;
    char heading[WATCH_TEXT_BYTES + 64];

    (void)snprintf(heading, sizeof heading, "Funnel %s", model->programme);
    if (count > 1) {
        (void)snprintf(
            heading, sizeof heading, "Funnel %s, one of %u programmes", model->programme, count);
    }
    heading[WATCH_TEXT_BYTES - 1] = '\0';
    put_heading(panel, heading);
}

static void draw_funnel(const watch_model *model, struct panel panel)
{
    const trial_value *funnel = watch_model_funnel(model);
    uint64_t most = 0;

    put_programme(model, &panel);
    if (funnel == NULL) {
        (void)screen_text(panel.row, panel.column, panel.columns, A_DIM, "no programme yet");
        return;
    }
    for (uint32_t i = 0; i < trial_choices_step.count; i++) {
        uint64_t count = (uint64_t)trial_value_get_integer(funnel, trial_choices_step.words[i]);

        most = count > most ? count : most;
    }
    for (uint32_t i = 0; i < trial_choices_step.count && panel.row < panel.end; i++) {
        const char *step = trial_choices_step.words[i];
        int64_t count = trial_value_get_integer(funnel, step);
        int bar = panel.column + NAME_COLUMNS + NUMBER_COLUMNS + 1;

        (void)screen_text(panel.row, panel.column, NAME_COLUMNS, A_NORMAL, step);
        put_number(panel.row, panel.column + NAME_COLUMNS, NUMBER_COLUMNS, A_NORMAL, count);
        put_bar(panel.row,
                bar,
                panel.column + panel.columns - bar,
                screen_style(is_loss(step) ? SCREEN_BAD : SCREEN_BAR, A_NORMAL),
                (uint64_t)count,
                most);
        panel.row++;
    }
}

/* Of the programme that is shown? */
static bool is_shown(const watch_model *model, const trial_value *row)
{
    return trial_text_is(trial_value_get_text(row, "programme"), model->programme);
}

static void draw_date(struct panel *panel, const trial_value *row)
{
    bool is_late = trial_text_is(trial_value_get_text(row, "state"), "overdue");
    attr_t style = screen_style(is_late ? SCREEN_BAD : SCREEN_SOON, is_late ? A_BOLD : A_NORMAL);
    int64_t days = trial_value_get_integer(row, "days");
    char when[64];
    int at;

    (void)snprintf(when,
                   sizeof when,
                   "%.*s %5lldd %s  ",
                   TRIAL_TEXT_ARGS(trial_value_get_text(row, "due")),
                   (long long)(is_late ? -days : days),
                   is_late ? "late" : "left");
    at = screen_text(panel->row, panel->column, panel->columns, style, when);
    at += screen_span(panel->row,
                      panel->column + at,
                      panel->columns - at,
                      A_NORMAL,
                      trial_value_get_text(row, "subject"));
    if (at + 2 < panel->columns) {
        (void)screen_span(panel->row,
                          panel->column + at + 2,
                          panel->columns - at - 2,
                          A_DIM,
                          trial_value_get_text(row, "kind"));
    }
    panel->row++;
}

static void draw_due(const watch_model *model, struct panel panel)
{
    char heading[96];
    uint32_t late = 0;
    uint32_t soon = 0;

    for (uint32_t i = 0; model->due != NULL && i < model->due->as.list.count; i++) {
        const trial_value *row = model->due->as.list.items[i];

        if (is_shown(model, row)) {
            bool is_late = trial_text_is(trial_value_get_text(row, "state"), "overdue");

            late += is_late;
            soon += !is_late;
        }
    }
    (void)snprintf(
        heading, sizeof heading, "Overdue %u, due in %d days %u", late, WATCH_DUE_DAYS, soon);
    put_heading(&panel, heading);
    for (uint32_t i = 0; late + soon > 0 && i < model->due->as.list.count; i++) {
        if (panel.row < panel.end && is_shown(model, model->due->as.list.items[i])) {
            draw_date(&panel, model->due->as.list.items[i]);
        }
    }
    if (late + soon == 0) {
        (void)screen_text(panel.row, panel.column, panel.columns, A_DIM, "nothing");
    }
}

/* The counts that a network has a column for, as its row names them. */
static const char *const counts[] = { "submitted", "approved", "completed", "evaluated" };
#define COUNTS (int)(sizeof counts / sizeof counts[0])
#define COUNT_COLUMNS 10

static void draw_network(struct panel *panel, const trial_value *row, int names)
{
    trial_text subject = trial_value_get_text(row, "subject");
    trial_text id = { 0 };
    char name[WATCH_TEXT_BYTES * 2];

    (void)trial_subject_split(subject, &id);
    (void)snprintf(name,
                   sizeof name,
                   "%.*s  %.*s",
                   TRIAL_TEXT_ARGS(id),
                   TRIAL_TEXT_ARGS(trial_value_get_text(row, "theme")));
    name[WATCH_TEXT_BYTES - 1] = '\0';
    (void)screen_text(panel->row, panel->column, names - 11, A_NORMAL, name);
    (void)screen_span(
        panel->row, panel->column + names - 10, 10, A_DIM, trial_value_get_text(row, "state"));
    for (int i = 0; i < COUNTS; i++) {
        put_number(panel->row,
                   panel->column + names + i * COUNT_COLUMNS,
                   COUNT_COLUMNS,
                   A_NORMAL,
                   trial_value_get_integer(row, counts[i]));
    }
    panel->row++;
}

static uint32_t count_networks(const watch_model *model)
{
    uint32_t count = 0;

    for (uint32_t i = 0; model->networks != NULL && i < model->networks->as.list.count; i++) {
        count += is_shown(model, model->networks->as.list.items[i]);
    }
    return count;
}

static void draw_networks(const watch_model *model, struct panel panel)
{
    int names = panel.columns - COUNTS * COUNT_COLUMNS;
    int heading = panel.row;

    put_heading(&panel, "Networks");
    for (int i = 0; i < COUNTS && heading < panel.end; i++) {
        int size = (int)strlen(counts[i]);

        (void)screen_text(
            heading, panel.column + names + (i + 1) * COUNT_COLUMNS - size, size, A_DIM, counts[i]);
    }
    for (uint32_t i = 0; model->networks != NULL && i < model->networks->as.list.count; i++) {
        if (panel.row < panel.end && is_shown(model, model->networks->as.list.items[i])) {
            draw_network(&panel, model->networks->as.list.items[i], names);
        }
    }
}

static void draw_event(struct panel *panel, const watch_event *event)
{
    const struct {
        int columns;
        attr_t style;
        const char *text;
    } cells[] = {
        { 10, A_DIM, event->time }, /* its day */
        { 24, A_NORMAL, event->type },
        { 22, A_NORMAL, event->subject },
        { 40, A_DIM, event->source },
    };
    int at = NUMBER_COLUMNS + 2;

    put_number(panel->row, panel->column, NUMBER_COLUMNS, A_NORMAL, event->position);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0] && at < panel->columns; i++) {
        int left = panel->columns - at;
        char day[TRIAL_DATE_TEXT_BYTES];

        (void)snprintf(day, sizeof day, "%.10s", event->time);
        (void)screen_text(panel->row,
                          panel->column + at,
                          left < cells[i].columns ? left : cells[i].columns,
                          cells[i].style,
                          i == 0 ? day : cells[i].text);
        at += cells[i].columns + 2;
    }
    panel->row++;
}

/* The newest first, and how many there was room for. */
static uint32_t draw_events(const watch_model *model, struct panel panel)
{
    char heading[64];
    uint32_t room = panel.end > panel.row + 1 ? (uint32_t)(panel.end - panel.row - 1) : 0;

    (void)snprintf(heading,
                   sizeof heading,
                   model->back == 0 ? "Events" : "Events, %llu newer above",
                   (unsigned long long)model->back);
    put_heading(&panel, heading);
    for (uint64_t n = model->back; panel.row < panel.end; n++) {
        const watch_event *event = watch_model_event(model, n);

        if (event == NULL) {
            break;
        }
        draw_event(&panel, event);
    }
    if (model->event_count == 0 && panel.row < panel.end) {
        (void)screen_text(panel.row, panel.column, panel.columns, A_DIM, "none yet");
    }
    return room;
}

static void draw_title(const watch_model *model, int columns)
{
    char text[WATCH_TEXT_BYTES * 2];

    (void)snprintf(text,
                   sizeof text,
                   " triald  position %llu  %s  %s",
                   (unsigned long long)model->head,
                   model->day,
                   model->is_away ? "the daemon is gone; waiting for it" : "live");
    text[WATCH_TEXT_BYTES - 1] = '\0';
    screen_title(columns, model->is_away, text);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Two panels side by side where there is room, networks below, events in what is left. */
static uint32_t draw_panels(const watch_model *model, int rows, int columns)
{
    int steps = (int)trial_choices_step.count + 1;
    int left = columns / 2 - 1 > FUNNEL_COLUMNS ? columns / 2 - 1 : FUNNEL_COLUMNS;
    bool is_split = columns >= COLUMNS_SPLIT;
    int networks = (int)count_networks(model);
    int row = 2;
    int end = rows - 1;              /* of what is above the line of keys */
    int most = end - EVENT_ROWS_MIN; /* of what is above the events */
    struct panel panel = { row, least(row + steps, most), 1, is_split ? left : columns - 2 };

    draw_funnel(model, panel);
    if (is_split) {
        draw_due(model, (struct panel){ row, panel.end, left + 3, columns - left - 4 });
    }
    row = panel.end + 1;
    if (!is_split && row + 2 < most) {
        panel = (struct panel){ row, row + (most - row) / 2 + 1, 1, columns - 2 };
        draw_due(model, panel);
        row = panel.end + 1;
    }
    if (columns >= COLUMNS_SPLIT && networks > 0 && row + 2 <= most) {
        int room = (end - row) / 2; /* the events have the other half */

        panel = (struct panel){ row, row + least(networks + 1, room), 1, columns - 2 };
        draw_networks(model, panel);
        row = panel.end + 1;
    }
    return draw_events(model, (struct panel){ least(row, most + 1), end, 1, columns - 2 });
}

uint32_t watch_screen_draw(const watch_model *model)
{
    int rows = 0;
    int columns = 0;
    uint32_t room = 0;

    getmaxyx(stdscr, rows, columns);
    (void)erase();
    if (!screen_is_small(rows, columns)) {
        draw_title(model, columns);
        room = draw_panels(model, rows, columns);
        (void)screen_text(
            rows - 1,
            1,
            columns - 2,
            A_DIM,
            "q quit  p next programme  arrows, pages: older events  Home: the newest");
    }
    (void)refresh();
    return room;
}

watch_key watch_screen_key(void)
{
    switch (getch()) {
    case ERR:
        return WATCH_KEY_NONE;
    case 'q':
    case SCREEN_ESCAPE:
        return WATCH_KEY_QUIT;
    case 'p':
        return WATCH_KEY_PROGRAMME;
    case KEY_UP:
    case 'k':
        return WATCH_KEY_UP;
    case KEY_DOWN:
    case 'j':
        return WATCH_KEY_DOWN;
    case KEY_PPAGE:
        return WATCH_KEY_PAGE_UP;
    case KEY_NPAGE:
        return WATCH_KEY_PAGE_DOWN;
    case KEY_HOME:
    case 'g':
        return WATCH_KEY_NEWEST;
    default:
        return WATCH_KEY_OTHER;
    }
}
