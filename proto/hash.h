/* hash.h - hashing what lies in pieces. Of this room alone. */
#ifndef PROTO_HASH_H
#define PROTO_HASH_H

#include "record.h"

/** SHA-256 of the pieces one behind the other. */
void proto_hash_parts(const trial_bytes *parts, size_t count, uint8_t *ret_hash);

#endif
