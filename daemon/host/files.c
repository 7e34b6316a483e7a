/* files.c - how many files the process may have open, and when those of a directory change. */
#include "host.h"

#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS_MAX (1u << 20) /* the kernel's own bound, unless it was raised */

uint32_t host_descriptors(void)
{
    struct rlimit limit;
    int status = getrlimit(RLIMIT_NOFILE, &limit);

    TRIAL_ASSERT(status == 0); /* a known limit, and room for it */
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            limit.rlim_cur = before;
        }
    }
    return limit.rlim_cur < DESCRIPTORS_MAX ? (uint32_t)limit.rlim_cur : DESCRIPTORS_MAX;
}

int host_watch_directory(int fd, const char *path)
{
    const uint32_t changes = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

    fd = fd >= 0 ? fd : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd >= 0 && inotify_add_watch(fd, path, changes) < 0) {
        (void)close(fd); /* nobody watched it */
        return -1;
    }
    return fd;
}

void host_watch_drain(int fd)
{
    char told[4096];

    while (read(fd, told, sizeof told) > 0) {
    }
}

host_mark host_mark_of(const char *path)
{
    struct stat seen;

    if (stat(path, &seen) != 0) {
        return (host_mark){ 0 };
    }
    return (host_mark){ seen.st_dev,
                        seen.st_ino,
                        (int64_t)seen.st_ctim.tv_sec * 1000000000 + seen.st_ctim.tv_nsec };
}

bool host_mark_is(const host_mark *a, const host_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->changed_ns == b->changed_ns;
}
