/* top_screen.c - the screen of `trialctl top`. */
#include "measures.h"
#include "screen_draw.h"
#include "top.h"

#include <inttypes.h>
#include <stdio.h>

static attr_t style_of(top_style style)
{
    switch (style) {
    case TOP_HEADING:
        return A_BOLD | A_UNDERLINE;
    case TOP_GOOD:
        return screen_style(SCREEN_BAR, A_NORMAL);
    case TOP_BAD:
        return screen_style(SCREEN_BAD, A_BOLD) | A_BOLD;
    case TOP_PLAIN:
        break;
    }
    return A_NORMAL;
}

static void draw_title(const top_model *model, int columns)
{
    uint64_t uptime = (uint64_t)measures_sum(model->now, TRIAL_METRIC_uptime_seconds);
    char text[TOP_TEXT_BYTES];

    (void)snprintf(text,
                   sizeof text,
                   " triald  position %.0f  up %" PRIu64 "d %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64
                   "  %s",
                   measures_sum(model->now, TRIAL_METRIC_log_size_events),
                   uptime / 86400,
                   uptime / 3600 % 24,
                   uptime / 60 % 60,
                   uptime % 60,
                   model->is_away ? "the daemon is gone; waiting for it" : "live");
    screen_title(columns, model->is_away, text);
}

void top_screen_draw(const top_model *model, uint64_t interval_ms)
{
    top_line lines[TOP_LINES_MAX];
    uint32_t count = top_model_lines(model, lines);
    char keys[TOP_TEXT_BYTES];
    int rows = 0;
    int columns = 0;

    getmaxyx(stdscr, rows, columns);
    (void)erase();
    if (!screen_is_small(rows, columns)) {
        draw_title(model, columns);
        for (uint32_t i = 0; i < count && (int)i + 2 < rows; i++) {
            (void)screen_text((int)i + 1, 1, columns - 2, style_of(lines[i].style), lines[i].text);
        }
        (void)snprintf(keys,
                       sizeof keys,
                       "q quits; every %.1f s%s",
                       (double)interval_ms / 1000,
                       model->before == NULL ? "; times since the daemon started" : "");
        (void)screen_text(rows - 1, 1, columns - 2, A_DIM, keys);
    }
    (void)refresh();
}

bool top_screen_is_over(void)
{
    bool is_over = false;

    for (int key = getch(); key != ERR; key = getch()) {
        is_over = is_over || key == 'q' || key == SCREEN_ESCAPE;
    }
    return is_over;
}
