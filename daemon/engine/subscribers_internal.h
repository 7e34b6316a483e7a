/* subscribers_internal.h - what the files about subscriptions share. */
#ifndef ENGINE_SUBSCRIBERS_INTERNAL_H
#define ENGINE_SUBSCRIBERS_INTERNAL_H

#include "ring.h"
#include "subscribers.h"

struct subscription {
    struct subscription *next;
    uint64_t id;
    uint64_t owner; /* whose rights it rests on */
    bool is_delimited;
    bool is_gone;
    bool is_told_live;
    bool waits_for_page;
    bool is_held;      /* its name is not on disk yet */
    named *named;      /* NULL: it has no name */
    uint64_t position; /* the next one to look at */
    uint64_t credit;
    uint64_t heard_ms;      /* when it was last sent anything */
    uint64_t not_before_ms; /* its peer took nothing: when to try again */
    answers_filter filter;
    trial_arena arena; /* of the filter */
    size_t peer_size;
    uint8_t peer[256];
};

struct subscribers {
    struct subscription *first;
    uint32_t count;
    uint64_t last_id;
    uint32_t request_bytes;
    named_list *list;
    subscribers_send *send;
    void *context;
    uint64_t positions[TRIAL_READ_EVENTS_MAX]; /* of the events that are gathered */
    ring ring;
    pack_writer frame;
    pack_writer events;
};

/** The subscription of that id, NULL where there is none. */
struct subscription *subscribers_find(const subscribers *s, uint64_t id);

/** Begin a notification of so many entries in s->frame. */
void subscribers_begin_frame(subscribers *s, const char *word, uint32_t entries);
void subscribers_put_number(subscribers *s, const char *name, uint64_t number);

/** Send what lies in s->frame; false where the peer did not take it. */
bool subscribers_send_frame(subscribers *s, struct subscription *sub, uint64_t now_ms);

#endif
