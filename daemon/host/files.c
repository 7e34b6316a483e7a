/* files.c - how many files the process may have open. */
#include "host.h"

#include <sys/resource.h>

#define DESCRIPTORS_MAX (1u << 20) /* the kernel's own bound, unless it was raised */

uint32_t host_descriptors(void)
{
    struct rlimit limit;
    int status = getrlimit(RLIMIT_NOFILE, &limit);

    TRIAL_ASSERT(status == 0); /* a known limit, and room for it */
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            limit.rlim_cur = before;
        }
    }
    return limit.rlim_cur < DESCRIPTORS_MAX ? (uint32_t)limit.rlim_cur : DESCRIPTORS_MAX;
}
