/* clock.c - the two clocks of the machine and its randomness: what a turn may not read by itself.
 */
#include "host.h"

#include <errno.h>
#include <sched.h>
#include <sys/random.h>
#include <time.h>

static struct timespec read_clock(clockid_t clock)
{
    struct timespec now;
    int status = clock_gettime(clock, &now);

    TRIAL_ASSERT(status == 0);
    return now;
}

uint64_t host_now_ns(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);

    if (now.tv_sec < 0) { /* a clock set before 1970 says the earliest time we can count */
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t host_monotonic_ms(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);

    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t host_monotonic_ns(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);

    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void host_yield(void)
{
    (void)sched_yield(); /* always succeeds on Linux */
}

void host_random(void *ret_bytes, size_t size)
{
    uint8_t *next = ret_bytes;

    while (size > 0) {
        ssize_t got = getrandom(next, size, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        TRIAL_ASSERT(got > 0); /* without a salt an event cannot be kept, nor anything else done */
        next += got;
        size -= (size_t)got;
    }
}
