/* ring.h - the newest events, each rendered once as it goes to every stream. */
#ifndef BOARD_RING_H
#define BOARD_RING_H

#include "trial/value.h"

/** One message of a stream, as its bytes. It lives while somebody holds it. */
typedef struct board_frame {
    uint32_t holders;
    uint64_t position; /* of an event; 0: a word of our own */
    trial_text type;   /* of an event; both lie in the frame */
    trial_text subject;
    size_t size;
    char *bytes;
} board_frame;

/** An event as a message, held once. Its position is the message's id. */
board_frame *frame_of_event(const trial_value *event);

/**
 * A word as a message, held once: `live`, `heartbeat` or `reset`.
 *
 * id    the position up to which the stream has been given all; 0: no id; FRAME_NO_PLACE: the
 *       reader is to forget the one it has.
 * json  the data, on one line.
 */
board_frame *frame_of_word(const char *word, uint64_t id, const char *json);
#define FRAME_NO_PLACE UINT64_MAX

board_frame *frame_hold(board_frame *frame);
void frame_release(board_frame *frame); /* NULL is fine */

typedef struct board_ring {
    board_frame **items;
    uint32_t room;
    uint32_t count;
    uint64_t first;   /* number of the oldest; the first ever added is 0 */
    size_t bytes;     /* of all frames */
    size_t bytes_max; /* the newest frame is kept even where it has more */
    uint64_t from;    /* from this position on all that belongs here is in the ring, up to `last` */
    uint64_t last;
} board_ring;

void ring_init(board_ring *ring, uint32_t room, size_t bytes_max);
void ring_done(board_ring *ring);

/** Forget all; what is added from now on comes behind `position`. */
void ring_place(board_ring *ring, uint64_t position);

/** Add an event behind the others; the frame is taken. */
void ring_add(board_ring *ring, board_frame *frame);

/** The frame of that number; NULL where it is not there yet. It must not be gone already. */
board_frame *ring_at(const board_ring *ring, uint64_t number);

/** The number of the first frame at or behind that position. */
uint64_t ring_find(const board_ring *ring, uint64_t position);

#endif
