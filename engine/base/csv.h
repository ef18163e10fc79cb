/* CSV (RFC 4180): cells separated by commas, quoted if they hold a comma, a quote or a line break. TSV has tabs instead. */
#ifndef RETORT_BASE_CSV_H
#define RETORT_BASE_CSV_H

#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

struct csv {
    char **cells; /* row after row */
    size_t cell_count, cell_capacity;
    size_t *columns; /* cells of each row */
    size_t rows, row_capacity;
};

/* Reads cells that `separator` parts, ',' or '\t'; skips empty lines. ERR_INVALID, with "line N: ...", for an unclosed
   quote, text after a closed one, or a NUL. */
int csv_parse(struct csv *out, const char *text, size_t size, char separator, struct error *err);
void csv_close(struct csv *csv);

/* Appends a cell, quoted if needed. */
void csv_cell(struct buffer *out, const char *text);

#endif
