/* Lets one file operation below a folder fail, or ends the process before it: a library for LD_PRELOAD.
 *
 * Nothing is counted until inject_from() is called, which a test does in the process that it is about. An operation is
 * a call by which a file or folder below the folder is opened, read, written, looked at, flushed or changed; several
 * libraries of one process (Python, Polars, DuckDB, PyArrow) all come by here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITES = 1, READS = 2, LOOKS = 4 };

static char folder[PATH_MAX];
static size_t folder_length;
static long first_failing, last_failing;
static int failure; /* an errno; or, below zero, a signal */
static int kinds;
static int log_to = -1;
static atomic_long operations;
static atomic_int is_on;

void inject_from(const char *below, long first, long last, int what, int which, int log)
{
    strncpy(folder, below, PATH_MAX - 1);
    folder_length = strlen(folder);
    first_failing = first, last_failing = last, failure = what, kinds = which, log_to = log;
    atomic_store(&operations, 0);
    atomic_store(&is_on, 1);
}

long inject_count(void) { return atomic_load(&operations); }

void inject_stop(void) { atomic_store(&is_on, 0); }

#define NEXT(name) static __typeof__(&name) next; if (!next) next = dlsym(RTLD_NEXT, #name)

static int is_below(const char *path)
{
    return strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || path[folder_length] == 0);
}

static int named_by(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0 && is_below(path);
}

static int resolves_below(int at, const char *name, char *path)
{
    if (!name || !atomic_load(&is_on)) return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return is_below(path);
    }
    char base[PATH_MAX];
    if (at == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        named_by(at, base);
    }
    return snprintf(path, PATH_MAX, "%s/%s", base, name) < PATH_MAX && is_below(path);
}

/* Counts an operation and returns whether it fails, with errno set. */
static int fails(enum kind kind, const char *what, const char *path)
{
    if (!(kinds & kind)) return 0;
    long number = atomic_fetch_add(&operations, 1) + 1;
    int is_hit = number >= first_failing && number <= last_failing;
    if (log_to >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%d%s %s %s\n", kind, is_hit ? " !" : "", what, path);
        NEXT(write);
        (void)!next(log_to, line, length);
    }
    if (!is_hit) return 0;
    if (failure < 0) {
        kill(getpid(), -failure);
        while (failure == -SIGKILL) pause();
        return 0;
    }
    errno = failure;
    return 1;
}

static int fails_at(enum kind kind, const char *what, int at, const char *name)
{
    char path[PATH_MAX];
    return resolves_below(at, name, path) && fails(kind, what, path);
}

static int fails_on(enum kind kind, const char *what, int fd)
{
    char path[PATH_MAX];
    return atomic_load(&is_on) && (kinds & kind) && fd != log_to && named_by(fd, path) && fails(kind, what, path);
}

static enum kind of_opening(int flags)
{
    return flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) ? WRITES : READS;
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                                              \
    int name(const char *path, int flags, ...)                                  \
    {                                                                           \
        NEXT(name);                                                             \
        va_list rest;                                                           \
        va_start(rest, flags);                                                  \
        mode_t mode = mode_of(flags, rest);                                     \
        va_end(rest);                                                           \
        return fails_at(of_opening(flags), "open", AT_FDCWD, path) ? -1 : next(path, flags, mode); \
    }
#define OPENAT(name)                                                            \
    int name(int at, const char *path, int flags, ...)                          \
    {                                                                           \
        NEXT(name);                                                             \
        va_list rest;                                                           \
        va_start(rest, flags);                                                  \
        mode_t mode = mode_of(flags, rest);                                     \
        va_end(rest);                                                           \
        return fails_at(of_opening(flags), "open", at, path) ? -1 : next(at, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                             \
    FILE *name(const char *path, const char *mode)                              \
    {                                                                           \
        NEXT(name);                                                             \
        enum kind kind = strpbrk(mode, "wa+") ? WRITES : READS;                 \
        return fails_at(kind, "fopen", AT_FDCWD, path) ? NULL : next(path, mode); \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define ON_FD(type, name, kind, parameters, arguments)                          \
    type name parameters                                                        \
    {                                                                           \
        NEXT(name);                                                             \
        return fails_on(kind, #name, fd) ? -1 : next arguments;                 \
    }
ON_FD(ssize_t, read, READS, (int fd, void *data, size_t size), (fd, data, size))
ON_FD(ssize_t, pread, READS, (int fd, void *data, size_t size, off_t from), (fd, data, size, from))
ON_FD(ssize_t, pread64, READS, (int fd, void *data, size_t size, off64_t from), (fd, data, size, from))
ON_FD(ssize_t, readv, READS, (int fd, const struct iovec *parts, int number), (fd, parts, number))
ON_FD(ssize_t, write, WRITES, (int fd, const void *data, size_t size), (fd, data, size))
ON_FD(ssize_t, pwrite, WRITES, (int fd, const void *data, size_t size, off_t to), (fd, data, size, to))
ON_FD(ssize_t, pwrite64, WRITES, (int fd, const void *data, size_t size, off64_t to), (fd, data, size, to))
ON_FD(ssize_t, writev, WRITES, (int fd, const struct iovec *parts, int number), (fd, parts, number))
ON_FD(int, fsync, WRITES, (int fd), (fd))
ON_FD(int, fdatasync, WRITES, (int fd), (fd))
ON_FD(int, ftruncate, WRITES, (int fd, off_t size), (fd, size))
ON_FD(int, ftruncate64, WRITES, (int fd, off64_t size), (fd, size))
ON_FD(int, fchmod, WRITES, (int fd, mode_t mode), (fd, mode))
ON_FD(int, fallocate, WRITES, (int fd, int mode, off_t from, off_t size), (fd, mode, from, size))
ON_FD(int, fstat, LOOKS, (int fd, struct stat *found), (fd, found))
ON_FD(int, fstat64, LOOKS, (int fd, struct stat64 *found), (fd, found))

#define MAP(name, offset)                                                       \
    void *name(void *at, size_t size, int access, int flags, int fd, offset from) \
    {                                                                           \
        NEXT(name);                                                             \
        return fd >= 0 && fails_on(READS, "mmap", fd) ? MAP_FAILED : next(at, size, access, flags, fd, from); \
    }
MAP(mmap, off_t)
MAP(mmap64, off64_t)

#define ON_PATH(name, kind, parameters, at, path, arguments)                    \
    int name parameters                                                         \
    {                                                                           \
        NEXT(name);                                                             \
        return fails_at(kind, #name, at, path) ? -1 : next arguments;           \
    }
ON_PATH(mkdir, WRITES, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
ON_PATH(mkdirat, WRITES, (int at, const char *path, mode_t mode), at, path, (at, path, mode))
ON_PATH(rmdir, WRITES, (const char *path), AT_FDCWD, path, (path))
ON_PATH(unlink, WRITES, (const char *path), AT_FDCWD, path, (path))
ON_PATH(unlinkat, WRITES, (int at, const char *path, int flags), at, path, (at, path, flags))
ON_PATH(truncate, WRITES, (const char *path, off_t size), AT_FDCWD, path, (path, size))
ON_PATH(chmod, WRITES, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
ON_PATH(link, WRITES, (const char *old, const char *path), AT_FDCWD, path, (old, path))
ON_PATH(linkat, WRITES, (int from, const char *old, int at, const char *path, int flags), at, path,
        (from, old, at, path, flags))
ON_PATH(symlink, WRITES, (const char *target, const char *path), AT_FDCWD, path, (target, path))
ON_PATH(rename, WRITES, (const char *old, const char *path), AT_FDCWD, path, (old, path))
ON_PATH(renameat, WRITES, (int from, const char *old, int at, const char *path), at, path, (from, old, at, path))
ON_PATH(renameat2, WRITES, (int from, const char *old, int at, const char *path, unsigned flags), at, path,
        (from, old, at, path, flags))
ON_PATH(stat, LOOKS, (const char *path, struct stat *found), AT_FDCWD, path, (path, found))
ON_PATH(stat64, LOOKS, (const char *path, struct stat64 *found), AT_FDCWD, path, (path, found))
ON_PATH(lstat, LOOKS, (const char *path, struct stat *found), AT_FDCWD, path, (path, found))
ON_PATH(lstat64, LOOKS, (const char *path, struct stat64 *found), AT_FDCWD, path, (path, found))
ON_PATH(fstatat, LOOKS, (int at, const char *path, struct stat *found, int flags), at, path, (at, path, found, flags))
ON_PATH(fstatat64, LOOKS, (int at, const char *path, struct stat64 *found, int flags), at, path,
        (at, path, found, flags))
ON_PATH(statx, LOOKS, (int at, const char *path, int flags, unsigned mask, struct statx *found), at, path,
        (at, path, flags, mask, found))
ON_PATH(access, LOOKS, (const char *path, int mode), AT_FDCWD, path, (path, mode))

DIR *opendir(const char *path)
{
    NEXT(opendir);
    return fails_at(LOOKS, "opendir", AT_FDCWD, path) ? NULL : next(path);
}
