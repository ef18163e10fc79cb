#include "tests/bench/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/peak.h"

static const double burst_s = 0.02;

static double clock_s(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double measure_cpu_s(void) {
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

double measure_wall_s(void) {
    return clock_s(CLOCK_MONOTONIC);
}

void samples_add(struct samples *s, double value) {
    if (s->count < SAMPLES_MAX)
        s->value[s->count++] = value;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_quantile(const struct samples *s, double share) {
    double sorted[SAMPLES_MAX];
    if (s->count == 0)
        return (double)NAN;
    memcpy(sorted, s->value, s->count * sizeof *sorted);
    qsort(sorted, s->count, sizeof *sorted, compare);
    const double at = share * (double)(s->count - 1);
    const size_t below = (size_t)at, above = below + 1 < s->count ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

double samples_median(const struct samples *s) {
    return samples_quantile(s, 0.5);
}

double measure_peak(void) {
    enum { ROUNDS = 100000 };
    const double begin = measure_cpu_s();
    double flops, total = 0, spent = 0;
    while (spent < burst_s) {
        peak_run(ROUNDS, &flops);
        total += flops;
        spent = measure_cpu_s() - begin;
    }
    return total / spent;
}

double measure_bandwidth(char *memory, size_t bytes) {
    const size_t half = bytes / 2;
    const double begin = measure_cpu_s();
    double total = 0, spent = 0;
    while (spent < burst_s) {
        memcpy(memory + half, memory, half);
        memory[0] = memory[half + half / 2]; /* the next copy depends on this one */
        total += 2 * (double)half;
        spent = measure_cpu_s() - begin;
    }
    return total / spent;
}
