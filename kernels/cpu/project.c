/* The 1x1 convolution behind norm and ReLU, forward and backward: one matrix product an element. */
#include <string.h>

#include "kernels/cpu/layer.h"

/* Areas of the workspace, in floats: packed weights | partial gradients of each block | scratch of each thread. */
struct sizes {
    size_t in, out; /* padded */
    size_t tile;
    size_t weight, bias;
    size_t partial;
    size_t in_tile, out_tile;
};

struct job {
    const struct run *run;
    const struct convolution *c;
    struct sizes z;
    float *weight, *weight_back, *bias; /* [in,out], [out,in], [out] */
    const float *x;
    const struct norm *norm;
    float *y;
    const struct gradient *dy;
    float *dx;
    bool unpadded, only_reader; /* kernels/backend.h: project_forward, project_backward */
};

struct partial {
    float *weight, *bias, *sum, *sum_centred;
};

static struct sizes project_sizes(struct grid grid, const struct convolution *c) {
    struct sizes z = {.in = padded(c->channels_in), .out = padded(c->channels_out), .tile = tile_symbols(grid)};
    const size_t elements = z.tile * (size_t)grid.subcarriers;
    z.weight = area(z.in * z.out);
    z.bias = area(z.out);
    z.partial = z.weight + z.bias + 2 * area(z.in);
    z.in_tile = area(elements * z.in);
    z.out_tile = area(elements * z.out);
    return z;
}

size_t project_workspace_bytes(struct grid grid, int threads, const struct convolution *c) {
    const struct sizes z = project_sizes(grid, c);
    return sizeof(float) *
           (2 * z.weight + z.bias + slot_blocks(grid) * z.partial + (size_t)threads * (z.in_tile + z.out_tile));
}

static float *job_partials(const struct job *j) {
    return j->bias + j->z.bias;
}

static struct partial job_partial(const struct job *j, size_t block) {
    struct partial p;
    p.weight = job_partials(j) + block * j->z.partial;
    p.bias = p.weight + j->z.weight;
    p.sum = p.bias + j->z.bias;
    p.sum_centred = p.sum + area(j->z.in);
    return p;
}

static float *job_scratch(const struct job *j, int thread) {
    return job_partials(j) + slot_blocks(j->run->grid) * j->z.partial + (size_t)thread * (j->z.in_tile + j->z.out_tile);
}

static struct matrix_layout project_layout(const struct job *j) {
    return (struct matrix_layout){
        .in = (size_t)j->c->channels_in,
        .out = (size_t)j->c->channels_out,
        .multiplier = 1,
        .plane = j->z.in,
        .in_padded = j->z.in,
        .out_padded = j->z.out,
    };
}

static void job_begin(struct job *j) {
    j->z = project_sizes(j->run->grid, j->c);
    j->weight = j->run->workspace;
    j->weight_back = j->weight + j->z.weight;
    j->bias = j->weight_back + j->z.weight;
    const struct matrix_layout layout = project_layout(j);
    matrix_pack(&layout, j->c->weight, j->weight, j->weight_back);
    memset(j->bias, 0, j->z.bias * sizeof *j->bias);
    memcpy(j->bias, j->c->bias, (size_t)j->c->channels_out * sizeof *j->bias);
}

static size_t tile_count(const struct job *j, size_t from) {
    const size_t left = (size_t)j->run->grid.symbols - from;
    return left < j->z.tile ? left : j->z.tile;
}

/* Rows of `from_row` floats to rows of `to_row`; what a longer row has more is zero. */
static void copy_rows(float *to, size_t to_row, const float *from, size_t from_row, size_t rows) {
    const size_t common = from_row < to_row ? from_row : to_row;
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < common; k++)
            to[i * to_row + k] = from[i * from_row + k];
        for (size_t k = common; k < to_row; k++)
            to[i * to_row + k] = 0.0f;
    }
}

static void forward_block(void *context, size_t block, int thread) {
    const struct job *j = context;
    const struct sizes *z = &j->z;
    float *in_tile = job_scratch(j, thread), *out_tile = in_tile + z->in_tile;
    const size_t symbols = (size_t)j->run->grid.symbols, subcarriers = (size_t)j->run->grid.subcarriers;
    const struct coefficients k = norm_coefficients(j->norm);
    size_t first, last;
    slot_range(j->run->grid, block, &first, &last);
    for (size_t slot = first; slot < last; slot++)
        for (size_t s = 0, count; s < symbols; s += count) {
            count = tile_count(j, s);
            const size_t at = (slot * symbols + s) * subcarriers, elements = count * subcarriers;
            simd_for(z->in)->rectify(in_tile, z->in, j->x + at * z->in, k.scale, k.shift, elements, z->in);
            const struct product product = {
                .m = elements,
                .n = z->out,
                .k = z->in,
                .a = in_tile,
                .a_row = z->in,
                .a_step = 1,
                .b = j->weight,
                .b_row = z->out,
                .c = j->unpadded ? out_tile : j->y + at * z->out,
                .c_row = z->out,
                .bias = j->bias,
            };
            product_run(&product);
            if (j->unpadded) {
                const size_t row = (size_t)j->c->channels_out;
                copy_rows(j->y + at * row, row, out_tile, z->out, elements);
            }
        }
}

void project_forward(const struct run *run, const struct convolution *c, const float *x, const struct norm *norm,
                     float *y, bool unpadded) {
    struct job j = {.run = run, .c = c, .x = x, .norm = norm, .y = y, .unpadded = unpadded};
    job_begin(&j);
    parallel_for(run->parallel, slot_blocks(run->grid), forward_block, &j);
}

static void backward_tile(const struct job *j, const struct partial *p, float *in_tile, float *out_tile, size_t at,
                          size_t elements) {
    const struct sizes *z = &j->z;
    const struct coefficients k = norm_coefficients(j->norm);
    const float *x = j->x + at * z->in, *g = out_tile;
    float *dx = j->dx + at * z->in;
    if (j->unpadded)
        copy_rows(out_tile, z->out, j->dy->g + at * (size_t)j->c->channels_out, (size_t)j->c->channels_out, elements);
    else
        g = j->dy->g + at * z->out;
    simd_for(z->in)->rectify(in_tile, z->in, x, k.scale, k.shift, elements, z->in);
    const struct product by_weight = {
        .m = z->in,
        .n = z->out,
        .k = elements,
        .a = in_tile,
        .a_row = 1,
        .a_step = z->in,
        .b = g,
        .b_row = z->out,
        .c = p->weight,
        .c_row = z->out,
        .init = p->weight,
        .init_row = z->out,
    };
    product_run(&by_weight);
    simd_for(z->out)->column_sum(g, p->bias, elements, z->out);
    const struct product by_input = {
        .m = elements,
        .n = z->in,
        .k = z->out,
        .a = g,
        .a_row = z->out,
        .a_step = 1,
        .b = j->weight_back,
        .b_row = z->in,
        .c = dx,
        .c_row = z->in,
    };
    product_run(&by_input);
    if (j->only_reader)
        simd_for(z->in)->rectify_gradient(dx, x, k.scale, k.shift, k.mean, p->sum, p->sum_centred, elements, z->in);
}

static void backward_block(void *context, size_t block, int thread) {
    const struct job *j = context;
    const struct partial p = job_partial(j, block);
    float *in_tile = job_scratch(j, thread), *out_tile = in_tile + j->z.in_tile;
    const size_t symbols = (size_t)j->run->grid.symbols, subcarriers = (size_t)j->run->grid.subcarriers;
    size_t first, last;
    slot_range(j->run->grid, block, &first, &last);
    memset(p.weight, 0, j->z.partial * sizeof *p.weight);
    for (size_t slot = first; slot < last; slot++) {
        if (!j->unpadded)
            gradient_complete(j->dy, slot * symbols * subcarriers, symbols * subcarriers, j->z.out);
        for (size_t s = 0, count; s < symbols; s += count) {
            count = tile_count(j, s);
            backward_tile(j, &p, in_tile, out_tile, (slot * symbols + s) * subcarriers, count * subcarriers);
        }
    }
}

void project_backward(const struct run *run, const struct convolution *c, const float *x, const struct norm *norm,
                      const struct gradient *dy, float *dx, bool unpadded, bool only_reader) {
    struct job j = {
        .run = run, .c = c, .x = x, .norm = norm, .dy = dy, .dx = dx, .unpadded = unpadded, .only_reader = only_reader};
    job_begin(&j);
    parallel_for(run->parallel, slot_blocks(run->grid), backward_block, &j);
    partial_reduce(run->parallel, job_partials(&j), j.z.partial, slot_blocks(run->grid));
    const struct partial total = job_partial(&j, 0);
    const struct matrix_layout layout = project_layout(&j);
    matrix_unpack(&layout, total.weight, c->weight_gradient);
    memcpy(c->bias_gradient, total.bias, (size_t)c->channels_out * sizeof *total.bias);
    if (only_reader)
        norm_from_gradient(norm, run->grid, total.sum, total.sum_centred);
}
