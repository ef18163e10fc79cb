/* Finds the nearest of some names, for "did you mean". */
#ifndef RETORT_BASE_SUGGEST_H
#define RETORT_BASE_SUGGEST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) between two names. */
size_t suggest_distance(const char *a, const char *b);

/* The candidate that is our word for `name` of another tool (DVC, Snakemake, Nextflow, make), as "in" is for "deps".
   Else the nearest candidate, if at most a third of its letters differ. Else NULL. */
const char *suggest_nearest(const char *name, const char *const *candidates, size_t count);

/* The end of a message: `; did you mean "x"?` with the nearest candidate, or `otherwise` where none is near. The caller
   frees. */
char *suggest_text(const char *name, const char *const *candidates, size_t count, const char *otherwise);

#endif
