/*
 * Rows of a data file as the values of an axis: each row is an object, named by its "label". CSV and TSV have cells,
 * whose columns the first line names; JSON and YAML have a list of objects, or of plain values.
 */
#ifndef RETORT_ENGINE_PIPELINE_ROWS_H
#define RETORT_ENGINE_PIPELINE_ROWS_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

enum { ROWS_MAX = 100000, ROWS_MAX_BYTES = 8 << 20 };

struct rows_form {
    const char *label;  /* the member that names a row */
    const cJSON *types; /* column -> "number" or "boolean"; NULL: all cells are texts */
};

char rows_separator(const char *name); /* of cells, by the end of the file's name; 0: it has none */
bool rows_are_in(const char *name);    /* whether the name's end tells how to read it */

/* The values in the text of a file: a list with one or more, which the caller deletes. ERR_INVALID tells the first
   fault, and begins with the name. */
int rows_parse(cJSON **out, const struct rows_form *form, const char *name, const char *text, size_t size,
               struct error *err);

#endif
