/* space.c - free room on the store's file system, and the monotonic clock. */
#include "store_internal.h"

#include <sys/statvfs.h>
#include <time.h>

uint64_t space_free(const store *s)
{
    struct statvfs facts;

    if (fstatvfs(s->directory_fd, &facts) != 0) {
        return 0; /* a disk that does not answer has no room */
    }
    return (uint64_t)facts.f_bavail * facts.f_frsize;
}

void space_look(store *s)
{
    s->free_bytes = space_free(s);
    s->space_checked_ms = space_now_ms();
    s->is_low = s->free_bytes < s->settings.reserve_bytes;
}

uint64_t space_now_ns(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t space_now_ms(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* cannot fail with this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
