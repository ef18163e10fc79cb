/* Rows of the energy kinds, fit for plot/lines and plot/table: what is not known is left out, never a number. */
#ifndef RETORT_STAGES_RUN_ENERGY_ROWS_H
#define RETORT_STAGES_RUN_ENERGY_ROWS_H

#include <cJSON.h>

#include "engine/base/error.h"
#include "stages/stage.h"

/* A new row at the end of a list; belongs to it. */
cJSON *energy_row_add(cJSON *list);

/* NaN and infinities, and an empty text, are left out. */
void energy_row_number(cJSON *row, const char *name, double value);
void energy_row_text(cJSON *row, const char *name, const char *text);

/* Writes the out `csv` with these columns (NULL-terminated), and where `json` is not NULL that out as {"rows": [...]}.
 */
int energy_rows_write(const struct stage *s, const char *csv, const char *json, const cJSON *list,
                      const char *const *columns, struct error *err);

#endif
