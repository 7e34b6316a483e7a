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

static bool add_listed(void *context, trial_bytes key, trial_bytes value)
{
    (void)value;
    add(context, key_programme_position(key));
    return true;
}

static trial_code add_list(store_read *read, trial_text programme, reach *r, trial_error *err)
{
    row_key prefix;

    key_programme_prefix(programme, &prefix);
    return store_read_each(
        read, STORE_PROGRAMME, key_span(&prefix), (trial_bytes){ 0 }, add_listed, r, err);
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

static trial_code add_history(struct following *f, uint64_t last)
{
    trial_code code = TRIAL_OK;

    for (uint64_t position = last; position != 0 && code == TRIAL_OK;) {
        trial_bytes bytes = { 0 };
        proto_record record;

        add(f->r, position);
        code = store_read_record(f->read, position, &bytes, f->err);
        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, f->err);
        }
        if (code == TRIAL_OK) {
            TRIAL_ASSERT(record.previous < position);
            position = record.previous;
        }
    }
    return code;
}

static bool follow(void *context, trial_bytes link, trial_bytes value)
{
    struct following *f = context;
    trial_text id = key_link_id(link, f->prefix_size);
    trial_bytes bytes = { 0 };
    head_row head = { 0 };
    row_key k = { 0 };

    (void)value;
    k.size = (size_t)snprintf(
        (char *)k.bytes, sizeof k.bytes, "%s/%.*s", trial_kind_word(f->kind), TRIAL_TEXT_ARGS(id));
    f->code = store_read_get(f->read, STORE_SUBJECT, key_span(&k), &bytes, f->err);
    if (f->code == TRIAL_OK && bytes.data != NULL) {
        f->code = head_row_read(bytes, &head, f->err);
    }
    if (f->code == TRIAL_OK && !trial_text_equal(head.programme, f->programme)) {
        f->code = add_history(f, head.last);
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
    code = add_list(read, (trial_text){ 0 }, ret_reach, err);
    if (code == TRIAL_OK) {
        code = add_list(read, programme, ret_reach, err);
    }
    if (code == TRIAL_OK) {
        code = add_come_later(read, programme, ret_reach, err);
    }
    sort(ret_reach);
    return code;
}
