/* Finds the nearest of some names, for "did you mean". */
#ifndef RETORT_BASE_SUGGEST_H
#define RETORT_BASE_SUGGEST_H

#include <stddef.h>

#include "engine/base/buffer.h"

/* Edits (insert, delete, replace, swap of neighbours) between two names. */
size_t suggest_distance(const char *a, const char *b);

/* The candidate that is our word for `name` of another tool (DVC, Snakemake, Nextflow, make), as "in" is for "deps".
   Else the nearest candidate, if at most a third of its letters differ. Else NULL. */
const char *suggest_nearest(const char *name, const char *const *candidates, size_t count);

/* Appends `; did you mean "x"?` with the nearest candidate; nothing where none is near. */
void suggest_put(struct buffer *out, const char *name, const char *const *candidates, size_t count);

#endif
