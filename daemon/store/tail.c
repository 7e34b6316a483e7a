/* tail.c - reading what lies in front of LMDB: the newest layer that says anything of a row is
 * right, and a walk takes the rows of all of them in where they belong. */
#include "store_internal.h"
#include "trial/arena.h"

#include <endian.h>
#include <stdlib.h>

static bool has_tail(const store_read *r)
{
    return r->tail != NULL && r->tail_from < r->tail->count;
}

/* Layers are committed whole and in turn, and with the swap of a rebuild all that lay in front of
 * the old rows. */
void tail_begin(store_read *r)
{
    const store_tail *tail = r->tail;

    r->tail_from = 0;
    while (has_tail(r) && overlay_last(&tail->layers[r->tail_from]->rows) <= r->kept) {
        r->tail_from++;
    }
    if (has_tail(r)) {
        TRIAL_ASSERT(tail->layers[r->tail_from]->rows.first == r->kept + 1 &&
                     tail->layers[r->tail_from]->generation == r->generation);
        r->head = overlay_last(&tail->layers[tail->count - 1]->rows);
    }
}

bool tail_get(const store_read *r, store_table table, trial_bytes key, trial_bytes *ret_value)
{
    uint64_t hash;

    if (!has_tail(r)) {
        return false;
    }
    hash = overlay_hash(table, key);
    for (uint32_t i = r->tail->count; i > r->tail_from; i--) {
        const overlay_row *row = overlay_find(&r->tail->layers[i - 1]->rows, hash, table, key);

        if (row != NULL) {
            *ret_value = overlay_value(row);
            return true;
        }
    }
    return false;
}

trial_bytes tail_record(const store_read *r, uint64_t position)
{
    trial_bytes record = { 0 };

    for (uint32_t i = r->tail_from; record.data == NULL; i++) {
        TRIAL_ASSERT(has_tail(r) && i < r->tail->count);
        record = overlay_record_at(&r->tail->layers[i]->rows, position);
    }
    return record;
}

static bool visit_record(const store_read *r, uint64_t position, store_visit *visit, void *context)
{
    uint64_t name = htobe64(position);

    return visit(
        context, (trial_bytes){ (const uint8_t *)&name, sizeof name }, tail_record(r, position));
}

bool tail_log(
    const store_read *r, uint64_t from, bool is_backwards, store_visit *visit, void *context)
{
    bool goes_on = true;

    if (is_backwards) {
        uint64_t position = from == 0 || from > r->head ? r->head : from;

        for (; goes_on && position > r->kept; position--) {
            goes_on = visit_record(r, position, visit, context);
        }
        return goes_on;
    }
    for (uint64_t position = from > r->kept ? from : r->kept + 1; goes_on && position <= r->head;
         position++) {
        goes_on = visit_record(r, position, visit, context);
    }
    return goes_on;
}

static bool is_in(const overlay_row *row, trial_bytes prefix, trial_bytes from)
{
    trial_text key = { (const char *)row->key, row->key_size };

    return key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.at, prefix.data, prefix.size) == 0) &&
           (from.size == 0 ||
            trial_text_compare(key, (trial_text){ (const char *)from.data, (uint32_t)from.size }) >=
                0);
}

void tail_walk_begin(
    const store_read *r, store_table table, trial_bytes prefix, trial_bytes from, tail_walk *walk)
{
    const store_layer *const *layers = NULL;
    size_t room = 0;
    uint32_t count = 0;

    if (has_tail(r)) {
        layers = (const store_layer *const *)r->tail->layers;
        count = r->tail->count;
    }
    for (uint32_t i = r->tail_from; i < count; i++) {
        const overlay *rows = &layers[i]->rows;

        for (uint32_t at = rows->newest[table]; at != 0; at = rows->rows[at - 1].older) {
            const overlay_row *row = &rows->rows[at - 1];

            if (!is_in(row, prefix, from) || layer_replaces(layers, count, i, row)) {
                continue;
            }
            if (walk->count == room) {
                room = room == 0 ? 64 : room * 2;
                walk->rows = trial_memory_again(walk->rows, room * sizeof *walk->rows);
            }
            walk->rows[walk->count++] = row;
        }
    }
    if (walk->count > 1) {
        qsort(walk->rows, walk->count, sizeof *walk->rows, commit_compare_rows);
    }
}

/* Visit the tail's next row, unless it is one that was deleted. */
static bool visit_next(tail_walk *walk)
{
    const overlay_row *row = walk->rows[walk->at++];

    walk->has_ended =
        !row->is_deleted &&
        !walk->visit(walk->context, (trial_bytes){ row->key, row->key_size }, overlay_value(row));
    return !walk->has_ended;
}

static int compare(const overlay_row *row, trial_bytes key)
{
    return trial_text_compare((trial_text){ (const char *)row->key, row->key_size },
                              (trial_text){ (const char *)key.data, (uint32_t)key.size });
}

bool tail_visit(void *context, trial_bytes key, trial_bytes value)
{
    tail_walk *walk = context;

    while (walk->at < walk->count && compare(walk->rows[walk->at], key) < 0) {
        if (!visit_next(walk)) {
            return false;
        }
    }
    if (walk->at < walk->count && compare(walk->rows[walk->at], key) == 0) {
        return visit_next(walk); /* it stands in the place of LMDB's */
    }
    walk->has_ended = !walk->visit(walk->context, key, value);
    return !walk->has_ended;
}

void tail_walk_end(tail_walk *walk, bool has_failed)
{
    while (!has_failed && !walk->has_ended && walk->at < walk->count) {
        (void)visit_next(walk);
    }
    free(walk->rows);
}
