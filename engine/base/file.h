/* Files: whole reads, atomic writes, trees. Every message starts with the path. */
#ifndef RETORT_BASE_FILE_H
#define RETORT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

/* The longest step of a file system's time stamps (FAT; others use the kernel's tick). A file that changed longer
   ago gets other times when it changes again. */
#define FILE_TIME_STEP_NS INT64_C(2000000000)

/* Appends a whole regular file. ERR_INVALID beyond `limit` bytes, and for a FIFO or a device: reading one could wait
   for ever. ERR_IO for a directory. ERR_NOT_FOUND. */
int file_read(struct buffer *out, const char *path, size_t limit, struct error *err);

/* The same of any open descriptor, also of a pipe; `path` is for the message. */
int file_read_open(struct buffer *out, int fd, const char *path, size_t limit, struct error *err);

/* Opens a relative path without ".." below the folder `at`. Follows no link. -1 with errno: ELOOP or ENOTDIR for a
   link. */
int file_open_beneath(int at, const char *path, int flags);

/* Writes all bytes to an open descriptor, and retries short writes. `path` is for the message. */
int file_write_all(int fd, const void *bytes, size_t size, const char *path, struct error *err);

/* Replaces `path` atomically: a reader, or a machine after a power cut, sees the old file or the new one. Writes a
   temporary file beside it (path_temporary with six characters), syncs and renames it, and syncs the directory.
   `mode` is reduced by the umask, as in open(2). */
int file_replace(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err);

int file_sync(const char *path, struct error *err);           /* fsync of a file or directory */
int file_make_directory(const char *path, struct error *err); /* with parents; may exist already */

/* Removes a tree; a missing one is no error. Never follows links. Makes read-only directories writable on its way. */
int file_remove_tree(const char *path, struct error *err);

/* The same for a name in the folder `at`. */
int file_remove_tree_at(int at, const char *name, struct error *err);

/* "a named pipe", "a device"...: the type of a file, for messages. */
const char *file_type_name(mode_t mode);

/* Examines a path, links followed. 1: it exists, and `*st` describes it; 0: it does not; ERR_IO: unknown. */
int file_stat(struct stat *st, const char *path, struct error *err);

/* The same for callers that treat an unknown answer as no. */
bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* Joins with one "/"; an absolute `name` replaces `directory`. The caller frees. */
char *path_join(const char *directory, const char *name);

/* The directory part ("." when there is none). The caller frees. */
char *path_directory(const char *path);

/* The part after the last "/". Points into `path`. */
const char *path_base(const char *path);

/* The part of `path` below `folder`, "" when both are the same; NULL: it lies elsewhere. Compares the texts, so both are
   normal (path_normal), and absolute or relative alike. Points into `path`. */
const char *path_below(const char *path, const char *folder);

/* ".<name>.tmp-<mark>" beside `path`: a temporary file that a rename makes `path`, or that a kill leaves. The caller
   frees. */
char *path_temporary(const char *path, const char *mark);

/* Recognises such a temporary name in a folder. Returns the length of <name>, which begins at the second byte of
   `entry`, and sets `*mark` (may be NULL) to point into it. 0 for any other name. */
size_t path_temporary_base(const char *entry, const char **mark);
bool path_is_temporary_of(const char *entry, const char *name);

/* The first executable of that name in the folders of `search`, separated by ":" ("/usr/bin:/bin"); NULL: none.
   Relative folders are below `directory`; NULL: they are skipped. The caller frees. */
char *path_find_program(const char *name, const char *search, const char *directory);

/* The nearest folder at or above `directory` that holds a ".git"; without one `directory` itself. Links resolved. The
   caller frees. */
char *path_repository(const char *directory);

/* The lexically normal form: no ".", no "x/..", no double slash. The caller frees. */
char *path_normal(const char *path);

#endif
