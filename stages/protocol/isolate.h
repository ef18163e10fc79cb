/*
 * A command's own view of the file system: it sees its directory and the system, and nothing else of the project.
 *
 *   the project    covered by an empty mount, in which only kept paths stand; so are projects of included files
 *   its inputs     stand in its directory by read-only bind: files of the project, and copies in their own places
 *
 * The mounts are made in a namespace that nobody else sees. isolate_view.h keeps it for the commands that follow. An
 * ordinary user gets a user namespace too, which maps the user to itself. Root needs none, and loses the right to mount
 * before the command runs.
 */
#ifndef RETORT_STAGES_PROTOCOL_ISOLATE_H
#define RETORT_STAGES_PROTOCOL_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct isolation_bind {
    const char *source, *target; /* absolute; the target is there, of the source's type, or is the source */
};

/* Whether the target is the source: a copy that is made read-only where it stands. */
bool isolation_stands(const struct isolation_bind *b);

/* Texts are borrowed. */
struct isolation {
    char **covers;                /* folders of projects, none in another, NULL-terminated; NULL: no isolation */
    char **keep;                  /* files and folders in them that stay, NULL-terminated; the later ones on top */
    struct isolation_bind *binds; /* read-only; the later ones on top */
    size_t bind_count;
};

enum { ISOLATION_MOST = 1024 }; /* kept paths, and binds of other sources, together */

/* The flags of clone(2) for a process that calls isolation_enter. */
int isolation_flags(void);

/* The caller, as isolation_enter needs it; read before the clone. */
struct isolation_identity {
    char users[32], groups[32];
    bool maps;
};
struct isolation_identity isolation_identity(void);

/* Maps the user of the new process to itself. Only system calls. */
bool isolation_map(const struct isolation_identity *identity);

/* In the new process, which may share its parent's memory: only system calls. 0, or an errno, and what failed. */
int isolation_enter(const struct isolation *x, const struct isolation_identity *identity, const char **what);

/* The last step of it: takes the right to mount from the process and from what it executes. */
bool isolation_drop(const struct isolation_identity *identity);

/* Makes a path read-only where it stands, unless it is. For a process with the right to mount. */
bool isolation_seal(const char *path);

/* Whether this machine allows it: covers the folders for real, in processes of its own. */
bool isolation_probe(char **covers);

#endif
