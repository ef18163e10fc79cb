/* Grams of CO2 for joules: an intensity with its source, and PUE. */
#ifndef RETORT_ENGINE_COMMAND_ENERGY_CARBON_H
#define RETORT_ENGINE_COMMAND_ENERGY_CARBON_H

#include <cJSON.h>

#include "engine/command/command.h"

struct carbon {
    cJSON *table; /* engine/meter/data/carbon-1.json; owns the texts */
    double g_per_kwh, pue;
    const char *region; /* "World"; NULL: the command line gives the intensity */
    int year;
    const char *source, *cite, *pue_source; /* cite: a short form of the source */
};

/* Chooses by --region, --intensity and --pue, or the table's default. ERR_USAGE for an unknown region and for no
   number. The caller closes it with carbon_close in any case. */
int carbon_open(struct carbon *out, const struct arguments *a, struct error *err);
void carbon_close(struct carbon *c);

/* Grams of CO2 for joules, with PUE. */
double carbon_grams(const struct carbon *c, double joules);
cJSON *carbon_json(const struct carbon *c); /* the caller deletes */

#define OPTIONS_CARBON                                                                                                 \
    {"region", 0, "REGION", "Carbon intensity of a region: WORLD (default), EU, or a country (DEU)"},                  \
        {"intensity", 0, "G_PER_KWH", "Carbon intensity of your own, in grams per kWh"}, {                             \
        "pue", 0, "FACTOR", "Factor for the building: 1 (default) is the machine alone"                                \
    }

#endif
