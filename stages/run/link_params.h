/* The `link` parameter object and its neighbours, as the kernels want them. */
#ifndef RETORT_STAGES_RUN_LINK_PARAMS_H
#define RETORT_STAGES_RUN_LINK_PARAMS_H

#include <cJSON.h>

#include "kernels/link.h"

/* `link`: a complete and valid parameter object. */
void link_config_read(struct link_config *out, const cJSON *link);

/* A list of "A".."E" as the kernels' set. */
unsigned link_profiles_read(const cJSON *list);

enum link_features link_features_read(const char *name);
enum link_demapper link_demapper_read(const char *name);

/* SIR = SNR = SINR + 3.01 dB with interference; else the SNR is the SINR, and `*sir_db` NAN. */
void link_split_sinr(double *snr_db, double *sir_db, const struct link_config *c, double sinr_db);

#endif
