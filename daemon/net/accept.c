/* accept.c - how many connections there may be. libzmq 4.3.4 knows no bound: where the process has
 * no descriptor left its ipc listener ends the process (its tcp listener spins), so the last one is
 * never given away. The daemon answers libzmq's accept4() itself, and what is one too many is taken
 * and closed at once: its peer tries again later.
 *
 * The kernel gives the lowest free descriptor. One of number N is therefore given only while all
 * below it are in use, and nothing has to be counted. */
#include "net_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OWN_DESCRIPTORS 16u /* for files that the daemon opens while it runs */
#define KEPT_DESCRIPTORS 8u /* of each endpoint: the others cannot take them */

/* A connection that was taken. Closed, or another by now, where `inode` differs. */
struct connection {
    int listener;
    ino_t inode;
};

static struct {
    pthread_mutex_t lock; /* guards `connections`; the bounds are set before anybody connects */
    unsigned first;       /* descriptors from here on are kept places ... */
    unsigned end;         /* ... and from here on the daemon's own; 0: no bound */
    struct connection *connections; /* by descriptor */
    unsigned connections_size;
    atomic_uint_fast64_t turned_away;
} bound = { .lock = PTHREAD_MUTEX_INITIALIZER };

trial_code accept_bound(uint32_t descriptors, uint32_t listeners, trial_error *err)
{
    uint32_t kept = KEPT_DESCRIPTORS * listeners;
    int lowest = dup(STDERR_FILENO);

    TRIAL_ASSERT(listeners <= NET_LISTENERS_MAX);
    if (lowest >= 0) {
        (void)close(lowest); /* a copy that nobody wrote to */
    }
    if (lowest < 0 || descriptors < (uint32_t)lowest + kept + OWN_DESCRIPTORS) {
        return trial_fail(err,
                          TRIAL_INVALID,
                          "%u open files are too few for connections; allow %u at least "
                          "(LimitNOFILE=, ulimit -n)",
                          descriptors,
                          (lowest < 0 ? descriptors : (uint32_t)lowest) + kept + OWN_DESCRIPTORS);
    }
    bound.end = descriptors - OWN_DESCRIPTORS;
    bound.first = bound.end - kept;
    return TRIAL_OK;
}

uint64_t accept_turned_away(void)
{
    return atomic_load(&bound.turned_away);
}

static ino_t inode_of(unsigned fd)
{
    struct stat seen;

    return fstat((int)fd, &seen) == 0 ? seen.st_ino : 0;
}

static bool is_of(int listener, unsigned fd)
{
    const struct connection *taken = bound.connections + fd;

    return fd < bound.connections_size && taken->inode != 0 && taken->listener == listener &&
           taken->inode == inode_of(fd);
}

/* A listener may have so many of the kept places and no more. */
static bool is_welcome(int listener, unsigned fd)
{
    uint32_t held = 0;

    if (bound.end == 0 || fd < bound.first) {
        return true;
    }
    for (unsigned other = bound.first; other < bound.end; other++) {
        held += other != fd && is_of(listener, other) ? 1 : 0;
    }
    return fd < bound.end && held < KEPT_DESCRIPTORS;
}

static void remember(int listener, unsigned fd)
{
    if (fd >= bound.connections_size) {
        unsigned size = fd * 2 + 64;

        bound.connections = trial_memory_again(bound.connections, size * sizeof *bound.connections);
        memset(bound.connections + bound.connections_size,
               0,
               (size - bound.connections_size) * sizeof *bound.connections);
        bound.connections_size = size;
    }
    bound.connections[fd] = (struct connection){ listener, inode_of(fd) };
}

static bool take(int listener, unsigned fd)
{
    bool is_taken;

    (void)pthread_mutex_lock(&bound.lock); /* a plain mutex of our own: cannot fail */
    is_taken = is_welcome(listener, fd);
    if (is_taken) {
        remember(listener, fd);
    }
    (void)pthread_mutex_unlock(&bound.lock);
    return is_taken;
}

void accept_cut(int listener)
{
    (void)pthread_mutex_lock(&bound.lock);
    for (unsigned fd = 0; fd < bound.connections_size; fd++) {
        /* Where libzmq closes it between the two and the number is another's, that one's peer
         * connects again. */
        if (is_of(listener, fd)) {
            (void)shutdown((int)fd, SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&bound.lock);
}

/* In place of the C library's: the program's own definition stands before a shared library's. */
int accept4(int listener, __SOCKADDR_ARG address, socklen_t *size, int flags)
{
    int fd = (int)syscall(SYS_accept4, listener, address.__sockaddr__, size, flags);

    if (fd < 0) {
        /* libzmq ends the process on what it does not expect, EMFILE and ENOMEM among it. */
        errno = errno == EAGAIN || errno == EINTR ? errno : ECONNABORTED;
        return -1;
    }
    if (!take(listener, (unsigned)fd)) {
        (void)close(fd); /* nothing was said over it */
        (void)atomic_fetch_add(&bound.turned_away, 1);
        errno = ECONNABORTED;
        return -1;
    }
    return fd;
}
