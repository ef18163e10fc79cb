/*
 * Joules of a process tree.
 *
 *   meter_open --> meter_begin(process group) --> ... the stage runs ... --> meter_end(what it used) --> energy_record
 *
 * A meter uses every counter that this machine lets it read, each once: package and memory by perf_event or powercap,
 * GPUs by NVML; where no counter of the processor can be read, the model. The counters belong to the whole machine: a
 * stage gets its share by CPU time (attribution.h). Where a counter wraps, a thread of the meter's samples it while a
 * stage runs. No figure is ever without its label: measured, modelled, unresolved, or unavailable with the reason.
 */
#ifndef RETORT_METER_METER_H
#define RETORT_METER_METER_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"
#include "engine/meter/attribution.h"

enum energy_label {
    ENERGY_UNAVAILABLE,
    ENERGY_MODELLED,
    ENERGY_MEASURED,
    ENERGY_UNRESOLVED /* shorter than the counter can tell: not 0 */
};

/* What a stage used, as wait4 and the clock tell. NaN where something is not known. */
struct meter_usage {
    double cpu_s;        /* user and system time of the whole process tree */
    double wall_s;       /* from start to exit, monotonic */
    double memory_bytes; /* peak resident memory */
    bool alone;          /* nothing else was started on the machine: the four steps apply */
};

/* One counter over the time of a stage. */
struct energy_domain {
    char source[16];     /* "perf_event", "powercap", "powercap-mmio", "nvml" */
    char name[48];       /* "package-0/dram" */
    bool counted;        /* part of the sum */
    uint64_t start, end; /* raw */
    double unit_j;       /* joules of one count */
    unsigned wraps;
    double joules; /* of the whole machine; NaN: not known, see why */
    char why[192]; /* why it is not part of the sum, or not known */
};

enum { ENERGY_MAX_DOMAINS = 32 };

/* Base power of the whole sum and of its two parts; `windows` 0: not known. */
struct meter_base {
    struct base_power total, computation, memory;
};

/* Joules are NaN where they are not known; texts are "" where there is nothing to say. */
struct energy_record {
    enum energy_label label;
    double joules;        /* computation + memory + gpu, as far as they are known: the stage's share */
    double computation_j; /* NaN where the source cannot tell the two apart */
    double memory_j;
    double gpu_j; /* of the GPUs that the stage holds; NaN where it holds none */
    double uncertainty_j;
    char source[48];       /* "model", "perf_event", "powercap+nvml" */
    char constants[32];    /* version of the constants of a model: "model-1" */
    char why[512];         /* why this label and not a better one */
    char uncertainty[160]; /* where uncertainty_j is unknown: why */
    char processor[128];   /* model name of the processor */
    char power_source[64]; /* where the watts below come from: a row of the processor table, or "default" */
    double w_per_cpu;      /* W of a busy logical processor, as used */
    double w_per_gb;       /* W/GB of memory, as used */
    struct meter_usage usage;

    /* of counters; NaN, 0 and "" in a model's record */
    double counter_j;        /* everything counted while the stage ran, whoever spent it */
    double counter_s;        /* seconds between its first and last reading */
    double resolution_j;     /* of the processor's and the memory's counters: what they can tell apart */
    double gpu_resolution_j; /* of the GPUs' */
    double idle_j;           /* of it, the machine's base power */
    double other_j;          /* of it, what other processes spent */
    char share_rule[160];
    struct meter_base base;
    struct four_steps steps; /* of a stage that ran alone, with the base power known */
    size_t samples_expected, samples_got;
    size_t domain_count;
    struct energy_domain domains[ENERGY_MAX_DOMAINS];
};

struct meter;
struct meter_task; /* one stage being metered */

struct meter_options {
    const char *root;              /* "/" but for tests */
    double gpus;                   /* of this machine's, the stage holds so many: its part of theirs is its own */
    double sample_hz;              /* 1 to 10: samples always, for a series; 0: once a second where a counter wraps */
    const struct meter_base *base; /* copied; NULL: not known */
    bool no_thread;                /* the caller has a loop of its own and calls meter_sample */

    /* Replaced by tests, NULL for the machine's own: opens a counter that gives eight bytes a read; the time. */
    int (*open_event)(uint32_t type, uint64_t config, int cpu);
    uint64_t (*now_ns)(void);
};

/* Opens what there is below `root`. Only a broken root fails: ERR_IO, ERR_NOT_FOUND. */
int meter_open(struct meter **out, const char *root, struct error *err);
int meter_open_with(struct meter **out, const struct meter_options *options, struct error *err);
void meter_close(struct meter *m); /* after its tasks have ended */

/* What enters the key of a stage that measures this machine: "perf_event", "powercap+nvml", "model/model-1". */
const char *meter_name(const struct meter *m);

/* The processor's model name. Belongs to the meter. */
const char *meter_processor(const struct meter *m);

/* Whether the processor's energy is counted here; where not, `*why` (belongs to the meter) says what stood in the way.
 */
bool meter_counts(const struct meter *m, const char **why);

/* How many GPUs are counted. */
size_t meter_gpu_count(const struct meter *m);

/* W of a busy logical processor in the model, and where they come from (belongs to the meter). */
double meter_cpu_watts(const struct meter *m, const char **source);

/* Begins the account of a process group; ended, and freed, by meter_end. */
struct meter_task *meter_begin(struct meter *m, pid_t group);

/* What meter_end would say if the stage ended now; it goes on. `usage`: so far. */
void meter_so_far(struct meter_task *task, const struct meter_usage *usage, struct energy_record *out);

/* Ends the account. Never fails: what cannot be known makes an `unavailable` record that says why. */
void meter_end(struct meter_task *task, const struct meter_usage *usage, struct energy_record *out);

/* Reads every counter now. Between meter_begin and meter_end, as often as counters wrap; any thread. */
void meter_sample(struct meter *m);

/* How often samples are taken while a stage runs, by whichever thread; 0: not between begin and end. */
double meter_sample_hz(const struct meter *m);

/* Joules counted over the machine's time; sums since the first sample of the meter. */
struct meter_point {
    double wall_s;   /* seconds since 1970 */
    double joules;   /* all that is counted */
    double memory_j; /* of it, the memory's; NaN where that has no counter */
    double gpu_j;    /* of it, the GPUs'; NaN where none is counted */
    double busy_s;   /* CPU seconds of the whole machine; NaN where they are not known */
};

/* Copies the samples taken so far; the caller frees. Beyond 65,536 every second one is dropped, again and again. */
size_t meter_series(struct meter_point **out, struct meter *m);

/* The last sample; false where none was taken. Differences of two are an interval of attribution_add. */
bool meter_latest(struct meter_point *out, struct meter *m);

/* {"columns": [...], "rows": [[...], ...]}. Appended. */
void meter_series_json(struct buffer *out, const struct meter_point *points, size_t count);

/* Mean power of `windows` windows of `window_s` seconds each, in W, into watts[3][windows]: of the sum, of the
   computation, of the memory (NaN where it has no counter). Blocks for that long. `stop` (may be NULL) ends it early:
   ERR_INTERRUPTED. ERR_NOT_FOUND where nothing is counted, ERR_IO where a counter failed. */
int meter_windows(double *watts, struct meter *m, size_t windows, double window_s, bool (*stop)(void *context),
                  void *context, struct error *err);

/* The record as JSON: label, joules, computation_j, memory_j, gpu_j, uncertainty_j (null where unknown), source,
   constants, why, processor, power_source, w_per_cpu, w_per_gb, cpu_s, wall_s, memory_bytes; of counters besides
   counter_j, counter_s, resolution_j, idle_j, other_j, share_rule, baseline, steps, samples, domains. The caller frees.
 */
cJSON *energy_record_json(const struct energy_record *record);

/* What the JSON of an attempt's energy says, or a row of a run's. Texts point into it. */
struct energy_view {
    const char *label;                           /* "unavailable" where nothing is said */
    const char *source, *constants;              /* "" where nothing is said */
    double joules, uncertainty_j, cpu_s, wall_s; /* NaN: not known */
    double attempts;                             /* that the figures are of */
    double unknown;                              /* of them, without a figure */
};

/* Of the attempt itself. */
struct energy_view energy_view_read(const cJSON *energy);

/* Of all attempts that worked on the stage's checkpoint, where it was resumed; else of the attempt itself. */
struct energy_view energy_view_all(const cJSON *energy);

/* What the JSON of a run's energy says of the machine's counters; `known` false: none was read. */
struct energy_counter {
    bool known;
    const char *label, *why; /* point into it */
    double joules, wall_s;
    struct base_power base; /* `windows` 0: not known */
};
struct energy_counter energy_counter_read(const cJSON *energy);

/* {median_w, mad_w, drift_w, windows, when_s, computation: {...}, memory: {...} where it has a counter}; NULL where it is
   not known. The caller deletes. */
cJSON *meter_base_json(const struct meter_base *base);

/* Appends a figure for people, never without its word: "12.3 J modelled", "4.56 kJ measured", "unavailable".
   `label` is the record's "label"; joules NaN: unavailable, or unresolved where that is the label. */
void energy_figure(struct buffer *out, double joules, const char *label);

#endif
