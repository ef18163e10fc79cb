/* energy/inference: repeated inference between two measurements of the base power. */
#include "stages/run/energy_inference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "kernels/energy_metric.h"
#include "kernels/peak.h"
#include "kernels/rng.h"
#include "stages/run/energy_rows.h"
#include "stages/run/kind_functions.h"
#include "stages/run/network_model.h"

/* Runs of the peak kernel of about this long each; the fastest counts. */
#define PEAK_RUN_S 0.05
enum { PEAK_RUNS = 5, BASE_PARTS = 3 };

struct inference {
    struct stage *stage;
    struct network_model model;
    struct parallel *pool;
    struct deeprx *net;
    float *x, *logits;
    int batch;
    double flops, peak_flops_per_s;

    struct meter *meter;
    const char *why; /* nothing is counted: why */
    char lost[512];  /* counting came to an end: why */
    bool counted;
    double *watts; /* of the base: before, then after, each [BASE_PARTS][windows] */
    size_t windows;
    double window_s;
    struct meter_base base;

    size_t calls;                          /* of a round */
    double *seconds, *joules, *relative_j; /* of an inference, by round */
    size_t rounds;
    double cpu_s; /* over all rounds */
    double counter_j, counter_s, resolution_j;
    struct energy_record last;
};

static double seconds_now(void) {
    return (double)clock_monotonic_ns() / 1e9;
}

double energy_mean(double *share, const double *values, size_t count) {
    double mean = 0, square = 0;
    for (size_t i = 0; i < count; i++)
        mean += values[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        square += (values[i] - mean) * (values[i] - mean);
    *share = count < 2 ? (double)NAN : 2 * sqrt(square / (double)(count - 1) / (double)count) / fabs(mean);
    return mean;
}

/* ---- the machine's peak ---- */

struct peak_job {
    size_t rounds;
    double *flops, *cpu_s; /* by block */
    float kept;
};

static double thread_cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void peak_block(void *context, size_t block, int thread) {
    struct peak_job *job = context;
    (void)thread;
    double began = thread_cpu_s();
    float value = peak_run(job->rounds, &job->flops[block]);
    job->cpu_s[block] = thread_cpu_s() - began;
    if (block == 0)
        job->kept = value;
}

/* By each thread's own CPU time, so that a machine that is busy with something else does not look slower than it is. */
static double peak_rate(struct peak_job *job, struct parallel *pool, size_t blocks) {
    double rate = 0;
    parallel_for(pool, blocks, peak_block, job);
    for (size_t b = 0; b < blocks; b++)
        rate += job->flops[b] / job->cpu_s[b];
    return rate;
}

static double peak_measure(struct parallel *pool) {
    size_t blocks = (size_t)parallel_threads(pool);
    struct peak_job job = {.rounds = 1 << 12};
    double best = 0;
    job.flops = mem_array(blocks, sizeof *job.flops);
    job.cpu_s = mem_array(blocks, sizeof *job.cpu_s);
    do {
        job.rounds *= 2;
        peak_rate(&job, pool, blocks);
    } while (job.cpu_s[0] < PEAK_RUN_S);
    for (int i = 0; i < PEAK_RUNS; i++)
        best = fmax(best, peak_rate(&job, pool, blocks));
    free(job.cpu_s);
    free(job.flops);
    return best;
}

/* ---- set-up ---- */

static int inference_open(struct inference *f, struct stage *s, const struct meter_options *options,
                          struct error *err) {
    size_t count;
    int rc = network_model_open(&f->model, stage_input(s, "model", &count)->path, err);
    if (rc)
        return rc;
    const struct deeprx_config *c = &f->model.config;
    size_t elements = (size_t)f->batch * (size_t)c->symbols * (size_t)c->subcarriers;
    struct rng r;
    f->pool = parallel_create(stage_cpus(s));
    if (!f->pool)
        return error_set(err, ERR_FAILED, "no threads can be had");
    if ((rc = network_model_create(&f->net, &f->model, f->batch, false, f->pool, err)))
        return rc;
    f->x = mem_array(elements * (size_t)c->channels_in, sizeof *f->x);
    f->logits = mem_array(elements * (size_t)c->bits, sizeof *f->logits);
    rng_init(&r, (uint64_t)stage_integer(s, "seed"), RNG_VALIDATION, 0, 0);
    rng_fill_normal(&r, f->x, elements * (size_t)c->channels_in, 1);
    f->flops = (double)deeprx_flops_slot(c);
    if ((rc = meter_open_with(&f->meter, options, err)))
        return rc;
    f->counted = meter_counts(f->meter, &f->why);
    f->windows = (size_t)stage_integer(s, "base_windows");
    f->watts = mem_array((size_t)2 * BASE_PARTS * f->windows, sizeof *f->watts);
    size_t most = (size_t)stage_integer(s, "max_rounds");
    f->seconds = mem_array(most, sizeof *f->seconds);
    f->joules = mem_array(most, sizeof *f->joules);
    f->relative_j = mem_array(most, sizeof *f->relative_j);
    return 0;
}

static void inference_close(struct inference *f) {
    free(f->relative_j);
    free(f->joules);
    free(f->seconds);
    free(f->watts);
    meter_close(f->meter);
    free(f->logits);
    free(f->x);
    deeprx_free(f->net);
    parallel_free(f->pool);
    network_model_close(&f->model);
}

/* ---- base power ---- */

static bool interrupted(void *context) {
    return stage_interrupted(context);
}

static void lose_count(struct inference *f, const char *why) {
    snprintf(f->lost, sizeof f->lost, "%.500s", why);
    f->why = f->lost;
    f->counted = false;
}

/* Windows into the first or second half of `watts`. 0, or STAGE_INTERRUPTED; a counter that fails ends the counting. */
static int base_measure(struct inference *f, size_t half) {
    struct error err = {0};
    if (!f->counted)
        return 0;
    int rc = meter_windows(f->watts + half * BASE_PARTS * f->windows, f->meter, f->windows, f->window_s, interrupted,
                           f->stage, &err);
    if (rc == ERR_INTERRUPTED)
        return STAGE_INTERRUPTED;
    if (rc < 0)
        lose_count(f, err.message);
    return 0;
}

/* From one half, or from both. */
static void base_set(struct inference *f, bool after) {
    struct base_power *const parts[BASE_PARTS] = {&f->base.total, &f->base.computation, &f->base.memory};
    for (size_t k = 0; k < BASE_PARTS; k++) {
        const double *first = f->watts + k * f->windows, *second = first + BASE_PARTS * f->windows;
        if (isfinite(first[0]))
            base_power_set(parts[k], first, f->windows, second, after ? f->windows : 0, clock_wall_s());
    }
}

/* ---- rounds ---- */

static double process_cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double calls_seconds(struct inference *f, size_t calls) {
    double began = seconds_now();
    for (size_t i = 0; i < calls; i++)
        deeprx_infer(f->net, f->x, f->batch, f->logits);
    return seconds_now() - began;
}

/* Warms up, and finds how many calls make a round. */
static void calls_choose(struct inference *f, double round_s) {
    double seconds;
    f->calls = 1;
    while ((seconds = calls_seconds(f, f->calls)) < round_s / 4 && !stage_interrupted(f->stage))
        f->calls *= 2;
    f->calls = (size_t)fmax(1, round((double)f->calls * round_s / seconds));
}

static void round_count(struct inference *f, const struct energy_record *r) {
    double inferences = (double)f->calls * f->batch;
    f->last = *r;
    if (r->label != ENERGY_MEASURED) {
        lose_count(f, r->why);
        return;
    }
    f->counter_j += r->counter_j;
    f->counter_s += r->counter_s;
    f->resolution_j += r->resolution_j;
    f->joules[f->rounds] = r->counter_j / inferences;
    f->relative_j[f->rounds] = (r->counter_j - f->base.total.median_w * r->counter_s) / inferences;
}

static void round_run(struct inference *f) {
    struct meter_usage usage = {.memory_bytes = 0, .alone = true};
    struct energy_record record;
    double cpu_s = process_cpu_s();
    struct meter_task *task = f->counted ? meter_begin(f->meter, getpid()) : NULL;
    usage.wall_s = calls_seconds(f, f->calls);
    usage.cpu_s = process_cpu_s() - cpu_s;
    f->cpu_s += usage.cpu_s;
    f->seconds[f->rounds] = usage.wall_s / (double)f->calls / f->batch;
    if (task) {
        meter_end(task, &usage, &record);
        round_count(f, &record);
    }
    f->rounds++;
}

static bool is_certain(const struct inference *f, double asked) {
    double share;
    energy_mean(&share, f->seconds, f->rounds);
    if (!(share <= asked))
        return false;
    if (!f->counted)
        return true;
    energy_mean(&share, f->relative_j, f->rounds);
    return share <= asked;
}

static int rounds_run(struct inference *f) {
    size_t least = (size_t)stage_integer(f->stage, "min_rounds"), most = (size_t)stage_integer(f->stage, "max_rounds");
    double asked = stage_number(f->stage, "uncertainty");
    calls_choose(f, stage_number(f->stage, "round_s"));
    while (f->rounds < most && (f->rounds < least || !is_certain(f, asked))) {
        if (stage_interrupted(f->stage))
            return STAGE_INTERRUPTED;
        round_run(f);
        stage_progress(f->stage, (double)f->rounds, (double)most, "round");
    }
    if (!is_certain(f, asked))
        stage_note(f->stage, "after %zu rounds the mean is still less certain than the %g asked for", f->rounds, asked);
    return 0;
}

/* ---- results ---- */

static double inferences(const struct inference *f) {
    return (double)f->rounds * (double)f->calls * f->batch;
}

static struct four_steps steps_of(const struct inference *f) {
    const struct base_power unknown = {0};
    return four_steps(f->counter_j, f->counter_s, f->counted ? &f->base.total : &unknown, f->resolution_j);
}

static double machine_watts(const struct inference *f, const char **source) {
    return meter_cpu_watts(f->meter, source) * parallel_threads(f->pool);
}

static int rows_write(struct inference *f, const struct four_steps *steps, struct error *err) {
    static const char *const columns[] = {"processor",   "curve", "joules", "uncertainty_j", "label", "power_w",
                                          "flops_per_s", "note",  NULL};
    cJSON *rows = cJSON_CreateArray();
    char *name = mem_printf("this machine (%s)", meter_processor(f->meter));
    const char *source;
    double share, watts = machine_watts(f, &source);
    char *note =
        mem_printf("power: %s of the processor table; peak measured on %d threads", source, parallel_threads(f->pool));
    cJSON *measured = energy_row_add(rows);
    energy_row_text(measured, "processor", name);
    energy_row_text(measured, "curve", "measured");
    energy_row_number(measured, "joules", steps->relative_j / inferences(f));
    energy_row_number(measured, "uncertainty_j", steps->uncertainty_j / inferences(f));
    energy_row_text(measured, "label", f->counted ? "measured" : "unavailable");
    energy_row_number(measured, "power_w", steps->relative_w);
    energy_row_number(measured, "flops_per_s", f->flops / energy_mean(&share, f->seconds, f->rounds));
    energy_row_text(measured, "note", f->counted ? "" : f->why);
    cJSON *estimated = energy_row_add(rows);
    energy_row_text(estimated, "processor", name);
    energy_row_text(estimated, "curve", "metric (0)");
    energy_row_number(estimated, "joules", energy_metric_0(f->flops, f->peak_flops_per_s, watts));
    energy_row_text(estimated, "label", "estimated");
    energy_row_number(estimated, "power_w", watts);
    energy_row_number(estimated, "flops_per_s", f->peak_flops_per_s);
    energy_row_text(estimated, "note", note);
    int rc = energy_rows_write(f->stage, "csv", "json", rows, columns, err);
    free(note);
    free(name);
    cJSON_Delete(rows);
    return rc;
}

static cJSON *rounds_json(const struct inference *f) {
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < f->rounds; i++) {
        cJSON *row = energy_row_add(list);
        energy_row_number(row, "seconds_per_inference", f->seconds[i]);
        if (f->counted) {
            energy_row_number(row, "joules_per_inference", f->joules[i]);
            energy_row_number(row, "relative_joules_per_inference", f->relative_j[i]);
        }
    }
    return list;
}

static int energy_write(struct inference *f, const struct four_steps *steps, struct error *err) {
    struct buffer text = {0};
    cJSON *record;
    if (f->counted) {
        f->last.base = f->base;
        f->last.steps = *steps;
        record = energy_record_json(&f->last);
    } else {
        record = cJSON_CreateObject();
        cJSON_AddStringToObject(record, "label", "unavailable");
        cJSON_AddStringToObject(record, "why", f->why);
        cJSON_AddStringToObject(record, "processor", meter_processor(f->meter));
    }
    cJSON *all = cJSON_CreateObject();
    cJSON_AddStringToObject(all, "label", f->counted ? "measured" : "unavailable");
    energy_row_number(all, "joules_per_inference", steps->relative_j / inferences(f));
    energy_row_number(all, "inferences", inferences(f));
    cJSON_AddItemToObject(all, "last_round", record);
    cJSON_AddItemToObject(all, "rounds", rounds_json(f));
    json_pretty(&text, all);
    buffer_putc(&text, '\n');
    int rc = stage_write(f->stage, "energy", text.data, text.size, err);
    buffer_close(&text);
    cJSON_Delete(all);
    return rc;
}

static int series_write(struct inference *f, struct error *err) {
    struct buffer text = {0};
    struct meter_point *points;
    size_t count = meter_series(&points, f->meter);
    meter_series_json(&text, points, count);
    int rc = stage_write(f->stage, "series", text.data, text.size, err);
    free(points);
    buffer_close(&text);
    return rc;
}

static int results_write(struct inference *f, const struct four_steps *steps, struct error *err) {
    const char *source;
    double share, seconds = energy_mean(&share, f->seconds, f->rounds), count = inferences(f);
    const struct {
        const char *name;
        double value;
        bool counted;
    } results[] = {
        {"seconds_per_inference", seconds, false},
        {"seconds_uncertainty", share, false},
        {"cpu_s_per_inference", f->cpu_s / count, false},
        {"inferences", count, false},
        {"rounds", (double)f->rounds, false},
        {"flops_per_inference", f->flops, false},
        {"flops_per_s", f->flops / seconds, false},
        {"peak_flops_per_s", f->peak_flops_per_s, false},
        {"metric_0_j", energy_metric_0(f->flops, f->peak_flops_per_s, machine_watts(f, &source)), false},
        {"base_w", steps->base_w, true},
        {"base_mad_w", f->base.total.mad_w, true},
        {"absolute_w", steps->absolute_w, true},
        {"relative_w", steps->relative_w, true},
        {"joules_per_inference", steps->relative_j / count, true},
        {"joules_uncertainty_j", steps->uncertainty_j / count, true},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof results / sizeof *results && !rc; i++)
        if (!results[i].counted || f->counted)
            rc = stage_result(f->stage, results[i].name, results[i].value, err);
    return rc;
}

static int outs_write(struct inference *f, struct error *err) {
    const struct four_steps steps = steps_of(f);
    int rc = rows_write(f, &steps, err);
    if (!rc)
        rc = energy_write(f, &steps, err);
    if (!rc)
        rc = series_write(f, err);
    return rc ? rc : results_write(f, &steps, err);
}

int energy_inference_measure(struct stage *s, const struct meter_options *options, double window_s, struct error *err) {
    struct inference f = {.stage = s, .batch = (int)stage_integer(s, "batch"), .window_s = window_s};
    int rc = inference_open(&f, s, options, err);
    if (!rc) {
        f.peak_flops_per_s = peak_measure(f.pool);
        rc = base_measure(&f, 0);
    }
    if (!rc && f.counted)
        base_set(&f, false);
    if (!rc)
        rc = rounds_run(&f);
    if (!rc)
        rc = base_measure(&f, 1);
    if (!rc && f.counted)
        base_set(&f, true);
    if (!rc)
        rc = outs_write(&f, err);
    inference_close(&f);
    return rc;
}

int run_energy_inference(struct stage *s, struct error *err) {
    return energy_inference_measure(s, &(struct meter_options){.root = "/"}, 1, err);
}
