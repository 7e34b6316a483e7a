/* stream.h - what one reader of the event stream is sent next: from the ring where it is near the
 * end of the log, from the log itself where it is not. It knows no HTTP. */
#ifndef BOARD_STREAM_H
#define BOARD_STREAM_H

#include "ask.h"
#include "follow.h"

#define STREAM_TYPES_MAX 64  /* as many as a read takes */
#define STREAM_PAGE_EVENTS 8 /* of the first page, when nobody knows how large the events are */

/** Which events, in the daemon's own terms; absent text for any. Text is borrowed for the stream's
 * life. */
typedef struct stream_filter {
    trial_text subject;
    trial_text programme;
    trial_text types[STREAM_TYPES_MAX];
    uint32_t type_count;
} stream_filter;

/** What a stream stands on. */
typedef struct stream_ground {
    board_asker *asker;
    board_follows *follows;
    uint32_t wait_ms; /* for the daemon's answer */
} stream_ground;

typedef struct board_stream board_stream;

/**
 * Begin a stream.
 *
 * next      the first position wanted; 0: only what comes from now on.
 * is_again  it goes on where an earlier one ended: a log that ends before that is another log.
 *
 * NULL: too many programmes are followed. Close with stream_close().
 */
board_stream *
stream_open(const stream_ground *ground, const stream_filter *filter, uint64_t next, bool is_again);
void stream_close(board_stream *stream); /* NULL is fine */

/** Parameters of a read of these events, in the arena. */
trial_value *
stream_question(const stream_filter *filter, uint64_t from, uint32_t limit, trial_arena *arena);

/** Take a page of a read that began at the stream's next position. */
void stream_take_page(board_stream *stream, const trial_value *result);

/** Has it something to send at this time? Asks for a page where it needs one. */
bool stream_is_ready(board_stream *stream, uint64_t now_ms);

/** Fill with what is to be sent; 0: nothing now. */
size_t stream_fill(board_stream *stream, char *buffer, size_t room, uint64_t now_ms);

/** It has nothing to say any more: its reader is to begin anew. */
bool stream_is_over(const board_stream *stream);

uint64_t stream_sent(const board_stream *stream); /* events that were given out */

#endif
