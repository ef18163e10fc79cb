/*
 * Inside a meter: its counters, the stages that run, the samples taken. A file calls only those above it:
 *
 *   series.c   the samples that were taken     account.c  from samples to a stage's record
 *   sample.c   one reading of every counter    sampler.c  the thread that takes them
 *   meter.c    opened, closed, asked           task.c     a stage from its beginning to its end
 *   windows.c  mean power over windows
 */
#ifndef RETORT_METER_INTERNAL_H
#define RETORT_METER_INTERNAL_H

#include <pthread.h>

#include "engine/meter/cpu.h"
#include "engine/meter/domain.h"
#include "engine/meter/meter.h"
#include "engine/meter/source.h"

struct meter_task {
    struct meter *meter;
    struct meter_task *next;
    pid_t group;
    uint64_t began_ns;
    double cpu_s;                           /* of the stage, as of the last sample */
    struct attribution computation, memory; /* one row each: this stage */
    struct domain *began;                   /* every domain as it was when the stage began */
    size_t samples;
    char lost[256]; /* why its joules cannot be known any more; "" while they can */
};

struct series {
    struct meter_point *points;
    size_t count, capacity;
    size_t stride, taken; /* one of `stride` samples is kept */
    struct meter_point last;
};

struct meter {
    struct meter_options options;
    char *root;
    struct meter_base base;
    struct cpu_info cpu;
    struct domains domains;
    struct nvml *nvml;
    struct model *model;
    bool counts;     /* the processor's energy is counted */
    bool has_memory; /* and the memory's apart from it */
    char source[48], name[96];
    char why[512]; /* why no counter, or not every one */

    pthread_mutex_t lock; /* for all that follows */
    struct meter_task *tasks;
    uint64_t sampled_ns;
    double busy_s;
    struct series series;

    double hz;
    bool thread_runs, thread_ends;
    pthread_t thread;
    pthread_cond_t wake;
};

/* All with the lock held. `ending` (may be NULL): the task whose CPU time is known to be `ending_cpu_s`. */
void meter_sample_locked(struct meter *m, const struct meter_task *ending, double ending_cpu_s);

/* Readings from which the first stage counts: what was spent between stages is nobody's. */
void meter_start_locked(struct meter *m);

void series_add(struct meter *m, double joules, double memory_j, double gpu_j);

/* What the counters say of a task that has ended; with the lock held. */
void account_counters(const struct meter_task *task, const struct meter_usage *usage, struct energy_record *out);

/* The sampling thread: started once, waits while no stage runs. */
void sampler_start(struct meter *m);
void sampler_stop(struct meter *m);

#endif
