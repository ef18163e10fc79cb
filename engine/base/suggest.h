/* Finds the nearest of some names, for "did you mean". */
#ifndef RETORT_BASE_SUGGEST_H
#define RETORT_BASE_SUGGEST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) between two names. */
size_t suggest_distance(const char *a, const char *b);

/* The nearest candidate, if at most a third of its letters differ; else NULL. */
const char *suggest_nearest(const char *name, const char *const *candidates, size_t count);

#endif
