#include "stages/kinds/shared.h"

static const char *const qam_choices[] = {"4", "16", "64", "256", NULL};
static const char *const profile_choices[] = {"A", "B", "C", "D", "E", NULL};
const char *const demapper_choices[] = {"exact", "max-log", NULL};

const struct param sinr_element = {.name = "sinr_db", .type = PARAM_NUMBER, .unit = "dB", .min = -50, .max = 100};
const struct param profile_element = {.name = "profile", .type = PARAM_CHOICE, .choices = profile_choices};
static const struct param spread_element = NUMBER("spread", "s", 0, 1e-5, NULL, NULL);
static const struct param doppler_element = NUMBER("doppler", "Hz", 0, 5000, NULL, NULL);

const struct param link_members[LINK_MEMBERS] = {
    {.name = "qam",
     .type = PARAM_INTEGER,
     .choices = qam_choices,
     .fallback = "16",
     .doc = "Points of the QAM constellation (TS 38.211 section 5.1)."},
    INTEGER("resource_blocks", NULL, 1, 275, "4", "Resource blocks of 12 subcarriers each."),
    INTEGER("antennas", NULL, 1, 8, "2", "Receive antennas."),
    INTEGER("pilots", NULL, 1, 2, "2", "DMRS symbols of a slot: symbol 2, or symbols 2 and 11."),
    LIST("profiles", profile_element, 1, 5, "[\"B\",\"C\",\"D\"]",
         "Tapped delay lines TDL-A to TDL-E (TR 38.901); each slot's is drawn from these."),
    ASCENDING("delay_spread_s", spread_element, "s", 2, 2, "[1e-8,3e-7]",
              "Smallest and largest RMS delay spread, drawn evenly for each slot."),
    ASCENDING("doppler_hz", doppler_element, "Hz", 2, 2, "[0,500]",
              "Smallest and largest maximum Doppler shift, drawn evenly for each slot."),
    ASCENDING("snr_db", sinr_element, "dB", 2, 2, "[-4,32]",
              "Smallest and largest SNR per resource element and antenna, drawn evenly for each slot of training; "
              "curves have their own grid."),
    BOOLEAN("interference", "false", "A second, independent user of the same constellation on every element."),
    ASCENDING("sir_db", sinr_element, "dB", 2, 2, "[0,36]",
              "Smallest and largest signal-to-interference ratio, drawn evenly for each slot of training; without "
              "interference it has no effect."),
    NUMBER("subcarrier_spacing_hz", "Hz", 1e3, 960e3, "15000",
           "Subcarrier spacing; a slot of 14 symbols lasts 1 ms at 15 kHz, half of that at twice the spacing."),
};
