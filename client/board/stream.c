/* stream.c - see stream.h. A stream holds its place, one message and at most one page of the log; a
 * reader that takes nothing costs no more than that. */
#include "stream.h"

#include "host.h"
#include "trial/limits.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAGE_EVENTS_MOST 256
#define PAGE_BYTES (128 * 1024) /* the next page is halved or doubled to come near this */
#define RETRY_MS 200            /* before a page is asked for again that did not come */
#define WORD_BYTES 192          /* of the data of a word: the log's name and a number */

/* How a browser reconnects: after a second. */
static const char greeting[] = "retry: 1000\n\n";

typedef enum stream_place {
    STREAM_NOWHERE, /* only new events are wanted, and nobody knows yet where the log ends */
    STREAM_BEHIND,  /* reads the log */
    STREAM_NEAR,    /* is given what the ring has */
} stream_place;

struct board_stream {
    stream_ground ground;
    stream_filter filter;
    board_follow *follow;
    uint64_t generation;
    stream_place place;
    bool is_again;
    bool is_greeted;
    bool is_told_live;
    bool is_over;
    bool waits_for_page;
    uint64_t next; /* the first position not given out yet */
    uint64_t head; /* of the log, as its last page said: it may come before the ring hears of it */
    uint64_t number; /* of the ring's frame to look at next, where near */
    uint64_t sent;
    uint64_t sent_ms; /* when anything was sent last */
    uint64_t try_ms;  /* no page is asked for before */
    uint32_t page_events;
    board_frame **page; /* taken out of the log and not sent yet */
    uint32_t page_count;
    uint32_t page_at;
    board_frame *current; /* being sent */
    size_t offset;
};

board_stream *
stream_open(const stream_ground *ground, const stream_filter *filter, uint64_t next, bool is_again)
{
    board_follow *follow = follow_hold(ground->follows, filter->programme);
    board_stream *stream;

    if (follow == NULL) {
        return NULL;
    }
    stream = trial_memory(sizeof *stream);
    stream->ground = *ground;
    stream->filter = *filter;
    stream->follow = follow;
    stream->generation = follows_generation(ground->follows);
    stream->place = next == 0 ? STREAM_NOWHERE : STREAM_BEHIND;
    stream->is_again = is_again;
    stream->next = next;
    stream->page_events = STREAM_PAGE_EVENTS;
    stream->sent_ms = host_monotonic_ms();
    return stream;
}

static void drop_page(board_stream *stream)
{
    while (stream->page_at < stream->page_count) {
        frame_release(stream->page[stream->page_at++]);
    }
    free(stream->page);
    stream->page = NULL;
    stream->page_count = 0;
    stream->page_at = 0;
}

void stream_close(board_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    asker_forget(stream->ground.asker, stream);
    drop_page(stream);
    frame_release(stream->current);
    follow_release(stream->follow);
    free(stream);
}

bool stream_is_over(const board_stream *stream)
{
    return stream->is_over && stream->current == NULL;
}

uint64_t stream_sent(const board_stream *stream)
{
    return stream->sent;
}

static void set_text(trial_arena *arena, trial_value *map, const char *name, trial_text text)
{
    if (trial_text_is_set(text)) {
        trial_value_set(arena, map, name, trial_value_text(arena, text));
    }
}

trial_value *
stream_question(const stream_filter *filter, uint64_t from, uint32_t limit, trial_arena *arena)
{
    trial_value *params = trial_value_map(arena);
    trial_value *types = trial_value_list(arena);

    trial_value_set(arena, params, "from", trial_value_unsigned(arena, from));
    trial_value_set(arena, params, "limit", trial_value_integer(arena, limit));
    set_text(arena, params, "subject", filter->subject);
    set_text(arena, params, "programme", filter->programme);
    for (uint32_t i = 0; i < filter->type_count; i++) {
        trial_value_push(arena, types, trial_value_text(arena, filter->types[i]));
    }
    if (filter->type_count > 0) {
        trial_value_set(arena, params, "types", types);
    }
    return params;
}

/* The reader is to begin anew: what it knows is of another log. */
static void reset(board_stream *stream)
{
    char data[WORD_BYTES];

    (void)snprintf(data,
                   sizeof data,
                   "{\"log\":\"%.64s\",\"head\":%" PRIu64 "}",
                   follows_log(stream->ground.follows),
                   follow_head(stream->follow));
    frame_release(stream->current);
    stream->offset = 0;
    stream->current = frame_of_word("reset", FRAME_NO_PLACE, data);
    stream->is_over = true;
}

static void resize_pages(board_stream *stream, size_t bytes, bool was_full)
{
    if (bytes > PAGE_BYTES && stream->page_events > 1) {
        stream->page_events /= 2;
    } else if (was_full && bytes < PAGE_BYTES / 4 && stream->page_events < PAGE_EVENTS_MOST) {
        stream->page_events *= 2;
    }
}

void stream_take_page(board_stream *stream, const trial_value *result)
{
    const trial_value *events = trial_value_get(result, "events");
    uint64_t next = (uint64_t)trial_value_get_integer(result, "next");
    uint64_t head = (uint64_t)trial_value_get_integer(result, "head");
    uint32_t count = events != NULL && events->kind == TRIAL_VALUE_LIST ? events->as.list.count : 0;
    size_t bytes = 0;

    TRIAL_ASSERT(stream->page == NULL);
    stream->head = head;
    if (stream->place == STREAM_NOWHERE) {
        stream->next = head + 1;
        stream->place = STREAM_BEHIND;
        return;
    }
    if (stream->is_again && head + 1 < stream->next) {
        reset(stream);
        return;
    }
    stream->is_again = false;
    stream->page = count == 0 ? NULL : trial_memory(count * sizeof(board_frame *));
    for (uint32_t i = 0; i < count; i++) {
        stream->page[i] = frame_of_event(events->as.list.items[i]);
        bytes += stream->page[i]->size;
    }
    stream->page_count = count;
    resize_pages(stream, bytes, count == stream->page_events);
    if (next != 0) {
        stream->next = next;
    } else if (head + 1 > stream->next) {
        stream->next = head + 1;
    }
}

static void on_page(void *context, const trial_value *result, const trial_error *error)
{
    board_stream *stream = context;

    (void)error; /* whatever it was, the page is asked for again: the reader waits for it */
    stream->waits_for_page = false;
    if (result == NULL) {
        stream->try_ms = host_monotonic_ms() + RETRY_MS;
        return;
    }
    stream_take_page(stream, result);
}

static void ask_for_page(board_stream *stream, uint64_t now_ms)
{
    trial_arena arena = { 0 };
    trial_value *params =
        stream_question(&stream->filter, stream->next, stream->page_events, &arena);
    trial_code code = asker_ask(
        stream->ground.asker, "read", params, stream->ground.wait_ms, on_page, stream, NULL);

    trial_arena_done(&arena);
    stream->waits_for_page = code == TRIAL_OK;
    stream->try_ms = code == TRIAL_OK ? now_ms : now_ms + RETRY_MS;
}

/* Is the text the filter, or does it begin with it where the filter ends in `mark`? */
static bool fits(trial_text text, trial_text filter, char mark)
{
    bool is_prefix = filter.size > 0 && filter.at[filter.size - 1] == mark;

    return is_prefix ? trial_text_starts(text, filter) : trial_text_equal(text, filter);
}

/* The ring has every event of its programme; subject and types are chosen here. */
static bool wants(const board_stream *stream, const board_frame *frame)
{
    const stream_filter *filter = &stream->filter;
    bool has_type = filter->type_count == 0;

    for (uint32_t i = 0; i < filter->type_count && !has_type; i++) {
        has_type = fits(frame->type, filter->types[i], '.');
    }
    return has_type && frame->position >= stream->next &&
           (!trial_text_is_set(filter->subject) || fits(frame->subject, filter->subject, '/'));
}

/* Where is it now? It may have fallen out of the ring, or reached it. */
static void find_place(board_stream *stream)
{
    const board_ring *ring = follow_ring(stream->follow);

    if (!follow_is_placed(stream->follow) || stream->is_over) {
        return;
    }
    if (stream->generation != follows_generation(stream->ground.follows)) {
        reset(stream);
        return;
    }
    if (stream->place == STREAM_NOWHERE && !stream->waits_for_page) {
        stream->next = ring->last + 1;
        stream->place = STREAM_BEHIND;
    }
    if (stream->place == STREAM_NEAR && stream->number < ring->first) {
        stream->place = STREAM_BEHIND;
    }
    /* Who says it was here before is believed once the log was seen to reach so far. */
    if (stream->is_again && stream->next <= ring->last + 1) {
        stream->is_again = false;
    }
    if (stream->place == STREAM_BEHIND && stream->page == NULL && !stream->waits_for_page &&
        !stream->is_again && stream->next >= ring->from) {
        stream->place = STREAM_NEAR;
        stream->number = ring_find(ring, stream->next);
    }
}

/* The next frame of the ring that is wanted, not taken; NULL where there is none. */
static board_frame *peek_ring(board_stream *stream)
{
    const board_ring *ring = follow_ring(stream->follow);

    while (stream->place == STREAM_NEAR) {
        board_frame *frame = ring_at(ring, stream->number);

        if (frame == NULL || wants(stream, frame)) {
            return frame;
        }
        stream->number++;
    }
    return NULL;
}

/* The last position of the log that anybody told of. */
static uint64_t head_of(const board_stream *stream)
{
    uint64_t head = follow_head(stream->follow);

    return head > stream->head ? head : stream->head;
}

/* All that the ring has was given out: the last position of which that is true. Who wants events
 * from a position that is not there yet has seen no more than there is. */
static uint64_t seen(const board_stream *stream)
{
    uint64_t last = follow_ring(stream->follow)->last;
    uint64_t given = last + 1 > stream->next ? last : stream->next - 1;
    uint64_t head = head_of(stream);

    return given < head ? given : head;
}

static board_frame *make_word(const board_stream *stream, const char *word)
{
    bool is_near = stream->place == STREAM_NEAR;
    char data[WORD_BYTES];

    (void)snprintf(data,
                   sizeof data,
                   "{\"head\":%" PRIu64 "%s}",
                   head_of(stream),
                   follow_is_live(stream->follow) ? "" : ",\"away\":true");
    return frame_of_word(word, is_near ? seen(stream) : 0, data);
}

static bool is_silent(const board_stream *stream, uint64_t now_ms)
{
    return now_ms - stream->sent_ms >= TRIAL_HEARTBEAT_MS;
}

static bool is_caught_up(const board_stream *stream)
{
    return stream->place == STREAM_NEAR && !stream->is_told_live && follow_is_live(stream->follow);
}

bool stream_is_ready(board_stream *stream, uint64_t now_ms)
{
    if (stream->current != NULL || !stream->is_greeted || stream->is_over) {
        return true;
    }
    find_place(stream);
    if (stream->is_over || stream->page_at < stream->page_count) {
        return true;
    }
    if (stream->page != NULL) {
        drop_page(stream);
        find_place(stream);
    }
    if (stream->place == STREAM_BEHIND && !stream->waits_for_page && now_ms >= stream->try_ms) {
        ask_for_page(stream, now_ms);
    }
    return peek_ring(stream) != NULL || is_caught_up(stream) || is_silent(stream, now_ms);
}

/* Make what comes next the current frame; false where there is nothing. */
static bool take_next(board_stream *stream, uint64_t now_ms)
{
    board_frame *frame;

    if (stream->current != NULL) {
        return true;
    }
    if (stream->is_over || !stream_is_ready(stream, now_ms)) {
        return false;
    }
    stream->offset = 0;
    if (stream->page_at < stream->page_count) {
        stream->current = stream->page[stream->page_at++];
        stream->sent++;
        return true;
    }
    frame = peek_ring(stream);
    if (frame != NULL) {
        stream->current = frame_hold(frame);
        stream->next = frame->position + 1;
        stream->number++;
        stream->sent++;
        return true;
    }
    if (stream->current == NULL && (is_caught_up(stream) || is_silent(stream, now_ms))) {
        stream->current = make_word(stream, is_caught_up(stream) ? "live" : "heartbeat");
        stream->is_told_live = stream->is_told_live || is_caught_up(stream);
    }
    return stream->current != NULL;
}

size_t stream_fill(board_stream *stream, char *buffer, size_t room, uint64_t now_ms)
{
    size_t filled = 0;

    if (!stream->is_greeted && room >= sizeof greeting - 1) {
        memcpy(buffer, greeting, sizeof greeting - 1);
        filled = sizeof greeting - 1;
        stream->is_greeted = true;
    }
    while (filled < room && take_next(stream, now_ms)) {
        size_t left = stream->current->size - stream->offset;
        size_t size = left < room - filled ? left : room - filled;

        memcpy(buffer + filled, stream->current->bytes + stream->offset, size);
        filled += size;
        stream->offset += size;
        stream->sent_ms = now_ms;
        if (stream->offset == stream->current->size) {
            frame_release(stream->current);
            stream->current = NULL;
        }
    }
    return filled;
}
