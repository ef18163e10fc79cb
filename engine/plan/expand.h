/* The rows of a matrix, for expand.c. */
#ifndef RETORT_ENGINE_PLAN_EXPAND_H
#define RETORT_ENGINE_PLAN_EXPAND_H

#include "engine/plan/internal.h"

/* Coordinates in matrix order. */
struct rows {
    const struct axis_value **cells; /* [row][axis]; the caller frees */
    size_t count, capacity;
};

void rows_add(struct rows *rows, const struct axis_value *const *cells, size_t width);

/* Moves the rows for which "when" is false to `omitted`. A fault: a condition compares what it cannot. */
int when_omit(struct rows *rows, struct rows *omitted, struct scope *s, const struct stage_decl *decl);

/* The product of the axes (of `like`: its instances), less exclude, then extra. Everything referred to is there. */
int matrix_rows(struct rows *out, struct scope *s, const struct stage_decl *decl);

#endif
