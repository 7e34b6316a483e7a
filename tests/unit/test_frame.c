/* test_frame.c - frames: what is a request, what is answered, and how an error travels. */
#include "frame.h"
#include "test.h"
#include "trial/limits.h"

static trial_arena arena;
static const proto_frame_limits limits = { .request_bytes = 1 << 20,
                                           .request_events = 8,
                                           .event_depth = 16 };

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

static const struct frame_case {
    const char *name;
    const char *hex;
    trial_code code;
    uint32_t msgid; /* also where it fails: who asked can be told */
} frames[] = {
    { "a request", "94 00 07 a6737461747573 91 80", TRIAL_OK, 7 },
    { "a request without parameters", "94 00 07 a6737461747573 90", TRIAL_OK, 7 },
    { "the greatest msgid", "94 00 ceffffffff a6737461747573 90", TRIAL_OK, UINT32_MAX },
    { "a msgid beyond it", "94 00 cf0000000100000000 a6737461747573 90", TRIAL_MALFORMED, 0 },
    { "a negative msgid", "94 00 ff a6737461747573 90", TRIAL_MALFORMED, 0 },
    { "a msgid that is text", "94 00 a131 a6737461747573 90", TRIAL_MALFORMED, 0 },
    { "a msgid in a long form", "94 00 cf0000000000000005 a6737461747573 90", TRIAL_OK, 5 },
    { "a notification", "93 02 a6637265646974 91 80", TRIAL_OK, 0 },
    { "a notification that is too long", "94 02 a6637265646974 91 80 c0", TRIAL_MALFORMED, 0 },
    { "a request that is too short", "93 00 07 a6737461747573", TRIAL_MALFORMED, 0 },
    { "a request that is too long", "95 00 07 a6737461747573 90 c0", TRIAL_MALFORMED, 0 },
    { "a kind that is none", "94 03 07 a6737461747573 90", TRIAL_MALFORMED, 0 },
    { "a kind that is text", "94 a130 07 a6737461747573 90", TRIAL_MALFORMED, 0 },
    { "a map", "80", TRIAL_MALFORMED, 0 },
    { "an empty list", "90", TRIAL_MALFORMED, 0 },
    { "nothing", "", TRIAL_MALFORMED, 0 },
    { "a method that is no text", "94 00 07 01 90", TRIAL_MALFORMED, 0 },
    { "parameters that are a map", "94 00 07 a6737461747573 80", TRIAL_INVALID, 7 },
    { "parameters that are nil", "94 00 07 a6737461747573 c0", TRIAL_INVALID, 7 },
    { "two parameters", "94 00 07 a6737461747573 92 80 80", TRIAL_INVALID, 7 },
    { "a parameter that is no map", "94 00 07 a6737461747573 91 01", TRIAL_INVALID, 7 },
    { "bytes behind the frame", "94 00 07 a6737461747573 90 c0", TRIAL_MALFORMED, 0 },
    { "a frame cut short", "94 00 07 a67374617475", TRIAL_MALFORMED, 0 },
    { "a frame cut behind its msgid", "94 00 07", TRIAL_MALFORMED, 0 },
    { "a bad character", "94 00 07 a6737461747573 91 81 a1ff c0", TRIAL_MALFORMED, 7 },
    { "a response", "94 01 07 c0 c3", TRIAL_OK, 7 },
    { "a response with an error", "94 01 07 80 c0", TRIAL_OK, 7 },
    { "an error that is text", "94 01 07 a178 c0", TRIAL_MALFORMED, 0 },
    { "nested beyond twenty levels",
      "94 00 07 a6617070656e64 91 81 a6 6576656e7473 91 81 a1 78 91919191919191919191919191919190",
      TRIAL_TOO_LARGE,
      7 },
};

static void test_a_frame_is_taken_apart_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        const struct frame_case *c = &frames[i];
        proto_frame frame;
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code = proto_frame_read(test_hex(&arena, c->hex), &limits, &frame, &err);

        if (code != c->code || frame.msgid != c->msgid) {
            print_error("%s: %s\n", c->name, err.text);
        }
        assert_int_equal(code, c->code);
        assert_int_equal(frame.msgid, c->msgid);
    }
}

static void test_no_parameters_are_an_empty_map(void **state)
{
    proto_frame frame;

    (void)state;
    assert_int_equal(
        proto_frame_read(test_hex(&arena, "94 00 07 a6737461747573 90"), &limits, &frame, NULL),
        TRIAL_OK);
    assert_bytes_equal(frame.params, test_hex(&arena, "80"));
    assert_text_is(frame.method, "status");
    assert_int_equal(frame.kind, PROTO_REQUEST);
}

static void test_a_frame_is_bounded_in_bytes_and_elements(void **state)
{
    proto_frame_limits small = { .request_bytes = 11, .request_events = 1, .event_depth = 16 };
    size_t size = 10000;
    uint8_t *bomb = trial_arena_take(&arena, size);
    proto_frame frame;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(
        proto_frame_read(test_hex(&arena, "94 00 07 a6737461747573 90"), &small, &frame, &err),
        TRIAL_OK);
    small.request_bytes--;
    assert_int_equal(
        proto_frame_read(test_hex(&arena, "94 00 07 a6737461747573 90"), &small, &frame, &err),
        TRIAL_TOO_LARGE);
    small.request_bytes = 1 << 20;
    memset(bomb, 0xc0, size);
    memcpy(bomb, "\x94\x00\x07\xdd\x00\x00\x27\x06", 8); /* 9,990 nils, and params */
    assert_int_equal(proto_frame_read((trial_bytes){ bomb, 9999 }, &small, &frame, &err),
                     TRIAL_TOO_LARGE);
    assert_int_equal(frame.msgid, 7);
}

static void test_the_event_that_breaks_a_scan_is_named(void **state)
{
    const proto_frame_limits shallow = { 4096, 16, 4 };
    /* append: { events: [ {}, { a: [[[[]]]] } ] } and { x: 0, events: [ {}, {}, { "\xff": 0 } ] }
     */
    static const char deep[] = "\x94\x00\x07\xa6"
                               "append\x91\x81\xa6"
                               "events\x92\x80\x81\xa1"
                               "a\x91\x91\x91\x90";
    static const char bad[] = "\x94\x00\x07\xa6"
                              "append\x91\x82\xa1x\x00\xa6"
                              "events\x93\x80\x80\x81\xa1\xff";
    trial_error err = TRIAL_ERROR_NONE;
    proto_frame frame;

    (void)state;
    assert_int_equal(
        proto_frame_read(
            (trial_bytes){ (const uint8_t *)deep, sizeof deep - 1 }, &shallow, &frame, &err),
        TRIAL_TOO_LARGE);
    assert_int_equal(err.index, 1);
    assert_int_equal(frame.msgid, 7);
    assert_int_equal(
        proto_frame_read((trial_bytes){ (const uint8_t *)bad, sizeof bad }, &shallow, &frame, &err),
        TRIAL_MALFORMED);
    assert_int_equal(err.rule, TRIAL_RULE_BAD_UTF8);
    assert_int_equal(err.index, 2);
}

static trial_code
read_request(const char *method, const char *params, trial_request *ret, trial_error *err)
{
    proto_frame frame = { .kind = PROTO_REQUEST,
                          .msgid = 9,
                          .method = trial_text_of(method),
                          .params = test_hex(&arena, params) };

    return proto_request_read(&frame, &arena, ret, err);
}

static void test_parameters_are_read_by_their_rows(void **state)
{
    trial_request request;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(
        read_request("read",
                     "83 a5 6c696d6974 0a a5 7479706573 92 a161 a162 a9 6261636b7761726473 c3",
                     &request,
                     &err),
        TRIAL_OK);
    assert_int_equal(request.method, TRIAL_METHOD_READ);
    assert_int_equal(request.msgid, 9);
    assert_true(request.as.read.is_read);
    assert_int_equal(request.as.read.limit.value, 10);
    assert_false(request.as.read.from.is_set);
    assert_int_equal(request.as.read.types.count, 2);
    assert_true(request.as.read.backwards.value);
    assert_null(request.as.read.known_at.data);
}

static const struct request_case {
    const char *method;
    const char *params;
    trial_code code;
    const char *field;
} requests[] = {
    { "status", "80", TRIAL_OK, "" },
    { "status", "81 a178 01", TRIAL_INVALID, "x" },
    { "query", "80", TRIAL_INVALID, "view" },
    { "query", "81 a4 76696577 a0", TRIAL_INVALID, "view" },
    { "query", "81 a4 76696577 01", TRIAL_INVALID, "view" },
    { "append", "80", TRIAL_INVALID, "events" },
    { "append", "82 a6 6576656e7473 90 a6 657870656374 90", TRIAL_INVALID, "expect" },
    { "append", "82 a6 6576656e7473 90 a7 6472795f72756e 01", TRIAL_INVALID, "dry_run" },
    { "read", "81 a5 6c696d6974 a131", TRIAL_INVALID, "limit" },
    { "read", "81 a5 6c696d6974 c0", TRIAL_OK, "" },
    { "read", "82 a5 6c696d6974 01 a5 6c696d6974 01", TRIAL_MALFORMED, "limit" },
    { "read", "81 07 01", TRIAL_MALFORMED, "" },
    { "query", "82 a4 76696577 a174 a5 7768657265 82 a161 01 a161 02", TRIAL_MALFORMED, "" },
    { "explode", "80", TRIAL_UNSUPPORTED, "" },
    { "", "80", TRIAL_UNSUPPORTED, "" },
};

static void test_a_bad_parameter_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        const struct request_case *c = &requests[i];
        trial_request request;
        trial_error err = TRIAL_ERROR_NONE;
        trial_code code = read_request(c->method, c->params, &request, &err);

        if (code != c->code) {
            print_error("%s %s: %s\n", c->method, c->params, err.text);
        }
        assert_int_equal(code, c->code);
        assert_string_equal(err.field, c->field);
    }
}

static void test_a_condition_comes_in_the_one_spelling(void **state)
{
    trial_request request;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(read_request("query",
                                  "82 a5 7768657265 82 a162 d001 a161 ca3fc00000 a4 76696577 a174",
                                  &request,
                                  &err),
                     TRIAL_OK);
    assert_bytes_equal(request.as.query.where,
                       test_hex(&arena, "82 a161 cb3ff8000000000000 a162 01"));
}

static void test_a_list_is_its_items(void **state)
{
    trial_bytes *items = NULL;
    uint32_t count = 0;
    trial_error err = TRIAL_ERROR_NONE;

    (void)state;
    assert_int_equal(
        proto_list_read(test_hex(&arena, "93 80 9101 a161"), &arena, &items, &count, &err),
        TRIAL_OK);
    assert_int_equal(count, 3);
    assert_bytes_equal(items[1], test_hex(&arena, "9101"));
    assert_int_equal(proto_list_read(test_hex(&arena, "90"), &arena, &items, &count, &err),
                     TRIAL_OK);
    assert_int_equal(count, 0);
    assert_int_equal(proto_list_read(test_hex(&arena, "80"), &arena, &items, &count, &err),
                     TRIAL_INVALID);
}

static void test_what_is_written_is_read_as_it_was_meant(void **state)
{
    pack_writer writer = { 0 };
    proto_frame frame;

    (void)state;
    proto_put_request(&writer, 300, "hello");
    pack_put_map(&writer, 0);
    assert_bytes_equal(pack_written(&writer), test_hex(&arena, "94 00 cd012c a568656c6c6f 91 80"));
    assert_int_equal(proto_frame_read(pack_written(&writer), &limits, &frame, NULL), TRIAL_OK);
    assert_int_equal(frame.msgid, 300);
    pack_writer_reset(&writer);
    proto_put_result(&writer, 300);
    pack_put_truth(&writer, true);
    assert_bytes_equal(pack_written(&writer), test_hex(&arena, "94 01 cd012c c0 c3"));
    pack_writer_reset(&writer);
    proto_put_notification(&writer, "live");
    pack_put_map(&writer, 0);
    assert_bytes_equal(pack_written(&writer), test_hex(&arena, "93 02 a46c697665 91 80"));
    assert_int_equal(proto_frame_read(pack_written(&writer), &limits, &frame, NULL), TRIAL_OK);
    assert_int_equal(frame.kind, PROTO_NOTIFICATION);
    pack_writer_done(&writer);
}

static void assert_error_travels(const trial_error *sent)
{
    pack_writer writer = { 0 };
    proto_frame frame;
    trial_error got;

    proto_put_error(&writer, 5, sent);
    assert_int_equal(proto_frame_read(pack_written(&writer), &limits, &frame, NULL), TRIAL_OK);
    assert_int_equal(frame.kind, PROTO_RESPONSE);
    assert_int_equal(frame.msgid, 5);
    assert_true(pack_is_canonical(frame.error));
    proto_error_read(frame.error, &got);
    assert_int_equal(got.code, sent->code);
    assert_int_equal(got.rule, sent->rule);
    assert_int_equal(got.index, sent->index);
    assert_int_equal(got.position, sent->position);
    assert_int_equal(got.revision, sent->revision);
    assert_string_equal(got.field, sent->field);
    assert_string_equal(got.text, sent->text);
    pack_writer_done(&writer);
}

static void test_every_error_travels_whole(void **state)
{
    (void)state;
    for (trial_code code = TRIAL_OK + 1; code < TRIAL_CODE_COUNT; code++) {
        trial_error err = TRIAL_ERROR_NONE;

        (void)trial_fail(&err, code, "a sentence of %s", trial_code_name(code));
        assert_error_travels(&err);
        err.index = 0;
        err.position = 70000;
        err.revision = 0;
        assert_error_travels(&err);
    }
    for (trial_rule rule = TRIAL_RULE_NONE + 1; rule < TRIAL_RULE_NO_BASELINE; rule++) {
        trial_error err = TRIAL_ERROR_NONE;

        (void)trial_fail_rule(&err, rule, "for %s", trial_rule_name(rule));
        (void)trial_fail_field(&err, "data.x");
        assert_error_travels(&err);
    }
}

static void test_an_error_of_a_later_protocol_is_still_one(void **state)
{
    trial_error err;

    (void)state;
    /* {"code":"brand-new","detail":{"index":"x","news":[1],"rule":"new"},"message":"hm"} */
    proto_error_read(test_hex(&arena,
                              "83 a4636f6465 a96272616e642d6e6577 a664657461696c 83 "
                              "a5696e646578 a178 a46e657773 9101 a472756c65 a36e6577 "
                              "a76d657373616765 a2686d"),
                     &err);
    assert_int_equal(err.code, TRIAL_UNSUPPORTED);
    assert_int_equal(err.rule, TRIAL_RULE_NONE);
    assert_int_equal(err.index, -1);
    assert_string_equal(err.text, "hm");
    proto_error_read(test_hex(&arena, "c0"), &err);
    assert_int_equal(err.code, TRIAL_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_frame_is_taken_apart_or_refused, reset),
        cmocka_unit_test_setup(test_the_event_that_breaks_a_scan_is_named, reset),
        cmocka_unit_test_setup(test_no_parameters_are_an_empty_map, reset),
        cmocka_unit_test_setup(test_a_frame_is_bounded_in_bytes_and_elements, reset),
        cmocka_unit_test_setup(test_parameters_are_read_by_their_rows, reset),
        cmocka_unit_test_setup(test_a_bad_parameter_is_named, reset),
        cmocka_unit_test_setup(test_a_condition_comes_in_the_one_spelling, reset),
        cmocka_unit_test_setup(test_a_list_is_its_items, reset),
        cmocka_unit_test_setup(test_what_is_written_is_read_as_it_was_meant, reset),
        cmocka_unit_test_setup(test_every_error_travels_whole, reset),
        cmocka_unit_test_setup(test_an_error_of_a_later_protocol_is_still_one, reset),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
