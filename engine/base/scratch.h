/* Files that need not survive a power cut: messages between the engine and its own processes. */
#ifndef RETORT_BASE_SCRATCH_H
#define RETORT_BASE_SCRATCH_H

#include <stddef.h>

#include "engine/base/error.h"

/* Replaces `path` by a rename: a reader sees the old file or the whole new one. Does not wait for the disk. Mode
   0666 less the umask. ERR_IO names the path. */
int scratch_write(const char *path, const void *bytes, size_t size, struct error *err);

#endif
