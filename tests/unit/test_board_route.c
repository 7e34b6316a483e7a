/* test_board_route.c - what an address asks for, and what is refused before anybody reads it
 * another way. */
#include "test.h"

#include "route.h"

static const struct taken {
    const char *target;
    route_kind kind;
    const char *path;
    const char *view; /* "" for none */
    const char *key;
} takens[] = {
    { "/", ROUTE_FILE, "/", "", "" },
    { "/?view=funnel&x=%C3%A6", ROUTE_FILE, "/", "", "" },
    { "/a%20b/c.js", ROUTE_FILE, "/a b/c.js", "", "" },
    { "/..a/b..", ROUTE_FILE, "/..a/b..", "", "" },
    { "/api", ROUTE_FILE, "/api", "", "" },
    { "/api/v1/", ROUTE_INDEX, "/api/v1/", "", "" },
    { "/api/v1/?", ROUTE_INDEX, "/api/v1/", "", "" },
    { "/api/v1/trial", ROUTE_VIEW, "/api/v1/trial", "trial", "" },
    { "/api/v1/%74rial", ROUTE_VIEW, "/api/v1/trial", "trial", "" },
    { "/api/v1/trial/ff2-018", ROUTE_ROW, "/api/v1/trial/ff2-018", "trial", "ff2-018" },
    { "/api/v1/trial/trial%2Fff2", ROUTE_ROW, "/api/v1/trial/trial/ff2", "trial", "trial/ff2" },
    { "/api/v1/outcome/a%2f+b", ROUTE_ROW, "/api/v1/outcome/a/+b", "outcome", "a/+b" },
    { "/api/v1/log?from=1", ROUTE_LOG, "/api/v1/log", "", "" },
    { "/api/v1/catalogue", ROUTE_CATALOGUE, "/api/v1/catalogue", "", "" },
    { "/api/v1/status", ROUTE_STATUS, "/api/v1/status", "", "" },
    { "/api/v1/events?last_event_id=4", ROUTE_EVENTS, "/api/v1/events", "", "" },
    { "/metrics", ROUTE_METRICS, "/metrics", "", "" },
    { "/healthz", ROUTE_HEALTH, "/healthz", "", "" },
    { "/readyz", ROUTE_READY, "/readyz", "", "" },
};

static void test_an_address_says_what_is_asked_for(void **state)
{
    trial_arena arena = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(takens); i++) {
        board_route route;
        trial_error err = TRIAL_ERROR_NONE;

        print_message("%s\n", takens[i].target);
        assert_int_equal(route_read(trial_text_of(takens[i].target), &arena, &route, &err),
                         TRIAL_OK);
        assert_int_equal(route.kind, takens[i].kind);
        assert_text_is(route.path, takens[i].path);
        assert_text_is(route.view, takens[i].view);
        assert_text_is(route.key, takens[i].key);
    }
    trial_arena_done(&arena);
}

static const struct refused {
    const char *target;
    trial_code code;
} refuseds[] = {
    { "", TRIAL_MALFORMED },
    { "x", TRIAL_MALFORMED },
    { "*", TRIAL_MALFORMED },
    { "http://localhost/", TRIAL_MALFORMED },
    { "/a b", TRIAL_MALFORMED },
    { "/a\tb", TRIAL_MALFORMED },
    { "/\xc3\xa6", TRIAL_MALFORMED },
    { "/a#b", TRIAL_MALFORMED },
    { "/a\\b", TRIAL_MALFORMED },
    { "/%", TRIAL_MALFORMED },
    { "/%4", TRIAL_MALFORMED },
    { "/%4g", TRIAL_MALFORMED },
    { "/a%", TRIAL_MALFORMED },
    { "/%00", TRIAL_MALFORMED },
    { "/%0a", TRIAL_MALFORMED },
    { "/%7f", TRIAL_MALFORMED },
    { "/%ff", TRIAL_MALFORMED },
    { "/%c0%ae", TRIAL_MALFORMED },
    { "/%ed%a0%80", TRIAL_MALFORMED },
    { "/..", TRIAL_MALFORMED },
    { "/a/../b", TRIAL_MALFORMED },
    { "/./a", TRIAL_MALFORMED },
    { "/%2e%2E/a", TRIAL_MALFORMED },
    { "/.%2e/a", TRIAL_MALFORMED },
    { "/a/b/c/d/e/%2e%2e", TRIAL_MALFORMED },
    { "/x?a", TRIAL_INVALID },
    { "/x?=a", TRIAL_INVALID },
    { "/x?a=1&", TRIAL_OK },
    { "/x?a=1&&b=2", TRIAL_INVALID },
    { "/x?a=1&a=1", TRIAL_INVALID },
    { "/x?a=1&%61=2", TRIAL_INVALID },
    { "/x?a=%", TRIAL_MALFORMED },
    { "/x?%00=1", TRIAL_MALFORMED },
    { "/api/v1/status?a=1", TRIAL_INVALID },
    { "/api/v1/trial/a?state=running", TRIAL_INVALID },
    { "/api/v1/log?limi=1", TRIAL_INVALID },
    { "/api/v1/log?=1", TRIAL_INVALID },
    { "/api/v1/log?from%20limit=1", TRIAL_INVALID },
    { "/api/v1/nothing", TRIAL_NOT_FOUND },
    { "/api/v1/trial/", TRIAL_NOT_FOUND },
    { "/api/v1/trial/a/b", TRIAL_NOT_FOUND },
    { "/api/v1/TRIAL", TRIAL_NOT_FOUND },
    { "/api/v2/trial", TRIAL_NOT_FOUND },
    { "/api/%76%31/log", TRIAL_NOT_FOUND },
};

static void test_what_is_odd_is_refused(void **state)
{
    trial_arena arena = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(refuseds); i++) {
        board_route route;
        trial_error err = TRIAL_ERROR_NONE;

        print_message("%s\n", refuseds[i].target);
        assert_int_equal(route_read(trial_text_of(refuseds[i].target), &arena, &route, &err),
                         refuseds[i].code);
        assert_int_equal(err.text[0] != '\0', refuseds[i].code != TRIAL_OK);
    }
    trial_arena_done(&arena);
}

static void test_parameters_are_decoded(void **state)
{
    static const char target[] = "/api/v1/trial?as_of=2018-02-28&title=a+b%2Bc%26d%3D%C3%A6&empty=";
    trial_arena arena = { 0 };
    board_route route;

    (void)state;
    assert_int_equal(route_read(trial_text_of(target), &arena, &route, NULL), TRIAL_OK);
    assert_int_equal(route.param_count, 3);
    assert_text_is(route_param_get(&route, "as_of"), "2018-02-28");
    assert_text_is(route_param_get(&route, "title"), "a b+c&d=\xc3\xa6");
    assert_text_is(route_param_get(&route, "empty"), "");
    assert_false(trial_text_is_set(route_param_get(&route, "other")));
    assert_true(route_is_own(&route, TRIAL_TEXT("as_of")));
    assert_false(route_is_own(&route, TRIAL_TEXT("title")));
    assert_false(route_is_own(&route, TRIAL_TEXT("as_of known_at")));
    assert_false(route_is_own(&route, TRIAL_TEXT("s_of")));
    trial_arena_done(&arena);
}

static void test_there_is_a_bound_of_parameters(void **state)
{
    trial_arena arena = { 0 };
    board_route route;
    char target[16 * (ROUTE_PARAMS_MAX + 2)] = "/x?";

    (void)state;
    for (int i = 0; i < ROUTE_PARAMS_MAX; i++) {
        (void)sprintf(target + strlen(target), "p%d=1&", i);
    }
    assert_int_equal(route_read(trial_text_of(target), &arena, &route, NULL), TRIAL_OK);
    (void)sprintf(target + strlen(target), "q=1");
    assert_int_equal(route_read(trial_text_of(target), &arena, &route, NULL), TRIAL_TOO_LARGE);
    trial_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_says_what_is_asked_for),
        cmocka_unit_test(test_what_is_odd_is_refused),
        cmocka_unit_test(test_parameters_are_decoded),
        cmocka_unit_test(test_there_is_a_bound_of_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
