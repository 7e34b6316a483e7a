/* pack.h - MessagePack, read in place and written canonically. This room alone knows the encoding,
 * and in it write.c alone includes msgpack-c. */
#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include "trial/value.h"

/** What a scan allows. */
typedef struct pack_limits {
    uint32_t bytes;    /* of the whole value */
    uint32_t depth;    /* a map or list is one level; 1..PACK_DEPTH_MAX */
    uint32_t elements; /* values and keys, all levels */
} pack_limits;

#define PACK_DEPTH_MAX 40u

/**
 * Walk over exactly one value that must fill `bytes` to its last byte, before anything else reads
 * it. Allocates nothing and trusts no length.
 *
 * Fails with MALFORMED (not-json) cut short, trailing bytes, or the byte that never is; (bad-utf8)
 *            TOO_LARGE bytes, depth or elements over the limit.
 */
TRIAL_MUST_USE trial_code pack_scan(trial_bytes bytes, const pack_limits *limits, trial_error *err);

/** Reads values in place from bytes that pack_scan() passed. The first error sticks. */
typedef struct pack_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool has_failed;
} pack_reader;

typedef enum pack_kind {
    PACK_NIL,
    PACK_TRUTH,
    PACK_INTEGER /* negative */,
    PACK_UNSIGNED,
    PACK_FLOAT,
    PACK_TEXT,
    PACK_BIN,
    PACK_EXT,
    PACK_LIST,
    PACK_MAP,
    PACK_END /* nothing left, or failed */,
} pack_kind;

pack_reader pack_reader_of(trial_bytes bytes);
pack_kind pack_peek(const pack_reader *reader);

/* Each reads one value of its kind; of another kind, or after an error, the reader has failed and 0
 * comes back. */
bool pack_truth(pack_reader *reader);
void pack_nil(pack_reader *reader);
int64_t pack_integer(pack_reader *reader);   /* any integer that fits */
uint64_t pack_unsigned(pack_reader *reader); /* any integer >= 0 */
trial_number pack_number(pack_reader *reader);
trial_text pack_text(pack_reader *reader);
trial_bytes pack_bin(pack_reader *reader);
uint32_t pack_list(pack_reader *reader);    /* how many items follow */
uint32_t pack_map(pack_reader *reader);     /* how many key-value pairs follow */
trial_bytes pack_skip(pack_reader *reader); /* the whole next value, as its bytes */

/** Writes one value after the other into memory that grows; give it back with pack_writer_done().
 */
typedef struct pack_writer {
    char *data;
    size_t size;
    size_t room;
    bool is_fixed; /* the memory is an arena's and has room for all that comes; set by this room */
} pack_writer;

void pack_writer_done(pack_writer *writer);
void pack_writer_reset(pack_writer *writer);         /* keeps the memory */
trial_bytes pack_written(const pack_writer *writer); /* borrowed until the next write */

/* All in the shortest form; floats as float 64. */
void pack_put_nil(pack_writer *writer);
void pack_put_truth(pack_writer *writer, bool truth);
void pack_put_integer(pack_writer *writer, int64_t integer);
void pack_put_unsigned(pack_writer *writer, uint64_t number);
void pack_put_float(pack_writer *writer, double number);
void pack_put_number(pack_writer *writer, trial_number number);
void pack_put_text(pack_writer *writer, trial_text text);
void pack_put_word(pack_writer *writer, const char *literal);
void pack_put_bin(pack_writer *writer, trial_bytes bytes); /* in answers only: no event holds bin */
void pack_put_list(pack_writer *writer, uint32_t count);
void pack_put_map(pack_writer *writer, uint32_t count);
void pack_put_raw(pack_writer *writer, trial_bytes bytes); /* bytes that are values already */

/** Write a sentence of our own as text; what is not UTF-8 in it (it may quote a peer, or be cut)
 * becomes '?'. */
void pack_put_message(pack_writer *writer, const char *message);

/**
 * Write the scanned value at `reader` in its one canonical spelling: keys of every map in byte
 * order, shortest forms, floats as float 64.
 *
 * Fails with MALFORMED (not-json)  a key twice, or a key that is no text
 *            INVALID (wrong-type)  bin or ext; (bad-range) a float that is not finite
 */
TRIAL_MUST_USE trial_code pack_canonical(pack_reader *reader,
                                         pack_writer *writer,
                                         trial_arena *scratch,
                                         trial_error *err);

/** What a walk over one value finds. */
typedef struct pack_measured {
    uint32_t depth;    /* of lists and maps in each other; 0 for a scalar */
    uint32_t elements; /* values and keys, all levels */
    bool is_canonical;
} pack_measured;

/** Walk over exactly one value; false where the bytes are not one, or deeper than PACK_DEPTH_MAX.
 */
bool pack_measure(trial_bytes bytes, pack_measured *ret_measured);

/** How many leading bytes of the text are valid UTF-8 without NUL: all of them where it is. */
uint32_t pack_text_valid(trial_text text);

/** Is the scanned value canonical already? Then its bytes may be kept as they are. */
bool pack_is_canonical(trial_bytes bytes);

/** A value tree to canonical bytes (maps sorted), and scanned bytes to a tree whose text points
 * into them. A tree that is put is one of ours; one of somebody else's is tried: false where it is
 * nested deeper than PACK_DEPTH_MAX, and what was written then is of no use. */
void pack_put_value(pack_writer *writer, const trial_value *value, trial_arena *scratch);
TRIAL_MUST_USE bool
pack_try_value(pack_writer *writer, const trial_value *value, trial_arena *scratch);
TRIAL_MUST_USE trial_code pack_value(pack_reader *reader,
                                     trial_arena *arena,
                                     trial_value **ret_value,
                                     trial_error *err);

/**
 * Read a canonical map into the struct a shape describes.
 *
 * prefix     names the map in messages and fields, e.g. "data"; "" for none.
 * is_strict  parameters: a field of no row is INVALID, one that is nil is absent; else the former
 * is passed over (events, states) and nil is a value of the wrong type. With prefix "" and not
 * strict it reads what we wrote ourselves: kinds are checked, but what is absent stays absent,
 * required or not, and no text, list or code is held to more than its kind. ret_struct is cleared
 * first; lists and objects are taken from the arena, text points into the bytes.
 *
 * Fails with INVALID (missing-field, wrong-type, bad-time, bad-range); field set, dotted.
 */
TRIAL_MUST_USE trial_code pack_shape(trial_bytes map,
                                     const trial_shape *shape,
                                     const char *prefix,
                                     bool is_strict,
                                     trial_arena *arena,
                                     void *ret_struct,
                                     trial_error *err);

/** The same for two shapes at once: each field of the map goes to the first shape that has a row
 * for it. */
TRIAL_MUST_USE trial_code pack_shapes(trial_bytes map,
                                      const trial_shape *first,
                                      void *ret_first,
                                      const trial_shape *second,
                                      void *ret_second,
                                      const char *prefix,
                                      trial_arena *arena,
                                      trial_error *err);

/** Would this canonical value be read for that field? For corrections. Fails as pack_shape(). */
TRIAL_MUST_USE trial_code pack_fits(trial_bytes value,
                                    const trial_field *field,
                                    trial_arena *scratch,
                                    trial_error *err);

/** Write a struct as a canonical map; absent fields are left out. */
void pack_put_shape(pack_writer *writer, const trial_shape *shape, const void *from);

#endif
