/* wake.c - one descriptor for a caller's loop, readable where a connection may have something and
 * where a moment has come. It stays the same while connections come and go. */
#include "lib.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

static bool watch(lib_wake *wake, int fd)
{
    struct epoll_event readable = { .events = EPOLLIN };

    return epoll_ctl(wake->fd, EPOLL_CTL_ADD, fd, &readable) == 0;
}

bool lib_wake_open(lib_wake *wake)
{
    *wake = (lib_wake){ .is_open = true,
                        .fd = epoll_create1(EPOLL_CLOEXEC),
                        .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                        .watched = -1 };
    if (wake->fd < 0 || wake->timer < 0 || !watch(wake, wake->timer)) {
        lib_wake_close(wake);
        return false;
    }
    return true;
}

void lib_wake_close(lib_wake *wake)
{
    if (wake->is_open) {
        (void)close(wake->timer); /* nothing was written to either; -1 is no descriptor */
        (void)close(wake->fd);
        wake->is_open = false;
    }
}

void lib_wake_watch(lib_wake *wake, int fd)
{
    if (!wake->is_open) {
        return;
    }
    if (wake->watched >= 0) { /* before it is closed, which ZeroMQ does when it likes */
        (void)epoll_ctl(wake->fd, EPOLL_CTL_DEL, wake->watched, NULL);
    }
    wake->watched = fd >= 0 && watch(wake, fd) ? fd : -1;
}

void lib_wake_at(lib_wake *wake, int64_t moment_ms)
{
    int64_t at_ms = moment_ms > 0 ? moment_ms : 1; /* 0 would be never */
    struct itimerspec when = { .it_value = { .tv_sec = at_ms / 1000,
                                             .tv_nsec = at_ms % 1000 * 1000000 } };

    if (wake->is_open) { /* cannot fail: the time is in range */
        (void)timerfd_settime(wake->timer, TFD_TIMER_ABSTIME, &when, NULL);
    }
}
