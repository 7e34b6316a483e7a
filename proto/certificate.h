/* certificate.h - the file a key lies in: the certificate format of CZMQ and of pyzmq (ZPL), so
 * that keys made by either are good here, and ours there. It knows no ZeroMQ: keys are text.
 *
 *     metadata
 *         roles = "read publish"
 *         sources = "/dk/kommune/0751"
 *     curve
 *         public-key = "40 characters of Z85"
 *         secret-key = "40 more, in the file of the secret alone"
 */
#ifndef PROTO_CERTIFICATE_H
#define PROTO_CERTIFICATE_H

#include "record.h"

#define PROTO_CERTIFICATE_BYTES_MAX 16384u /* of a file: a line a source, and room to spare */
#define PROTO_WORDS_BYTES 4096u            /* of what a certificate gives: roles, sources */
#define PROTO_USER_BYTES 64u               /* of a local name, or a number; its NUL included */
#define PROTO_NAME_BYTES 65                /* of the NAME of NAME.key, its NUL included */

/** One file, read. A member is "" where the file does not say it. */
typedef struct proto_certificate {
    char public_key[TRIAL_KEY_TEXT_BYTES];
    char secret_key[TRIAL_KEY_TEXT_BYTES];
    char user[PROTO_USER_BYTES];  /* a local user, by name or number ... */
    char group[PROTO_USER_BYTES]; /* ... or a group: instead of a key */
    char roles[PROTO_WORDS_BYTES];
    char sources[PROTO_WORDS_BYTES];
} proto_certificate;

/**
 * Read a certificate. Unknown names of `metadata` are passed over: other programs write some.
 *
 * Fails with INVALID, naming the line: no ZPL, no UTF-8, a value without quotes or too long, a key
 * that is not Z85, a name twice.
 */
TRIAL_MUST_USE trial_code proto_certificate_read(trial_text text,
                                                 proto_certificate *ret_certificate,
                                                 trial_error *err);

/** Read a certificate's file. Fails as above, or with STORAGE; err->text names the path. */
TRIAL_MUST_USE trial_code proto_certificate_load(const char *path,
                                                 proto_certificate *ret_certificate,
                                                 trial_error *err);

/** As proto_certificate_load(), of a file that the caller has open: what it has looked at is what
 * is read. `path` is for the sentences. */
TRIAL_MUST_USE trial_code proto_certificate_load_open(int fd,
                                                      const char *path,
                                                      proto_certificate *ret_certificate,
                                                      trial_error *err);

/** Is that the NAME of a NAME.key which a daemon takes: what may stand behind the slash of a
 * subject, for key/NAME is one? */
bool proto_is_name(trial_text name);

/** Is the text a key, 40 characters of Z85? */
bool proto_is_key(const char *text);

/** The fingerprint of a public key: SHA-256 of its 40 characters, in hex. */
void proto_fingerprint(const char *public_key, char ret_text[PROTO_HASH_TEXT_BYTES]);

/** The roles of a list of words between blanks or commas, as bits 1 << TRIAL_ROLE_X. Fails with
 * INVALID: one is none. */
TRIAL_MUST_USE trial_code proto_roles_read(const char *words,
                                           uint32_t *ret_roles,
                                           trial_error *err);

/** The next word of a list between blanks or commas; absent at the end. */
trial_text proto_word_next(const char **words);

#endif
