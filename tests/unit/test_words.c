/* test_words.c - the words: days and instants, codes and rules, emitters, subjects, values. */
#include "test.h"
#include "trial/metrics.h"
#include "trial/request.h"
#include "trial/state.h"
#include "trial/value.h"

static const struct day_case {
    const char *text;
    trial_date date; /* TRIAL_DATE_NONE: refused */
} days[] = {
    { "1970-01-01", 0 },
    { "1969-12-31", -1 },
    { "1900-01-01", -25567 },
    { "2100-12-31", 47846 },
    { "2000-02-29", 11016 },
    { "2016-02-29", 16860 },
    { "1900-02-29", TRIAL_DATE_NONE },
    { "2100-02-29", TRIAL_DATE_NONE },
    { "2017-02-29", TRIAL_DATE_NONE },
    { "2018-04-31", TRIAL_DATE_NONE },
    { "2018-00-10", TRIAL_DATE_NONE },
    { "2018-13-01", TRIAL_DATE_NONE },
    { "2018-01-00", TRIAL_DATE_NONE },
    { "2018-01-32", TRIAL_DATE_NONE },
    { "1899-12-31", TRIAL_DATE_NONE },
    { "2101-01-01", TRIAL_DATE_NONE },
    { "2018-1-1", TRIAL_DATE_NONE },
    { "2018/01/01", TRIAL_DATE_NONE },
    { "2018-01-01Z", TRIAL_DATE_NONE },
    { "+018-01-01", TRIAL_DATE_NONE },
    { "", TRIAL_DATE_NONE },
};

static void test_a_day_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        trial_date date = TRIAL_DATE_NONE;
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code = trial_date_read(trial_text_of(days[i].text), &date, &err);

        assert_int_equal(code, days[i].date == TRIAL_DATE_NONE ? TRIAL_INVALID : TRIAL_OK);
        assert_int_equal(date, days[i].date);
        assert_int_equal(err.rule, code == TRIAL_OK ? TRIAL_RULE_NONE : TRIAL_RULE_BAD_TIME);
    }
}

static void test_every_day_of_two_centuries_reads_as_it_was_written(void **state)
{
    trial_date date = -25567;

    (void)state;
    for (; date <= 47846; date++) {
        char text[TRIAL_DATE_TEXT_BYTES];
        trial_date again = TRIAL_DATE_NONE;

        trial_date_write(date, text);
        assert_int_equal(trial_date_read(trial_text_of(text), &again, NULL), TRIAL_OK);
        assert_int_equal(again, date);
        assert_int_equal(trial_date_of(trial_date_begin(date)), date);
        assert_int_equal(trial_date_of(trial_date_end(date)), date);
        assert_true(trial_date_end(date) + 1 == trial_date_begin(date + 1));
    }
}

#define S TRIAL_NS_PER_S
static const struct instant_case {
    const char *text;
    trial_instant instant; /* TRIAL_INSTANT_NONE: refused */
    const char *in_utc;
} instants[] = {
    { "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z" },
    { "1970-01-01T00:00:00.000000001Z", 1, "1970-01-01T00:00:00.000000001Z" },
    { "1969-12-31T23:59:59.5Z", -S / 2, "1969-12-31T23:59:59.5Z" },
    { "2018-02-28T12:00:00+01:00", 1519815600 * S, "2018-02-28T11:00:00Z" },
    { "2018-02-28T12:00:00-00:30", 1519821000 * S, "2018-02-28T12:30:00Z" },
    { "2018-02-28t12:00:00z", 1519819200 * S, "2018-02-28T12:00:00Z" },
    { "2018-03-01T00:30:00+14:00", 1519813800 * S, "2018-02-28T10:30:00Z" },
    { "2016-02-29T23:59:59.123456789Z", 1456790399123456789, "2016-02-29T23:59:59.123456789Z" },
    { "2018-02-28T12:00:00", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28 12:00:00Z", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-29T12:00:00Z", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T24:00:00Z", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T12:60:00Z", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T12:00:60Z", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T12:00:00.Z", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T12:00:00.1234567890Z", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T12:00:00+24:00", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T12:00:00+0100", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T12:00:00+01:60", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28T12:00:00Z ", TRIAL_INSTANT_NONE, NULL },
    { "1899-12-31T23:59:59Z", TRIAL_INSTANT_NONE, NULL },
    { "2101-01-01T00:00:00Z", TRIAL_INSTANT_NONE, NULL },
    { "2018-02-28", TRIAL_INSTANT_NONE, NULL },
    { "", TRIAL_INSTANT_NONE, NULL },
};
#undef S

static void test_an_instant_is_read_or_refused_and_written_in_utc(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(instants); i++) {
        const struct instant_case *c = &instants[i];
        trial_instant instant = TRIAL_INSTANT_NONE;
        char text[TRIAL_INSTANT_TEXT_BYTES];
        trial_code code = trial_instant_read(trial_text_of(c->text), &instant, NULL);

        assert_int_equal(code, c->in_utc == NULL ? TRIAL_INVALID : TRIAL_OK);
        assert_true(instant == c->instant);
        if (c->in_utc != NULL) {
            trial_instant_write(instant, text);
            assert_string_equal(text, c->in_utc);
        }
    }
}

static void test_ingesttime_has_six_digits(void **state)
{
    char text[TRIAL_INSTANT_TEXT_BYTES];

    (void)state;
    trial_instant_write_us(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    trial_instant_write_us(1456790399123456789, text);
    assert_string_equal(text, "2016-02-29T23:59:59.123456Z");
    trial_instant_write_us(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
}

static void test_every_code_and_rule_is_found_by_its_name(void **state)
{
    (void)state;
    for (trial_code code = TRIAL_OK + 1; code < TRIAL_CODE_COUNT; code++) {
        assert_int_equal(trial_code_named(trial_text_of(trial_code_name(code))), code);
        assert_int_not_equal(trial_code_exit(code), 0);
        assert_string_not_equal(trial_code_meaning(code), "");
    }
    for (trial_rule rule = TRIAL_RULE_NONE + 1; rule < TRIAL_RULE_COUNT; rule++) {
        assert_int_equal(trial_rule_named(trial_text_of(trial_rule_name(rule))), rule);
        assert_string_not_equal(trial_rule_sentence(rule), "");
    }
    assert_int_equal(trial_code_named(TRIAL_TEXT("nonsense")), TRIAL_CODE_COUNT);
    assert_int_equal(trial_rule_named(TRIAL_TEXT("nonsense")), TRIAL_RULE_COUNT);
    assert_int_equal(trial_rule_code(TRIAL_RULE_NOT_JSON), TRIAL_MALFORMED);
    assert_int_equal(trial_rule_code(TRIAL_RULE_BAD_UTF8), TRIAL_MALFORMED);
    assert_int_equal(trial_rule_code(TRIAL_RULE_NOT_AUTHORISED), TRIAL_REFUSED);
    assert_int_equal(trial_rule_code(TRIAL_RULE_NO_BASELINE), TRIAL_OK);
}

static void test_an_error_gains_context_and_keeps_its_code(void **state)
{
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(trial_fail_rule(&err, TRIAL_RULE_BAD_TIME, "no day"), TRIAL_INVALID);
    assert_int_equal(trial_fail_field(&err, "data.%s", "from"), TRIAL_INVALID);
    assert_int_equal(trial_fail_while(&err, "reading event %d", 7), TRIAL_INVALID);
    assert_string_equal(err.text, "reading event 7: no day");
    assert_string_equal(err.field, "data.from");
    assert_int_equal(err.rule, TRIAL_RULE_BAD_TIME);
    assert_int_equal(err.index, -1);
    assert_int_equal(trial_fail_errno(&err, 28, "writing"), TRIAL_NO_SPACE);
    assert_int_equal(trial_fail_errno(&err, 5, "writing"), TRIAL_STORAGE);
    assert_int_equal(err.system_errno, 5);
}

static const struct emitter_case {
    const char *source;
    char letter; /* 0: none of the shapes */
    const char *name;
} emitters[] = {
    { "/dk/regering", 'G', NULL },
    { "/dk/folketing", 'F', NULL },
    { "/dk/ministerium/indenrig", 'M', "indenrig" },
    { "/dk/netvaerk/bolig", 'N', "bolig" },
    { "/dk/kommune/0159", 'K', "0159" },
    { "/dk/evaluator/vive", 'E', "vive" },
    { "/dk/presse/x", 'P', "x" },
    { "/dk/regering/", 0, NULL },
    { "/dk/regeringen", 0, NULL },
    { "/dk/kommune/", 0, NULL },
    { "/dk/kommune/0159/x", 0, NULL },
    { "/DK/kommune/0159", 0, NULL },
    { "https://example.org/dk/kommune/0159", 0, NULL },
};

static void test_a_source_belongs_to_one_emitter_or_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(emitters); i++) {
        trial_text source = trial_text_of(emitters[i].source);
        trial_text name = trial_emitter_name(source);

        assert_int_equal(trial_emitter_of(source),
                         emitters[i].letter == 0 ? 0 : trial_emitter_bit_of(emitters[i].letter));
        assert_true(trial_text_is_set(name) == (emitters[i].name != NULL));
        if (emitters[i].name != NULL) {
            assert_text_is(name, emitters[i].name);
        }
    }
}

static const struct subject_case {
    const char *subject;
    trial_kind kind;
    const char *id;
} subjects[] = {
    { "programme/ff2", TRIAL_KIND_PROGRAMME, "ff2" },
    { "municipality/0159", TRIAL_KIND_MUNICIPALITY, "0159" },
    { "network/ff2-bolig", TRIAL_KIND_NETWORK, "ff2-bolig" },
    { "trial/ff2-018", TRIAL_KIND_TRIAL, "ff2-018" },
    { "law/l.1", TRIAL_KIND_LAW, "l.1" },
    { "case/17", TRIAL_KIND_CASE, "17" },
    { "trials/1", TRIAL_KIND_OTHER, "1" },
    { "tria/1", TRIAL_KIND_OTHER, "1" },
    { "trial", TRIAL_KIND_OTHER, NULL },
};

static void test_a_subject_splits_at_its_first_slash(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        trial_text id;

        assert_int_equal(trial_subject_split(trial_text_of(subjects[i].subject), &id),
                         subjects[i].kind);
        assert_true(trial_text_is_set(id) == (subjects[i].id != NULL));
        if (subjects[i].id != NULL) {
            assert_text_is(id, subjects[i].id);
        }
    }
}

static void test_every_type_and_method_is_found_by_its_name(void **state)
{
    (void)state;
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        const trial_event_row *row = trial_event_row_of(type);

        assert_int_equal(trial_event_named(trial_text_of(row->name)), type);
        assert_string_not_equal(row->doc, "");
        assert_int_not_equal(row->emitters, 0);
    }
    assert_int_equal(trial_event_named(TRIAL_TEXT("trial.approve")), TRIAL_EVENT_COUNT);
    assert_int_equal(trial_event_named((trial_text){ 0 }), TRIAL_EVENT_COUNT);
    for (trial_method method = 0; method < TRIAL_METHOD_COUNT; method++) {
        assert_int_equal(trial_method_named(trial_text_of(trial_method_row_of(method)->name)),
                         method);
    }
    assert_int_equal(trial_method_named(TRIAL_TEXT("Append")), TRIAL_METHOD_COUNT);
}

static trial_value *number(trial_arena *arena, double value)
{
    return trial_value_float(arena, value);
}

static void test_a_condition_fits_the_value_its_text_or_an_item(void **state)
{
    trial_arena arena = { 0 };
    trial_value *three = trial_value_integer(&arena, 3);
    trial_value *list = trial_value_list(&arena);
    trial_value *word = trial_value_word(&arena, "bolig");

    (void)state;
    trial_value_push(&arena, list, trial_value_word(&arena, "0159"));
    trial_value_push(&arena, list, word);
    assert_true(trial_value_fits(three, trial_value_integer(&arena, 3)));
    assert_true(trial_value_fits(three, number(&arena, 3.0)));
    assert_true(trial_value_fits(three, trial_value_word(&arena, "3")));
    assert_false(trial_value_fits(three, trial_value_word(&arena, "3.0")));
    assert_false(trial_value_fits(three, trial_value_word(&arena, "")));
    assert_true(trial_value_fits(number(&arena, 0.1), trial_value_word(&arena, "0.1")));
    assert_true(trial_value_fits(number(&arena, 20.0), trial_value_word(&arena, "20")));
    assert_true(trial_value_fits(number(&arena, 20.0), trial_value_word(&arena, "20.0")));
    assert_true(trial_value_fits(number(&arena, -2e6), trial_value_word(&arena, "-2000000")));
    assert_false(trial_value_fits(number(&arena, 20.0), trial_value_word(&arena, " 20")));
    assert_false(trial_value_fits(number(&arena, 20.0), trial_value_word(&arena, "20.0.")));
    assert_false(trial_value_fits(number(&arena, 20.0), trial_value_word(&arena, "0x14")));
    assert_false(trial_value_fits(number(&arena, 0.0), trial_value_word(&arena, "")));
    assert_true(
        trial_value_fits(trial_value_truth(&arena, true), trial_value_word(&arena, "true")));
    assert_true(trial_value_fits(list, word));
    assert_true(trial_value_fits(list, trial_value_word(&arena, "0159")));
    assert_false(trial_value_fits(list, trial_value_word(&arena, "0160")));
    assert_true(trial_value_fits(NULL, trial_value_nil(&arena)));
    assert_false(trial_value_fits(NULL, word));
    assert_false(trial_value_fits(word, trial_value_word(&arena, "bol")));
    trial_arena_done(&arena);
}

static void test_values_are_equal_whatever_the_order_of_their_maps(void **state)
{
    trial_arena arena = { 0 };
    trial_value *a = trial_value_map(&arena);
    trial_value *b = trial_value_map(&arena);

    (void)state;
    trial_value_set(&arena, a, "x", trial_value_integer(&arena, 1));
    trial_value_set(&arena, a, "y", trial_value_list(&arena));
    trial_value_set(&arena, b, "y", trial_value_list(&arena));
    trial_value_set(&arena, b, "x", number(&arena, 1.0));
    assert_true(trial_value_equal(a, b));
    trial_value_set(&arena, b, "x", trial_value_unsigned(&arena, UINT64_MAX));
    assert_false(trial_value_equal(a, b));
    trial_value_push(&arena, trial_value_get(a, "y"), trial_value_nil(&arena));
    trial_value_set(&arena, b, "x", trial_value_integer(&arena, 1));
    assert_false(trial_value_equal(a, b));
    trial_arena_done(&arena);
}

static void test_an_arena_survives_its_reset_and_gives_zeroed_memory(void **state)
{
    trial_arena arena = { 0 };

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (size_t size = 0; size < 200000; size += 9973) {
            uint8_t *bytes = trial_arena_take(&arena, size);

            assert_int_equal((uintptr_t)bytes % 16, 0);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(bytes[i], 0);
                bytes[i] = 0xff;
            }
        }
        trial_arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    trial_arena_done(&arena);
}

static const struct bucket_case {
    uint64_t ns;
    uint32_t bucket;
} buckets[] = {
    { 0, 0 },
    { 1, 0 },
    { 1000, 0 },
    { 1001, 1 },
    { 2000, 1 },
    { 2001, 2 },
    { 4000, 2 },
    { 4001, 3 },
    { 1024000, 10 },
    { 1024001, 11 },
    { 8388608000, 23 },
    { 8388608001, TRIAL_HISTOGRAM_BOUNDS },
    { UINT64_MAX / 2, TRIAL_HISTOGRAM_BOUNDS },
};

static void test_a_time_falls_into_the_first_bucket_whose_bound_it_keeps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof buckets / sizeof buckets[0]; i++) {
        trial_histogram histogram = { 0 };

        trial_histogram_add(&histogram, buckets[i].ns);
        assert_int_equal(histogram.buckets[buckets[i].bucket], 1);
        assert_int_equal(histogram.sum_ns, buckets[i].ns);
    }
}

static void test_a_quantile_lies_in_the_bucket_that_holds_it(void **state)
{
    trial_histogram histogram = { 0 };

    (void)state;
    assert_float_equal(trial_histogram_quantile_us(&histogram, 0.5), 0, 0);
    for (int i = 0; i < 90; i++) {
        trial_histogram_add(&histogram, 100000); /* 64 to 128 us */
    }
    for (int i = 0; i < 10; i++) {
        trial_histogram_add(&histogram, 3000000); /* 2048 to 4096 us */
    }
    assert_float_equal(trial_histogram_quantile_us(&histogram, 0.45), 96, 0.001);
    assert_float_equal(trial_histogram_quantile_us(&histogram, 0.9), 128, 0.001);
    assert_float_equal(trial_histogram_quantile_us(&histogram, 0.95), 3072, 0.001);
    trial_histogram_add(&histogram, 60000000000);
    assert_float_equal(trial_histogram_quantile_us(&histogram, 1), 8388608, 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_day_is_read_or_refused),
        cmocka_unit_test(test_every_day_of_two_centuries_reads_as_it_was_written),
        cmocka_unit_test(test_an_instant_is_read_or_refused_and_written_in_utc),
        cmocka_unit_test(test_ingesttime_has_six_digits),
        cmocka_unit_test(test_every_code_and_rule_is_found_by_its_name),
        cmocka_unit_test(test_an_error_gains_context_and_keeps_its_code),
        cmocka_unit_test(test_a_source_belongs_to_one_emitter_or_none),
        cmocka_unit_test(test_a_subject_splits_at_its_first_slash),
        cmocka_unit_test(test_every_type_and_method_is_found_by_its_name),
        cmocka_unit_test(test_a_condition_fits_the_value_its_text_or_an_item),
        cmocka_unit_test(test_values_are_equal_whatever_the_order_of_their_maps),
        cmocka_unit_test(test_an_arena_survives_its_reset_and_gives_zeroed_memory),
        cmocka_unit_test(test_a_time_falls_into_the_first_bucket_whose_bound_it_keeps),
        cmocka_unit_test(test_a_quantile_lies_in_the_bucket_that_holds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
