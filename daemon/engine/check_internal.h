/* check_internal.h - what the files of the check share. */
#ifndef ENGINE_CHECK_INTERNAL_H
#define ENGINE_CHECK_INTERNAL_H

#include "check.h"
#include "engine_internal.h"
#include "keys.h"

#define CHECK_SLICE 10000u /* records or rows that one snapshot is held for */

/** A check on its way. */
typedef struct checking {
    store *store;
    store_read *read; /* of the present slice */
    answers_progress *progress;
    check_found *found;
    uint64_t size;       /* positions that were committed when it began; it goes no further */
    uint32_t in_slice;   /* what was looked at since the snapshot began */
    uint8_t *named;      /* a bit a position: some record names it as its subject's one before */
    uint64_t listed;     /* rows that records ask for in the lists of programmes */
    uint64_t chained;    /* records found on the chains of subjects */
    uint64_t exemptions; /* links from exemptions that subjects ask for */
    uint64_t exemption_rows; /* that there were before the subjects were looked at */
    uint64_t rows;           /* of the table being walked that belong to what is checked */
    bool has_states;         /* of this version of the fold: else they are not looked at */
    trial_instant last_ingest;
    log_row log;       /* the tree as the tables have it */
    row_key after;     /* the row a walk got to */
    trial_arena arena; /* of one record or one subject */
    trial_code code;   /* why it cannot go on */
    trial_error *err;
} checking;

/** Note damage at a position, 0 standing for none in particular; the first position is kept. */
void check_note(checking *c, uint64_t position, const char *format, ...) TRIAL_PRINTF(3, 4);

/** Give the snapshot back and take a new one. False: c->code says why not, or it is to stop. */
bool check_slice(checking *c);

/** A row; NULL data where there is none or where it cannot be read, which is noted. */
trial_bytes
check_get(checking *c, store_table table, trial_bytes key, uint64_t position, const char *what);

/** check_subject.c: look at a row of STORE_SUBJECT, its chain, its state and its links. */
void check_subject(checking *c, trial_bytes key, trial_bytes value);

/** check_subject.c: did the state of the subject ever ask for this link? */
bool check_subject_had(checking *c, trial_text subject, trial_bytes link);

/** check_rows.c: look for rows that nothing asks for. */
void check_rows(checking *c);

/** check_rows.c: walk a whole table in slices; `visit` has the checking as its context. */
void check_walk(checking *c, store_table table, store_visit *visit);

#endif
