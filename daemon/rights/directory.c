/* directory.c - the directory of certificates: NAME.key each, and nobody else may write there. */
#include "rights_internal.h"

#include "pack.h"

#include "trial/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".key"
#define PATH_BYTES 4352 /* a directory's path, a slash and a file's name */

/* Nobody but root and the daemon itself may give rights. */
static trial_code check_owner(int fd, const char *path, trial_error *err)
{
    struct stat seen;

    if (fstat(fd, &seen) != 0) {
        return trial_fail_errno(err, errno, "looking at '%.300s'", path);
    }
    if ((seen.st_uid != 0 && seen.st_uid != geteuid()) ||
        (seen.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%.300s' can be written by others than root and the daemon; "
                          "chown root and chmod go-w it",
                          path);
    }
    return TRIAL_OK;
}

static bool read_number(const char *text, uint32_t *ret_number)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);

    *ret_number = (uint32_t)number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number < UINT32_MAX;
}

/* The number of a local user or group, which the system's tables may have to tell. */
static trial_code
find_number(names *known, const proto_certificate *from, uint32_t *ret_id, trial_error *err)
{
    bool is_user = from->user[0] != '\0';
    const char *name = is_user ? from->user : from->group;

    return read_number(name, ret_id) ? TRIAL_OK : names_find(known, is_user, name, ret_id, err);
}

/* Sources with one blank between two; each is a beginning of what CloudEvents calls a source. */
static trial_code copy_sources(const char *words, char *ret_sources, trial_error *err)
{
    size_t size = 0;
    trial_text word;

    for (word = proto_word_next(&words); trial_text_is_set(word); word = proto_word_next(&words)) {
        if (word.size > TRIAL_SOURCE_BYTES_MAX) {
            return trial_fail(err, TRIAL_INVALID, "a source has %u bytes", word.size);
        }
        size += (size_t)sprintf(ret_sources + size, /* shorter than what it is made from */
                                "%s%.*s",
                                size == 0 ? "" : " ",
                                TRIAL_TEXT_ARGS(word));
    }
    return TRIAL_OK;
}

/* What a certificate grants, and to whom. */
static trial_code
judge(names *known, const proto_certificate *from, rights_grant *ret_grant, trial_error *err)
{
    unsigned subjects = (from->public_key[0] != '\0' ? 1u : 0u) +
                        (from->user[0] != '\0' ? 1u : 0u) + (from->group[0] != '\0' ? 1u : 0u);
    trial_code code;

    *ret_grant = (rights_grant){ 0 };
    if (from->secret_key[0] != '\0') {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "it holds a secret key, which belongs to its owner alone; put the "
                          "certificate there and make a new pair");
    }
    if (subjects != 1) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "it is for one of: a public-key, a user, a group; it names %u",
                          subjects);
    }
    code = proto_roles_read(from->roles, &ret_grant->roles, err);
    if (code == TRIAL_OK) {
        code = copy_sources(from->sources, ret_grant->sources, err);
    }
    if (code != TRIAL_OK) {
        return code;
    }
    if (ret_grant->roles == 0) {
        return trial_fail(err, TRIAL_INVALID, "it gives no role; 'roles' names them");
    }
    if ((ret_grant->roles & 1u << TRIAL_ROLE_PUBLISH) != 0 && ret_grant->sources[0] == '\0') {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "it gives the right to publish and names no source; 'sources' names "
                          "them, \"*\" is any");
    }
    if (from->public_key[0] != '\0') {
        ret_grant->kind = RIGHTS_KEY;
        memcpy(ret_grant->key, from->public_key, sizeof ret_grant->key);
        proto_fingerprint(from->public_key, ret_grant->fingerprint);
        return TRIAL_OK;
    }
    ret_grant->kind = from->user[0] != '\0' ? RIGHTS_USER : RIGHTS_GROUP;
    return find_number(known, from, &ret_grant->id, err);
}

/* One key or user has one certificate: else which of them counts would be chance. */
static trial_code
check_alone(const rights_listing *listing, const rights_grant *grant, trial_error *err)
{
    for (uint32_t i = 0; i < listing->count; i++) {
        const rights_listed *other = &listing->items[i];

        if (other->grant.kind == grant->kind && other->grant.id == grant->id &&
            strcmp(other->grant.key, grant->key) == 0) {
            return trial_fail(
                err, TRIAL_INVALID, "it is for whom '%s' is for already", other->name);
        }
    }
    return TRIAL_OK;
}

/* Open a certificate. A pipe has nobody at its other end, and a link leads to where others may
 * write and no change is told of: only a plain file is taken. */
static trial_code
open_file(int directory, const char *file, const char *whole, int *ret_fd, trial_error *err)
{
    int fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat seen = { 0 };

    if (fd < 0 && errno != ELOOP && errno != ENXIO) {
        return trial_fail_errno(err, errno, "opening '%.300s'", whole);
    }
    if (fd < 0 || fstat(fd, &seen) != 0 || !S_ISREG(seen.st_mode)) {
        if (fd >= 0) {
            (void)close(fd); /* it was only looked at */
        }
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%.300s' is no plain file; put the certificate itself there",
                          whole);
    }
    *ret_fd = fd;
    return TRIAL_OK;
}

static trial_code read_file(const rights_listing *listing,
                            names *known,
                            int directory,
                            const char *path,
                            const char *file,
                            rights_grant *ret_grant,
                            trial_error *err)
{
    proto_certificate certificate;
    char whole[PATH_BYTES];
    int fd = -1;
    trial_code code;

    (void)snprintf(whole, sizeof whole, "%s/%s", path, file);
    code = open_file(directory, file, whole, &fd, err);
    if (code != TRIAL_OK) {
        return code;
    }
    code = check_owner(fd, whole, err);
    if (code == TRIAL_OK) {
        code = proto_certificate_load_open(fd, whole, &certificate, err);
    }
    (void)close(fd); /* it was only read */
    if (code != TRIAL_OK) {
        return code;
    }
    code = judge(known, &certificate, ret_grant, err);
    if (code == TRIAL_OK) {
        code = check_alone(listing, ret_grant, err);
    }
    if (code != TRIAL_OK) {
        *ret_grant = (rights_grant){ 0 };
        (void)trial_fail_while(err, "'%.150s'", whole);
    }
    return code;
}

/* Add what one file says; a file that is refused gives nothing, and the log is told why where it
 * had given something. */
static void add_file(rights_listing *listing,
                     names *known,
                     int directory,
                     const char *path,
                     const char *file,
                     rights_problem *problem,
                     void *context)
{
    trial_text name = { file, (uint32_t)(strlen(file) - strlen(SUFFIX)) };
    rights_listed *item = &listing->items[listing->count];
    trial_error err = TRIAL_ERROR_NONE;
    trial_code code;

    if (!proto_is_name(name)) {
        (void)trial_fail(&err,
                         TRIAL_INVALID,
                         "'%.200s/%.80s': a name is 1 to %d of a-z 0-9 . _ -, the first a letter "
                         "or a number",
                         path,
                         file,
                         PROTO_NAME_BYTES - 1);
        problem(context, &err);
        listing->refused++;
        return;
    }
    *item = (rights_listed){ 0 };
    memcpy(item->name, name.at, name.size);
    code = read_file(listing, known, directory, path, file, &item->grant, &err);
    if (code != TRIAL_OK) {
        (void)snprintf(
            item->reason, sizeof item->reason, "its certificate is refused: %.160s", err.text);
        /* It becomes an event: a character that was cut would have it refused. */
        item->reason[pack_text_valid(trial_text_of(item->reason))] = '\0';
        if (code != TRIAL_BUSY) { /* which is over soon: it is read again then */
            problem(context, &err);
            listing->refused++;
        }
    }
    listing->count++;
}

/* Only files that end so are certificates: an editor's copies beside them are none. */
static int is_certificate(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);

    return size > strlen(SUFFIX) && strcmp(entry->d_name + size - strlen(SUFFIX), SUFFIX) == 0 &&
           entry->d_name[0] != '.';
}

/* The directory itself cannot be used. */
static rights_listing refuse_all(rights_problem *problem, void *context, trial_error *err)
{
    (void)trial_fail_while(err, "nobody has any right");
    problem(context, err);
    return (rights_listing){ .refused = 1 };
}

rights_listing rights_directory_read(const char *path,
                                     bool has_history,
                                     names *known,
                                     bool *are_used,
                                     rights_problem *problem,
                                     void *context)
{
    trial_error err = TRIAL_ERROR_NONE;
    rights_listing listing = { 0 };
    struct dirent **files = NULL;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    trial_code code = TRIAL_OK;
    int count = 0;

    if (fd < 0 && errno == ENOENT && !*are_used) {
        return listing;
    }
    *are_used = *are_used || fd < 0 || has_history;
    if (fd < 0) {
        (void)trial_fail_errno(&err, errno, "opening '%.300s'", path);
        return refuse_all(problem, context, &err);
    }
    code = check_owner(fd, path, &err);
    if (code == TRIAL_OK) {
        count = scandirat(fd, ".", &files, is_certificate, alphasort);
        if (count < 0) {
            code = trial_fail_errno(&err, errno, "reading '%.300s'", path);
        }
    }
    *are_used = *are_used || code != TRIAL_OK || count > 0;
    if (code == TRIAL_OK && count > 0) {
        listing.items = trial_memory((size_t)count * sizeof *listing.items);
    }
    for (int i = 0; i < count; i++) {
        if (code == TRIAL_OK && i < (int)RIGHTS_MAX) {
            add_file(&listing, known, fd, path, files[i]->d_name, problem, context);
        }
        free(files[i]);
    }
    if (code == TRIAL_OK && count > (int)RIGHTS_MAX) {
        (void)trial_fail(&err,
                         TRIAL_INVALID,
                         "'%.300s' holds %d certificates; the first %u by name are read",
                         path,
                         count,
                         RIGHTS_MAX);
        problem(context, &err);
        listing.refused++;
    }
    free(files);
    (void)close(fd); /* it was only read */
    return code == TRIAL_OK ? listing : refuse_all(problem, context, &err);
}
