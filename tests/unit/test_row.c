/* test_row.c - structs as the tables hold them: what was written comes back, and what is no row is
 * told. */
#include "fill.h"
#include "row.h"
#include "test.h"

#include <stdlib.h>

static trial_arena arena;

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

static trial_bytes written(const trial_state *from)
{
    pack_writer writer = { 0 };
    trial_bytes bytes;

    proto_row_write(&writer, from);
    bytes = trial_arena_bytes(&arena, pack_written(&writer));
    pack_writer_done(&writer);
    return bytes;
}

/* The same as a map of names, which no mistake of place can hide from. */
static trial_bytes named(const trial_state *from)
{
    pack_writer writer = { 0 };
    trial_bytes bytes;

    pack_put_shape(&writer, trial_state_shape(from->kind), &from->as);
    bytes = trial_arena_bytes(&arena, pack_written(&writer));
    pack_writer_done(&writer);
    return bytes;
}

static void assert_round_trip(const trial_state *from)
{
    trial_bytes first = written(from);
    trial_state again;

    memset(&again, 0x5a, sizeof again);
    again.kind = from->kind;
    assert_int_equal(proto_row_read(first, &arena, &again, NULL), TRIAL_OK);
    assert_bytes_equal(written(&again), first);
    assert_bytes_equal(named(&again), named(from));
}

static void test_every_state_comes_back_full_empty_and_by_chance(void **state)
{
    filler full = { .arena = &arena };
    filler chance = { .arena = &arena, .is_random = true, .state = fill_seed(1) };

    (void)state;
    for (trial_kind kind = 0; kind <= TRIAL_KIND_OTHER; kind++) {
        const trial_shape *shape = trial_state_shape(kind);
        trial_state from;

        trial_state_clear(&from, kind, (trial_text){ 0 });
        assert_int_equal(written(&from).size, (shape->count + 7) / 8);
        assert_round_trip(&from);
        fill_struct(&full, shape, &from.as);
        assert_round_trip(&from);
        for (unsigned round = 0; round < 50; round++) {
            fill_struct(&chance, shape, &from.as);
            assert_round_trip(&from);
        }
    }
}

/* As row.h says it: of a law's thirteen fields the second and the sixth are set. */
static void test_a_row_is_bits_then_values(void **state)
{
    const uint8_t expected[] = { 0x22, 0x00, 3, 'l', 'a', 'w', 1, 0, 0, 0, 0, 0, 0, 0 };
    trial_state law;

    (void)state;
    trial_state_clear(&law, TRIAL_KIND_LAW, (trial_text){ 0 });
    law.as.law.title = TRIAL_TEXT("law");
    law.as.law.since = 1;
    assert_bytes_equal(written(&law), ((trial_bytes){ expected, sizeof expected }));
}

/* In memory of its own size, so that a sanitizer sees a read beyond it. */
static trial_code read_alone(trial_bytes bytes)
{
    uint8_t *alone = malloc(bytes.size == 0 ? 1 : bytes.size);
    trial_state into = { .kind = TRIAL_KIND_TRIAL };
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;

    assert_non_null(alone);
    memcpy(alone, bytes.data, bytes.size);
    code = proto_row_read((trial_bytes){ alone, bytes.size }, &arena, &into, &err);
    free(alone);
    return code;
}

static trial_bytes full_trial(void)
{
    trial_state trial = { .kind = TRIAL_KIND_TRIAL };
    filler full = { .arena = &arena };

    fill_struct(&full, trial_shape_of_trial(), &trial.as);
    return written(&trial);
}

static void test_a_row_that_is_cut_or_too_long_is_none(void **state)
{
    trial_bytes whole = full_trial();
    uint8_t longer[8192];

    (void)state;
    for (size_t size = 0; size < whole.size; size++) {
        assert_int_equal(read_alone((trial_bytes){ whole.data, size }), TRIAL_STORAGE);
    }
    assert_true(whole.size < sizeof longer);
    memcpy(longer, whole.data, whole.size);
    longer[whole.size] = 0;
    assert_int_equal(read_alone((trial_bytes){ longer, whole.size + 1 }), TRIAL_STORAGE);
}

/* Damage is found by the sum in front of a row; the reader has only to stay inside of it. */
static void test_flipped_bits_are_read_without_leaving_the_row(void **state)
{
    trial_bytes whole = full_trial();
    uint8_t flipped[8192];
    size_t refused = 0;

    (void)state;
    assert_true(whole.size < sizeof flipped);
    for (size_t bit = 0; bit < whole.size * 8; bit++) {
        memcpy(flipped, whole.data, whole.size);
        flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused += read_alone((trial_bytes){ flipped, whole.size }) == TRIAL_OK ? 0 : 1;
    }
    assert_in_range(refused, 1, whole.size * 8 - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_state_comes_back_full_empty_and_by_chance, reset),
        cmocka_unit_test_setup(test_a_row_is_bits_then_values, reset),
        cmocka_unit_test_setup(test_a_row_that_is_cut_or_too_long_is_none, reset),
        cmocka_unit_test_setup(test_flipped_bits_are_read_without_leaving_the_row, reset),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
