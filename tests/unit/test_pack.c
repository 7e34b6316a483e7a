/* test_pack.c - the scan that trusts nothing, the reader, the writer and the one spelling. */
#include "pack.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

static const pack_limits limits = { .bytes = 1 << 20, .depth = 16, .elements = 4096 };
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

static const struct scan_case {
    const char *name;
    const char *hex;
    trial_code code;
    trial_rule rule;
} scans[] = {
    { "nothing is no value", "", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "nil", "c0", TRIAL_OK, 0 },
    { "the byte that never is", "c1", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "two values", "c0 c0", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a list of every kind",
      "9c c0 c2 c3 7f ff ca00000000 cb0000000000000000 a161 c40161 d40161 90 80",
      TRIAL_OK,
      0 },
    { "a list that lacks an item", "92 c0", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a map that lacks a value", "81 a161", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a list that claims 268 million", "dd10000000", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a list that claims the most", "ddffffffff", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a map that claims the most", "dfffffffff c0", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a map whose pairs are twice the bytes",
      "de0002 c0 c0 c0",
      TRIAL_MALFORMED,
      TRIAL_RULE_NOT_JSON },
    { "a text that claims the most", "dbffffffff 61", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "bin that claims the most", "c6ffffffff 61", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "ext that claims the most", "c9ffffffff 01", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "ext without its type", "c700", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a fixext cut short", "d8 01 00", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a number cut short", "cf00000000000000", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "a length cut short", "da00", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "text with NUL", "a3610062", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "text with NUL among eight", "a8 6161616100616161", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "text cut in a character", "a1c3", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "a lone continuation", "a180", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "an overlong slash", "a2c0af", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "an overlong of three", "a3e09fbf", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "an overlong of four", "a4f08fbfbf", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "a surrogate", "a3eda080", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "beyond U+10FFFF", "a4f4908080", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "a lead that is none", "a4f5808080", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "a bad third byte", "a3e18041", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "a bad key", "81 a1ff c0", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "the first and last of each length",
      "a8 c280 dfbf 7f eda0bf",
      TRIAL_MALFORMED,
      TRIAL_RULE_BAD_UTF8 },
    { "good characters of each length", "ad c280 e0a080 ed9fbf f48fbfbf 7f", TRIAL_OK, 0 },
    { "sixteen levels", "91919191919191919191919191919190", TRIAL_OK, 0 },
    { "seventeen levels",
      "9191919191919191919191919191919190",
      TRIAL_TOO_LARGE,
      TRIAL_RULE_TOO_LARGE },
};

static void test_a_scan_lets_in_what_is_whole_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scans); i++) {
        const struct scan_case *c = &scans[i];
        trial_bytes bytes = test_hex(&arena, c->hex);
        uint8_t *exact = test_malloc(bytes.size + 1); /* so that a scan that strays is caught */
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code;

        memcpy(exact, bytes.data, bytes.size);
        code = pack_scan((trial_bytes){ exact, bytes.size }, &limits, &err);
        if (code != c->code) {
            print_error("%s\n", c->name);
        }
        assert_int_equal(code, c->code);
        assert_int_equal(err.rule, c->rule);
        test_free(exact);
    }
}

static void test_a_scan_counts_bytes_depth_and_elements(void **state)
{
    const pack_limits small = { .bytes = 6, .depth = 2, .elements = 5 };
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(pack_scan(test_hex(&arena, "94 01 02 03 04"), &small, &err), TRIAL_OK);
    assert_int_equal(pack_scan(test_hex(&arena, "95 01 02 03 04 05"), &small, &err),
                     TRIAL_TOO_LARGE);
    assert_int_equal(pack_scan(test_hex(&arena, "a6 010203040506"), &small, &err), TRIAL_TOO_LARGE);
    assert_int_equal(pack_scan(test_hex(&arena, "91 91 01"), &small, &err), TRIAL_OK);
    assert_int_equal(pack_scan(test_hex(&arena, "91 91 80"), &small, &err), TRIAL_TOO_LARGE);
}

static void test_a_bomb_of_a_hundred_thousand_levels_is_refused(void **state)
{
    size_t size = 100000;
    uint8_t *bomb = trial_arena_take(&arena, size);
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    memset(bomb, 0x91, size);
    assert_int_equal(pack_scan((trial_bytes){ bomb, size }, &limits, &err), TRIAL_TOO_LARGE);
    memset(bomb, 0xc0, size);
    bomb[0] = 0xdd;
    bomb[1] = bomb[2] = 0;
    bomb[3] = 0x03;
    bomb[4] = 0xe8;
    assert_int_equal(pack_scan((trial_bytes){ bomb, 1005 }, &limits, &err), TRIAL_OK);
    bomb[3] = 0x13;
    assert_int_equal(pack_scan((trial_bytes){ bomb, 5101 }, &limits, &err), TRIAL_TOO_LARGE);
}

static const struct number_case {
    int64_t number;
    const char *hex;
} numbers[] = {
    { 0, "00" },
    { 127, "7f" },
    { 128, "cc80" },
    { 255, "ccff" },
    { 256, "cd0100" },
    { 65535, "cdffff" },
    { 65536, "ce00010000" },
    { UINT32_MAX, "ceffffffff" },
    { (int64_t)UINT32_MAX + 1, "cf0000000100000000" },
    { INT64_MAX, "cf7fffffffffffffff" },
    { -1, "ff" },
    { -32, "e0" },
    { -33, "d0df" },
    { -128, "d080" },
    { -129, "d1ff7f" },
    { -32768, "d18000" },
    { -32769, "d2ffff7fff" },
    { INT32_MIN, "d280000000" },
    { (int64_t)INT32_MIN - 1, "d3ffffffff7fffffff" },
    { INT64_MIN, "d38000000000000000" },
};

static void test_an_integer_has_one_shortest_form(void **state)
{
    pack_writer writer = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        trial_bytes bytes = test_hex(&arena, numbers[i].hex);
        pack_reader reader = pack_reader_of(bytes);

        pack_writer_reset(&writer);
        pack_put_integer(&writer, numbers[i].number);
        assert_bytes_equal(pack_written(&writer), bytes);
        assert_true(pack_is_canonical(bytes));
        assert_true(pack_integer(&reader) == numbers[i].number);
        assert_false(reader.has_failed);
        assert_int_equal(pack_peek(&reader), PACK_END);
    }
    pack_writer_done(&writer);
}

static void test_texts_lists_and_maps_have_one_shortest_head(void **state)
{
    static const struct {
        uint32_t size;
        const char *text;
        const char *list;
        const char *map;
    } heads[] = {
        { 0, "a0", "90", "80" },
        { 15, "af", "9f", "8f" },
        { 16, "b0", "dc0010", "de0010" },
        { 31, "bf", "dc001f", "de001f" },
        { 32, "d920", "dc0020", "de0020" },
        { 255, "d9ff", "dc00ff", "de00ff" },
        { 256, "da0100", "dc0100", "de0100" },
        { 65535, "daffff", "dcffff", "deffff" },
        { 65536, "db00010000", "dd00010000", "df00010000" },
    };
    pack_writer writer = { 0 };
    char *text = trial_arena_take(&arena, 65536);

    (void)state;
    memset(text, 'x', 65536);
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        trial_bytes head = test_hex(&arena, heads[i].text);

        pack_writer_reset(&writer);
        pack_put_text(&writer, (trial_text){ text, heads[i].size });
        assert_int_equal(writer.size, head.size + heads[i].size);
        assert_memory_equal(writer.data, head.data, head.size);
        assert_true(pack_is_canonical(pack_written(&writer)));
        pack_writer_reset(&writer);
        pack_put_list(&writer, heads[i].size);
        assert_bytes_equal(pack_written(&writer), test_hex(&arena, heads[i].list));
        pack_writer_reset(&writer);
        pack_put_map(&writer, heads[i].size);
        assert_bytes_equal(pack_written(&writer), test_hex(&arena, heads[i].map));
    }
    pack_writer_done(&writer);
}

static const struct canonical_case {
    const char *name;
    const char *given;
    const char *wanted; /* NULL: refused */
    trial_code code;
    trial_rule rule;
    const char *field;
} canonicals[] = {
    { "keys are sorted by their bytes",
      "83 a162 01 a161 02 a2 6161 03",
      "83 a161 02 a26161 03 a162 01",
      0,
      0,
      "" },
    { "the shorter of two beginnings is first",
      "82 a26161 01 a161 02",
      "82 a161 02 a26161 01",
      0,
      0,
      "" },
    { "bytes are unsigned", "82 a2c3a6 01 a17a 02", "82 a17a 02 a2c3a6 01", 0, 0, "" },
    { "maps inside maps and lists are sorted",
      "91 81 a161 91 82 a162 01 a161 02",
      "91 81 a161 91 82 a161 02 a162 01",
      0,
      0,
      "" },
    { "what follows a map inside is not lost",
      "82 a162 82 a162 01 a161 02 a161 03",
      "82 a161 03 a162 82 a161 02 a162 01",
      0,
      0,
      "" },
    { "integers are shortened",
      "94 cf0000000000000005 d005 d3ffffffffffffffff cd00ff",
      "94 05 05 ff ccff",
      0,
      0,
      "" },
    { "lengths are shortened", "dd00000002 d90161 df00000000", "92 a161 80", 0, 0, "" },
    { "a float is float 64", "ca3fc00000", "cb3ff8000000000000", 0, 0, "" },
    { "a whole float stays a float", "ca40400000", "cb4008000000000000", 0, 0, "" },
    { "a key twice", "82 a161 01 a161 01", NULL, TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON, "" },
    { "a key twice in two spellings",
      "82 a161 01 d90161 02",
      NULL,
      TRIAL_MALFORMED,
      TRIAL_RULE_NOT_JSON,
      "" },
    { "a key twice inside",
      "81 a178 91 82 a161 01 a161 02",
      NULL,
      TRIAL_MALFORMED,
      TRIAL_RULE_NOT_JSON,
      "x" },
    { "a key that is no text", "81 01 02", NULL, TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON, "" },
    { "bin", "81 a178 c400", NULL, TRIAL_INVALID, TRIAL_RULE_WRONG_TYPE, "x" },
    { "ext", "81 a178 81 a179 d40100", NULL, TRIAL_INVALID, TRIAL_RULE_WRONG_TYPE, "x.y" },
    { "not a number", "91 cb7ff8000000000000", NULL, TRIAL_INVALID, TRIAL_RULE_BAD_RANGE, "" },
    { "infinity", "81 a178 ca7f800000", NULL, TRIAL_INVALID, TRIAL_RULE_BAD_RANGE, "x" },
};

static void test_every_spelling_becomes_the_one_or_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(canonicals); i++) {
        const struct canonical_case *c = &canonicals[i];
        trial_bytes given = test_hex(&arena, c->given);
        pack_reader reader = pack_reader_of(given);
        pack_writer writer = { 0 };
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code = pack_canonical(&reader, &writer, &arena, &err);

        if (code != c->code) {
            print_error("%s\n", c->name);
        }
        assert_int_equal(code, c->code);
        assert_int_equal(err.rule, c->rule);
        assert_string_equal(err.field, c->field);
        assert_false(pack_is_canonical(given));
        if (c->wanted != NULL) {
            assert_bytes_equal(pack_written(&writer), test_hex(&arena, c->wanted));
            assert_true(pack_is_canonical(pack_written(&writer)));
            assert_int_equal(pack_peek(&reader), PACK_END);
        }
        pack_writer_done(&writer);
    }
}

static void test_the_first_error_of_a_reader_sticks(void **state)
{
    pack_reader reader = pack_reader_of(test_hex(&arena, "93 a161 05 c3"));

    (void)state;
    assert_int_equal(pack_list(&reader), 3);
    assert_int_equal(pack_integer(&reader), 0);
    assert_true(reader.has_failed);
    assert_null(pack_text(&reader).at);
    assert_int_equal(pack_peek(&reader), PACK_END);
    assert_null(pack_skip(&reader).data);
}

static void test_a_reader_refuses_what_does_not_fit(void **state)
{
    pack_reader reader = pack_reader_of(test_hex(&arena, "cf8000000000000000"));

    (void)state;
    assert_int_equal(pack_integer(&reader), 0);
    assert_true(reader.has_failed);
    reader = pack_reader_of(test_hex(&arena, "ff"));
    assert_int_equal(pack_unsigned(&reader), 0);
    assert_true(reader.has_failed);
    reader = pack_reader_of(test_hex(&arena, "d905 61"));
    assert_null(pack_text(&reader).at);
    reader = pack_reader_of(test_hex(&arena, "dd00010000 c0"));
    assert_int_equal(pack_list(&reader), 0);
    assert_true(reader.has_failed);
    reader = pack_reader_of(test_hex(&arena, "92 01"));
    assert_null(pack_skip(&reader).data);
    assert_true(reader.has_failed);
}

static void test_skipping_takes_one_whole_value(void **state)
{
    pack_reader reader = pack_reader_of(test_hex(&arena, "82 a161 91 80 a162 c0 07"));

    (void)state;
    assert_int_equal(pack_skip(&reader).size, 8);
    assert_int_equal(pack_unsigned(&reader), 7);
    assert_false(reader.has_failed);
}

static void test_a_tree_is_written_sorted_and_read_back(void **state)
{
    trial_value *map = trial_value_map(&arena);
    trial_value *list = trial_value_list(&arena);
    trial_value *again = NULL;
    pack_writer writer = { 0 };
    pack_reader reader;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    trial_value_push(&arena, list, trial_value_unsigned(&arena, UINT64_MAX));
    trial_value_push(&arena, list, trial_value_float(&arena, 1.5));
    trial_value_push(&arena, list, trial_value_map(&arena));
    trial_value_set(&arena, map, "z", trial_value_nil(&arena));
    trial_value_set(&arena, map, "a", list);
    trial_value_set(&arena, map, "m", trial_value_truth(&arena, false));
    pack_put_value(&writer, map, &arena);
    assert_bytes_equal(
        pack_written(&writer),
        test_hex(&arena, "83 a161 93 cfffffffffffffffff cb3ff8000000000000 80 a16d c2 a17a c0"));
    reader = pack_reader_of(pack_written(&writer));
    assert_int_equal(pack_value(&reader, &arena, &again, &err), TRIAL_OK);
    assert_true(trial_value_equal(map, again));
    assert_int_equal(trial_value_get(again, "a")->as.list.items[0]->kind, TRIAL_VALUE_UNSIGNED);
    pack_writer_done(&writer);
}

static void test_a_tree_is_written_as_deep_as_it_can_be_read(void **state)
{
    trial_value *tree = trial_value_integer(&arena, 7);
    trial_value *again = NULL;
    pack_writer writer = { 0 };
    pack_reader reader;

    (void)state;
    for (uint32_t depth = 1; depth <= PACK_DEPTH_MAX + 1; depth++) {
        trial_value *outer = depth % 2 == 0 ? trial_value_map(&arena) : trial_value_list(&arena);

        if (depth % 2 == 0) {
            trial_value_set(&arena, outer, "x", tree);
        } else {
            trial_value_push(&arena, outer, tree);
        }
        tree = outer;
        pack_writer_reset(&writer);
        assert_int_equal(pack_try_value(&writer, tree, &arena), depth <= PACK_DEPTH_MAX);
        if (depth <= PACK_DEPTH_MAX) {
            reader = pack_reader_of(pack_written(&writer));
            assert_int_equal(pack_value(&reader, &arena, &again, NULL), TRIAL_OK);
            assert_true(trial_value_equal(tree, again));
        }
    }
    pack_writer_done(&writer);
}

static void test_a_tree_is_not_made_of_bad_bytes(void **state)
{
    static const struct {
        const char *hex;
        trial_code code;
    } cases[] = {
        { "82 a161 01 a161 02", TRIAL_MALFORMED },
        { "82 a162 01 a161 02", TRIAL_OK },
        { "83 a162 01 a161 02 a162 03", TRIAL_MALFORMED },
        { "81 01 02", TRIAL_MALFORMED },
        { "91 c40161", TRIAL_INVALID },
        { "92 01", TRIAL_MALFORMED },
        { "ddffffffff", TRIAL_MALFORMED },
        { "", TRIAL_MALFORMED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        pack_reader reader = pack_reader_of(test_hex(&arena, cases[i].hex));
        trial_value *value = NULL;
        trial_error err = TRIAL_ERROR_NONE;

        assert_int_equal(pack_value(&reader, &arena, &value, &err), cases[i].code);
        assert_true(reader.has_failed == (cases[i].code != TRIAL_OK));
    }
}

static void test_a_message_is_always_text(void **state)
{
    pack_writer writer = { 0 };
    pack_reader reader;

    (void)state;
    pack_put_message(&writer, "sm\xc3\xb8r\xff og br\xc3");
    reader = pack_reader_of(pack_written(&writer));
    assert_text_is(pack_text(&reader), "sm\xc3\xb8r? og br?");
    assert_int_equal(pack_scan(pack_written(&writer), &limits, NULL), TRIAL_OK);
    pack_writer_done(&writer);
}

static void test_measuring_counts_levels_and_values(void **state)
{
    pack_measured measured;

    (void)state;
    assert_true(pack_measure(test_hex(&arena, "82 a161 91 90 a162 01"), &measured));
    assert_int_equal(measured.depth, 3);
    assert_int_equal(measured.elements, 6);
    assert_true(measured.is_canonical);
    assert_true(pack_measure(test_hex(&arena, "c0"), &measured));
    assert_int_equal(measured.depth, 0);
    assert_false(pack_measure(test_hex(&arena, "91"), &measured));
    assert_false(pack_measure(test_hex(&arena, "c0 c0"), &measured));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_scan_lets_in_what_is_whole_and_nothing_else, reset),
        cmocka_unit_test_setup(test_a_scan_counts_bytes_depth_and_elements, reset),
        cmocka_unit_test_setup(test_a_bomb_of_a_hundred_thousand_levels_is_refused, reset),
        cmocka_unit_test_setup(test_an_integer_has_one_shortest_form, reset),
        cmocka_unit_test_setup(test_texts_lists_and_maps_have_one_shortest_head, reset),
        cmocka_unit_test_setup(test_every_spelling_becomes_the_one_or_is_refused, reset),
        cmocka_unit_test_setup(test_the_first_error_of_a_reader_sticks, reset),
        cmocka_unit_test_setup(test_a_reader_refuses_what_does_not_fit, reset),
        cmocka_unit_test_setup(test_skipping_takes_one_whole_value, reset),
        cmocka_unit_test_setup(test_a_tree_is_written_sorted_and_read_back, reset),
        cmocka_unit_test_setup(test_a_tree_is_written_as_deep_as_it_can_be_read, reset),
        cmocka_unit_test_setup(test_a_tree_is_not_made_of_bad_bytes, reset),
        cmocka_unit_test_setup(test_a_message_is_always_text, reset),
        cmocka_unit_test_setup(test_measuring_counts_levels_and_values, reset),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
