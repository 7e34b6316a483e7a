/* tasks_verify.c - triald --verify: a store that no daemon holds, or a backup. The child reads and
 * keeps what it finds in memory that both have; the parent tells how far it is, and what it was
 * looking at when it died, if it did. */
#include "check.h"
#include "engine.h"
#include "host.h"
#include "tasks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TELL_EVERY_MS 200

/* What parent and child share. */
struct looked {
    answers_progress progress;
    bool is_done;    /* the child came to its end: what stands here is what it found */
    trial_code code; /* why it could not look at all */
    trial_error err;
    check_found found;
    char log[BACKUP_LOG_BYTES];
    const char *kind; /* a literal: the same in both */
};

/* Follow the tree and the earlier log over records that only the journal holds. */
static trial_code add_tail(
    store *s, uint64_t committed, answers_progress *progress, check_found *found, trial_error *err)
{
    trial_code code = TRIAL_OK;

    for (uint64_t position = committed + 1; code == TRIAL_OK && position <= store_head(s);
         position++) {
        trial_bytes bytes = { 0 };
        proto_record record;

        progress->at = position;
        code = store_get_record(s, position, &bytes, err);
        if (code == TRIAL_OK) {
            code = proto_record_read(bytes, &record, err);
        }
        if (code == TRIAL_OK) {
            proto_tree_add(&found->tree, record.leaf);
        }
        if (code == TRIAL_OK && position == found->earlier_size) {
            proto_tree_root(&found->tree, found->earlier_root);
        }
    }
    return code;
}

/* What the journal holds beyond the tables is taken in, in memory alone, as a start would. */
static void look_at_tail(store *s, answers_progress *progress, check_found *found)
{
    const engine_settings settings = { .is_checking = true };
    uint64_t committed = store_committed(s);
    trial_error why = TRIAL_ERROR_NONE;
    engine *e = NULL;
    uint64_t recovered = 0;
    trial_code code = engine_open(s, &settings, host_random, &e, &recovered, &why);

    if (code == TRIAL_OK) {
        code = add_tail(s, committed, progress, found, &why);
    }
    if (code != TRIAL_OK) {
        found->bad = why.position > 0 ? (uint64_t)why.position : store_head(s) + 1;
        (void)snprintf(found->reason, sizeof found->reason, "in the journal: %.440s", why.text);
    }
    engine_close(e);
}

static void look_at_store(const struct config *config, struct looked *looked)
{
    const store_settings settings = { .path = config->from,
                                      .map_bytes = config->map_bytes,
                                      .journal_bytes = config->journal_bytes,
                                      .commit_events = config->commit_events,
                                      .is_read_only = true };
    store *s = NULL;
    bool is_new = false;

    looked->kind = "store";
    looked->code = store_open(&settings, &s, &is_new, &looked->err);
    if (looked->code != TRIAL_OK) {
        return;
    }
    (void)snprintf(looked->log, sizeof looked->log, "%s", store_name(s));
    looked->code = check_store(s, &looked->progress, &looked->found, &looked->err);
    if (looked->code == TRIAL_OK && looked->found.bad == 0) {
        look_at_tail(s, &looked->progress, &looked->found);
    }
    store_close(s);
}

static void look_at_backup(const struct config *config, struct looked *looked)
{
    backup b = { 0 };

    looked->kind = "backup";
    looked->code = backup_open(config->from, &b, &looked->err);
    if (looked->code == TRIAL_OK) {
        memcpy(looked->log, b.log, sizeof looked->log);
        check_backup(&b, &looked->progress, &looked->found);
        backup_done(&b);
    }
}

static _Noreturn void look(const struct config *config, struct looked *looked)
{
    const struct rlimit no_core = { 0, 0 };

    /* What reading raises ends this process, and its parent sees which it was: a sanitizer would
     * make an exit of it. */
    (void)signal(SIGSEGV, SIG_DFL); /* valid signals */
    (void)signal(SIGBUS, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would hear what it finds */
    (void)setrlimit(RLIMIT_CORE, &no_core); /* a death here is an answer, not a mistake */
    if (backup_is_one(config->from)) {
        look_at_backup(config, looked);
    } else {
        look_at_store(config, looked);
    }
    looked->is_done = true;
    _exit(EXIT_SUCCESS);
}

/* Tell how far the child is until it has ended; its wait status. Where nobody reads what is told
 * any more the child is ended too: it would hold the store for nobody. */
static int wait_for(pid_t child, const struct looked *looked)
{
    enum { END, READER, COUNT };
    struct pollfd watches[COUNT] = {
        [END] = { .fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN },
        [READER] = { .fd = STDOUT_FILENO }, /* an error alone: a pipe whose other end was closed */
    };
    uint64_t told = 0;
    int status = 0;
    bool is_heard = true;

    (void)signal(SIGPIPE, SIG_IGN); /* a valid signal */
    while (watches[END].fd >= 0 && poll(watches, COUNT, TELL_EVERY_MS) >= 0 &&
           watches[END].revents == 0) {
        uint64_t done = looked->progress.done;

        if ((watches[READER].revents & (POLLERR | POLLNVAL)) != 0) {
            (void)kill(child, SIGKILL); /* our own child, not waited for yet */
            is_heard = false;
            break;
        }
        if (done != told) {
            told = done;
            (void)printf("progress %llu %llu\n",
                         (unsigned long long)done,
                         (unsigned long long)looked->progress.total);
            (void)fflush(stdout); /* whether somebody reads it is seen in the next round */
        }
    }
    if (watches[END].fd >= 0) {
        (void)close(watches[END].fd);
    }
    (void)waitpid(child, &status, 0); /* our own child, not waited for before */
    if (!is_heard) {
        _exit(EXIT_FAILURE);
    }
    return status;
}

/* Was the child ended by something else than what it read: by somebody, or for want of memory? */
static bool is_from_outside(int status)
{
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;

    return number == SIGKILL || number == SIGTERM || number == SIGINT || number == SIGHUP;
}

/* Reading ended the child: that is the damage, and this is where it was. */
static void note_death(struct looked *looked, int status)
{
    uint64_t at = looked->progress.at;

    looked->found.bad = at == 0 ? 1 : at;
    looked->code = TRIAL_OK;
    (void)snprintf(looked->found.reason,
                   sizeof looked->found.reason,
                   "%s ended the process that read it (%s)",
                   at == 0 ? "opening it" : "looking at this event",
                   sigdescr_np(WTERMSIG(status)));
}

/* SIZE:ROOT; false where it is not that. */
static bool read_since(const char *since, uint64_t *ret_size, const char **ret_root)
{
    char *colon = NULL;

    errno = 0;
    *ret_size = strtoull(since, &colon, 10);
    *ret_root = colon + 1;
    return errno == 0 && colon != since && *colon == ':' && since[0] != '-' &&
           trial_text_is_hex(trial_text_of(colon + 1), TRIAL_HASH_BYTES * 2);
}

void tasks_tame(char *text)
{
    size_t size = strlen(text);

    for (size_t at = 0; at < size; at++) {
        uint32_t valid = pack_text_valid((trial_text){ text + at, (uint32_t)(size - at) });

        for (size_t end = at + valid; at < end; at++) {
            text[at] = (uint8_t)text[at] < ' ' || text[at] == 0x7f ? '?' : text[at];
        }
        if (at < size) {
            text[at] = '?';
        }
    }
}

/* Print what was found; the exit status. */
static int tell(struct looked *looked, const char *earlier_root)
{
    uint8_t root[TRIAL_HASH_BYTES];
    char hex[PROTO_HASH_TEXT_BYTES];
    bool is_same = true;
    bool is_good;

    if (earlier_root != NULL) {
        is_same = looked->found.earlier_size <= looked->found.tree.size &&
                  proto_hash_is(looked->found.earlier_root, trial_text_of(earlier_root));
    }
    is_good = looked->found.bad == 0 && is_same;
    proto_tree_root(&looked->found.tree, root);
    proto_hash_write(root, hex);
    (void)printf("kind %s\nlog %s\nsize %llu\nroot %s\nsame %s\nbad %llu\n",
                 looked->kind,
                 looked->log,
                 (unsigned long long)looked->found.tree.size,
                 hex,
                 is_same ? "yes" : "no",
                 (unsigned long long)looked->found.bad);
    if (looked->found.bad != 0) {
        tasks_tame(looked->found.reason);
        (void)printf("reason %s\n", looked->found.reason);
    }
    (void)printf("verdict %s\n", is_good ? "good" : "bad");
    return is_good ? EXIT_SUCCESS : TASKS_EXIT_NOT_VERIFIED;
}

/* It could not be looked at: held by a daemon, no store at all, or one that is refused. */
static int tell_refusal(const struct config *config, struct looked *looked)
{
    char endpoint[STORE_ENDPOINT_BYTES];

    if (looked->code == TRIAL_BUSY) {
        store_announced(config->from, endpoint);
        (void)printf("held %s\n", endpoint);
        return tasks_exit_status(&looked->err);
    }
    if (store_is_one(config->from) || backup_is_one(config->from)) { /* but not fit to be opened */
        looked->found.bad = 1;
        (void)snprintf(looked->found.reason, sizeof looked->found.reason, "%s", looked->err.text);
        return tell(looked, NULL);
    }
    host_log(HOST_ERROR, "%s", looked->err.text);
    return tasks_exit_status(&looked->err);
}

int tasks_verify(const struct config *config)
{
    struct looked *looked =
        mmap(NULL, sizeof *looked, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const char *earlier_root = NULL;
    uint64_t earlier_size = 0;
    pid_t child;
    int status;

    if (config->since[0] != '\0' && !read_since(config->since, &earlier_size, &earlier_root)) {
        host_log(HOST_ERROR, "--since takes SIZE:ROOT, the root in 64 hexadecimal digits");
        return config_exit_status(TRIAL_MALFORMED);
    }
    if (looked == MAP_FAILED) {
        host_log(HOST_ERROR, "no memory to verify with");
        return EXIT_FAILURE;
    }
    looked->err = TRIAL_ERROR_NONE;
    looked->kind = backup_is_one(config->from) ? "backup" : "store";
    looked->found.earlier_size = earlier_size;
    child = fork(); /* nothing is open yet, and no thread runs */
    if (child == 0) {
        look(config, looked);
    }
    if (child < 0) {
        host_log(HOST_ERROR, "a process to read with cannot be made: %s", strerrordesc_np(errno));
        return EXIT_FAILURE;
    }
    status = wait_for(child, looked);
    if (!looked->is_done && is_from_outside(status)) {
        host_log(HOST_ERROR,
                 "the process that looked into '%s' was ended (%s), which says nothing of what is "
                 "there; verify it again",
                 config->from,
                 WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status)) : "it found no memory");
        return EXIT_FAILURE;
    }
    if (!looked->is_done) {
        note_death(looked, status);
    }
    return looked->code == TRIAL_OK ? tell(looked, earlier_root) : tell_refusal(config, looked);
}
