/* Copies of the project's own files for a stage to read: the stage can do what it likes with them. */
#ifndef RETORT_ENGINE_ATTEMPT_COPY_H
#define RETORT_ENGINE_ATTEMPT_COPY_H

#include "engine/base/error.h"

/* Copies a file, or a directory with all below it, to a path that is not there yet: by reference where the file system
   can. Whether its owner may execute a file is kept; a link at the top is followed, links inside a directory and devices are refused (ERR_INVALID).
   ERR_NOT_FOUND; ERR_INVALID: it may not be read; ERR_IO. What is written to meanwhile is copied as it comes. */
int copy_tree(const char *from, const char *to, struct error *err);

#endif
