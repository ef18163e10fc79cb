#include <math.h>

#include "engine/plan/internal.h"

bool metric_number(const cJSON *metrics, const char *name, double *out) {
    const cJSON *metric = cJSON_GetObjectItemCaseSensitive(metrics, name);
    if (!cJSON_IsNumber(metric) || isnan(metric->valuedouble))
        return false;
    *out = metric->valuedouble;
    return true;
}
