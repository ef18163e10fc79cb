/* A table of texts and numbers. It is printed for people (aligned), as CSV (RFC 4180), as a JSON array of objects, or
   in Markdown. */
#ifndef RETORT_ENGINE_REPORT_TABLE_H
#define RETORT_ENGINE_REPORT_TABLE_H

#include <cJSON.h>

#include "engine/base/buffer.h"

enum table_format { TABLE_TEXT, TABLE_CSV, TABLE_JSON, TABLE_MARKDOWN };

struct table;

/* An empty table; the caller frees with table_free. */
struct table *table_create(void);
void table_free(struct table *t);

/* Begins a row. Columns appear in the order in which they are first named. */
void table_row(struct table *t);
void table_text(struct table *t, const char *column, const char *text);
/* NaN: left empty. CSV and JSON hold all digits, whatever people are shown. */
void table_number(struct table *t, const char *column, double value, int digits);
void table_metric(struct table *t, const char *column, const cJSON *value); /* as records hold it (base/data.h) */
void table_value(struct table *t, const char *column, const cJSON *value);  /* as JSON; strings bare */

/* Appends the table. */
void table_print(struct buffer *out, const struct table *t, enum table_format format);

#endif
