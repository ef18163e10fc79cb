/*
 * Rows of named values, of which plots and tables are made. They come from CSV files with a header and from JSON:
 * {"rows": [...]}, or one object of values such as metrics. Each row has the labels of its file.
 */
#ifndef RETORT_STAGES_RUN_ROWS_H
#define RETORT_STAGES_RUN_ROWS_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"
#include "stages/stage.h"

struct row {
    cJSON *values;       /* numbers and texts of the file */
    const cJSON *labels; /* the input's */
};

struct rows {
    struct row *row;
    size_t count, capacity;
};

/* Reads every file of an input. Messages name the file. */
int rows_read(struct rows *out, const struct stage *s, const char *input, struct error *err);
void rows_close(struct rows *rows);

/* Adds the rows of a file's text; `name` is for messages. */
int rows_parse(struct rows *out, const char *text, size_t size, const char *name, const cJSON *labels,
               struct error *err);

/* A row's value: the label of that name, else the file's; NULL where it has none, or null. */
const cJSON *row_value(const struct row *row, const char *name);

/* A number, and only that. */
bool row_number(double *out, const struct row *row, const char *name);

/* NaN or infinite, and only that. */
bool row_nonfinite(double *out, const struct row *row, const char *name);

/* Appends a value as text: an object by its "label", numbers as ECMAScript writes them; nothing for NULL. */
void value_text(struct buffer *out, const cJSON *value);
void row_text(struct buffer *out, const struct row *row, const char *name);

/* ERR_INVALID, with the nearest name or all names, when no row has a value of that name. */
int rows_require(const struct rows *rows, const char *name, struct error *err);

/* Names of the labels, and of the column "curve", by which the rows differ, less those in `but` (NULL-terminated).
   `all`: also those that do not differ. They keep their order. An array of texts; the caller deletes it. */
cJSON *rows_labels(const struct rows *rows, const char *const *but, bool all);

#endif
