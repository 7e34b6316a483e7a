/* host.h - the machine and its service manager: notices, clocks, log lines, randomness, signals.
 * The only room that knows systemd; outside of it every call here still works and says less. */
#ifndef HOST_H
#define HOST_H

#include "trial/base.h"

/* What the service manager is told. Without NOTIFY_SOCKET each call does nothing. */

/** Say that the daemon serves: the log is open, the views are level with it, the socket is bound.
 */
void host_notify_ready(void);

/** Say in one line what the daemon does now; `systemctl status` shows it. Cut at 511 bytes. */
void host_notify_status(const char *format, ...) TRIAL_PRINTF(1, 2);

/** Say that settings are being read again; host_notify_reloaded() ends it. */
void host_notify_reloading(void);

/** Say that they were read. False: it found no room. Say it again then, or the service manager
 * waits for it for ever. */
bool host_notify_reloaded(void);

/** Say that the daemon was told to stop and is leaving. */
void host_notify_stopping(void);

/** Feed the watchdog. Only from the loop that does the work, or the watchdog watches nothing. */
void host_notify_alive(void);

/** Ask for `wait_us` microseconds more, from now, to start or to stop. Fewer than asked before are
 * fine. */
void host_notify_extend(uint64_t wait_us);

/** Microseconds within which the watchdog must be fed, 0 where there is none. Feed it at half. */
uint64_t host_watchdog_us(void);

/* Clocks. */

/** Nanoseconds since 1970-01-01T00:00:00Z. May jump, also backwards: whoever needs order keeps it.
 */
uint64_t host_now_ns(void);

/** Milliseconds of a clock that never jumps and has no meaning beyond differences. */
uint64_t host_monotonic_ms(void);
uint64_t host_monotonic_ns(void);

/** Let another thread that waits for this core run. */
void host_yield(void);

/* Randomness. */

/** Fill with bytes fit for a salt. Does not fail: a kernel without randomness ends the process. */
void host_random(void *ret_bytes, size_t size);

/* Descriptors. */

/** Ask for as many open files as the process may have, and return how many that is. Fewer than
 * asked for are fine. */
uint32_t host_descriptors(void);

/* Sockets that the service manager made. */

#define HOST_NAME_BYTES 256
#define HOST_ENDPOINT_BYTES 256

/** A listening socket that was passed in. */
typedef struct host_listener {
    int fd;                             /* non-blocking, closed on exec; given */
    char name[HOST_NAME_BYTES];         /* its FileDescriptorName= */
    char endpoint[HOST_ENDPOINT_BYTES]; /* what it is bound to: ipc:///PATH or tcp://ADDRESS:PORT,
                                         * with * for any address */
} host_listener;

/**
 * The listening sockets that were passed in, at most `max`; once, for it forgets them.
 *
 * Fails with INVALID: too many, or something else than a listening socket of a path or of tcp.
 */
TRIAL_MUST_USE trial_code host_listeners(host_listener *ret_listeners,
                                         uint32_t max,
                                         uint32_t *ret_count,
                                         trial_error *err);

/* Directories. */

/** Watch a directory: a descriptor that is readable when something in it was made, written,
 * renamed or removed; -1 where it cannot be watched, as one that is not there. Taken: one that
 * watched the same path before, or -1; it serves again, for to close one the kernel takes its time,
 * 10 ms and more. Released with close(). */
int host_watch_directory(int fd, const char *path);

/** Take what such a descriptor tells; what it was is found by looking. */
void host_watch_drain(int fd);

/** Which directory is at a path, and when it was changed last: all zero where there is none. */
typedef struct host_mark {
    uint64_t device;
    uint64_t inode;
    int64_t changed_ns;
} host_mark;

host_mark host_mark_of(const char *path);
bool host_mark_is(const host_mark *a, const host_mark *b);

/* Signals. */

/**
 * Block SIGTERM, SIGINT and SIGHUP in this thread and in those it makes later, take SIGPIPE away,
 * and return a descriptor that is readable when one of the three has come; -1 on failure.
 *
 * ret       non-blocking, closed on exec; given, released with close().
 * Fails with STORAGE: the kernel's reason is in `err`.
 */
int host_signals_open(trial_error *err);

/** The next signal that came, 0 where there is none. */
int host_signals_read(int fd);

/** Can somebody explain a fault of memory? Asked in the thread and at the moment of the fault.
 *
 * address  where it was; NULL: the process was asked to abort. */
typedef bool host_explains(const void *address);

/**
 * From now on a fault of memory (SIGSEGV, SIGBUS, SIGABRT) that `explains` claims ends the process
 * with `status` and this log line, and every other as it always did. Once, before any thread is
 * made.
 */
void host_faults_explain(host_explains *explains, int status, const char *sentence);

/* Log lines. */

/** How grave a line is, in the numbers of syslog(3). */
typedef enum host_level {
    HOST_ERROR = 3,
    HOST_WARNING = 4,
    HOST_NOTICE = 5,
    HOST_INFO = 6,
    HOST_DEBUG = 7,
} host_level;

#define HOST_LOG_LINE_BYTES                                                                        \
    1024 /* one line, its end included; a journal field may be far longer                          \
          */

/** What a line is about: fields of its own in the journal, and nothing elsewhere. */
typedef struct host_about {
    const char *message_id; /* MESSAGE_ID=, 32 hexadecimal digits of the catalogue; NULL: none */
    uint64_t position;      /* TRIALD_POSITION=; 0: none */
    trial_text subject;     /* TRIALD_SUBJECT=; absent: none */
    const char *rule;       /* TRIALD_RULE=, its name; NULL: none */
} host_about;

/** What a line about an error is about: where in the log, and by which rule. */
host_about host_about_error(const trial_error *err);

/**
 * Write one line: to the journal with its fields where stderr is the journal's, else to stderr as
 * `triald: text`. Where the journal's socket cannot be reached, `<N>text` goes to stderr.
 *
 * Never waits: where nothing is taken the line is dropped and counted, and the next line that
 * gets through is followed by how many were lost. Safe from any thread. Control characters become
 * spaces and a line over HOST_LOG_LINE_BYTES is cut.
 */
void host_log(host_level level, const char *format, ...) TRIAL_PRINTF(2, 3);
void host_log_about(host_level level, const host_about *about, const char *format, ...)
    TRIAL_PRINTF(3, 4);

/** Lines dropped so far. */
uint64_t host_log_dropped(void);

#endif
