/* test_client_publish.c - words of the command line become the values the catalogue asks for, and
 * ids sort as they were made. */
#include "test.h"

#include "json.h"
#include "publish.h"
#include "uuid7.h"

static const struct value_case {
    const char *type;
    const char *key;
    const char *value;
    const char *wanted; /* as JSON */
} values[] = {
    { "municipality.registered", "code", "0159", "\"0159\"" },
    { "municipality.registered", "code", "1234", "\"1234\"" },
    { "municipality.registered", "name", "true", "\"true\"" },
    { "round.opened", "round", "3", "3" },
    { "round.opened", "round", "3.0", "\"3.0\"" },
    { "round.opened", "round", "three", "\"three\"" },
    { "round.opened", "opensOn", "2016-01-01", "\"2016-01-01\"" },
    { "figure.reported", "value", "3.0", "3.0" },
    { "figure.reported", "value", "44", "44" },
    { "figure.reported", "value", "\"44\"", "\"\\\"44\\\"\"" },
    { "evaluation.published", "recommendsSpread", "true", "true" },
    { "evaluation.published", "recommendsSpread", "1", "\"1\"" },
    { "evaluation.published", "kind", "final", "\"final\"" },
    { "trial.started", "participants", "[\"0101\"]", "[\"0101\"]" },
    { "trial.started", "participants", "0101", "\"0101\"" },
    { "application.screened", "checks", "{\"euLaw\":\"pass\"}", "{\"euLaw\":\"pass\"}" },
    { "correction.issued", "newValue", "12", "12" },
    { "correction.issued", "corrects", "12", "\"12\"" },
    { "trial.started", "provenance", "documented", "\"documented\"" },
    { "trial.started", "surprise", "[1,2]", "[1,2]" },
    { "trial.started", "surprise", "a b", "\"a b\"" },
    { "no.such", "code", "12", "12" },
    { "no.such", "code", "0012", "\"0012\"" },
};

static void test_a_value_is_read_as_the_catalogue_says(void **state)
{
    trial_arena arena = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        trial_value *value =
            publish_value(&arena, values[i].type, trial_text_of(values[i].key), values[i].value);
        trial_text got = json_text(&arena, value);

        assert_int_equal(got.size, strlen(values[i].wanted));
        assert_memory_equal(got.at, values[i].wanted, got.size);
    }
    trial_arena_done(&arena);
}

static void test_an_id_is_a_uuid_of_version_seven(void **state)
{
    const uint8_t random[UUID7_RANDOM_BYTES] = { 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8 };
    char text[UUID7_TEXT_BYTES];

    (void)state;
    /* RFC 9562, appendix A.6, has this moment: 2022-02-22T19:22:22Z. */
    uuid7_write(INT64_C(1645557742000) * 1000000, random, text);
    assert_string_equal(text, "017f22e2-79b0-7000-bfff-010203040506");
}

static void test_ids_sort_as_they_were_made(void **state)
{
    const uint8_t high[UUID7_RANDOM_BYTES] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
    const uint8_t low[UUID7_RANDOM_BYTES] = { 0 };
    char earlier[UUID7_TEXT_BYTES];
    char later[UUID7_TEXT_BYTES];

    (void)state;
    for (int64_t at = 1; at < INT64_C(3000000); at += 977) {
        uuid7_write(INT64_C(1700000000000000000) + at, high, earlier);
        uuid7_write(INT64_C(1700000000000000000) + at + 250, low, later);
        assert_true(strcmp(earlier, later) < 0);
    }
}

static void test_two_new_ids_differ(void **state)
{
    char one[UUID7_TEXT_BYTES];
    char two[UUID7_TEXT_BYTES];

    (void)state;
    uuid7_new(one);
    uuid7_new(two);
    assert_string_not_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_is_read_as_the_catalogue_says),
        cmocka_unit_test(test_an_id_is_a_uuid_of_version_seven),
        cmocka_unit_test(test_ids_sort_as_they_were_made),
        cmocka_unit_test(test_two_new_ids_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
