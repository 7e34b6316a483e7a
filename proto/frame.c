/* frame.c - MessagePack-RPC frames: taken apart, read by the rows of requests.def, and written. */
#include "frame.h"

#include "token.h"
#include "trial/limits.h"

#include <assert.h>

static_assert(TRIAL_EVENT_DEPTH_MAX + TRIAL_REQUEST_DEPTH_EXTRA <= PACK_DEPTH_MAX,
              "the stacks of this room hold the deepest request");

static const uint8_t empty_map[1] = { 0x80 };

static trial_code no_frame(trial_error *err, const char *what)
{
    return trial_fail_rule(err, TRIAL_RULE_NOT_JSON, "the frame is no request: %s", what);
}

/* Read the kind and the msgid of a frame that may be anything; what cannot be read stays as it is.
 */
static void peek_msgid(trial_bytes bytes, proto_frame *frame)
{
    pack_reader reader = pack_reader_of(bytes);
    pack_token token;
    uint64_t kind;
    uint64_t msgid;

    if (!pack_token_read(reader.at, reader.end, &token) || token.kind != PACK_LIST) {
        return;
    }
    reader.at = token.next;
    kind = pack_unsigned(&reader);
    if (reader.has_failed || kind > PROTO_NOTIFICATION) {
        return;
    }
    frame->kind = (proto_frame_kind)kind;
    if (kind == PROTO_NOTIFICATION) {
        return;
    }
    msgid = pack_unsigned(&reader);
    if (!reader.has_failed && msgid <= UINT32_MAX) {
        frame->msgid = (uint32_t)msgid;
    }
}

static trial_code bad_params(trial_error *err)
{
    (void)trial_fail_rule(
        err, TRIAL_RULE_WRONG_TYPE, "params must be a list of one map, or of nothing");
    if (err != NULL) {
        (void)trial_fail_field(err, "params");
    }
    return TRIAL_INVALID;
}

/* [] or [map] */
static trial_code read_params(pack_reader *reader, proto_frame *frame, trial_error *err)
{
    uint32_t count;

    if (pack_peek(reader) != PACK_LIST) {
        return bad_params(err);
    }
    count = pack_list(reader);
    if (count == 0) {
        frame->params = (trial_bytes){ empty_map, sizeof empty_map };
        return TRIAL_OK;
    }
    if (count > 1 || pack_peek(reader) != PACK_MAP) {
        return bad_params(err);
    }
    frame->params = (trial_bytes){ reader->at, (size_t)(reader->end - reader->at) };
    return TRIAL_OK; /* it is the last of a scanned frame */
}

/* error | nil, result | nil */
static trial_code read_outcome(pack_reader *reader, proto_frame *frame, trial_error *err)
{
    pack_kind kind = pack_peek(reader);

    if (kind != PACK_NIL && kind != PACK_MAP) {
        return no_frame(err, "its error is neither nil nor a map");
    }
    frame->error = pack_skip(reader);
    if (reader->has_failed || reader->at == reader->end) {
        return no_frame(err, "it has no result");
    }
    frame->result = (trial_bytes){ reader->at, (size_t)(reader->end - reader->at) };
    return TRIAL_OK; /* it is the last of a scanned frame */
}

static trial_code take_apart(trial_bytes bytes, proto_frame *frame, trial_error *err)
{
    pack_reader reader = pack_reader_of(bytes);
    uint32_t count = pack_list(&reader);
    uint64_t kind = pack_unsigned(&reader);

    if (reader.has_failed || kind > PROTO_NOTIFICATION) {
        return no_frame(err, "it is not a list that begins with 0, 1 or 2");
    }
    frame->kind = (proto_frame_kind)kind;
    if (count != (kind == PROTO_NOTIFICATION ? 3u : 4u)) {
        return no_frame(err, "its list has the wrong length");
    }
    if (kind != PROTO_NOTIFICATION) {
        uint64_t msgid = pack_unsigned(&reader);

        if (reader.has_failed || msgid > UINT32_MAX) {
            return no_frame(err, "its msgid is no integer from 0 to 4294967295");
        }
        frame->msgid = (uint32_t)msgid;
    }
    if (kind == PROTO_RESPONSE) {
        return read_outcome(&reader, frame, err);
    }
    frame->method = pack_text(&reader);
    if (reader.has_failed) {
        return no_frame(err, "its method is no text");
    }
    return read_params(&reader, frame, err);
}

/* A request has room for its events at their bound, and its own words beside them. */
static uint32_t elements_max(const proto_frame_limits *limits)
{
    uint64_t elements = ((uint64_t)limits->request_events + 1) * TRIAL_EVENT_ELEMENTS_MAX;

    return elements > limits->request_bytes ? limits->request_bytes : (uint32_t)elements;
}

/* Find the event of an append that a scan of the whole frame failed on, so that its sender learns
 * which one it is. Only on the way to a refusal: these bytes were not passed, so every step looks
 * where it goes. */
static void name_event(trial_bytes bytes, const proto_frame_limits *limits, trial_error *err)
{
    const pack_limits scan = { .bytes = limits->request_bytes,
                               .depth = limits->event_depth,
                               .elements = TRIAL_EVENT_ELEMENTS_MAX };
    pack_reader reader = pack_reader_of(bytes);
    uint32_t count;

    if (pack_list(&reader) != 4 || pack_unsigned(&reader) != PROTO_REQUEST ||
        pack_unsigned(&reader) > UINT32_MAX ||
        !trial_text_is(pack_text(&reader), trial_method_row_of(TRIAL_METHOD_APPEND)->name) ||
        pack_list(&reader) != 1) {
        return;
    }
    for (count = pack_map(&reader); count > 0 && !reader.has_failed; count--) {
        if (trial_text_is(pack_text(&reader), "events")) {
            break;
        }
        (void)pack_skip(&reader);
    }
    count = count == 0 ? 0 : pack_list(&reader);
    for (uint32_t i = 0; i < count && !reader.has_failed; i++) {
        trial_error why = TRIAL_ERROR_NONE;
        trial_bytes event = pack_skip(&reader);

        if (!reader.has_failed && pack_scan(event, &scan, &why) != TRIAL_OK &&
            why.rule == err->rule) {
            *err = why;
            err->index = i;
            return;
        }
    }
}

trial_code proto_frame_read(trial_bytes bytes,
                            const proto_frame_limits *limits,
                            proto_frame *ret_frame,
                            trial_error *err)
{
    const pack_limits scan = {
        .bytes = limits->request_bytes,
        .depth = limits->event_depth + TRIAL_REQUEST_DEPTH_EXTRA,
        .elements = elements_max(limits),
    };
    trial_error why = TRIAL_ERROR_NONE;
    trial_code code;

    *ret_frame = (proto_frame){ 0 };
    peek_msgid(bytes, ret_frame);
    code = pack_scan(bytes, &scan, &why);
    if (code == TRIAL_OK) {
        code = take_apart(bytes, ret_frame, &why);
    } else if (why.rule != TRIAL_RULE_NOT_JSON) {
        name_event(bytes, limits, &why);
    }
    if (code != TRIAL_OK && why.rule == TRIAL_RULE_NOT_JSON) {
        ret_frame->msgid = 0; /* it cannot be read as a request: not its msgid either */
    }
    if (code != TRIAL_OK && err != NULL) {
        *err = why;
    }
    return code;
}

/* Values kept as bytes came as the peer spelt them; whoever reads them asks for the one spelling.
 * Events are the exception: each is judged by itself, with its index. */
static trial_code
settle_raw(trial_request *request, const trial_shape *shape, trial_arena *arena, trial_error *err)
{
    /* An expectation for each event at most; without a bound each byte would cost ten here. */
    const pack_limits scan = { .bytes = TRIAL_REQUEST_BYTES_MAX,
                               .depth = TRIAL_EVENT_DEPTH_MAX,
                               .elements = 2 * TRIAL_REQUEST_EVENTS_MAX + 1 };

    for (uint32_t i = 0; i < shape->count; i++) {
        const trial_field *field = &shape->fields[i];
        char *at = (char *)&request->as + field->offset;
        pack_writer writer;
        pack_reader reader;
        trial_bytes bytes;
        trial_code code;

        if ((field->kind != TRIAL_FIELD_ANY && field->kind != TRIAL_FIELD_FREE) ||
            (request->method == TRIAL_METHOD_APPEND && strcmp(field->name, "events") == 0)) {
            continue;
        }
        memcpy(&bytes, at, sizeof bytes);
        if (bytes.data == NULL) {
            continue;
        }
        code = pack_scan(bytes, &scan, err);
        if (code != TRIAL_OK) {
            return code;
        }
        if (pack_is_canonical(bytes)) {
            continue;
        }
        reader = pack_reader_of(bytes);
        writer = pack_writer_on(arena, pack_canonical_room(bytes.size));
        code = pack_canonical(&reader, &writer, arena, err);
        if (code != TRIAL_OK) {
            return code;
        }
        bytes = pack_written(&writer);
        memcpy(at, &bytes, sizeof bytes);
    }
    return TRIAL_OK;
}

trial_code proto_request_read(const proto_frame *frame,
                              trial_arena *arena,
                              trial_request *ret_request,
                              trial_error *err)
{
    const trial_shape *shape;
    trial_code code;

    *ret_request = (trial_request){ .msgid = frame->msgid };
    ret_request->method = trial_method_named(frame->method);
    if (ret_request->method == TRIAL_METHOD_COUNT) {
        return trial_fail(err,
                          TRIAL_UNSUPPORTED,
                          "there is no method '%.*s'",
                          frame->method.size > 60 ? 60 : (int)frame->method.size,
                          frame->method.at);
    }
    shape = trial_method_row_of(ret_request->method)->shape();
    code = pack_shape(frame->params, shape, "", true, arena, &ret_request->as, err);
    if (code == TRIAL_OK) {
        code = settle_raw(ret_request, shape, arena, err);
    }
    if (code == TRIAL_OK) {
        ret_request->as.hello.is_read = true; /* the first member of each */
    }
    return code;
}

trial_code proto_list_read(trial_bytes list,
                           trial_arena *arena,
                           trial_bytes **ret_items,
                           uint32_t *ret_count,
                           trial_error *err)
{
    pack_reader reader = pack_reader_of(list);
    uint32_t count = pack_list(&reader);
    trial_bytes *items;

    if (reader.has_failed) {
        return trial_fail_rule(err, TRIAL_RULE_WRONG_TYPE, "the value must be a list");
    }
    items = trial_arena_take(arena, count * sizeof *items);
    for (uint32_t i = 0; i + 1 < count; i++) {
        items[i] = pack_skip(&reader);
    }
    if (count > 0 && !reader.has_failed) { /* the last one takes the rest, and need not be walked */
        items[count - 1] = (trial_bytes){ reader.at, (size_t)(reader.end - reader.at) };
        reader.has_failed = items[count - 1].size == 0;
    }
    if (reader.has_failed) {
        return trial_fail_rule(err, TRIAL_RULE_NOT_JSON, "the list is cut short");
    }
    *ret_items = items;
    *ret_count = count;
    return TRIAL_OK;
}

void proto_put_request(pack_writer *writer, uint32_t msgid, const char *method)
{
    pack_put_list(writer, 4);
    pack_put_unsigned(writer, PROTO_REQUEST);
    pack_put_unsigned(writer, msgid);
    pack_put_word(writer, method);
    pack_put_list(writer, 1);
}

void proto_put_result(pack_writer *writer, uint32_t msgid)
{
    pack_put_list(writer, 4);
    pack_put_unsigned(writer, PROTO_RESPONSE);
    pack_put_unsigned(writer, msgid);
    pack_put_nil(writer);
}

void proto_put_notification(pack_writer *writer, const char *method)
{
    pack_put_list(writer, 3);
    pack_put_unsigned(writer, PROTO_NOTIFICATION);
    pack_put_word(writer, method);
    pack_put_list(writer, 1);
}

static void put_number(pack_writer *writer, const char *name, int64_t number)
{
    if (number >= 0) {
        pack_put_word(writer, name);
        pack_put_integer(writer, number);
    }
}

void proto_put_error(pack_writer *writer, uint32_t msgid, const trial_error *err)
{
    bool has_field = err->field[0] != '\0';
    bool has_rule = err->rule != TRIAL_RULE_NONE;
    unsigned count = (has_field ? 1u : 0u) + (has_rule ? 1u : 0u) + (err->index >= 0 ? 1u : 0u) +
                     (err->position >= 0 ? 1u : 0u) + (err->revision >= 0 ? 1u : 0u) +
                     (err->right != TRIAL_ROLE_NONE ? 1u : 0u);

    pack_put_list(writer, 4);
    pack_put_unsigned(writer, PROTO_RESPONSE);
    pack_put_unsigned(writer, msgid);
    pack_put_map(writer, 3);
    pack_put_word(writer, "code");
    pack_put_word(writer, trial_code_name(err->code));
    pack_put_word(writer, "detail");
    pack_put_map(writer, count);
    if (has_field) {
        pack_put_word(writer, "field");
        pack_put_message(writer, err->field);
    }
    put_number(writer, "index", err->index);
    put_number(writer, "position", err->position);
    put_number(writer, "revision", err->revision);
    if (err->right != TRIAL_ROLE_NONE) {
        pack_put_word(writer, "right");
        pack_put_word(writer, trial_role_name(err->right));
    }
    if (has_rule) {
        pack_put_word(writer, "rule");
        pack_put_word(writer, trial_rule_name(err->rule));
    }
    pack_put_word(writer, "message");
    pack_put_message(writer, err->text);
    pack_put_nil(writer);
}

static void copy_text(trial_text text, char *to, size_t room)
{
    size_t size = text.size < room - 1 ? text.size : room - 1;

    if (size > 0) {
        memcpy(to, text.at, size);
    }
    to[size] = '\0';
}

static void read_detail(trial_bytes detail, trial_error *err)
{
    pack_reader reader = pack_reader_of(detail);
    uint32_t count = pack_map(&reader);
    pack_entry entry;

    for (uint32_t i = 0; i < count && pack_entry_read(&reader, &entry); i++) {
        pack_reader value = pack_reader_of(pack_entry_value(&entry));

        if (trial_text_is(entry.name, "field")) {
            copy_text(pack_text(&value), err->field, sizeof err->field);
        } else if (trial_text_is(entry.name, "rule")) {
            trial_rule rule = trial_rule_named(pack_text(&value));

            err->rule = rule == TRIAL_RULE_COUNT ? TRIAL_RULE_NONE : rule;
        } else if (trial_text_is(entry.name, "right")) {
            trial_role right = trial_role_named(pack_text(&value));

            err->right = right == TRIAL_ROLE_COUNT ? TRIAL_ROLE_NONE : right;
        } else if (pack_peek(&value) != PACK_UNSIGNED) {
            continue; /* a detail of a later protocol */
        } else if (trial_text_is(entry.name, "index")) {
            err->index = pack_integer(&value);
        } else if (trial_text_is(entry.name, "position")) {
            err->position = pack_integer(&value);
        } else if (trial_text_is(entry.name, "revision")) {
            err->revision = pack_integer(&value);
        }
    }
}

void proto_error_read(trial_bytes map, trial_error *ret_err)
{
    pack_reader reader = pack_reader_of(map);
    uint32_t count = pack_map(&reader);
    pack_entry entry;

    *ret_err = TRIAL_ERROR_NONE;
    ret_err->code = TRIAL_UNSUPPORTED; /* a code of a later protocol */
    for (uint32_t i = 0; i < count && pack_entry_read(&reader, &entry); i++) {
        pack_reader value = pack_reader_of(pack_entry_value(&entry));

        if (trial_text_is(entry.name, "code")) {
            trial_code code = trial_code_named(pack_text(&value));

            if (code != TRIAL_OK && code != TRIAL_CODE_COUNT) {
                ret_err->code = code;
            }
        } else if (trial_text_is(entry.name, "message")) {
            copy_text(pack_text(&value), ret_err->text, sizeof ret_err->text);
        } else if (trial_text_is(entry.name, "detail")) {
            read_detail(pack_entry_value(&entry), ret_err);
        }
    }
}
