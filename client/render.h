/* render.h - values for people: cells, cards, tables and lines. */
#ifndef CLIENT_RENDER_H
#define CLIENT_RENDER_H

#include "trial/value.h"

#include <stdio.h>

/** The text with a sign in place of every control character: what others wrote may not steer the
 *  terminal it is shown on. */
trial_text render_tame(trial_arena *arena, trial_text text);

/** The text with a sign in place of every byte that is no UTF-8: names of files and words of the
 * command line may have such, and JSON may not. */
trial_text render_valid(trial_arena *arena, trial_text text);

/** Print a text as render_tame() makes it. */
void render_put(FILE *out, trial_text text);

/** Print a text as render_tame() makes it, and blanks behind it until it takes so many columns. */
void render_padded(FILE *out, trial_text text, uint32_t columns);

/** A value on one line, tame: text as it is, lists joined by commas, lists of maps by their count.
 */
trial_text render_cell(trial_arena *arena, const trial_value *value);

/** Every field of a map, one a line; maps inside lists are a line each. Absent fields are left out.
 */
void render_card(FILE *out, trial_arena *arena, const trial_value *map);

/**
 * The rows as a table with the named columns.
 *
 * columns  names separated by spaces; columns that are empty in every row are left out.
 */
void render_table(FILE *out, trial_arena *arena, const trial_value *rows, const char *columns);

/** How wide the terminal behind a stream is; 0: it is none, and nothing is cut. */
uint32_t render_columns(FILE *out);

/** One event on one line. */
void render_event_line(FILE *out, const trial_value *event);

/** Is this stream a terminal that more can be done with than to write lines? TERM says so. */
bool render_can_draw(FILE *out);

/** May colours be used on this stream? Only where it can be drawn on and NO_COLOR is not set. */
bool render_has_colour(FILE *out);

/** A number of `width` cells drawn as a bar; `most` fills it. */
void render_bar(FILE *out, uint64_t number, uint64_t most, uint32_t width);

#endif
