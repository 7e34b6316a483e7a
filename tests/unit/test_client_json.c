/* test_client_json.c - JSON and values: what comes in goes out the same, and what is no event's
 * JSON is told by the rule it breaks. */
#include "test.h"

#include "json.h"

static const struct round_case {
    const char *text;
    const char *wanted; /* NULL: the same */
} rounds[] = {
    { "{\"b\":1,\"a\":[true,false,null,\"x\"]}", NULL },
    { "3", NULL },
    { "3.0", NULL },
    { "-0.0", NULL },
    { "1e400", "" },
    { "0.1", NULL },
    { "1.7976931348623157e+308", NULL },
    { "5e-324", "4.94065645841247e-324" },
    { "9223372036854775807", NULL },
    { "-9223372036854775808", NULL },
    { "9223372036854775808", NULL },
    { "18446744073709551615", NULL },
    { "18446744073709551616", "" },
    { "-9223372036854775809", "" },
    { "[18446744073709551615,{\"k\":9223372036854775808,\"s\":\"18446744073709551615\"}]", NULL },
    { "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\"", NULL },
    { "[18446744073709551615,\"\\\\u0000\"]", NULL },
    { "\"\xc3\xa6\xe6\x97\xa5\"", NULL },
    { " [ ] ", "[]" },
    { "{}", NULL },
};

static void test_json_goes_in_and_out_the_same(void **state)
{
    trial_arena arena = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++) {
        const char *wanted = rounds[i].wanted == NULL ? rounds[i].text : rounds[i].wanted;
        trial_value *value = NULL;
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code = json_read(trial_text_of(rounds[i].text), &arena, &value, &err);
        trial_text got;

        if (wanted[0] == '\0') {
            assert_int_equal(code, TRIAL_INVALID);
            assert_int_equal(err.rule, TRIAL_RULE_BAD_RANGE);
            continue;
        }
        assert_int_equal(code, TRIAL_OK);
        got = json_text(&arena, value);
        assert_int_equal(got.size, strlen(wanted));
        assert_memory_equal(got.at, wanted, got.size);
    }
    trial_arena_done(&arena);
}

static const struct refused_case {
    const char *text;
    trial_code code;
    trial_rule rule;
} refused[] = {
    { "{\"a\":1,\"a\":2}", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "{\"a\":1", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "{} {}", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "NaN", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "0159", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "", TRIAL_MALFORMED, TRIAL_RULE_NOT_JSON },
    { "\"\xe6\"", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "\"\\ud800\"", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "\"a\\u0000b\"", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "[\"\\u00005\",18446744073709551615]", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
    { "[\"\\\\\\u00005\",18446744073709551615]", TRIAL_MALFORMED, TRIAL_RULE_BAD_UTF8 },
};

static void test_what_is_no_json_is_told_by_its_rule(void **state)
{
    trial_arena arena = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        trial_value *value = NULL;
        trial_error err = TRIAL_ERROR_NONE;

        assert_int_equal(json_read(trial_text_of(refused[i].text), &arena, &value, &err),
                         refused[i].code);
        assert_int_equal(err.rule, refused[i].rule);
        assert_null(value);
    }
    trial_arena_done(&arena);
}

static void test_nesting_has_an_end(void **state)
{
    char text[2 * 1000 + 1];
    trial_arena arena = { 0 };
    trial_value *value = NULL;

    (void)state;
    for (size_t depth = JSON_DEPTH_MAX; depth <= 1000; depth += 936) {
        bool fits = depth == JSON_DEPTH_MAX;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(
            json_read((trial_text){ text, (uint32_t)(2 * depth) }, &arena, &value, NULL),
            fits ? TRIAL_OK : TRIAL_TOO_LARGE);
    }
    trial_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_goes_in_and_out_the_same),
        cmocka_unit_test(test_what_is_no_json_is_told_by_its_rule),
        cmocka_unit_test(test_nesting_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
