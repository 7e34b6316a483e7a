/* child.c - see child.h. triald is looked for beside trialctl, then where PATH says. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES 1024 /* the longest is a reason */
#define EXIT_HELD 75

extern char **environ;

/* The triald beside this program, else its bare name. */
static const char *find_daemon(char *path, size_t room)
{
    ssize_t size = readlink("/proc/self/exe", path, room - 1);
    char *slash;

    if (size > 0) {
        path[size] = '\0';
        slash = strrchr(path, '/');
        if (slash != NULL && (size_t)(slash - path) + sizeof "/triald" <= room) {
            memcpy(slash, "/triald", sizeof "/triald");
            if (access(path, X_OK) == 0) {
                return path;
            }
        }
    }
    return "triald";
}

/* Start it with its stdout in a pipe; ret_lines is the other end. */
static trial_code
start(const char *path, const char *since, pid_t *ret_pid, FILE **ret_lines, trial_error *err)
{
    char daemon[4096];
    const char *program = find_daemon(daemon, sizeof daemon);
    const char *words[] = { "triald", "--verify", path, since == NULL ? NULL : "--since",
                            since,    NULL };
    posix_spawn_file_actions_t actions;
    int ends[2] = { -1, -1 };
    int failed = pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;

    if (failed == 0) {
        failed = posix_spawn_file_actions_init(&actions);
    }
    if (failed == 0) {
        failed = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        if (failed == 0) { /* the words are not written to */
            failed =
                posix_spawnp(ret_pid, program, &actions, NULL, (char **)(uintptr_t)words, environ);
        }
        (void)posix_spawn_file_actions_destroy(&actions); /* cannot fail in glibc */
    }
    if (ends[1] >= 0) {
        (void)close(ends[1]);
    }
    *ret_lines = failed == 0 ? fdopen(ends[0], "r") : NULL;
    if (*ret_lines != NULL) {
        return TRIAL_OK;
    }
    if (ends[0] >= 0) {
        (void)close(ends[0]);
    }
    return trial_fail(
        err,
        TRIAL_STORAGE,
        "triald, which looks into stores and backups, cannot be started (%s); install "
        "it beside trialctl or in PATH",
        strerrordesc_np(failed == 0 ? errno : failed));
}

/* Keep what a line says. */
static void take_line(ctl_command *ctl, char *line, child_verdict *verdict, trial_value *result)
{
    static const char *const numbers[] = { "size", "bad" };
    static const char *const texts[] = { "kind", "log", "root", "reason" };
    char *value = strchr(line, ' ');
    uint64_t number = 0;

    if (value == NULL) {
        return;
    }
    *value++ = '\0';
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(line, numbers[i]) == 0 && ctl_number_read(value, 0, INT64_MAX, &number)) {
            trial_value_set(
                &ctl->arena, result, numbers[i], trial_value_unsigned(&ctl->arena, number));
        }
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(line, texts[i]) == 0) {
            trial_value_set(
                &ctl->arena, result, texts[i], trial_value_copy(&ctl->arena, trial_text_of(value)));
        }
    }
    if (strcmp(line, "same") == 0) {
        trial_value_set(
            &ctl->arena, result, "same", trial_value_truth(&ctl->arena, strcmp(value, "yes") == 0));
    } else if (strcmp(line, "held") == 0) {
        verdict->is_held = true;
        verdict->endpoint = value[0] == '\0' ? (trial_text){ 0 }
                                             : trial_arena_text(&ctl->arena, trial_text_of(value));
    } else if (strcmp(line, "verdict") == 0) {
        verdict->result = result;
        verdict->is_good = strcmp(value, "good") == 0;
    }
}

static void take_lines(ctl_command *ctl, FILE *lines, child_verdict *verdict)
{
    trial_value *result = trial_value_map(&ctl->arena);
    ctl_progress progress;
    char line[LINE_BYTES];
    unsigned long long done;
    unsigned long long total;

    ctl_progress_begin(ctl, &progress);
    while (fgets(line, sizeof line, lines) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        /* NOLINTNEXTLINE(cert-err34-c): the numbers of our own program. */
        if (sscanf(line, "progress %llu %llu", &done, &total) == 2) {
            ctl_progress_show(&progress, "verify", done, total, done);
        } else {
            take_line(ctl, line, verdict, result);
        }
    }
    ctl_progress_clear(&progress);
}

trial_code child_verify(ctl_command *ctl,
                        const char *path,
                        const char *since,
                        child_verdict *ret_verdict,
                        trial_error *err)
{
    child_verdict verdict = { 0 };
    FILE *lines = NULL;
    pid_t pid = 0;
    int status = 0;
    trial_code code = start(path, since, &pid, &lines, err);

    if (code != TRIAL_OK) {
        return code;
    }
    take_lines(ctl, lines, &verdict);
    (void)fclose(lines);            /* it was only read */
    (void)waitpid(pid, &status, 0); /* our own child, not waited for before */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && verdict.result == NULL) {
        return trial_fail(
            err, TRIAL_STORAGE, "triald cannot be started; install it beside trialctl or in PATH");
    }
    /* A triald that could not look has said why. One that was ended says nothing. */
    if (verdict.result == NULL && !verdict.is_held &&
        (!WIFEXITED(status) || WEXITSTATUS(status) == 0)) {
        return trial_fail(err,
                          TRIAL_STORAGE,
                          "triald, which looked into '%.300s', ended without a verdict (%s)",
                          path,
                          WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status)) : "status 0");
    }
    verdict.status =
        WIFEXITED(status) && WEXITSTATUS(status) == 64 ? CTL_EXIT_USAGE : CTL_EXIT_LOCAL;
    *ret_verdict = verdict;
    return TRIAL_OK;
}
