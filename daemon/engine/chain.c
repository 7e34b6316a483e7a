/* chain.c - see chain.h. */
#include "chain.h"

#include <stdlib.h>

void chain_done(chain *c)
{
    free(c->steps);
    *c = (chain){ 0 };
}

/* Forget the steps before a position. */
static void drop_before(chain *c, uint64_t position)
{
    size_t gone = 0;

    while (gone < c->count && c->steps[gone].position < position) {
        gone++;
    }
    c->count -= gone;
    if (gone > 0 && c->count > 0) {
        memmove(c->steps, c->steps + gone, c->count * sizeof *c->steps);
    }
}

void chain_begin(chain *c, trial_text subject, uint64_t from)
{
    bool is_same =
        c->subject_size == subject.size && memcmp(c->subject, subject.at, subject.size) == 0;

    TRIAL_ASSERT(subject.size > 0 && subject.size <= sizeof c->subject && from > 0);
    if (is_same && from >= c->from && from <= c->until) {
        drop_before(c, from);
    } else {
        memcpy(c->subject, subject.at, subject.size);
        c->subject_size = subject.size;
        c->count = 0;
        c->until = from - 1;
    }
    c->from = from;
    for (size_t i = 0; i < c->count; i++) {
        c->steps[i].record = (trial_bytes){ 0 };
    }
}

static void add(chain *c, uint64_t position, trial_bytes record)
{
    if (c->count == c->room) {
        c->room = c->room == 0 ? 32 : c->room * 2;
        c->steps = trial_memory_again(c->steps, c->room * sizeof *c->steps);
    }
    c->steps[c->count++] = (chain_step){ position, record };
}

/* Steps from `first` on were found newest first. */
static void reverse(chain *c, size_t first)
{
    for (size_t low = first, high = c->count; low + 1 < high; low++) {
        chain_step swapped = c->steps[low];

        c->steps[low] = c->steps[--high];
        c->steps[high] = swapped;
    }
}

trial_code chain_extend(chain *c, store_read *read, uint64_t last, size_t most, trial_error *err)
{
    size_t known = c->count;
    uint64_t newest = last;
    uint64_t position = last;

    while (position > c->until) {
        trial_bytes bytes = { 0 };
        proto_record record;
        trial_code code = store_read_record(read, position, &bytes, err);

        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, err);
        }
        if (code != TRIAL_OK) {
            c->count = known;
            return code;
        }
        if (c->count == known + most) { /* the newer half is found again when it is its turn */
            c->count = known + most / 2;
            memmove(
                c->steps + known, c->steps + known + most - most / 2, most / 2 * sizeof *c->steps);
            newest = c->steps[known].position;
        }
        add(c, position, bytes);
        position = record.previous;
    }
    reverse(c, known);
    c->until = newest > c->until ? newest : c->until;
    return TRIAL_OK;
}
