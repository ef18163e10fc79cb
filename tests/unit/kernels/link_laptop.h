/* The link of the study's laptop scale, as tests and benchmarks use it. */
#ifndef RETORT_TESTS_UNIT_KERNELS_LINK_LAPTOP_H
#define RETORT_TESTS_UNIT_KERNELS_LINK_LAPTOP_H

#include "kernels/link.h"

static inline struct link_config laptop_config(void) {
    return (struct link_config){
        .blocks = 4,
        .antennas = 2,
        .bits = 4,
        .pilots = 1,
        .profiles = LINK_TDL_B | LINK_TDL_C,
        .spread_min_s = 10e-9,
        .spread_max_s = 300e-9,
        .doppler_max_hz = 500,
        .spacing_hz = 15e3,
        .snr_min_db = -4,
        .snr_max_db = 32,
        .sir_max_db = 36,
    };
}

#endif
