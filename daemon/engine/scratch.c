/* scratch.c - see scratch.h. */
#include "scratch.h"

#include "keys.h"
#include "links.h"

#include <stdlib.h>
#define uthash_fatal(message) trial_exhausted() /* uthash would leave without a word */
#include <uthash.h>

struct row {
    UT_hash_handle hh;
    uint8_t *value;
    size_t size;
    size_t room;
    size_t key_size;
    uint8_t key[];
};

/* An exemption somebody was granted: its id, for the rule that an id names one thing. */
struct granted {
    UT_hash_handle hh;
    size_t size;
    char id[];
};

struct scratch {
    struct row *rows;
    struct granted *granted;
    scratch_record *record;
    bool (*is_in)(void *context, const proto_record *record);
    scratch_elsewhere *elsewhere;
    void *context;
    struct row **sorted;
    size_t sorted_count;
    size_t walked;
    bool is_sorted;
    trial_kind walking;
    pack_writer state; /* one that is being encoded */
};

scratch *scratch_new(void)
{
    return trial_memory(sizeof(scratch));
}

void scratch_done(scratch *s)
{
    struct row *row = NULL;
    struct row *next_row = NULL;
    struct granted *granted = NULL;
    struct granted *next_granted = NULL;

    if (s == NULL) {
        return;
    }
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): uthash takes a row out before it is freed. */
    HASH_ITER(hh, s->rows, row, next_row)
    {
        HASH_DEL(s->rows, row);
        free(row->value);
        free(row);
    }
    HASH_ITER(hh, s->granted, granted, next_granted)
    {
        HASH_DEL(s->granted, granted);
        free(granted);
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    free(s->sorted);
    pack_writer_done(&s->state);
    free(s);
}

static struct row *find(const scratch *s, const row_key *k)
{
    struct row *row = NULL;

    HASH_FIND(hh, s->rows, k->bytes, k->size, row);
    return row;
}

trial_bytes scratch_get(const scratch *s, trial_kind kind, trial_text id)
{
    const struct row *row;
    row_key k;

    key_state(kind, id, &k);
    row = find(s, &k);
    return row == NULL ? (trial_bytes){ 0 } : (trial_bytes){ row->value, row->size };
}

static trial_code
get(void *context, trial_kind kind, trial_text id, trial_bytes *ret_state, trial_error *err)
{
    (void)err;
    *ret_state = scratch_get(context, kind, id);
    return TRIAL_OK;
}

static void note_granted(scratch *s, trial_text id)
{
    struct granted *granted = NULL;

    HASH_FIND(hh, s->granted, id.at, id.size, granted);
    if (granted != NULL) {
        return;
    }
    granted = trial_memory(sizeof *granted + id.size);
    granted->size = id.size;
    memcpy(granted->id, id.at, id.size);
    HASH_ADD_KEYPTR(hh, s->granted, granted->id, granted->size, granted);
}

static trial_code put(void *context, const trial_state *state, trial_bytes bytes, trial_error *err)
{
    scratch *s = context;
    struct row *row;
    row_key k;

    (void)err;
    key_state(state->kind, state->id, &k);
    row = find(s, &k);
    if (row == NULL) {
        row = trial_memory(sizeof *row + k.size);
        row->key_size = k.size;
        memcpy(row->key, k.bytes, k.size);
        HASH_ADD_KEYPTR(hh, s->rows, row->key, row->key_size, row);
        s->is_sorted = false;
    }
    if (row->room < bytes.size) {
        row->room = bytes.size + bytes.size / 2;
        row->value = trial_memory_again(row->value, row->room);
    }
    memcpy(row->value, bytes.data, bytes.size);
    row->size = bytes.size;
    for (uint32_t i = 0; state->kind == TRIAL_KIND_TRIAL && i < state->as.trial.exemptions.count;
         i++) {
        note_granted(s, state->as.trial.exemptions.items[i].exemptionId);
    }
    return TRIAL_OK;
}

static trial_code
record_of(void *context, uint64_t position, trial_bytes *ret_record, trial_error *err)
{
    scratch *s = context;

    return s->record(s->context, position, ret_record, err);
}

static bool is_in(void *context, const proto_record *record)
{
    scratch *s = context;

    return s->is_in == NULL || s->is_in(s->context, record);
}

static trial_code
has_exemption(void *context, trial_text exemption_id, bool *ret_has, trial_error *err)
{
    const scratch *s = context;
    struct granted *granted = NULL;

    (void)err;
    HASH_FIND(hh, s->granted, exemption_id.at, exemption_id.size, granted);
    *ret_has = granted != NULL;
    return TRIAL_OK;
}

static trial_code elsewhere(void *context,
                            trial_kind kind,
                            trial_text id,
                            trial_arena *arena,
                            trial_bytes *ret_state,
                            trial_error *err)
{
    scratch *s = context;

    return s->elsewhere == NULL ? TRIAL_OK
                                : s->elsewhere(s->context, kind, id, arena, ret_state, err);
}

fold_rows scratch_rows(scratch *s, scratch_record *record, void *context)
{
    s->record = record;
    s->context = context;
    return (fold_rows){ .context = s,
                        .get = get,
                        .put = put,
                        .buffer = &s->state,
                        .record = record_of,
                        .is_in = is_in,
                        .has_exemption = has_exemption,
                        .elsewhere = elsewhere };
}

void scratch_limit(scratch *s, bool (*is_in_fold)(void *context, const proto_record *record))
{
    s->is_in = is_in_fold;
}

void scratch_look_elsewhere(scratch *s, scratch_elsewhere *where)
{
    s->elsewhere = where;
}

static int by_key(const void *left, const void *right)
{
    const struct row *a = *(struct row *const *)left;
    const struct row *b = *(struct row *const *)right;
    size_t size = a->key_size < b->key_size ? a->key_size : b->key_size;
    int order = memcmp(a->key, b->key, size);

    return order != 0 ? order : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

static void sort(scratch *s)
{
    struct row *row = NULL;
    struct row *next = NULL;

    s->sorted_count = 0;
    s->sorted = trial_memory_again(s->sorted, HASH_COUNT(s->rows) * sizeof *s->sorted);
    HASH_ITER(hh, s->rows, row, next)
    {
        s->sorted[s->sorted_count++] = row;
    }
    if (s->sorted_count > 0) {
        qsort(s->sorted, s->sorted_count, sizeof *s->sorted, by_key);
    }
    s->is_sorted = true;
}

void scratch_rewind(scratch *s, trial_kind kind)
{
    row_key prefix;
    size_t low = 0;
    size_t high;

    if (!s->is_sorted) {
        sort(s);
    }
    key_state(kind, (trial_text){ 0 }, &prefix);
    high = s->sorted_count;
    while (low < high) { /* the first row whose letter is not before the kind's */
        size_t middle = low + (high - low) / 2;

        if (s->sorted[middle]->key[0] < prefix.bytes[0]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    s->walked = low;
    s->walking = kind;
}

bool scratch_next(scratch *s, trial_bytes *ret_key, trial_bytes *ret_value)
{
    const struct row *row;
    row_key prefix;

    key_state(s->walking, (trial_text){ 0 }, &prefix);
    if (s->walked >= s->sorted_count || s->sorted[s->walked]->key[0] != prefix.bytes[0]) {
        return false;
    }
    row = s->sorted[s->walked++];
    *ret_key = (trial_bytes){ row->key, row->key_size };
    *ret_value = (trial_bytes){ row->value, row->size };
    return true;
}

uint64_t scratch_count(const scratch *s)
{
    return HASH_COUNT(s->rows);
}
