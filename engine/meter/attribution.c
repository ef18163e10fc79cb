#include "engine/meter/attribution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sorts `values` in place. NaN when `count` is 0. */
static double median(double *values, size_t count) {
    if (count == 0)
        return (double)NAN;
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void base_power_set(struct base_power *out, const double *before, size_t before_count, const double *after,
                    size_t after_count, double when_s) {
    size_t count = before_count + after_count;
    double *all = mem_array(count, sizeof *all);
    if (before_count)
        memcpy(all, before, before_count * sizeof *all);
    double median_before = median(all, before_count);
    if (after_count)
        memcpy(all, after, after_count * sizeof *all);
    double median_after = median(all, after_count);
    if (before_count)
        memcpy(all + after_count, before, before_count * sizeof *all);
    *out = (struct base_power){
        .median_w = median(all, count), .drift_w = median_after - median_before, .windows = count, .when_s = when_s};
    for (size_t i = 0; i < count; i++)
        all[i] = fabs(all[i] - out->median_w);
    out->mad_w = median(all, count);
    free(all);
}

size_t attribution_stage(struct attribution *a) {
    mem_grow(a->rows, &a->capacity, a->count + 1);
    a->rows[a->count] = (struct attribution_row){0};
    return a->count++;
}

void attribution_add(struct attribution *a, double dt_s, double counter_j, double busy_cpu_s,
                     const double *stage_cpu_s) {
    double stages_cpu_s = 0;
    for (size_t i = 0; i < a->count; i++)
        stages_cpu_s += stage_cpu_s[i];
    double busy_s = fmax(busy_cpu_s, stages_cpu_s);
    double idle_j = a->base.windows ? fmin(counter_j, a->base.median_w * dt_s) : 0;
    if (busy_s <= 0)
        idle_j = counter_j;
    double used_j = counter_j - idle_j;
    double left_j = used_j;
    for (size_t i = 0; i < a->count && busy_s > 0; i++) {
        double share = stage_cpu_s[i] / busy_s;
        a->rows[i].joules += used_j * share;
        a->rows[i].cpu_s += stage_cpu_s[i];
        a->rows[i].spread_s += dt_s * share;
        left_j -= used_j * share;
    }
    a->other_j += busy_s > stages_cpu_s ? left_j : 0;
    a->idle_j += idle_j;
    a->counter_j += counter_j;
    a->wall_s += dt_s;
    a->busy_s += busy_s;
    a->used_j += used_j;
}

double attribution_uncertainty(const struct attribution *a, size_t row, double resolution_j, double cpu_tick_s) {
    const struct attribution_row *r = &a->rows[row];
    double share = a->wall_s > 0 ? r->spread_s / a->wall_s : 1;
    double spread_w = a->base.windows ? a->base.mad_w : 0;
    double j_per_cpu_s = a->busy_s > 0 ? a->used_j / a->busy_s : 0;
    return 2 * resolution_j * share + spread_w * r->spread_s + 2 * cpu_tick_s * j_per_cpu_s;
}

void attribution_close(struct attribution *a) {
    free(a->rows);
    *a = (struct attribution){0};
}

struct four_steps four_steps(double counter_j, double wall_s, const struct base_power *base, double resolution_j) {
    const double unknown = (double)NAN;
    struct four_steps f = {unknown, unknown, unknown, unknown, unknown, unknown};
    if (base->windows == 0 || !(wall_s > 0))
        return f;
    f.base_w = base->median_w;
    f.absolute_w = counter_j / wall_s;
    f.relative_w = f.absolute_w - f.base_w;
    f.relative_j = f.relative_w * wall_s;
    f.uncertainty_j = 2 * resolution_j + base->mad_w * wall_s;
    f.uncertainty_w = f.uncertainty_j / wall_s;
    return f;
}
