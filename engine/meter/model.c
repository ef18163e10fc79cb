/*
 * The model: CPU-seconds times the watts of a busy logical processor, plus peak memory times W/GB times seconds.
 *
 * A package with all logical processors busy draws its thermal design power, never more: the threads of a core share
 * its watts. So concurrent stages cannot add up to more than the machine.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/data.h"
#include "engine/meter/source.h"

struct model {
    double w_per_cpu;
    double w_per_gb;
    char constants[32];
    char power_source[64];
    char uncertainty[160];
};

/* The row of the processor table whose `match` is part of the model name; NULL: unknown. */
static const cJSON *find_processor(const cJSON *table, const char *model_name) {
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(table, "processors")) {
        const char *match = json_text(row, "match", NULL);
        if (match && strstr(model_name, match))
            return row;
    }
    return NULL;
}

static double member_value(const cJSON *constants, const char *group, const char *name) {
    const cJSON *constant = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(constants, group), name);
    return json_double(constant, "value", NAN);
}

static void choose_watts(struct model *m, const cJSON *constants, const cJSON *table, const struct cpu_info *cpu) {
    const cJSON *row = find_processor(table, cpu->model);
    double w_per_core = member_value(constants, "computation", "default_w_per_core");
    if (row)
        w_per_core = json_double(row, "tdp_w", NAN) / json_double(row, "cores", NAN);
    m->w_per_cpu = w_per_core / cpu_threads_per_core(cpu);
    m->w_per_gb = member_value(constants, "memory", "w_per_gb");
    snprintf(m->power_source, sizeof m->power_source, "%s", row ? json_text(row, "name", "") : "default");
    snprintf(m->constants, sizeof m->constants, "%s", json_text(constants, "name", ""));
    snprintf(m->uncertainty, sizeof m->uncertainty, "%s", json_text(constants, "uncertainty", ""));
}

int model_open(struct model **out, const struct cpu_info *cpu, struct error *err) {
    cJSON *constants = NULL;
    cJSON *table = NULL;
    int rc = meter_model_constants(&constants, err);
    if (rc == 0)
        rc = meter_processors(&table, err);
    if (rc == 0) {
        *out = mem_alloc(sizeof **out);
        choose_watts(*out, constants, table, cpu);
    }
    cJSON_Delete(constants);
    cJSON_Delete(table);
    return rc;
}

void model_close(struct model *m) {
    free(m);
}

const char *model_constants(const struct model *m) {
    return m->constants;
}

double model_cpu_watts(const struct model *m, const char **source) {
    *source = m->power_source;
    return m->w_per_cpu;
}

void model_account(const struct model *m, const struct meter_usage *usage, struct energy_record *out) {
    out->w_per_cpu = m->w_per_cpu;
    out->w_per_gb = m->w_per_gb;
    snprintf(out->constants, sizeof out->constants, "%s", m->constants);
    snprintf(out->power_source, sizeof out->power_source, "%s", m->power_source);
    snprintf(out->uncertainty, sizeof out->uncertainty, "%s", m->uncertainty);
    if (!usage) {
        out->label = ENERGY_UNAVAILABLE;
        return;
    }
    out->label = ENERGY_MODELLED;
    out->computation_j = usage->cpu_s * m->w_per_cpu;
    out->memory_j = usage->memory_bytes / 1e9 * m->w_per_gb * usage->wall_s;
    out->joules = out->computation_j + out->memory_j;
}
