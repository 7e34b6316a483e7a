/* rights.h - who may do what. A directory holds one certificate a peer, the log holds what was
 * granted and revoked, and a right counts only where both say so: taken out of the directory it is
 * gone at once, put into it it counts once the log has it on disk. Where one key's roles or sources
 * change, what both have goes on.
 *
 * The loop's thread changes it; rights_admits() alone is called from another one too. */
#ifndef RIGHTS_H
#define RIGHTS_H

#include "certificate.h"

#define RIGHTS_MAX 1024u /* certificates of one directory */
#define RIGHTS_NAME_BYTES PROTO_NAME_BYTES

#define RIGHTS_REASON_BYTES 200 /* a sentence: why a right is no more */

typedef struct rights rights;

/** Who a certificate is for. */
typedef enum rights_kind {
    RIGHTS_NONE,
    RIGHTS_KEY,
    RIGHTS_USER,
    RIGHTS_GROUP,
} rights_kind;

/** Who sends, as ZeroMQ's handshake or the kernel attests it. */
typedef struct rights_peer {
    bool is_local; /* on ipc: uid and gid count, else the key */
    uint32_t uid;
    uint32_t gid;
    trial_text key; /* the public key in Z85; absent: nobody knows */
} rights_peer;

/** What a certificate says, or the log of it. */
typedef struct rights_grant {
    rights_kind kind; /* NONE: there is none */
    uint32_t id;      /* of a user or group */
    char key[TRIAL_KEY_TEXT_BYTES];
    char fingerprint[PROTO_HASH_TEXT_BYTES]; /* "" for a user or group */
    uint32_t roles;                          /* bits 1 << TRIAL_ROLE_X */
    char sources[PROTO_WORDS_BYTES];         /* prefixes, one blank between two */
} rights_grant;

/** One name: what the directory says now, and what the log says. */
typedef struct rights_entry {
    char name[RIGHTS_NAME_BYTES];
    rights_grant listed;
    rights_grant logged;
    uint32_t version;                 /* rises when another key or user gets the name */
    char reason[RIGHTS_REASON_BYTES]; /* why it is not listed */
} rights_entry;

/** Whoever speaks, once found: 0 is nobody, and stays valid as long as the process. */
typedef uint64_t rights_owner;

rights *rights_new(void);
void rights_done(rights *r); /* NULL is fine */

/** Told of a certificate that is refused. */
typedef void rights_problem(void *context, const trial_error *err);

/**
 * Read the directory anew. Where there is none keys are not in use, unless they were before: then
 * nobody has any right. An empty one does not begin it either, unless the log knows of rights. A
 * certificate that is refused gives none, and is told of.
 *
 * Returns how many were refused, the directory itself counting as one.
 */
uint32_t rights_read(rights *r, const char *path, rights_problem *problem, void *context);

/**
 * From now on rights_read() waits for nobody to say which number a user or group has: it goes by
 * what was said last, and leaves a certificate of one that is new until that is known. `ret_fd` is
 * readable when the directory is to be read again for that; rights_note_names() comes before. Fails
 * with STORAGE: no thread.
 */
TRIAL_MUST_USE trial_code rights_ask_aside(rights *r, int *ret_fd, trial_error *err);
void rights_note_names(rights *r);

/** Are keys in use? Where not, whoever can connect may do everything. From any thread. */
bool rights_are_used(const rights *r);

/** Has anybody lost the right to read by the last rights_read(), or did it begin the use of keys?
 */
bool rights_lost_reader(const rights *r);

/** What the log says of a name, from its view `right`. */
void rights_note_logged(rights *r, trial_text name, const rights_grant *grant);

/** A name whose directory and log disagree, from `*at` on; NULL where there is none more. */
rights_entry *rights_next_change(rights *r, uint32_t *at);

/** The log has, on disk, what the directory says of these. */
void rights_settle(rights *r, rights_entry *const *entries, uint32_t count);

/** Who is it? 0 where no certificate that counts is theirs. A user's own stands before a group's.
 */
rights_owner rights_find(const rights *r, const rights_peer *peer);

/** May they? TRIAL_ROLE_NONE asks whether they have any role. */
bool rights_has(const rights *r, rights_owner owner, trial_role role);

/** May they be let in, for that role? From any thread. */
bool rights_admits(rights *r, const rights_peer *peer, trial_role role);

/** Fails with UNAUTHORISED, err->right set: they may not. The sentence says who they are and what
 * they may. */
TRIAL_MUST_USE trial_code rights_check(const rights *r,
                                       const rights_peer *peer,
                                       rights_owner owner,
                                       trial_role role,
                                       const char *what,
                                       trial_error *err);

/** May they publish as that source? It is one of theirs, or lies under one: /dk/kommune covers
 * /dk/kommune/0159 and not /dk/kommuner; "*" covers all. Fails with UNAUTHORISED. */
TRIAL_MUST_USE trial_code rights_check_source(const rights *r,
                                              rights_owner owner,
                                              trial_text source,
                                              trial_error *err);

/** The roles of bits, as words with blanks between. */
void rights_roles_write(uint32_t roles, char *ret_text, size_t room);

#endif
