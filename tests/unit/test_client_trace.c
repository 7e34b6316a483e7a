/* test_client_trace.c - what has the form of W3C Trace Context, and what has not. */
#include "test.h"

#include "trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static const struct form_case {
    const char *text;
    bool is_one;
    bool is_sampled;
} forms[] = {
    { "00-" TRACE "-" SPAN "-01", true, true },
    { "00-" TRACE "-" SPAN "-00", true, false },
    { "00-" TRACE "-" SPAN "-03", true, true },
    { "00-" TRACE "-" SPAN "-f0", true, false },
    { "01-" TRACE "-" SPAN "-01", true, true },
    { "cc-" TRACE "-" SPAN "-01-what-comes-later", true, true },
    { "cc-" TRACE "-" SPAN "-01what", false, false },
    { "00-" TRACE "-" SPAN "-01-more", false, false },
    { "ff-" TRACE "-" SPAN "-01", false, false },
    { "0g-" TRACE "-" SPAN "-01", false, false },
    { "00-" TRACE "-" SPAN "-0", false, false },
    { "00-" TRACE "-" SPAN "-0G", false, false },
    { "00-" TRACE "-" SPAN "_01", false, false },
    { "00-" TRACE "_" SPAN "-01", false, false },
    { "00_" TRACE "-" SPAN "-01", false, false },
    { "00-00000000000000000000000000000000-" SPAN "-01", false, false },
    { "00-" TRACE "-0000000000000000-01", false, false },
    { "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false, false },
    { "00-4bf92f3577b34da6a3ce929d0e0e473 -" SPAN "-01", false, false },
    { "00-" TRACE "-00f067aa0ba902bg-01", false, false },
    { "", false, false },
    { "00", false, false },
};

static void test_a_form_is_taken_apart_or_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        trace_parent parent = { 0 };

        if (trace_read(trial_text_of(forms[i].text), &parent) != forms[i].is_one) {
            fail_msg("'%s' is %sone", forms[i].text, forms[i].is_one ? "" : "n");
        }
        if (forms[i].is_one) {
            assert_text_is(parent.trace, TRACE);
            assert_text_is(parent.span, SPAN);
            assert_int_equal(parent.is_sampled, forms[i].is_sampled);
        }
    }
}

static void test_what_is_cut_short_is_none(void **state)
{
    const char *whole = "00-" TRACE "-" SPAN "-01";
    trace_parent parent;

    (void)state;
    for (uint32_t size = 0; size < strlen(whole); size++) {
        assert_false(trace_read((trial_text){ whole, size }, &parent));
    }
    assert_false(trace_read((trial_text){ 0 }, &parent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_form_is_taken_apart_or_is_none),
        cmocka_unit_test(test_what_is_cut_short_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
