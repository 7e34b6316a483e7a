/* fuzz_event.c - any bytes as an event: refused with a sentence, or of one spelling, which is its
 * own; its record gives it back, and the leaf vouches for it. The bytes are also tried as a record.
 */
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const proto_limits limits = { .event_bytes = 65536, .event_depth = 16 };

static bool same(trial_bytes a, trial_bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static void check_accepted(proto_arrival *arrival, trial_arena *arena)
{
    static const uint8_t salt[TRIAL_SALT_BYTES] = { 7 };
    trial_error err = TRIAL_ERROR_NONE;
    proto_arrival again;
    proto_record record;
    trial_event event;
    trial_bytes bytes;
    trial_code code;

    TRIAL_ASSERT(pack_is_canonical(arrival->content));
    code = proto_arrival_read(arrival->content, &limits, arena, &again, &err);
    TRIAL_ASSERT(code == TRIAL_OK);
    TRIAL_ASSERT(same(arrival->content, again.content));
    arrival->event.position = 1;
    arrival->event.revision = 1;
    arrival->event.ingest = 1;
    proto_record_write(arrival, 0, salt, arena, &bytes);
    code = proto_record_read(bytes, &record, &err);
    TRIAL_ASSERT(code == TRIAL_OK);
    TRIAL_ASSERT(proto_record_leaf_is_right(&record));
    TRIAL_ASSERT(proto_record_holds(&record, &again));
    code = proto_record_event(&record, arena, &event, &err);
    TRIAL_ASSERT(code == TRIAL_OK);
    TRIAL_ASSERT(event.type == again.event.type && same(event.data, again.event.data));
    code = proto_arrival_read(record.event, &limits, arena, &again, &err);
    TRIAL_ASSERT(code == TRIAL_OK);
    TRIAL_ASSERT(same(arrival->content, again.content)); /* what is exported can be imported */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pack_limits scan = { .bytes = 1 << 20, .depth = 20, .elements = 1 << 16 };
    trial_bytes bytes = { data, size };
    trial_arena arena = { 0 };
    trial_error err = TRIAL_ERROR_NONE;
    proto_arrival arrival;
    proto_record record;
    trial_event event;

    if (pack_scan(bytes, &scan, &err) == TRIAL_OK) {
        if (proto_arrival_read(bytes, &limits, &arena, &arrival, &err) == TRIAL_OK) {
            check_accepted(&arrival, &arena);
        } else {
            TRIAL_ASSERT(err.code != TRIAL_OK && err.text[0] != '\0');
        }
    }
    if (proto_record_read(bytes, &record, &err) == TRIAL_OK) {
        (void)proto_record_leaf_is_right(&record); /* stays inside, whatever it finds */
        if (proto_record_event(&record, &arena, &event, &err) != TRIAL_OK) {
            TRIAL_ASSERT(err.code == TRIAL_STORAGE);
        }
    }
    trial_arena_done(&arena);
    return 0;
}
