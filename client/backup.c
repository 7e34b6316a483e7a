/* backup.c - trialctl backup: the daemon's records into a directory here, by position, while it
 * works. What is there already is not moved again; what is there and is not the beginning of this
 * log is refused. */
#include "backup.h"

#include "child.h"
#include "json.h"
#include "pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_RECORDS 1024u /* as many as one answer takes */

/* A backup on its way. */
struct copying {
    ctl_command *ctl;
    backup b;
    backup_writer writer;
    uint64_t had;       /* positions that were there before */
    uint32_t had_count; /* segments */
    proto_tree had_tree;
    uint64_t head; /* where the log stood when it began: where this backup ends */
    trial_text root;
    uint64_t bytes; /* of records moved */
    ctl_progress progress;
    trial_error err;
};

/* Ask the daemon whose log it is and where it stands. */
static trial_code ask_status(struct copying *c, trial_text *ret_log)
{
    trial_value *status = NULL;
    trial_code code = ctl_call(c->ctl, "status", NULL, &status, &c->err);

    if (code == TRIAL_OK) {
        *ret_log = trial_value_get_text(status, "log");
        c->head = (uint64_t)trial_value_get_integer(status, "head");
        c->root = trial_value_get_text(status, "root");
        if (ret_log->size != BACKUP_LOG_BYTES - 1) {
            code = trial_fail(&c->err, TRIAL_MALFORMED, "the daemon names no log");
        }
    }
    return code;
}

static trial_code check_empty(struct copying *c, const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    trial_code code = TRIAL_OK;

    if (directory == NULL) {
        return trial_fail_errno(&c->err, errno, "looking into '%s'", path);
    }
    while (code == TRIAL_OK && (entry = readdir(directory)) != NULL) { /* one stream, one thread */
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, BACKUP_UNFINISHED) != 0) {
            code = trial_fail(&c->err,
                              TRIAL_STORAGE,
                              "'%s' is no backup and not empty (it holds '%s'); name an empty or "
                              "absent directory",
                              path,
                              entry->d_name);
        }
    }
    (void)closedir(directory);
    return code;
}

/* Only one may write a backup; the lock is let go by the end of the process. */
static trial_code lock(struct copying *c, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return trial_fail_errno(&c->err, errno, "opening '%s'", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return TRIAL_OK;
    }
    (void)close(fd);
    if (!backup_is_one(path) &&
        check_empty(c, path) != TRIAL_OK) { /* a store that is in use, say */
        return c->err.code;
    }
    return trial_fail(&c->err, TRIAL_BUSY, "another trialctl is writing to '%s'", path);
}

/* Find the backup, or begin one of no events. */
static trial_code open_backup(struct copying *c, const char *path, trial_text log)
{
    trial_code code = TRIAL_OK;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return trial_fail_errno(&c->err, errno, "making '%s'", path);
    }
    code = lock(c, path);
    if (code == TRIAL_OK && backup_is_one(path)) {
        code = backup_open(path, &c->b, &c->err);
    } else if (code == TRIAL_OK) {
        code = check_empty(c, path);
        if (code == TRIAL_OK) {
            code = backup_begin(path, log, &c->b, &c->err);
        }
    }
    if (code == TRIAL_OK && !trial_text_is(log, c->b.log)) {
        code =
            trial_fail(&c->err,
                       TRIAL_CONFLICT,
                       "'%s' holds a backup of the log %s, and the daemon's is %.*s; name another "
                       "directory",
                       path,
                       c->b.log,
                       TRIAL_TEXT_ARGS(log));
    }
    c->had = c->b.tree.size;
    c->had_count = c->b.count;
    c->had_tree = c->b.tree;
    return code;
}

/* One answer to `records`, taken apart. */
struct page {
    pack_reader records;
    uint32_t count;
    uint64_t next;
};

static trial_code read_page(trial_bytes result, struct page *ret_page, trial_error *err)
{
    pack_reader reader = pack_reader_of(result);

    *ret_page = (struct page){ 0 };
    for (uint32_t count = pack_map(&reader); count > 0; count--) {
        trial_text name = pack_text(&reader);

        if (trial_text_is(name, "records")) {
            trial_bytes list = pack_skip(&reader);

            ret_page->records = pack_reader_of(list);
            ret_page->count = pack_list(&ret_page->records);
        } else if (trial_text_is(name, "next")) {
            ret_page->next = pack_unsigned(&reader);
        } else {
            (void)pack_skip(&reader);
        }
    }
    return reader.has_failed || ret_page->records.has_failed
               ? trial_fail(err, TRIAL_MALFORMED, "what came is no answer to `records`")
               : TRIAL_OK;
}

static trial_code send(struct copying *c, uint64_t from, uint64_t limit, uint32_t *ret_msgid)
{
    trial_arena arena = { 0 };
    trial_value *params = trial_value_map(&arena);
    trial_code code;

    trial_value_set(&arena, params, "from", trial_value_unsigned(&arena, from));
    trial_value_set(&arena, params, "limit", trial_value_unsigned(&arena, limit));
    code = trial_client_send(c->ctl->client, "records", params, ret_msgid, &c->err);
    trial_arena_done(&arena);
    return code;
}

/* Wait for the answer; its bytes live until the next one is waited for. */
static trial_code receive(struct copying *c, uint32_t msgid, struct page *ret_page)
{
    trial_arena arena = { 0 };
    trial_message message = { 0 };
    trial_code code = TRIAL_OK;

    do {
        code = trial_client_receive(
            c->ctl->client, ctl_settings(c->ctl).timeout_ms, false, &arena, &message, &c->err);
    } while (code == TRIAL_OK && (message.is_notification || message.msgid != msgid));
    if (code == TRIAL_OK && message.error.code != TRIAL_OK) {
        c->err = message.error;
        code = c->err.code;
    }
    if (code == TRIAL_OK) {
        code = read_page(message.raw, ret_page, &c->err);
    }
    trial_arena_done(&arena);
    return code;
}

static uint64_t wanted(const struct copying *c, uint64_t from)
{
    uint64_t left = c->head - from + 1;

    return left < PAGE_RECORDS ? left : PAGE_RECORDS;
}

static trial_code keep_record(struct copying *c, trial_bytes bytes)
{
    uint64_t position = c->b.tree.size + 1;
    proto_record record;
    trial_code code = proto_record_read(bytes, &record, &c->err);

    if (code == TRIAL_OK && (record.position != position || !proto_record_leaf_is_right(&record))) {
        code = trial_fail(&c->err, TRIAL_STORAGE, "the record is not as it was written");
    }
    if (code != TRIAL_OK) {
        return trial_fail_while(
            &c->err, "what the daemon sent as position %llu", (unsigned long long)position);
    }
    proto_tree_add(&c->b.tree, record.leaf);
    c->bytes += bytes.size;
    return backup_write(&c->writer, bytes, &c->err);
}

/* Move what is new, the next page being asked for while one is written. */
static trial_code copy_records(struct copying *c)
{
    uint64_t from = c->had + 1;
    uint32_t msgid = 0;
    trial_code code = from <= c->head ? send(c, from, wanted(c, from), &msgid) : TRIAL_OK;

    while (code == TRIAL_OK && c->b.tree.size < c->head) {
        struct page page;

        code = receive(c, msgid, &page);
        if (code == TRIAL_OK && page.count == 0) {
            code = trial_fail(&c->err, TRIAL_CONFLICT, "the log is shorter than it was");
        }
        from += code == TRIAL_OK ? page.count : 0;
        if (code == TRIAL_OK && from <= c->head) {
            code = send(c, from, wanted(c, from), &msgid);
        }
        for (uint32_t i = 0; code == TRIAL_OK && i < page.count && c->b.tree.size < c->head; i++) {
            code = keep_record(c, pack_bin(&page.records));
        }
        ctl_progress_show(&c->progress,
                          "backup",
                          c->b.tree.size - c->had,
                          c->head - c->had,
                          c->b.tree.size - c->had);
    }
    if (code == TRIAL_BUSY) {
        (void)trial_fail_while(&c->err, "the backup is not done; run again it goes on from here");
    }
    if (code == TRIAL_OK || code == TRIAL_BUSY) { /* what came is kept: the next run goes on */
        trial_error ignored;

        code = backup_write_end(&c->writer, code == TRIAL_OK ? &c->err : &ignored) == TRIAL_OK
                   ? code
                   : TRIAL_STORAGE;
    }
    return code;
}

static trial_code not_its_beginning(struct copying *c)
{
    return trial_fail(&c->err,
                      TRIAL_CONFLICT,
                      "'%s' has the log's name but is not its beginning: one of the two was "
                      "restored from an older backup; keep it, and back up into another directory",
                      c->b.path);
}

/* The last event of the backup must be the same in the log: every salt is used once, so logs that
 * went apart differ from there on. */
static trial_code check_joins(struct copying *c)
{
    trial_bytes mine = { 0 };
    trial_bytes theirs = { 0 };
    struct page page = { 0 };
    uint32_t msgid = 0;
    trial_code code = TRIAL_OK;

    if (c->had == 0) {
        return TRIAL_OK;
    }
    if (c->had > c->head) {
        return not_its_beginning(c);
    }
    code = backup_record(&c->b, c->had, &mine, &c->err);
    if (code == TRIAL_OK) {
        code = send(c, c->had, 1, &msgid);
    }
    if (code == TRIAL_OK) {
        code = receive(c, msgid, &page);
    }
    if (code == TRIAL_OK && page.count > 0) {
        theirs = pack_bin(&page.records);
    }
    if (code == TRIAL_OK && (theirs.data == NULL || theirs.size != mine.size ||
                             memcmp(theirs.data, mine.data, mine.size) != 0)) {
        code = not_its_beginning(c);
    }
    return code;
}

/* The root of what is here must be the one the log had; else the backup is again what it was. */
static trial_code check_root(struct copying *c)
{
    char hex[PROTO_HASH_TEXT_BYTES];
    uint8_t root[TRIAL_HASH_BYTES];
    char path[BACKUP_PATH_BYTES];
    uint32_t count = c->b.count;
    trial_error ignored;

    proto_tree_root(&c->b.tree, root);
    proto_hash_write(root, hex);
    if (trial_text_is(c->root, hex)) {
        return TRIAL_OK;
    }
    c->b.tree = c->had_tree;
    c->b.count = c->had_count;
    if (backup_save(&c->b, &ignored) == TRIAL_OK) {
        for (uint32_t i = c->had_count; i < count; i++) {
            if (backup_segment_path(&c->b, c->b.segments[i].first, path)) {
                (void)unlink(path); /* no BACKUP names it any more */
            }
        }
    }
    return not_its_beginning(c);
}

/* Look at all of it before it is called a backup. Returns the exit status. */
static int verify(struct copying *c)
{
    child_verdict verdict = { 0 };

    if (child_verify(c->ctl, c->b.path, NULL, &verdict, &c->err) != TRIAL_OK) {
        (void)trial_fail_while(&c->err,
                               "verifying the backup, which is copied and not yet looked at");
        return ctl_fail(c->ctl, &c->err);
    }
    if (verdict.result == NULL) {
        return verdict.status;
    }
    if (!verdict.is_good) {
        ctl_say("the backup '%s' does not read as it was written, at position %lld: %.*s; make a "
                "new one on another disk",
                c->b.path,
                (long long)trial_value_get_integer(verdict.result, "bad"),
                TRIAL_TEXT_ARGS(trial_value_get_text(verdict.result, "reason")));
        return CTL_EXIT_NOT_VERIFIED;
    }
    return CTL_EXIT_DONE;
}

static void print_summary(const struct copying *c)
{
    uint64_t events = c->head - c->had;
    uint64_t from = events == 0 ? 0 : c->had + 1;

    if (ctl_is_json(c->ctl)) {
        (void)printf(
            "{\"from\":%llu,\"to\":%llu,\"events\":%llu,\"bytes\":%llu,\"root\":\"%.*s\"}\n",
            (unsigned long long)from,
            (unsigned long long)c->head,
            (unsigned long long)events,
            (unsigned long long)c->bytes,
            TRIAL_TEXT_ARGS(c->root));
        return;
    }
    (void)printf("events  %llu new, %.1f MiB\nhead    %llu\nroot    %.*s\n",
                 (unsigned long long)events,
                 (double)c->bytes / 1048576.0,
                 (unsigned long long)c->head,
                 TRIAL_TEXT_ARGS(c->root));
}

static trial_code copy(struct copying *c, const char *path)
{
    trial_text log = { 0 };
    trial_code code = ask_status(c, &log);

    if (code == TRIAL_OK) {
        code = open_backup(c, path, log);
    }
    if (code == TRIAL_OK) {
        code = check_joins(c);
    }
    if (code == TRIAL_OK) {
        backup_write_begin(&c->b, &c->writer);
        ctl_progress_begin(c->ctl, &c->progress);
        code = copy_records(c);
        ctl_progress_clear(&c->progress);
        backup_write_done(&c->writer);
    }
    return code == TRIAL_OK ? check_root(c) : code;
}

int ctl_backup(ctl_command *ctl)
{
    struct copying c = { .ctl = ctl, .err = TRIAL_ERROR_NONE };
    int status;

    if (copy(&c, ctl->arguments[0]) != TRIAL_OK) {
        status = ctl_fail(ctl, &c.err);
    } else {
        status = verify(&c);
        if (status == CTL_EXIT_DONE) {
            print_summary(&c);
        }
    }
    backup_done(&c.b);
    return status;
}
