/* notify.c - what the service manager is told. A notice that does not get through changes nothing
 * for our peers, so its result is never more than dropped. */
#include "host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define NOTICE_BYTES (sizeof "STATUS=" + 511)

/* Tell without waiting. sd_notify() waits while its reader does not read, and a daemon that waits
 * acknowledges nothing; a notice that finds no room is dropped, for the next one says more. False:
 * it found none. */
static bool tell(const char *notice)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = getenv("NOTIFY_SOCKET");
    size_t size = path == NULL ? 0 : strlen(path);
    bool is_told;
    int fd;

    if (size < 2 || size >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) {
        return true; /* there is nobody to tell */
    }
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* an abstract name, as systemd writes it */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    is_told = sendto(fd,
                     notice,
                     strlen(notice),
                     MSG_DONTWAIT | MSG_NOSIGNAL,
                     (const struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) >= 0 ||
              (errno != EAGAIN && errno != ENOBUFS); /* a manager that is gone is not told later */
    (void)close(fd); /* a datagram was handed over or dropped before */
    return is_told;
}

void host_notify_ready(void)
{
    (void)sd_notify(0, "READY=1"); /* this one must arrive; nobody to tell is fine */
}

void host_notify_status(const char *format, ...)
{
    static const char word[] = "STATUS=";
    char notice[NOTICE_BYTES];
    va_list args;

    memcpy(notice, word, sizeof word);
    va_start(args, format);
    (void)vsnprintf(notice + sizeof word - 1, /* a cut status still says most */
                    sizeof notice - sizeof word + 1,
                    format,
                    args);
    va_end(args);
    (void)tell(notice); /* the next one says more */
}

void host_notify_reloading(void)
{
    char notice[NOTICE_BYTES];

    (void)snprintf(notice,
                   sizeof notice,
                   "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)(host_monotonic_ns() / 1000));
    (void)tell(notice);
}

bool host_notify_reloaded(void)
{
    return tell("READY=1");
}

void host_notify_stopping(void)
{
    (void)tell("STOPPING=1");
}

void host_notify_alive(void)
{
    (void)tell("WATCHDOG=1");
}

void host_notify_extend(uint64_t wait_us)
{
    char notice[NOTICE_BYTES];

    (void)snprintf(notice, sizeof notice, "EXTEND_TIMEOUT_USEC=%llu", (unsigned long long)wait_us);
    (void)tell(notice);
}

uint64_t host_watchdog_us(void)
{
    uint64_t interval_us = 0;

    return sd_watchdog_enabled(0, &interval_us) > 0 ? interval_us : 0;
}
