/* test_codec.c - for whatever is thought up: what is read is what was written, and every spelling
 * of an event is one event. TRIAL_SEED repeats a run. */
#include "fill.h"
#include "record.h"
#include "test.h"

#define ROUNDS 2000

static trial_arena arena;
static uint64_t seed;

static int begin(void **state)
{
    (void)state;
    seed = fill_seed(20161);
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

static trial_bytes spelt(filler *chance, const trial_value *value)
{
    pack_writer writer = { 0 };
    trial_bytes bytes;

    fill_spell(chance, value, &writer);
    bytes = trial_arena_bytes(&arena, pack_written(&writer));
    pack_writer_done(&writer);
    return bytes;
}

static trial_bytes canonical(trial_bytes bytes)
{
    pack_reader reader = pack_reader_of(bytes);
    pack_writer writer = { 0 };
    trial_bytes again;

    assert_int_equal(pack_canonical(&reader, &writer, &arena, NULL), TRIAL_OK);
    again = trial_arena_bytes(&arena, pack_written(&writer));
    pack_writer_done(&writer);
    return again;
}

static void test_a_value_read_is_the_value_written(void **state)
{
    const pack_limits limits = { .bytes = 1 << 20, .depth = 16, .elements = 4096 };
    filler chance = { .arena = &arena, .is_random = true, .state = seed };

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const trial_value *value = fill_value(&chance, 1 + fill_below(&chance, 10));
        trial_bytes bytes = packed(value);
        trial_value *again = NULL;
        pack_reader reader = pack_reader_of(bytes);

        assert_int_equal(pack_scan(bytes, &limits, NULL), TRIAL_OK);
        assert_int_equal(pack_value(&reader, &arena, &again, NULL), TRIAL_OK);
        assert_true(trial_value_equal(value, again));
        assert_bytes_equal(packed(again), bytes);
        trial_arena_reset(&arena);
    }
}

static void test_every_spelling_of_a_value_has_one_canonical_form(void **state)
{
    filler chance = { .arena = &arena, .is_random = true, .state = seed + 1 };

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const trial_value *value = fill_value(&chance, 1 + fill_below(&chance, 10));
        trial_bytes bytes = packed(value);
        trial_bytes other = spelt(&chance, value);

        assert_true(pack_is_canonical(bytes));
        assert_bytes_equal(canonical(bytes), bytes);
        assert_bytes_equal(canonical(other), bytes);
        assert_int_equal(pack_is_canonical(other),
                         other.size == bytes.size &&
                             memcmp(other.data, bytes.data, bytes.size) == 0);
        trial_arena_reset(&arena);
    }
}

static void test_every_spelling_of_an_event_is_one_event(void **state)
{
    static const proto_limits limits = { .event_bytes = 65536, .event_depth = 16 };
    static const uint8_t salt[TRIAL_SALT_BYTES] = { 9 };
    filler chance = { .arena = &arena, .is_random = true, .state = seed + 2 };

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        trial_event_type type = fill_below(&chance, TRIAL_EVENT_COUNT);
        trial_value *event = fill_event(&chance, type);
        proto_arrival one;
        proto_arrival other;
        proto_arrival exported;
        proto_record record;
        trial_bytes bytes;

        assert_int_equal(proto_arrival_read(packed(event), &limits, &arena, &one, NULL), TRIAL_OK);
        assert_int_equal(proto_arrival_read(spelt(&chance, event), &limits, &arena, &other, NULL),
                         TRIAL_OK);
        assert_bytes_equal(one.content, other.content);
        one.event.position = 1 + fill_below(&chance, 100000);
        one.event.revision = 1;
        one.event.ingest = 1519815600123456000 + (int64_t)round;
        proto_record_write(&one, 0, salt, &arena, &bytes);
        assert_int_equal(proto_record_read(bytes, &record, NULL), TRIAL_OK);
        assert_true(proto_record_holds(&record, &other));
        assert_int_equal(proto_arrival_read(record.event, &limits, &arena, &exported, NULL),
                         TRIAL_OK);
        assert_bytes_equal(exported.content, one.content);
        trial_arena_reset(&arena);
    }
}

/* Any one byte of a request changed: nothing strays, and what is taken has one spelling. */
static void test_a_changed_byte_is_refused_or_makes_another_event(void **state)
{
    static const proto_limits limits = { .event_bytes = 65536, .event_depth = 16 };
    const pack_limits scan = { .bytes = 1 << 20, .depth = 20, .elements = 4096 };
    filler chance = { .arena = &arena, .is_random = true, .state = seed + 3 };

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        trial_bytes bytes = packed(fill_event(&chance, fill_below(&chance, TRIAL_EVENT_COUNT)));
        uint8_t *changed = (uint8_t *)(uintptr_t)bytes.data;
        proto_arrival arrival;
        proto_arrival again;

        changed[fill_below(&chance, (uint32_t)bytes.size)] = (uint8_t)fill_next(&chance);
        if (pack_scan(bytes, &scan, NULL) == TRIAL_OK &&
            proto_arrival_read(bytes, &limits, &arena, &arrival, NULL) == TRIAL_OK) {
            assert_true(pack_is_canonical(arrival.content));
            assert_int_equal(proto_arrival_read(arrival.content, &limits, &arena, &again, NULL),
                             TRIAL_OK);
            assert_bytes_equal(arrival.content, again.content);
        }
        trial_arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_read_is_the_value_written),
        cmocka_unit_test(test_every_spelling_of_a_value_has_one_canonical_form),
        cmocka_unit_test(test_every_spelling_of_an_event_is_one_event),
        cmocka_unit_test(test_a_changed_byte_is_refused_or_makes_another_event),
    };

    return cmocka_run_group_tests(tests, begin, done);
}
