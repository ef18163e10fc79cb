/*
 * Joules of a process tree.
 *
 *   meter_open --> meter_begin(process group) --> ... the stage runs ... --> meter_end(usage) --> energy_record
 *
 * A meter uses every counter that this machine lets it read, each once: package and memory by perf_event or powercap,
 * GPUs by NVML. Without a counter of the processor it uses the model. The counters belong to the whole machine: a stage
 * gets its share by CPU time (attribution.h). If a counter wraps, a thread of the meter samples it while a stage runs.
 * Every figure has a label: measured, modelled, unresolved, or unavailable with the reason.
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
    ENERGY_UNRESOLVED /* too short for the counter; not 0 */
};

/* Use of the machine by a stage, from wait4 and the clock. NaN for an unknown member. */
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

/* Unknown joules are NaN; texts may be "". */
struct energy_record {
    enum energy_label label;
    double joules;        /* the stage's share: the known ones of computation + memory + gpu */
    double computation_j; /* NaN when the source does not separate it from memory */
    double memory_j;
    double gpu_j; /* of the GPUs that the stage holds; NaN: none */
    double uncertainty_j;
    char source[48];       /* "model", "perf_event", "powercap+nvml" */
    char constants[32];    /* version of the constants of a model: "model-1" */
    char why[512];         /* why this label and not a better one */
    char uncertainty[160]; /* why uncertainty_j is unknown */
    char processor[128];   /* model name of the processor */
    char power_source[64]; /* source of the watts below: a row of the processor table, or "default" */
    double w_per_cpu;      /* W of a busy logical processor, as used */
    double w_per_gb;       /* W/GB of memory, as used */
    struct meter_usage usage;

    /* of counters; NaN, 0 and "" in a model's record */
    double counter_j;        /* of the whole machine while the stage ran */
    double counter_s;        /* seconds between its first and last reading */
    double resolution_j;     /* smallest step of the processor's and the memory's counters */
    double gpu_resolution_j; /* of the GPUs' */
    double idle_j;           /* part of it: the machine's base power */
    double other_j;          /* part of it: other processes */
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
    double gpus;                   /* number of this machine's GPUs that the stage holds */
    double sample_hz;              /* 1 to 10: always samples, for a series; 0: once a second if a counter wraps */
    const struct meter_base *base; /* copied; NULL: not known */
    bool no_thread;                /* the caller calls meter_sample from a loop of its own */

    /* Replaced by tests, NULL for the machine's own: opens a counter that gives eight bytes a read; the time. */
    int (*open_event)(uint32_t type, uint64_t config, int cpu);
    uint64_t (*now_ns)(void);
};

/* Opens the counters below `root`. ERR_IO, ERR_NOT_FOUND for a broken root alone: missing counters are no error. */
int meter_open(struct meter **out, const char *root, struct error *err);
int meter_open_with(struct meter **out, const struct meter_options *options, struct error *err);
void meter_close(struct meter *m); /* after its tasks have ended */

/* The name that enters the key of a stage that measures this machine: "perf_event", "powercap+nvml",
   "model/model-1". */
const char *meter_name(const struct meter *m);

/* The processor's model name. Belongs to the meter. */
const char *meter_processor(const struct meter *m);

/* Whether the processor's energy is counted. If not, `*why` (belongs to the meter) gives the reason. */
bool meter_counts(const struct meter *m, const char **why);

/* How many GPUs are counted. */
size_t meter_gpu_count(const struct meter *m);

/* W of a busy logical processor in the model, and their source (belongs to the meter). */
double meter_cpu_watts(const struct meter *m, const char **source);

/* Begins the account of a process group. meter_end ends and frees it. */
struct meter_task *meter_begin(struct meter *m, pid_t group);

/* The record that meter_end would give now; the account goes on. `usage`: so far. */
void meter_so_far(struct meter_task *task, const struct meter_usage *usage, struct energy_record *out);

/* Ends and frees the account. Never fails: for unknown joules the record is `unavailable` and says why. */
void meter_end(struct meter_task *task, const struct meter_usage *usage, struct energy_record *out);

/* Reads every counter now. Call between meter_begin and meter_end as often as counters wrap. Any thread. */
void meter_sample(struct meter *m);

/* How often any thread takes samples while a stage runs, in Hz; 0: none between begin and end. */
double meter_sample_hz(const struct meter *m);

/* Joules of the machine over time: sums since the first sample of the meter. */
struct meter_point {
    double wall_s;   /* seconds since 1970 */
    double joules;   /* of all counters in the sum */
    double memory_j; /* part of it: memory; NaN: it has no counter */
    double gpu_j;    /* part of it: GPUs; NaN: none is counted */
    double busy_s;   /* CPU seconds of the whole machine; NaN: unknown */
};

/* Copies the samples so far; the caller frees. Beyond 65,536 every second one is dropped. */
size_t meter_series(struct meter_point **out, struct meter *m);

/* The last sample; false: none was taken. The difference of two is an interval of attribution_add. */
bool meter_latest(struct meter_point *out, struct meter *m);

/* Appends {"columns": [...], "rows": [[...], ...]}. */
void meter_series_json(struct buffer *out, const struct meter_point *points, size_t count);

/* Measures the mean power of `windows` windows of `window_s` seconds, in W. watts: [3][windows], of the sum, the
   computation and the memory (NaN without a counter). Blocks for that long. `stop` (may be NULL) ends it early:
   ERR_INTERRUPTED. ERR_NOT_FOUND when nothing is counted, ERR_IO when a counter failed. */
int meter_windows(double *watts, struct meter *m, size_t windows, double window_s, bool (*stop)(void *context),
                  void *context, struct error *err);

/* The record as JSON; unknown numbers are null. store/RECORD.md lists its members under `energy`. The caller
   deletes. */
cJSON *energy_record_json(const struct energy_record *record);

/* The energy of an attempt, or of a row of a run, read from JSON. Texts point into it. */
struct energy_view {
    const char *label;                           /* "unavailable": not recorded */
    const char *source, *constants;              /* "": not recorded */
    double joules, uncertainty_j, cpu_s, wall_s; /* NaN: unknown */
    double attempts;                             /* number of attempts in these figures */
    double unknown;                              /* attempts of them without a figure */
};

/* Reads the figures of the attempt itself. */
struct energy_view energy_view_read(const cJSON *energy);

/* Reads the figures of all attempts at the stage's checkpoint, if it was resumed; else of the attempt itself. */
struct energy_view energy_view_all(const cJSON *energy);

/* The machine's counters in the energy of a run, read from JSON; `known` false: none was read. */
struct energy_counter {
    bool known;
    const char *label, *why; /* point into it */
    double joules, wall_s;
    struct base_power base; /* `windows` 0: not known */
};
struct energy_counter energy_counter_read(const cJSON *energy);

/* {median_w, mad_w, drift_w, windows, when_s, computation: {...}, memory: {...} if it has a counter}; NULL when
   unknown. The caller deletes. */
cJSON *meter_base_json(const struct meter_base *base);

/* Appends a figure with its label for people: "12.3 J modelled", "4.56 kJ measured", "unavailable". `label` is the
   record's. NaN joules print as "unresolved" under that label, else as "unavailable". */
void energy_figure(struct buffer *out, double joules, const char *label);

#endif
