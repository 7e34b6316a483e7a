/* reach.c - see reach.h. */
#include "reach.h"

#include "keys.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>

void reach_done(reach *r)
{
    free(r->items);
    *r = (reach){ 0 };
}

static void add(reach *r, uint64_t position)
{
    if (r->count == r->room) {
        r->room = r->room == 0 ? 1024 : r->room * 2;
        r->items = trial_memory_again(r->items, r->room * sizeof *r->items);
    }
    r->items[r->count++] = position;
}

/* Adding what a list has up to a position. */
struct listing {
    reach *r;
    uint64_t last;
};

static bool add_listed(void *context, trial_bytes key, trial_bytes value)
{
    const struct listing *listing = context;
    uint64_t position = key_programme_position(key);

    (void)value;
    if (position > listing->last) {
        return false;
    }
    add(listing->r, position);
    return true;
}

static trial_code
add_list(store_read *read, trial_text programme, uint64_t last, reach *r, trial_error *err)
{
    struct listing listing = { r, last };
    row_key prefix;

    key_programme_prefix(programme, &prefix);
    return store_read_each(
        read, STORE_PROGRAMME, key_span(&prefix), (trial_bytes){ 0 }, add_listed, &listing, err);
}

trial_code reach_list(
    store_read *read, trial_text programme, uint64_t last, reach *ret_reach, trial_error *err)
{
    *ret_reach = (reach){ 0 };
    return add_list(read, programme, last, ret_reach, err);
}

/* Where a subject's history stands; `first` is 0 where nobody knows it. The programme is borrowed.
 */
static trial_code
read_head(store_read *read, trial_kind kind, trial_text id, head_row *ret_head, trial_error *err)
{
    trial_bytes bytes = { 0 };
    row_key k = { 0 };
    trial_code code;

    *ret_head = (head_row){ 0 };
    k.size = (size_t)snprintf(
        (char *)k.bytes, sizeof k.bytes, "%s/%.*s", trial_kind_word(kind), TRIAL_TEXT_ARGS(id));
    code = store_read_get(read, STORE_SUBJECT, key_span(&k), &bytes, err);
    return code == TRIAL_OK && bytes.data != NULL ? head_row_read(bytes, ret_head, err) : code;
}

/* Add what of a history that ends at `last` lies in front of a position. */
static trial_code
add_history(store_read *read, uint64_t last, uint64_t before, reach *r, trial_error *err)
{
    trial_code code = TRIAL_OK;

    for (uint64_t position = last; position != 0 && code == TRIAL_OK;) {
        trial_bytes bytes = { 0 };
        proto_record record;

        if (position < before) {
            add(r, position);
        }
        code = store_read_record(read, position, &bytes, err);
        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, err);
        }
        if (code == TRIAL_OK) {
            TRIAL_ASSERT(record.previous < position);
            position = record.previous;
        }
    }
    return code;
}

/* Following the links of a programme to subjects that its list does not have. */
struct following {
    store_read *read;
    reach *r;
    trial_text programme;
    trial_kind kind;
    size_t prefix_size;
    trial_code code;
    trial_error *err;
};

static bool follow(void *context, trial_bytes link, trial_bytes value)
{
    struct following *f = context;
    head_row head;

    (void)value;
    f->code = read_head(f->read, f->kind, key_link_id(link, f->prefix_size), &head, f->err);
    if (f->code == TRIAL_OK && !trial_text_equal(head.programme, f->programme)) {
        f->code = add_history(f->read, head.last, UINT64_MAX, f->r, f->err);
    }
    return f->code == TRIAL_OK;
}

static trial_code add_come_later(store_read *read, trial_text programme, reach *r, trial_error *err)
{
    static const trial_kind kinds[] = { TRIAL_KIND_NETWORK, TRIAL_KIND_TRIAL, TRIAL_KIND_LAW };
    trial_code code = TRIAL_OK;

    for (size_t i = 0; code == TRIAL_OK && i < sizeof kinds / sizeof kinds[0]; i++) {
        struct following f = { read, r, programme, kinds[i], 0, TRIAL_OK, err };
        row_key prefix;

        key_link_prefix(KEY_OF_PROGRAMME, programme, kinds[i], &prefix);
        f.prefix_size = prefix.size;
        code = store_read_each(
            read, STORE_LINK, key_span(&prefix), (trial_bytes){ 0 }, follow, &f, err);
        code = code == TRIAL_OK ? f.code : code;
    }
    return code;
}

static int by_number(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void sort(reach *r)
{
    size_t kept = 0;

    if (r->count > 0) {
        qsort(r->items, r->count, sizeof *r->items, by_number);
    }
    for (size_t i = 0; i < r->count; i++) {
        if (kept == 0 || r->items[kept - 1] != r->items[i]) {
            r->items[kept++] = r->items[i];
        }
    }
    r->count = kept;
}

trial_code
reach_programme(store_read *read, trial_text programme, reach *ret_reach, trial_error *err)
{
    trial_code code;

    *ret_reach = (reach){ 0 };
    code = add_list(read, (trial_text){ 0 }, UINT64_MAX, ret_reach, err);
    if (code == TRIAL_OK) {
        code = add_list(read, programme, UINT64_MAX, ret_reach, err);
    }
    if (code == TRIAL_OK) {
        code = add_come_later(read, programme, ret_reach, err);
    }
    sort(ret_reach);
    return code;
}

trial_code reach_subject(store_read *read,
                         trial_kind kind,
                         trial_text id,
                         uint64_t before,
                         reach *ret_reach,
                         trial_error *err)
{
    head_row head;
    trial_code code;

    *ret_reach = (reach){ 0 };
    code = read_head(read, kind, id, &head, err);
    if (code == TRIAL_OK) {
        code = add_history(read, head.last, before, ret_reach, err);
    }
    sort(ret_reach);
    return code;
}
