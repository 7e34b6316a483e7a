/* desk.c - see desk.h. */
#include "desk.h"

#include "check.h"
#include "speaker.h"

static void fill_with_sevens(void *bytes, size_t size)
{
    memset(bytes, 7, size); /* salts need not be secret here, and the same run is the same log */
}

void desk_open(desk *d)
{
    store_settings settings = scratch_settings(d->path);
    trial_error err = TRIAL_ERROR_NONE;
    bool is_new;

    assert_int_equal(store_open(&settings, &d->store, &is_new, &err), TRIAL_OK);
    assert_int_equal(
        engine_open(d->store, &d->limits, fill_with_sevens, &d->engine, &d->recovered, &err),
        TRIAL_OK);
}

int desk_setup(void **state)
{
    desk *d = calloc(1, sizeof *d);

    assert_non_null(d);
    d->limits = (engine_settings){ .request_events = 1024,
                                   .request_bytes = TRIAL_REQUEST_BYTES_DEFAULT,
                                   .event_bytes = TRIAL_EVENT_BYTES_DEFAULT,
                                   .event_depth = TRIAL_EVENT_DEPTH_DEFAULT };
    d->now_ns = 1700000000 * TRIAL_NS_PER_S;
    scratch_make(d->path);
    desk_open(d);
    *state = d;
    return 0;
}

void desk_close(desk *d)
{
    chain_done(&d->known);
    engine_close(d->engine);
    store_close(d->store);
}

int desk_teardown(void **state)
{
    desk *d = *state;

    json_decref(d->answer);
    desk_close(d);
    scratch_remove(d->path);
    free(d);
    return 0;
}

void desk_reopen(desk *d)
{
    desk_close(d);
    desk_open(d);
}

void desk_crash(desk *d)
{
    char copy[SCRATCH_PATH_BYTES];

    scratch_make(copy);
    scratch_copy(d->path, copy);
    desk_close(d);
    scratch_remove(d->path);
    memcpy(d->path, copy, sizeof copy);
    desk_open(d);
}

json_t *desk_json(const char *text)
{
    char *copy = strdup(text);
    json_error_t error;
    json_t *json;

    for (char *at = copy; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    json = json_loads(copy, JSON_DECODE_ANY, &error);
    if (json == NULL) {
        fail_msg("%s in %s", error.text, text);
    }
    free(copy);
    return json;
}

/* JSON to MessagePack; depth is that of the test's own text. */
// NOLINTNEXTLINE(misc-no-recursion)
static void put_json(pack_writer *writer, const json_t *json)
{
    const char *name;
    json_t *item;
    size_t i;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        pack_put_map(writer, (uint32_t)json_object_size(json));
        json_object_foreach((json_t *)json, name, item)
        {
            pack_put_word(writer, name);
            put_json(writer, item);
        }
        break;
    case JSON_ARRAY:
        pack_put_list(writer, (uint32_t)json_array_size(json));
        json_array_foreach(json, i, item)
        {
            put_json(writer, item);
        }
        break;
    case JSON_STRING:
        pack_put_text(writer,
                      (trial_text){ json_string_value(json), (uint32_t)json_string_length(json) });
        break;
    case JSON_INTEGER:
        pack_put_integer(writer, json_integer_value(json));
        break;
    case JSON_REAL:
        pack_put_float(writer, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        pack_put_truth(writer, json_is_true(json));
        break;
    case JSON_NULL:
        pack_put_nil(writer);
        break;
    }
}

// NOLINTNEXTLINE(misc-no-recursion)
static json_t *json_of(const trial_value *value)
{
    json_t *json = NULL;

    switch (value->kind) {
    case TRIAL_VALUE_NIL:
        return json_null();
    case TRIAL_VALUE_TRUTH:
        return json_boolean(value->as.truth);
    case TRIAL_VALUE_INTEGER:
        return json_integer(value->as.integer);
    case TRIAL_VALUE_UNSIGNED:
    case TRIAL_VALUE_FLOAT:
        return json_real(value->kind == TRIAL_VALUE_FLOAT ? value->as.number
                                                          : (double)value->as.count);
    case TRIAL_VALUE_TEXT:
        return json_stringn(value->as.text.at, value->as.text.size);
    case TRIAL_VALUE_LIST:
        json = json_array();
        for (uint32_t i = 0; i < value->as.list.count; i++) {
            (void)json_array_append_new(json, json_of(value->as.list.items[i]));
        }
        return json;
    case TRIAL_VALUE_MAP:
        json = json_object();
        for (uint32_t i = 0; i < value->as.map.count; i++) {
            const trial_entry *entry = &value->as.map.entries[i];

            (void)json_object_setn_new(
                json, entry->name.at, entry->name.size, json_of(entry->value));
        }
        return json;
    }
    return NULL;
}

/* Keep what a response frame says. */
static json_t *keep_answer(desk *d, const pack_writer *frame)
{
    const proto_frame_limits limits = { UINT32_MAX, 16384, TRIAL_EVENT_DEPTH_DEFAULT };
    trial_error err = TRIAL_ERROR_NONE;
    trial_arena arena = { 0 };
    trial_value *value = NULL;
    proto_frame response;
    pack_reader reader;

    assert_int_equal(proto_frame_read(pack_written(frame), &limits, &response, &err), TRIAL_OK);
    assert_int_equal(response.kind, PROTO_RESPONSE);
    assert_int_equal(response.msgid, 77);
    reader = pack_reader_of(response.error);
    d->is_error = pack_peek(&reader) == PACK_MAP;
    reader = pack_reader_of(d->is_error ? response.error : response.result);
    assert_int_equal(pack_value(&reader, &arena, &value, &err), TRIAL_OK);
    json_decref(d->answer);
    d->answer = json_of(value);
    trial_arena_done(&arena);
    return d->answer;
}

/* Read a request frame as the daemon does. */
static void read_request(const pack_writer *frame, trial_arena *arena, trial_request *ret_request)
{
    const proto_frame_limits limits = { UINT32_MAX, 16384, TRIAL_EVENT_DEPTH_DEFAULT };
    trial_error err = TRIAL_ERROR_NONE;
    proto_frame read;

    if (proto_frame_read(pack_written(frame), &limits, &read, &err) != TRIAL_OK ||
        proto_request_read(&read, arena, ret_request, &err) != TRIAL_OK) {
        fail_msg("%s", err.text);
    }
}

/* Make a request of a method and JSON, as a peer would send it. Takes params. */
static void make_request(const char *method,
                         json_t *params,
                         pack_writer *frame,
                         trial_arena *arena,
                         trial_request *ret_request)
{
    proto_put_request(frame, 77, method);
    put_json(frame, params);
    json_decref(params);
    read_request(frame, arena, ret_request);
}

/* One turn of one append. Takes the frame's memory. */
static trial_code append_code(desk *d, pack_writer *frame, const trial_request *request)
{
    trial_error err = TRIAL_ERROR_NONE;
    pack_writer answer = { 0 };
    trial_code code;

    engine_turn_begin(d->engine, d->now_ns);
    d->now_ns += TRIAL_NS_PER_S;
    code = engine_append(d->engine, 77, &request->as.append, &anybody, &answer, &err);
    assert_int_equal(engine_turn_flush(d->engine, &err), TRIAL_OK);
    engine_turn_done(d->engine);
    if (code == TRIAL_OK) {
        (void)keep_answer(d, &answer);
    }
    pack_writer_done(frame);
    pack_writer_done(&answer);
    return code;
}

static json_t *append(desk *d, pack_writer *frame, const trial_request *request)
{
    assert_int_equal(append_code(d, frame, request), TRIAL_OK);
    return d->answer;
}

trial_code desk_append_code(desk *d, const char *params)
{
    trial_arena arena = { 0 };
    pack_writer frame = { 0 };
    trial_request request;
    trial_code code;

    make_request("append", desk_json(params), &frame, &arena, &request);
    code = append_code(d, &frame, &request);
    trial_arena_done(&arena);
    return code;
}

json_t *desk_append_json(desk *d, json_t *params)
{
    trial_arena arena = { 0 };
    pack_writer frame = { 0 };
    trial_request request;

    make_request("append", params, &frame, &arena, &request);
    (void)append(d, &frame, &request);
    trial_arena_done(&arena);
    return d->answer;
}

/* Free maps of plain histories hold what they like; a peer's are maps. */
static void make_maps(trial_event *event)
{
    static const uint8_t empty_map[] = { 0x80 };
    const trial_bytes empty = { empty_map, sizeof empty_map };
    const trial_shape *shape = trial_event_row_of(event->type)->shape();

    for (uint32_t i = 0; i < shape->count; i++) {
        if (shape->fields[i].kind == TRIAL_FIELD_FREE) {
            memcpy((char *)&event->as + shape->fields[i].offset, &empty, sizeof empty);
        }
    }
}

void desk_put_event(pack_writer *writer, const trial_event *given)
{
    trial_event copy = *given;
    const trial_event *event = &copy;
    const trial_event_row *row = trial_event_row_of(event->type);
    char time[TRIAL_INSTANT_TEXT_BYTES];

    make_maps(&copy);
    trial_instant_write(event->time, time);
    pack_put_map(writer, 6);
    pack_put_word(writer, "id");
    pack_put_text(writer, event->id);
    pack_put_word(writer, "source");
    pack_put_text(writer, event->source);
    pack_put_word(writer, "type");
    pack_put_word(writer, row->name);
    pack_put_word(writer, "subject");
    pack_put_text(writer, event->subject);
    pack_put_word(writer, "time");
    pack_put_word(writer, time);
    pack_put_word(writer, "data");
    pack_put_shape(writer, row->shape(), &event->as);
}

json_t *desk_append_events(desk *d, const trial_event *const *events, uint32_t count)
{
    trial_arena arena = { 0 };
    pack_writer frame = { 0 };
    trial_request request;

    proto_put_request(&frame, 77, "append");
    pack_put_map(&frame, 1);
    pack_put_word(&frame, "events");
    pack_put_list(&frame, count);
    for (uint32_t i = 0; i < count; i++) {
        desk_put_event(&frame, events[i]);
    }
    read_request(&frame, &arena, &request);
    (void)append(d, &frame, &request);
    trial_arena_done(&arena);
    return d->answer;
}

json_t *desk_append(desk *d, const char *params)
{
    return desk_append_json(d, desk_json(params));
}

static void commit(desk *d)
{
    trial_error err = TRIAL_ERROR_NONE;

    assert_int_equal(store_commit_all(d->store, &err), TRIAL_OK);
}

static const answers_settings answers_bounds = { TRIAL_REQUEST_BYTES_DEFAULT };

static void
answer_with(desk *d, store_tail *tail, const trial_request *request, pack_writer *answer)
{
    trial_error err = TRIAL_ERROR_NONE; /* a refusal is an answer */

    if (request->method == TRIAL_METHOD_READ) {
        (void)answers_read(
            d->store, tail, &d->known, &answers_bounds, 77, &request->as.read, answer, &err);
    } else {
        (void)answers_query(d->store,
                            tail,
                            &answers_bounds,
                            77,
                            &request->as.query,
                            trial_date_of(d->now_ns),
                            answer,
                            &err);
    }
}

/* What is in front of LMDB is answered from as what LMDB holds is. */
static void answer(desk *d, const trial_request *request, pack_writer *ret_answer)
{
    trial_error err = TRIAL_ERROR_NONE;
    pack_writer early = { 0 };
    store_tail *tail;

    assert_int_equal(store_flush(d->store, &err), TRIAL_OK);
    tail = store_tail_take(d->store);
    assert_true(tail != NULL || store_is_swapping(d->store));
    if (tail != NULL) {
        answer_with(d, tail, request, &early);
    }
    commit(d);
    answer_with(d, NULL, request, ret_answer);
    if (tail == NULL) {
        return;
    }
    assert_int_equal(early.size, ret_answer->size);
    assert_memory_equal(early.data, ret_answer->data, early.size);
    early.size = 0;
    answer_with(d, tail, request, &early); /* LMDB holds all that the tail does by now */
    assert_int_equal(early.size, ret_answer->size);
    assert_memory_equal(early.data, ret_answer->data, early.size);
    store_tail_give(tail);
    pack_writer_done(&early);
}

static json_t *ask(desk *d, const char *method, const char *params)
{
    answers_progress progress = { 0 };
    trial_arena arena = { 0 };
    pack_writer frame = { 0 };
    pack_writer answered = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    trial_request request;

    make_request(method, desk_json(params), &frame, &arena, &request);
    if (request.method != TRIAL_METHOD_VERIFY) {
        answer(d, &request, &answered);
    } else {
        commit(d);
        if (answers_verify(d->store, 77, &request.as.verify, &progress, &answered, &err) ==
            TRIAL_STORAGE) {
            assert_true(err.position > 0);
        }
    }
    (void)keep_answer(d, &answered);
    pack_writer_done(&frame);
    pack_writer_done(&answered);
    trial_arena_done(&arena);
    return d->answer;
}

json_t *desk_read(desk *d, const char *params)
{
    return ask(d, "read", params);
}

json_t *desk_query(desk *d, const char *params)
{
    return ask(d, "query", params);
}

json_t *desk_verify(desk *d, const char *params)
{
    return ask(d, "verify", params);
}

/* The programme's history, read once. */
static json_t *programme(void)
{
    static json_t *lines;
    FILE *file;
    json_t *event;

    if (lines != NULL) {
        return lines;
    }
    lines = json_array();
    file = fopen(TRIAL_TEST_DATA "/data/programme-2016-2020.ndjson", "r");
    assert_non_null(file);
    while ((event = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
        (void)json_array_append_new(lines, event);
    }
    (void)fclose(file);
    return lines;
}

size_t desk_programme_lines(void)
{
    return json_array_size(programme());
}

void desk_import(desk *d, size_t from, size_t count, size_t batch)
{
    for (size_t done = 0; done < count;) {
        json_t *events = json_array();

        for (size_t i = 0; i < batch && done < count; i++, done++) {
            (void)json_array_append(events, json_array_get(programme(), from + done));
        }
        (void)desk_append_json(d, json_pack("{s:o}", "events", events));
        if (d->is_error) {
            fail_msg("%s", json_dumps(d->answer, JSON_COMPACT));
        }
    }
}

static bool gather_row(void *context, trial_bytes key, trial_bytes value)
{
    pack_writer *all = context;

    pack_put_raw(all, key);
    pack_put_raw(all, value);
    return true;
}

void desk_gather_folded(desk *d, pack_writer *ret_all)
{
    const trial_bytes whole = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    store_read *read = NULL;
    uint64_t committed;

    pack_writer_reset(ret_all);
    commit(d);
    assert_int_equal(store_read_begin(d->store, &read, &committed, &err), TRIAL_OK);
    assert_int_equal(committed, store_head(d->store));
    for (store_table table = STORE_STATE; table <= STORE_LINK; table++) {
        assert_int_equal(store_read_each(read, table, whole, whole, gather_row, ret_all, &err),
                         TRIAL_OK);
    }
    store_read_end(read);
}

/* What the daemon's threads do, one after the other. */
void desk_rebuild(desk *d)
{
    answers_progress progress = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    rebuild *r = rebuild_new(d->store, &progress);
    bool has_more = true;

    while (has_more) {
        assert_int_equal(rebuild_fold(r, &err), TRIAL_OK);
        assert_int_equal(rebuild_hand_over(r, &has_more, &err), TRIAL_OK);
    }
    assert_int_equal(rebuild_swap(r, d->engine, &err), TRIAL_OK);
    assert_true(store_is_swapping(d->store));
    commit(d);
    assert_false(store_is_swapping(d->store));
    rebuild_done(r);
    assert_int_equal(store_clear_spare(d->store, &progress.is_stopped, &err), TRIAL_OK);
}

void desk_assert_states_are_folded(desk *d)
{
    pack_writer grown = { 0 };
    pack_writer folded = { 0 };
    check_found found = { 0 };
    answers_progress progress = { 0 };
    trial_error err = TRIAL_ERROR_NONE;

    commit(d);
    assert_int_equal(check_store(d->store, &progress, &found, &err), TRIAL_OK);
    assert_string_equal(found.reason, "");
    desk_gather_folded(d, &grown);
    desk_rebuild(d);
    desk_gather_folded(d, &folded);
    assert_int_equal(folded.size, grown.size);
    assert_true(grown.size == 0 || memcmp(folded.data, grown.data, grown.size) == 0);
    pack_writer_done(&grown);
    pack_writer_done(&folded);
    found = (check_found){ 0 };
    assert_int_equal(check_store(d->store, &progress, &found, &err), TRIAL_OK);
    assert_string_equal(found.reason, "");
}
