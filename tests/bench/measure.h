/*
 * Functions that the benchmarks measure with. Times are processor time of the own process wherever nothing waits: it
 * does not count what other programs take of the core. A figure is the median of several measurements, its spread the
 * quartiles.
 */
#ifndef RETORT_TESTS_BENCH_MEASURE_H
#define RETORT_TESTS_BENCH_MEASURE_H

#include <stddef.h>

double measure_cpu_s(void);
double measure_wall_s(void);

enum { SAMPLES_MAX = 64 };
struct samples {
    double value[SAMPLES_MAX];
    size_t count;
};

/* Text that does not fit is left out. */
void samples_add(struct samples *s, double value);

/* The value below which `share` of them lie, interpolated; NAN without samples. */
double samples_quantile(const struct samples *s, double share);
double samples_median(const struct samples *s);

/* One measurement of this core's FLOP/s in fused multiply-adds on registers (kernels/peak.h), some 20 ms. */
double measure_peak(void);

/* One measurement of bytes read and written a second while one half of `memory` is copied to the other, some 20 ms. */
double measure_bandwidth(char *memory, size_t bytes);

#endif
