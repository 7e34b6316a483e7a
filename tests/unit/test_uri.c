/* test_uri.c - what RFC 3986 calls a URI-reference, and what it does not. */
#include "test.h"

#include "uri.h"

static const struct uri_case {
    const char *name;
    const char *text;
    bool is_reference;
} cases[] = {
    { "a whole URI", "https://a.dk:8/x?y=%C3%A6#z", true },
    { "an urn", "urn:uuid:6e8bc430", true },
    { "a relative path", "a/b:c", true },
    { "a blank", "/dk/a b", false },
    { "nothing", "", true },
    { "one with a bare percent", "/dk/%zz", false },
    { "one cut in a percent", "/dk/%4", false },
    { "one with two fragments", "/a#b#c", false },
    { "one with a bad scheme", "1a:b", false },
    { "one with an empty scheme", ":b", false },
    { "one with angle brackets", "<a>", false },
    { "one with a bracket", "[x", false },
    { "a path with brackets", "/dk/[1]", false },
    { "a query with brackets", "/dk?a[]=1", false },
    { "a fragment with a bracket", "/dk#a]", false },
    { "a user with a bracket", "//a[@b/", false },
    { "a name of a host in brackets", "http://[a.dk]/", false },
    { "a bracket that is not closed", "http://[::1/x", false },
    { "text behind a bracket", "http://[::1]x/", false },
    { "nothing in brackets", "http://[]/", false },
    { "an address with a zone", "//[fe80::1%25eth0]/", false },
    { "an address in brackets", "http://u:p@[2001:db8::7]:80", true },
    { "an IPv4 address in one", "//[::ffff:192.0.2.1]?[", false },
    { "the same without more", "//[::ffff:192.0.2.1]?", true },
    { "an address of later", "//[v1f.a:b]/", true },
    { "one of no version", "//[v.a]/", false },
    { "one of a version alone", "//[v1.]/", false },
    { "a port that is no number", "//a.dk:8o/", false },
    { "an empty port", "//a.dk:/", true },
    { "two users", "//a@b@c/", false },
    { "an empty authority", "file:///etc/x", true },
    { "a scheme with a percent", "a%41:b", false },
    { "all that a path may hold", "/-._~!$&'()*+,;=:@%2f", true },
};

static void test_a_reference_is_what_the_grammar_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct uri_case *c = &cases[i];

        if (uri_is_reference(trial_text_of(c->text)) != c->is_reference) {
            fail_msg("%s: '%s'", c->name, c->text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reference_is_what_the_grammar_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
