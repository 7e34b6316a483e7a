/* create.c - making a store, so that a crash at any moment leaves nothing, something that is known
 * to be unfinished, or the whole store.
 *
 * All is made and synced inside new.tmp. Then journal and lmdb move up, that is synced, and the
 * marker moves up last: with it the store exists. Without it, a directory that still has new.tmp
 * was never a store, and nobody was promised anything that lies in it. */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid.h>

/* Everything a crash may leave of a store in the making, deepest first. */
static const struct leftover {
    const char *path;
    bool is_directory;
} leftovers[] = {
    { STORE_JOURNAL "/0", false },     { STORE_JOURNAL "/1", false },     { STORE_JOURNAL, true },
    { STORE_LMDB "/data.mdb", false }, { STORE_LMDB "/lock.mdb", false }, { STORE_LMDB, true },
    { STORE_MARKER, false },
};

static trial_code fail_at(const char *directory, const char *name, trial_error *err)
{
    return trial_fail_errno(err, errno, "making the store's '%s' in '%s'", name, directory);
}

static trial_code remove_at(int fd, const char *directory, size_t i, trial_error *err)
{
    const struct leftover *it = &leftovers[i];

    if (unlinkat(fd, it->path, it->is_directory ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT) {
        return TRIAL_OK;
    }
    return trial_fail(err,
                      TRIAL_INVALID,
                      "clearing an unfinished store: '%s/%s' cannot be removed (%s); empty the "
                      "directory yourself",
                      directory,
                      it->path,
                      strerrordesc_np(errno));
}

/* Remove what an earlier attempt left. There is no marker, so this is no store. */
static trial_code clear(const store *s, const char *unfinished, trial_error *err)
{
    size_t count = sizeof leftovers / sizeof leftovers[0];
    trial_code code = TRIAL_OK;
    int fd = open(unfinished, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT ? TRIAL_OK : fail_at(s->path, STORE_UNFINISHED, err);
    }
    for (size_t i = 0; i < count && code == TRIAL_OK; i++) {
        code = remove_at(fd, unfinished, i, err);
    }
    for (size_t i = 0; i + 1 < count && code == TRIAL_OK; i++) { /* all but the marker */
        code = remove_at(s->directory_fd, s->path, i, err);
    }
    (void)close(fd);
    if (code == TRIAL_OK && rmdir(unfinished) != 0) {
        code = fail_at(s->path, STORE_UNFINISHED, err);
    }
    return code == TRIAL_OK ? place_sync(s->path, err) : code;
}

static trial_code
write_marker(const char *directory, const char name[JOURNAL_NAME_BYTES], trial_error *err)
{
    char path[STORE_PATH_BYTES_MAX];
    char text[160];
    int summed =
        snprintf(text, sizeof text, "triald store, format %d\nlog %s\n", STORE_FORMAT, name);
    uint64_t sum = store_sum((trial_bytes){ (const uint8_t *)text, (size_t)summed }, 0);
    int size = summed + snprintf(text + summed,
                                 sizeof text - (size_t)summed,
                                 "sum %016llx\n",
                                 (unsigned long long)sum);
    trial_code code = TRIAL_OK;
    int fd;

    if (!place_join(path, directory, STORE_MARKER)) {
        errno = ENAMETOOLONG;
        return fail_at(directory, STORE_MARKER, err);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail_at(directory, STORE_MARKER, err);
    }
    errno = ENOSPC; /* what a short write means */
    if (pwrite(fd, text, (size_t)size, 0) != size || fsync(fd) != 0) {
        code = fail_at(directory, STORE_MARKER, err);
    }
    (void)close(fd);
    return code;
}

static trial_code make_directory(const char *parent, const char *name, char *path, trial_error *err)
{
    if (!place_join(path, parent, name)) {
        errno = ENAMETOOLONG;
        return fail_at(parent, name, err);
    }
    return mkdir(path, 0700) == 0 ? TRIAL_OK : fail_at(parent, name, err);
}

static trial_code fill(const store *s, const char *unfinished, trial_error *err)
{
    char path[STORE_PATH_BYTES_MAX];
    char name[JOURNAL_NAME_BYTES];
    uuid_t uuid;
    trial_code code;

    if (s->settings.name != NULL && uuid_parse(s->settings.name, uuid) != 0) {
        return trial_fail(err, TRIAL_INVALID, "'%.40s' is no name of a log", s->settings.name);
    }
    if (s->settings.name == NULL) {
        uuid_generate_random(uuid);
    }
    uuid_unparse_lower(uuid, name);
    code = make_directory(unfinished, STORE_JOURNAL, path, err);
    if (code == TRIAL_OK) {
        code = journal_create(path, name, s->settings.journal_bytes, err);
    }
    if (code == TRIAL_OK) {
        code = place_sync(path, err);
    }
    if (code == TRIAL_OK) {
        code = make_directory(unfinished, STORE_LMDB, path, err);
    }
    if (code == TRIAL_OK) {
        code = tables_create(path, name, err);
    }
    if (code == TRIAL_OK) {
        code = place_sync(path, err);
    }
    if (code == TRIAL_OK) {
        code = write_marker(unfinished, name, err);
    }
    return code == TRIAL_OK ? place_sync(unfinished, err) : code;
}

static trial_code
move_up(const store *s, const char *unfinished, const char *name, trial_error *err)
{
    char from[STORE_PATH_BYTES_MAX];
    char to[STORE_PATH_BYTES_MAX];

    if (!place_join(from, unfinished, name) || !place_join(to, s->path, name)) {
        errno = ENAMETOOLONG;
        return fail_at(s->path, name, err);
    }
    return rename(from, to) == 0 ? TRIAL_OK : fail_at(s->path, name, err);
}

trial_code place_create(const store *s, trial_error *err)
{
    char unfinished[STORE_PATH_BYTES_MAX];
    trial_code code;

    if (!place_join(unfinished, s->path, STORE_UNFINISHED)) {
        errno = ENAMETOOLONG;
        return fail_at(s->path, STORE_UNFINISHED, err);
    }
    code = clear(s, unfinished, err);
    if (code == TRIAL_OK) {
        code = make_directory(s->path, STORE_UNFINISHED, unfinished, err);
    }
    if (code == TRIAL_OK) {
        code = place_sync(s->path, err);
    }
    if (code == TRIAL_OK) {
        code = fill(s, unfinished, err);
    }
    if (code == TRIAL_OK) {
        code = move_up(s, unfinished, STORE_JOURNAL, err);
    }
    if (code == TRIAL_OK) {
        code = move_up(s, unfinished, STORE_LMDB, err);
    }
    if (code == TRIAL_OK) {
        code = place_sync(s->path, err);
    }
    if (code == TRIAL_OK) {
        code = move_up(s, unfinished, STORE_MARKER, err);
    }
    if (code == TRIAL_OK) {
        code = place_sync(s->path, err);
    }
    if (code == TRIAL_OK && rmdir(unfinished) != 0) {
        code = fail_at(s->path, STORE_UNFINISHED, err);
    }
    return code;
}
