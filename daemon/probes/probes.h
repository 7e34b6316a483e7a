/* probes.h - a function a row of probes.def: what a tracer may stop at. Where there was no
 * <sys/sdt.h> at building they do nothing. The only room that knows it. */
#ifndef PROBES_H
#define PROBES_H

#include "trial/base.h"

#ifdef TRIALD_HAS_SDT
#include <sys/sdt.h>
#else
#define DTRACE_PROBE1(provider, name, a) (void)(a)
#define DTRACE_PROBE2(provider, name, a, b) ((void)(a), (void)(b))
#define DTRACE_PROBE3(provider, name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define DTRACE_PROBE4(provider, name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

#ifdef __clang__ /* <sys/sdt.h> leaves the end of an argument list empty, as gcc lets it */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

/* In place, always: a probe stands where it is passed, and once more wherever it is passed. */
#define PROBE static inline __attribute__((__always_inline__)) void

#define PROBE1(lower, when, name0, doc0)                                                           \
    PROBE probe_##lower(uint64_t name0)                                                            \
    {                                                                                              \
        DTRACE_PROBE1(triald, lower, name0);                                                       \
    }
#define PROBE2(lower, when, name0, doc0, name1, doc1)                                              \
    PROBE probe_##lower(uint64_t name0, uint64_t name1)                                            \
    {                                                                                              \
        DTRACE_PROBE2(triald, lower, name0, name1);                                                \
    }
#define PROBE3(lower, when, name0, doc0, name1, doc1, name2, doc2)                                 \
    PROBE probe_##lower(uint64_t name0, uint64_t name1, uint64_t name2)                            \
    {                                                                                              \
        DTRACE_PROBE3(triald, lower, name0, name1, name2);                                         \
    }
#define PROBE4(lower, when, name0, doc0, name1, doc1, name2, doc2, name3, doc3)                    \
    PROBE probe_##lower(uint64_t name0, uint64_t name1, uint64_t name2, uint64_t name3)            \
    {                                                                                              \
        DTRACE_PROBE4(triald, lower, name0, name1, name2, name3);                                  \
    }
#include "probes.def"
#undef PROBE

#ifdef __clang__
#pragma clang diagnostic pop
#endif

/** A name as an argument. */
static inline uint64_t probe_text(const char *text)
{
    return (uint64_t)(uintptr_t)text;
}

#endif
