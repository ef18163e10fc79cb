/* Whether files were touched: a digest over what the system says of them, without reading them. */
#ifndef RETORT_ENGINE_ATTEMPT_STAMP_H
#define RETORT_ENGINE_ATTEMPT_STAMP_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/sha256.h"

/* Stamps names, sizes, inodes and modification times of a file or of all files in a directory; returns how many there are.
   What is not there has the stamp of nothing. Links are not followed. Other names given to a file (link) leave its stamp
   as it is. */
size_t stamp_read(struct digest *out, const char *path);

/* What nobody can write to, and put back as it was, without another stamp. */
struct sight {
    struct digest stamp;
    bool at_rest; /* a change from now on has other times than this: with the same stamp it is the same content */
};

/* The links on the way to a folder, as they were last looked at: files that lie in one folder need that once. All zeros:
   nothing was looked at yet. */
struct way {
    char *folder;
    struct digest stamp;
    bool at_rest; /* as that of a sight */
};
void way_close(struct way *w);

/* Stamps what a path leads to, with the links on its way, the folders below it, devices and change times, which nobody can
   set. tmpfs: a store to mapped memory has no time. A folder above that is renamed, and back again, is not seen. The links
   on the way to the folder are of the moment when `way` came to it. */
void sight_read(struct sight *out, const char *path, struct way *way);

#endif
