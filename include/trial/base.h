/* base.h - what every room shares: spans, codes, errors, assertions. It knows no library. */
#ifndef TRIAL_BASE_H
#define TRIAL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** A result that must be looked at; gcc and clang refuse to let it drop. */
#define TRIAL_MUST_USE __attribute__((__warn_unused_result__))
#define TRIAL_PRINTF(format, first) __attribute__((__format__(__printf__, format, first)))

/** Bytes that belong to somebody else. `data` may be NULL only where `size` is 0. */
typedef struct trial_bytes {
    const uint8_t *data;
    size_t size;
} trial_bytes;

/** UTF-8 text without NUL that belongs to somebody else; it has no terminator. NULL `at` = absent.
 */
typedef struct trial_text {
    const char *at;
    uint32_t size;
} trial_text;

#define TRIAL_TEXT(literal) ((trial_text){ (literal), (uint32_t)(sizeof(literal) - 1) })
/** For printf's "%.*s". */
#define TRIAL_TEXT_ARGS(text) (int)(text).size, (text).at

/** Wrap a C string (NULL gives the absent text). The string must outlive the text. */
static inline trial_text trial_text_of(const char *string)
{
    return (trial_text){ string, string == NULL ? 0 : (uint32_t)strlen(string) };
}

static inline bool trial_text_is_set(trial_text text)
{
    return text.at != NULL;
}

static inline bool trial_text_equal(trial_text a, trial_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline bool trial_text_is(trial_text text, const char *string)
{
    return trial_text_equal(text, trial_text_of(string));
}

static inline bool trial_text_starts(trial_text text, trial_text prefix)
{
    return text.size >= prefix.size &&
           (prefix.size == 0 || memcmp(text.at, prefix.at, prefix.size) == 0);
}

/** A blank, or what ends a line: what isspace() takes in the C locale. */
static inline bool trial_is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/** A hexadecimal digit, in either case. */
static inline bool trial_is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/** So many hexadecimal digits and nothing else? */
static inline bool trial_text_is_hex(trial_text text, uint32_t digits)
{
    uint32_t count = 0;

    while (count < text.size && trial_is_hex(text.at[count])) {
        count++;
    }
    return count == text.size && count == digits;
}

/** Does an endpoint of tcp end in a port, 0 to 65535, or in `*` for any? libzmq takes a greater
 * number for another port, without a word. */
static inline bool trial_endpoint_has_port(trial_text endpoint)
{
    uint32_t at = endpoint.size;
    uint32_t port = 0;

    while (at > 0 && endpoint.at[at - 1] >= '0' && endpoint.at[at - 1] <= '9') {
        at--;
    }
    if (at == endpoint.size && at > 1 && endpoint.at[at - 1] == '*') {
        return endpoint.at[at - 2] == ':';
    }
    for (uint32_t i = at; i < endpoint.size && port <= UINT16_MAX; i++) {
        port = port * 10 + (uint32_t)(endpoint.at[i] - '0');
    }
    return at > 0 && at < endpoint.size && endpoint.at[at - 1] == ':' && port <= UINT16_MAX;
}

/** The text without the blanks at both ends. */
static inline trial_text trial_text_trim(trial_text text)
{
    while (text.size > 0 && trial_is_blank(text.at[0])) {
        text = (trial_text){ text.at + 1, text.size - 1 };
    }
    while (text.size > 0 && trial_is_blank(text.at[text.size - 1])) {
        text.size--;
    }
    return text;
}

/** Compare as memcmp does, the shorter of two equal beginnings first: the order of keys. */
static inline int trial_text_compare(trial_text a, trial_text b)
{
    uint32_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.at, b.at, size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/** The codes of errors.def; TRIAL_OK is 0. */
typedef enum trial_code {
    TRIAL_OK = 0,
#define ERROR(UPPER, wire, exit_status, may_retry, meaning) TRIAL_##UPPER,
#include "trial/errors.def"
    TRIAL_CODE_COUNT
} trial_code;

/** The named rules of rules.def: refusals and warnings; TRIAL_RULE_NONE is 0. */
typedef enum trial_rule {
    TRIAL_RULE_NONE = 0,
#define RULE(UPPER, name, code, sentence) TRIAL_RULE_##UPPER,
#define WARNING(UPPER, name, sentence) TRIAL_RULE_##UPPER,
#include "trial/rules.def"
    TRIAL_RULE_COUNT
} trial_rule;

/** What a certificate lets a peer do: the roles of roles.def; TRIAL_ROLE_NONE is 0. */
typedef enum trial_role {
    TRIAL_ROLE_NONE = 0,
#define ROLE(UPPER, name, doc) TRIAL_ROLE_##UPPER,
#include "trial/roles.def"
    TRIAL_ROLE_COUNT
} trial_role;

#define TRIAL_ERROR_TEXT_BYTES 480
#define TRIAL_ERROR_FIELD_BYTES 64

/** Why something failed. `index`, `position` and `revision` are -1 where they say nothing. */
typedef struct trial_error {
    trial_code code;
    trial_rule rule;
    trial_role right;                    /* that the peer lacks */
    int system_errno;                    /* 0 unless a system call was at fault */
    int64_t index;                       /* of the event in its request, from 0 */
    int64_t position;                    /* of an event already in the log that stands in the way */
    int64_t revision;                    /* the subject's, where an expectation failed */
    char field[TRIAL_ERROR_FIELD_BYTES]; /* "" where no field is to blame */
    char text[TRIAL_ERROR_TEXT_BYTES];   /* one sentence for a person */
} trial_error;

#define TRIAL_ERROR_NONE ((trial_error){ .index = -1, .position = -1, .revision = -1 })

/** Set `err` (may be NULL) to one sentence under `code`; returns `code`. */
trial_code trial_fail(trial_error *err, trial_code code, const char *format, ...)
    TRIAL_PRINTF(3, 4);

/** As trial_fail(), by a rule's name; the code is the rule's own (rules.def). */
trial_code trial_fail_rule(trial_error *err, trial_rule rule, const char *format, ...)
    TRIAL_PRINTF(3, 4);

/**
 * As trial_fail_rule(), for a rule whose code depends on what shows the fault: bad-range and
 * inconsistent are `invalid` where the event alone shows it and `refused` where it takes the log.
 */
trial_code
trial_fail_rule_as(trial_error *err, trial_rule rule, trial_code code, const char *format, ...)
    TRIAL_PRINTF(4, 5);

/** As trial_fail(), from errno: ENOSPC and EDQUOT become NO_SPACE, all else STORAGE. */
trial_code trial_fail_errno(trial_error *err, int system_errno, const char *format, ...)
    TRIAL_PRINTF(3, 4);

/** Put what was being attempted in front of what went wrong; returns the code as it was. */
trial_code trial_fail_while(trial_error *err, const char *format, ...) TRIAL_PRINTF(2, 3);

/** Name the field at fault, dotted from the top (`data.exemptions.validTo`); returns the code. */
trial_code trial_fail_field(trial_error *err, const char *format, ...) TRIAL_PRINTF(2, 3);

const char *trial_code_name(trial_code code);    /* its name on the wire */
int trial_code_exit(trial_code code);            /* trialctl's exit status */
trial_code trial_code_named(trial_text name);    /* TRIAL_CODE_COUNT where there is none */
const char *trial_code_meaning(trial_code code); /* one sentence */
const char *trial_rule_name(trial_rule rule);
const char *trial_rule_sentence(trial_rule rule);
trial_code trial_rule_code(trial_rule rule);  /* TRIAL_OK for a warning */
trial_rule trial_rule_named(trial_text name); /* TRIAL_RULE_COUNT where there is none */
const char *trial_role_name(trial_role role);
trial_role trial_role_named(trial_text name); /* TRIAL_ROLE_COUNT where there is none */

/** End the process over a mistake of our own. */
_Noreturn void trial_panic(const char *file, int line, const char *what);

/** What must be so, in release too. One condition, no side effects. */
#define TRIAL_ASSERT(condition)                                                                    \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            trial_panic(__FILE__, __LINE__, #condition);                                           \
        }                                                                                          \
    } while (0)

#endif
