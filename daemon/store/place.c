/* place.c - the store's directory: what must be so before anything in it is opened, the marker
 * that says whose it is, and the locks. Nothing is written before every check has passed. */
#include "store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MARKER_BYTES_MAX 256

/* Names of what the directory may hold beside what is ours, and still count as empty. */
#define LOST_AND_FOUND "lost+found" /* the root of a fresh ext4 */

/* LMDB and flock() both need a local disk. Numbers as in <linux/magic.h>, which lacks some. */
static const struct network_row {
    unsigned long magic;
    const char *name;
} network_rows[] = {
    { 0x6969, "NFS" },        { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" },
    { 0x517b, "SMB" },        { 0x01021997, "9p" },   { 0x00c36400, "Ceph" },
    { 0x5346414f, "AFS" },    { 0x73757245, "Coda" }, { 0x47504653, "GPFS" },
    { 0x0bd00bd0, "Lustre" },
};

bool place_join(char ret_path[STORE_PATH_BYTES_MAX], const char *directory, const char *name)
{
    int size = snprintf(ret_path, STORE_PATH_BYTES_MAX, "%s/%s", directory, name);

    return size > 0 && size < STORE_PATH_BYTES_MAX;
}

/* Sync what was opened as the directory `path`, `name` behind it, and close it. */
static trial_code sync_opened(int fd, const char *path, const char *name, trial_error *err)
{
    trial_code code = TRIAL_OK;

    if (fd < 0 || fsync(fd) != 0) {
        code = trial_fail_errno(err, errno, "syncing the directory '%s%s'", path, name);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return code;
}

trial_code place_sync(const char *path, trial_error *err)
{
    return sync_opened(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path, "", err);
}

/* Whatever its path looks like: the text before a last slash need not name another directory. */
static trial_code sync_parent(const store *s, trial_error *err)
{
    return sync_opened(
        openat(s->directory_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), s->path, "/..", err);
}

/* Is it the owner's alone to write? Its owner is who runs; root may also be handed a store that is
 * all of another user. `name` is empty for the directory itself. */
static trial_code check_owner(
    const store *s, const char *name, const struct stat *facts, uid_t owner, trial_error *err)
{
    if (facts->st_uid != geteuid() && (geteuid() != 0 || facts->st_uid != owner)) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s%s' belongs to another user (%u); all of a store belongs to the user "
                          "that triald runs as (%u): run chown on it",
                          s->path,
                          name,
                          (unsigned)facts->st_uid,
                          (unsigned)geteuid());
    }
    if ((facts->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return trial_fail(
            err,
            TRIAL_INVALID,
            "others than the owner may write to '%s%s' (mode %04o); run chmod go-w on "
            "it",
            s->path,
            name,
            (unsigned)facts->st_mode & 07777u);
    }
    return TRIAL_OK;
}

/* What is absent is told where it is missed. */
static trial_code check_parts(const store *s, trial_error *err)
{
    static const char *const parts[] = {
        "/" STORE_MARKER,           "/" STORE_JOURNAL, "/" STORE_JOURNAL "/0",
        "/" STORE_JOURNAL "/1",     "/" STORE_LMDB,    "/" STORE_LMDB "/data.mdb",
        "/" STORE_LMDB "/lock.mdb",
    };
    struct stat directory;
    trial_code code = TRIAL_OK;

    if (fstat(s->directory_fd, &directory) != 0) {
        return store_refuse(err, errno, "looking at", s->path);
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && code == TRIAL_OK; i++) {
        struct stat facts;

        if (fstatat(s->directory_fd, parts[i] + 1, &facts, 0) == 0) {
            code = check_owner(s, parts[i], &facts, directory.st_uid, err);
        }
    }
    return code;
}

/* Open the directory; make it where only its last name is missing. */
static trial_code open_directory(store *s, trial_error *err)
{
    struct stat facts;
    trial_code code = TRIAL_OK;

    s->directory_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->directory_fd < 0 && errno == ENOENT && !s->settings.is_read_only) {
        if (mkdir(s->path, 0700) != 0 && errno != EEXIST) {
            return errno == ENOENT
                       ? trial_fail(err,
                                    TRIAL_INVALID,
                                    "the directory that should hold the store '%s' does not exist; "
                                    "make it, or name another place with --store",
                                    s->path)
                       : store_refuse(err, errno, "making the store's directory", s->path);
        }
        s->directory_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->directory_fd >= 0) {
            code = sync_parent(s, err);
        }
    }
    if (code != TRIAL_OK) {
        return code;
    }
    if (s->directory_fd < 0 || fstat(s->directory_fd, &facts) != 0) {
        return store_refuse(err, errno, "opening the store's directory", s->path);
    }
    return check_owner(s, "", &facts, facts.st_uid, err);
}

static trial_code check_file_system(const store *s, trial_error *err)
{
    struct statfs facts;

    if (fstatfs(s->directory_fd, &facts) != 0) {
        return store_refuse(err, errno, "looking at the file system of", s->path);
    }
    for (size_t i = 0; i < sizeof network_rows / sizeof network_rows[0]; i++) {
        if (((unsigned long)facts.f_type & 0xffffffffu) == network_rows[i].magic) {
            return trial_fail(err,
                              TRIAL_INVALID,
                              "the store '%s' lies on a network file system (%s), where locks and "
                              "maps do not hold; put it on a local disk",
                              s->path,
                              network_rows[i].name);
        }
    }
    return TRIAL_OK;
}

static trial_code lock(const store *s, int fd, trial_error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return TRIAL_OK;
    }
    if (errno == EWOULDBLOCK) {
        return trial_fail(err,
                          TRIAL_BUSY,
                          "the store '%s' is in use by another daemon; stop that one, or name "
                          "another store",
                          s->path);
    }
    return store_refuse(err, errno, "locking", s->path);
}

/* What lies in the directory, when there is no marker. */
typedef struct contents {
    bool has_marker;
    bool has_unfinished;
    bool has_ours;     /* parts of a store */
    char foreign[256]; /* the name of something else; NAME_MAX and its NUL */
} contents;

static trial_code list(const store *s, contents *ret_contents, trial_error *err)
{
    struct dirent *entry;
    DIR *directory = opendir(s->path);

    *ret_contents = (contents){ 0 };
    if (directory == NULL) {
        return store_refuse(err, errno, "listing", s->path);
    }
    errno = 0;
    while ((entry = readdir(directory)) != NULL) { /* one stream, one thread */
        const char *name = entry->d_name;

        if (strcmp(name, STORE_MARKER) == 0) {
            ret_contents->has_marker = true;
        } else if (strcmp(name, STORE_UNFINISHED) == 0) {
            ret_contents->has_unfinished = true;
        } else if (strcmp(name, STORE_JOURNAL) == 0 || strcmp(name, STORE_LMDB) == 0) {
            ret_contents->has_ours = true;
        } else if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
                   strcmp(name, LOST_AND_FOUND) != 0) {
            (void)snprintf(ret_contents->foreign, sizeof ret_contents->foreign, "%s", name);
        }
        errno = 0;
    }
    if (errno != 0) {
        int system_errno = errno;

        (void)closedir(directory);
        return store_refuse(err, system_errno, "listing", s->path);
    }
    (void)closedir(directory);
    return TRIAL_OK;
}

static trial_code check_may_create(const store *s, const contents *found, trial_error *err)
{
    if (s->settings.is_read_only) {
        return trial_fail(err, TRIAL_INVALID, "'%s' holds no store", s->path);
    }
    if (found->has_ours && !found->has_unfinished) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s' holds a log but not the file STORE that says whose it is; restore "
                          "the store from a backup",
                          s->path);
    }
    if (found->foreign[0] != '\0') {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s' is no store and not empty (it holds '%s'); name an empty or absent "
                          "directory with --store",
                          s->path,
                          found->foreign);
    }
    return TRIAL_OK;
}

/* The marker's text ends in a line with the sum of those before it. */
static trial_code parse_marker(store *s, const char *text, size_t size, trial_error *err)
{
    char name[JOURNAL_NAME_BYTES];
    unsigned format = 0;
    unsigned long long sum = 0;
    int summed = 0;
    int end = 0;
    /* NOLINTNEXTLINE(cert-err34-c): a number that did not fit fails the sum. */
    int got = sscanf(text,
                     "triald store, format %u\nlog %36[0-9a-f-]\n%nsum %16llx\n%n",
                     &format,
                     name,
                     &summed,
                     &sum,
                     &end);

    if (got != 3 || (size_t)end != size ||
        sum != store_sum((trial_bytes){ (const uint8_t *)text, (size_t)summed }, 0)) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "'%s/" STORE_MARKER "' is damaged or not triald's; restore it from a "
                          "backup",
                          s->path);
    }
    if (format != STORE_FORMAT) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "the store '%s' has format %u and this triald knows format %u; use the "
                          "triald that made it, or make a store of its backup with --restore",
                          s->path,
                          format,
                          STORE_FORMAT);
    }
    memcpy(s->name, name, sizeof name);
    return TRIAL_OK;
}

static trial_code open_marker(store *s, trial_error *err)
{
    char path[STORE_PATH_BYTES_MAX];
    char text[MARKER_BYTES_MAX];
    ssize_t size;
    trial_code code;

    if (!place_join(path, s->path, STORE_MARKER)) {
        return store_refuse(err, ENAMETOOLONG, "opening", s->path);
    }
    s->marker_fd = open(path, O_RDWR | O_CLOEXEC);
    if (s->marker_fd < 0) {
        return store_refuse(err, errno, "opening", path);
    }
    code = lock(s, s->marker_fd, err);
    if (code != TRIAL_OK) {
        return code;
    }
    size = pread(s->marker_fd, text, sizeof text - 1, 0);
    if (size < 0) {
        return store_refuse(err, errno, "reading", path);
    }
    text[size] = '\0';
    return parse_marker(s, text, (size_t)size, err);
}

static trial_code open_or_create(store *s, bool *ret_is_new, trial_error *err)
{
    contents found;
    trial_code code = list(s, &found, err);

    if (code == TRIAL_OK && !found.has_marker) {
        code = check_may_create(s, &found, err);
        if (code == TRIAL_OK) {
            code = place_create(s, err);
        }
    }
    if (code == TRIAL_OK) {
        *ret_is_new = !found.has_marker;
        code = check_parts(s, err);
    }
    if (code == TRIAL_OK) {
        code = open_marker(s, err);
    }
    return code;
}

bool store_is_there(const char *path)
{
    char marker[STORE_PATH_BYTES_MAX];

    return place_join(marker, path, STORE_MARKER) && access(marker, F_OK) == 0;
}

trial_code place_open(store *s, bool *ret_is_new, trial_error *err)
{
    trial_code code;

    if (snprintf(s->path, sizeof s->path, "%s", s->settings.path) >= STORE_PATH_BYTES_MAX - 64) {
        return trial_fail(err, TRIAL_INVALID, "the store's path '%.80s...' is too long", s->path);
    }
    code = open_directory(s, err);
    if (code == TRIAL_OK) {
        code = check_file_system(s, err);
    }
    if (code == TRIAL_OK) {
        code = lock(s, s->directory_fd, err);
    }
    if (code == TRIAL_OK) {
        code = open_or_create(s, ret_is_new, err);
    }
    return code;
}

/* It lies in the directory that the lock is on, and is believed only while that is held. */
trial_code store_announce(const store *s, const char *endpoint, trial_error *err)
{
    char text[STORE_ENDPOINT_BYTES];
    int size = snprintf(text, sizeof text, "endpoint %s\n", endpoint);
    int fd = openat(
        s->directory_fd, STORE_DAEMON, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    trial_code code = TRIAL_OK;

    errno = fd < 0 ? errno : ENOSPC; /* what a short write means */
    if (fd < 0 || size >= (int)sizeof text || write(fd, text, (size_t)size) != size) {
        code = trial_fail_errno(err, errno, "writing '%s/" STORE_DAEMON "'", s->path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return code;
}

void store_announced(const char *path, char ret_endpoint[STORE_ENDPOINT_BYTES])
{
    char name[STORE_PATH_BYTES_MAX];
    char text[STORE_ENDPOINT_BYTES] = "";
    ssize_t size = -1;
    int fd = -1;

    ret_endpoint[0] = '\0';
    if (place_join(name, path, STORE_DAEMON)) {
        fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd >= 0) {
        size = read(fd, text, sizeof text - 1);
        (void)close(fd); /* it was only read */
    }
    if (size > 0 && strncmp(text, "endpoint ", 9) == 0) {
        text[strcspn(text, "\n")] = '\0';
        memcpy(ret_endpoint, text + 9, strlen(text + 9) + 1);
    }
}

bool store_is_one(const char *path)
{
    static const char *const parts[] = { STORE_MARKER, STORE_JOURNAL, STORE_LMDB };
    char name[STORE_PATH_BYTES_MAX];
    struct stat facts;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (place_join(name, path, parts[i]) && stat(name, &facts) == 0) {
            return true;
        }
    }
    return false;
}

void place_close(store *s)
{
    if (s->marker_fd >= 0) {
        (void)close(s->marker_fd); /* the lock goes with it */
    }
    if (s->directory_fd >= 0) {
        (void)close(s->directory_fd);
    }
    s->marker_fd = -1;
    s->directory_fd = -1;
}
