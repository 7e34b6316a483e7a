/* ring.c - see ring.h. */
#include "ring.h"

#include <stdlib.h>

static void forget_oldest(ring *r)
{
    ring_event *kept = r->events[r->first % RING_EVENTS_MAX];

    r->bytes -= kept->size;
    r->first++;
    r->count--;
    free(kept);
}

void ring_clear(ring *r)
{
    while (r->count > 0) {
        forget_oldest(r);
    }
    r->first = 0;
}

static ring_event *copy(const engine_added *added)
{
    const proto_record *record = &added->record;
    size_t size = record->event.size + added->programmes[0].size + added->programmes[1].size;
    ring_event *kept = trial_memory(sizeof *kept + size);
    uint8_t *at = kept->bytes;

    kept->record = *record;
    kept->size = size;
    memcpy(at, record->event.data, record->event.size);
    /* The filter looks at type and subject, which lie inside the event. */
    kept->record.event.data = at;
    kept->record.type.at = (const char *)at + (record->type.at - (const char *)record->event.data);
    kept->record.subject.at =
        (const char *)at + (record->subject.at - (const char *)record->event.data);
    at += record->event.size;
    for (int k = 0; k < 2; k++) {
        kept->programmes[k] = (trial_text){ (const char *)at, added->programmes[k].size };
        if (added->programmes[k].size > 0) {
            memcpy(at, added->programmes[k].at, added->programmes[k].size);
        }
        at += added->programmes[k].size;
    }
    return kept;
}

void ring_add(ring *r, const engine_added *added)
{
    uint64_t position = added->record.position;
    ring_event *kept = copy(added);

    while (r->count > 0 &&
           (r->count == RING_EVENTS_MAX || r->bytes + kept->size > RING_BYTES_MAX)) {
        forget_oldest(r);
    }
    if (r->count == 0) {
        r->first = position;
    }
    TRIAL_ASSERT(position == r->first + r->count);
    r->events[position % RING_EVENTS_MAX] = kept;
    r->count++;
    r->bytes += kept->size;
}

bool ring_holds(const ring *r, uint64_t position)
{
    return r->count > 0 && position >= r->first && position < r->first + r->count;
}

const ring_event *ring_at(const ring *r, uint64_t position)
{
    return r->events[position % RING_EVENTS_MAX];
}
