/* Whether files were touched: a digest over names, sizes, inodes and modification times, without reading them. */
#ifndef RETORT_ENGINE_RUN_STAMP_H
#define RETORT_ENGINE_RUN_STAMP_H

#include <stddef.h>

#include "engine/base/sha256.h"

/* Stamps a file or a directory with all below it; returns how many files there are. What is not there has the stamp of
   nothing. Links are not followed. */
size_t stamp_take(struct digest *out, const char *path);

#endif
