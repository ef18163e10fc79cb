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

/* The longest step of a file system's time stamps (FAT; others go down to the kernel's tick): what changed longer ago than
   this gets other times when it changes again. */
#define FILE_TIME_STEP_NS INT64_C(2000000000)

/* Appends a whole file; ERR_INVALID beyond `limit` bytes; ERR_NOT_FOUND when it does not exist. */
int file_read(struct buffer *out, const char *path, size_t limit, struct error *err);

/* The same of an open file; `path` is for the message. */
int file_read_open(struct buffer *out, int fd, const char *path, size_t limit, struct error *err);

/* Opens a relative path below the folder `at` and follows no link on the way, nor at its end. -1 with errno: ELOOP or
   ENOTDIR where a link stands. The path holds no "..". */
int file_open_beneath(int at, const char *path, int flags);

/* Writes all bytes (retrying short writes) to an open descriptor; `path` is for the message. */
int file_write_all(int fd, const void *bytes, size_t size, const char *path, struct error *err);

/* Replaces `path` so that a reader, or a machine that loses power, sees the old file or the new one: temporary file
   beside it (path_temporary with six characters), write, fsync, rename, fsync of the directory. `mode` less the umask, as
   open(2). */
int file_replace(const char *path, const void *bytes, size_t size, mode_t mode, struct error *err);

int file_sync(const char *path, struct error *err);           /* fsync of a file or directory */
int file_make_directory(const char *path, struct error *err); /* with parents; fine when it is there */

/* Fine when it is not there; never follows links; makes read-only directories writable on its way. */
int file_remove_tree(const char *path, struct error *err);

/* The same of a name in the folder `at`. */
int file_remove_tree_at(int at, const char *name, struct error *err);

/* Whether something stands at a path, links followed: 1 and `*st` tells what; 0: nothing does; ERR_IO: it cannot be told. */
int file_look(struct stat *st, const char *path, struct error *err);

/* The same where it does not matter that it cannot be told: that counts as no. */
bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* Joins with one "/"; an absolute `name` stands alone. The caller frees. */
char *path_join(const char *directory, const char *name);

/* The directory part ("." when there is none). The caller frees. */
char *path_directory(const char *path);

/* The part after the last "/". Points into `path`. */
const char *path_base(const char *path);

/* ".<name>.tmp-<mark>" beside `path`: what becomes `path` by a rename, or is a kill's to leave. The caller frees. */
char *path_temporary(const char *path, const char *mark);

/* Of a folder's entry that is such a name: the length of <name>, which begins at its second byte, and `*mark` (may be
   NULL) points into it; else 0. */
size_t path_temporary_base(const char *entry, const char **mark);
bool path_is_temporary_of(const char *entry, const char *name);

/* The first executable of that name in the folders of `search`, which stand apart by ":" ("/usr/bin:/bin"); NULL when
   there is none. The caller frees. */
char *path_find_program(const char *name, const char *search);

/* Lexically normal form: no ".", no "x/..", no double slash. The caller frees. */
char *path_normal(const char *path);

#endif
