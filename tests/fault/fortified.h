/* Calls that _FORTIFY_SOURCE makes of open and openat where the compiler does not know the flags. Each library that
   stands before open or openat includes this once, so that these calls reach it too. */
#ifndef RETORT_TESTS_FAULT_FORTIFIED_H
#define RETORT_TESTS_FAULT_FORTIFIED_H

#include <fcntl.h>

int __open_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);

int __open_2(const char *path, int flags) {
    return open(path, flags);
}

int __openat_2(int at, const char *path, int flags) {
    return openat(at, path, flags);
}

#endif
