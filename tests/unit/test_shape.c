/* test_shape.c - maps into structs and back, as the rows say. */
#include "fill.h"
#include "test.h"
#include "trial/request.h"
#include "trial/state.h"

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

static trial_bytes packed(const trial_shape *shape, const void *from)
{
    pack_writer writer = { 0 };
    trial_bytes bytes;

    pack_put_shape(&writer, shape, from);
    bytes = trial_arena_bytes(&arena, pack_written(&writer));
    pack_writer_done(&writer);
    return bytes;
}

/* Write, read, write: the bytes are canonical and stay the same, and so nothing was lost. */
static void assert_round_trip(const trial_shape *shape, const void *from)
{
    trial_bytes first = packed(shape, from);
    void *again = trial_arena_take(&arena, shape->size);

    assert_true(pack_is_canonical(first));
    assert_int_equal(pack_shape(first, shape, "", false, &arena, again, NULL), TRIAL_OK);
    assert_bytes_equal(packed(shape, again), first);
}

static void test_every_state_comes_back_full_empty_and_by_chance(void **state)
{
    filler full = { .arena = &arena };
    filler chance = { .arena = &arena, .is_random = true, .state = fill_seed(1) };

    (void)state;
    for (trial_kind kind = 0; kind <= TRIAL_KIND_OTHER; kind++) {
        const trial_shape *shape = trial_state_shape(kind);
        void *from = trial_arena_take(&arena, shape->size);

        trial_shape_clear(shape, from);
        assert_bytes_equal(packed(shape, from), test_hex(&arena, "80"));
        assert_round_trip(shape, from);
        fill_struct(&full, shape, from);
        assert_round_trip(shape, from);
        for (unsigned round = 0; round < 50; round++) {
            fill_struct(&chance, shape, from);
            assert_round_trip(shape, from);
        }
    }
}

static void test_what_is_absent_stays_absent(void **state)
{
    struct trial_round_fact fact;
    struct trial_measurement_recorded measured;
    struct trial_trial trial;

    (void)state;
    assert_int_equal(
        pack_shape(test_hex(&arena, "80"), trial_shape_of_trial(), "", false, &arena, &trial, NULL),
        TRIAL_OK);
    assert_null(trial.title.at);
    assert_null(trial.exemptions.items);
    assert_null(trial.attached);
    assert_int_equal(trial.state, 0);
    assert_int_equal(trial.plannedEnd, TRIAL_DATE_NONE);
    assert_true(trial.since == TRIAL_INSTANT_NONE);
    assert_int_equal(pack_shape(test_hex(&arena, "80"),
                                trial_event_row_of(TRIAL_EVENT_MEASUREMENT_RECORDED)->shape(),
                                "",
                                false,
                                &arena,
                                &measured,
                                NULL),
                     TRIAL_OK);
    assert_false(measured.final.is_set);
    assert_int_equal(
        pack_shape(
            test_hex(&arena, "80"), trial_shape_of_round_fact(), "", false, &arena, &fact, NULL),
        TRIAL_OK); /* what we wrote ourselves is not asked for what it must have */
}

static const struct fault_case {
    const char *name;
    const char *hex; /* data of a measurement, a network or the like */
    trial_event_type type;
    trial_rule rule;
    const char *field;
} faults[] = {
    /* {"round":1,"opensOn":D,"deadline":D} in parts */
    { "a required field is missing",
      "80",
      TRIAL_EVENT_ROUND_CLOSED,
      TRIAL_RULE_MISSING_FIELD,
      "data.round" },
    { "an integer is no text",
      "81 a5726f756e64 a131",
      TRIAL_EVENT_ROUND_CLOSED,
      TRIAL_RULE_WRONG_TYPE,
      "data.round" },
    { "an integer is no float",
      "81 a5726f756e64 cb3ff0000000000000",
      TRIAL_EVENT_ROUND_CLOSED,
      TRIAL_RULE_WRONG_TYPE,
      "data.round" },
    { "an integer is not nil",
      "81 a5726f756e64 c0",
      TRIAL_EVENT_ROUND_CLOSED,
      TRIAL_RULE_WRONG_TYPE,
      "data.round" },
    { "an integer fits 64 bits",
      "81 a5726f756e64 cfffffffffffffffff",
      TRIAL_EVENT_ROUND_CLOSED,
      TRIAL_RULE_BAD_RANGE,
      "data.round" },
    { "a day is text",
      "81 a8636c6f7365644f6e 07",
      TRIAL_EVENT_PROGRAMME_CLOSED,
      TRIAL_RULE_WRONG_TYPE,
      "data.closedOn" },
    { "a day is one of the calendar",
      "81 a8636c6f7365644f6e aa323031372d30322d3239",
      TRIAL_EVENT_PROGRAMME_CLOSED,
      TRIAL_RULE_BAD_TIME,
      "data.closedOn" },
    { "a required text is not empty",
      "81 a6726561736f6e a0",
      TRIAL_EVENT_NETWORK_DISSOLVED,
      TRIAL_RULE_BAD_RANGE,
      "data.reason" },
    { "a text is one",
      "81 a6726561736f6e c3",
      TRIAL_EVENT_NETWORK_DISSOLVED,
      TRIAL_RULE_WRONG_TYPE,
      "data.reason" },
    { "a name has no line break",
      "81 a86163746976697479 a3610a62",
      TRIAL_EVENT_ACTIVITY_COMPLETED,
      TRIAL_RULE_BAD_RANGE,
      "data.activity" },
    { "prose has no control character but line breaks",
      "81 a6726561736f6e a3610762",
      TRIAL_EVENT_NETWORK_DISSOLVED,
      TRIAL_RULE_BAD_RANGE,
      "data.reason" },
    { "a code has four digits",
      "81 ac6d756e69636970616c697479 a3313539",
      TRIAL_EVENT_NETWORK_MEMBER_LEFT,
      TRIAL_RULE_WRONG_TYPE,
      "data.municipality" },
    { "a code has only digits",
      "81 ac6d756e69636970616c697479 a430313561",
      TRIAL_EVENT_NETWORK_MEMBER_LEFT,
      TRIAL_RULE_WRONG_TYPE,
      "data.municipality" },
    { "a code is no number",
      "81 ac6d756e69636970616c697479 ccff",
      TRIAL_EVENT_NETWORK_MEMBER_LEFT,
      TRIAL_RULE_WRONG_TYPE,
      "data.municipality" },
    { "codes are not empty",
      "81 a76d656d62657273 90",
      TRIAL_EVENT_NETWORK_APPLIED,
      TRIAL_RULE_BAD_RANGE,
      "data.members" },
    { "no code is there twice",
      "81 a76d656d62657273 93 a430313539 a430313031 a430313539",
      TRIAL_EVENT_NETWORK_APPLIED,
      TRIAL_RULE_BAD_RANGE,
      "data.members" },
    { "each of the codes is one",
      "81 a76d656d62657273 92 a430313539 a3313031",
      TRIAL_EVENT_NETWORK_APPLIED,
      TRIAL_RULE_WRONG_TYPE,
      "data.members" },
    { "codes are a list",
      "81 a76d656d62657273 a430313539",
      TRIAL_EVENT_NETWORK_APPLIED,
      TRIAL_RULE_WRONG_TYPE,
      "data.members" },
    { "a choice is one of its words",
      "81 a76f7574636f6d65 a5666f756e64",
      TRIAL_EVENT_ASSESSMENT_MADE,
      TRIAL_RULE_WRONG_TYPE,
      "data.outcome" },
    { "a choice is a text",
      "81 a76f7574636f6d65 01",
      TRIAL_EVENT_ASSESSMENT_MADE,
      TRIAL_RULE_WRONG_TYPE,
      "data.outcome" },
    { "provenance is a choice too",
      "81 aa70726f76656e616e6365 a46d696e65",
      TRIAL_EVENT_ROUND_CLOSED,
      TRIAL_RULE_WRONG_TYPE,
      "data.provenance" },
    { "a map is no list",
      "81 a6636865636b73 90",
      TRIAL_EVENT_APPLICATION_SCREENED,
      TRIAL_RULE_WRONG_TYPE,
      "data.checks" },
    { "a field inside a map is named by both",
      "81 a6636865636b73 81 a565754c6177 a36d6179",
      TRIAL_EVENT_APPLICATION_SCREENED,
      TRIAL_RULE_WRONG_TYPE,
      "data.checks.euLaw" },
    { "a field missing inside a map is named by both",
      "81 a6636865636b73 80",
      TRIAL_EVENT_APPLICATION_SCREENED,
      TRIAL_RULE_MISSING_FIELD,
      "data.checks.constitution" },
    { "an item of a list is a map",
      "81 aa6578656d7074696f6e73 91 07",
      TRIAL_EVENT_TRIAL_APPROVED,
      TRIAL_RULE_WRONG_TYPE,
      "data.exemptions" },
    { "a field inside an item is named without a number",
      "81 aa6578656d7074696f6e73 91 81 a776616c6964546f a178",
      TRIAL_EVENT_TRIAL_APPROVED,
      TRIAL_RULE_BAD_TIME,
      "data.exemptions.validTo" },
    { "a free map is a map",
      "81 aa6c6567616c4261736973 a178",
      TRIAL_EVENT_EXEMPTION_EXTENDED,
      TRIAL_RULE_WRONG_TYPE,
      "data.legalBasis" },
    { "a number is no text",
      "81 a576616c7565 a131",
      TRIAL_EVENT_FIGURE_REPORTED,
      TRIAL_RULE_WRONG_TYPE,
      "data.value" },
};

static void test_a_fault_names_its_rule_and_its_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        const struct fault_case *c = &faults[i];
        trial_event event = { 0 };
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code;

        code = pack_shapes(test_hex(&arena, c->hex),
                           trial_event_row_of(c->type)->shape(),
                           &event.as,
                           trial_shape_of_common(),
                           &event.common,
                           "data",
                           &arena,
                           &err);
        if (code != TRIAL_INVALID || err.rule != c->rule) {
            print_error("%s: %s\n", c->name, err.text);
        }
        assert_int_equal(code, TRIAL_INVALID);
        assert_int_equal(err.rule, c->rule);
        assert_string_equal(err.field, c->field);
        assert_non_null(strstr(err.text, c->field));
    }
}

static void test_a_number_keeps_its_form(void **state)
{
    static const struct {
        const char *hex;
        trial_number_form form;
    } cases[] = {
        { "81 a576616c7565 03", TRIAL_NUMBER_INTEGER },
        { "81 a576616c7565 fd", TRIAL_NUMBER_INTEGER },
        { "81 a576616c7565 cb4008000000000000", TRIAL_NUMBER_FLOAT },
        { "81 a576616c7565 cfffffffffffffffff", TRIAL_NUMBER_UNSIGNED },
        { "81 a576616c7565 cf7fffffffffffffff", TRIAL_NUMBER_INTEGER },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        trial_bytes bytes = test_hex(&arena, cases[i].hex);
        struct trial_figure_fact fact;

        assert_int_equal(
            pack_shape(bytes, trial_shape_of_figure_fact(), "", false, &arena, &fact, NULL),
            TRIAL_OK);
        assert_int_equal(fact.value.form, cases[i].form);
        assert_bytes_equal(packed(trial_shape_of_figure_fact(), &fact), bytes);
    }
}

static void test_an_unknown_field_is_passed_over_unless_it_is_a_parameter(void **state)
{
    trial_bytes bytes = test_hex(&arena, "82 a4 6b696e64 a1 78 a1 7a 81 a1 71 93 01 02 03");
    const trial_shape *shape = trial_method_row_of(TRIAL_METHOD_VERIFY)->shape();
    struct trial_deadline_fact fact;
    struct trial_request_verify verify;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(
        pack_shape(bytes, trial_shape_of_deadline_fact(), "", false, &arena, &fact, &err),
        TRIAL_OK);
    assert_text_is(fact.kind, "x");
    assert_int_equal(pack_shape(bytes, shape, "", true, &arena, &verify, &err), TRIAL_INVALID);
    assert_string_equal(err.field, "kind");
    assert_int_equal(err.rule, TRIAL_RULE_NONE);
}

static void test_a_parameter_that_is_nil_is_absent_and_one_twice_is_malformed(void **state)
{
    const trial_shape *shape = trial_method_row_of(TRIAL_METHOD_VERIFY)->shape();
    struct trial_request_verify verify;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(pack_shape(test_hex(&arena, "82 a473697a65 c0 a4726f6f74 c0"),
                                shape,
                                "",
                                true,
                                &arena,
                                &verify,
                                &err),
                     TRIAL_OK);
    assert_false(verify.size.is_set);
    assert_int_equal(pack_shape(test_hex(&arena, "82 a473697a65 01 a473697a65 02"),
                                shape,
                                "",
                                true,
                                &arena,
                                &verify,
                                &err),
                     TRIAL_MALFORMED);
    assert_int_equal(err.rule, TRIAL_RULE_NOT_JSON);
    assert_string_equal(err.field, "size");
    assert_int_equal(pack_shape(test_hex(&arena, "82 a473697a65 c0 a473697a65 c0"),
                                shape,
                                "",
                                true,
                                &arena,
                                &verify,
                                &err),
                     TRIAL_MALFORMED);
}

static void test_a_required_parameter_that_is_nil_is_missing(void **state)
{
    const trial_shape *shape = trial_method_row_of(TRIAL_METHOD_PARK)->shape();
    struct trial_request_park park;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(
        pack_shape(test_hex(&arena, "83 a46e616d65 a16e a8706f736974696f6e 01 a6726561736f6e c0"),
                   shape,
                   "",
                   true,
                   &arena,
                   &park,
                   &err),
        TRIAL_INVALID);
    assert_int_equal(err.rule, TRIAL_RULE_MISSING_FIELD);
    assert_string_equal(err.field, "reason");
}

static void test_a_correction_fits_its_field_or_does_not(void **state)
{
    const trial_shape *shape = trial_shape_of_trial_approved();
    static const struct {
        const char *field;
        const char *hex;
        trial_rule rule;
    } cases[] = {
        { "ministry", "a3 6b756c", TRIAL_RULE_NONE },
        { "ministry", "a0", TRIAL_RULE_BAD_RANGE },
        { "plannedEnd", "aa 323031382d30322d3238", TRIAL_RULE_NONE },
        { "plannedEnd", "aa 323031382d30322d3330", TRIAL_RULE_BAD_TIME },
        { "participants", "91 a430313539", TRIAL_RULE_NONE },
        { "participants", "90", TRIAL_RULE_BAD_RANGE },
        { "legalBasis", "82 a4666f726d a3616374 a57469746c65 a178", TRIAL_RULE_NONE },
        { "legalBasis", "81 a4666f726d a3616374", TRIAL_RULE_MISSING_FIELD },
        { "exemptions", "91 80", TRIAL_RULE_MISSING_FIELD },
        { "exemptions", "90", TRIAL_RULE_NONE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const trial_field *field = trial_shape_find(shape, trial_text_of(cases[i].field));
        trial_error err = TRIAL_ERROR_NONE;

        assert_non_null(field);
        assert_int_equal(pack_fits(test_hex(&arena, cases[i].hex), field, &arena, &err),
                         trial_rule_code(cases[i].rule));
        assert_int_equal(err.rule, cases[i].rule);
    }
}

static void test_bytes_cut_anywhere_fail_and_stay_inside(void **state)
{
    filler full = { .arena = &arena };
    const trial_shape *shape = trial_shape_of_trial();
    struct trial_trial trial;
    trial_bytes whole;

    (void)state;
    fill_struct(&full, shape, &trial);
    whole = packed(shape, &trial);
    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *cut = test_malloc(size + 1); /* so that a reader that strays is caught */
        trial_error err = TRIAL_ERROR_NONE;

        memcpy(cut, whole.data, size);
        assert_int_not_equal(
            pack_shape((trial_bytes){ cut, size }, shape, "", false, &arena, &trial, &err),
            TRIAL_OK);
        test_free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_state_comes_back_full_empty_and_by_chance, reset),
        cmocka_unit_test_setup(test_what_is_absent_stays_absent, reset),
        cmocka_unit_test_setup(test_a_fault_names_its_rule_and_its_field, reset),
        cmocka_unit_test_setup(test_a_number_keeps_its_form, reset),
        cmocka_unit_test_setup(test_an_unknown_field_is_passed_over_unless_it_is_a_parameter,
                               reset),
        cmocka_unit_test_setup(test_a_parameter_that_is_nil_is_absent_and_one_twice_is_malformed,
                               reset),
        cmocka_unit_test_setup(test_a_required_parameter_that_is_nil_is_missing, reset),
        cmocka_unit_test_setup(test_a_correction_fits_its_field_or_does_not, reset),
        cmocka_unit_test_setup(test_bytes_cut_anywhere_fail_and_stay_inside, reset),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
