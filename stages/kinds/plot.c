#include "stages/kinds/plot.h"

const char *const spread_choices[] = {"std", "range", "none", NULL};
const char *const legend_choices[] = {"outside", "top right", "top left", "bottom right", "bottom left", "none", NULL};
const struct param bound_element = {.name = "bound", .type = PARAM_NUMBER};

void plot_range_check(const cJSON *with, const char *range_name, const char *log_name, struct kind_checker *c) {
    const cJSON *range = cJSON_GetObjectItemCaseSensitive(with, range_name);
    const cJSON *first = range ? range->child : NULL;
    if (!cJSON_IsArray(range) || !first || checker_open(c, range))
        return;
    if (!first->next)
        checker_fault(c, range, false,
                      "\"%s\" has one number; allowed is [smallest, largest], or [] for what the data need",
                      range_name);
    else if (cJSON_IsNumber(first) && first->valuedouble <= 0 &&
             cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(with, log_name)))
        checker_fault(c, range, false, "\"%s\" starts at %g; a logarithmic axis must start above 0", range_name,
                      first->valuedouble);
}
