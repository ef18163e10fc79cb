#include "engine/command/energy_carbon.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"
#include "engine/meter/data.h"

#define J_PER_KWH 3.6e6

static int read_number(double *out, const struct arguments *a, const char *option, double least, struct error *err) {
    const char *text = argument_value(a, option, NULL);
    char *end = NULL;
    if (!text)
        return 0;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < least)
        return error_set(err, ERR_USAGE, "energy: --%s takes a number from %g, not \"%s\"", option, least, text);
    *out = value;
    return 1;
}

static int find_region(const cJSON **out, const cJSON *regions, const char *name, struct error *err) {
    size_t count = (size_t)cJSON_GetArraySize(regions);
    const char **names = mem_array(count + 1, sizeof *names);
    struct buffer all = {0};
    const cJSON *region;
    size_t i = 0;
    cJSON_ArrayForEach(region, regions) {
        names[i] = json_text(region, "region", "");
        buffer_printf(&all, "%s%s", i ? ", " : "", names[i]);
        if (strcasecmp(names[i++], name) == 0)
            *out = region;
    }
    const char *nearest = *out ? NULL : suggest_nearest(name, names, count);
    int rc = 0;
    if (!*out)
        rc = error_set(err, ERR_USAGE, "energy: there is no region \"%s\"; %s%s%s", name,
                       nearest ? "did you mean " : "there are ", nearest ? nearest : buffer_text(&all),
                       nearest ? "?" : "; --intensity takes any other");
    buffer_close(&all);
    free(names);
    return rc;
}

int carbon_open(struct carbon *out, const struct arguments *a, struct error *err) {
    *out = (struct carbon){0};
    if (argument_given(a, "region") && argument_given(a, "intensity"))
        return error_set(err, ERR_USAGE, "energy: --region and --intensity exclude each other; give one of them");
    int rc = meter_carbon(&out->table, err);
    if (rc < 0)
        return rc;
    const cJSON *pue = cJSON_GetObjectItemCaseSensitive(out->table, "pue"), *region = NULL;
    const char *name = argument_value(a, "region", json_text(out->table, "default", "WORLD"));
    rc = find_region(&region, cJSON_GetObjectItemCaseSensitive(out->table, "regions"), name, err);
    if (rc < 0)
        return rc;
    out->g_per_kwh = json_double(region, "value", (double)NAN);
    out->region = json_text(region, "name", NULL);
    out->year = (int)json_double(region, "year", 0);
    out->source = json_text(out->table, "source", "");
    out->cite = json_text(out->table, "cite", "");
    out->pue = json_double(pue, "value", 1);
    out->pue_source = json_text(pue, "source", "");
    rc = read_number(&out->g_per_kwh, a, "intensity", 0, err);
    if (rc > 0) {
        out->region = NULL;
        out->source = out->cite = "--intensity";
    }
    if (rc >= 0)
        rc = read_number(&out->pue, a, "pue", 1, err);
    if (rc > 0)
        out->pue_source = "--pue";
    return rc < 0 ? rc : 0;
}

void carbon_close(struct carbon *c) {
    cJSON_Delete(c->table);
    *c = (struct carbon){0};
}

double carbon_grams(const struct carbon *c, double joules) {
    return joules / J_PER_KWH * c->g_per_kwh * c->pue;
}

cJSON *carbon_json(const struct carbon *c) {
    cJSON *out = cJSON_CreateObject();
    cJSON_AddNumberToObject(out, "g_per_kwh", c->g_per_kwh);
    if (c->region) {
        cJSON_AddStringToObject(out, "region", c->region);
        cJSON_AddNumberToObject(out, "year", c->year);
    }
    cJSON_AddStringToObject(out, "source", c->source);
    cJSON_AddNumberToObject(out, "pue", c->pue);
    cJSON_AddStringToObject(out, "pue_source", c->pue_source);
    return out;
}
