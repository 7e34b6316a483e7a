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

/** names.c: the numbers of users and groups. */
typedef struct names names;

names *names_new(void);
void names_done(names *n);

/** Ask the system on a thread from now on. `ret_fd` is readable when it says something else than
 * before. Fails with STORAGE. */
TRIAL_MUST_USE trial_code names_ask_aside(names *n, int *ret_fd, trial_error *err);
void names_drain(names *n);

/** Between these two the directory is read: names that nobody asked for meanwhile are forgotten,
 * and the thread asks for all others again. */
void names_begin(names *n);
void names_end(names *n);

/** The number of a user or group. Fails with INVALID: there is none; and with BUSY: nobody knows
 * yet, and the descriptor will say when. */
TRIAL_MUST_USE trial_code
names_find(names *n, bool is_user, const char *text, uint32_t *ret_id, trial_error *err);

/** directory.c: read every certificate. No lock is held meanwhile: it may take its time. As long as
 * keys were never used, here or in the log (`has_history`), an empty directory does not begin it.
 */
rights_listing rights_directory_read(const char *path,
                                     bool has_history,
                                     names *known,
                                     bool *are_used,
                                     rights_problem *problem,
                                     void *context);

#endif
