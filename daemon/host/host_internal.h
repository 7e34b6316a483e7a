/* host_internal.h - what the files of this room share. */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include "host.h"

/** A log line as host_log() writes it; its size. */
size_t host_line(char line[HOST_LOG_LINE_BYTES], host_level level, const char *format, ...)
    TRIAL_PRINTF(3, 4);

/** Text from elsewhere must not start a line of its own: control characters become spaces. */
void host_tame(char *text, size_t size);

typedef enum host_sent {
    HOST_SENT,
    HOST_FULL,   /* it would have to wait: the line is dropped */
    HOST_ABSENT, /* nobody is there to take it */
} host_sent;

/** Send a line and what it is about to the journal, without waiting. (journal.c) */
host_sent journal_send(host_level level, const host_about *about, const char *line);

#endif
