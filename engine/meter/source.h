/*
 * The ways to an energy counter; only meter.c calls them. Each adds the domains that this machine shows below `root`,
 * those that cannot be read as failed with the reason, and appends to `why` what it has to say where it finds none.
 */
#ifndef RETORT_METER_SOURCE_H
#define RETORT_METER_SOURCE_H

#include "engine/base/buffer.h"
#include "engine/meter/cpu.h"
#include "engine/meter/domain.h"
#include "engine/meter/meter.h"

/* The kernel's power PMU: <root>/sys/bus/event_source/devices/power, perf_event_open. */
void perf_event_find(struct domains *out, const struct meter_options *options, struct buffer *why);

/* <root>/sys/class/powercap/intel-rapl:*, also for AMD, and intel-rapl-mmio:*. */
void powercap_find(struct domains *out, const struct meter_options *options, struct buffer *why);

/* NVIDIA's management library, opened at run time: libnvidia-ml.so.1, below another root than "/" its
   usr/lib/libnvidia-ml.so.1. `*library` is closed by nvml_close; NULL where there is none. */
struct nvml;
void nvml_find(struct domains *out, struct nvml **library, const struct meter_options *options, struct buffer *why);
void nvml_close(struct nvml *library);

/* The model, which needs no counter. */
struct model;
int model_open(struct model **out, const struct cpu_info *cpu, struct error *err);
void model_close(struct model *m);
const char *model_constants(const struct model *m);
double model_cpu_watts(const struct model *m, const char **source);

/* Sets label, joules and the constants' fields; `why` stays. `usage` is whole, or NULL: unavailable. */
void model_account(const struct model *m, const struct meter_usage *usage, struct energy_record *out);

#endif
