/* error.c - how an error is made and how it gains context; the one file behind the words. */
#include "trial/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct code_row {
    const char *name;
    int exit_status;
    const char *meaning;
} code_rows[TRIAL_CODE_COUNT] = {
    [TRIAL_OK] = { "ok", 0, "done" },
#define ERROR(UPPER, wire, exit_status, may_retry, meaning)                                        \
    [TRIAL_##UPPER] = { wire, exit_status, meaning },
#include "trial/errors.def"
};

static const struct rule_row {
    const char *name;
    trial_code code;
    const char *sentence;
} rule_rows[TRIAL_RULE_COUNT] = {
    [TRIAL_RULE_NONE] = { "", TRIAL_OK, "" },
#define RULE(UPPER, name, code, sentence) [TRIAL_RULE_##UPPER] = { name, TRIAL_##code, sentence },
#define WARNING(UPPER, name, sentence) [TRIAL_RULE_##UPPER] = { name, TRIAL_OK, sentence },
#include "trial/rules.def"
};

TRIAL_PRINTF(4, 0)
static trial_code
fail_with(trial_error *err, trial_code code, trial_rule rule, const char *format, va_list args)
{
    TRIAL_ASSERT(code > TRIAL_OK && code < TRIAL_CODE_COUNT);
    if (err != NULL) {
        *err = TRIAL_ERROR_NONE;
        err->code = code;
        err->rule = rule;
        (void)vsnprintf(err->text, sizeof err->text, format, args); /* a cut sentence still helps */
    }
    return code;
}

trial_code trial_fail(trial_error *err, trial_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    code = fail_with(err, code, TRIAL_RULE_NONE, format, args);
    va_end(args);
    return code;
}

trial_code trial_fail_rule(trial_error *err, trial_rule rule, const char *format, ...)
{
    trial_code code = trial_rule_code(rule);
    va_list args;

    va_start(args, format);
    code = fail_with(err, code, rule, format, args);
    va_end(args);
    return code;
}

trial_code
trial_fail_rule_as(trial_error *err, trial_rule rule, trial_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    code = fail_with(err, code, rule, format, args);
    va_end(args);
    return code;
}

trial_code trial_fail_errno(trial_error *err, int system_errno, const char *format, ...)
{
    trial_code code =
        system_errno == ENOSPC || system_errno == EDQUOT ? TRIAL_NO_SPACE : TRIAL_STORAGE;
    va_list args;

    va_start(args, format);
    code = fail_with(err, code, TRIAL_RULE_NONE, format, args);
    va_end(args);
    if (err != NULL) {
        size_t used = strlen(err->text);

        err->system_errno = system_errno;
        (void)snprintf(
            err->text + used, sizeof err->text - used, ": %s", strerrordesc_np(system_errno));
    }
    return code;
}

trial_code trial_fail_while(trial_error *err, const char *format, ...)
{
    char before[TRIAL_ERROR_TEXT_BYTES];
    char after[TRIAL_ERROR_TEXT_BYTES];
    va_list args;

    if (err == NULL) {
        return TRIAL_STORAGE; /* nobody asked why; callers return the code they were given */
    }
    va_start(args, format);
    (void)vsnprintf(before, sizeof before, format, args);
    va_end(args);
    memcpy(after, err->text, sizeof after);
    (void)snprintf(err->text, sizeof err->text, "%.200s: %.270s", before, after);
    return err->code;
}

trial_code trial_fail_field(trial_error *err, const char *format, ...)
{
    va_list args;

    TRIAL_ASSERT(err != NULL);
    va_start(args, format);
    (void)vsnprintf(err->field, sizeof err->field, format, args);
    va_end(args);
    return err->code;
}

const char *trial_code_name(trial_code code)
{
    TRIAL_ASSERT(code < TRIAL_CODE_COUNT);
    return code_rows[code].name;
}

int trial_code_exit(trial_code code)
{
    TRIAL_ASSERT(code < TRIAL_CODE_COUNT);
    return code_rows[code].exit_status;
}

const char *trial_code_meaning(trial_code code)
{
    TRIAL_ASSERT(code < TRIAL_CODE_COUNT);
    return code_rows[code].meaning;
}

trial_code trial_code_named(trial_text name)
{
    trial_code code = TRIAL_OK;

    while (code < TRIAL_CODE_COUNT && !trial_text_is(name, code_rows[code].name)) {
        code++;
    }
    return code;
}

const char *trial_rule_name(trial_rule rule)
{
    TRIAL_ASSERT(rule < TRIAL_RULE_COUNT);
    return rule_rows[rule].name;
}

const char *trial_rule_sentence(trial_rule rule)
{
    TRIAL_ASSERT(rule < TRIAL_RULE_COUNT);
    return rule_rows[rule].sentence;
}

trial_code trial_rule_code(trial_rule rule)
{
    TRIAL_ASSERT(rule < TRIAL_RULE_COUNT);
    return rule_rows[rule].code;
}

trial_rule trial_rule_named(trial_text name)
{
    trial_rule rule = TRIAL_RULE_NONE;

    while (rule < TRIAL_RULE_COUNT && !trial_text_is(name, rule_rows[rule].name)) {
        rule++;
    }
    return rule;
}

static const char *const role_names[TRIAL_ROLE_COUNT] = {
    [TRIAL_ROLE_NONE] = "",
#define ROLE(UPPER, name, doc) [TRIAL_ROLE_##UPPER] = name,
#include "trial/roles.def"
};

const char *trial_role_name(trial_role role)
{
    TRIAL_ASSERT(role < TRIAL_ROLE_COUNT);
    return role_names[role];
}

trial_role trial_role_named(trial_text name)
{
    trial_role role = TRIAL_ROLE_NONE + 1;

    while (role < TRIAL_ROLE_COUNT && !trial_text_is(name, role_names[role])) {
        role++;
    }
    return role;
}

_Noreturn void trial_panic(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "triald: a mistake of our own at %s:%d: %s\n", file, line, what);
    abort();
}
