/* pages.h - the dashboard's files, read once at the start. What is asked for later is looked up in
 * a table and never opened, so no address can lead out of the directory. */
#ifndef BOARD_PAGES_H
#define BOARD_PAGES_H

#include "trial/arena.h"

#define PAGES_FILES_MAX 256                /* a built page has some ten */
#define PAGES_BYTES_MAX (32 * 1024 * 1024) /* of all files; they stay in memory */
#define PAGES_DEPTH_MAX 4                  /* directories below each other */
#define PAGES_ETAG_BYTES 24                /* 16 hex digits, quotes, a letter, the end */

typedef struct board_page {
    const char *path; /* as asked for: /index.html */
    const char *type; /* Content-Type */
    bool is_lasting;  /* its name holds a hash of what it holds */
    trial_bytes plain;
    trial_bytes packed; /* gzip; empty where there is none or it is no smaller */
    char etag[PAGES_ETAG_BYTES];
} board_page;

typedef struct board_pages board_pages;

/**
 * Read every file of a directory; NAME.gz beside NAME is NAME, packed.
 *
 * Fails with NOT_FOUND  the directory is not there
 *            INVALID    a file of a sort that has no type here, or too many or too large files
 *            STORAGE    it cannot be read
 */
TRIAL_MUST_USE trial_code pages_open(const char *directory,
                                     board_pages **ret_pages,
                                     trial_error *err);
void pages_close(board_pages *pages); /* NULL is fine */

/** The file at that path, / being /index.html; NULL where there is none. `pages` may be NULL. */
const board_page *pages_find(const board_pages *pages, trial_text path);

uint32_t pages_count(const board_pages *pages);

#endif
