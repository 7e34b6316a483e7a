/* verify.c - the whole log read again, for an auditor. */
#include "answers.h"

#define RECORDS_PER_SNAPSHOT 10000u

/* A walk over the log from its beginning, in slices, each with its own snapshot. */
struct reading {
    store *store;
    store_read *read;
    answers_progress *progress;
    uint64_t committed; /* when the walk began; it goes no further */
    uint64_t next;      /* position that must come now */
    uint32_t in_slice;
    trial_arena arena;
    proto_tree tree;
    uint64_t bad;                           /* first bad position, 0: none */
    uint64_t earlier_size;                  /* of the earlier log */
    uint8_t earlier_root[TRIAL_HASH_BYTES]; /* as recomputed */
    trial_code code;
    trial_error *err;
};

/* Does the record stand on its subject's record before it, as revisions and chains go? */
static bool follows(struct reading *reading, const proto_record *record)
{
    trial_error ignored = TRIAL_ERROR_NONE;
    trial_bytes bytes = { 0 };
    proto_record before;

    if (record->previous == 0) {
        return record->revision == 1;
    }
    return record->previous < record->position &&
           store_read_record(reading->read, record->previous, &bytes, &ignored) == TRIAL_OK &&
           proto_record_read(bytes, &before, &ignored) == TRIAL_OK &&
           before.revision + 1 == record->revision &&
           trial_text_equal(before.subject, record->subject);
}

/* Does the row of the event's id lead here? */
static bool is_indexed(struct reading *reading, const proto_record *record)
{
    trial_error ignored = TRIAL_ERROR_NONE;
    trial_bytes bytes = { 0 };
    trial_event event;
    uint64_t position = 0;
    row_key k;

    if (proto_record_event(record, &reading->arena, &event, &ignored) != TRIAL_OK) {
        return false;
    }
    key_event_id(event.source, event.id, &k);
    if (store_read_get(reading->read, STORE_EVENT_ID, key_span(&k), &bytes, &ignored) != TRIAL_OK ||
        bytes.size != sizeof position) {
        return false;
    }
    memcpy(&position, bytes.data, sizeof position);
    return position == record->position;
}

static bool begin_slice(struct reading *reading)
{
    uint64_t ignored;

    store_read_end(reading->read);
    reading->read = NULL;
    reading->in_slice = 0;
    reading->code = store_read_begin(reading->store, &reading->read, &ignored, reading->err);
    return reading->code == TRIAL_OK;
}

static void check_record(struct reading *reading, trial_bytes bytes)
{
    trial_error ignored = TRIAL_ERROR_NONE;
    proto_record record;

    if (proto_record_read(bytes, &record, &ignored) != TRIAL_OK ||
        record.position != reading->next || !proto_record_leaf_is_right(&record) ||
        !follows(reading, &record) || !is_indexed(reading, &record)) {
        reading->bad = reading->next;
        return;
    }
    proto_tree_add(&reading->tree, record.leaf);
    if (record.position == reading->earlier_size) {
        proto_tree_root(&reading->tree, reading->earlier_root);
    }
}

/* Read every record one by one: one that cannot be read is the first bad one, not an error. */
static void check_all(struct reading *reading)
{
    trial_error ignored = TRIAL_ERROR_NONE;

    while (reading->next <= reading->committed && reading->bad == 0) {
        trial_bytes bytes = { 0 };

        if ((reading->in_slice == 0 && !begin_slice(reading)) || reading->progress->is_stopped) {
            return;
        }
        if (store_read_record(reading->read, reading->next, &bytes, &ignored) != TRIAL_OK) {
            reading->bad = reading->next;
            return;
        }
        check_record(reading, bytes);
        trial_arena_reset(&reading->arena);
        reading->progress->done = reading->next;
        reading->next++;
        reading->in_slice = (reading->in_slice + 1) % RECORDS_PER_SNAPSHOT;
    }
}

static bool hex_is(const uint8_t *hash, trial_text hex)
{
    char text[PROTO_HASH_TEXT_BYTES];

    proto_hash_write(hash, text);
    return trial_text_is(hex, text);
}

static trial_code check_earlier(const struct trial_request_verify *request, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (request->size.is_set != trial_text_is_set(request->root)) {
        code = trial_fail_rule(
            err, TRIAL_RULE_MISSING_FIELD, "an earlier log is named by its size and its root");
        (void)trial_fail_field(err, request->size.is_set ? "root" : "size");
    } else if (request->size.is_set && request->size.value < 0) {
        code = trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'size' is the size of an earlier log");
        (void)trial_fail_field(err, "size");
    } else if (request->size.is_set && request->root.size != (size_t)TRIAL_HASH_BYTES * 2) {
        code = trial_fail_rule_as(
            err, TRIAL_RULE_BAD_RANGE, TRIAL_INVALID, "'root' is 64 hexadecimal digits");
        (void)trial_fail_field(err, "root");
    }
    return code;
}

static void put_verdict(const struct reading *reading,
                        uint32_t msgid,
                        const struct trial_request_verify *request,
                        pack_writer *answer)
{
    uint8_t root[TRIAL_HASH_BYTES];
    char hex[PROTO_HASH_TEXT_BYTES];
    bool is_same = true;

    if (request->size.is_set) {
        is_same = (uint64_t)request->size.value <= reading->tree.size &&
                  hex_is(reading->earlier_root, request->root);
    }
    proto_tree_root(&reading->tree, root);
    proto_hash_write(root, hex);
    proto_put_result(answer, msgid);
    pack_put_map(answer, 4);
    pack_put_word(answer, "bad");
    pack_put_unsigned(answer, reading->bad);
    pack_put_word(answer, "root");
    pack_put_word(answer, hex);
    pack_put_word(answer, "same");
    pack_put_truth(answer, is_same);
    pack_put_word(answer, "size");
    pack_put_unsigned(answer, reading->tree.size);
}

void answers_verify(store *s,
                    uint32_t msgid,
                    const struct trial_request_verify *request,
                    answers_progress *progress,
                    pack_writer *answer)
{
    trial_error err = TRIAL_ERROR_NONE;
    struct reading reading = { .store = s, .progress = progress, .next = 1, .err = &err };
    trial_code code = check_earlier(request, &err);

    if (code == TRIAL_OK) {
        reading.earlier_size = request->size.is_set ? (uint64_t)request->size.value : 0;
        proto_tree_root(&reading.tree, reading.earlier_root); /* of an earlier log of size 0 */
        code = store_read_begin(s, &reading.read, &reading.committed, &err);
    }
    if (code == TRIAL_OK) {
        progress->total = reading.committed;
        check_all(&reading);
        code = reading.code;
    }
    store_read_end(reading.read);
    trial_arena_done(&reading.arena);
    if (code == TRIAL_OK && progress->is_stopped) {
        code = trial_fail(&err, TRIAL_BUSY, "the daemon is leaving; ask again when it is back");
    }
    if (code != TRIAL_OK) {
        proto_put_error(answer, msgid, &err);
    } else {
        put_verdict(&reading, msgid, request, answer);
    }
}
