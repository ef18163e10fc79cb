/* The processor table of metrics (0) to (2) and of the model, with the user's own rows. */
#ifndef RETORT_ENGINE_COMMAND_ENERGY_PROCESSORS_H
#define RETORT_ENGINE_COMMAND_ENERGY_PROCESSORS_H

#include "engine/base/error.h"
#include "engine/report/table.h"

/* Prints the table to stdout. `file` (may be NULL) is {"processors": [...]} or the list alone. Its rows have the
   names of energy/estimate's `processors`, and replace the figures of rows with the same name. ERR_INVALID names the
   row. */
int energy_processors_print(const char *file, enum table_format format, struct error *err);

#endif
