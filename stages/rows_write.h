/* Rows that a kind writes, a list of objects: as CSV, and as JSON with a row a line. */
#ifndef RETORT_STAGES_ROWS_WRITE_H
#define RETORT_STAGES_ROWS_WRITE_H

#include <cJSON.h>

#include "engine/base/buffer.h"

/* Appends a header of the columns (NULL-terminated) and a line for each row. An absent or null member is an empty cell. */
void rows_csv(struct buffer *out, const cJSON *rows, const char *const *columns);

/* Appends "[" and each row on a line of its own behind `indent`; the caller closes the list. */
void rows_json(struct buffer *out, const cJSON *rows, const char *indent);

#endif
