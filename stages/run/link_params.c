#include "stages/run/link_params.h"

#include <math.h>
#include <string.h>

#include "engine/base/json.h"

static void range_read(double *min, double *max, const cJSON *link, const char *name) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(link, name);
    *min = list->child->valuedouble;
    *max = list->child->next->valuedouble;
}

unsigned link_profiles_read(const cJSON *list) {
    static const enum link_profile profiles[] = {LINK_TDL_A, LINK_TDL_B, LINK_TDL_C, LINK_TDL_D, LINK_TDL_E};
    unsigned set = 0;
    for (const cJSON *name = list->child; name; name = name->next)
        set |= profiles[name->valuestring[0] - 'A'];
    return set;
}

void link_config_read(struct link_config *out, const cJSON *link) {
    int points = (int)json_double(link, "qam", 16);
    *out = (struct link_config){
        .blocks = (int)json_double(link, "resource_blocks", 0),
        .antennas = (int)json_double(link, "antennas", 0),
        .bits = points == 4    ? 2
                : points == 16 ? 4
                : points == 64 ? 6
                               : 8,
        .pilots = (int)json_double(link, "pilots", 0),
        .profiles = link_profiles_read(cJSON_GetObjectItemCaseSensitive(link, "profiles")),
        .spacing_hz = json_double(link, "subcarrier_spacing_hz", 0),
        .interference = json_bool(link, "interference", false),
    };
    range_read(&out->spread_min_s, &out->spread_max_s, link, "delay_spread_s");
    range_read(&out->doppler_min_hz, &out->doppler_max_hz, link, "doppler_hz");
    range_read(&out->snr_min_db, &out->snr_max_db, link, "snr_db");
    range_read(&out->sir_min_db, &out->sir_max_db, link, "sir_db");
}

enum link_features link_features_read(const char *name) {
    if (strcmp(name, "mrc") == 0)
        return LINK_FEATURES_MRC;
    return strcmp(name, "ls") == 0 ? LINK_FEATURES_LS : LINK_FEATURES_RAW;
}

enum link_demapper link_demapper_read(const char *name) {
    return strcmp(name, "exact") == 0 ? LINK_DEMAP_EXACT : LINK_DEMAP_MAXLOG;
}

void link_split_sinr(double *snr_db, double *sir_db, const struct link_config *c, double sinr_db) {
    double share_db = c->interference ? 10 * log10(2) : 0; /* half of the disturbance is noise, half is interference */
    *snr_db = sinr_db + share_db;
    *sir_db = c->interference ? *snr_db : (double)NAN;
}
