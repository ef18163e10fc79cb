/*
 * The model: CPU-seconds times the watts of a busy logical processor, and peak memory times W/GB times seconds.
 *
 * A package that runs all its logical processors draws its thermal design power in this model, never more: the
 * watts of a core are shared by its threads, so that stages side by side cannot add up to more than the machine.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
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
    char why[160];
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

static bool offers(const char *root, const char *path) {
    char *full = path_join(root, path);
    bool there = file_exists(full);
    free(full);
    return there;
}

static void explain(struct model *m, const char *root) {
    const char *counter = NULL;
    if (offers(root, "sys/class/powercap/intel-rapl:0"))
        counter = "powercap";
    else if (offers(root, "sys/bus/event_source/devices/power"))
        counter = "perf_event";
    if (counter)
        snprintf(m->why, sizeof m->why, "this version does not read the machine's energy counter (%s)", counter);
    else
        snprintf(m->why, sizeof m->why, "the machine shows no energy counter (no powercap, no perf_event power)");
}

static int model_open(void **state, const char *root, const struct cpu_info *cpu, struct error *err) {
    cJSON *constants = NULL;
    cJSON *table = NULL;
    struct model *m = NULL;
    int rc = meter_model_constants(&constants, err);
    if (rc == 0)
        rc = meter_processors(&table, err);
    if (rc < 0)
        goto out;
    m = mem_alloc(sizeof *m);
    choose_watts(m, constants, table, cpu);
    explain(m, root);
    *state = m;
out:
    cJSON_Delete(constants);
    cJSON_Delete(table);
    return rc;
}

static void model_close(void *state) {
    free(state);
}

static void model_end(void *state, void *task, const struct meter_usage *usage, struct energy_record *out) {
    const struct model *m = state;
    (void)task; /* usage at the end is all that the model needs */
    out->w_per_cpu = m->w_per_cpu;
    out->w_per_gb = m->w_per_gb;
    snprintf(out->power_source, sizeof out->power_source, "%s", m->power_source);
    snprintf(out->uncertainty, sizeof out->uncertainty, "%s", m->uncertainty);
    if (!usage) {
        out->label = ENERGY_UNAVAILABLE;
        snprintf(out->why, sizeof out->why, "the stage's CPU time, duration or memory is not known; %s", m->why);
        return;
    }
    out->label = ENERGY_MODELLED;
    out->computation_j = usage->cpu_s * m->w_per_cpu;
    out->memory_j = usage->memory_bytes / 1e9 * m->w_per_gb * usage->wall_s;
    out->joules = out->computation_j + out->memory_j;
    snprintf(out->why, sizeof out->why, "%s", m->why);
}

static const char *model_constants(const void *state) {
    return ((const struct model *)state)->constants;
}

const struct meter_source meter_source_model = {
    .name = "model",
    .open = model_open,
    .close = model_close,
    .end = model_end,
    .constants = model_constants,
};
