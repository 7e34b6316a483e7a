/* desk.h - what the files of the desk share. */
#ifndef BOARD_DESK_H
#define BOARD_DESK_H

#include "board.h"

/** Answer with text that lives as long as the program, and that nobody is to keep. */
void desk_answer_text(board_exchange *exchange,
                      unsigned status,
                      const char *type,
                      const char *text);

/** Answer with a value as JSON. `cache` is a literal. */
void desk_answer_value(board_exchange *exchange, const char *cache, const trial_value *value);

/** Rows, events and status, out of the daemon's answers. (answer.c) */
void desk_begin_answer(board_state *board, board_exchange *exchange);

/** A stream of events. (opening.c) */
void desk_begin_stream(board_state *board, board_exchange *exchange);

/** The words of a list with commas between them, put into `ret_words`. Returns how many there are,
 * which may be more than `room`. */
uint32_t desk_split(trial_text list, trial_text *ret_words, uint32_t room);

#endif
