/*
 * Joules of a process tree.
 *
 *   meter_open --> meter_begin(process group) --> ... the stage runs ... --> meter_end(what it used) --> energy_record
 *
 * A meter picks the best source that this machine offers. The source that always works is the model; a hardware
 * counter is one more `struct meter_source` (source.h) and changes nothing for a caller: one that has to sample
 * does so on a thread of its own between meter_open and meter_close. No figure is ever without its label:
 * measured, modelled, or unavailable with the reason.
 */
#ifndef RETORT_METER_METER_H
#define RETORT_METER_METER_H

#include <cJSON.h>
#include <sys/types.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

enum energy_label { ENERGY_UNAVAILABLE, ENERGY_MODELLED, ENERGY_MEASURED };

/* What a stage used, as wait4 and the clock tell. NaN where something is not known. */
struct meter_usage {
    double cpu_s;        /* user and system time of the whole process tree */
    double wall_s;       /* from start to exit, monotonic */
    double memory_bytes; /* peak resident memory */
};

/* Joules are NaN where they are not known; texts are "" where there is nothing to say. */
struct energy_record {
    enum energy_label label;
    double joules;        /* computation + memory */
    double computation_j; /* NaN where the source cannot tell the two apart */
    double memory_j;
    double uncertainty_j;
    char source[32];       /* "model" */
    char constants[32];    /* version of the constants of a model: "model-1" */
    char why[256];         /* why this label and not a better one */
    char uncertainty[160]; /* where uncertainty_j is unknown: why */
    char processor[128];   /* model name of the processor */
    char power_source[64]; /* where the watts below come from: a row of the processor table, or "default" */
    double w_per_cpu;      /* W of a busy logical processor, as used */
    double w_per_gb;       /* W/GB of memory, as used */
    struct meter_usage usage;
};

struct meter;
struct meter_task; /* one stage being metered */

/* Opens the best source below `root` ("/" but for tests). Only a broken root fails: ERR_IO, ERR_NOT_FOUND. */
int meter_open(struct meter **out, const char *root, struct error *err);
void meter_close(struct meter *m); /* after its tasks have ended */

/* What enters the key of a stage that measures this machine: the source with its constants, "model/model-1". */
const char *meter_name(const struct meter *m);

/* The processor's model name. Belongs to the meter. */
const char *meter_processor(const struct meter *m);

/* Begins the account of a process group; ended, and freed, by meter_end. */
struct meter_task *meter_begin(struct meter *m, pid_t group);

/* Ends the account. Never fails: what cannot be known makes an `unavailable` record that says why. */
void meter_end(struct meter_task *task, const struct meter_usage *usage, struct energy_record *out);

/* The record as JSON: label, joules, computation_j, memory_j, uncertainty_j (null where unknown), source, constants,
   why, processor, power_source, w_per_cpu, w_per_gb, cpu_s, wall_s, memory_bytes. The caller frees. */
cJSON *energy_record_json(const struct energy_record *record);

/* Appends a figure for people, never without its word: "12.3 J modelled", "4.56 kJ measured", "unavailable".
   `label` is the record's "label"; joules NaN: unavailable. */
void energy_figure(struct buffer *out, double joules, const char *label);

#endif
