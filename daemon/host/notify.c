/* notify.c - what the service manager is told. A notice that does not get through changes nothing
 * for our peers, so its result is never more than dropped. */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#define STATUS_BYTES 256

void host_notify_ready(void)
{
    (void)sd_notify(0, "READY=1"); /* nobody to tell is fine, here and below */
}

void host_notify_status(const char *format, ...)
{
    char text[STATUS_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* a cut status still says most */
    va_end(args);
    (void)sd_notifyf(0, "STATUS=%s", text);
}

void host_notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void host_notify_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

void host_notify_extend(uint64_t wait_us)
{
    (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu", (unsigned long long)wait_us);
}

uint64_t host_watchdog_us(void)
{
    uint64_t interval_us = 0;

    return sd_watchdog_enabled(0, &interval_us) > 0 ? interval_us : 0;
}
