/* arrival.c - an event as a peer sent it becomes a checked event of one spelling. The rules of its
 * attributes are here, those of its data are rows, and what the log thinks of it is not asked. */
#include "record.h"
#include "token.h"
#include "uri.h"

/* What the envelope names; anything else is an extension attribute. */
typedef enum attribute {
    ATTRIBUTE_ID,
    ATTRIBUTE_SOURCE,
    ATTRIBUTE_TYPE,
    ATTRIBUTE_SUBJECT,
    ATTRIBUTE_TIME,
    ATTRIBUTE_DATA,
    ATTRIBUTE_REQUIRED_COUNT,
    ATTRIBUTE_SPECVERSION = ATTRIBUTE_REQUIRED_COUNT,
    ATTRIBUTE_POSITION,
    ATTRIBUTE_REVISION,
    ATTRIBUTE_INGESTTIME,
    ATTRIBUTE_EXTENSION,
} attribute;

static const trial_text attribute_names[ATTRIBUTE_EXTENSION] = {
    [ATTRIBUTE_ID] = { "id", 2 },
    [ATTRIBUTE_SOURCE] = { "source", 6 },
    [ATTRIBUTE_TYPE] = { "type", 4 },
    [ATTRIBUTE_SUBJECT] = { "subject", 7 },
    [ATTRIBUTE_TIME] = { "time", 4 },
    [ATTRIBUTE_DATA] = { "data", 4 },
    [ATTRIBUTE_SPECVERSION] = { "specversion", 11 },
    [ATTRIBUTE_POSITION] = { "position", 8 },
    [ATTRIBUTE_REVISION] = { "revision", 8 },
    [ATTRIBUTE_INGESTTIME] = { "ingesttime", 10 },
};

static attribute attribute_named(trial_text name)
{
    attribute at = 0;

    while (at < ATTRIBUTE_EXTENSION && !trial_text_equal(name, attribute_names[at])) {
        at++;
    }
    return at;
}

static trial_code fault(trial_error *err, trial_text name, trial_rule rule, const char *what)
{
    int size = name.size > 60 ? 60 : (int)name.size;

    (void)trial_fail_rule(err, rule, "%.*s %s", size, name.at, what);
    if (err != NULL) {
        (void)trial_fail_field(err, "%.*s", size, name.at);
    }
    return trial_rule_code(rule);
}

/* The text of an attribute, of 1 to `bytes_max` bytes and one line. */
static trial_code
read_line(const pack_entry *entry, uint32_t bytes_max, trial_text *ret_text, trial_error *err)
{
    pack_reader reader = pack_reader_of(pack_entry_value(entry));
    trial_text text = pack_text(&reader);

    if (reader.has_failed) {
        return fault(err, entry->name, TRIAL_RULE_WRONG_TYPE, "must be a text");
    }
    if (text.size == 0) {
        return fault(err, entry->name, TRIAL_RULE_BAD_RANGE, "must not be empty");
    }
    if (text.size > bytes_max) {
        return fault(err, entry->name, TRIAL_RULE_BAD_RANGE, "is too long");
    }
    if (pack_text_has_control(text)) {
        return fault(err, entry->name, TRIAL_RULE_BAD_RANGE, "must not hold control characters");
    }
    *ret_text = text;
    return TRIAL_OK;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [a-z]+/[a-z0-9][a-z0-9._-]* */
static bool is_subject(trial_text text)
{
    uint32_t at = 0;

    while (at < text.size && is_lower(text.at[at])) {
        at++;
    }
    if (at == 0 || at + 1 >= text.size || text.at[at] != '/' ||
        !(is_lower(text.at[at + 1]) || is_digit(text.at[at + 1]))) {
        return false;
    }
    for (at += 2; at < text.size; at++) {
        if (!is_lower(text.at[at]) && !is_digit(text.at[at]) && text.at[at] != '.' &&
            text.at[at] != '_' && text.at[at] != '-') {
            return false;
        }
    }
    return true;
}

/* [a-z][a-z0-9]{0,19} */
static bool is_extension(trial_text name)
{
    if (name.size == 0 || name.size > TRIAL_ATTRIBUTE_BYTES_MAX || !is_lower(name.at[0])) {
        return false;
    }
    for (uint32_t i = 1; i < name.size; i++) {
        if (!is_lower(name.at[i]) && !is_digit(name.at[i])) {
            return false;
        }
    }
    return true;
}

static trial_code read_source(const pack_entry *entry, trial_event *event, trial_error *err)
{
    trial_code code = read_line(entry, TRIAL_SOURCE_BYTES_MAX, &event->source, err);

    if (code == TRIAL_OK && !uri_is_reference(event->source)) {
        return fault(err, entry->name, TRIAL_RULE_WRONG_TYPE, "must be a URI-reference");
    }
    return code;
}

static trial_code read_type(const pack_entry *entry, trial_event *event, trial_error *err)
{
    trial_text type = { 0 };
    pack_reader reader = pack_reader_of(pack_entry_value(entry));

    type = pack_text(&reader);
    if (reader.has_failed) {
        return fault(err, entry->name, TRIAL_RULE_WRONG_TYPE, "must be a text");
    }
    event->type = trial_event_named(type);
    if (event->type == TRIAL_EVENT_COUNT) {
        (void)trial_fail_rule(err,
                              TRIAL_RULE_UNKNOWN_TYPE,
                              "the catalogue has no event type '%.*s'",
                              type.size > 60 ? 60 : (int)type.size,
                              type.at);
        if (err != NULL) {
            (void)trial_fail_field(err, "type");
        }
        return TRIAL_UNKNOWN_TYPE;
    }
    return TRIAL_OK;
}

static trial_code read_subject(const pack_entry *entry, trial_event *event, trial_error *err)
{
    trial_code code = read_line(entry, TRIAL_SUBJECT_BYTES_MAX, &event->subject, err);

    if (code == TRIAL_OK && !is_subject(event->subject)) {
        return fault(err,
                     entry->name,
                     TRIAL_RULE_WRONG_TYPE,
                     "must be a kind, a slash and an id of a-z 0-9 . _ -");
    }
    if (code == TRIAL_OK) {
        event->kind = trial_subject_split(event->subject, &event->subject_id);
    }
    return code;
}

static trial_code read_time(const pack_entry *entry, trial_event *event, trial_error *err)
{
    pack_reader reader = pack_reader_of(pack_entry_value(entry));

    event->time_text = pack_text(&reader);
    if (reader.has_failed) {
        return fault(err, entry->name, TRIAL_RULE_WRONG_TYPE, "must be a text");
    }
    if (trial_instant_read(event->time_text, &event->time, NULL) != TRIAL_OK) {
        return fault(err,
                     entry->name,
                     TRIAL_RULE_BAD_TIME,
                     "must be RFC 3339 with a zone, at most 9 digits of a second, 1900 to 2100");
    }
    return TRIAL_OK;
}

static trial_code read_specversion(const pack_entry *entry, trial_error *err)
{
    pack_reader reader = pack_reader_of(pack_entry_value(entry));
    trial_text version = pack_text(&reader);

    if (reader.has_failed) {
        return fault(err, entry->name, TRIAL_RULE_WRONG_TYPE, "must be a text");
    }
    return trial_text_is(version, "1.0")
               ? TRIAL_OK
               : fault(err, entry->name, TRIAL_RULE_BAD_RANGE, "must be 1.0");
}

/* A CloudEvents extension attribute: a name of its grammar; text on one line, integer or truth. */
static trial_code read_extension(const pack_entry *entry, trial_error *err)
{
    pack_reader reader = pack_reader_of(pack_entry_value(entry));
    pack_kind kind = pack_peek(&reader);

    if (!is_extension(entry->name)) {
        return fault(err,
                     entry->name,
                     TRIAL_RULE_WRONG_TYPE,
                     "is no attribute: a name is 1 to 20 of a-z 0-9 and begins with a letter");
    }
    if (kind == PACK_TEXT) {
        if (pack_text_has_control(pack_text(&reader))) {
            return fault(
                err, entry->name, TRIAL_RULE_BAD_RANGE, "must not hold control characters");
        }
        return TRIAL_OK;
    }
    if (kind != PACK_INTEGER && kind != PACK_UNSIGNED && kind != PACK_TRUTH && kind != PACK_NIL) {
        return fault(
            err, entry->name, TRIAL_RULE_WRONG_TYPE, "must be a text, an integer or a truth");
    }
    return TRIAL_OK;
}

/* Read the attribute of an entry into the event. */
static trial_code
read_attribute(attribute which, const pack_entry *entry, trial_event *event, trial_error *err)
{
    pack_reader reader = pack_reader_of(pack_entry_value(entry));

    switch (which) {
    case ATTRIBUTE_ID:
        return read_line(entry, TRIAL_ID_BYTES_MAX, &event->id, err);
    case ATTRIBUTE_SOURCE:
        return read_source(entry, event, err);
    case ATTRIBUTE_TYPE:
        return read_type(entry, event, err);
    case ATTRIBUTE_SUBJECT:
        return read_subject(entry, event, err);
    case ATTRIBUTE_TIME:
        return read_time(entry, event, err);
    case ATTRIBUTE_DATA:
        if (pack_peek(&reader) != PACK_MAP) {
            return fault(err, entry->name, TRIAL_RULE_WRONG_TYPE, "must be a map");
        }
        event->data = pack_entry_value(entry);
        return TRIAL_OK;
    case ATTRIBUTE_SPECVERSION:
        return read_specversion(entry, err);
    case ATTRIBUTE_EXTENSION:
        return read_extension(entry, err);
    case ATTRIBUTE_POSITION:
    case ATTRIBUTE_REVISION:
    case ATTRIBUTE_INGESTTIME:
        break;
    }
    return TRIAL_OK;
}

static bool is_nil(const pack_entry *entry)
{
    return *entry->value == 0xc0;
}

static bool is_added_by_log(attribute which)
{
    return which == ATTRIBUTE_POSITION || which == ATTRIBUTE_REVISION ||
           which == ATTRIBUTE_INGESTTIME;
}

/* Read the attributes of a canonical map. It is content as it stands, and *ret_is_content true,
 * where it has the version, no attribute that is nil and none that the log adds; else reading
 * stops. */
static trial_code
read_attributes(trial_bytes map, trial_event *event, bool *ret_is_content, trial_error *err)
{
    pack_reader reader = pack_reader_of(map);
    uint32_t count = pack_map(&reader);
    uint32_t seen = 0;

    *ret_is_content = false;
    *event = (trial_event){ .time = TRIAL_INSTANT_NONE, .ingest = TRIAL_INSTANT_NONE };
    for (uint32_t i = 0; i < count; i++) {
        pack_entry entry;
        attribute which;
        trial_code code;

        if (!pack_entry_read(&reader, &entry)) {
            return trial_fail_rule(err, TRIAL_RULE_NOT_JSON, "an attribute is cut short");
        }
        which = attribute_named(entry.name);
        if (is_added_by_log(which) || is_nil(&entry)) {
            return TRIAL_OK;
        }
        seen |= 1u << which;
        code = read_attribute(which, &entry, event, err);
        if (code != TRIAL_OK) {
            return code;
        }
    }
    for (attribute which = 0; which < ATTRIBUTE_REQUIRED_COUNT; which++) {
        if ((seen >> which & 1u) == 0) {
            return fault(err, attribute_names[which], TRIAL_RULE_MISSING_FIELD, "is missing");
        }
    }
    *ret_is_content = (seen >> ATTRIBUTE_SPECVERSION & 1u) != 0;
    return TRIAL_OK;
}

/* The sorted entries of an event that is not of the one spelling, less what the log adds and what
 * is nil, plus the version: written anew. */
static trial_code write_content(pack_entry *entries,
                                uint32_t count,
                                size_t room,
                                trial_arena *arena,
                                trial_bytes *ret_content,
                                trial_error *err)
{
    static const uint8_t version[] = { 0xa3, '1', '.', '0' };
    pack_writer writer = pack_writer_on(arena, room);
    bool has_version = false;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        attribute which = attribute_named(entries[i].name);

        if (!is_added_by_log(which) && !is_nil(&entries[i])) {
            has_version = has_version || which == ATTRIBUTE_SPECVERSION;
            entries[kept++] = entries[i];
        }
    }
    pack_put_map(&writer, kept + (has_version ? 0 : 1));
    for (uint32_t i = 0; i < kept; i++) {
        pack_reader reader = pack_reader_of(pack_entry_value(&entries[i]));
        trial_code code;

        if (!has_version && trial_text_compare(entries[i].name, TRIAL_TEXT("specversion")) > 0) {
            pack_put_word(&writer, "specversion");
            pack_put_raw(&writer, (trial_bytes){ version, sizeof version });
            has_version = true;
        }
        pack_put_text(&writer, entries[i].name);
        code = pack_canonical(&reader, &writer, arena, err);
        if (code != TRIAL_OK) {
            return pack_fail_inside(err, entries[i].name, code);
        }
    }
    if (!has_version) {
        pack_put_word(&writer, "specversion");
        pack_put_raw(&writer, (trial_bytes){ version, sizeof version });
    }
    *ret_content = pack_written(&writer);
    return TRIAL_OK;
}

/* Bring an event into the one spelling. */
static trial_code
settle(trial_bytes map, trial_arena *arena, trial_bytes *ret_content, trial_error *err)
{
    pack_reader reader = pack_reader_of(map);
    size_t room = pack_canonical_room(map.size) + sizeof "?specversion?1.0" + 4;
    uint32_t count = pack_map(&reader);
    pack_entry *entries = trial_arena_take(arena, count * sizeof *entries);
    trial_code code = pack_entries_read(&reader, count, entries, err);

    return code == TRIAL_OK ? write_content(entries, count, room, arena, ret_content, err) : code;
}

/* Read the envelope: at once where the bytes may stay as they came, else after they were settled.
 */
static trial_code read_envelope(trial_bytes map,
                                bool is_canonical,
                                trial_arena *arena,
                                proto_arrival *arrival,
                                trial_error *err)
{
    bool is_content = false;
    trial_code code = TRIAL_OK;

    if (is_canonical) {
        arrival->content = map;
        code = read_attributes(arrival->content, &arrival->event, &is_content, err);
    }
    if (code == TRIAL_OK && !is_content) {
        code = settle(map, arena, &arrival->content, err);
        if (code == TRIAL_OK) {
            code = read_attributes(arrival->content, &arrival->event, &is_content, err);
        }
    }
    return code;
}

static trial_code
check_size(const pack_measured *measured, const proto_limits *limits, trial_error *err)
{
    if (measured->depth > limits->event_depth) {
        return trial_fail_rule(err,
                               TRIAL_RULE_TOO_LARGE,
                               "the event is nested %u levels deep; at most %u are allowed",
                               measured->depth,
                               limits->event_depth);
    }
    if (measured->elements > TRIAL_EVENT_ELEMENTS_MAX) {
        return trial_fail_rule(err,
                               TRIAL_RULE_TOO_LARGE,
                               "the event has %u values and keys; at most %d are allowed",
                               measured->elements,
                               TRIAL_EVENT_ELEMENTS_MAX);
    }
    return TRIAL_OK;
}

trial_code proto_arrival_read(trial_bytes map,
                              const proto_limits *limits,
                              trial_arena *arena,
                              proto_arrival *ret_arrival,
                              trial_error *err)
{
    pack_reader reader = pack_reader_of(map);
    pack_measured measured;
    trial_event *event = &ret_arrival->event;
    trial_code code;

    if (pack_peek(&reader) != PACK_MAP) {
        return trial_fail_rule(err, TRIAL_RULE_WRONG_TYPE, "an event must be a map");
    }
    if (!pack_measure(map, &measured)) {
        return trial_fail_rule(err, TRIAL_RULE_NOT_JSON, "the event is cut short");
    }
    code = check_size(&measured, limits, err);
    if (code == TRIAL_OK) {
        code = read_envelope(map, measured.is_canonical, arena, ret_arrival, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    if (ret_arrival->content.size > limits->event_bytes) {
        return trial_fail_rule(err,
                               TRIAL_RULE_TOO_LARGE,
                               "the event has %zu bytes; at most %u are allowed",
                               ret_arrival->content.size,
                               limits->event_bytes);
    }
    return pack_shapes(event->data,
                       trial_event_row_of(event->type)->shape(),
                       &event->as,
                       trial_shape_of_common(),
                       &event->common,
                       "data",
                       arena,
                       err);
}
