/* net_error.c - ZeroMQ's errno to a code, and nowhere else. */
#include "net_internal.h"

#include <stdarg.h>
#include <stdio.h>

static trial_code code_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return TRIAL_BUSY;
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
    case EADDRNOTAVAIL:
    case ENODEV:
    case ENAMETOOLONG:
        return TRIAL_INVALID;
    default:
        return TRIAL_STORAGE;
    }
}

trial_code net_fail(trial_error *err, const char *format, ...)
{
    int error = zmq_errno();
    char doing[TRIAL_ERROR_TEXT_BYTES];
    va_list args;
    trial_code code;

    va_start(args, format);
    (void)vsnprintf(doing, sizeof doing, format, args);
    va_end(args);
    code = trial_fail(err, code_of(error), "%.300s: %s", doing, zmq_strerror(error));
    if (err != NULL) {
        err->system_errno = error;
    }
    return code;
}
