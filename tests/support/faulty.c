/* faulty.c - a library to preload: the nth call of a kind fails, as the environment says, in a
 * program that knows nothing of it.
 *
 *   FAULTY_CALL   write meta sync fsync truncate allocate open map rename read memory thread; or
 * several FAULTY_NTH    which of those calls, from 1; without it none fails FAULTY_COUNT  how many
 * from there on (1) FAULTY_ERRNO  what errno says (5, EIO) FAULTY_HOW    fail: nothing is done;
 * done: it is done, then fails; torn: half of it is written, then fails; short: half of it is
 * written, and that is the answer; kill: nothing is done, the process is killed; pass: it is done,
 * and only told FAULTY_UNDER  only files below this path; without it any file FAULTY_MATCH  only
 * files whose path ends so FAULTY_ARM    calls count from the moment this file exists; without it
 * from the start FAULTY_TOLD   a file that takes one line, once the nth call was reached; of
 * `memory` it names the library or program that asked FAULTY_MAGIC  what fstatfs() says the file
 * system is FAULTY_CLOCK  a file of 8 or 16 bytes: seconds the clock of the day is off by, and the
 * coarse monotonic one, by which the store knows how old a snapshot is; read on each call
 * FAULTY_USERS  a pipe's path: where it is there, who a user is is said when somebody has opened
 * and closed it
 *
 * A write to a descriptor opened O_DSYNC is `meta`: LMDB writes its meta pages so. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 4200
#define PIECES_MAX 64

static struct {
    atomic_int is_ready; /* 0: not yet, 1: one thread reads the environment, 2: ready */
    atomic_bool is_armed;
    atomic_int calls;
    const char *call;
    const char *how;
    const char *under;
    const char *match;
    const char *arm;
    const char *told;
    int nth;
    int count;
    int error;
    long magic;
    const int64_t *clock_off;
} plan;

/* Who asks this thread for memory: a place in the program or a library. */
static _Thread_local const void *asked_by __attribute__((tls_model("initial-exec")));

static int number_of(const char *name, int otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (int)strtol(text, NULL, 0);
}

static void read_clock_file(void)
{
    const char *path = getenv("FAULTY_CLOCK");
    void *at;
    int fd;

    if (path == NULL) {
        return;
    }
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    at = fd < 0
             ? MAP_FAILED
             : (void *)syscall(SYS_mmap, NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0L);
    if (at != MAP_FAILED) {
        plan.clock_off = at;
    }
}

static void read_plan(void)
{
    int expected = 0;

    if (!atomic_compare_exchange_strong(&plan.is_ready, &expected, 1)) {
        return; /* another thread reads it, or it was read */
    }
    plan.call = getenv("FAULTY_CALL");
    plan.how = getenv("FAULTY_HOW");
    plan.under = getenv("FAULTY_UNDER");
    plan.match = getenv("FAULTY_MATCH");
    plan.arm = getenv("FAULTY_ARM");
    plan.told = getenv("FAULTY_TOLD");
    plan.nth = number_of("FAULTY_NTH", 0);
    plan.count = number_of("FAULTY_COUNT", 1);
    plan.error = number_of("FAULTY_ERRNO", EIO);
    plan.magic = number_of("FAULTY_MAGIC", 0);
    plan.how = plan.how == NULL ? "fail" : plan.how;
    read_clock_file();
    atomic_store(&plan.is_ready, 2);
}

static bool how_is(const char *word)
{
    return strcmp(plan.how, word) == 0;
}

static bool is_armed(void)
{
    if (plan.arm == NULL || atomic_load(&plan.is_armed)) {
        return true;
    }
    if (syscall(SYS_faccessat, AT_FDCWD, plan.arm, F_OK) != 0) {
        return false;
    }
    atomic_store(&plan.is_armed, true);
    return true;
}

static void tell(void)
{
    if (plan.told != NULL) {
        int fd = (int)syscall(
            SYS_openat, AT_FDCWD, plan.told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        Dl_info asked;

        if (asked_by != NULL && dladdr(asked_by, &asked) != 0 && asked.dli_fname != NULL) {
            (void)!write(fd, asked.dli_fname, strlen(asked.dli_fname));
            (void)!write(fd, " ", 1);
        }
        (void)!write(fd, "reached\n", 8);
        (void)syscall(SYS_close, fd);
    }
}

/* Is the call one of the words? */
static bool names(const char *words, const char *call)
{
    size_t size = strlen(call);

    for (const char *at = strstr(words, call); at != NULL; at = strstr(at + 1, call)) {
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool counts(const char *call)
{
    int saved = errno;
    bool is_meant;

    read_plan();
    is_meant = atomic_load(&plan.is_ready) == 2 && plan.nth > 0 && plan.call != NULL &&
               names(plan.call, call) && is_armed();
    errno = saved;
    return is_meant;
}

/* One more call of the kind that is meant: is it to fail? */
static bool is_hit(void)
{
    int call = atomic_fetch_add(&plan.calls, 1) + 1;

    if (call == plan.nth) {
        int saved = errno;

        tell();
        if (how_is("kill")) {
            (void)kill(getpid(), SIGKILL);
        }
        errno = saved;
    }
    return call >= plan.nth && call - plan.nth < plan.count && !how_is("pass");
}

static bool path_counts(const char *path)
{
    size_t size = strlen(path);
    size_t end = plan.match == NULL ? 0 : strlen(plan.match);

    return (plan.under == NULL || strncmp(path, plan.under, strlen(plan.under)) == 0) &&
           (size >= end && (end == 0 || strcmp(path + size - end, plan.match) == 0));
}

static bool path_fails(const char *call, const char *path)
{
    return counts(call) && path_counts(path) && is_hit();
}

static bool fd_fails(const char *call, int fd)
{
    char link[32] = "/proc/self/fd/";
    char path[PATH_BYTES];
    char digits[12];
    int saved = errno;
    size_t at = strlen(link);
    size_t count = 0;
    ssize_t size;

    if (fd < 0 || !counts(call)) {
        return false;
    }
    do {
        digits[count++] = (char)('0' + fd % 10);
        fd /= 10;
    } while (fd > 0);
    while (count > 0) {
        link[at++] = digits[--count];
    }
    link[at] = '\0';
    size = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (size < 0) {
        return false;
    }
    path[size] = '\0';
    return path_counts(path) && is_hit();
}

/* The real one. dlsym() gives an object pointer; POSIX says that it can be called. */
static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL) {
        abort();
    }
    return found;
}

#define REAL(name) (*(__typeof__(&name) *)&(void *){ real(#name) })

static const char *write_kind(int fd)
{
    int saved = errno;
    int flags = fcntl(fd, F_GETFL);

    errno = saved;
    return flags >= 0 && (flags & O_DSYNC) != 0 ? "meta" : "write";
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    if (!fd_fails(write_kind(fd), fd)) {
        return REAL(pwrite)(fd, bytes, size, offset);
    }
    if (how_is("short")) {
        return REAL(pwrite)(fd, bytes, size / 2, offset);
    }
    if (how_is("torn") || how_is("done")) {
        (void)!REAL(pwrite)(fd, bytes, how_is("done") ? size : size / 2, offset);
    }
    errno = plan.error;
    return -1;
}

/* The pieces up to half of all bytes, the last of them cut. */
static int half_of(const struct iovec *pieces, int count, struct iovec ret_half[PIECES_MAX])
{
    size_t size = 0;
    int i;

    for (i = 0; i < count; i++) {
        size += pieces[i].iov_len;
    }
    size /= 2;
    for (i = 0; i < count && i < PIECES_MAX && size > 0; i++) {
        ret_half[i] = pieces[i];
        if (ret_half[i].iov_len > size) {
            ret_half[i].iov_len = size;
        }
        size -= ret_half[i].iov_len;
    }
    return i;
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    struct iovec half[PIECES_MAX];

    if (!fd_fails(write_kind(fd), fd)) {
        return REAL(writev)(fd, pieces, count);
    }
    if (how_is("short")) {
        return REAL(writev)(fd, half, half_of(pieces, count, half));
    }
    if (how_is("done")) {
        (void)!REAL(writev)(fd, pieces, count);
    } else if (how_is("torn")) {
        (void)!REAL(writev)(fd, half, half_of(pieces, count, half));
    }
    errno = plan.error;
    return -1;
}

static int say_failed(void)
{
    errno = plan.error;
    return -1;
}

int fdatasync(int fd)
{
    if (!fd_fails("sync", fd)) {
        return REAL(fdatasync)(fd);
    }
    if (how_is("done")) {
        (void)REAL(fdatasync)(fd);
    }
    return say_failed();
}

int fsync(int fd)
{
    if (!fd_fails("fsync", fd)) {
        return REAL(fsync)(fd);
    }
    if (how_is("done")) {
        (void)REAL(fsync)(fd);
    }
    return say_failed();
}

int ftruncate(int fd, off_t size)
{
    return fd_fails("truncate", fd) ? say_failed() : REAL(ftruncate)(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    return fd_fails("allocate", fd) ? say_failed() : REAL(fallocate)(fd, mode, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    return fd_fails("allocate", fd) ? plan.error : REAL(posix_fallocate)(fd, offset, size);
}

int rename(const char *from, const char *to)
{
    if (!path_fails("rename", from)) {
        return REAL(rename)(from, to);
    }
    if (how_is("done")) {
        (void)REAL(rename)(from, to);
    }
    return say_failed();
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
    return path_fails("open", path) ? say_failed() : REAL(open)(path, flags, mode);
}

int __open_2(const char *path, int flags); /* what a fortified build calls */
int __open_2(const char *path, int flags)
{
    return path_fails("open", path) ? say_failed() : REAL(open)(path, flags);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fd >= 0 && fd_fails("map", fd)) {
        errno = plan.error;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

ssize_t pread(int fd, void *ret_bytes, size_t size, off_t offset)
{
    if (!fd_fails("read", fd)) {
        return REAL(pread)(fd, ret_bytes, size, offset);
    }
    return how_is("short") ? REAL(pread)(fd, ret_bytes, size / 2, offset) : say_failed();
}

int pthread_create(pthread_t *ret_thread,
                   const pthread_attr_t *attributes,
                   void *(*run)(void *),
                   void *context)
{
    return counts("thread") && is_hit()
               ? EAGAIN
               : REAL(pthread_create)(ret_thread, attributes, run, context);
}

int getpwnam_r(
    const char *name, struct passwd *ret_user, char *room, size_t size, struct passwd **ret_found)
{
    const char *path = getenv("FAULTY_USERS");
    int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    char byte;

    if (fd >= 0) {
        (void)!read(fd, &byte, 1);
        (void)syscall(SYS_close, fd);
    }
    return REAL(getpwnam_r)(name, ret_user, room, size, ret_found);
}

int fstatfs(int fd, struct statfs *ret_facts)
{
    int status = REAL(fstatfs)(fd, ret_facts);

    read_plan();
    if (plan.magic != 0) {
        ret_facts->f_type = plan.magic & 0xffffffffL;
    }
    return status;
}

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    long status = syscall(SYS_clock_gettime, clock, ret_now);

    read_plan();
    if (status == 0 && plan.clock_off != NULL &&
        (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        ret_now->tv_sec += (time_t)plan.clock_off[0];
    }
    if (status == 0 && plan.clock_off != NULL && clock == CLOCK_MONOTONIC_COARSE) {
        ret_now->tv_sec += (time_t)plan.clock_off[1];
    }
    return (int)status;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    ret_now->tv_sec = now.tv_sec;
    ret_now->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret_now)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now != NULL) {
        *ret_now = now.tv_sec;
    }
    return now.tv_sec;
}

/* Memory. glibc exports its own allocator beside the names that programs call, so no dlsym() is
 * needed, which asks for memory itself. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool memory_fails(const void *caller)
{
    asked_by = caller;
    if (!counts("memory") || !is_hit()) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_at, size_t alignment, size_t size)
{
    void *at = memory_fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);

    if (at == NULL) {
        return ENOMEM;
    }
    *ret_at = at;
    return 0;
}
