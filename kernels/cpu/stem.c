#include <string.h>

#include "kernels/cpu/margin.h"

/*
 * The first convolution, 3x3 without dilation, as three matrix products, one for each row of its window. With a margin
 * of one element, the three taps of a row are 3*Cin floats on end. Those of the next element begin Cin floats later. So
 * the rows of the matrix overlap in memory and nothing is unfolded.
 *
 * Workspace: packed weights | partial gradients, a set a block | moments of each slot | scratch, a set a thread.
 */
struct sizes {
    size_t in, out, taps; /* in: Cin as it is; out: padded; taps: 3*Cin */
    size_t weight, bias;
    size_t partial, slot;
};

struct job {
    const struct run *run;
    const struct convolution *c;
    struct sizes z;
    float *weight, *bias; /* [3 rows, 3 taps, Cin, out], [out] */
    const float *x;
    float *y, *moments;
    const struct gradient *dy;
};

static struct sizes stem_sizes(struct grid grid, const struct convolution *c) {
    struct sizes z = {.in = (size_t)c->channels_in, .out = padded(c->channels_out)};
    z.taps = 3 * z.in;
    z.weight = area(3 * z.taps * z.out);
    z.bias = area(z.out);
    z.partial = z.weight + z.bias;
    z.slot = area(margin_floats(grid, (size_t)grid.symbols, 1, z.in));
    return z;
}

size_t stem_workspace_bytes(struct grid grid, int threads, const struct convolution *c) {
    const struct sizes z = stem_sizes(grid, c);
    return sizeof(float) * (z.weight + z.bias + slot_blocks(grid) * z.partial +
                            area((size_t)grid.slots * MOMENTS * z.out) + (size_t)threads * z.slot);
}

static float *job_partials(const struct job *j) {
    return j->bias + j->z.bias;
}

static float *job_moments(const struct job *j) {
    return job_partials(j) + slot_blocks(j->run->grid) * j->z.partial;
}

static struct margin_slot job_scratch(const struct job *j, int thread) {
    const struct grid grid = j->run->grid;
    float *base = job_moments(j) + area((size_t)grid.slots * MOMENTS * j->z.out) + (size_t)thread * j->z.slot;
    return (struct margin_slot){base, (size_t)grid.symbols, (size_t)grid.subcarriers, 1, j->z.in, (size_t)grid.symbols};
}

static void job_begin(struct job *j) {
    j->z = stem_sizes(j->run->grid, j->c);
    j->weight = j->run->workspace;
    j->bias = j->weight + j->z.weight;
    memset(j->weight, 0, (j->z.weight + j->z.bias) * sizeof *j->weight);
    for (size_t o = 0; o < (size_t)j->c->channels_out; o++) {
        for (size_t i = 0; i < j->z.in; i++)
            for (size_t tap = 0; tap < 9; tap++)
                j->weight[(tap * j->z.in + i) * j->z.out + o] = j->c->weight[(o * j->z.in + i) * 9 + tap];
        j->bias[o] = j->c->bias[o];
    }
}

static void load_slot(const struct job *j, const struct margin_slot *t, size_t slot) {
    const size_t row = t->subcarriers * t->stride;
    for (size_t s = 0; s < t->symbols; s++)
        memcpy(margin_row(t, s), j->x + (slot * t->symbols + s) * row, row * sizeof *t->data);
}

static void forward_block(void *context, size_t block, int thread) {
    const struct job *j = context;
    const struct sizes *z = &j->z;
    const struct margin_slot t = job_scratch(j, thread);
    size_t first, last;
    slot_range(j->run->grid, block, &first, &last);
    margin_clear(&t);
    for (size_t slot = first; slot < last; slot++) {
        load_slot(j, &t, slot);
        for (size_t s = 0; s < t.symbols; s++) {
            float *y = j->y + (slot * t.symbols + s) * t.subcarriers * z->out;
            const struct window w = margin_window(&t, s, 1, 0, j->weight, NULL, z->in * z->out);
            for (int r = 0; r < w.count; r++) {
                const struct product product = {
                    .m = t.subcarriers,
                    .n = z->out,
                    .k = z->taps,
                    .a = w.row[r] - z->in,
                    .a_row = z->in,
                    .a_step = 1,
                    .b = w.weight[r],
                    .b_row = z->out,
                    .c = y,
                    .c_row = z->out,
                    .init = r == 0 ? NULL : y,
                    .init_row = z->out,
                    .bias = r == 0 ? j->bias : NULL,
                };
                product_run(&product);
            }
            if (j->moments != NULL)
                slot_moments(j->moments + slot * MOMENTS * z->out, y, t.subcarriers, z->out, s == 0);
        }
    }
}

void stem_forward(const struct run *run, const struct convolution *c, const float *x, float *y,
                  const struct norm *next) {
    struct job j = {.run = run, .c = c, .x = x, .y = y};
    job_begin(&j);
    if (next != NULL)
        j.moments = job_moments(&j);
    parallel_for(run->parallel, slot_blocks(run->grid), forward_block, &j);
    if (next != NULL)
        norm_from_moments(next, run->grid, j.moments);
}

static void backward_block(void *context, size_t block, int thread) {
    const struct job *j = context;
    const struct sizes *z = &j->z;
    const struct margin_slot t = job_scratch(j, thread);
    float *weight = job_partials(j) + block * z->partial, *bias = weight + z->weight;
    const size_t elements = t.symbols * t.subcarriers;
    size_t first, last;
    slot_range(j->run->grid, block, &first, &last);
    memset(weight, 0, z->partial * sizeof *weight);
    margin_clear(&t);
    for (size_t slot = first; slot < last; slot++) {
        gradient_complete(j->dy, slot * elements, elements, z->out);
        load_slot(j, &t, slot);
        for (size_t s = 0; s < t.symbols; s++) {
            const float *g = j->dy->g + (slot * elements + s * t.subcarriers) * z->out;
            const struct window w = margin_window(&t, s, 1, 0, j->weight, weight, z->in * z->out);
            for (int r = 0; r < w.count; r++) {
                const struct product product = {
                    .m = z->taps,
                    .n = z->out,
                    .k = t.subcarriers,
                    .a = w.row[r] - z->in,
                    .a_row = 1,
                    .a_step = z->in,
                    .b = g,
                    .b_row = z->out,
                    .c = w.gradient[r],
                    .c_row = z->out,
                    .init = w.gradient[r],
                    .init_row = z->out,
                };
                product_run(&product);
            }
            simd_for(z->out)->column_sum(g, bias, t.subcarriers, z->out);
        }
    }
}

void stem_backward(const struct run *run, const struct convolution *c, const float *x, const struct gradient *dy) {
    struct job j = {.run = run, .c = c, .x = x, .dy = dy};
    job_begin(&j);
    parallel_for(run->parallel, slot_blocks(run->grid), backward_block, &j);
    partial_reduce(run->parallel, job_partials(&j), j.z.partial, slot_blocks(run->grid));
    const float *weight = job_partials(&j);
    for (size_t o = 0; o < (size_t)c->channels_out; o++) {
        for (size_t i = 0; i < j.z.in; i++)
            for (size_t tap = 0; tap < 9; tap++)
                c->weight_gradient[(o * j.z.in + i) * 9 + tap] = weight[(tap * j.z.in + i) * j.z.out + o];
        c->bias_gradient[o] = weight[j.z.weight + o];
    }
}
