/* LD_PRELOAD: counts the calls by which a process changes files, and at the n-th one kills the process or fails.

   FAULT_AT     which call (from 1); 0 counts only
   FAULT_WITH   "kill", or an errno: "ENOSPC", "EIO", "EDQUOT"
   FAULT_UNDER  only calls on paths that contain this (opens, renames, unlinks) or on files so opened
   FAULT_COUNT  file to which each process adds a line with the number of its calls when it ends
   A failing write first writes half of its bytes, as a full disk does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static long calls, fault_at = -1;
static int fault_errno, fault_kill;
static const char *under;

static void start(void) {
    if (fault_at >= 0) return;
    const char *at = getenv("FAULT_AT"), *with = getenv("FAULT_WITH");
    under = getenv("FAULT_UNDER");
    fault_kill = with && !strcmp(with, "kill");
    fault_errno = !with ? EIO : !strcmp(with, "ENOSPC") ? ENOSPC : !strcmp(with, "EDQUOT") ? EDQUOT : EIO;
    fault_at = at ? atol(at) : 0;
}

static int ours(const char *path) { return !under || (path && strstr(path, under)); }

static int ours_fd(int fd) {
    char link[64], path[4096];
    if (!under) return 1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return ours(path);
}

/* 1: fail this call */
static int due(int is_ours) {
    start();
    if (!is_ours) return 0;
    long call = __sync_add_and_fetch(&calls, 1);
    if (call != fault_at) return 0;
    if (fault_kill) { kill(getpid(), SIGKILL); pause(); }
    errno = fault_errno;
    return 1;
}

__attribute__((destructor)) static void finish(void) {
    const char *path = getenv("FAULT_COUNT");
    if (!path) return;
    FILE *file = fopen(path, "a");
    if (file) { fprintf(file, "%ld\n", calls); fclose(file); }
}

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    if (fd > 2 && due(ours_fd(fd))) { if (size > 1) REAL(write)(fd, data, size / 2); errno = fault_errno; return -1; }
    return REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    if (due(ours_fd(fd))) { if (size > 1) REAL(pwrite)(fd, data, size / 2, at); errno = fault_errno; return -1; }
    return REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return pwrite(fd, data, size, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (fd > 2 && due(ours_fd(fd))) { if (count > 1) REAL(writev)(fd, parts, count / 2); errno = fault_errno; return -1; }
    return REAL(writev)(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    if (due(ours_fd(fd))) { if (count > 1) REAL(pwritev)(fd, parts, count / 2, at); errno = fault_errno; return -1; }
    return REAL(pwritev)(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return pwritev(fd, parts, count, at); }
int fsync(int fd) { return due(ours_fd(fd)) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return due(ours_fd(fd)) ? -1 : REAL(fdatasync)(fd); }
int msync(void *at, size_t size, int flags) { return due(!under) ? -1 : REAL(msync)(at, size, flags); }
int ftruncate(int fd, off_t size) { return due(ours_fd(fd)) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
int rename(const char *from, const char *to) { return due(ours(to)) ? -1 : REAL(rename)(from, to); }
int renameat(int a, const char *from, int b, const char *to) { return due(ours(to)) ? -1 : REAL(renameat)(a, from, b, to); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    return due(ours(to)) ? -1 : REAL(renameat2)(a, from, b, to, flags);
}
int unlink(const char *path) { return due(ours(path)) ? -1 : REAL(unlink)(path); }
int unlinkat(int at, const char *path, int flags) { return due(at == AT_FDCWD ? ours(path) : ours_fd(at)) ? -1 : REAL(unlinkat)(at, path, flags); }
int rmdir(const char *path) { return due(ours(path)) ? -1 : REAL(rmdir)(path); }
int mkdir(const char *path, mode_t mode) { return due(ours(path)) ? -1 : REAL(mkdir)(path, mode); }

static int changing(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT); }
int open(const char *path, int flags, ...) {
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list);
    if (changing(flags) && due(ours(path))) return -1;
    return REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list);
    if (changing(flags) && due(ours(path))) return -1;
    return REAL(open64)(path, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list);
    if (changing(flags) && due(ours(path))) return -1;
    return REAL(openat)(at, path, flags, mode);
}
