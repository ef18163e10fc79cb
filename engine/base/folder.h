/*
 * The names in a folder, one at a time. readdir says the end and an error in the same way, and who takes the one for
 * the other acts on half a list; here they are told apart.
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

#include "engine/base/error.h"

struct folder {
    DIR *entries; /* NULL: it is not open, and has no names */
    char *path;
};

/* ERR_IO where it cannot be opened; it may be closed all the same. */
int folder_open(struct folder *out, const char *path, struct error *err);

/* The same; one that is not there has no names. */
int folder_open_if_there(struct folder *out, const char *path, struct error *err);

/* The same of an open descriptor, -1 with errno where it could not be opened: the folder's from here on, also when this
   fails. `path` is for the message. */
int folder_open_fd(struct folder *out, int fd, const char *path, struct error *err);

/* 1: `*name` is the next one, good until the next call, never "." or ".."; 0: there are no more; ERR_IO with the
   path. */
int folder_next(struct folder *f, const char **name, struct error *err);

void folder_close(struct folder *f);

#endif
