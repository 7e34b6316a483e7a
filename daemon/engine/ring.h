/* ring.h - the newest events, kept in memory while anybody is subscribed: who is not further behind
 * than this is served without a look at the disk. */
#ifndef ENGINE_RING_H
#define ENGINE_RING_H

#include "engine.h"

#define RING_EVENTS_MAX 8192u
#define RING_BYTES_MAX ((size_t)16 * 1024 * 1024)

/** One event; its spans point behind it. */
typedef struct ring_event {
    proto_record record; /* its event, type and subject; the rest is not kept */
    trial_text programmes[2];
    size_t size;
    uint8_t bytes[];
} ring_event;

/** Zero-initialise. */
typedef struct ring {
    ring_event *events[RING_EVENTS_MAX];
    uint64_t first; /* position of the oldest kept, 0: nothing kept */
    uint32_t count;
    size_t bytes;
} ring;

/** Keep a copy of the next event; the oldest go where there is no room. */
void ring_add(ring *r, const engine_added *added);
void ring_clear(ring *r);

bool ring_holds(const ring *r, uint64_t position);
const ring_event *ring_at(const ring *r, uint64_t position); /* one that it holds */

#endif
