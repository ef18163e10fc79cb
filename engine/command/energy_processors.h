/* The processor table of metrics (0) to (2) and of the model, with a user's own rows over it. */
#ifndef RETORT_ENGINE_COMMAND_ENERGY_PROCESSORS_H
#define RETORT_ENGINE_COMMAND_ENERGY_PROCESSORS_H

#include "engine/base/error.h"
#include "engine/report/table.h"

/* Prints the table to stdout. `file` (may be NULL): {"processors": [...]} or the list alone, rows by the names of
   energy/estimate's `processors`; a name that is there already has its figures replaced. ERR_INVALID names the row. */
int energy_processors_print(const char *file, enum table_format format, struct error *err);

#endif
