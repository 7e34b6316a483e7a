/* ring.c - see ring.h. */
#include "ring.h"

#include "json.h"

#include <inttypes.h>
#include <stdlib.h>

/* The message is written into memory of its own, and given to a frame. */
static board_frame *frame_of(char *bytes, size_t size)
{
    board_frame *frame = trial_memory(sizeof *frame);

    frame->holders = 1;
    frame->bytes = bytes;
    frame->size = size;
    return frame;
}

/* Where text that was copied into the message's own tail lies. */
static trial_text keep_text(trial_text text, char **tail)
{
    trial_text kept = { *tail, text.size };

    if (text.size > 0) {
        memcpy(*tail, text.at, text.size);
    }
    *tail += text.size;
    return kept;
}

board_frame *frame_of_event(const trial_value *event)
{
    uint64_t position = (uint64_t)trial_value_get_integer(event, "position");
    trial_text type = trial_value_get_text(event, "type");
    trial_text subject = trial_value_get_text(event, "subject");
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = trial_memory_stream(&bytes, &size);
    board_frame *frame;
    char *tail;

    (void)fprintf(out, "id: %" PRIu64 "\nevent: event\ndata: ", position); /* memory: cannot fail */
    json_write(out, event);
    (void)fputs("\n\n", out);
    TRIAL_ASSERT(fclose(out) == 0);
    bytes = trial_memory_again(bytes, size + type.size + subject.size);
    tail = bytes + size;
    frame = frame_of(bytes, size);
    frame->position = position;
    frame->type = keep_text(type, &tail);
    frame->subject = keep_text(subject, &tail);
    return frame;
}

board_frame *frame_of_word(const char *word, uint64_t id, const char *json)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = trial_memory_stream(&bytes, &size);

    if (id == FRAME_NO_PLACE) {
        (void)fputs("id\n", out); /* memory: cannot fail */
    } else if (id != 0) {
        (void)fprintf(out, "id: %" PRIu64 "\n", id);
    }
    (void)fprintf(out, "event: %s\ndata: %s\n\n", word, json);
    TRIAL_ASSERT(fclose(out) == 0);
    return frame_of(bytes, size);
}

board_frame *frame_hold(board_frame *frame)
{
    frame->holders++;
    return frame;
}

void frame_release(board_frame *frame)
{
    if (frame != NULL && --frame->holders == 0) {
        free(frame->bytes);
        free(frame);
    }
}

void ring_init(board_ring *ring, uint32_t room, size_t bytes_max)
{
    TRIAL_ASSERT(room > 0);
    memset(ring, 0, sizeof *ring);
    ring->items = trial_memory(room * sizeof(board_frame *));
    ring->room = room;
    ring->bytes_max = bytes_max;
}

static void drop_oldest(board_ring *ring)
{
    board_frame *oldest = ring->items[ring->first % ring->room];

    ring->from = oldest->position + 1;
    ring->bytes -= oldest->size;
    ring->first++;
    ring->count--;
    frame_release(oldest);
}

void ring_done(board_ring *ring)
{
    while (ring->count > 0) {
        drop_oldest(ring);
    }
    free(ring->items);
    ring->items = NULL;
}

void ring_place(board_ring *ring, uint64_t position)
{
    while (ring->count > 0) {
        drop_oldest(ring);
    }
    ring->from = position + 1;
    ring->last = position;
}

void ring_add(board_ring *ring, board_frame *frame)
{
    TRIAL_ASSERT(frame->position > ring->last);
    if (ring->count == ring->room) {
        drop_oldest(ring);
    }
    ring->items[(ring->first + ring->count) % ring->room] = frame;
    ring->count++;
    ring->bytes += frame->size;
    ring->last = frame->position;
    while (ring->bytes > ring->bytes_max && ring->count > 1) {
        drop_oldest(ring);
    }
}

board_frame *ring_at(const board_ring *ring, uint64_t number)
{
    TRIAL_ASSERT(number >= ring->first);
    return number - ring->first < ring->count ? ring->items[number % ring->room] : NULL;
}

uint64_t ring_find(const board_ring *ring, uint64_t position)
{
    uint64_t low = ring->first;
    uint64_t high = ring->first + ring->count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (ring_at(ring, middle)->position < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
