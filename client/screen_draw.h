/* screen_draw.h - what is drawn on a screen, for the files that know curses: it knows what the
 * terminal can, and sends it only what changed. */
#ifndef CLIENT_SCREEN_DRAW_H
#define CLIENT_SCREEN_DRAW_H

#include "trial/base.h"

#include <curses.h>

#define SCREEN_TEXT_BYTES 256 /* of what is drawn at once; more is wider than any window */
#define SCREEN_COLUMNS_MIN 40 /* below this nothing is worth drawing */
#define SCREEN_ROWS_MIN 10

enum { SCREEN_TITLE = 1, SCREEN_BAR, SCREEN_BAD, SCREEN_SOON }; /* pairs of colours */

/** The colours of a pair, or `plain` where there are none. */
attr_t screen_style(int pair, attr_t plain);

/** So much of a text as fits the columns; what was cut ends with a sign that says so. Returns the
 * columns it took. */
int screen_text(int row, int column, int columns, attr_t style, const char *text);
int screen_span(int row, int column, int columns, attr_t style, trial_text text);

/** The bar on top. */
void screen_title(int columns, bool is_loud, const char *text);

/** Is the window too small? Then it was told so. */
bool screen_is_small(int rows, int columns);

#define SCREEN_ESCAPE 27 /* the key */

#endif
