/* The rules of .retortignore, in gitignore's syntax: they name the entries that are no part of a folder input. */
#ifndef RETORT_ENGINE_LOOKUP_IGNORE_H
#define RETORT_ENGINE_LOOKUP_IGNORE_H

#include "engine/base/folder.h"

#define IGNORE_FILE ".retortignore"

struct ignore;

/* Reads the rules of the folder `root`, whose path holds no links. `*out` is NULL without such a file. ERR_IO,
   ERR_INVALID. */
int ignore_open(struct ignore **out, const char *root, struct error *err);
void ignore_close(struct ignore *x); /* NULL is fine */

/* The rules as a filter, for as long as they are open; without rules for NULL. */
struct folder_filter ignore_filter(struct ignore *x);

#endif
