/*
 * Reads the names in a folder, one at a time. readdir reports the end and an error in the same way; a caller that mixes
 * them up acts on half a list. Here they are separate.
 *
 *     struct folder f;
 *     const char *name;
 *     int rc = folder_open(&f, path, err);
 *     while (rc >= 0 && (rc = folder_next(&f, &name, err)) > 0)
 *         rc = visit(name, err);
 *     folder_close(&f);
 */
#ifndef RETORT_BASE_FOLDER_H
#define RETORT_BASE_FOLDER_H

#include <dirent.h>
#include <stdbool.h>

#include "engine/base/error.h"

struct folder {
    DIR *entries; /* NULL: not open, without names */
    char *path;
};

/* Opens a folder. ERR_IO; folder_close is allowed then too. */
int folder_open(struct folder *out, const char *path, struct error *err);

/* The same; a missing folder has no names. */
int folder_open_if_there(struct folder *out, const char *path, struct error *err);

/* The same for an open descriptor, or -1 with errno. The folder owns it, also after an error. `path` is for the
   message. */
int folder_open_fd(struct folder *out, int fd, const char *path, struct error *err);

/* Goes back to the first name, for a folder that stays open. */
void folder_rewind(struct folder *f);

/* 1: `*name` is the next name, valid until the next call, never "." or "..". 0: no more. ERR_IO with the path. */
int folder_next(struct folder *f, const char **name, struct error *err);

/* Also closes one that failed to open. */
void folder_close(struct folder *f);

/* Whether an entry is no part of a folder input: caches of Python and notebooks, .git, notes of a file manager. */
bool folder_skips_name(const char *name);

/* The folders that hold the links on the way of a walk that follows links. All zeros: the walk began here. */
struct followed {
    const struct followed *outer;
    char *folder; /* its path without links */
};

/* Enters the folder that the link at `path` leads to; `outer` may be NULL. ERR_INVALID: the folder holds one on the way,
   so the walk would never end. ERR_IO. followed_leave is allowed then too. */
int followed_enter(struct followed *out, const struct followed *outer, const char *path, struct error *err);
void followed_leave(struct followed *f);

/* Whether the path, both without "." and "..", is the folder or lies in it. */
bool folder_holds(const char *folder, const char *path);

/* Entries that a project says are no part of its folder inputs. The path is absolute, without links. Any thread. */
struct folder_filter {
    bool (*skips)(void *context, const char *path, bool directory); /* NULL: none */
    void *context;
};

#endif
