/* The rules of .retortignore, in gitignore's syntax: they name the entries that are no part of a folder input. */
#ifndef RETORT_ENGINE_LOOKUP_IGNORE_H
#define RETORT_ENGINE_LOOKUP_IGNORE_H

#include "engine/base/folder.h"

#define IGNORE_FILE ".retortignore"

enum { IGNORE_MAX_BYTES = 1 << 20 };

struct ignore;

/* Reads the rules of the folder `root`, whose path holds no links. `*out` is NULL without such a file. ERR_IO,
   ERR_INVALID. */
int ignore_open(struct ignore **out, const char *root, struct error *err);

/* The same for rules that were read; `name` is their file. Paths are below `root`; "": they begin with "/". */
int ignore_parse(struct ignore **out, const char *text, const char *root, const char *name, struct error *err);

void ignore_close(struct ignore *x); /* NULL is fine */

/* The rules as a filter, for as long as they are open; without rules for NULL. */
struct folder_filter ignore_filter(struct ignore *x);

#endif
