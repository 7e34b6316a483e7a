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
#define KEPT_MAX (KEPT_DESCRIPTORS * NET_LISTENERS_MAX)

/* A connection in a kept place. Closed, or another by now, where `inode` differs. */
struct place {
    int listener;
    ino_t inode;
};

static struct {
    pthread_mutex_t lock; /* guards `places`; the bounds are set before anybody connects */
    unsigned first;       /* descriptors from here on are kept places ... */
    unsigned end;         /* ... and from here on the daemon's own; 0: no bound */
    struct place places[KEPT_MAX];
    atomic_uint_fast64_t turned_away;
    int remembered;     /* a listener whose connections may have to be cut; 0: none */
    ino_t *connections; /* of it, by descriptor; 0: none, or another by now */
    unsigned connections_size;
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
    memset(bound.places, 0, sizeof bound.places);
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

/* May the connection of a listener have the kept place that the kernel gave it? */
static bool take_place(int listener, unsigned fd)
{
    uint32_t held = 0;

    (void)pthread_mutex_lock(&bound.lock); /* a plain mutex of our own: cannot fail */
    for (unsigned other = bound.first; other < bound.end; other++) {
        const struct place *place = &bound.places[other - bound.first];

        held += other != fd && place->inode != 0 && place->listener == listener &&
                        place->inode == inode_of(other)
                    ? 1
                    : 0;
    }
    if (held < KEPT_DESCRIPTORS) {
        bound.places[fd - bound.first] = (struct place){ listener, inode_of(fd) };
    }
    (void)pthread_mutex_unlock(&bound.lock);
    return held < KEPT_DESCRIPTORS;
}

static bool is_welcome(int listener, unsigned fd)
{
    return bound.end == 0 || fd < bound.first || (fd < bound.end && take_place(listener, fd));
}

void accept_remember(int listener)
{
    (void)pthread_mutex_lock(&bound.lock); /* a plain mutex of our own: cannot fail */
    bound.remembered = listener;
    (void)pthread_mutex_unlock(&bound.lock);
}

static void remember(int listener, unsigned fd)
{
    (void)pthread_mutex_lock(&bound.lock);
    if (listener == bound.remembered && listener != 0) {
        if (fd >= bound.connections_size) {
            unsigned size = fd * 2 + 64;

            bound.connections =
                trial_memory_again(bound.connections, size * sizeof *bound.connections);
            memset(bound.connections + bound.connections_size,
                   0,
                   (size - bound.connections_size) * sizeof *bound.connections);
            bound.connections_size = size;
        }
        bound.connections[fd] = inode_of(fd);
    }
    (void)pthread_mutex_unlock(&bound.lock);
}

void accept_cut(void)
{
    (void)pthread_mutex_lock(&bound.lock);
    for (unsigned fd = 0; fd < bound.connections_size; fd++) {
        /* Where libzmq closes it between the two and the number is another's, that one's peer
         * connects again. */
        if (bound.connections[fd] != 0 && bound.connections[fd] == inode_of(fd)) {
            (void)shutdown((int)fd, SHUT_RDWR);
        }
        bound.connections[fd] = 0;
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
    if (!is_welcome(listener, (unsigned)fd)) {
        (void)close(fd); /* nothing was said over it */
        (void)atomic_fetch_add(&bound.turned_away, 1);
        errno = ECONNABORTED;
        return -1;
    }
    remember(listener, (unsigned)fd);
    return fd;
}
