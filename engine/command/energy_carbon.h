/* Grams of CO2 for joules: an intensity with its source, and PUE. */
#ifndef RETORT_ENGINE_COMMAND_ENERGY_CARBON_H
#define RETORT_ENGINE_COMMAND_ENERGY_CARBON_H

#include <cJSON.h>

#include "engine/command/command.h"

struct carbon {
    cJSON *table; /* engine/meter/data/carbon-1.json; owns the texts */
    double g_per_kwh, pue;
    const char *region; /* "World"; NULL: given on the command line */
    int year;
    const char *source, *cite, *pue_source; /* cite: the source in a few words */
};

/* By --region, --intensity and --pue; else the table's default. ERR_USAGE for what is no region or no number. Closed by
   carbon_close in any case. */
int carbon_open(struct carbon *out, const struct arguments *a, struct error *err);
void carbon_close(struct carbon *c);

double carbon_grams(const struct carbon *c, double joules);
cJSON *carbon_json(const struct carbon *c); /* the caller deletes */

#define OPTIONS_CARBON                                                                                                 \
    {"region", 0, "REGION", "Carbon intensity of a region: WORLD (default), EU, or a country (DEU)"},                  \
        {"intensity", 0, "G_PER_KWH", "Carbon intensity of your own, in grams a kWh"}, {                               \
        "pue", 0, "FACTOR", "What the building adds: 1 (default) is the machine alone"                                 \
    }

#endif
