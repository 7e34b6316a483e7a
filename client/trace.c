/* trace.c - see trace.h. */
#include "trace.h"

/* Where the parts stand: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01 */
#define TRACE_AT 3u
#define TRACE_DIGITS 32u
#define SPAN_AT 36u
#define SPAN_DIGITS 16u
#define FLAGS_AT 53u
#define SIZE 55u
#define FLAG_SAMPLED 1u

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Are they hex digits, and not all of them zero? */
static bool is_id(const char *at, uint32_t count)
{
    bool is_zero = true;

    for (uint32_t i = 0; i < count; i++) {
        if (digit(at[i]) < 0) {
            return false;
        }
        is_zero = is_zero && at[i] == '0';
    }
    return !is_zero;
}

bool trace_read(trial_text text, trace_parent *ret_parent)
{
    const char *at = text.at;

    if (text.size < SIZE || digit(at[0]) < 0 || digit(at[1]) < 0 || memcmp(at, "ff", 2) == 0 ||
        at[TRACE_AT - 1] != '-' || at[SPAN_AT - 1] != '-' || at[FLAGS_AT - 1] != '-' ||
        digit(at[FLAGS_AT]) < 0 || digit(at[FLAGS_AT + 1]) < 0) {
        return false;
    }
    if (text.size > SIZE && (memcmp(at, "00", 2) == 0 || at[SIZE] != '-')) {
        return false;
    }
    if (!is_id(at + TRACE_AT, TRACE_DIGITS) || !is_id(at + SPAN_AT, SPAN_DIGITS)) {
        return false;
    }
    *ret_parent = (trace_parent){
        .trace = { at + TRACE_AT, TRACE_DIGITS },
        .span = { at + SPAN_AT, SPAN_DIGITS },
        .is_sampled = ((unsigned)digit(at[FLAGS_AT + 1]) & FLAG_SAMPLED) != 0,
    };
    return true;
}
