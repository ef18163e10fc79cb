/*
 * The directories that attempts work in: one for each that runs at the same time, used again for the next.
 *
 *   work/<name>/dir/         the stage's working directory: .home, .tmp, in/<name>, folders that outs lie in
 *   work/<name>/spec.json    RETORT_SPEC
 *   work/<name>/0, 1, ...    files that held copies of inputs
 *   logs/<name>.stdout       its output, until the keeper gives it the attempt's name
 *
 * Making and removing these folders anew for every attempt would cost more than a short stage. After each attempt the
 * directory is emptied; where the stage has changed a folder itself, it is removed and made anew.
 *
 * Both directories are opened when they are made. A stage may rename them, or put links in their places: the
 * descriptors still name the directories that it was given.
 */
#ifndef RETORT_ENGINE_ATTEMPT_DIRECTORY_H
#define RETORT_ENGINE_ATTEMPT_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/base/folder.h"

enum { ATTEMPT_COPIES = 16 }; /* files that wait for the next attempt */

/* A folder below the stage's directory that was made for it, and is empty between attempts. */
struct attempt_folder {
    char *path; /* from the stage's directory; "" is that itself */
    struct folder entries;
    ino_t inode;
    mode_t mode;
    ssize_t attributes; /* bytes of its extended attributes' names */
    bool needed;        /* by the attempt at hand */
};

/* A small file that held the copy of an input. Its inode serves the next attempt: ext4 looks at each inode that was
   deleted lately before it takes a free one. */
struct attempt_copy {
    char *path; /* from the stage's directory; NULL: it waits in the root, named by its place in the list */
    ino_t inode;
    ssize_t attributes; /* as of a folder */
};

struct attempt_directory {
    struct attempt_directory *next; /* while it is idle */
    int work_fd;                    /* of the store's work/; borrowed */
    int root_fd, stage_fd;          /* -1: not made */
    struct folder root_entries;
    char *root, *stage, *spec; /* paths: work/<name>, its dir/, its spec.json */
    char *stdout_log, *stderr_log;
    struct attempt_folder *folders;
    size_t folder_count, folder_capacity;
    struct attempt_copy copies[ATTEMPT_COPIES];
    size_t copy_count;
};

/* Names a directory of the store's work/; nothing is made. The texts are taken over. */
struct attempt_directory *directory_create(int work_fd, char *root, char *stdout_log, char *stderr_log);

/* Removes it with its empty logs. NULL is fine. */
void directory_free(struct attempt_directory *d);

/* Makes the directory if it is missing, with a home, a folder for temporary files, and the folders `paths`
   (relative, with their parents). Removes folders that only the last attempt needed. ERR_IO. */
int directory_prepare(struct attempt_directory *d, const char *const *paths, size_t count, struct error *err);

/* Opens a file for the copy of an input, with mode 0644; `path` is relative to the stage's directory. It may hold
   `*old_size` bytes of an earlier attempt: the caller writes over them and cuts off the rest. Returns the descriptor, or
   -1 with errno. */
int directory_open_copy(struct attempt_directory *d, const char *path, off_t *old_size);

/* Writes the spec. ERR_IO. */
int directory_write_spec(const struct attempt_directory *d, const void *bytes, size_t size, struct error *err);

/* ERR_FAILED: the stage put something else in the place of the directory that it was given. */
int directory_check(const struct attempt_directory *d, struct error *err);

/* Moves it into an open folder of the same file system, where it replaces what has that name; the next attempt gets a
   new one. ERR_IO; ERR_FAILED as of directory_check. */
int directory_keep(struct attempt_directory *d, int folder, const char *name, struct error *err);

/* Empties it for the next attempt. */
void directory_reset(struct attempt_directory *d);

#endif
