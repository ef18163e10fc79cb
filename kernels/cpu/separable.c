/*
 * Half a residual block. The naive loop, for all n, s, f, o, with M = multiplier and h = relu(norm(x)), zero outside
 * the slot:
 *
 *   y[n,s,f,o] = skip[n,s,f,o] + pointwise.bias[o]
 *   for c, m:
 *     deep = depthwise.bias[c*M + m]
 *     for i, k in -1, 0, 1:
 *       deep += depthwise.weight[c*M + m, i+1, k+1] * h[n, s + i*dilation_time, f + k*dilation_frequency, c]
 *     y[n,s,f,o] += pointwise.weight[o, c*M + m] * deep
 *
 * A thread does this for a tile of symbols at a time. So `deep` of all channels stays in its cache, and the last line
 * is one matrix product.
 */
#include <string.h>

#include "kernels/cpu/margin.h"

/* Sizes of a layer (channel counts padded) and where its areas lie in the workspace:
   packed weights | partial gradients, a set a block | moments of each slot | scratch, a set a thread */
struct sizes {
    size_t in, deep, out; /* channels: x, between the two convolutions (multiplier planes of `in`), y */
    size_t multiplier, margin, tile;
    size_t span, lag_span; /* rows in scratch: those that a tile's windows reach; going back, what lags behind it too */
    size_t depthwise, deep_bias, pointwise, out_bias; /* areas of parameters */
    size_t partial;
    size_t slot, deep_slot, deep_tile;
    size_t scratch;
};

/* The packed weights; `flipped` and `pointwise_back` are those of the way back. */
struct packed {
    float *depthwise, *flipped, *deep_bias; /* [m,3,3,in], [m,3,3,in], [deep] */
    float *pointwise, *pointwise_back;      /* [deep,out], [out,deep] */
    float *out_bias;                        /* [out] */
    float *zeros;                           /* [in] */
};

/* One block's share of the gradients. */
struct partial {
    float *depthwise, *deep_bias, *pointwise, *out_bias; /* as struct packed */
    float *sum, *sum_centred;                            /* [in] */
};

/* One thread's scratch. */
struct scratch {
    struct margin_slot rectified; /* relu(norm(x)) */
    struct margin_slot deep;      /* gradient by the depthwise output */
    float *tile;                  /* [tile symbols, F, deep] */
};

struct job {
    const struct run *run;
    const struct separable *s;
    struct sizes z;
    struct packed packed;
    const float *x;
    const struct norm *norm;
    const float *skip;
    float *y, *moments; /* moments NULL: not asked for */
    const struct gradient *dy;
    float *dx;
    bool add_to_dx;
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static struct sizes separable_sizes(struct grid grid, const struct separable *s) {
    struct sizes z = {
        .in = padded(s->depthwise.channels_in),
        .multiplier = (size_t)s->multiplier,
        .out = padded(s->pointwise.channels_out),
        .margin = (size_t)s->dilation_frequency,
        .tile = tile_symbols(grid),
    };
    const size_t symbols = (size_t)grid.symbols, dilation = (size_t)s->dilation_time;
    z.span = smaller(symbols, z.tile + 2 * dilation);
    z.lag_span = smaller(symbols, z.span + dilation);
    z.deep = z.multiplier * z.in;
    z.depthwise = area(9 * z.deep);
    z.deep_bias = area(z.deep);
    z.pointwise = area(z.deep * z.out);
    z.out_bias = area(z.out);
    z.partial = z.depthwise + z.deep_bias + z.pointwise + z.out_bias + 2 * area(z.in);
    z.slot = area(margin_floats(grid, z.lag_span, z.margin, margin_stride(z.in)));
    z.deep_slot = area(margin_floats(grid, z.span, z.margin, margin_stride(z.deep)));
    z.deep_tile = area(z.tile * (size_t)grid.subcarriers * z.deep);
    z.scratch = z.slot + z.deep_slot + z.deep_tile;
    return z;
}

static size_t packed_floats(const struct sizes *z) {
    return 2 * z->depthwise + z->deep_bias + 2 * z->pointwise + z->out_bias + area(z->in);
}

size_t separable_workspace_bytes(struct grid grid, int threads, const struct separable *s) {
    const struct sizes z = separable_sizes(grid, s);
    const size_t moments = area((size_t)grid.slots * MOMENTS * z.out);
    return sizeof(float) * (packed_floats(&z) + slot_blocks(grid) * z.partial + moments + (size_t)threads * z.scratch);
}

static float *job_partials(const struct job *j) {
    return (float *)j->run->workspace + packed_floats(&j->z);
}

static float *job_moments(const struct job *j) {
    return job_partials(j) + slot_blocks(j->run->grid) * j->z.partial;
}

static struct partial job_partial(const struct job *j, size_t block) {
    const struct sizes *z = &j->z;
    struct partial p;
    p.depthwise = job_partials(j) + block * z->partial;
    p.deep_bias = p.depthwise + z->depthwise;
    p.pointwise = p.deep_bias + z->deep_bias;
    p.out_bias = p.pointwise + z->pointwise;
    p.sum = p.out_bias + z->out_bias;
    p.sum_centred = p.sum + area(z->in);
    return p;
}

static struct scratch job_scratch(const struct job *j, int thread) {
    const struct sizes *z = &j->z;
    const struct grid grid = j->run->grid;
    float *base = job_moments(j) + area((size_t)grid.slots * MOMENTS * z->out) + (size_t)thread * z->scratch;
    const size_t symbols = (size_t)grid.symbols, subcarriers = (size_t)grid.subcarriers;
    return (struct scratch){
        .rectified = {base, symbols, subcarriers, z->margin, margin_stride(z->in),
                      j->dy == NULL ? z->span : z->lag_span},
        .deep = {base + z->slot, symbols, subcarriers, z->margin, margin_stride(z->deep), z->span},
        .tile = base + z->slot + z->deep_slot,
    };
}

static struct matrix_layout pointwise_layout(const struct job *j) {
    const struct convolution *p = &j->s->pointwise;
    return (struct matrix_layout){
        .in = (size_t)p->channels_in,
        .out = (size_t)p->channels_out,
        .multiplier = j->z.multiplier,
        .plane = j->z.in,
        .in_padded = j->z.deep,
        .out_padded = j->z.out,
    };
}

/* Output channel 2c+m of the depthwise convolution is at plane m, place c. Each plane has x's channels, so vectors
   run along channels at any multiplier. */
static void pack_depthwise(const struct job *j) {
    const struct convolution *d = &j->s->depthwise;
    const size_t in = j->z.in, multiplier = j->z.multiplier;
    const struct packed *k = &j->packed;
    memset(k->depthwise, 0, (2 * j->z.depthwise + j->z.deep_bias) * sizeof *k->depthwise);
    for (size_t c = 0; c < (size_t)d->channels_in; c++)
        for (size_t m = 0; m < multiplier; m++) {
            const float *weight = d->weight + (c * multiplier + m) * 9;
            for (size_t tap = 0; tap < 9; tap++) {
                k->depthwise[(m * 9 + tap) * in + c] = weight[tap];
                k->flipped[(m * 9 + tap) * in + c] = weight[8 - tap];
            }
            k->deep_bias[m * in + c] = d->bias[c * multiplier + m];
        }
}

static void unpack_gradients(const struct job *j, const struct partial *p) {
    const struct convolution *d = &j->s->depthwise;
    const size_t in = j->z.in, multiplier = j->z.multiplier;
    for (size_t c = 0; c < (size_t)d->channels_in; c++)
        for (size_t m = 0; m < multiplier; m++) {
            for (size_t tap = 0; tap < 9; tap++)
                d->weight_gradient[(c * multiplier + m) * 9 + tap] = p->depthwise[(m * 9 + tap) * in + c];
            d->bias_gradient[c * multiplier + m] = p->deep_bias[m * in + c];
        }
    const struct matrix_layout layout = pointwise_layout(j);
    matrix_unpack(&layout, p->pointwise, j->s->pointwise.weight_gradient);
    memcpy(j->s->pointwise.bias_gradient, p->out_bias, (size_t)j->s->pointwise.channels_out * sizeof *p->out_bias);
}

static void job_begin(struct job *j) {
    j->z = separable_sizes(j->run->grid, j->s);
    float *at = j->run->workspace;
    struct packed *k = &j->packed;
    k->depthwise = at;
    k->flipped = k->depthwise + j->z.depthwise;
    k->deep_bias = k->flipped + j->z.depthwise;
    k->pointwise = k->deep_bias + j->z.deep_bias;
    k->pointwise_back = k->pointwise + j->z.pointwise;
    k->out_bias = k->pointwise_back + j->z.pointwise;
    k->zeros = k->out_bias + j->z.out_bias;
    pack_depthwise(j);
    const struct matrix_layout layout = pointwise_layout(j);
    matrix_pack(&layout, j->s->pointwise.weight, k->pointwise, k->pointwise_back);
    memset(k->out_bias, 0, (j->z.out_bias + area(j->z.in)) * sizeof *k->out_bias); /* and the zeros behind it */
    memcpy(k->out_bias, j->s->pointwise.bias, (size_t)j->s->pointwise.channels_out * sizeof *k->out_bias);
}

/* Makes rows of relu(norm(x)), from *ready to the last one that the windows about symbols 0..until-1 read. Each row is
   made just ahead of its first use, while the rows that are read again are still in the cache. */
static void rectify_ahead(const struct job *j, const struct scratch *t, size_t slot, size_t *ready, size_t until) {
    const size_t symbols = (size_t)j->run->grid.symbols, row = (size_t)j->run->grid.subcarriers * j->z.in;
    const struct coefficients k = norm_coefficients(j->norm);
    const struct simd *simd = simd_for(j->z.in);
    for (; *ready < symbols && *ready < until + (size_t)j->s->dilation_time; ++*ready)
        simd->rectify(margin_row(&t->rectified, *ready), t->rectified.stride, j->x + (slot * symbols + *ready) * row,
                      k.scale, k.shift, (size_t)j->run->grid.subcarriers, j->z.in);
}

/* The depthwise output of symbols from..from+count-1 into the tile. */
static void depthwise_tile(const struct job *j, const struct scratch *t, size_t from, size_t count) {
    const size_t in = j->z.in, deep = j->z.deep, subcarriers = (size_t)j->run->grid.subcarriers;
    const struct simd *simd = simd_for(in);
    for (size_t s = 0; s < count; s++)
        for (size_t m = 0; m < j->z.multiplier; m++) {
            const struct window w = margin_window(&t->rectified, from + s, (size_t)j->s->dilation_time, 0,
                                                  j->packed.depthwise + m * 9 * in, NULL, in);
            simd->depthwise(t->tile + s * subcarriers * deep + m * in, deep, &w, j->packed.deep_bias + m * in,
                            subcarriers, in);
        }
}

static size_t tile_count(const struct job *j, size_t from) {
    const size_t left = (size_t)j->run->grid.symbols - from;
    return left < j->z.tile ? left : j->z.tile;
}

/* Asks for the next slot's share of these symbols while this slot computes: a small net waits for memory otherwise. */
static void fetch_next(const struct job *j, size_t slot, size_t symbol, size_t count) {
    const size_t subcarriers = (size_t)j->run->grid.subcarriers, symbols = (size_t)j->run->grid.symbols;
    if (slot + 1 == (size_t)j->run->grid.slots)
        return;
    const size_t at = ((slot + 1) * symbols + symbol) * subcarriers, elements = count * subcarriers;
    const size_t in = at * j->z.in, out = at * j->z.out;
    fetch(j->x + in, elements * j->z.in);
    if (j->dy == NULL) {
        fetch(j->y + out, elements * j->z.out);
        fetch(j->skip == NULL || j->skip == j->y ? NULL : j->skip + out, elements * j->z.out);
        return;
    }
    fetch(j->dx + in, elements * j->z.in);
    fetch(j->dy->g + out, elements * j->z.out);
    fetch(j->dy->norm == NULL ? NULL : j->dy->x + out, elements * j->z.out);
    fetch(j->dy->norm == NULL || j->dy->add == NULL ? NULL : j->dy->add + out, elements * j->z.out);
}

static void forward_block(void *context, size_t block, int thread) {
    const struct job *j = context;
    const struct sizes *z = &j->z;
    const struct scratch t = job_scratch(j, thread);
    const size_t symbols = (size_t)j->run->grid.symbols, subcarriers = (size_t)j->run->grid.subcarriers;
    size_t first, last;
    slot_range(j->run->grid, block, &first, &last);
    margin_clear(&t.rectified);
    for (size_t slot = first; slot < last; slot++) {
        size_t ready = 0;
        for (size_t s = 0, count; s < symbols; s += count) {
            count = tile_count(j, s);
            fetch_next(j, slot, s, count);
            rectify_ahead(j, &t, slot, &ready, s + count);
            depthwise_tile(j, &t, s, count);
            const size_t at = (slot * symbols + s) * subcarriers * z->out;
            const struct product product = {
                .m = count * subcarriers,
                .n = z->out,
                .k = z->deep,
                .a = t.tile,
                .a_row = z->deep,
                .a_step = 1,
                .b = j->packed.pointwise,
                .b_row = z->out,
                .c = j->y + at,
                .c_row = z->out,
                .init = j->skip == NULL ? NULL : j->skip + at,
                .init_row = z->out,
                .bias = j->packed.out_bias,
            };
            product_run(&product);
            if (j->moments != NULL)
                slot_moments(j->moments + slot * MOMENTS * z->out, j->y + at, product.m, z->out, s == 0);
        }
    }
}

void separable_forward(const struct run *run, const struct separable *s, const float *x, const struct norm *norm,
                       const float *skip, float *y, const struct norm *next) {
    struct job j = {.run = run, .s = s, .x = x, .norm = norm, .skip = skip, .y = y};
    job_begin(&j);
    if (next != NULL)
        j.moments = job_moments(&j);
    parallel_for(run->parallel, slot_blocks(run->grid), forward_block, &j);
    if (next != NULL)
        norm_from_moments(next, run->grid, j.moments);
}

/* For one tile of symbols: the gradients by the pointwise weights, then by the depthwise output (into t->deep). */
static void pointwise_back(const struct job *j, const struct scratch *t, const struct partial *p, const float *g,
                           size_t from, size_t count) {
    const struct sizes *z = &j->z;
    const size_t subcarriers = (size_t)j->run->grid.subcarriers, elements = count * subcarriers;
    depthwise_tile(j, t, from, count);
    const struct product by_weight = {
        .m = z->deep,
        .n = z->out,
        .k = elements,
        .a = t->tile,
        .a_row = 1,
        .a_step = z->deep,
        .b = g,
        .b_row = z->out,
        .c = p->pointwise,
        .c_row = z->out,
        .init = p->pointwise,
        .init_row = z->out,
    };
    product_run(&by_weight);
    simd_for(z->out)->column_sum(g, p->out_bias, elements, z->out);
    for (size_t s = 0; s < count; s++) {
        const struct product by_input = {
            .m = subcarriers,
            .n = z->deep,
            .k = z->out,
            .a = g + s * subcarriers * z->out,
            .a_row = z->out,
            .a_step = 1,
            .b = j->packed.pointwise_back,
            .b_row = z->deep,
            .c = margin_row(&t->deep, from + s),
            .c_row = t->deep.stride,
        };
        product_run(&by_input);
    }
}

/* For one symbol: the gradients by the depthwise weights and by relu(norm(x)), then back through the rectifier. */
static void depthwise_back(const struct job *j, const struct scratch *t, const struct partial *p, size_t slot,
                           size_t symbol) {
    const struct sizes *z = &j->z;
    const size_t subcarriers = (size_t)j->run->grid.subcarriers, dilation = (size_t)j->s->dilation_time;
    const size_t at = (slot * (size_t)j->run->grid.symbols + symbol) * subcarriers * z->in;
    const struct simd *simd = simd_for(z->in);
    float *dx = j->dx + at;
    for (size_t m = 0; m < z->multiplier; m++) {
        const size_t weight = m * 9 * z->in;
        const struct window forward = margin_window(&t->rectified, symbol, dilation, 0, j->packed.depthwise + weight,
                                                    p->depthwise + weight, z->in);
        simd->depthwise_gradient(&forward, p->deep_bias + m * z->in, margin_row(&t->deep, symbol) + m * z->in,
                                 t->deep.stride, subcarriers, z->in);
        const struct window back =
            margin_window(&t->deep, symbol, dilation, m * z->in, j->packed.flipped + weight, NULL, z->in);
        simd->depthwise(dx, z->in, &back, m == 0 && !j->add_to_dx ? j->packed.zeros : NULL, subcarriers, z->in);
    }
    const struct coefficients k = norm_coefficients(j->norm);
    simd->rectify_gradient(dx, j->x + at, k.scale, k.shift, k.mean, p->sum, p->sum_centred, subcarriers, z->in);
}

static void backward_block(void *context, size_t block, int thread) {
    const struct job *j = context;
    const struct sizes *z = &j->z;
    const struct scratch t = job_scratch(j, thread);
    const struct partial p = job_partial(j, block);
    const size_t symbols = (size_t)j->run->grid.symbols, subcarriers = (size_t)j->run->grid.subcarriers;
    const size_t dilation = (size_t)j->s->dilation_time;
    size_t first, last;
    slot_range(j->run->grid, block, &first, &last);
    memset(p.depthwise, 0, z->partial * sizeof *p.depthwise);
    margin_clear(&t.rectified);
    margin_clear(&t.deep);
    for (size_t slot = first; slot < last; slot++) {
        size_t ready = 0, done = 0; /* `done` waits for its window of t.deep */
        for (size_t s = 0, count; s < symbols; s += count) {
            const size_t at = (slot * symbols + s) * subcarriers;
            count = tile_count(j, s);
            fetch_next(j, slot, s, count);
            rectify_ahead(j, &t, slot, &ready, s + count);
            gradient_complete(j->dy, at, count * subcarriers, z->out);
            pointwise_back(j, &t, &p, j->dy->g + at * z->out, s, count);
            for (; done < symbols && (s + count == symbols || done + dilation < s + count); done++)
                depthwise_back(j, &t, &p, slot, done);
        }
    }
}

void separable_backward(const struct run *run, const struct separable *s, const float *x, const struct norm *norm,
                        const struct gradient *dy, float *dx, bool add_to_dx) {
    struct job j = {.run = run, .s = s, .x = x, .norm = norm, .dy = dy, .dx = dx, .add_to_dx = add_to_dx};
    job_begin(&j);
    parallel_for(run->parallel, slot_blocks(run->grid), backward_block, &j);
    partial_reduce(run->parallel, job_partials(&j), j.z.partial, slot_blocks(run->grid));
    const struct partial total = job_partial(&j, 0);
    unpack_gradients(&j, &total);
    norm_from_gradient(norm, run->grid, total.sum, total.sum_centred);
}
