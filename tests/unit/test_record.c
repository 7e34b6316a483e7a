/* test_record.c - arrivals, records and the tree: what is let in, kept, and proven. */
#include "fill.h"
#include "record.h"
#include "test.h"

#include <stdlib.h>

static trial_arena arena;
static const proto_limits limits = { .event_bytes = 65536, .event_depth = 16 };
static const uint8_t salt[TRIAL_SALT_BYTES] = { 1, 2, 3 };

static int reset(void **state)
{
    (void)state;
    trial_arena_reset(&arena);
    return 0;
}

static int done(void **state)
{
    (void)state;
    trial_arena_done(&arena);
    return 0;
}

static trial_bytes packed(const trial_value *value)
{
    pack_writer writer = { 0 };
    trial_bytes bytes;

    pack_put_value(&writer, value, &arena);
    bytes = trial_arena_bytes(&arena, pack_written(&writer));
    pack_writer_done(&writer);
    return bytes;
}

static trial_value *word(const char *literal)
{
    return trial_value_word(&arena, literal);
}

/* A sound event, programme.closed of ff2. */
static trial_value *sound_event(void)
{
    trial_value *event = trial_value_map(&arena);
    trial_value *data = trial_value_map(&arena);

    trial_value_set(&arena, data, "closedOn", word("2020-12-31"));
    trial_value_set(&arena, event, "id", word("1"));
    trial_value_set(&arena, event, "source", word("/dk/regering"));
    trial_value_set(&arena, event, "type", word("programme.closed"));
    trial_value_set(&arena, event, "subject", word("programme/ff2"));
    trial_value_set(&arena, event, "time", word("2020-12-31T12:00:00+01:00"));
    trial_value_set(&arena, event, "data", data);
    return event;
}

static trial_code read_event(const trial_value *event, proto_arrival *ret, trial_error *err)
{
    return proto_arrival_read(packed(event), &limits, &arena, ret, err);
}

static void test_a_sound_event_is_read_whole(void **state)
{
    proto_arrival arrival;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(read_event(sound_event(), &arrival, &err), TRIAL_OK);
    assert_int_equal(arrival.event.type, TRIAL_EVENT_PROGRAMME_CLOSED);
    assert_text_is(arrival.event.id, "1");
    assert_text_is(arrival.event.source, "/dk/regering");
    assert_text_is(arrival.event.subject, "programme/ff2");
    assert_int_equal(arrival.event.kind, TRIAL_KIND_PROGRAMME);
    assert_text_is(arrival.event.subject_id, "ff2");
    assert_text_is(arrival.event.time_text, "2020-12-31T12:00:00+01:00");
    assert_true(arrival.event.time == 1609412400 * TRIAL_NS_PER_S);
    assert_int_equal(arrival.event.as.programme_closed.closedOn, 18627);
    assert_int_equal(arrival.event.position, 0);
    assert_true(arrival.event.ingest == TRIAL_INSTANT_NONE);
    assert_true(pack_is_canonical(arrival.content));
}

static const struct attribute_case {
    const char *name;
    const char *attribute;
    const char *value; /* text; NULL: `hex` */
    const char *hex;   /* NULL too: the attribute is taken away */
    trial_rule rule;   /* NONE: it is let in */
} attributes[] = {
    { "no id", "id", NULL, "c0", TRIAL_RULE_MISSING_FIELD },
    { "no source", "source", NULL, "c0", TRIAL_RULE_MISSING_FIELD },
    { "no type", "type", NULL, "c0", TRIAL_RULE_MISSING_FIELD },
    { "no subject", "subject", NULL, "c0", TRIAL_RULE_MISSING_FIELD },
    { "no time", "time", NULL, "c0", TRIAL_RULE_MISSING_FIELD },
    { "no data", "data", NULL, "c0", TRIAL_RULE_MISSING_FIELD },
    { "an empty id", "id", "", NULL, TRIAL_RULE_BAD_RANGE },
    { "an id that is a number", "id", NULL, "01", TRIAL_RULE_WRONG_TYPE },
    { "an id with a line break", "id", "a\nb", NULL, TRIAL_RULE_BAD_RANGE },
    { "an id with DEL", "id", "a\x7f", NULL, TRIAL_RULE_BAD_RANGE },
    { "an id with a C1 control", "id", "a\xc2\x85", NULL, TRIAL_RULE_BAD_RANGE },
    { "an id of letters with marks", "id", "s\xc3\xb8r \xe2\x80\x93 1", NULL, TRIAL_RULE_NONE },
    { "an empty source", "source", "", NULL, TRIAL_RULE_BAD_RANGE },
    { "a source that is a whole URI",
      "source",
      "https://a.dk:8/x?y=%C3%A6#z",
      NULL,
      TRIAL_RULE_NONE },
    { "a source that is an urn", "source", "urn:uuid:6e8bc430", NULL, TRIAL_RULE_NONE },
    { "a source that is relative", "source", "a/b:c", NULL, TRIAL_RULE_NONE },
    { "a source with a blank", "source", "/dk/a b", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a source with a bracket", "source", "[x", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a source with letters beyond ASCII", "source", "/dk/\xc3\xa6", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a type nobody knows", "type", "trial.exploded", NULL, TRIAL_RULE_UNKNOWN_TYPE },
    { "a type that is a number", "type", NULL, "07", TRIAL_RULE_WRONG_TYPE },
    { "a subject without a slash", "subject", "ff2", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a subject without an id", "subject", "programme/", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a subject without a kind", "subject", "/ff2", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a subject in capitals", "subject", "programme/FF2", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a kind with a digit", "subject", "p1/ff2", NULL, TRIAL_RULE_WRONG_TYPE },
    { "an id that begins with a dot", "subject", "programme/.ff2", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a subject with two slashes", "subject", "programme/a/b", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a subject of all its characters", "subject", "programme/0a.b_c-9", NULL, TRIAL_RULE_NONE },
    { "a time without zone", "time", "2020-12-31T12:00:00", NULL, TRIAL_RULE_BAD_TIME },
    { "a time that is a day", "time", "2020-12-31", NULL, TRIAL_RULE_BAD_TIME },
    { "a time that is a number", "time", NULL, "ce5fed0000", TRIAL_RULE_WRONG_TYPE },
    { "data that is a list", "data", NULL, "90", TRIAL_RULE_WRONG_TYPE },
    { "data that is text", "data", "{}", NULL, TRIAL_RULE_WRONG_TYPE },
    { "the right version", "specversion", "1.0", NULL, TRIAL_RULE_NONE },
    { "another version", "specversion", "1.1", NULL, TRIAL_RULE_BAD_RANGE },
    { "a version that is a float",
      "specversion",
      NULL,
      "cb3ff0000000000000",
      TRIAL_RULE_WRONG_TYPE },
    { "an extension of text", "traceparent", "00-ab", NULL, TRIAL_RULE_NONE },
    { "an extension of an integer", "sequence", NULL, "cfffffffffffffffff", TRIAL_RULE_NONE },
    { "an extension of a truth", "x", NULL, "c2", TRIAL_RULE_NONE },
    { "an extension that is nil", "x", NULL, "c0", TRIAL_RULE_NONE },
    { "an extension that is a float", "x", NULL, "cb3ff0000000000000", TRIAL_RULE_WRONG_TYPE },
    { "an extension that is a map", "x", NULL, "80", TRIAL_RULE_WRONG_TYPE },
    { "an extension with a tab", "x", "a\tb", NULL, TRIAL_RULE_BAD_RANGE },
    { "an extension named in capitals", "traceParent", "a", NULL, TRIAL_RULE_WRONG_TYPE },
    { "an extension that begins with a digit", "1x", "a", NULL, TRIAL_RULE_WRONG_TYPE },
    { "an extension of twenty letters", "abcdefghijklmnopqrst", "a", NULL, TRIAL_RULE_NONE },
    { "an extension of twenty-one", "abcdefghijklmnopqrstu", "a", NULL, TRIAL_RULE_WRONG_TYPE },
    { "a position that was sent", "position", "nonsense", NULL, TRIAL_RULE_NONE },
};

static void test_attributes_are_held_to_their_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        const struct attribute_case *c = &attributes[i];
        trial_value *event = sound_event();
        trial_value *value = NULL;
        pack_reader reader;
        proto_arrival arrival;
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code;

        if (c->value != NULL) {
            value = word(c->value);
        } else {
            reader = pack_reader_of(test_hex(&arena, c->hex));
            assert_int_equal(pack_value(&reader, &arena, &value, &err), TRIAL_OK);
        }
        trial_value_set(&arena, event, c->attribute, value);
        code = read_event(event, &arrival, &err);
        if (code != trial_rule_code(c->rule)) {
            print_error("%s: %s\n", c->name, err.text);
        }
        assert_int_equal(code, trial_rule_code(c->rule));
        assert_int_equal(err.rule, c->rule);
        assert_string_equal(err.field, c->rule == TRIAL_RULE_NONE ? "" : c->attribute);
    }
}

static trial_value *long_word(char first, uint32_t size)
{
    char *text = trial_arena_take(&arena, size + 1);

    memset(text, 'x', size);
    text[0] = first;
    return trial_value_text(&arena, (trial_text){ text, size });
}

static void test_lengths_are_bounded(void **state)
{
    static const struct {
        const char *attribute;
        uint32_t most;
    } cases[] = { { "id", 128 }, { "source", 256 } };
    proto_arrival arrival;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        trial_value *event = sound_event();

        trial_value_set(&arena, event, cases[i].attribute, long_word('/', cases[i].most));
        assert_int_equal(read_event(event, &arrival, &err), TRIAL_OK);
        trial_value_set(&arena, event, cases[i].attribute, long_word('/', cases[i].most + 1));
        assert_int_equal(read_event(event, &arrival, &err), TRIAL_INVALID);
        assert_int_equal(err.rule, TRIAL_RULE_BAD_RANGE);
    }
}

static void test_an_event_is_bounded_in_bytes_depth_and_elements(void **state)
{
    trial_value *event = sound_event();
    trial_value *data = trial_value_get(event, "data");
    trial_value *inner = data;
    trial_value *list = trial_value_list(&arena);
    proto_arrival arrival;
    proto_limits exact = limits;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(read_event(event, &arrival, &err), TRIAL_OK);
    exact.event_bytes = (uint32_t)arrival.content.size;
    assert_int_equal(proto_arrival_read(packed(event), &exact, &arena, &arrival, &err), TRIAL_OK);
    exact.event_bytes--; /* of the canonical content: what came lacks the version */
    assert_true(packed(event).size <= exact.event_bytes);
    assert_int_equal(proto_arrival_read(packed(event), &exact, &arena, &arrival, &err),
                     TRIAL_TOO_LARGE);
    for (unsigned level = 3; level <= 16; level++) {
        trial_value *next = trial_value_map(&arena);

        trial_value_set(&arena, inner, "x", next);
        inner = next;
    }
    assert_int_equal(read_event(event, &arrival, &err), TRIAL_OK);
    trial_value_set(&arena, inner, "x", trial_value_list(&arena));
    assert_int_equal(read_event(event, &arrival, &err), TRIAL_TOO_LARGE);
    assert_int_equal(err.rule, TRIAL_RULE_TOO_LARGE);
    event = sound_event();
    trial_value_set(&arena, trial_value_get(event, "data"), "x", list);
    while (list->as.list.count < 4096 - 17) { /* the rest of the event has 17 */
        trial_value_push(&arena, list, trial_value_nil(&arena));
    }
    assert_int_equal(read_event(event, &arrival, &err), TRIAL_OK);
    trial_value_push(&arena, list, trial_value_nil(&arena));
    assert_int_equal(read_event(event, &arrival, &err), TRIAL_TOO_LARGE);
}

static void test_bytes_that_are_no_event_are_refused(void **state)
{
    static const struct {
        const char *hex;
        trial_rule rule;
        const char *field;
    } cases[] = {
        { "90", TRIAL_RULE_WRONG_TYPE, "" },
        { "c0", TRIAL_RULE_WRONG_TYPE, "" },
        { "80", TRIAL_RULE_MISSING_FIELD, "id" },
        { "81 01 02", TRIAL_RULE_NOT_JSON, "" },
        { "82 a26964 a161 a26964 a161", TRIAL_RULE_NOT_JSON, "" },
        { "82 a8706f736974696f6e 01 a8706f736974696f6e 01", TRIAL_RULE_NOT_JSON, "" },
        { "81 a464617461 82 a161 01 a161 02", TRIAL_RULE_NOT_JSON, "data" },
        { "81 a464617461 81 a161 c40161", TRIAL_RULE_WRONG_TYPE, "data.a" },
        { "81 a464617461 81 a161 cb7ff0000000000000", TRIAL_RULE_BAD_RANGE, "data.a" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        proto_arrival arrival;
        trial_error err = TRIAL_ERROR_NONE;

        assert_int_equal(
            proto_arrival_read(test_hex(&arena, cases[i].hex), &limits, &arena, &arrival, &err),
            trial_rule_code(cases[i].rule));
        assert_int_equal(err.rule, cases[i].rule);
        assert_string_equal(err.field, cases[i].field);
    }
}

static void test_what_the_log_adds_is_dropped_when_it_is_sent(void **state)
{
    trial_value *event = sound_event();
    proto_arrival plain;
    proto_arrival exported;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(read_event(event, &plain, &err), TRIAL_OK);
    trial_value_set(&arena, event, "position", trial_value_integer(&arena, 7));
    trial_value_set(&arena, event, "revision", trial_value_integer(&arena, 2));
    trial_value_set(&arena, event, "ingesttime", word("2021-01-01T00:00:00.000000Z"));
    trial_value_set(&arena, event, "specversion", word("1.0"));
    trial_value_set(&arena, event, "absent", trial_value_nil(&arena));
    assert_int_equal(read_event(event, &exported, &err), TRIAL_OK);
    assert_bytes_equal(plain.content, exported.content);
}

static void place(proto_arrival *arrival, uint64_t position, uint64_t revision)
{
    arrival->event.position = position;
    arrival->event.revision = revision;
    arrival->event.ingest = 1700000000123456789;
}

static trial_bytes record_of(trial_value *event, proto_arrival *arrival)
{
    trial_bytes record = { 0 };

    assert_int_equal(read_event(event, arrival, NULL), TRIAL_OK);
    place(arrival, 70000, 300);
    proto_record_write(arrival, 69999, salt, &arena, &record);
    return record;
}

/* The leaf as the paper says it, from a tree of values: slow, and by another way. */
static void leaf_of(const proto_record *record, uint8_t *ret_leaf)
{
    pack_reader reader = pack_reader_of(record->event);
    trial_value *header = trial_value_map(&arena);
    trial_value *event = NULL;
    uint8_t *secret = trial_arena_take(&arena, TRIAL_SALT_BYTES + record->data.size);
    uint8_t *entry;
    trial_bytes bytes;

    assert_int_equal(pack_value(&reader, &arena, &event, NULL), TRIAL_OK);
    for (uint32_t i = 0; i < event->as.map.count; i++) {
        if (!trial_text_is(event->as.map.entries[i].name, "data")) {
            trial_value_set_text(
                &arena, header, event->as.map.entries[i].name, event->as.map.entries[i].value);
        }
    }
    bytes = packed(header);
    memcpy(secret, salt, TRIAL_SALT_BYTES);
    memcpy(secret + TRIAL_SALT_BYTES, record->data.data, record->data.size);
    entry = trial_arena_take(&arena, bytes.size + TRIAL_HASH_BYTES);
    memcpy(entry, bytes.data, bytes.size);
    proto_hash((trial_bytes){ secret, TRIAL_SALT_BYTES + record->data.size }, entry + bytes.size);
    proto_hash_leaf((trial_bytes){ entry, bytes.size + TRIAL_HASH_BYTES }, ret_leaf);
}

static void test_every_type_makes_a_record_that_gives_its_event_back(void **state)
{
    filler chance = { .arena = &arena, .is_random = true, .state = fill_seed(2) };

    (void)state;
    for (unsigned round = 0; round < TRIAL_EVENT_COUNT * 5; round++) {
        trial_event_type type = round % TRIAL_EVENT_COUNT;
        trial_value *sent = fill_event(&chance, type);
        trial_value *kept = NULL;
        proto_arrival arrival;
        proto_record record;
        trial_event event;
        uint8_t leaf[TRIAL_HASH_BYTES];
        pack_reader reader;

        assert_int_equal(proto_record_read(record_of(sent, &arrival), &record, NULL), TRIAL_OK);
        assert_true(pack_is_canonical(record.event));
        assert_true(record.position == 70000 && record.revision == 300 && record.previous == 69999);
        assert_true(record.ingest == 1700000000123456789 && record.time == arrival.event.time);
        assert_true(trial_text_equal(record.subject, arrival.event.subject));
        assert_text_is(record.type, trial_event_row_of(type)->name);
        assert_true(trial_text_equal(record.programme, trial_event_programme(&arrival.event)));
        assert_true(trial_text_is_set(record.programme) ==
                    trial_text_is_set(trial_event_programme(&arrival.event)));
        leaf_of(&record, leaf);
        assert_memory_equal(record.leaf, leaf, sizeof leaf);
        assert_memory_equal(record.salt, salt, sizeof salt);
        assert_true(proto_record_leaf_is_right(&record));
        assert_true(proto_record_holds(&record, &arrival));
        assert_int_equal(proto_record_event(&record, &arena, &event, NULL), TRIAL_OK);
        assert_int_equal(event.type, type);
        assert_true(trial_text_equal(event.id, arrival.event.id));
        assert_true(trial_text_equal(event.time_text, arrival.event.time_text));
        assert_int_equal(event.kind, arrival.event.kind);
        assert_bytes_equal(event.data, arrival.event.data);
        reader = pack_reader_of(record.event);
        assert_int_equal(pack_value(&reader, &arena, &kept, NULL), TRIAL_OK);
        trial_value_set(&arena, sent, "specversion", word("1.0"));
        trial_value_set(&arena, sent, "position", trial_value_integer(&arena, 70000));
        trial_value_set(&arena, sent, "revision", trial_value_integer(&arena, 300));
        trial_value_set(&arena, sent, "ingesttime", word("2023-11-14T22:13:20.123456Z"));
        assert_true(trial_value_equal(sent, kept));
        trial_arena_reset(&arena);
    }
}

static void test_the_programme_of_data_is_kept_also_where_no_row_asks_for_it(void **state)
{
    trial_value *event = sound_event();
    proto_arrival arrival;
    proto_record record;

    (void)state;
    trial_value_set(&arena, trial_value_get(event, "data"), "programme", word("ff3"));
    assert_int_equal(proto_record_read(record_of(event, &arrival), &record, NULL), TRIAL_OK);
    assert_text_is(record.programme, "ff3");
    trial_value_set(
        &arena, trial_value_get(event, "data"), "programme", trial_value_integer(&arena, 3));
    assert_int_equal(proto_record_read(record_of(event, &arrival), &record, NULL), TRIAL_OK);
    assert_null(record.programme.at);
}

static void test_another_content_is_not_what_the_record_holds(void **state)
{
    static const char *const changed[] = { "id", "source", "subject", "time", "newext" };
    proto_arrival arrival;
    proto_arrival other;
    proto_record record;

    (void)state;
    assert_int_equal(proto_record_read(record_of(sound_event(), &arrival), &record, NULL),
                     TRIAL_OK);
    for (size_t i = 0; i < COUNT_OF(changed); i++) {
        trial_value *event = sound_event();
        const char *value = strcmp(changed[i], "time") == 0      ? "2020-12-31T11:00:00Z"
                            : strcmp(changed[i], "subject") == 0 ? "programme/ff3"
                                                                 : "2";

        trial_value_set(&arena, event, changed[i], word(value)); /* the same instant, too */
        assert_int_equal(read_event(event, &other, NULL), TRIAL_OK);
        assert_false(proto_record_holds(&record, &other));
    }
}

static void test_a_flipped_bit_never_goes_unseen_or_astray(void **state)
{
    proto_arrival arrival;
    trial_bytes whole = record_of(sound_event(), &arrival);
    uint8_t *bytes = test_malloc(whole.size);

    (void)state;
    for (size_t bit = 0; bit < whole.size * 8; bit++) {
        proto_record record;
        trial_event event;
        trial_error err = TRIAL_ERROR_NONE;

        memcpy(bytes, whole.data, whole.size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (proto_record_read((trial_bytes){ bytes, whole.size }, &record, &err) != TRIAL_OK) {
            assert_int_equal(err.code, TRIAL_STORAGE);
            continue;
        }
        if (bit / 8 >= 80) { /* salt, leaf and event: what the leaf vouches for */
            assert_false(proto_record_leaf_is_right(&record));
        }
        if (proto_record_event(&record, &arena, &event, &err) != TRIAL_OK) {
            assert_int_equal(err.code, TRIAL_STORAGE);
        }
        (void)proto_record_holds(&record, &arrival); /* stays inside the bytes */
    }
    test_free(bytes);
}

static void test_a_record_cut_anywhere_is_damage(void **state)
{
    proto_arrival arrival;
    trial_bytes whole = record_of(sound_event(), &arrival);

    (void)state;
    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *cut = test_malloc(size + 1);
        proto_record record;
        trial_error err = TRIAL_ERROR_NONE;

        memcpy(cut, whole.data, size);
        assert_int_equal(proto_record_read((trial_bytes){ cut, size }, &record, &err),
                         TRIAL_STORAGE);
        test_free(cut);
    }
}

static void test_a_corrected_event_is_read_with_other_data(void **state)
{
    proto_arrival arrival;
    proto_record record;
    trial_event event;
    trial_bytes value = packed(word("2019-06-30"));
    trial_bytes data;

    (void)state;
    assert_int_equal(proto_record_read(record_of(sound_event(), &arrival), &record, NULL),
                     TRIAL_OK);
    data = proto_data_with(record.data, TRIAL_TEXT("closedOn"), value, &arena);
    assert_true(pack_is_canonical(data));
    assert_int_equal(proto_record_event_with(&record, data, &arena, &event, NULL), TRIAL_OK);
    assert_int_equal(event.as.programme_closed.closedOn, 18077);
    assert_bytes_equal(proto_data_field(data, TRIAL_TEXT("closedOn")), value);
    data = proto_data_with(data, TRIAL_TEXT("a"), value, &arena);
    data = proto_data_with(data, TRIAL_TEXT("z"), value, &arena);
    assert_true(pack_is_canonical(data));
    assert_bytes_equal(proto_data_field(data, TRIAL_TEXT("z")), value);
    assert_bytes_equal(proto_data_field(data, TRIAL_TEXT("closedOn")), value);
    assert_null(proto_data_field(data, TRIAL_TEXT("closed")).data);
}

/* The example of PROTOCOL.md, which others test their own code against. */
static void test_the_example_of_the_protocol_is_right(void **state)
{
    uint8_t counting[TRIAL_SALT_BYTES];
    proto_arrival arrival;
    proto_record record;
    trial_bytes bytes;

    (void)state;
    assert_int_equal(read_event(sound_event(), &arrival, NULL), TRIAL_OK);
    assert_bytes_equal(arrival.content,
                       test_hex(&arena,
                                "87 a4 64617461 81 a8 636c6f7365644f6e aa 323032302d31322d3331"
                                "a2 6964 a1 31   a6 736f75726365 ac 2f646b2f7265676572696e67"
                                "ab 7370656376657273696f6e a3 312e30"
                                "a7 7375626a656374 ad 70726f6772616d6d652f666632"
                                "a4 74696d65 b9 323032302d31322d33315431323a30303a30302b30313a3030"
                                "a4 74797065 b0 70726f6772616d6d652e636c6f736564"));
    for (unsigned i = 0; i < sizeof counting; i++) {
        counting[i] = (uint8_t)i;
    }
    arrival.event.position = 9;
    arrival.event.revision = 3;
    arrival.event.ingest = trial_date_begin(18628);
    proto_record_write(&arrival, 8, counting, &arena, &bytes);
    assert_int_equal(proto_record_read(bytes, &record, NULL), TRIAL_OK);
    assert_memory_equal(
        record.leaf,
        test_hex(&arena, "c0e26099f7eec96fa26c4e9022dcd245a365f54588781ce3c7014d6189e4c321").data,
        TRIAL_HASH_BYTES);
}

/* RFC 6962: eight entries, and the roots of the trees of the first n of them. */
static void test_the_tree_has_the_roots_of_the_vectors(void **state)
{
    static const char *const entries[] = {
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    };
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    proto_tree tree = { 0 };
    uint8_t hash[TRIAL_HASH_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        proto_tree_root(&tree, hash);
        assert_int_equal(tree.size, i);
        assert_memory_equal(hash, test_hex(&arena, roots[i]).data, sizeof hash);
        if (i < COUNT_OF(entries)) {
            proto_hash_leaf(test_hex(&arena, entries[i]), hash);
            proto_tree_add(&tree, hash);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_sound_event_is_read_whole, reset),
        cmocka_unit_test_setup(test_attributes_are_held_to_their_rules, reset),
        cmocka_unit_test_setup(test_lengths_are_bounded, reset),
        cmocka_unit_test_setup(test_an_event_is_bounded_in_bytes_depth_and_elements, reset),
        cmocka_unit_test_setup(test_bytes_that_are_no_event_are_refused, reset),
        cmocka_unit_test_setup(test_what_the_log_adds_is_dropped_when_it_is_sent, reset),
        cmocka_unit_test_setup(test_every_type_makes_a_record_that_gives_its_event_back, reset),
        cmocka_unit_test_setup(test_the_programme_of_data_is_kept_also_where_no_row_asks_for_it,
                               reset),
        cmocka_unit_test_setup(test_another_content_is_not_what_the_record_holds, reset),
        cmocka_unit_test_setup(test_a_flipped_bit_never_goes_unseen_or_astray, reset),
        cmocka_unit_test_setup(test_a_record_cut_anywhere_is_damage, reset),
        cmocka_unit_test_setup(test_a_corrected_event_is_read_with_other_data, reset),
        cmocka_unit_test_setup(test_the_example_of_the_protocol_is_right, reset),
        cmocka_unit_test_setup(test_the_tree_has_the_roots_of_the_vectors, reset),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
