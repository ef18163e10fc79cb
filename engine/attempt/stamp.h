/* Whether files were touched: a digest over what the system says of them, without reading them. */
#ifndef RETORT_ENGINE_ATTEMPT_STAMP_H
#define RETORT_ENGINE_ATTEMPT_STAMP_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/sha256.h"

/* Stamps names, sizes, inodes and modification times of a file or of all files in a directory; returns how many there are.
   What is not there has the stamp of nothing. Links are not followed. Other names given to a file (link) leave its stamp
   as it is. */
size_t stamp_take(struct digest *out, const char *path);

/* What nobody can write to, and put back as it was, without another stamp. */
struct sight {
    struct digest stamp;
    bool at_rest; /* a change from now on has other times than this: with the same stamp it is the same content */
};

/* Stamps what a path leads to, with the links on its way, the folders below it, devices and change times, which nobody can
   set. tmpfs: a store to mapped memory has no time. A folder above that is renamed, and back again, is not seen. */
void stamp_look(struct sight *out, const char *path);

#endif
