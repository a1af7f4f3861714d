/* forgetful_disk: a disk that keeps what was synced, and of the rest whatever it likes. Preloaded into a program
 * (LD_PRELOAD), never part of one. For files with $FORGETFUL_DISK in their path it keeps in the folder
 * $FORGETFUL_DISK_IMAGE, by the last part of their names:
 *   NAME           the file as of its last sync
 *   NAME.unsynced  what was done to it since, in order: { int64 at, int64 size } and the bytes; size -1: cut to `at`
 *   NAME.named     there is one when the folder was synced since the file was made: without it the name may be lost
 *   folders        the folders that were synced, a line each
 * When the program is killed, a test makes of these what a loss of power may leave (forgetful_disk.hpp). Files are told
 * by names alone: whoever renames one, or maps one to write, is not served. Any thread. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preloaded.h"

struct change {
    int64_t at, size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a change and its record, a sync and its copy, are one */

/* The path of an open file of those; 0 for any other. */
static int ours(int fd, char* path) {
    const char* folder = getenv("FORGETFUL_DISK");
    return folder != NULL && path_of_file(fd, path) && strstr(path, folder) != NULL;
}

static int open_image(const char* path, const char* ending, int flags) {
    char image[PATH_MAX * 2];
    const char* slash = strrchr(path, '/');
    snprintf(image, sizeof image, "%s/%s%s", getenv("FORGETFUL_DISK_IMAGE"), slash == NULL ? path : slash + 1, ending);
    return (int)syscall(SYS_openat, AT_FDCWD, image, flags | O_CREAT | O_CLOEXEC, 0600);
}

/* A test must not go on with half a record. */
static void insist(int done) {
    if (!done) abort();
}

static void note(const char* path, struct change change, const void* bytes) {
    const int fd = open_image(path, ".unsynced", O_WRONLY | O_APPEND);
    const struct iovec parts[2] = {{&change, sizeof change}, {(void*)bytes, change.size < 0 ? 0 : (size_t)change.size}};
    insist(fd >= 0 && writev(fd, parts, 2) == (ssize_t)(sizeof change + parts[1].iov_len));
    syscall(SYS_close, fd);
}

/* What was done since the last sync is done to the image, too. */
static void settle(const char* path) {
    const int from = open_image(path, ".unsynced", O_RDWR), to = open_image(path, "", O_RDWR);
    insist(from >= 0 && to >= 0);
    struct change change;
    while (syscall(SYS_read, from, &change, sizeof change) == (long)sizeof change) {
        if (change.size < 0) {
            insist(syscall(SYS_ftruncate, to, change.at) == 0);
            continue;
        }
        char* bytes = malloc((size_t)change.size + 1);
        insist(syscall(SYS_read, from, bytes, change.size) == change.size);
        insist(syscall(SYS_pwrite64, to, bytes, change.size, change.at) == change.size);
        free(bytes);
    }
    insist(syscall(SYS_ftruncate, from, 0) == 0);
    syscall(SYS_close, from);
    syscall(SYS_close, to);
}

/* A folder was synced: the names in it are kept. */
static void keep_names(const char* path) {
    const int folders = open_image("folders", "", O_WRONLY | O_APPEND);
    insist(folders >= 0 && dprintf(folders, "%s\n", path) > 0);
    syscall(SYS_close, folders);
    char inside[PATH_MAX + 2];
    snprintf(inside, sizeof inside, "%s/", path);
    if (strstr(inside, getenv("FORGETFUL_DISK")) == NULL) return;
    DIR* folder = opendir(path);
    for (struct dirent* entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.') syscall(SYS_close, open_image(entry->d_name, ".named", O_WRONLY));
    if (folder != NULL) closedir(folder);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
    char path[PATH_MAX];
    if (!ours(fd, path)) return syscall(SYS_pwrite64, fd, bytes, size, at);
    pthread_mutex_lock(&lock);
    const ssize_t written = syscall(SYS_pwrite64, fd, bytes, size, at);
    if (written > 0) note(path, (struct change){at, written}, bytes);
    pthread_mutex_unlock(&lock);
    return written;
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) { return pwrite64(fd, bytes, size, at); }

ssize_t write(int fd, const void* bytes, size_t size) {
    char path[PATH_MAX];
    if (!ours(fd, path)) return syscall(SYS_write, fd, bytes, size);
    const off_t at = lseek(fd, 0, SEEK_CUR);
    const ssize_t written = pwrite64(fd, bytes, size, at);
    if (written > 0) lseek(fd, at + written, SEEK_SET);
    return written;
}

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    if (!ours(fd, path)) return (int)syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    const int code = (int)syscall(SYS_ftruncate, fd, size);
    if (code == 0) note(path, (struct change){size, -1}, NULL);
    pthread_mutex_unlock(&lock);
    return code;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int sync_file(int fd, long number) {
    char path[PATH_MAX];
    struct stat file;
    const int folder =
        getenv("FORGETFUL_DISK") != NULL && fstat(fd, &file) == 0 && S_ISDIR(file.st_mode) && path_of_file(fd, path);
    const int one = !folder && ours(fd, path);
    if (!folder && !one) return (int)syscall(number, fd);
    pthread_mutex_lock(&lock);
    const int code = (int)syscall(number, fd);
    if (code == 0 && folder) keep_names(path);
    if (code == 0 && one) settle(path);
    pthread_mutex_unlock(&lock);
    return code;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
