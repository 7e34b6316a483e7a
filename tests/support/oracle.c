/* oracle.c - see oracle.h. */
#include "oracle.h"

#include "engine.h"
#include "oracle_fold.h"
#include "speaker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ORACLE_SOURCE "/dk/ministerium/orakel"
#define DUPLICATES_AT_ONCE 1024u
#define NOW_NS ((int64_t)1800000000 * TRIAL_NS_PER_S)

struct oracle {
    oracle_fold *fold;
};

/* One judgement. */
struct judging {
    const oracle_case *asked;
    store *store;
    engine *engine;
    uint64_t head;
    trial_bytes *records; /* records[n] has position n + 1; in the arena */
    bool *is_claimed;     /* as above: somebody sent it */
    bool *is_there;       /* of the events asked about */
    proto_tree tree;
    trial_arena arena;
    char *text;
};

static bool wrong(struct judging *j, const char *format, ...) TRIAL_PRINTF(2, 3);

static bool wrong(struct judging *j, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(j->text, ORACLE_TEXT_BYTES, format, args); /* a cut sentence still helps */
    va_end(args);
    return false;
}

static void fill_with_fives(void *bytes, size_t size)
{
    memset(bytes, 5, size); /* salts need not be secret here */
}

static bool open_it(struct judging *j, bool *ret_is_new)
{
    static const engine_settings limits = { .request_events = TRIAL_REQUEST_EVENTS_DEFAULT,
                                            .request_bytes = TRIAL_REQUEST_BYTES_DEFAULT,
                                            .event_bytes = TRIAL_EVENT_BYTES_DEFAULT,
                                            .event_depth = TRIAL_EVENT_DEPTH_DEFAULT };
    trial_error err = TRIAL_ERROR_NONE;
    uint64_t recovered;

    if (store_open(&j->asked->settings, &j->store, ret_is_new, &err) != TRIAL_OK ||
        engine_open(j->store, &limits, fill_with_fives, &j->engine, &recovered, &err) != TRIAL_OK) {
        return wrong(j, "the store does not open: %s", err.text);
    }
    return true;
}

static void close_it(struct judging *j)
{
    engine_close(j->engine);
    store_close(j->store);
    j->engine = NULL;
    j->store = NULL;
}

/* What a record says of itself and of its subject's record before it. */
static bool check_record(struct judging *j, uint64_t position, trial_instant *last_ingest)
{
    trial_error err = TRIAL_ERROR_NONE;
    trial_bytes bytes = { 0 };
    proto_record record;
    proto_record before = { .revision = 0 };

    if (store_get_record(j->store, position, &bytes, &err) != TRIAL_OK ||
        proto_record_read(bytes, &record, &err) != TRIAL_OK) {
        return wrong(j, "position %llu: %s", (unsigned long long)position, err.text);
    }
    bytes = trial_arena_bytes(&j->arena, bytes);
    j->records[position - 1] = bytes;
    (void)!proto_record_read(bytes, &record, &err); /* the same bytes, where they stay */
    if (record.position != position || record.previous >= position) {
        return wrong(j,
                     "position %llu holds the record of %llu, after %llu",
                     (unsigned long long)position,
                     (unsigned long long)record.position,
                     (unsigned long long)record.previous);
    }
    if (record.previous != 0) {
        (void)!proto_record_read(j->records[record.previous - 1], &before, &err);
    }
    if (record.revision != before.revision + 1 ||
        (record.previous != 0 && !trial_text_equal(record.subject, before.subject))) {
        return wrong(j, "position %llu has a wrong revision", (unsigned long long)position);
    }
    if (!proto_record_leaf_is_right(&record) || record.ingest < *last_ingest) {
        return wrong(j, "position %llu has a wrong leaf or time", (unsigned long long)position);
    }
    *last_ingest = record.ingest;
    proto_tree_add(&j->tree, record.leaf);
    return true;
}

static bool check_log(struct judging *j)
{
    trial_instant last_ingest = TRIAL_INSTANT_NONE;
    uint8_t folded[TRIAL_HASH_BYTES];
    uint8_t held[TRIAL_HASH_BYTES];

    j->head = store_head(j->store);
    j->records = trial_arena_take(&j->arena, (j->head + 1) * sizeof *j->records);
    j->is_claimed = trial_arena_take(&j->arena, (j->head + 1) * sizeof *j->is_claimed);
    j->is_there = trial_arena_take(&j->arena, (j->asked->count + 1) * sizeof *j->is_there);
    for (uint64_t position = 1; position <= j->head; position++) {
        if (!check_record(j, position, &last_ingest)) {
            return false;
        }
    }
    proto_tree_root(&j->tree, folded);
    engine_root(j->engine, held);
    return memcmp(folded, held, sizeof held) == 0 || wrong(j, "the root is not that of the log");
}

/* Send events again without keeping them; the answer in the arena, NULL where it is a refusal. */
static const trial_value *
ask_again(struct judging *j, const oracle_event *const *events, uint32_t count, trial_error *err)
{
    static const proto_frame_limits limits = { UINT32_MAX,
                                               TRIAL_REQUEST_EVENTS_DEFAULT,
                                               TRIAL_EVENT_DEPTH_DEFAULT };
    struct trial_request_append request = { .dry_run = { .is_set = true, .value = true } };
    pack_writer list = { 0 };
    pack_writer answer = { 0 };
    trial_value *value = NULL;
    proto_frame frame;
    pack_reader reader;

    pack_put_list(&list, count);
    for (uint32_t i = 0; i < count; i++) {
        pack_put_raw(&list, events[i]->event);
    }
    request.events = pack_written(&list);
    engine_turn_begin(j->engine, NOW_NS);
    if (engine_append(j->engine, 1, &request, &anybody, &answer, err) == TRIAL_OK &&
        proto_frame_read(pack_written(&answer), &limits, &frame, err) == TRIAL_OK) {
        reader = pack_reader_of(frame.error);
        if (pack_peek(&reader) == PACK_MAP) {
            proto_error_read(frame.error, err);
        } else {
            trial_bytes result = trial_arena_bytes(&j->arena, frame.result);

            reader = pack_reader_of(result);
            (void)!pack_value(&reader, &j->arena, &value, err);
        }
    }
    engine_turn_done(j->engine);
    pack_writer_done(&list);
    pack_writer_done(&answer);
    return value;
}

static bool is_known(const trial_value *answer, uint32_t i, uint64_t *ret_position)
{
    const trial_value *duplicates = trial_value_get(answer, "duplicates");
    const trial_value *positions = trial_value_get(answer, "positions");

    if (duplicates == NULL || positions == NULL || i >= duplicates->as.list.count ||
        !duplicates->as.list.items[i]->as.truth) {
        return false;
    }
    *ret_position = (uint64_t)positions->as.list.items[i]->as.integer;
    return true;
}

/* An event is at this position: nobody else may be, and its record is the one that was told. */
static bool claim(struct judging *j, const oracle_event *sent, uint64_t position)
{
    const trial_bytes *record;

    j->is_there[sent - j->asked->events] = true;

    if (position == 0 || position > j->head || j->is_claimed[position - 1]) {
        return wrong(j, "two events have position %llu", (unsigned long long)position);
    }
    record = &j->records[position - 1];
    j->is_claimed[position - 1] = true;
    if (sent->record.data != NULL && (record->size != sent->record.size ||
                                      memcmp(record->data, sent->record.data, record->size) != 0)) {
        return wrong(j, "position %llu has other bytes than before", (unsigned long long)position);
    }
    return true;
}

/* Acknowledged events, sent again in one request: all are duplicates, at their first positions. */
static bool check_acknowledged(struct judging *j, const oracle_event *const *events, uint32_t count)
{
    trial_error err = TRIAL_ERROR_NONE;
    const trial_value *answer = ask_again(j, events, count, &err);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t told = events[i]->position;
        uint64_t position = 0;

        if (answer == NULL || !is_known(answer, i, &position) || position != told) {
            return wrong(j,
                         "the event acknowledged at %llu is not known when sent again: %s",
                         (unsigned long long)told,
                         err.text);
        }
        if (!claim(j, events[i], position)) {
            return false;
        }
    }
    return true;
}

static bool check_all_acknowledged(struct judging *j)
{
    const oracle_event *batch[DUPLICATES_AT_ONCE];
    uint32_t count = 0;

    for (size_t i = 0; i < j->asked->count; i++) {
        uint64_t told = j->asked->events[i].position;

        if (told > j->head) {
            return wrong(j,
                         "position %llu was acknowledged and is gone: the log ends at %llu",
                         (unsigned long long)told,
                         (unsigned long long)j->head);
        }
    }
    for (size_t i = 0; i < j->asked->count; i++) {
        if (j->asked->events[i].position != 0) {
            batch[count++] = &j->asked->events[i];
        }
        if (count == DUPLICATES_AT_ONCE && !check_acknowledged(j, batch, count)) {
            return false;
        }
        count %= DUPLICATES_AT_ONCE;
    }
    return count == 0 || check_acknowledged(j, batch, count);
}

/* Whatever is left now is nobody's, but for what oracles added before. */
static bool check_nobodys(struct judging *j)
{
    for (uint64_t position = 1; position <= j->head; position++) {
        trial_error err = TRIAL_ERROR_NONE;
        trial_event event;
        proto_record record;

        if (j->is_claimed[position - 1]) {
            continue;
        }
        if (proto_record_read(j->records[position - 1], &record, &err) != TRIAL_OK ||
            proto_record_event(&record, &j->arena, &event, &err) != TRIAL_OK ||
            !trial_text_is(event.source, ORACLE_SOURCE)) {
            return wrong(j, "position %llu was sent by nobody", (unsigned long long)position);
        }
    }
    return true;
}

/* What was sent and not answered is there or not, but a request is never there in part. */
static bool check_unanswered(struct judging *j)
{
    for (size_t i = 0; i < j->asked->count; i++) {
        const oracle_event *sent = &j->asked->events[i];
        trial_error err = TRIAL_ERROR_NONE;
        uint64_t position;

        if (sent->position == 0) {
            const trial_value *answer = ask_again(j, &sent, 1, &err);

            if (answer == NULL && (err.code == TRIAL_STORAGE || err.code == TRIAL_MALFORMED ||
                                   err.code == TRIAL_DUPLICATE_CONFLICT)) {
                return wrong(j, "an event sent again is answered: %s", err.text);
            }
            if (answer != NULL && is_known(answer, 0, &position) && !claim(j, sent, position)) {
                return false;
            }
        }
    }
    for (size_t i = 1; i < j->asked->count; i++) {
        if (j->asked->events[i].request != 0 &&
            j->asked->events[i].request == j->asked->events[i - 1].request &&
            j->is_there[i] != j->is_there[i - 1]) {
            return wrong(j,
                         "request %llu is there in part",
                         (unsigned long long)j->asked->events[i].request);
        }
    }
    return check_nobodys(j);
}

/* A fact that any log may take at any time. */
static trial_bytes one_more_event(struct judging *j, pack_writer *writer)
{
    char id[32];

    (void)snprintf(id, sizeof id, "after-%llu", (unsigned long long)j->head);
    pack_put_map(writer, 6);
    pack_put_word(writer, "id");
    pack_put_word(writer, id);
    pack_put_word(writer, "source");
    pack_put_word(writer, ORACLE_SOURCE);
    pack_put_word(writer, "type");
    pack_put_word(writer, "municipality.registered");
    pack_put_word(writer, "subject");
    pack_put_word(writer, "municipality/0999");
    pack_put_word(writer, "time");
    pack_put_word(writer, "2016-01-01T00:00:00Z");
    pack_put_word(writer, "data");
    pack_put_map(writer, 3);
    pack_put_word(writer, "code");
    pack_put_word(writer, "0999");
    pack_put_word(writer, "name");
    pack_put_word(writer, "Æbeløby");
    pack_put_word(writer, "region");
    pack_put_word(writer, "Fyn");
    return trial_arena_bytes(&j->arena, pack_written(writer));
}

static bool append_one_more(struct judging *j, trial_bytes event, trial_error *err)
{
    struct trial_request_append request = { 0 };
    pack_writer list = { 0 };
    pack_writer answer = { 0 };
    bool is_done;

    pack_put_list(&list, 1);
    pack_put_raw(&list, event);
    request.events = pack_written(&list);
    engine_turn_begin(j->engine, NOW_NS);
    is_done = engine_append(j->engine, 1, &request, &anybody, &answer, err) == TRIAL_OK &&
              engine_turn_flush(j->engine, err) == TRIAL_OK;
    engine_turn_done(j->engine);
    pack_writer_done(&list);
    pack_writer_done(&answer);
    return is_done && store_head(j->store) == j->head + 1 &&
           store_flushed(j->store) == j->head + 1 && store_commit_all(j->store, err) == TRIAL_OK;
}

static bool goes_on(struct judging *j)
{
    trial_error err = TRIAL_ERROR_NONE;
    uint8_t root[TRIAL_HASH_BYTES];
    uint8_t again[TRIAL_HASH_BYTES];
    pack_writer writer = { 0 };
    trial_bytes event = one_more_event(j, &writer);
    const oracle_event sent = { .event = event, .position = j->head + 1 };
    const oracle_event *const sent_again = &sent;
    const trial_value *answer;
    uint64_t position = 0;
    bool is_new;

    pack_writer_done(&writer);
    if (!append_one_more(j, event, &err)) {
        return wrong(
            j, "the log does not go on after %llu: %s", (unsigned long long)j->head, err.text);
    }
    engine_root(j->engine, root);
    close_it(j);
    if (!open_it(j, &is_new)) {
        return false;
    }
    engine_root(j->engine, again);
    answer = ask_again(j, &sent_again, 1, &err);
    if (is_new || store_head(j->store) != j->head + 1 || memcmp(root, again, sizeof root) != 0 ||
        answer == NULL || !is_known(answer, 0, &position) || position != j->head + 1) {
        return wrong(
            j, "what was added after %llu is not kept: %s", (unsigned long long)j->head, err.text);
    }
    return true;
}

static bool check_tables(struct judging *j, oracle *o)
{
    trial_error err = TRIAL_ERROR_NONE;
    uint8_t root[TRIAL_HASH_BYTES];
    char where[ORACLE_TEXT_BYTES];

    if (store_commit_all(j->store, &err) != TRIAL_OK) {
        return wrong(j, "LMDB cannot be brought level: %s", err.text);
    }
    engine_root(j->engine, root);
    return oracle_fold_is_held(o->fold, j->store, j->records, j->head, root, where) ||
           wrong(j, "at position %llu %s", (unsigned long long)j->head, where);
}

static bool judge(struct judging *j, oracle *o)
{
    bool is_new;

    if (!open_it(j, &is_new)) {
        return false;
    }
    if (is_new && j->asked->was_made) {
        return wrong(j, "the store was made, and is gone: a new one was made in its place");
    }
    if (j->asked->look != NULL && !j->asked->look(j->asked->context, j->store, j->text)) {
        return false;
    }
    return check_log(j) && check_all_acknowledged(j) && check_unanswered(j) && check_tables(j, o) &&
           goes_on(j);
}

bool oracle_judge(oracle *o, const oracle_case *c, uint64_t *ret_head, char *text)
{
    struct judging j = { .asked = c, .text = text };
    bool is_sound;

    text[0] = '\0';
    is_sound = judge(&j, o);
    *ret_head = j.head;
    close_it(&j);
    trial_arena_done(&j.arena);
    return is_sound;
}

oracle *oracle_new(const char *directory)
{
    oracle *o = trial_memory(sizeof *o);

    o->fold = oracle_fold_new(directory);
    return o;
}

void oracle_done(oracle *o)
{
    if (o != NULL) {
        oracle_fold_done(o->fold);
        free(o);
    }
}
