/* top.h - what `trialctl top` shows: two answers to `metrics`, and what lies between them. */
#ifndef CLIENT_TOP_H
#define CLIENT_TOP_H

#include "trial/metrics.h"
#include "trial/value.h"

#define TOP_LINES_MAX 64 /* stages, readers, and what is around them, with room for more */
#define TOP_TEXT_BYTES 320

typedef struct top_model {
    const trial_value *now;    /* the answer that is shown; NULL: none yet */
    const trial_value *before; /* of the same run of the daemon; NULL: none, so there is no rate */
    double seconds;            /* between the two, by the daemon's clock */
    bool is_away;
} top_model;

/** Take the next answer in; those before the last two are not looked at any more. */
void top_model_take(top_model *model, const trial_value *answer);

/** A counter's growth a second, all its labels together; 0 without two answers. */
double top_model_rate(const top_model *model, trial_metric metric);

/** A histogram's times between the two answers; since the start where there is one. */
trial_histogram top_model_times(const top_model *model, trial_metric metric, const char *label);

typedef enum top_style { TOP_PLAIN, TOP_HEADING, TOP_GOOD, TOP_BAD } top_style;

typedef struct top_line {
    top_style style;
    char text[TOP_TEXT_BYTES];
} top_line;

/** What the screen shows under its title, line by line; returns how many. */
uint32_t top_model_lines(const top_model *model, top_line ret_lines[TOP_LINES_MAX]);

/** The heading of the lines below, and one interval as a line. */
void top_model_head(char ret_text[TOP_TEXT_BYTES]);
void top_model_row(const top_model *model, char ret_text[TOP_TEXT_BYTES]);

/** One interval as a document: rates a second, gauges as they are, times as rate, p50 and p99. */
trial_value *top_model_document(const top_model *model, trial_arena *arena);

/** Draw the model in place. */
void top_screen_draw(const top_model *model, uint64_t interval_ms);

/** Was a key pressed that ends it? Takes what was pressed. */
bool top_screen_is_over(void);

#endif
