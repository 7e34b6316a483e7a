/* stepper.c - run a program and kill it at one of its system calls, whichever that is.
 *
 *   stepper before|after NTH ARM TOLD COMMAND...
 *
 * The calls of all threads count together, from 1: where they are entered (before) or left (after).
 * They count from the moment the file ARM exists; from COMMAND's first one where ARM is "-". Reads
 * of a file in a row are one call. The nth one takes the process with it, and TOLD says in a line
 * which one it was. COMMAND keeps the process that was started, its number, its parent and its
 * status: the one that watches is its child. It ends with 77 where one process may not watch
 * another. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define USAGE 64
#define SKIPPED 77
#define CALL_STOP (SIGTRAP | 0x80) /* as PTRACE_O_TRACESYSGOOD marks it */

enum { BEFORE, AFTER };

static struct {
    int when;
    long nth;
    const char *arm;
    const char *told;
    pid_t watched;
    bool is_armed;
    bool is_same; /* a read right behind a read, which nothing lies between */
    long calls;
} plan;

/* What fails here fails because the thread is gone, which its own wait() tells. */
static void go_on(pid_t thread, int signal)
{
    (void)ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(long)signal);
}

static bool is_armed(void)
{
    plan.is_armed = plan.is_armed || (plan.arm[0] != '-' && access(plan.arm, F_OK) == 0);
    return plan.is_armed;
}

static void end_it(unsigned long long call)
{
    int fd = open(plan.told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    (void)dprintf(fd, "call %llu\n", call);
    (void)close(fd);
    (void)kill(plan.watched, SIGKILL);
}

/* A thread stands at the entry of a call, or at its end. */
static void note_call(pid_t thread, unsigned long long *last)
{
    struct ptrace_syscall_info info = { 0 };

    if (ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) {
        return;
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        plan.is_same = info.entry.nr == SYS_pread64 && *last == SYS_pread64;
        *last = info.entry.nr;
    }
    if (info.op == (plan.when == BEFORE ? PTRACE_SYSCALL_INFO_ENTRY : PTRACE_SYSCALL_INFO_EXIT) &&
        is_armed() && !plan.is_same && ++plan.calls == plan.nth) {
        end_it(*last);
    }
}

static void watch(void)
{
    unsigned long long last = 0; /* the call that was entered last, by any thread */
    pid_t thread;
    int status;

    while ((thread = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        int event = thread > 0 ? status >> 16 : 0;

        if (thread <= 0 || !WIFSTOPPED(status)) {
            continue;
        }
        if (WSTOPSIG(status) == CALL_STOP) {
            note_call(thread, &last);
            go_on(thread, 0);
        } else if (event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP) {
            (void)ptrace(PTRACE_LISTEN, thread, NULL, NULL); /* it was told to stand still */
        } else {
            plan.is_armed = plan.is_armed || (event == PTRACE_EVENT_EXEC && plan.arm[0] == '-');
            go_on(thread, event != 0 ? 0 : WSTOPSIG(status));
        }
    }
}

/* The child: take hold of the parent, let it begin, watch it to its end. */
static _Noreturn void be_watcher(int go)
{
    const unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    bool may = ptrace(PTRACE_SEIZE, plan.watched, NULL, (void *)options) == 0 &&
               ptrace(PTRACE_INTERRUPT, plan.watched, NULL, NULL) == 0;

    (void)!write(go, may ? "y" : "n", 1);
    (void)close(go);
    if (may) {
        watch();
    }
    _exit(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
    int go[2];
    char may = 'n';
    pid_t child;

    if (argc < 6 || (strcmp(argv[1], "before") != 0 && strcmp(argv[1], "after") != 0) ||
        pipe2(go, O_CLOEXEC) != 0) {
        (void)fputs("usage: stepper before|after NTH ARM TOLD COMMAND...\n", stderr);
        return USAGE;
    }
    plan.when = strcmp(argv[1], "before") == 0 ? BEFORE : AFTER;
    plan.nth = strtol(argv[2], NULL, 10);
    plan.arm = argv[3];
    plan.told = argv[4];
    plan.watched = getpid();
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* fails where nobody needs it */
    child = fork();
    if (child == 0) {
        be_watcher(go[1]);
    }
    (void)close(go[1]);
    if (child < 0 || read(go[0], &may, 1) != 1 || may != 'y') {
        (void)fputs("stepper: one process may not watch another here\n", stderr);
        return SKIPPED;
    }
    (void)execvp(argv[5], argv + 5);
    perror(argv[5]);
    return USAGE;
}
