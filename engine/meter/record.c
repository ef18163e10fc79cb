#include <math.h>

#include "engine/base/memory.h"
#include "engine/meter/meter.h"

static const char *label_text(enum energy_label label) {
    switch (label) {
    case ENERGY_MEASURED:
        return "measured";
    case ENERGY_MODELLED:
        return "modelled";
    default:
        return "unavailable";
    }
}

static void add_number(cJSON *object, const char *name, double value) {
    mem_checked(isfinite(value) ? cJSON_AddNumberToObject(object, name, value) : cJSON_AddNullToObject(object, name));
}

static void add_text(cJSON *object, const char *name, const char *text) {
    if (text[0] != '\0')
        mem_checked(cJSON_AddStringToObject(object, name, text));
}

cJSON *energy_record_json(const struct energy_record *record) {
    cJSON *json = mem_checked(cJSON_CreateObject());
    add_text(json, "label", label_text(record->label));
    add_number(json, "joules", record->joules);
    add_number(json, "computation_j", record->computation_j);
    add_number(json, "memory_j", record->memory_j);
    add_number(json, "uncertainty_j", record->uncertainty_j);
    add_text(json, "uncertainty", record->uncertainty);
    add_text(json, "source", record->source);
    add_text(json, "constants", record->constants);
    add_text(json, "why", record->why);
    add_text(json, "processor", record->processor);
    add_text(json, "power_source", record->power_source);
    add_number(json, "w_per_cpu", record->w_per_cpu);
    add_number(json, "w_per_gb", record->w_per_gb);
    add_number(json, "cpu_s", record->usage.cpu_s);
    add_number(json, "wall_s", record->usage.wall_s);
    add_number(json, "memory_bytes", record->usage.memory_bytes);
    return json;
}

void energy_figure(struct buffer *out, double joules, const char *label) {
    static const struct {
        double unit_j;
        const char *name;
    } units[] = {{1e9, "GJ"}, {1e6, "MJ"}, {1e3, "kJ"}, {1, "J"}, {1e-3, "mJ"}};
    if (!isfinite(joules)) {
        buffer_puts(out, "unavailable");
        return;
    }
    size_t last = sizeof units / sizeof *units - 1;
    size_t i = 0;
    while (i < last && fabs(joules) < 0.9995 * units[i].unit_j) /* 999.6 J print as 1 kJ, not as 1e+03 J */
        i++;
    if (joules == 0)
        i = last - 1;
    buffer_printf(out, "%.3g %s %s", joules / units[i].unit_j, units[i].name, label);
}
