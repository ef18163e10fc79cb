/* Power over time: the samples that a meter has taken. */
#include <math.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/internal.h"

enum { MAX_POINTS = 65536 };

static void halve(struct series *s) {
    for (size_t i = 0; i < s->count / 2; i++)
        s->points[i] = s->points[2 * i];
    s->count /= 2;
    s->stride *= 2;
}

void series_add(struct meter *m, double joules, double memory_j, double gpu_j) {
    struct series *s = &m->series;
    double memory_before_j = s->taken ? s->last.memory_j : 0, gpu_before_j = s->taken ? s->last.gpu_j : 0;
    if (!m->counts)
        return;
    s->last = (struct meter_point){.wall_s = clock_wall_s(),
                                   .joules = s->last.joules + joules,
                                   .memory_j = m->has_memory ? memory_before_j + memory_j : (double)NAN,
                                   .gpu_j = domains_gpu_count(&m->domains) ? gpu_before_j + gpu_j : (double)NAN,
                                   .busy_s = m->busy_s};
    if (s->taken++ % s->stride != 0)
        return;
    if (s->count == MAX_POINTS)
        halve(s);
    mem_grow(s->points, &s->capacity, s->count + 1);
    s->points[s->count++] = s->last;
}

bool meter_latest(struct meter_point *out, struct meter *m) {
    pthread_mutex_lock(&m->lock);
    bool any = m->series.taken > 0;
    *out = m->series.last;
    pthread_mutex_unlock(&m->lock);
    return any;
}

size_t meter_series(struct meter_point **out, struct meter *m) {
    pthread_mutex_lock(&m->lock);
    size_t count = m->series.count;
    *out = mem_array(count, sizeof **out);
    if (count)
        memcpy(*out, m->series.points, count * sizeof **out);
    pthread_mutex_unlock(&m->lock);
    return count;
}

void meter_series_json(struct buffer *out, const struct meter_point *points, size_t count) {
    buffer_puts(out, "{\"columns\": [\"wall_s\", \"joules\", \"memory_j\", \"gpu_j\", \"busy_cpu_s\"], \"rows\": [");
    for (size_t i = 0; i < count; i++) {
        const double values[] = {points[i].wall_s, points[i].joules, points[i].memory_j, points[i].gpu_j,
                                 points[i].busy_s};
        buffer_puts(out, i ? ",\n[" : "\n[");
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            buffer_puts(out, k ? ", " : "");
            json_number(out, values[k]);
        }
        buffer_putc(out, ']');
    }
    buffer_puts(out, "]}\n");
}
