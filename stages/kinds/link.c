#include "stages/kinds/shared.h"

static const char *const qam_choices[] = {"4", "16", "64", "256", NULL};
static const char *const profile_choices[] = {"A", "B", "C", "D", "E", NULL};
const char *const demapper_choices[] = {"exact", "max-log", NULL};

const struct param sinr_element = {.name = "sinr_db", .type = PARAM_NUMBER, .unit = "dB", .min = -50, .max = 100};
const struct param profile_element = {.name = "profile", .type = PARAM_CHOICE, .choices = profile_choices};
static const struct param spread_element = {.name = "spread", .type = PARAM_NUMBER, .unit = "s", .min = 0, .max = 1e-5};
static const struct param doppler_element = {
    .name = "doppler", .type = PARAM_NUMBER, .unit = "Hz", .min = 0, .max = 5000};

#define RANGE(of)                                                                                                      \
    .type = PARAM_LIST, .members = &of, .member_count = 1, .min_items = 2, .max_items = 2, .ascending = true

const struct param link_members[LINK_MEMBERS] = {
    {.name = "qam",
     .type = PARAM_INTEGER,
     .choices = qam_choices,
     .fallback = "16",
     .doc = "Points of the QAM constellation (TS 38.211 section 5.1)."},
    {.name = "resource_blocks",
     .type = PARAM_INTEGER,
     .min = 1,
     .max = 275,
     .fallback = "4",
     .doc = "Resource blocks of 12 subcarriers each."},
    {.name = "antennas", .type = PARAM_INTEGER, .min = 1, .max = 8, .fallback = "2", .doc = "Receive antennas."},
    {.name = "pilots",
     .type = PARAM_INTEGER,
     .min = 1,
     .max = 2,
     .fallback = "2",
     .doc = "DMRS symbols of a slot: symbol 2, or symbols 2 and 11."},
    {.name = "profiles",
     .type = PARAM_LIST,
     .members = &profile_element,
     .member_count = 1,
     .min_items = 1,
     .max_items = 5,
     .fallback = "[\"B\",\"C\",\"D\"]",
     .doc = "Tapped delay lines TDL-A to TDL-E (TR 38.901); each slot's is drawn from these."},
    {.name = "delay_spread_s",
     RANGE(spread_element),
     .unit = "s",
     .fallback = "[1e-8,3e-7]",
     .doc = "Smallest and largest RMS delay spread, drawn evenly for each slot."},
    {.name = "doppler_hz",
     RANGE(doppler_element),
     .unit = "Hz",
     .fallback = "[0,500]",
     .doc = "Smallest and largest maximum Doppler shift, drawn evenly for each slot."},
    {.name = "snr_db",
     RANGE(sinr_element),
     .unit = "dB",
     .fallback = "[-4,32]",
     .doc = "Smallest and largest SNR per resource element and antenna, drawn evenly for each slot of training; curves "
            "have their own grid."},
    {.name = "interference",
     .type = PARAM_BOOLEAN,
     .fallback = "false",
     .doc = "A second, independent user of the same constellation on every element."},
    {.name = "sir_db",
     RANGE(sinr_element),
     .unit = "dB",
     .fallback = "[0,36]",
     .doc = "Smallest and largest signal-to-interference ratio, drawn evenly for each slot of training; without "
            "interference it has no effect."},
    {.name = "subcarrier_spacing_hz",
     .type = PARAM_NUMBER,
     .unit = "Hz",
     .min = 1e3,
     .max = 960e3,
     .fallback = "15000",
     .doc = "Subcarrier spacing; a slot of 14 symbols lasts 1 ms at 15 kHz, half of that at twice the spacing."},
};
