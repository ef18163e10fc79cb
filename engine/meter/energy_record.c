#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/meter/meter.h"

static const char *label_text(enum energy_label label) {
    switch (label) {
    case ENERGY_MEASURED:
        return "measured";
    case ENERGY_MODELLED:
        return "modelled";
    case ENERGY_UNRESOLVED:
        return "unresolved";
    default:
        return "unavailable";
    }
}

static void add_text(cJSON *object, const char *name, const char *text) {
    if (text[0] != '\0')
        cJSON_AddStringToObject(object, name, text);
}

static void add_power(cJSON *object, const struct base_power *base) {
    json_add_number(object, "median_w", base->median_w);
    json_add_number(object, "mad_w", base->mad_w);
    json_add_number(object, "drift_w", base->drift_w);
    json_add_number(object, "windows", (double)base->windows);
    json_add_number(object, "when_s", base->when_s);
}

cJSON *meter_base_json(const struct meter_base *base) {
    if (base->total.windows == 0)
        return NULL;
    cJSON *json = cJSON_CreateObject();
    add_power(json, &base->total);
    add_power(cJSON_AddObjectToObject(json, "computation"), &base->computation);
    if (base->memory.windows)
        add_power(cJSON_AddObjectToObject(json, "memory"), &base->memory);
    return json;
}

static void add_baseline(cJSON *json, const struct meter_base *base) {
    cJSON *known = meter_base_json(base);
    cJSON_AddItemToObject(json, "baseline", known ? known : cJSON_CreateNull());
}

static void add_steps(cJSON *json, const struct four_steps *steps) {
    if (!isfinite(steps->absolute_w))
        return;
    cJSON *object = cJSON_AddObjectToObject(json, "steps");
    json_add_number(object, "base_w", steps->base_w);
    json_add_number(object, "absolute_w", steps->absolute_w);
    json_add_number(object, "relative_w", steps->relative_w);
    json_add_number(object, "relative_j", steps->relative_j);
    json_add_number(object, "uncertainty_j", steps->uncertainty_j);
    json_add_number(object, "uncertainty_w", steps->uncertainty_w);
}

/* Raw counters are text: they may exceed the exact range of JSON numbers. */
static void add_raw(cJSON *object, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    add_text(object, name, text);
}

static void add_domains(cJSON *json, const struct energy_record *record) {
    cJSON *list = cJSON_AddArrayToObject(json, "domains");
    for (size_t i = 0; i < record->domain_count; i++) {
        const struct energy_domain *d = &record->domains[i];
        cJSON *object = cJSON_CreateObject();
        cJSON_AddItemToArray(list, object);
        add_text(object, "source", d->source);
        add_text(object, "name", d->name);
        cJSON_AddBoolToObject(object, "counted", d->counted);
        add_raw(object, "start", d->start);
        add_raw(object, "end", d->end);
        json_add_number(object, "unit_j", d->unit_j);
        json_add_number(object, "wraps", d->wraps);
        json_add_number(object, "joules", d->joules);
        add_text(object, "why", d->why);
    }
}

static void add_counters(cJSON *json, const struct energy_record *record) {
    json_add_number(json, "counter_j", record->counter_j);
    json_add_number(json, "counter_s", record->counter_s);
    json_add_number(json, "resolution_j", record->resolution_j);
    json_add_number(json, "idle_j", record->idle_j);
    json_add_number(json, "other_j", record->other_j);
    add_text(json, "share_rule", record->share_rule);
    add_baseline(json, &record->base);
    add_steps(json, &record->steps);
    cJSON *samples = cJSON_AddObjectToObject(json, "samples");
    json_add_number(samples, "expected", (double)record->samples_expected);
    json_add_number(samples, "got", (double)record->samples_got);
    add_domains(json, record);
}

cJSON *energy_record_json(const struct energy_record *record) {
    cJSON *json = cJSON_CreateObject();
    add_text(json, "label", label_text(record->label));
    json_add_number(json, "joules", record->joules);
    json_add_number(json, "computation_j", record->computation_j);
    json_add_number(json, "memory_j", record->memory_j);
    if (isfinite(record->gpu_j))
        json_add_number(json, "gpu_j", record->gpu_j);
    json_add_number(json, "uncertainty_j", record->uncertainty_j);
    add_text(json, "uncertainty", record->uncertainty);
    add_text(json, "source", record->source);
    add_text(json, "constants", record->constants);
    add_text(json, "why", record->why);
    add_text(json, "processor", record->processor);
    add_text(json, "power_source", record->power_source);
    json_add_number(json, "w_per_cpu", record->w_per_cpu);
    json_add_number(json, "w_per_gb", record->w_per_gb);
    json_add_number(json, "cpu_s", record->usage.cpu_s);
    json_add_number(json, "wall_s", record->usage.wall_s);
    json_add_number(json, "memory_bytes", record->usage.memory_bytes);
    if (record->domain_count)
        add_counters(json, record);
    return json;
}

struct energy_view energy_view_read(const cJSON *energy) {
    const double unknown = (double)NAN;
    return (struct energy_view){
        .label = json_text(energy, "label", "unavailable"),
        .source = json_text(energy, "source", ""),
        .constants = json_text(energy, "constants", ""),
        .joules = json_double(energy, "joules", unknown),
        .uncertainty_j = json_double(energy, "uncertainty_j", unknown),
        .cpu_s = json_double(energy, "cpu_s", unknown),
        .wall_s = json_double(energy, "wall_s", unknown),
        .attempts = 1,
    };
}

struct energy_view energy_view_all(const cJSON *energy) {
    const cJSON *attempts = cJSON_GetObjectItemCaseSensitive(energy, "attempts");
    struct energy_view own = energy_view_read(energy), all = energy_view_read(attempts);
    if (!attempts)
        return own;
    all.source = own.source;
    all.constants = own.constants;
    all.attempts = json_double(attempts, "count", 0);
    all.unknown = json_double(attempts, "unknown", 0);
    return all;
}

struct energy_counter energy_counter_read(const cJSON *energy) {
    const double unknown = (double)NAN;
    const cJSON *base = cJSON_GetObjectItemCaseSensitive(energy, "baseline");
    return (struct energy_counter){
        .known = cJSON_GetObjectItemCaseSensitive(energy, "counter_j") != NULL,
        .label = json_text(energy, "label", "unavailable"),
        .why = json_text(energy, "why", ""),
        .joules = json_double(energy, "counter_j", unknown),
        .wall_s = json_double(energy, "counter_s", unknown),
        .base = {.median_w = json_double(base, "median_w", unknown),
                 .mad_w = json_double(base, "mad_w", unknown),
                 .drift_w = json_double(base, "drift_w", unknown),
                 .windows = (size_t)json_double(base, "windows", 0)},
    };
}

void energy_figure(struct buffer *out, double joules, const char *label) {
    static const struct {
        double unit_j;
        const char *name;
    } units[] = {{1e9, "GJ"}, {1e6, "MJ"}, {1e3, "kJ"}, {1, "J"}, {1e-3, "mJ"}};
    if (!isfinite(joules)) {
        buffer_puts(out, strcmp(label, "unresolved") == 0 ? label : "unavailable");
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
