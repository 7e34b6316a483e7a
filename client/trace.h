/* trace.h - the attribute `traceparent` of an event: which trace of somebody's requests it came out
 * of, in the form of W3C Trace Context. The log keeps whatever stands there; only what is shown and
 * what is sent from here is looked at. */
#ifndef CLIENT_TRACE_H
#define CLIENT_TRACE_H

#include "trial/value.h"

#define TRACE_ATTRIBUTE "traceparent"

typedef struct trace_parent {
    trial_text trace; /* 32 hex digits */
    trial_text span;  /* 16 hex digits */
    bool is_sampled;
} trace_parent;

/**
 * Read VERSION-TRACE-SPAN-FLAGS. False where it is none: other lengths, capitals, a trace or span
 * of zeros, version ff. A version later than 00 may say more behind the flags.
 */
bool trace_read(trial_text text, trace_parent *ret_parent);

#endif
