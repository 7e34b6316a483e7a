/* recorder.c - an LD_PRELOAD library that writes down what a program asks of its disk: every write,
 * size, sync, file, directory, rename and removal, in order. From the record a test rebuilds what
 * the disk may hold after a power cut at any of these moments.
 *
 *   RECORDER_UNDER  the directory whose files count, an absolute path
 *   RECORDER_FILE   where the record goes, outside of it; appended to, so that the next process
 *                   that works on the same files goes on with it
 *
 * Calls on those files run one at a time, so that the order is a fact. Writing through a map is not
 * seen: LMDB's lock file is all that triald writes so. */
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_BYTES 4200
#define PIECES_MAX 64

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static int record_fd = -1;

static void begin(void)
{
    (void)pthread_mutex_lock(&one_at_a_time); /* plain mutexes, used in pairs, cannot fail */
}

static void end(void)
{
    int saved = errno;

    (void)pthread_mutex_unlock(&one_at_a_time);
    errno = saved;
}

/* The path below the recorded directory; NULL where it lies elsewhere. */
static const char *below(const char *path)
{
    const char *under = getenv("RECORDER_UNDER");
    size_t size = under == NULL ? 0 : strlen(under);

    if (size == 0 || strncmp(path, under, size) != 0 || path[size] != '/') {
        return NULL;
    }
    return path + size + 1;
}

static bool path_of(int fd, char ret_path[PATH_BYTES])
{
    char link[32];
    ssize_t size;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, ret_path, PATH_BYTES - 1);
    ret_path[size < 0 ? 0 : size] = '\0';
    return size > 0;
}

/* A path as the *at() calls take it. */
static bool path_at(int fd, const char *name, char ret_path[PATH_BYTES])
{
    size_t size;

    if (name[0] == '/' || fd == AT_FDCWD) {
        (void)snprintf(ret_path, PATH_BYTES, "%s", name);
        return true;
    }
    if (!path_of(fd, ret_path)) {
        return false;
    }
    size = strlen(ret_path);
    (void)snprintf(ret_path + size, PATH_BYTES - size, "/%s", name);
    return true;
}

static void write_down(recorder_kind kind,
                       const char *path,
                       const char *other,
                       uint64_t offset,
                       const struct iovec *pieces,
                       int count)
{
    struct iovec all[PIECES_MAX + 3];
    recorder_call call = { .kind = kind, .offset = offset };
    int saved = errno;
    ssize_t size = 0;

    if (record_fd < 0) {
        record_fd = (int)syscall(SYS_openat,
                                 AT_FDCWD,
                                 getenv("RECORDER_FILE"),
                                 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                                 0600);
    }
    call.path_size = (uint32_t)strlen(path);
    call.other_size = other == NULL ? 0 : (uint32_t)strlen(other);
    all[0] = (struct iovec){ &call, sizeof call };
    all[1] = (struct iovec){ (void *)(uintptr_t)path, call.path_size };
    all[2] = (struct iovec){ (void *)(uintptr_t)other, call.other_size };
    for (int i = 0; i < count; i++) {
        all[i + 3] = pieces[i];
        call.size += (uint32_t)pieces[i].iov_len;
    }
    for (int i = 0; i < count + 3; i++) {
        size += (ssize_t)all[i].iov_len;
    }
    if (syscall(SYS_writev, record_fd, all, count + 3) != size) {
        abort(); /* a record with a hole shows nothing */
    }
    errno = saved;
}

/* The first `size` bytes of the pieces, which is what was written of them. */
static int cut(struct iovec *pieces, int count, size_t size)
{
    int used = 0;

    while (used < count && size > 0) {
        if (pieces[used].iov_len > size) {
            pieces[used].iov_len = size;
        }
        size -= pieces[used++].iov_len;
    }
    return used;
}

static ssize_t write_at(int fd, const struct iovec *pieces, int count, off_t offset)
{
    struct iovec written[PIECES_MAX];
    char path[PATH_BYTES];
    const char *name = NULL;
    ssize_t size;

    if (count > PIECES_MAX) {
        count = PIECES_MAX; /* as if the kernel had taken no more */
    }
    if (path_of(fd, path)) {
        name = below(path);
    }
    if (name == NULL) {
        return syscall(SYS_pwritev, fd, pieces, count, offset, 0L);
    }
    begin();
    size = syscall(SYS_pwritev, fd, pieces, count, offset, 0L);
    if (size > 0) {
        memcpy(written, pieces, (size_t)count * sizeof *pieces);
        count = cut(written, count, (size_t)size);
        write_down(RECORDER_WRITE, name, NULL, (uint64_t)offset, written, count);
        if ((fcntl(fd, F_GETFL) & O_DSYNC) != 0) {
            write_down(RECORDER_SYNC_WRITE, name, NULL, (uint64_t)offset, NULL, 0);
        }
    }
    end();
    return size;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    struct iovec piece = { (void *)(uintptr_t)bytes, size };

    return write_at(fd, &piece, 1, offset);
}

/* Whether a descriptor is recorded and where it stands; -1: it is not, or has no place to stand. */
static off_t place_of(int fd)
{
    char path[PATH_BYTES];
    int saved = errno;
    off_t place = -1;

    if (path_of(fd, path) && below(path) != NULL) {
        place =
            (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    }
    errno = saved;
    return place;
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    off_t place = place_of(fd);
    ssize_t size;

    if (place < 0) {
        return syscall(SYS_writev, fd, pieces, count);
    }
    size = write_at(fd, pieces, count, place);
    if (size > 0) {
        (void)lseek(fd, place + size, SEEK_SET);
    }
    return size;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    struct iovec piece = { (void *)(uintptr_t)bytes, size };

    return place_of(fd) < 0 ? syscall(SYS_write, fd, bytes, size) : writev(fd, &piece, 1);
}

static int sync_file(int fd, long number, recorder_kind kind)
{
    char path[PATH_BYTES];
    const char *under = getenv("RECORDER_UNDER");
    const char *name = NULL;
    int status;

    if (path_of(fd, path)) {
        name = under != NULL && strcmp(path, under) == 0 ? "" : below(path);
    }
    if (name == NULL) {
        return (int)syscall(number, fd);
    }
    begin();
    status = (int)syscall(number, fd);
    if (status == 0) {
        write_down(kind, name, NULL, 0, NULL, 0);
    }
    end();
    return status;
}

int fsync(int fd)
{
    return sync_file(fd, SYS_fsync, RECORDER_SYNC);
}

int fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync, RECORDER_SYNC_DATA);
}

static void size_changed(int fd)
{
    char path[PATH_BYTES];
    struct stat facts;

    if (path_of(fd, path) && below(path) != NULL && fstat(fd, &facts) == 0) {
        write_down(RECORDER_SIZE, below(path), NULL, (uint64_t)facts.st_size, NULL, 0);
    }
}

int ftruncate(int fd, off_t size)
{
    int status;

    begin();
    status = (int)syscall(SYS_ftruncate, fd, size);
    if (status == 0) {
        size_changed(fd);
    }
    end();
    return status;
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    int status;

    begin();
    status = (int)syscall(SYS_fallocate, fd, mode, offset, size);
    if (status == 0) {
        size_changed(fd);
    }
    end();
    return status;
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    int saved = errno;
    int error = fallocate(fd, 0, offset, size) == 0 ? 0 : errno;

    errno = saved;
    return error;
}

int rename(const char *from, const char *to)
{
    int status;

    begin();
    status = (int)syscall(SYS_rename, from, to);
    if (status == 0 && below(from) != NULL && below(to) != NULL) {
        write_down(RECORDER_RENAME, below(from), below(to), 0, NULL, 0);
    }
    end();
    return status;
}

int mkdir(const char *path, mode_t mode)
{
    int status;

    begin();
    status = (int)syscall(SYS_mkdir, path, mode);
    if (status == 0 && below(path) != NULL) {
        write_down(RECORDER_MAKE_DIRECTORY, below(path), NULL, 0, NULL, 0);
    }
    end();
    return status;
}

int unlinkat(int fd, const char *name, int flags)
{
    char path[PATH_BYTES];
    bool is_known = path_at(fd, name, path);
    int status;

    begin();
    status = (int)syscall(SYS_unlinkat, fd, name, flags);
    if (status == 0 && is_known && below(path) != NULL) {
        write_down(RECORDER_REMOVE, below(path), NULL, 0, NULL, 0);
    }
    end();
    return status;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

static int open_at(int at, const char *name, int flags, mode_t mode)
{
    char path[PATH_BYTES];
    bool counts =
        (flags & (O_CREAT | O_TRUNC)) != 0 && path_at(at, name, path) && below(path) != NULL;
    bool was_there;
    int fd;

    if (!counts) {
        return (int)syscall(SYS_openat, at, name, flags, mode);
    }
    begin();
    was_there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
    fd = (int)syscall(SYS_openat, at, name, flags, mode);
    if (fd >= 0 && !was_there) {
        write_down(RECORDER_MAKE, below(path), NULL, 0, NULL, 0);
    } else if (fd >= 0 && (flags & O_TRUNC) != 0) {
        write_down(RECORDER_SIZE, below(path), NULL, 0, NULL, 0);
    }
    end();
    return fd;
}

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_at(at, path, flags, mode);
}
