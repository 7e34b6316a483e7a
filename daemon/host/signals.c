/* signals.c - signals as something to read, so that the loop meets them between turns. */
#include "host.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int host_signals_open(trial_error *err)
{
    sigset_t watched;
    int code;
    int fd;

    (void)sigemptyset(&watched); /* these three cannot fail for signals that exist */
    (void)sigaddset(&watched, SIGTERM);
    (void)sigaddset(&watched, SIGINT);
    (void)sigaddset(&watched, SIGHUP);
    code = pthread_sigmask(SIG_BLOCK, &watched, NULL);
    if (code != 0) {
        (void)trial_fail_errno(err, code, "blocking signals");
        return -1;
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) { /* a gone log reader must not end the daemon */
        (void)trial_fail_errno(err, errno, "ignoring SIGPIPE");
        return -1;
    }
    fd = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        (void)trial_fail_errno(err, errno, "waiting for signals");
    }
    return fd;
}

int host_signals_read(int fd)
{
    struct signalfd_siginfo info;
    ssize_t got;

    do {
        got = read(fd, &info, sizeof info);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
