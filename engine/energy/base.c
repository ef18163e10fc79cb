#include "engine/energy/base.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/memory.h"

enum { HALVES = 2, PARTS = 3 }; /* before, after; total, computation, memory */

struct energy_base {
    char *root;
    double window_s;
    size_t halves; /* measured */
    double watts[HALVES][PARTS][BASE_MIN_WINDOWS];
    struct meter_base base;
};

struct energy_base *energy_base_create(const char *root, double window_s) {
    struct energy_base *b = mem_alloc(sizeof *b);
    b->root = mem_strdup(root);
    b->window_s = window_s;
    return b;
}

void energy_base_free(struct energy_base *b) {
    if (!b)
        return;
    free(b->root);
    free(b);
}

static void work_out(struct energy_base *b) {
    struct base_power *const parts[PARTS] = {&b->base.total, &b->base.computation, &b->base.memory};
    for (size_t k = 0; k < PARTS; k++)
        if (isfinite(b->watts[0][k][0]))
            base_power_set(parts[k], b->watts[0][k], BASE_MIN_WINDOWS, b->watts[1][k],
                           b->halves > 1 ? BASE_MIN_WINDOWS : 0, clock_wall_s());
}

int energy_base_measure(struct energy_base *b, bool (*stop)(void *context), void *context, struct error *err) {
    const struct meter_options options = {.root = b->root, .no_thread = true};
    struct meter *meter = NULL;
    int rc = meter_open_with(&meter, &options, err);
    if (rc == 0)
        rc = meter_windows(&b->watts[b->halves][0][0], meter, BASE_MIN_WINDOWS, b->window_s, stop, context, err);
    if (rc == 0) {
        b->halves++;
        work_out(b);
    }
    meter_close(meter);
    return rc;
}

const struct meter_base *energy_base_power(const struct energy_base *b) {
    return b->halves ? &b->base : NULL;
}
