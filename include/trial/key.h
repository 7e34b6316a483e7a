/* key.h - libtrial: keys for a daemon that is reached over tcp. A key pair lies in two files, as
 * CZMQ and pyzmq write them: NAME.key, the certificate, which whoever runs the daemon puts into its
 * directory of keys, and NAME.key_secret, which stays with its owner. */
#ifndef TRIAL_KEY_H
#define TRIAL_KEY_H

#include "trial/base.h"
#include "trial/limits.h"

typedef struct trial_key_pair {
    char public_key[TRIAL_KEY_TEXT_BYTES]; /* Z85, NUL at the end */
    char secret_key[TRIAL_KEY_TEXT_BYTES];
} trial_key_pair;

/** Make a new pair from the kernel's randomness. Fails with UNSUPPORTED: this ZeroMQ has no CURVE.
 */
TRIAL_MUST_USE trial_code trial_key_make(trial_key_pair *ret_pair, trial_error *err);

/** Read the pair of a secret's file. Fails with INVALID, NO_SPACE or STORAGE; the sentence names
 * the file. */
TRIAL_MUST_USE trial_code trial_key_read(const char *path,
                                         trial_key_pair *ret_pair,
                                         trial_error *err);

/** The fingerprint of a public key, as the daemon's log has it: SHA-256 of its characters, in hex.
 */
#define TRIAL_FINGERPRINT_BYTES (2 * TRIAL_HASH_BYTES + 1)
void trial_key_fingerprint(const char *public_key, char ret_text[TRIAL_FINGERPRINT_BYTES]);

#endif
