/*
 * The sources of energy counters; only meter.c calls them. Each adds the domains that this machine shows below `root`.
 * Unreadable ones are added as failed, with the reason. A source that finds none appends the reason to `why`.
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

/* NVIDIA's management library, opened at run time: libnvidia-ml.so.1, or usr/lib/libnvidia-ml.so.1 below a root
   other than "/". nvml_close closes `*library`; NULL: there is none. */
struct nvml;
void nvml_find(struct domains *out, struct nvml **library, const struct meter_options *options, struct buffer *why);
void nvml_close(struct nvml *library);

/* The model, which needs no counter. */
struct model;
int model_open(struct model **out, const struct cpu_info *cpu, struct error *err);
void model_close(struct model *m);
const char *model_constants(const struct model *m);
double model_cpu_watts(const struct model *m, const char **source);

/* Sets label, joules and the constants' fields; leaves `why`. `usage` is complete, or NULL for an unavailable
   record. */
void model_account(const struct model *m, const struct meter_usage *usage, struct energy_record *out);

#endif
