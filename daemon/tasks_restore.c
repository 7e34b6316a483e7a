/* tasks_restore.c - triald --restore: a store from a backup. It is built beside its place, under a
 * name and with a mark that no daemon opens it by, and gets its place by one rename at the end. */
#include "backup.h"
#include "engine.h"
#include "host.h"
#include "tasks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNFINISHED ".restoring"
#define TURN_RECORDS 8192u    /* flushed together */
#define TURN_BYTES (4u << 20) /* the same; the smallest journal takes four of them */
#define TELL_EVERY_MS 1000

/* A restore on its way. */
struct restoring {
    const struct config *config;
    char place[CONFIG_PATH_BYTES]; /* where the store is wanted, links resolved */
    char path[CONFIG_PATH_BYTES];  /* where it is built: beside that */
    backup b;
    uint64_t last; /* the last position that is wanted */
    store *store;
    engine *engine;
    uint64_t told_ms;
    trial_error err;
};

/* Everything that building may leave, deepest first. */
static const char *const leftovers[] = {
    "journal/0",
    "journal/1",
    "journal",
    "lmdb/data.mdb",
    "lmdb/lock.mdb",
    "lmdb",
    "STORE",
    "new.tmp/journal/0",
    "new.tmp/journal/1",
    "new.tmp/journal",
    "new.tmp/lmdb/data.mdb",
    "new.tmp/lmdb/lock.mdb",
    "new.tmp/lmdb",
    "new.tmp/STORE",
    "new.tmp",
};

/* Find out where the store is wanted. It gets that name by a rename at the end, which no link and
 * no root of a file system can be given. */
static trial_code find_place(struct restoring *r)
{
    char resolved[PATH_MAX];
    char parent[PATH_MAX + 3];
    const char *wanted = r->config->store;
    struct stat place;
    struct stat above;
    size_t size = strlen(wanted);

    if (realpath(wanted, resolved) == NULL) {
        while (size > 1 && wanted[size - 1] == '/') {
            size--;
        }
        (void)snprintf(r->place, sizeof r->place, "%.*s", (int)size, wanted);
        return lstat(r->place, &place) != 0
                   ? TRIAL_OK
                   : trial_fail(&r->err,
                                TRIAL_INVALID,
                                "'%s' cannot be looked into: it is a link that leads nowhere",
                                r->place);
    }
    (void)snprintf(r->place, sizeof r->place, "%s", resolved);
    (void)snprintf(parent, sizeof parent, "%s/..", resolved);
    if (strlen(resolved) >= sizeof r->place) {
        return trial_fail(&r->err, TRIAL_INVALID, "the store's path is too long");
    }
    if (stat(parent, &above) != 0 || stat(resolved, &place) != 0 ||
        (place.st_dev == above.st_dev && place.st_ino != above.st_ino)) {
        return TRIAL_OK; /* what is no directory is told below */
    }
    return trial_fail(&r->err,
                      TRIAL_INVALID,
                      "'%s' is the root of a file system, and a restore cannot give it its name; "
                      "name a directory below it with --store",
                      resolved);
}

/* Is the store's place free: absent, or an empty directory? */
static trial_code check_place(struct restoring *r)
{
    const char *path = r->place;
    DIR *directory = opendir(path);
    struct dirent *entry;
    trial_code code = TRIAL_OK;

    if (directory == NULL) {
        return errno == ENOENT ? TRIAL_OK
                               : trial_fail(&r->err,
                                            TRIAL_INVALID,
                                            "'%s' cannot be looked into: %s",
                                            path,
                                            strerrordesc_np(errno));
    }
    while (code == TRIAL_OK && (entry = readdir(directory)) != NULL) { /* one stream, one thread */
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            code = trial_fail(&r->err,
                              TRIAL_INVALID,
                              "'%s' is not empty (it holds '%s'); a restore makes a new store and "
                              "never touches one that is there: name an absent or empty directory "
                              "with --store",
                              path,
                              entry->d_name);
        }
    }
    (void)closedir(directory);
    return code;
}

/* Remove what an interrupted restore left beside the place; of anything else nothing. */
static trial_code clear(struct restoring *r)
{
    int fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        return TRIAL_OK;
    }
    for (size_t i = 0; fd >= 0 && i < sizeof leftovers / sizeof leftovers[0]; i++) {
        if (unlinkat(fd, leftovers[i], 0) != 0) { /* what is not there, or foreign, shows below */
            (void)unlinkat(fd, leftovers[i], AT_REMOVEDIR);
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rmdir(r->path) == 0 ? TRIAL_OK
                               : trial_fail(&r->err,
                                            TRIAL_INVALID,
                                            "'%s', left by a restore that was interrupted, cannot "
                                            "be removed: %s; remove it yourself",
                                            r->path,
                                            strerrordesc_np(errno));
}

/* Ingest times never decrease, so halving finds the last event that had come by then. */
static trial_code find_last(struct restoring *r, trial_instant until)
{
    uint64_t low = 0;
    uint64_t high = r->b.tree.size;

    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        trial_bytes bytes = { 0 };
        proto_record record;
        trial_code code = backup_record(&r->b, middle, &bytes, &r->err);

        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, &r->err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
        if (record.ingest <= until) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    r->last = low;
    return TRIAL_OK;
}

/* --until is a position, a day or an instant. */
static trial_code choose_end(struct restoring *r)
{
    const char *until = r->config->until;
    trial_text text = trial_text_of(until);
    trial_instant instant = TRIAL_INSTANT_NONE;
    trial_date date;
    trial_code code = TRIAL_OK;

    r->last = r->b.tree.size;
    if (until[0] == '\0') {
        return TRIAL_OK;
    }
    if (strspn(until, "0123456789") == text.size && text.size < 20) {
        r->last = strtoull(until, NULL, 10);
    } else if (text.size == 10 && trial_date_read(text, &date, NULL) == TRIAL_OK) {
        code = find_last(r, trial_date_end(date));
    } else if (trial_instant_read(text, &instant, NULL) == TRIAL_OK) {
        code = find_last(r, instant);
    } else {
        code = trial_fail(&r->err,
                          TRIAL_INVALID,
                          "--until '%s' is no position, day or RFC 3339 time with its zone",
                          until);
    }
    if (code == TRIAL_OK && (r->last == 0 || r->last > r->b.tree.size)) {
        code = trial_fail(&r->err,
                          TRIAL_INVALID,
                          "--until %s: the backup has positions 1 to %llu, and none of them is "
                          "the end that this asks for",
                          until,
                          (unsigned long long)r->b.tree.size);
    }
    return code;
}

static trial_code open_store(struct restoring *r)
{
    const struct config *config = r->config;
    bool is_cut = r->last != r->b.tree.size;
    const store_settings settings = { .path = r->path,
                                      .map_bytes = config->map_bytes,
                                      .journal_bytes = config->journal_bytes,
                                      .commit_events = config->commit_events,
                                      .reserve_bytes = config->reserve_bytes,
                                      .name = is_cut ? NULL : r->b.log };
    const engine_settings limits = { .is_restoring = true };
    uint64_t recovered = 0;
    bool is_new = false;
    trial_code code = store_open(&settings, &r->store, &is_new, &r->err);

    if (code == TRIAL_OK) {
        code = engine_open(r->store, &limits, host_random, &r->engine, &recovered, &r->err);
    }
    return code == TRIAL_OK ? engine_restore_begin(r->engine, &r->err) : code;
}

/* A line now and then; on a terminal it stays one line. */
static void say_how_far(struct restoring *r, uint64_t position)
{
    uint64_t now_ms = host_monotonic_ms();
    bool is_terminal = isatty(STDERR_FILENO) == 1;

    if (position < r->last && now_ms - r->told_ms < TELL_EVERY_MS) {
        return;
    }
    r->told_ms = now_ms;
    (void)fprintf(stderr,
                  "%striald: restored %llu of %llu events%s",
                  is_terminal ? "\r\033[K" : "",
                  (unsigned long long)position,
                  (unsigned long long)r->last,
                  is_terminal && position < r->last ? "" : "\n");
}

/* One turn's worth of records, flushed; ret_next is where the next begins. */
static trial_code restore_turn(struct restoring *r, uint64_t from, uint64_t *ret_next)
{
    uint64_t bytes = 0;
    uint64_t position = from;
    trial_code code = store_has_room(r->store, TURN_BYTES * 2, &r->err);

    while (code == TRIAL_OK && position <= r->last && position - from < TURN_RECORDS &&
           bytes < TURN_BYTES) {
        trial_bytes record = { 0 };

        code = backup_record(&r->b, position, &record, &r->err);
        if (code == TRIAL_OK) {
            code = engine_restore(r->engine, record, &r->err);
        }
        bytes += record.size;
        position++;
    }
    if (code == TRIAL_OK) {
        code = engine_turn_flush(r->engine, &r->err);
    }
    engine_turn_done(r->engine);
    if (code == TRIAL_OK) {
        code = store_commit_end(r->store, &r->err);
    }
    if (code == TRIAL_OK && store_commit_is_due(r->store)) {
        store_commit_begin(r->store);
    }
    *ret_next = position;
    return code;
}

/* All records; then the root must be the backup's, where nothing was left out. */
static trial_code restore_all(struct restoring *r)
{
    uint8_t mine[TRIAL_HASH_BYTES];
    uint8_t theirs[TRIAL_HASH_BYTES];
    trial_code code = TRIAL_OK;

    for (uint64_t next = 1; code == TRIAL_OK && next <= r->last;) {
        code = restore_turn(r, next, &next);
        if (code == TRIAL_OK) {
            say_how_far(r, next - 1);
        }
    }
    engine_root(r->engine, mine);
    proto_tree_root(&r->b.tree, theirs);
    if (code == TRIAL_OK && r->last == r->b.tree.size && memcmp(mine, theirs, sizeof mine) != 0) {
        code = trial_fail(&r->err,
                          TRIAL_STORAGE,
                          "the root of the restored events is not the one that the backup names");
    }
    return code == TRIAL_OK ? engine_restore_end(r->engine, &r->err) : code;
}

static trial_code sync_parent(struct restoring *r)
{
    char parent[CONFIG_PATH_BYTES];
    char *slash;
    int fd;
    trial_code code = TRIAL_OK;

    (void)snprintf(parent, sizeof parent, "%s", r->path);
    slash = strrchr(parent, '/');
    if (slash == NULL) {
        (void)snprintf(parent, sizeof parent, ".");
    } else {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        code = trial_fail_errno(&r->err, errno, "syncing '%s'", parent);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return code;
}

/* The one moment at which there is a store where there was none. */
static trial_code move_in(struct restoring *r)
{
    if (rename(r->path, r->place) != 0) {
        return trial_fail_errno(&r->err,
                                errno,
                                "everything is restored in '%s', but giving it the name '%s' "
                                "failed; do it yourself",
                                r->path,
                                r->place);
    }
    return sync_parent(r);
}

static trial_code prepare(struct restoring *r)
{
    trial_code code = find_place(r);

    if (code != TRIAL_OK) {
        return code;
    }
    if (snprintf(r->path, sizeof r->path, "%s" UNFINISHED, r->place) >= CONFIG_PATH_BYTES) {
        return trial_fail(&r->err, TRIAL_INVALID, "the store's path is too long");
    }
    code = backup_open(r->config->from, &r->b, &r->err);
    if (code == TRIAL_OK) {
        code = check_place(r);
    }
    if (code == TRIAL_OK) {
        code = choose_end(r);
    }
    return code == TRIAL_OK ? clear(r) : code;
}

int tasks_restore(const struct config *config)
{
    struct restoring *r = trial_memory(sizeof *r);
    char name[BACKUP_LOG_BYTES] = "";
    trial_code code;
    int status;

    r->config = config;
    r->err = TRIAL_ERROR_NONE;
    code = prepare(r);
    if (code == TRIAL_OK) {
        code = open_store(r);
    }
    if (code == TRIAL_OK) {
        (void)snprintf(name, sizeof name, "%s", store_name(r->store));
        code = restore_all(r);
    }
    engine_close(r->engine);
    store_close(r->store);
    if (code == TRIAL_OK) {
        code = move_in(r);
    }
    if (code != TRIAL_OK) {
        const host_about about = host_about_error(&r->err);

        host_log_about(HOST_ERROR, &about, "restoring '%s': %s", config->from, r->err.text);
        host_log(HOST_NOTICE, "trial-trouble(7) says what to do");
    } else {
        host_log(HOST_NOTICE,
                 "made the store '%s', log %s, of %llu events%s",
                 config->store,
                 name,
                 (unsigned long long)r->last,
                 r->last == r->b.tree.size ? ""
                                           : "; it is a new log, for later events were left out");
    }
    status = code == TRIAL_OK ? EXIT_SUCCESS : tasks_exit_status(&r->err);
    backup_done(&r->b);
    free(r);
    return status;
}
