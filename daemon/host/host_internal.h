/* host_internal.h - what the files of this room share. */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include "host.h"

/** A log line as host_log() writes it; its size. */
size_t host_line(char line[HOST_LOG_LINE_BYTES], host_level level, const char *format, ...)
    TRIAL_PRINTF(3, 4);

#endif
