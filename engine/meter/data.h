/* The constants of the model and the processor table, built into the program from data/. */
#ifndef RETORT_METER_DATA_H
#define RETORT_METER_DATA_H

#include <cJSON.h>

#include "engine/base/error.h"

/* The trees of data/model-1.json and data/processors.json; the caller frees them with cJSON_Delete. */
int meter_model_constants(cJSON **out, struct error *err);
int meter_processors(cJSON **out, struct error *err);

/* data/carbon-1.json: grams of CO2 equivalent per kWh by region, and PUE. The caller deletes. */
int meter_carbon(cJSON **out, struct error *err);

/* data/published-1.json: the paper's figures on training against inference, as printed. The caller deletes. */
int meter_published(cJSON **out, struct error *err);

#endif
