/* record.c - the record of one event: written once, taken apart in place ever after.
 *
 * Numbers are little-endian; a span is {u32 at, u32 size}, counted from the beginning of the event.
 *
 *    0  u8   version, then three bytes of zero    48  span of the value of data
 *    4  u32  bytes of the event                   56  span of type
 *    8  u64  position                             64  span of subject
 *   16  u64  revision                             72  span of programme; {0, 0}: none
 *   24  u64  previous position of the subject     80  salt, 32 bytes
 *   32  i64  ingest time, ns                     112  leaf, 32 bytes
 *   40  i64  time, ns                            144  the event, a canonical map
 */
#include "record.h"

#include "hash.h"
#include "token.h"

#include <assert.h>
#include <endian.h>

#define RECORD_VERSION 1

enum {
    AT_SIZE = 4,
    AT_POSITION = 8,
    AT_REVISION = 16,
    AT_PREVIOUS = 24,
    AT_INGEST = 32,
    AT_TIME = 40,
    AT_DATA = 48,
    AT_TYPE = 56,
    AT_SUBJECT = 64,
    AT_PROGRAMME = 72,
    AT_SALT = 80,
    AT_LEAF = AT_SALT + TRIAL_SALT_BYTES,
    AT_EVENT = AT_LEAF + TRIAL_HASH_BYTES,
};

static_assert(AT_EVENT == 144, "the layout that stands above");

/* The key of `data` and of what the log adds, as they stand in an event. */
static const uint8_t data_key[5] = { 0xa4, 'd', 'a', 't', 'a' };
#define ADDED_BYTES 96 /* three keys with their values, and a longer head of the map */

static void put_u32(uint8_t *at, uint32_t number)
{
    number = htole32(number);
    memcpy(at, &number, sizeof number);
}

static void put_u64(uint8_t *at, uint64_t number)
{
    number = htole64(number);
    memcpy(at, &number, sizeof number);
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t number;

    memcpy(&number, at, sizeof number);
    return le32toh(number);
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t number;

    memcpy(&number, at, sizeof number);
    return le64toh(number);
}

static void put_span(uint8_t *at, size_t from, size_t size)
{
    put_u32(at, (uint32_t)from);
    put_u32(at + 4, (uint32_t)size);
}

/* A span of the event; false where it leaves it. */
static bool get_span(const uint8_t *at, trial_bytes event, trial_bytes *ret_span)
{
    uint32_t from = get_u32(at);
    uint32_t size = get_u32(at + 4);

    if (from > event.size || size > event.size - from) {
        return false;
    }
    *ret_span = (trial_bytes){ event.data + from, size };
    return true;
}

static bool get_text(const uint8_t *at, trial_bytes event, trial_text *ret_text)
{
    trial_bytes span;

    if (!get_span(at, event, &span)) {
        return false;
    }
    *ret_text = (trial_text){ (const char *)span.data, (uint32_t)span.size };
    return true;
}

/* The canonical map without `data`, in three pieces, and the hash behind it. */
static void hash_leaf(trial_bytes event, trial_bytes data, const uint8_t *salt, uint8_t *ret_leaf)
{
    const uint8_t *key = data.data - sizeof data_key;
    const uint8_t *end = event.data + event.size;
    const uint8_t *behind = data.data + data.size;
    pack_reader reader = pack_reader_of(event);
    uint32_t count = pack_map(&reader);
    uint8_t head[1 + 5] = { 0 }; /* the zero byte of a leaf, the head of the shorter map */
    uint8_t inner[TRIAL_HASH_BYTES];
    const trial_bytes secret[] = { { salt, TRIAL_SALT_BYTES }, data };
    pack_writer writer = { .data = (char *)head + 1, .room = sizeof head - 1, .is_fixed = true };
    trial_bytes parts[4];

    pack_put_map(&writer, count - 1);
    proto_hash_parts(secret, 2, inner);
    parts[0] = (trial_bytes){ head, 1 + writer.size };
    parts[1] = (trial_bytes){ reader.at, (size_t)(key - reader.at) };
    parts[2] = (trial_bytes){ behind, (size_t)(end - behind) };
    parts[3] = (trial_bytes){ inner, sizeof inner };
    proto_hash_parts(parts, 4, ret_leaf);
}

/* What the log adds, by name. */
static void put_added(pack_writer *writer, const trial_event *event, uint32_t which)
{
    static const char *const names[] = { "ingesttime", "position", "revision" };
    char text[TRIAL_INSTANT_TEXT_BYTES];

    pack_put_word(writer, names[which]);
    if (which == 0) {
        trial_instant_write_us(event->ingest, text);
        pack_put_word(writer, text);
    } else {
        pack_put_unsigned(writer, which == 1 ? event->position : event->revision);
    }
}

/* Copy the content into the record with the three attributes the log adds, each in its place, and
 * note where what a reader looks for begins. */
static void put_event(pack_writer *writer, const proto_arrival *arrival, uint8_t *head)
{
    static const trial_text names[] = { { "ingesttime", 10 },
                                        { "position", 8 },
                                        { "revision", 8 } };
    const trial_event *event = &arrival->event;
    pack_reader reader = pack_reader_of(arrival->content);
    uint32_t count = pack_map(&reader);
    uint32_t added = 0;
    size_t data_at = 0;
    size_t programme_at;
    pack_reader named = pack_reader_of(proto_data_field(event->data, TRIAL_TEXT("programme")));
    trial_text programme = pack_text(&named); /* of any type: rows ask for it, others may have it */

    pack_put_map(writer, count + 3);
    for (uint32_t i = 0; i < count; i++) {
        pack_entry entry;
        size_t value_at;
        bool was_read = pack_entry_read(&reader, &entry);

        TRIAL_ASSERT(was_read);
        while (added < 3 && trial_text_compare(entry.name, names[added]) > 0) {
            put_added(writer, event, added++);
        }
        value_at = writer->size + (size_t)(entry.value - entry.key) - AT_EVENT;
        if (entry.value == event->data.data) {
            data_at = value_at;
            put_span(head + AT_DATA, value_at, event->data.size);
        } else if (trial_text_is(entry.name, "type")) {
            const char *name = trial_event_row_of(event->type)->name;
            size_t size = strlen(name);

            put_span(head + AT_TYPE, value_at + (size_t)(entry.end - entry.value) - size, size);
        } else if (trial_text_is(entry.name, "subject")) {
            put_span(head + AT_SUBJECT,
                     value_at + (size_t)(entry.end - entry.value) - event->subject.size,
                     event->subject.size);
        }
        pack_put_raw(writer, (trial_bytes){ entry.key, (size_t)(entry.end - entry.key) });
    }
    while (added < 3) {
        put_added(writer, event, added++);
    }
    if (programme.size > 0) {
        programme_at = data_at + (size_t)((const uint8_t *)programme.at - event->data.data);
        put_span(head + AT_PROGRAMME, programme_at, programme.size);
    }
}

void proto_record_write(const proto_arrival *arrival,
                        uint64_t previous,
                        const uint8_t *salt,
                        trial_arena *arena,
                        trial_bytes *ret_record)
{
    const trial_event *event = &arrival->event;
    pack_writer writer = pack_writer_on(arena, AT_EVENT + arrival->content.size + ADDED_BYTES);
    uint8_t *head = (uint8_t *)writer.data;
    trial_bytes whole;
    trial_bytes data = { 0 };

    TRIAL_ASSERT(event->position > previous && event->revision > 0);
    TRIAL_ASSERT(event->ingest != TRIAL_INSTANT_NONE);
    memset(head, 0, AT_EVENT); /* what is absent is zero */
    writer.size = AT_EVENT;
    put_event(&writer, arrival, head);
    head[0] = RECORD_VERSION;
    put_u32(head + AT_SIZE, (uint32_t)(writer.size - AT_EVENT));
    put_u64(head + AT_POSITION, event->position);
    put_u64(head + AT_REVISION, event->revision);
    put_u64(head + AT_PREVIOUS, previous);
    put_u64(head + AT_INGEST, (uint64_t)event->ingest);
    put_u64(head + AT_TIME, (uint64_t)event->time);
    memcpy(head + AT_SALT, salt, TRIAL_SALT_BYTES);
    whole = (trial_bytes){ head + AT_EVENT, writer.size - AT_EVENT };
    TRIAL_ASSERT(get_span(head + AT_DATA, whole, &data));
    hash_leaf(whole, data, salt, head + AT_LEAF);
    *ret_record = pack_written(&writer);
}

static trial_code no_record(trial_error *err, const char *what)
{
    return trial_fail(err, TRIAL_STORAGE, "a record of the log is damaged: %s", what);
}

/* Does the value of `data` stand where one stands: behind its key, inside the map, a map itself? */
static bool has_data(const proto_record *record)
{
    pack_reader reader = pack_reader_of(record->event);
    pack_kind kind = pack_peek(&reader);
    uint32_t count = pack_map(&reader);
    pack_reader data = pack_reader_of(record->data);

    return kind == PACK_MAP && count > 0 && !reader.has_failed && record->data.size > 0 &&
           (size_t)(record->data.data - reader.at) >= sizeof data_key &&
           record->data.data > reader.at &&
           memcmp(record->data.data - sizeof data_key, data_key, sizeof data_key) == 0 &&
           pack_peek(&data) == PACK_MAP;
}

trial_code proto_record_read(trial_bytes record, proto_record *ret_record, trial_error *err)
{
    const uint8_t *head = record.data;
    proto_record read = { 0 };

    if (record.size <= AT_EVENT || head[0] != RECORD_VERSION) {
        return no_record(err, "it has no head of this version");
    }
    if (get_u32(head) != RECORD_VERSION || get_u32(head + AT_SIZE) != record.size - AT_EVENT) {
        return no_record(err, "its size is not what it says");
    }
    read.event = (trial_bytes){ head + AT_EVENT, record.size - AT_EVENT };
    read.position = get_u64(head + AT_POSITION);
    read.revision = get_u64(head + AT_REVISION);
    read.previous = get_u64(head + AT_PREVIOUS);
    read.ingest = (trial_instant)get_u64(head + AT_INGEST);
    read.time = (trial_instant)get_u64(head + AT_TIME);
    read.salt = head + AT_SALT;
    read.leaf = head + AT_LEAF;
    if (read.position == 0 || read.revision == 0 || read.previous >= read.position ||
        (read.previous == 0) != (read.revision == 1)) {
        return no_record(err, "its place in the log cannot be");
    }
    if (!get_span(head + AT_DATA, read.event, &read.data) ||
        !get_text(head + AT_TYPE, read.event, &read.type) ||
        !get_text(head + AT_SUBJECT, read.event, &read.subject) ||
        !get_text(head + AT_PROGRAMME, read.event, &read.programme) || read.type.size == 0 ||
        read.subject.size == 0) {
        return no_record(err, "a part lies outside of it");
    }
    if (read.programme.size == 0) {
        read.programme = (trial_text){ 0 };
    }
    if (!has_data(&read)) {
        return no_record(err, "it has no data");
    }
    *ret_record = read;
    return TRIAL_OK;
}

/* The attributes of the envelope that the head of the record does not hold. */
static bool read_envelope(const proto_record *record, trial_event *event)
{
    pack_reader reader = pack_reader_of(record->event);
    uint32_t count = pack_map(&reader);
    pack_entry entry;

    for (uint32_t i = 0; i < count && pack_entry_read(&reader, &entry); i++) {
        pack_reader value = pack_reader_of(pack_entry_value(&entry));

        if (trial_text_is(entry.name, "id")) {
            event->id = pack_text(&value);
        } else if (trial_text_is(entry.name, "source")) {
            event->source = pack_text(&value);
        } else if (trial_text_is(entry.name, "time")) {
            event->time_text = pack_text(&value);
        }
    }
    return event->id.at != NULL && event->source.at != NULL && event->time_text.at != NULL;
}

trial_code proto_record_event_with(const proto_record *record,
                                   trial_bytes data,
                                   trial_arena *arena,
                                   trial_event *ret_event,
                                   trial_error *err)
{
    trial_event event = { .position = record->position,
                          .revision = record->revision,
                          .ingest = record->ingest,
                          .time = record->time,
                          .subject = record->subject,
                          .data = data };
    trial_code code;

    event.type = trial_event_named(record->type);
    if (event.type == TRIAL_EVENT_COUNT || !read_envelope(record, &event)) {
        return no_record(err, "its envelope cannot be read");
    }
    event.kind = trial_subject_split(event.subject, &event.subject_id);
    code = pack_shapes(data,
                       trial_event_row_of(event.type)->shape(),
                       &event.as,
                       trial_shape_of_common(),
                       &event.common,
                       "", /* what was accepted stays accepted */
                       arena,
                       err);
    if (code != TRIAL_OK) {
        return no_record(err, "its data cannot be read");
    }
    *ret_event = event;
    return TRIAL_OK;
}

trial_code proto_record_event(const proto_record *record,
                              trial_arena *arena,
                              trial_event *ret_event,
                              trial_error *err)
{
    return proto_record_event_with(record, record->data, arena, ret_event, err);
}

static bool is_added(trial_text name)
{
    return trial_text_is(name, "position") || trial_text_is(name, "revision") ||
           trial_text_is(name, "ingesttime");
}

bool proto_record_holds(const proto_record *record, const proto_arrival *arrival)
{
    pack_reader mine = pack_reader_of(record->event);
    pack_reader theirs = pack_reader_of(arrival->content);
    uint32_t count = pack_map(&mine);

    if (count != pack_map(&theirs) + 3) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        pack_entry a;
        pack_entry b;

        if (!pack_entry_read(&mine, &a)) {
            return false;
        }
        if (is_added(a.name)) {
            continue;
        }
        if (!pack_entry_read(&theirs, &b) || a.end - a.key != b.end - b.key ||
            memcmp(a.key, b.key, (size_t)(a.end - a.key)) != 0) {
            return false;
        }
    }
    return true;
}

bool proto_record_leaf_is_right(const proto_record *record)
{
    uint8_t leaf[TRIAL_HASH_BYTES];

    hash_leaf(record->event, record->data, record->salt, leaf);
    return memcmp(leaf, record->leaf, sizeof leaf) == 0;
}

bool proto_record_is_sound(const proto_record *record, trial_bytes bytes, trial_arena *arena)
{
    const pack_limits scan = { .bytes = UINT32_MAX,
                               .depth = PACK_DEPTH_MAX,
                               .elements = TRIAL_EVENT_ELEMENTS_MAX * 2 };
    const proto_limits limits = { TRIAL_EVENT_BYTES_MAX, TRIAL_EVENT_DEPTH_MAX };
    trial_error ignored = TRIAL_ERROR_NONE;
    proto_arrival arrival;
    trial_bytes again = { 0 };
    trial_code code = pack_scan(record->event, &scan, &ignored);

    if (code == TRIAL_OK) {
        code = proto_arrival_read(record->event, &limits, arena, &arrival, &ignored);
    }
    if (code == TRIAL_TOO_LARGE) { /* at a limit already before the daemon added its three */
        return proto_record_leaf_is_right(record);
    }
    if (code != TRIAL_OK || record->ingest % TRIAL_NS_PER_US != 0) { /* what its text can say */
        return false;
    }
    arrival.event.position = record->position;
    arrival.event.revision = record->revision;
    arrival.event.ingest = record->ingest;
    proto_record_write(&arrival, record->previous, record->salt, arena, &again);
    return again.size == bytes.size && memcmp(again.data, bytes.data, bytes.size) == 0;
}

trial_bytes
proto_data_with(trial_bytes data, trial_text field, trial_bytes value, trial_arena *arena)
{
    pack_reader reader = pack_reader_of(data);
    uint32_t count = pack_map(&reader);
    bool is_new = proto_data_field(data, field).data == NULL;
    bool is_put = false;
    pack_writer writer = pack_writer_on(arena, data.size + field.size + value.size + 10);
    pack_entry entry;

    pack_put_map(&writer, count + (is_new ? 1 : 0));
    for (uint32_t i = 0; i < count && pack_entry_read(&reader, &entry); i++) {
        int order = trial_text_compare(entry.name, field);

        if (order >= 0 && !is_put) {
            pack_put_text(&writer, field);
            pack_put_raw(&writer, value);
            is_put = true;
        }
        if (order != 0) {
            pack_put_raw(&writer, (trial_bytes){ entry.key, (size_t)(entry.end - entry.key) });
        }
    }
    if (!is_put) {
        pack_put_text(&writer, field);
        pack_put_raw(&writer, value);
    }
    return pack_written(&writer);
}

trial_bytes proto_data_field(trial_bytes data, trial_text field)
{
    pack_reader reader = pack_reader_of(data);
    uint32_t count = pack_map(&reader);
    pack_entry entry;

    for (uint32_t i = 0; i < count && pack_entry_read(&reader, &entry); i++) {
        if (trial_text_equal(entry.name, field)) {
            return pack_entry_value(&entry);
        }
    }
    return (trial_bytes){ 0 };
}
