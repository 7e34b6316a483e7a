/* keys.h - how the rows of the store's tables are keyed, and the two rows with a form of their own.
 */
#ifndef ENGINE_KEYS_H
#define ENGINE_KEYS_H

#include "record.h"
#include "store.h"
#include "trial/state.h"

#define KEY_BYTES_MAX 511 /* LMDB's own bound */

typedef struct row_key {
    uint8_t bytes[KEY_BYTES_MAX];
    size_t size;
} row_key;

static inline trial_bytes key_span(const row_key *k)
{
    return (trial_bytes){ k->bytes, k->size };
}

/** STORE_EVENT_ID: source NUL id. */
void key_event_id(trial_text source, trial_text id, row_key *ret_key);

/** STORE_SUBJECT: the subject. */
void key_subject(trial_text subject, row_key *ret_key);

/** STORE_STATE: a letter for the kind, then the id. An absent id gives the prefix of the kind. */
void key_state(trial_kind kind, trial_text id, row_key *ret_key);

/** What a key of STORE_STATE names. */
trial_text key_state_id(trial_bytes key);

/** STORE_PROGRAMME: programme NUL position. The absent programme lists what belongs to none. */
void key_programme(trial_text programme, uint64_t position, row_key *ret_key);
void key_programme_prefix(trial_text programme, row_key *ret_key);
uint64_t key_programme_position(trial_bytes key);

/** STORE_LINK: a relation's letter, what is named, NUL, the kind's letter, the id that names it. */
typedef enum key_relation {
    KEY_OF_PROGRAMME = 'p',    /* a subject of the programme */
    KEY_OF_MUNICIPALITY = 'm', /* a trial or network that has the municipality */
    KEY_OF_EXEMPTION = 'e',    /* the trial an exemption was granted to */
} key_relation;
void key_link(
    key_relation relation, trial_text named, trial_kind kind, trial_text id, row_key *ret_key);
void key_link_prefix(key_relation relation, trial_text named, trial_kind kind, row_key *ret_key);
/** The id at the end of a link's key, given the size of the prefix it was found by. */
trial_text key_link_id(trial_bytes key, size_t prefix_size);

/** STORE_SUBJECT's value: where a subject's history stands. */
typedef struct head_row {
    uint64_t revision;
    uint64_t first;
    uint64_t last;
    trial_text programme; /* that its first event names; may be absent */
} head_row;

#define HEAD_ROW_BYTES_MAX (24 + TRIAL_SUBJECT_BYTES_MAX)
size_t head_row_write(const head_row *head, uint8_t *bytes); /* HEAD_ROW_BYTES_MAX of room */
/** Fails with STORAGE where it is none. The programme points into the bytes. */
TRIAL_MUST_USE trial_code head_row_read(trial_bytes bytes, head_row *ret_head, trial_error *err);

/** STORE_META: where the log's tree and clock stand. */
#define LOG_ROW_KEY "log"
#define RESTORING_ROW_KEY "restoring" /* there while a restore is not finished */
typedef struct log_row {
    proto_tree tree;
    trial_instant last_ingest;
} log_row;

#define LOG_ROW_BYTES_MAX (16 + 64 * TRIAL_HASH_BYTES)
size_t log_row_write(const log_row *row, uint8_t *bytes);
TRIAL_MUST_USE trial_code log_row_read(trial_bytes bytes, log_row *ret_row, trial_error *err);

#endif
