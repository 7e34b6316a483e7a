/* rights_internal.h - what the files of this room share. */
#ifndef RIGHTS_INTERNAL_H
#define RIGHTS_INTERNAL_H

#include "rights.h"

#define RIGHTS_GONE "its certificate is gone"

/** What the directory says of one name. */
typedef struct rights_listed {
    char name[RIGHTS_NAME_BYTES];
    rights_grant grant;               /* NONE: its certificate is refused ... */
    char reason[RIGHTS_REASON_BYTES]; /* ... and why */
} rights_listed;

typedef struct rights_listing {
    rights_listed *items; /* the caller's, given with free() */
    uint32_t count;
    uint32_t refused; /* the directory itself counting as one */
} rights_listing;

/** directory.c: read every certificate. No lock is held meanwhile: it may take its time. As long as
 * keys were never used, here or in the log (`has_history`), an empty directory does not begin it.
 */
rights_listing rights_directory_read(
    const char *path, bool has_history, bool *are_used, rights_problem *problem, void *context);

#endif
