#include "engine/meter/meter.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/meter/source.h"

struct meter {
    const struct meter_source *source;
    void *state;
    struct cpu_info cpu;
    char name[72];
};

struct meter_task {
    struct meter *meter;
    void *state;
};

/* Best first. The model opens everywhere. */
static const struct meter_source *const sources[] = {&meter_source_model};

static int open_best_source(struct meter *m, const char *root, struct error *err) {
    int rc = 0;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        rc = sources[i]->open(&m->state, root, &m->cpu, err);
        if (rc == 0) {
            m->source = sources[i];
            return 0;
        }
    }
    return rc;
}

int meter_open(struct meter **out, const char *root, struct error *err) {
    struct meter *m = mem_alloc(sizeof *m);
    int rc = cpu_info_read(&m->cpu, root, err);
    if (rc == 0)
        rc = open_best_source(m, root, err);
    if (rc < 0) {
        free(m);
        return rc;
    }
    const char *constants = m->source->constants(m->state);
    snprintf(m->name, sizeof m->name, "%s%s%s", m->source->name, *constants ? "/" : "", constants);
    *out = m;
    return 0;
}

void meter_close(struct meter *m) {
    if (!m)
        return;
    m->source->close(m->state);
    free(m);
}

const char *meter_name(const struct meter *m) {
    return m->name;
}

const char *meter_processor(const struct meter *m) {
    return m->cpu.model;
}

struct meter_task *meter_begin(struct meter *m, pid_t group) {
    struct meter_task *task = mem_alloc(sizeof *task);
    task->meter = m;
    if (m->source->begin)
        task->state = m->source->begin(m->state, group);
    return task;
}

static bool usage_is_whole(const struct meter_usage *usage) {
    return usage && isfinite(usage->cpu_s) && usage->cpu_s >= 0 && isfinite(usage->wall_s) && usage->wall_s >= 0 &&
           isfinite(usage->memory_bytes) && usage->memory_bytes >= 0;
}

void meter_end(struct meter_task *task, const struct meter_usage *usage, struct energy_record *out) {
    struct meter *m = task->meter;
    const struct meter_usage unknown = {NAN, NAN, NAN};
    *out = (struct energy_record){
        .joules = NAN,
        .computation_j = NAN,
        .memory_j = NAN,
        .uncertainty_j = NAN,
        .w_per_cpu = NAN,
        .w_per_gb = NAN,
        .usage = usage ? *usage : unknown,
    };
    snprintf(out->source, sizeof out->source, "%s", m->source->name);
    snprintf(out->constants, sizeof out->constants, "%s", m->source->constants(m->state));
    snprintf(out->processor, sizeof out->processor, "%s", m->cpu.model);
    m->source->end(m->state, task->state, usage_is_whole(usage) ? usage : NULL, out);
    free(task);
}
