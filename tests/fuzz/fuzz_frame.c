/* fuzz_frame.c - any bytes as a frame: taken apart or refused, and what is a request is read or
 * refused with a sentence. */
#include "frame.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever fails says so: a code on the wire, one sentence, and bytes that are a frame again. */
static void check_error(const trial_error *err, uint32_t msgid, const proto_frame_limits *limits)
{
    pack_writer writer = { 0 };
    proto_frame frame;
    trial_error got;
    trial_code code;

    TRIAL_ASSERT(err->code != TRIAL_OK && err->text[0] != '\0');
    proto_put_error(&writer, msgid, err);
    code = proto_frame_read(pack_written(&writer), limits, &frame, NULL);
    TRIAL_ASSERT(code == TRIAL_OK && frame.msgid == msgid);
    proto_error_read(frame.error, &got);
    TRIAL_ASSERT(got.code == err->code && got.rule == err->rule);
    pack_writer_done(&writer);
}

static void
read_request(const proto_frame *frame, const proto_frame_limits *limits, trial_arena *arena)
{
    const proto_limits event_limits = { .event_bytes = 65536, .event_depth = limits->event_depth };
    trial_error err = TRIAL_ERROR_NONE;
    trial_bytes *items = NULL;
    trial_request request;
    uint32_t count = 0;

    if (proto_request_read(frame, arena, &request, &err) != TRIAL_OK) {
        check_error(&err, frame->msgid, limits);
        return;
    }
    if (request.method == TRIAL_METHOD_QUERY && request.as.query.where.data != NULL) {
        TRIAL_ASSERT(pack_is_canonical(request.as.query.where));
    }
    if (request.method != TRIAL_METHOD_APPEND ||
        proto_list_read(request.as.append.events, arena, &items, &count, &err) != TRIAL_OK) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        proto_arrival arrival;

        if (proto_arrival_read(items[i], &event_limits, arena, &arrival, &err) != TRIAL_OK) {
            check_error(&err, frame->msgid, limits);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const proto_frame_limits limits = { .request_bytes = 1 << 20,
                                        .request_events = 64,
                                        .event_depth = 16 };
    trial_arena arena = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    proto_frame frame;

    if (proto_frame_read((trial_bytes){ data, size }, &limits, &frame, &err) != TRIAL_OK) {
        check_error(&err, frame.msgid, &limits);
    } else if (frame.kind == PROTO_REQUEST) {
        read_request(&frame, &limits, &arena);
    } else if (frame.kind == PROTO_RESPONSE) {
        proto_error_read(frame.error, &err);
    }
    trial_arena_done(&arena);
    return 0;
}
