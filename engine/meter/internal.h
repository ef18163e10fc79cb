/*
 * The inside of a meter: its counters, the running stages, the samples. A file calls only those above it:
 *
 *   series.c   the samples taken so far         account.c  from samples to a stage's record
 *   sample.c   one reading of every counter     sampler.c  the thread that takes samples
 *   meter.c    opening, closing, questions      task.c     a stage from its beginning to its end
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
    double cpu_s;                           /* of the stage, at the last sample */
    struct attribution computation, memory; /* one row each: this stage */
    struct domain *began;                   /* every domain at the beginning of the stage */
    size_t samples;
    char lost[256]; /* why its joules are unknown; "" while they are known */
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
    bool has_memory; /* and the memory's separately */
    char source[48], name[96];
    char why[512]; /* why some counters, or all, are missing */

    pthread_mutex_t lock; /* guards the members below */
    struct meter_task *tasks;
    uint64_t sampled_ns;
    double busy_s;
    struct series series;

    double hz;
    bool thread_runs, thread_ends;
    pthread_t thread;
    pthread_cond_t wake;
};

/* Call each with the lock held. `ending` (may be NULL): the task whose CPU time is known to be `ending_cpu_s`. */
void meter_sample_locked(struct meter *m, const struct meter_task *ending, double ending_cpu_s);

/* Takes the readings from which the first stage counts. Joules spent between stages are nobody's. */
void meter_start_locked(struct meter *m);

/* Adds a sample: the joules since the last one. Call with the lock held. */
void series_add(struct meter *m, double joules, double memory_j, double gpu_j);

/* Fills the record of an ended task from the counters. Call with the lock held. */
void account_counters(const struct meter_task *task, const struct meter_usage *usage, struct energy_record *out);

/* Starts the sampling thread, once. It waits while no stage runs. */
void sampler_start(struct meter *m);
void sampler_stop(struct meter *m);

#endif
