/*
 * Shares out the joules of a counter that the whole machine shares. Pure arithmetic: no file, no clock.
 *
 *   an interval:  counter joules E over dt seconds
 *                 idle    min(E, P_base dt)             the machine at rest
 *                 used    E - idle
 *                 stage   used * cpu_stage / cpu_busy   one row per stage
 *                 other   the rest of used              processes that are no stage
 *
 * stages + other + idle = counter, in every interval and so in their sum. Without a known base power only intervals in
 * which nobody ran are idle, and the record says so.
 */
#ifndef RETORT_METER_ATTRIBUTION_H
#define RETORT_METER_ATTRIBUTION_H

#include <stddef.h>

/* The power of the machine without the program: median over windows before and after it. */
struct base_power {
    double median_w;
    double mad_w;   /* median absolute deviation from the median */
    double drift_w; /* median after less median before; NaN where one is missing */
    size_t windows; /* 0: unknown, and the members above mean nothing */
    double when_s;  /* seconds since 1970 of the measurement */
};

enum { BASE_MIN_WINDOWS = 30 }; /* of a second each; fewer give no reliable median */

/* `before`, `after`: mean power of windows of equal length in W; either may be empty. Both empty: windows = 0. */
void base_power_set(struct base_power *out, const double *before, size_t before_count, const double *after,
                    size_t after_count, double when_s);

struct attribution_row {
    double joules;
    double cpu_s;
    double spread_s; /* sum of each interval's seconds times the row's share; times the MAD it is an uncertainty */
};

/* `{0}` with a base power. Rows are addressed by index, in the order in which they were added. */
struct attribution {
    struct base_power base;
    struct attribution_row *rows;
    size_t count, capacity;
    double counter_j, idle_j, other_j;
    double wall_s, busy_s, used_j;
};

/* Adds a row for a stage. Returns its index. */
size_t attribution_stage(struct attribution *a);

/* Adds an interval. stage_cpu_s: [count] CPU seconds of every row within it, 0 for an absent one. busy_cpu_s: of the
   whole machine. If it is NaN, or clock ticks make it less than the stages' sum, that sum replaces it. */
void attribution_add(struct attribution *a, double dt_s, double counter_j, double busy_cpu_s,
                     const double *stage_cpu_s);

/* The uncertainty of a row in J, a sum of three terms. The first is 2 counter resolutions by the row's share. The
   second is the base power's MAD over its share of the time. The third is two clock ticks of CPU time, at the mean
   joules of a busy CPU second. */
double attribution_uncertainty(const struct attribution *a, size_t row, double resolution_j, double cpu_tick_s);

/* Frees the rows. */
void attribution_close(struct attribution *a);

/* The four steps of Labriji and Lbath (section III-A3) for a program that ran alone. */
struct four_steps {
    double base_w;
    double absolute_w; /* counter / wall time */
    double relative_w; /* absolute - base; may be negative, and is shown so */
    double relative_j; /* relative_w * wall time */
    double uncertainty_j;
    double uncertainty_w; /* of relative_w: uncertainty_j / wall time */
};

/* The four steps; all NaN without a base power, or when no time has passed. */
struct four_steps four_steps(double counter_j, double wall_s, const struct base_power *base, double resolution_j);

#endif
