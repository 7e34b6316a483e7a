/* test_golden.c - the bytes of every event type, for ever. Each type has an example with every
 * field of its row filled; its canonical content and the input of its leaf stand in
 * tests/golden/<type>.hex. A file that is not there is written, and the test fails until it is
 * committed. */
#include "fill.h"
#include "record.h"
#include "test.h"

#include <stdio.h>

static trial_arena arena;

static int done(void **state)
{
    (void)state;
    trial_arena_done(&arena);
    return 0;
}

/* "name\n", then the bytes in hex, 40 a line. */
static trial_text describe(trial_text text, const char *name, trial_bytes bytes)
{
    char *hex = trial_arena_take(&arena, bytes.size * 2 + bytes.size / 40 + 2);
    size_t size = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        (void)snprintf(hex + size, 3, "%02x", bytes.data[i]);
        size += 2;
        if (i % 40 == 39 || i + 1 == bytes.size) {
            hex[size++] = '\n';
        }
    }
    return trial_arena_print(&arena, "%.*s%s\n%.*s", TRIAL_TEXT_ARGS(text), name, (int)size, hex);
}

/* What the leaf is the hash of, less the zero byte: the event without data, then the salted hash.
 */
static trial_bytes leaf_input(const proto_record *record)
{
    size_t head = (size_t)(record->data.data - record->event.data) - strlen("\xa4"
                                                                            "data");
    const uint8_t *behind = record->data.data + record->data.size;
    size_t tail = (size_t)(record->event.data + record->event.size - behind);
    uint8_t *entry = trial_arena_take(&arena, head + tail + TRIAL_HASH_BYTES);
    uint8_t *secret = trial_arena_take(&arena, TRIAL_SALT_BYTES + record->data.size);

    assert_int_equal(record->event.data[0] & 0xf0,
                     0x80); /* the example has at most 15 attributes */
    memcpy(entry, record->event.data, head);
    entry[0]--;
    memcpy(entry + head, behind, tail);
    memcpy(secret, record->salt, TRIAL_SALT_BYTES);
    memcpy(secret + TRIAL_SALT_BYTES, record->data.data, record->data.size);
    proto_hash((trial_bytes){ secret, TRIAL_SALT_BYTES + record->data.size }, entry + head + tail);
    return (trial_bytes){ entry, head + tail + TRIAL_HASH_BYTES };
}

static trial_text example_of(trial_event_type type)
{
    static const proto_limits limits = { .event_bytes = 65536, .event_depth = 16 };
    filler full = { .arena = &arena };
    uint8_t salt[TRIAL_SALT_BYTES];
    uint8_t leaf[TRIAL_HASH_BYTES];
    pack_writer writer = { 0 };
    proto_arrival arrival;
    proto_record record;
    trial_bytes bytes;
    trial_text text;

    pack_put_value(&writer, fill_event(&full, type), &arena);
    assert_int_equal(proto_arrival_read(pack_written(&writer), &limits, &arena, &arrival, NULL),
                     TRIAL_OK);
    pack_writer_done(&writer);
    arrival.event.position = 1000;
    arrival.event.revision = 7;
    arrival.event.ingest = 1519815600123456000;
    memset(salt, 0x5a, sizeof salt);
    proto_record_write(&arrival, 999, salt, &arena, &bytes);
    assert_int_equal(proto_record_read(bytes, &record, NULL), TRIAL_OK);
    text = describe((trial_text){ 0 }, "content", arrival.content);
    bytes = leaf_input(&record);
    proto_hash_leaf(bytes, leaf);
    assert_memory_equal(record.leaf, leaf, sizeof leaf);
    return describe(text, "leaf input", bytes);
}

/* The file's text, NULL where there is none. */
static char *read_golden(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text;
    size_t size;

    if (file == NULL) {
        return NULL;
    }
    text = trial_arena_take(&arena, 65536);
    size = fread(text, 1, 65535, file);
    text[size] = '\0';
    (void)fclose(file); /* it was only read */
    return text;
}

static void write_golden(const char *path, trial_text text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text.at, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
}

static void test_every_type_has_its_golden_bytes(void **state)
{
    unsigned missing = 0;

    (void)state;
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        const char *name = trial_event_row_of(type)->name;
        trial_text path = trial_arena_print(&arena, "%s/golden/%s.hex", TRIAL_TEST_DATA, name);
        trial_text example = example_of(type);
        const char *golden = read_golden(path.at);

        if (golden == NULL) {
            print_error("%s had no golden bytes; they are written, look at them and commit\n",
                        name);
            write_golden(path.at, example);
            missing++;
        } else if (!trial_text_is(example, golden)) {
            print_error("%s is not what it was: a row never changes, a new shape is a new row\n",
                        name);
            missing++;
        }
        trial_arena_reset(&arena);
    }
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_has_its_golden_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
