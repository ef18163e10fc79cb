/*
 * The loops of cpu/simd.h for one vector type. The including file defines SIMD_LANES, SIMD_FMA(a, b, c), SIMD_NAME(x)
 * (x with the set's suffix), SIMD_TILE_ROWS and SIMD_TILE_VECTORS (the matrix tile that fits its registers). Included
 * more than once by a file with several widths, so without a guard of its own.
 */
#define vec SIMD_NAME(vec)
#define ivec SIMD_NAME(ivec)
#define load SIMD_NAME(load)
#define store SIMD_NAME(store)
#define splat SIMD_NAME(splat)
#define positive_mask SIMD_NAME(positive_mask)
#define masked SIMD_NAME(masked)
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * SIMD_LANES)));
typedef int ivec __attribute__((vector_size(4 * SIMD_LANES)));

INLINE vec load(const float *p) {
    typedef float loose __attribute__((vector_size(4 * SIMD_LANES), aligned(4), may_alias));
    return *(const loose *)p;
}

INLINE void store(float *p, vec v) {
    typedef float loose __attribute__((vector_size(4 * SIMD_LANES), aligned(4), may_alias));
    *(loose *)p = v;
}

INLINE vec splat(float x) {
    return x - (vec){0};
}

/* All ones where v is not <= 0: a NaN passes, so that a broken net shows it. */
INLINE ivec positive_mask(vec v) {
    return ~(ivec)(v <= (vec){0});
}

INLINE vec masked(vec v, ivec mask) {
    return (vec)((ivec)v & mask);
}

/* Loops over rows for as many vectors of channels at a time as registers hold. BODY(vectors, from) is run for each
   group of channels, which begins at `from`. Rows are then read in pieces of up to 256 bytes, and sums that wait for
   their own last addition have others beside them. */
#define SIMD_GROUPS(channels, body)                                                                                    \
    do {                                                                                                               \
        size_t from_ = 0;                                                                                              \
        for (; from_ + (size_t)4 * SIMD_LANES <= (channels); from_ += (size_t)4 * SIMD_LANES)                          \
            body(4, from_);                                                                                            \
        for (; from_ + (size_t)2 * SIMD_LANES <= (channels); from_ += (size_t)2 * SIMD_LANES)                          \
            body(2, from_);                                                                                            \
        for (; from_ < (channels); from_ += SIMD_LANES)                                                                \
            body(1, from_);                                                                                            \
    } while (0)

INLINE void SIMD_NAME(rectify_group)(int vectors, size_t from, float *out, size_t out_stride, const float *x,
                                     const float *scale, const float *shift, size_t elements, size_t channels) {
    vec s[4], t[4];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        s[v] = load(scale + from + (size_t)v * SIMD_LANES);
        t[v] = load(shift + from + (size_t)v * SIMD_LANES);
    }
    for (size_t e = 0; e < elements; e++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            const size_t c = from + (size_t)v * SIMD_LANES;
            const vec value = SIMD_FMA(load(x + e * channels + c), s[v], t[v]);
            store(out + e * out_stride + c, masked(value, positive_mask(value)));
        }
    }
}

static void SIMD_NAME(rectify)(float *out, size_t out_stride, const float *x, const float *scale, const float *shift,
                               size_t elements, size_t channels) {
#define BODY(vectors, from)                                                                                            \
    SIMD_NAME(rectify_group)(vectors, from, out, out_stride, x, scale, shift, elements, channels)
    SIMD_GROUPS(channels, BODY);
#undef BODY
}

INLINE void SIMD_NAME(depthwise_rows)(int rows, float *out, size_t out_stride, const struct window *w,
                                      const float *bias, size_t elements, size_t channels) {
    for (size_t c = 0; c < channels; c += SIMD_LANES) {
        vec weight[3][3];
        const float *row[3];
#pragma GCC unroll 3
        for (int r = 0; r < rows; r++) {
            row[r] = w->row[r] + c;
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++)
                weight[r][t] = load(w->weight[r] + (size_t)t * channels + c);
        }
        const vec start = bias != NULL ? load(bias + c) : (vec){0};
        for (size_t e = 0; e < elements; e++) {
            vec sum = bias != NULL ? start : load(out + e * out_stride + c);
#pragma GCC unroll 3
            for (int r = 0; r < rows; r++) {
                const float *p = row[r] + e * w->stride;
                sum = SIMD_FMA(load(p - w->step), weight[r][0], sum);
                sum = SIMD_FMA(load(p), weight[r][1], sum);
                sum = SIMD_FMA(load(p + w->step), weight[r][2], sum);
            }
            store(out + e * out_stride + c, sum);
        }
    }
}

static void SIMD_NAME(depthwise)(float *out, size_t out_stride, const struct window *w, const float *bias,
                                 size_t elements, size_t channels) {
    if (w->count == 3)
        SIMD_NAME(depthwise_rows)(3, out, out_stride, w, bias, elements, channels);
    else if (w->count == 2)
        SIMD_NAME(depthwise_rows)(2, out, out_stride, w, bias, elements, channels);
    else
        SIMD_NAME(depthwise_rows)(1, out, out_stride, w, bias, elements, channels);
}

INLINE void SIMD_NAME(depthwise_gradient_rows)(int rows, const struct window *w, float *bias_gradient, const float *g,
                                               size_t g_stride, size_t elements, size_t channels) {
    for (size_t c = 0; c < channels; c += SIMD_LANES) {
        vec sum[3][3];
#pragma GCC unroll 3
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++)
                sum[r][t] = load(w->gradient[r] + (size_t)t * channels + c);
        vec bias = load(bias_gradient + c);
        for (size_t e = 0; e < elements; e++) {
            const vec d = load(g + e * g_stride + c);
            bias += d;
#pragma GCC unroll 3
            for (int r = 0; r < rows; r++) {
                const float *p = w->row[r] + e * w->stride + c;
                sum[r][0] = SIMD_FMA(load(p - w->step), d, sum[r][0]);
                sum[r][1] = SIMD_FMA(load(p), d, sum[r][1]);
                sum[r][2] = SIMD_FMA(load(p + w->step), d, sum[r][2]);
            }
        }
#pragma GCC unroll 3
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++)
                store(w->gradient[r] + (size_t)t * channels + c, sum[r][t]);
        store(bias_gradient + c, bias);
    }
}

static void SIMD_NAME(depthwise_gradient)(const struct window *w, float *bias_gradient, const float *g, size_t g_stride,
                                          size_t elements, size_t channels) {
    if (w->count == 3)
        SIMD_NAME(depthwise_gradient_rows)(3, w, bias_gradient, g, g_stride, elements, channels);
    else if (w->count == 2)
        SIMD_NAME(depthwise_gradient_rows)(2, w, bias_gradient, g, g_stride, elements, channels);
    else
        SIMD_NAME(depthwise_gradient_rows)(1, w, bias_gradient, g, g_stride, elements, channels);
}

INLINE void SIMD_NAME(rectify_gradient_group)(int vectors, size_t from, float *g, const float *x, const float *scale,
                                              const float *shift, const float *mean, float *sum, float *sum_centred,
                                              size_t elements, size_t channels) {
    vec s[4], t[4], middle[4], total[4], centred[4];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        const size_t c = from + (size_t)v * SIMD_LANES;
        s[v] = load(scale + c);
        t[v] = load(shift + c);
        middle[v] = load(mean + c);
        total[v] = centred[v] = (vec){0};
    }
    for (size_t e = 0; e < elements; e++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            const size_t at = e * channels + from + (size_t)v * SIMD_LANES;
            const vec value = load(x + at);
            const vec d = masked(load(g + at), positive_mask(SIMD_FMA(value, s[v], t[v])));
            store(g + at, d);
            total[v] += d;
            centred[v] = SIMD_FMA(d, value - middle[v], centred[v]);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        const size_t c = from + (size_t)v * SIMD_LANES;
        store(sum + c, load(sum + c) + total[v]);
        store(sum_centred + c, load(sum_centred + c) + centred[v]);
    }
}

static void SIMD_NAME(rectify_gradient)(float *g, const float *x, const float *scale, const float *shift,
                                        const float *mean, float *sum, float *sum_centred, size_t elements,
                                        size_t channels) {
#define BODY(vectors, from)                                                                                            \
    SIMD_NAME(rectify_gradient_group)(vectors, from, g, x, scale, shift, mean, sum, sum_centred, elements, channels)
    SIMD_GROUPS(channels, BODY);
#undef BODY
}

INLINE void SIMD_NAME(norm_gradient_group)(int vectors, size_t from, float *g, const float *x, const float *add,
                                           const float *a, const float *b, const float *c, size_t elements,
                                           size_t channels) {
    vec va[4], vb[4], vc[4];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        const size_t i = from + (size_t)v * SIMD_LANES;
        va[v] = load(a + i);
        vb[v] = load(b + i);
        vc[v] = load(c + i);
    }
    for (size_t e = 0; e < elements; e++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            const size_t at = e * channels + from + (size_t)v * SIMD_LANES;
            vec value = SIMD_FMA(load(g + at), va[v], SIMD_FMA(load(x + at), vb[v], vc[v]));
            if (add != NULL)
                value += load(add + at);
            store(g + at, value);
        }
    }
}

static void SIMD_NAME(norm_gradient)(float *g, const float *x, const float *add, const float *a, const float *b,
                                     const float *c, size_t elements, size_t channels) {
#define BODY(vectors, from) SIMD_NAME(norm_gradient_group)(vectors, from, g, x, add, a, b, c, elements, channels)
    SIMD_GROUPS(channels, BODY);
#undef BODY
}

INLINE void SIMD_NAME(moments_group)(int vectors, size_t from, const float *x, const float *pivot, float *sum,
                                     float *square, size_t elements, size_t channels) {
    vec middle[4], first[4], second[4];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        middle[v] = load(pivot + from + (size_t)v * SIMD_LANES);
        first[v] = second[v] = (vec){0};
    }
    for (size_t e = 0; e < elements; e++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            const vec d = load(x + e * channels + from + (size_t)v * SIMD_LANES) - middle[v];
            first[v] += d;
            second[v] = SIMD_FMA(d, d, second[v]);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        const size_t c = from + (size_t)v * SIMD_LANES;
        store(sum + c, load(sum + c) + first[v]);
        store(square + c, load(square + c) + second[v]);
    }
}

static void SIMD_NAME(moments)(const float *x, const float *pivot, float *sum, float *square, size_t elements,
                               size_t channels) {
#define BODY(vectors, from) SIMD_NAME(moments_group)(vectors, from, x, pivot, sum, square, elements, channels)
    SIMD_GROUPS(channels, BODY);
#undef BODY
}

INLINE void SIMD_NAME(column_sum_group)(int vectors, size_t from, const float *x, float *sum, size_t elements,
                                        size_t channels) {
    vec total[4];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        total[v] = (vec){0};
    for (size_t e = 0; e < elements; e++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            total[v] += load(x + e * channels + from + (size_t)v * SIMD_LANES);
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        const size_t c = from + (size_t)v * SIMD_LANES;
        store(sum + c, load(sum + c) + total[v]);
    }
}

static void SIMD_NAME(column_sum)(const float *x, float *sum, size_t elements, size_t channels) {
#define BODY(vectors, from) SIMD_NAME(column_sum_group)(vectors, from, x, sum, elements, channels)
    SIMD_GROUPS(channels, BODY);
#undef BODY
}

/* The start value of the sum of one place of c, or the value that it is added to. */
INLINE vec SIMD_NAME(tile_start)(const struct product *g, size_t i, size_t j) {
    const vec start = g->bias != NULL ? load(g->bias + j) : (vec){0};
    return g->init != NULL ? start + load(g->init + i * g->init_row + j) : start;
}

/* One tile of the product, held in registers: `rows` and `vectors` are constants where this is taken in. */
INLINE void SIMD_NAME(tile)(int rows, int vectors, bool transposed, bool from_zero, const struct product *g, size_t i,
                            size_t j) {
    vec sum[SIMD_TILE_ROWS][SIMD_TILE_VECTORS];
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            sum[r][v] = (vec){0};
            if (!from_zero)
                sum[r][v] = SIMD_NAME(tile_start)(g, i + (size_t)r, j + (size_t)v * SIMD_LANES);
        }
    const size_t row = transposed ? 1 : g->a_row, step = transposed ? g->a_step : 1, b_row = g->b_row;
    const float *a = g->a + i * row, *b = g->b + j;
    for (size_t p = 0; p < g->k; p++, a += step, b += b_row) {
        vec across[SIMD_TILE_VECTORS];
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++)
            across[v] = load(b + (size_t)v * SIMD_LANES);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const vec down = splat(a[(size_t)r * row]);
#pragma GCC unroll 3
            for (int v = 0; v < vectors; v++)
                sum[r][v] = SIMD_FMA(down, across[v], sum[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            const size_t at = j + (size_t)v * SIMD_LANES;
            if (from_zero)
                sum[r][v] = SIMD_NAME(tile_start)(g, i + (size_t)r, at) + sum[r][v];
            store(g->c + (i + (size_t)r) * g->c_row + at, sum[r][v]);
        }
}

INLINE void SIMD_NAME(panel)(int vectors, bool transposed, bool from_zero, const struct product *g, size_t j) {
    size_t i = 0;
    for (; i + SIMD_TILE_ROWS <= g->m; i += SIMD_TILE_ROWS)
        SIMD_NAME(tile)(SIMD_TILE_ROWS, vectors, transposed, from_zero, g, i, j);
    for (; i + 2 <= g->m; i += 2)
        SIMD_NAME(tile)(2, vectors, transposed, from_zero, g, i, j);
    for (; i < g->m; i++)
        SIMD_NAME(tile)(1, vectors, transposed, from_zero, g, i, j);
}

INLINE void SIMD_NAME(product_as)(const struct product *g, bool transposed, bool from_zero) {
    for (size_t j = 0; j < g->n;) {
        const size_t left = (g->n - j) / SIMD_LANES;
        size_t vectors = left < 2 ? 1 : 2;
        if (SIMD_TILE_VECTORS == 3 && left >= 3 && left != 4) { /* four are two and two, not three and one */
            vectors = 3;
            SIMD_NAME(panel)(SIMD_TILE_VECTORS, transposed, from_zero, g, j);
        } else if (vectors == 2) {
            SIMD_NAME(panel)(2, transposed, from_zero, g, j);
        } else {
            SIMD_NAME(panel)(1, transposed, from_zero, g, j);
        }
        j += vectors * SIMD_LANES;
    }
}

static void SIMD_NAME(product)(const struct product *g) {
    const bool transposed = g->a_row == 1;
    if (transposed && g->from_zero)
        SIMD_NAME(product_as)(g, true, true);
    else if (g->from_zero)
        SIMD_NAME(product_as)(g, false, true);
    else if (transposed)
        SIMD_NAME(product_as)(g, true, false);
    else
        SIMD_NAME(product_as)(g, false, false);
}

const struct simd SIMD_NAME(simd) = {
    .lanes = SIMD_LANES,
    .rectify = SIMD_NAME(rectify),
    .depthwise = SIMD_NAME(depthwise),
    .depthwise_gradient = SIMD_NAME(depthwise_gradient),
    .rectify_gradient = SIMD_NAME(rectify_gradient),
    .norm_gradient = SIMD_NAME(norm_gradient),
    .moments = SIMD_NAME(moments),
    .column_sum = SIMD_NAME(column_sum),
    .product = SIMD_NAME(product),
};

#undef SIMD_GROUPS
#undef vec
#undef ivec
#undef load
#undef store
#undef splat
#undef positive_mask
#undef masked
#undef INLINE
