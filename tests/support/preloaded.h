/* preloaded: what the libraries of this folder that are preloaded into a program have in common. Any thread. */
#pragma once
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* The path of an open file, of at most PATH_MAX - 1 bytes; 0 when it has none. */
static inline int path_of_file(int fd, char* path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return 1;
}
