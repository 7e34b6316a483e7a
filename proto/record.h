/* record.h - one event as the log holds it: a fixed header, then the event as `read` gives it. */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "pack.h"
#include "trial/event.h"
#include "trial/limits.h"

/**
 * A record taken apart; every span points into its bytes. The event is the canonical map of all
 * attributes with `position`, `revision` and `ingesttime`: reading a log is copying these bytes.
 */
typedef struct proto_record {
    uint64_t position;
    uint64_t revision;
    uint64_t previous; /* position of the subject's event before this one, 0 for the first */
    trial_instant ingest;
    trial_instant time;
    const uint8_t *salt; /* TRIAL_SALT_BYTES */
    const uint8_t *leaf; /* TRIAL_HASH_BYTES */
    trial_text type;
    trial_text subject;
    trial_text programme; /* named by its data, else absent */
    trial_bytes event;
    trial_bytes data; /* the value of its `data` */
} proto_record;

/** An event that has arrived: read, checked by its shape, and canonical, but of no place yet. */
typedef struct proto_arrival {
    trial_event event; /* spans point into `attributes` and its data */
    trial_bytes
        content; /* canonical map of all attributes without position, revision and ingesttime */
} proto_arrival;

/** Limits of one event that are settings. */
typedef struct proto_limits {
    uint32_t event_bytes; /* canonical */
    uint32_t event_depth;
} proto_limits;

/**
 * Read one event of an append: any MessagePack spelling of it, passed by pack_scan() with its
 * request. `position`, `revision`, `ingesttime` and nil attributes are dropped, `specversion` is
 * filled in.
 *
 * Everything returned lives in `map`, where it is of the one spelling already, or in the arena:
 * both must outlive it. Fails with MALFORMED, INVALID, UNKNOWN_TYPE, TOO_LARGE; a rule's name and
 * the field are set.
 */
TRIAL_MUST_USE trial_code proto_arrival_read(trial_bytes map,
                                             const proto_limits *limits,
                                             trial_arena *arena,
                                             proto_arrival *ret_arrival,
                                             trial_error *err);

/**
 * Give an arrival its place and write its record.
 *
 * event.position, .revision and .ingest of the arrival must be set; salt has TRIAL_SALT_BYTES.
 * Leaf = SHA-256(0 || header || SHA-256(salt || data)), header the canonical map without `data`.
 * ret_record lives in the arena.
 */
void proto_record_write(const proto_arrival *arrival,
                        uint64_t previous,
                        const uint8_t *salt,
                        trial_arena *arena,
                        trial_bytes *ret_record);

/** Take a record apart. Fails with STORAGE where it is not one (damage). */
TRIAL_MUST_USE trial_code proto_record_read(trial_bytes record,
                                            proto_record *ret_record,
                                            trial_error *err);

/** Read the event of a record. Fails with STORAGE where it is not one. Lists live in the arena. */
TRIAL_MUST_USE trial_code proto_record_event(const proto_record *record,
                                             trial_arena *arena,
                                             trial_event *ret_event,
                                             trial_error *err);

/** The same with other canonical data in place of its own: an event as corrected. */
TRIAL_MUST_USE trial_code proto_record_event_with(const proto_record *record,
                                                  trial_bytes data,
                                                  trial_arena *arena,
                                                  trial_event *ret_event,
                                                  trial_error *err);

/** Is this arrival the event that the record holds? Compares all attributes but the three added. */
bool proto_record_holds(const proto_record *record, const proto_arrival *arrival);

/** Compute the leaf again and compare: false is damage or forgery. */
bool proto_record_leaf_is_right(const proto_record *record);

/**
 * Is every byte of the record what proto_record_write() makes of its event, its place and its salt?
 * Header, places of parts and leaf are all made again. Memory is taken from the arena.
 */
bool proto_record_is_sound(const proto_record *record, trial_bytes bytes, trial_arena *arena);

/** `data` with one top-level field replaced, canonical; in the arena. */
trial_bytes
proto_data_with(trial_bytes data, trial_text field, trial_bytes value, trial_arena *arena);

/** One top-level field of canonical data, as bytes; data == NULL where it is not there. */
trial_bytes proto_data_field(trial_bytes data, trial_text field);

/* RFC 6962 Merkle tree over the leaves, grown one leaf at a time: the hashes of its full subtrees.
 */
typedef struct proto_tree {
    uint64_t size;
    uint8_t peaks[64][TRIAL_HASH_BYTES]; /* peaks[k] stands where bit k of size is set */
} proto_tree;

void proto_tree_add(proto_tree *tree, const uint8_t *leaf);
void proto_tree_root(const proto_tree *tree,
                     uint8_t *ret_root); /* of the empty tree: SHA-256("") */
#define PROTO_HASH_TEXT_BYTES (TRIAL_HASH_BYTES * 2 + 1)
/** Write a hash in lower-case hex with its NUL; `ret_text` holds PROTO_HASH_TEXT_BYTES. */
void proto_hash_write(const uint8_t *hash, char *ret_text);
/** Is that the hash in hex, in either case? */
bool proto_hash_is(const uint8_t *hash, trial_text hex);
void proto_hash(trial_bytes bytes, uint8_t *ret_hash);      /* SHA-256 */
void proto_hash_leaf(trial_bytes entry, uint8_t *ret_hash); /* SHA-256(0 || entry) */

#endif
