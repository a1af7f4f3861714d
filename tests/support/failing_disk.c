/* failing_disk: a disk that fails when a test says so. Preloaded into a program (LD_PRELOAD), never part of one: it
 * stands between the program and the C library for files with $FAILING_DISK in their path, and obeys the file
 * $FAILING_DISK_ORDERS there is at the time, a line each: OPERATION ENDING EFFECT
 *   OPERATION  write (also makes a file longer or shorter), sync, read, open (for writing)
 *   ENDING     of the file's name, such as "cast.db-wal"; "*" is any
 *   EFFECT     ENOSPC, EIO, EROFS: fails so; slow:N: takes N ms more;
 *              lose (of sync): fails with EIO, and what was written since the last sync is gone from the file, which
 *              is what a kernel may do with pages that it could not write
 * Any thread. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preloaded.h"

struct change { /* what a write replaced */
    struct change* before;
    off_t at, file_size;
    size_t size;
    char file[NAME_MAX + 1]; /* the last part of its path */
    char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct change* unsynced;

static const char* last_part(const char* path) {
    const char* slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static int ours(const char* path) {
    const char* folder = getenv("FAILING_DISK");
    return folder != NULL && strstr(path, folder) != NULL;
}

/* The path of an open file of those; 0 for any other. */
static int path_of(int fd, char* path) { return path_of_file(fd, path) && ours(path); }

/* What is ordered for this operation on this file: an errno, -1 for "lose", 0 for nothing. Takes its time. */
static int ordered(const char* operation, const char* path) {
    char text[1024], op[16], ending[64], effect[32];
    const char* orders = getenv("FAILING_DISK_ORDERS");
    const int fd = orders == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, orders, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    const long size = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    text[size < 0 ? 0 : size] = 0;
    int result = 0;
    char* rest = NULL;
    for (char* line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "%15s %63s %31s", op, ending, effect) != 3 || strcmp(op, operation) != 0) continue;
        const size_t length = strlen(ending), whole = strlen(path);
        if (strcmp(ending, "*") != 0 && (whole < length || strcmp(path + whole - length, ending) != 0)) continue;
        if (strncmp(effect, "slow:", 5) == 0) {
            const long ms = atol(effect + 5);
            const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
            nanosleep(&time, NULL);
        } else {
            result = strcmp(effect, "ENOSPC") == 0  ? ENOSPC
                     : strcmp(effect, "EROFS") == 0 ? EROFS
                     : strcmp(effect, "lose") == 0  ? -1
                                                    : EIO;
        }
    }
    return result;
}

static void remember(int fd, const char* path, off_t at, size_t size) {
    struct stat now;
    if (fstat(fd, &now) != 0) return;
    struct change* change = malloc(sizeof *change + size);
    change->at = at;
    change->file_size = now.st_size;
    const long old = syscall(SYS_pread64, fd, change->bytes, size, at);
    change->size = old < 0 ? 0 : (size_t)old;
    strncpy(change->file, last_part(path), sizeof change->file - 1);
    change->file[sizeof change->file - 1] = 0;
    pthread_mutex_lock(&lock);
    change->before = unsynced;
    unsynced = change;
    pthread_mutex_unlock(&lock);
}

/* Forgets what was written to the file since its last sync; `undo`: the file does, too. */
static void settle(int fd, const char* path, int undo) {
    pthread_mutex_lock(&lock);
    for (struct change** at = &unsynced; *at != NULL;) {
        struct change* change = *at;
        if (strcmp(change->file, last_part(path)) != 0) {
            at = &change->before;
            continue;
        }
        if (undo && change->size > 0) syscall(SYS_pwrite64, fd, change->bytes, change->size, change->at);
        if (undo) syscall(SYS_ftruncate, fd, change->file_size);
        *at = change->before;
        free(change);
    }
    pthread_mutex_unlock(&lock);
}

static long fail(int error) {
    errno = error < 0 ? EIO : error;
    return -1;
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
    char path[PATH_MAX];
    if (path_of(fd, path)) {
        const int error = ordered("write", path);
        if (error != 0) return fail(error);
        remember(fd, path, at, size);
    }
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) { return pwrite64(fd, bytes, size, at); }

ssize_t write(int fd, const void* bytes, size_t size) {
    char path[PATH_MAX];
    const int error = path_of(fd, path) ? ordered("write", path) : 0;
    return error != 0 ? fail(error) : syscall(SYS_write, fd, bytes, size);
}

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    const int error = path_of(fd, path) ? ordered("write", path) : 0;
    return error != 0 ? (int)fail(error) : (int)syscall(SYS_ftruncate, fd, size);
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

ssize_t pread64(int fd, void* bytes, size_t size, off64_t at) {
    char path[PATH_MAX];
    const int error = path_of(fd, path) ? ordered("read", path) : 0;
    return error != 0 ? fail(error) : syscall(SYS_pread64, fd, bytes, size, at);
}
ssize_t pread(int fd, void* bytes, size_t size, off_t at) { return pread64(fd, bytes, size, at); }

static int sync_file(int fd, long number) {
    char path[PATH_MAX];
    if (path_of(fd, path)) {
        const int error = ordered("sync", path);
        if (error < 0 || error == 0) settle(fd, path, error < 0);
        if (error != 0) return (int)fail(error);
    }
    return (int)syscall(number, fd);
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

static int open_file(const char* path, int flags, unsigned mode) {
    const int error = (flags & O_ACCMODE) != O_RDONLY && ours(path) ? ordered("open", path) : 0;
    return error != 0 ? (int)fail(error) : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, unsigned) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}
int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, unsigned) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}
