/* oracle.h - one judge for every test that kills, cuts or breaks: was anything acknowledged lost?
 *
 * It opens a store as triald does, through the daemon's own store and engine, and says whether
 * every acknowledged event is there once, exact and at its position; nothing is there that nobody
 * sent; positions, revisions, ingest times, leaves and root are right; a resend is a duplicate;
 * every row of every table is what folding the log anew makes; and one more append, flush, commit
 * and reopening work. It knows nothing of the code it judges but that code's public face.
 *
 * Link the library `oracle`: its linker option puts a door in front of store_recover(), through
 * which the log's records are given to a second, empty store to be folded again. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "store.h"

#define ORACLE_TEXT_BYTES 512

/** One event that somebody sent; each stands once in a case. Spans are borrowed. */
typedef struct oracle_event {
    trial_bytes event;  /* its map in MessagePack, as it was sent */
    trial_bytes record; /* as the log held it when it was acknowledged; data == NULL: not known */
    uint64_t position;  /* as it was acknowledged; 0: no answer came */
    uint64_t request;   /* events side by side with one number are all there or none; 0: alone */
} oracle_event;

typedef struct oracle_case {
    store_settings settings; /* of the store that is judged; it is written to */
    const oracle_event *events;
    size_t count;
    bool was_made; /* somebody was told that the store exists: it must not be made anew */
    /** Is what the store holds beside its log as it must be? NULL: nobody asks. `text` as below. */
    bool (*look)(const void *context, store *s, char *text);
    const void *context;
} oracle_case;

typedef struct oracle oracle;

/** Give it an empty directory of its own, for the second store. */
oracle *oracle_new(const char *directory); /* given; oracle_done() */
void oracle_done(oracle *o);               /* leaves the directory to its owner */

/**
 * Judge a store that nobody has open.
 *
 * ret_head  the last position it held, before the oracle added one event of its own.
 * text      of ORACLE_TEXT_BYTES: what is wrong, in a sentence; "" where nothing is.
 *
 * Returns true where all is as it must be.
 */
bool oracle_judge(oracle *o, const oracle_case *c, uint64_t *ret_head, char *text);

#endif
