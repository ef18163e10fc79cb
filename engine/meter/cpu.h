/* The processor as Linux shows it. */
#ifndef RETORT_METER_CPU_H
#define RETORT_METER_CPU_H

#include "engine/base/error.h"

struct cpu_info {
    char model[128];    /* "AMD EPYC 7763 64-Core Processor"; "unknown" where the kernel tells none */
    char microcode[32]; /* "0x1000065"; "" where the kernel tells none */
    int logical;        /* logical processors of the machine */
    int siblings;       /* logical processors of one package; 0 unknown */
    int cores;          /* physical cores of one package; 0 unknown */
};

/* Reads <root>/proc/cpuinfo. Errors: as file_read. */
int cpu_info_read(struct cpu_info *out, const char *root, struct error *err);

/* Logical processors a core, from siblings and cores; 1 where they are unknown. */
int cpu_threads_per_core(const struct cpu_info *cpu);

#endif
