/* Shared by the parts of the fault library: the fault of this program, and the calls that it hits. */
#ifndef RETORT_TESTS_FAULT_FAULTLIB_H
#define RETORT_TESTS_FAULT_FAULTLIB_H

#include <stdatomic.h>
#include <stdbool.h>

#pragma GCC visibility push(hidden) /* the program sees the calls alone */

/* The outcomes of a call. */
enum {
    KILL = 1,    /* it changes something: an instant to be killed at */
    IO = 2,      /* EIO */
    SPACE = 4,   /* ENOSPC */
    HANDLE = 8,  /* EMFILE */
    KERNEL = 16, /* ENOMEM */
    WRITE = 32,  /* a part of its bytes */
    MEMORY = 64,
    LOOK = 128,   /* EIO, where nothing is asked but what a file is */
    PROCESS = 256 /* EAGAIN */
};

struct action {
    const char *name;
    unsigned happens_to; /* of the above */
    int failure;         /* errno */
};

struct fault {
    const struct action *action; /* NULL: this program is not meant */
    unsigned long wanted;        /* the call that it happens to; 0: it only counts */
    bool for_good;
    const char *library; /* library whose allocations are counted; "": all */
    atomic_ulong calls;
};
extern struct fault fault;

/* Counts a call to which `can` can happen, on `path` in the folder `fd` or on `fd`; -1 and NULL: unknown. Whether it is
   one that shall not go as asked. Does not return when it is the one to be killed at. */
bool fault_is_due(const char *call, unsigned can, int fd, const char *path);

/* The same; the errno that the call fails with, 0: it goes on. It is never for a part of its bytes. */
int fault_failure(const char *call, unsigned can, int fd, const char *path);

/* Of the loop's pipes and event counters none fails. */
bool fault_is_file(int fd);

/* Appends a line to RETORT_FAULT_LOG. */
void fault_log(const char *text);

#pragma GCC visibility pop
#endif
