/* store_error.c - LMDB's codes become ours here and nowhere else. */
#include "store_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static trial_code code_of(int lmdb_code)
{
    switch (lmdb_code) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return TRIAL_NO_SPACE;
    case MDB_READERS_FULL:
        return TRIAL_BUSY;
    default:
        return TRIAL_STORAGE;
    }
}

const char *store_reason(int lmdb_code)
{
    switch (lmdb_code) {
    case MDB_MAP_FULL:
        return "LMDB's map is full; raise map-bytes and start again";
    case MDB_READERS_FULL:
        return "all reader slots are taken";
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
        return "LMDB found a damaged page";
    case MDB_PANIC:
        return "LMDB gave up after an earlier failure";
    default:
        return lmdb_code > 0 ? strerrordesc_np(lmdb_code) : mdb_strerror(lmdb_code);
    }
}

/* A file that is not there, or not ours to open, stays so; the rest may pass: a disk that fails, a
 * machine that has no memory or descriptor left. */
static trial_code refusal_of(int system_errno)
{
    switch (system_errno) {
    case ENOSPC:
    case EDQUOT:
        return TRIAL_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENXIO:
    case ENAMETOOLONG:
        return TRIAL_INVALID;
    default:
        return TRIAL_STORAGE;
    }
}

trial_code store_refuse(trial_error *err, int system_errno, const char *what, const char *path)
{
    bool is_foreign = system_errno == EACCES || system_errno == EPERM;
    trial_code code =
        trial_fail(err,
                   refusal_of(system_errno),
                   "%s '%s': %s%s",
                   what,
                   path,
                   strerrordesc_np(system_errno),
                   is_foreign ? "; all of a store belongs to the user that triald runs as" : "");

    if (err != NULL) {
        err->system_errno = system_errno;
    }
    return code;
}

trial_code store_fail(trial_error *err, int lmdb_code, const char *format, ...)
{
    char what[TRIAL_ERROR_TEXT_BYTES];
    trial_code code = code_of(lmdb_code);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args); /* a cut sentence still helps */
    va_end(args);
    code = trial_fail(err, code, "%.300s: %s", what, store_reason(lmdb_code));
    if (err != NULL && lmdb_code > 0) {
        err->system_errno = lmdb_code;
    }
    return code;
}
