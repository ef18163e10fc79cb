/* Copies of the project's own files for a stage to read: the stage can do what it likes with them. */
#ifndef RETORT_ENGINE_ATTEMPT_COPY_H
#define RETORT_ENGINE_ATTEMPT_COPY_H

#include <sys/types.h>

#include "engine/base/folder.h"

/* Copies a file or a directory to a path that does not exist yet. Entries that are no part of an input stay behind. By
   reference if the file system can. A file's owner-executable bit is kept. Links are followed: the copy has none. Devices
   and links in a circle are refused (ERR_INVALID). Files that are written to meanwhile are copied as they are, but no longer
   than they were.
   ERR_NOT_FOUND; ERR_INVALID: it may not be read; ERR_IO. */
int copy_tree(const char *from, const char *to, const struct folder_filter *filter, struct error *err);

/* Copies a file over an open one that holds `old_size` other bytes; `to` is its path, for messages. A file that grows shorter
   meanwhile leaves old bytes at the end: the caller notices that it was written to. Fails as copy_tree does. */
int copy_over(const char *from, int target, off_t old_size, const char *to, struct error *err);

/* Whether a copy of the folder would have every entry, and no link is followed for it. False where it cannot be read. */
bool copy_is_whole(const char *path, const struct folder_filter *filter);

#endif
