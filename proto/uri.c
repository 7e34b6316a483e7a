/* uri.c - is a text a URI-reference? The grammar of RFC 3986, appendix A, and nothing of any
 * scheme.
 */
#include "uri.h"

#include <arpa/inet.h>

#define UNRESERVED "-._~"
#define SUB_DELIMS "!$&'()*+,;="

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* How many bytes stand before the first of the set; all of them where there is none. */
static uint32_t size_before(trial_text text, const char *set)
{
    uint32_t size = 0;

    while (size < text.size && !is_one_of(text.at[size], set)) {
        size++;
    }
    return size;
}

static trial_text behind(trial_text text, uint32_t size)
{
    return (trial_text){ text.at + size, text.size - size };
}

/* Letters, digits, what the set holds, and percent signs with their two digits. */
static bool is_made_of(trial_text text, const char *set)
{
    for (uint32_t i = 0; i < text.size; i++) {
        char c = text.at[i];

        if (c == '%' && i + 2 < text.size && trial_is_hex(text.at[i + 1]) &&
            trial_is_hex(text.at[i + 2])) {
            i += 2;
        } else if (!is_alpha(c) && !is_digit(c) && !is_one_of(c, set)) {
            return false;
        }
    }
    return true;
}

/* ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) */
static bool is_scheme(trial_text text)
{
    return text.size > 0 && is_alpha(text.at[0]) && size_before(text, "%") == text.size &&
           is_made_of(text, "+-.");
}

/* What stands between brackets: an IPv6 address, or one of a version to come. */
static bool is_address(trial_text text)
{
    char copy[INET6_ADDRSTRLEN] = "";
    struct in6_addr ignored;
    uint32_t version = size_before(text, ".");

    if (text.size > 0 && (text.at[0] == 'v' || text.at[0] == 'V')) {
        trial_text digits = { text.at + 1, version - 1 };

        return digits.size > 0 && trial_text_is_hex(digits, digits.size) &&
               version + 1 < text.size && size_before(text, "%") == text.size &&
               is_made_of(behind(text, version + 1), UNRESERVED SUB_DELIMS ":");
    }
    if (text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.at, text.size);
    return inet_pton(AF_INET6, copy, &ignored) == 1;
}

/* [ userinfo "@" ] host [ ":" port ] */
static bool is_authority(trial_text text)
{
    uint32_t user = size_before(text, "@");
    uint32_t size;

    if (user < text.size) {
        if (!is_made_of((trial_text){ text.at, user }, UNRESERVED SUB_DELIMS ":")) {
            return false;
        }
        text = behind(text, user + 1);
    }
    if (text.size > 0 && text.at[0] == '[') {
        size = size_before(text, "]");
        if (size == text.size || !is_address((trial_text){ text.at + 1, size - 1 })) {
            return false;
        }
        size++;
    } else {
        size = size_before(text, ":");
        if (!is_made_of((trial_text){ text.at, size }, UNRESERVED SUB_DELIMS)) {
            return false;
        }
    }
    if (size == text.size) {
        return true;
    }
    for (uint32_t i = size + 1; i < text.size; i++) {
        if (!is_digit(text.at[i])) {
            return false;
        }
    }
    return text.at[size] == ':';
}

bool uri_is_reference(trial_text text)
{
    uint32_t size = size_before(text, ":/?#");

    if (size < text.size && text.at[size] == ':') { /* before any of the others it ends a scheme */
        if (!is_scheme((trial_text){ text.at, size })) {
            return false;
        }
        text = behind(text, size + 1);
    }
    if (trial_text_starts(text, TRIAL_TEXT("//"))) {
        text = behind(text, 2);
        size = size_before(text, "/?#");
        if (!is_authority((trial_text){ text.at, size })) {
            return false;
        }
        text = behind(text, size);
    }
    size = size_before(text, "#");
    if (size < text.size && !is_made_of(behind(text, size + 1), UNRESERVED SUB_DELIMS ":@/?")) {
        return false;
    }
    return is_made_of((trial_text){ text.at, size }, UNRESERVED SUB_DELIMS ":@/?");
}
