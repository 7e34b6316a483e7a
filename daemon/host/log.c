/* log.c - log lines on stderr that never make the daemon wait. A stalled journal takes some thirty
 * kilobytes and then blocks whoever writes, so a line that would block is dropped and counted. */
#include "host.h"
#include "host_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAM_BYTES 64 /* two numbers of 64 bits and a colon */

static atomic_uint_fast64_t dropped_total;
static atomic_uint_fast64_t dropped_unsaid;

/* Is stderr the very stream that the service manager connected to the journal? */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[STREAM_BYTES];
    struct stat seen;

    if (stream == NULL || fstat(STDERR_FILENO, &seen) != 0) {
        return false;
    }
    (void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)seen.st_dev, (uintmax_t)seen.st_ino);
    return strcmp(stream, own) == 0;
}

/* One attempt that cannot block: a socket is asked not to, and a pipe that polls writable takes
 * PIPE_BUF bytes, which is more than a line. */
static bool has_written(const char *line, size_t size)
{
    struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
    ssize_t sent = send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0 && errno == ENOTSOCK) {
        if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
            return false;
        }
        sent = write(STDERR_FILENO, line, size);
    }
    return sent == (ssize_t)size;
}

static size_t start_line(char *line, host_level level)
{
    int size = is_journal() ? snprintf(line, HOST_LOG_LINE_BYTES, "<%d>", (int)level)
                            : snprintf(line, HOST_LOG_LINE_BYTES, HOST_PROGRAM ": ");

    TRIAL_ASSERT(size > 0 && size < HOST_LOG_LINE_BYTES / 2);
    return (size_t)size;
}

void host_tame(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            text[i] = ' ';
        }
    }
}

static size_t end_line(char *line, size_t start, int text_size)
{
    size_t size = start + (text_size < 0 ? 0 : (size_t)text_size);

    if (size > HOST_LOG_LINE_BYTES - 2) {
        size = HOST_LOG_LINE_BYTES - 2;
    }
    host_tame(line + start, size - start);
    line[size] = '\n';
    return size + 1;
}

size_t host_line(char line[HOST_LOG_LINE_BYTES], host_level level, const char *format, ...)
{
    size_t start = start_line(line, level);
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(line + start, HOST_LOG_LINE_BYTES - start, format, args);
    va_end(args);
    return end_line(line, start, size);
}

host_about host_about_error(const trial_error *err)
{
    return (host_about){ .position = err->position > 0 ? (uint64_t)err->position : 0,
                         .rule = err->rule == TRIAL_RULE_NONE ? NULL : trial_rule_name(err->rule) };
}

/* One attempt; false: nothing took it. */
static bool has_told(host_level level, const host_about *about, const char *text)
{
    char line[HOST_LOG_LINE_BYTES];
    host_sent sent = is_journal() ? journal_send(level, about, text) : HOST_ABSENT;

    return sent == HOST_SENT ||
           (sent == HOST_ABSENT && has_written(line, host_line(line, level, "%s", text)));
}

static void say_dropped(void)
{
    static const host_about nothing = { 0 };
    char text[HOST_LOG_LINE_BYTES];
    uint_fast64_t count = atomic_exchange(&dropped_unsaid, 0);

    if (count == 0) {
        return;
    }
    (void)snprintf(
        text, sizeof text, "%llu log lines were dropped before this", (unsigned long long)count);
    if (!has_told(HOST_WARNING, &nothing, text)) {
        atomic_fetch_add(&dropped_unsaid, count);
    }
}

static void tell(host_level level, const host_about *about, const char *text)
{
    if (has_told(level, about, text)) {
        say_dropped();
    } else {
        atomic_fetch_add(&dropped_total, 1);
        atomic_fetch_add(&dropped_unsaid, 1);
    }
}

void host_log(host_level level, const char *format, ...)
{
    static const host_about nothing = { 0 };
    char text[HOST_LOG_LINE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* a cut line still says most */
    va_end(args);
    tell(level, &nothing, text);
}

void host_log_about(host_level level, const host_about *about, const char *format, ...)
{
    char text[HOST_LOG_LINE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* a cut line still says most */
    va_end(args);
    tell(level, about, text);
}

uint64_t host_log_dropped(void)
{
    return atomic_load(&dropped_total);
}
