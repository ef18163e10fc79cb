/*
 * Every operator of a network in a training step: its work, its roofline and the time that it took. The roofline is the
 * least time that this core and its memory could take. It is the larger of FLOP / peak and bytes / bandwidth, both
 * measured in the same run. Prints tables; asserts nothing.
 *
 * FLOP: the convolutions' multiply-adds, twice over on the way back; what is computed again on the way back, norms and
 * additions are not counted. Bytes: each tensor that the operator is handed, once for reading and once for writing, and
 * its parameters. Bandwidth: copying within memory of the network's own size, so that a network that fits a cache is
 * held against that cache.
 *
 *   operator_bench [steps]
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/backend.h"
#include "kernels/code_path.h"
#include "tests/bench/measure.h"
#include "tests/bench/networks.h"

enum { FORWARD, BACKWARD, DIRECTIONS, OPERATORS_MAX = 128 };

struct cost {
    double flop, bytes;
    struct samples seconds;
};

struct operation {
    char name[48];
    const void *parameters; /* its struct of the network: the same forward and back */
    struct cost cost[DIRECTIONS];
};

/* The calls of the wrapped backend since the last trace_begin. */
static struct {
    const struct backend *real;
    struct operation operations[OPERATORS_MAX];
    size_t count;
    int separables;
    bool timed; /* off: the call is let through */
} trace;

const struct backend *__real_backend_cpu(void);
const struct backend *__wrap_backend_cpu(void);

static struct operation *operation_of(const void *parameters) {
    for (size_t i = 0; i < trace.count; i++)
        if (trace.operations[i].parameters == parameters)
            return &trace.operations[i];
    if (trace.count == OPERATORS_MAX)
        abort();
    struct operation *o = &trace.operations[trace.count++];
    *o = (struct operation){.parameters = parameters};
    return o;
}

static double elements(const struct run *run) {
    return (double)run->grid.slots * (double)run->grid.symbols * (double)run->grid.subcarriers;
}

static double row_bytes(const struct run *run, int channels) {
    return (double)sizeof(float) * elements(run) * (double)trace.real->channel_stride(channels);
}

static double dense_bytes(const struct run *run, int channels) {
    return (double)sizeof(float) * elements(run) * (double)channels;
}

/* The bytes of reading a gradient: completing one reads x and the added tensor, and writes it back. */
static double gradient_bytes(const struct run *run, const struct gradient *dy, int channels) {
    const int tensors = dy->norm == NULL ? 1 : dy->add == NULL ? 3 : 4;
    return tensors * row_bytes(run, channels);
}

/* Forward, parameters are read; back, they are read and their gradients written. */
static double parameter_bytes(double values, int direction) {
    return (double)sizeof(float) * values * (direction == FORWARD ? 1 : 2);
}

static void record(struct operation *o, int direction, double mac, double bytes, double parameters, double since_s) {
    struct cost *c = &o->cost[direction];
    if (!trace.timed)
        return;
    c->flop = 2 * mac * (direction == FORWARD ? 1 : 2);
    c->bytes = bytes + parameter_bytes(parameters, direction);
    samples_add(&c->seconds, measure_cpu_s() - since_s);
}

static double product_values(const struct convolution *c) {
    return (double)c->channels_in * (double)c->channels_out;
}

static void stem_forward(const struct run *run, const struct convolution *c, const float *x, float *y,
                         const struct norm *next) {
    const double begin = measure_cpu_s(), values = 9 * product_values(c);
    trace.real->stem_forward(run, c, x, y, next);
    struct operation *o = operation_of(c);
    snprintf(o->name, sizeof o->name, "stem %d > %d", c->channels_in, c->channels_out);
    trace.separables = 0;
    record(o, FORWARD, values * elements(run), dense_bytes(run, c->channels_in) + row_bytes(run, c->channels_out),
           values, begin);
}

static void stem_backward(const struct run *run, const struct convolution *c, const float *x,
                          const struct gradient *dy) {
    const double begin = measure_cpu_s(), values = 9 * product_values(c);
    trace.real->stem_backward(run, c, x, dy);
    /* no gradient by x is asked for: one pass of multiply-adds, not two */
    record(operation_of(c), BACKWARD, values * elements(run) / 2,
           dense_bytes(run, c->channels_in) + gradient_bytes(run, dy, c->channels_out), values, begin);
}

static double separable_values(const struct separable *s) {
    return 9.0 * s->multiplier * s->depthwise.channels_in + product_values(&s->pointwise);
}

static void separable_forward(const struct run *run, const struct separable *s, const float *x, const struct norm *norm,
                              const float *skip, float *y, const struct norm *next) {
    const double begin = measure_cpu_s(), values = separable_values(s);
    const int in = s->depthwise.channels_in, out = s->pointwise.channels_out;
    trace.real->separable_forward(run, s, x, norm, skip, y, next);
    struct operation *o = operation_of(s);
    snprintf(o->name, sizeof o->name, "block %d.%d %d > %d, dilation %d,%d", trace.separables / 2 + 1,
             trace.separables % 2 + 1, in, out, s->dilation_time, s->dilation_frequency);
    trace.separables++;
    record(o, FORWARD, values * elements(run), row_bytes(run, in) + (skip == NULL ? 1 : 2) * row_bytes(run, out),
           values, begin);
}

static void separable_backward(const struct run *run, const struct separable *s, const float *x,
                               const struct norm *norm, const struct gradient *dy, float *dx, bool add_to_dx) {
    const double begin = measure_cpu_s(), values = separable_values(s);
    const int in = s->depthwise.channels_in;
    trace.real->separable_backward(run, s, x, norm, dy, dx, add_to_dx);
    record(operation_of(s), BACKWARD, values * elements(run),
           gradient_bytes(run, dy, s->pointwise.channels_out) + (add_to_dx ? 3 : 2) * row_bytes(run, in), values,
           begin);
}

static void project_forward(const struct run *run, const struct convolution *c, const float *x, const struct norm *norm,
                            float *y, bool unpadded) {
    const double begin = measure_cpu_s(), values = product_values(c);
    trace.real->project_forward(run, c, x, norm, y, unpadded);
    struct operation *o = operation_of(c);
    snprintf(o->name, sizeof o->name, "%s %d > %d", unpadded ? "head" : "skip", c->channels_in, c->channels_out);
    record(o, FORWARD, values * elements(run),
           row_bytes(run, c->channels_in) +
               (unpadded ? dense_bytes(run, c->channels_out) : row_bytes(run, c->channels_out)),
           values, begin);
}

static void project_backward(const struct run *run, const struct convolution *c, const float *x,
                             const struct norm *norm, const struct gradient *dy, float *dx, bool unpadded,
                             bool only_reader) {
    const double begin = measure_cpu_s(), values = product_values(c);
    trace.real->project_backward(run, c, x, norm, dy, dx, unpadded, only_reader);
    record(operation_of(c), BACKWARD, values * elements(run),
           2 * row_bytes(run, c->channels_in) +
               (unpadded ? dense_bytes(run, c->channels_out) : gradient_bytes(run, dy, c->channels_out)),
           values, begin);
}

static void loss(const struct run *run, const struct loss_batch *batch, const struct loss_config *config,
                 float *gradient, struct loss_value *value) {
    const double begin = measure_cpu_s();
    trace.real->loss(run, batch, config, gradient, value);
    struct operation *o = operation_of(batch->logits);
    snprintf(o->name, sizeof o->name, "loss");
    record(o, FORWARD, 0, 3 * dense_bytes(run, (int)batch->bits), 0, begin);
}

static void optimize(const struct run *run, const struct optimizer_tensor *tensors, size_t count,
                     const struct optimizer_config *config, uint64_t step, double rate) {
    const double begin = measure_cpu_s();
    double values = 0;
    trace.real->optimize(run, tensors, count, config, step, rate);
    for (size_t i = 0; i < count; i++)
        values += (double)tensors[i].size;
    struct operation *o = operation_of(tensors);
    snprintf(o->name, sizeof o->name, "optimizer");
    record(o, FORWARD, 0, 0, 7 * values, begin); /* parameter and moments in and out, the gradient in */
}

const struct backend *__wrap_backend_cpu(void) {
    static struct backend timed;
    trace.real = __real_backend_cpu();
    timed = *trace.real;
    timed.stem_forward = stem_forward;
    timed.stem_backward = stem_backward;
    timed.separable_forward = separable_forward;
    timed.separable_backward = separable_backward;
    timed.project_forward = project_forward;
    timed.project_backward = project_backward;
    timed.loss = loss;
    timed.optimize = optimize;
    return &timed;
}

/* This machine in the same minutes. */
struct machine {
    struct samples peak, bandwidth;
};

static double roofline_s(const struct cost *c, const struct machine *m) {
    const double compute = c->flop / samples_median(&m->peak), memory = c->bytes / samples_median(&m->bandwidth);
    return compute > memory ? compute : memory;
}

static void print_cost(const struct cost *c, const struct machine *m) {
    const double seconds = samples_median(&c->seconds), least = roofline_s(c, m);
    if (c->seconds.count == 0) {
        printf(" | %8s %7s %8s %8s %5s", "", "", "", "", "");
        return;
    }
    printf(" | %8.1f %7.2f %7.3f%c %8.3f %4.0f%%", 1e-6 * c->flop, 1e-6 * c->bytes, 1e3 * least,
           least > c->flop / samples_median(&m->peak) ? 'm' : 'c', 1e3 * seconds, 100 * least / seconds);
}

static void print_table(const struct bench_work *w, const struct machine *m, const struct samples *step) {
    const double whole = samples_median(step);
    double seen = 0, least = 0;
    printf("\n%s, batch %d: a training step of %.2f ms; peak %.0f GFLOP/s, %.1f GB/s within %.0f MB\n", w->of->name,
           w->of->batch, 1e3 * whole, 1e-9 * samples_median(&m->peak), 1e-9 * samples_median(&m->bandwidth),
           1e-6 * (double)deeprx_workspace_bytes(&w->of->model.config, w->of->batch, true));
    printf("%-34s | %8s %7s %8s %8s %5s | %8s %7s %8s %8s %5s | %6s\n", "", "forward", "", "roofline", "took", "",
           "back", "", "roofline", "took", "", "share of");
    printf("%-34s | %8s %7s %8s %8s %5s | %8s %7s %8s %8s %5s | %6s\n", "operator", "MFLOP", "MB", "ms", "ms", "",
           "MFLOP", "MB", "ms", "ms", "", "the step");
    for (size_t i = 0; i < trace.count; i++) {
        const struct operation *o = &trace.operations[i];
        double both = 0;
        printf("%-34s", o->name);
        for (int d = 0; d < DIRECTIONS; d++) {
            print_cost(&o->cost[d], m);
            both += o->cost[d].seconds.count > 0 ? samples_median(&o->cost[d].seconds) : 0;
            least += o->cost[d].seconds.count > 0 ? roofline_s(&o->cost[d], m) : 0;
        }
        printf(" | %5.1f%%\n", 100 * both / whole);
        seen += both;
    }
    printf("all: %.2f ms, of which %.2f ms (%.0f%%) by the rooflines\n", 1e3 * seen, 1e3 * least, 100 * least / seen);
}

static void bench(const struct bench_network *of, int steps) {
    struct bench_work w;
    struct machine m = {0};
    struct samples step = {0};
    const size_t bytes = deeprx_workspace_bytes(&of->model.config, of->batch, true);
    trace.count = 0;
    trace.timed = false;
    bench_work_open(&w, of);
    char *memory = trace.real->allocate(bytes);
    if (memory == NULL)
        abort();
    bench_train(&w);
    trace.timed = true;
    for (int i = 0; i < steps; i++) {
        samples_add(&m.peak, measure_peak());
        samples_add(&m.bandwidth, measure_bandwidth(memory, bytes));
        const double begin = measure_cpu_s();
        bench_train(&w);
        samples_add(&step, measure_cpu_s() - begin);
    }
    print_table(&w, &m, &step);
    trace.real->release(memory);
    bench_work_close(&w);
}

int main(int argc, char **argv) {
    const int steps = argc > 1 ? atoi(argv[1]) : 11;
    struct bench_network list[BENCH_NETWORKS];
    if (steps < 1 || steps > SAMPLES_MAX) {
        fprintf(stderr, "usage: operator_bench [steps, 1 to %d]\n", SAMPLES_MAX);
        return 2;
    }
    bench_networks(list);
    printf("%s, one thread. The roofline is the core's peak (c) or memory (m); its percentage is how near the operator "
           "comes to it.\n",
           kernels_platform());
    bench(&list[BENCH_SMALL], steps);
    bench(&list[BENCH_LARGE], steps);
    bench(&list[BENCH_DEEPRX], steps);
    return 0;
}
