/* The allocations of a program that faultlib.c counts and fails, and whose they are. */
#include "tests/fault/faultlib.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own names: dlsym allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

enum { OURS = 3, DEEPEST = OURS + 2 };

/* The library that allocates: the caller of malloc. If that is the C library, or the program, whose allocator cJSON
   uses, it is the next caller; else the program. */
static const char *whose(char *out, size_t size) {
    void *frames[DEEPEST];
    int count = backtrace(frames, DEEPEST); /* this function, memory_fails, malloc, and who called it */
    snprintf(out, size, "%s", program_invocation_short_name);
    for (int i = OURS; i < count; i++) {
        Dl_info from;
        const char *base = dladdr(frames[i], &from) && from.dli_fname ? strrchr(from.dli_fname, '/') : NULL;
        if (base && strncmp(base + 1, "libc.so", 7) != 0 && strcmp(base + 1, program_invocation_short_name) != 0) {
            snprintf(out, size, "%s", base + 1);
            break;
        }
    }
    return out;
}

__attribute__((noinline)) static bool memory_fails(const char *call) {
    static __thread bool looking; /* the search for the owner allocates, too: not counted */
    char owner[NAME_MAX] = "";
    if (!fault.action || fault.action->happens_to != MEMORY || looking)
        return false;
    unsigned long next = atomic_load(&fault.calls) + 1;
    if (fault.wanted == 0 || next == fault.wanted || *fault.library) {
        looking = true;
        whose(owner, sizeof owner);
        looking = false;
    }
    if (strncmp(owner, fault.library, strlen(fault.library)) != 0)
        return false;
    if (fault.wanted == 0) {
        char line[NAME_MAX + 64];
        snprintf(line, sizeof line, "allocation %lu %s\n", next, owner);
        fault_log(line);
    }
    if (!fault_is_due(call, MEMORY, -1, owner))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) {
    return memory_fails("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return memory_fails("calloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    return memory_fails("realloc") ? NULL : __libc_realloc(memory, size);
}
