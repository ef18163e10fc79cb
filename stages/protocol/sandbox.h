/*
 * Keeps a command to what it was given. There are two guards:
 *
 *   namespaces and a system call filter     where this machine allows them; Landlock on top where the kernel has it
 *     files      a root of its own with its folders, its inputs, programs of the system and declared paths
 *     private    /tmp, /run, /dev/shm and a home outside its directory: empty folders that end with the command
 *     processes  it sees its own alone; its parent is a small init, which forwards SIGTERM
 *     network    a loopback of its own
 *
 *   Landlock and a system call filter       elsewhere
 *     files      the same can be opened, but names and sizes of others, and command lines, stay visible
 *     network    no sockets
 *
 * Both always refuse io_uring, key rings, tracing, memory of other processes, writing into a terminal, new user
 * namespaces, and system calls of other architectures.
 */
#ifndef RETORT_STAGES_PROTOCOL_SANDBOX_H
#define RETORT_STAGES_PROTOCOL_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "stages/protocol/isolate.h"

/* The guards that this machine offers. */
struct sandbox_means {
    bool namespaces;
    int rights; /* the version of Landlock; 0: none */
};

/* Texts are borrowed. Paths are absolute, lists NULL-terminated. */
struct sandbox {
    char **read;                  /* files and folders beside the system's; NULL: no sandbox */
    char **write;                 /* folders, and devices */
    struct isolation_bind *binds; /* inputs, read-only in a folder of `write`; with namespaces alone */
    size_t bind_count;
    const char *home; /* gets an empty folder; NULL: it lies in a folder of `write` */
    bool network;
    struct sandbox_means means;
};

/* Tries it by real mounts, in a process of its own. ERR_IO: neither guard can be had. */
int sandbox_probe(struct sandbox_means *out, struct error *err);

/* The system's own files and folders that every sandbox may read; some may be missing. */
extern const char *const sandbox_system[];
extern const char *const sandbox_devices[]; /* that it may write to */

/* ---- in the order in which a process is made; those without `err` only make system calls ---- */

/* A system call filter, in the kernel's form. */
struct sandbox_filter {
    void *bytes;
    size_t size;
};

/* Before the process is made; by one thread. The filter lives until the next call. ERR_IO. */
int sandbox_filter(const struct sandbox_filter **out, const struct sandbox *s, struct error *err);

/* The flags of clone(2) for a process that calls sandbox_enter. 0 without namespaces. */
int sandbox_flags(const struct sandbox *s);

/* Gives the process its own root; `directory` exists. Then takes its capabilities. 0, or an errno, and what failed. */
int sandbox_enter(const struct sandbox *s, const struct isolation_identity *identity, const char *directory,
                  const char **what);

/* The same without namespaces. */
int sandbox_drop(const char **what);

/* Takes every right that the sandbox does not have, from this process and what it executes. `logs`: two descriptors
   of files that stay writable by name ("/dev/stdout"). 0, or an errno, and what failed. */
int sandbox_restrict(const struct sandbox *s, const struct sandbox_filter *filter, const int *logs, const char **what);

/* ---- parts of these ---- */

/* sandbox_rights.c: the version of Landlock that is there, 0: none; and its part of sandbox_restrict. */
int sandbox_rights_version(void);
int sandbox_rights_apply(const struct sandbox *s, const int *logs, const char **what);

/* sandbox_view.c: sandbox_enter's root. */
int sandbox_view_enter(const struct sandbox *s, const char *directory, const char **what);

#endif
