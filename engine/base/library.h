/* Shared libraries that are loaded when they are first needed, because loading them would slow every start down. */
#ifndef RETORT_BASE_LIBRARY_H
#define RETORT_BASE_LIBRARY_H

#include <stddef.h>

#include "engine/base/error.h"

struct library_function {
    const char *name;
    size_t offset; /* of the pointer to it, in the table */
};

/* Loads `file`, a name or a path, and writes the addresses of its functions into `table`. Returns the handle for
   dlclose. NULL with ERR_NOT_FOUND: the library is not installed, or lacks one of the functions. */
void *library_load(const char *file, const struct library_function *functions, size_t count, void *table,
                   struct error *err);

#endif
