/* layer.c - what the writer has put and LMDB does not hold: an overlay that is written, and those
 * that are frozen and lie between it and LMDB. A commit freezes one, and so does a read that would
 * have to wait for a commit; nothing is copied for either. */
#include "store_internal.h"
#include "trial/arena.h"

#include <stdlib.h>

static bool is_free(const store *s, const store_layer *layer)
{
    return layer != s->active && !layer->is_frozen && layer->readers == 0;
}

static uint32_t count_free(const store *s)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < STORE_LAYERS; i++) {
        count += is_free(s, &s->layers[i]) ? 1 : 0;
    }
    return count;
}

/* The first one, so that few of them grow to the size of a commit. */
static store_layer *take_free(store *s)
{
    store_layer *layer = s->layers;

    while (!is_free(s, layer)) {
        layer++;
    }
    return layer;
}

/* A swap is to be committed though it may have put no row. */
static bool has_unfrozen(const store *s)
{
    uint32_t newest =
        s->frozen_count == 0 ? s->current : s->frozen[s->frozen_count - 1]->generation;

    return !overlay_is_empty(&s->active->rows) || s->generation != newest;
}

bool layer_freeze(store *s, uint32_t least)
{
    if (s->head > s->flushed) {
        return false;
    }
    if (!has_unfrozen(s)) {
        return true;
    }
    if (count_free(s) < least) {
        return false;
    }
    s->active->generation = s->generation;
    s->active->batch = s->batch++;
    s->active->is_frozen = true;
    s->frozen[s->frozen_count++] = s->active;
    s->active = take_free(s);
    overlay_reset(&s->active->rows, s->head + 1);
    s->turn_at = 0;
    return true;
}

bool layer_replaces(const store_layer *const *layers,
                    uint32_t count,
                    uint32_t index,
                    const overlay_row *row)
{
    trial_bytes key = { row->key, row->key_size };

    for (uint32_t i = index + 1; i < count; i++) {
        if (overlay_find(&layers[i]->rows, row->hash, (store_table)row->table, key) != NULL) {
            return true;
        }
    }
    return false;
}

/* One is left free that no tail holds: whatever is held, for however long, a commit has a layer for
 * the writer to go on in, and gives it back. */
store_tail *store_tail_take(store *s)
{
    store_tail *tail;

    if (s->generation != s->current || (s->active->rows.record_count > 0 && !layer_freeze(s, 2)) ||
        count_free(s) == 0) {
        return NULL;
    }
    tail = trial_memory(sizeof *tail);
    tail->owner = s;
    tail->count = s->frozen_count;
    for (uint32_t i = 0; i < tail->count; i++) {
        tail->layers[i] = s->frozen[i];
        tail->layers[i]->readers++;
    }
    return tail;
}

void store_tail_give(store_tail *tail)
{
    if (tail == NULL) {
        return;
    }
    for (uint32_t i = 0; i < tail->count; i++) {
        TRIAL_ASSERT(tail->layers[i]->readers > 0);
        tail->layers[i]->readers--;
    }
    free(tail);
}
