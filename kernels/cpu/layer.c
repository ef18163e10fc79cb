#include "kernels/cpu/layer.h"

#include <cblas.h>
#include <string.h>

#include "kernels/code_path.h"

enum { BLOCKS_MAX = 16, TILE_ELEMENTS = 240 };

size_t slot_blocks(struct grid grid) {
    return grid.slots < BLOCKS_MAX ? (size_t)grid.slots : BLOCKS_MAX;
}

void slot_range(struct grid grid, size_t block, size_t *first, size_t *last) {
    const size_t blocks = slot_blocks(grid), slots = (size_t)grid.slots;
    *first = block * slots / blocks;
    *last = (block + 1) * slots / blocks;
}

size_t tile_symbols(struct grid grid) {
    const size_t symbols = TILE_ELEMENTS / (size_t)grid.subcarriers;
    return symbols < 1 ? 1 : symbols > (size_t)grid.symbols ? (size_t)grid.symbols : symbols;
}

void slot_moments(float *moments, const float *y, size_t elements, size_t channels, bool first) {
    float *pivot = moments, *sum = moments + channels, *square = moments + 2 * channels;
    if (first) {
        memcpy(pivot, y, channels * sizeof *pivot);
        memset(sum, 0, 2 * channels * sizeof *sum);
    }
    simd_for(channels)->moments(y, pivot, sum, square, elements, channels);
}

void gradient_complete(const struct gradient *dy, size_t from, size_t elements, size_t channels) {
    if (dy->norm == NULL)
        return;
    const struct coefficients k = norm_coefficients(dy->norm);
    const size_t at = from * channels;
    simd_for(channels)->norm_gradient(dy->g + at, dy->x + at, dy->add == NULL ? NULL : dy->add + at, k.by_gradient,
                                      k.by_x, k.constant, elements, channels);
}

struct reduction {
    float *partial;
    size_t size, blocks;
};

enum { REDUCE_FLOATS = 4096 };

static void reduce_block(void *context, size_t block, int thread) {
    (void)thread;
    const struct reduction *r = context;
    const size_t from = block * REDUCE_FLOATS, left = r->size - from,
                 count = left < REDUCE_FLOATS ? left : REDUCE_FLOATS;
    float *sum = r->partial + from;
    for (size_t b = 1; b < r->blocks; b++) {
        const float *add = r->partial + b * r->size + from;
        for (size_t i = 0; i < count; i++)
            sum[i] += add[i];
    }
}

void partial_reduce(struct parallel *p, float *partial, size_t size, size_t blocks) {
    struct reduction r = {partial, size, blocks};
    parallel_for(p, (size + REDUCE_FLOATS - 1) / REDUCE_FLOATS, reduce_block, &r);
}

/* From this size on, b outgrows the caches unless k is cut into pieces, as OpenBLAS does. Our own tiles cut sums as
   OpenBLAS does with AVX-512 and add in its order: the bytes are the same. */
enum { PRODUCT_LARGE = 256, PIECE = 320, PIECE_MULTIPLE = 16 };

static bool product_is_large(const struct product *p) {
    const bool rows_overlap = p->a_row == 1 ? p->a_step < p->m : p->a_row < p->k; /* the stem's: no matrix for BLAS */
    return !rows_overlap && p->n >= PRODUCT_LARGE && p->k >= PRODUCT_LARGE;
}

static void product_blas(const struct product *p) {
    const bool transposed = p->a_row == 1, starts = p->bias != NULL || p->init != NULL;
    for (size_t i = 0; starts && i < p->m; i++) {
        float *c = p->c + i * p->c_row;
        const float *init = p->init == NULL ? NULL : p->init + i * p->init_row;
        for (size_t j = 0; j < p->n; j++)
            c[j] = (p->bias == NULL ? 0.0f : p->bias[j]) + (init == NULL ? 0.0f : init[j]);
    }
    cblas_sgemm(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, (int)p->m, (int)p->n, (int)p->k,
                1.0f, p->a, (int)(transposed ? p->a_step : p->a_row), p->b, (int)p->b_row, starts ? 1.0f : 0.0f, p->c,
                (int)p->c_row);
}

static size_t next_piece(size_t left) {
    if (left / 2 >= PIECE)
        return PIECE;
    return left > PIECE ? (left / 2 + PIECE_MULTIPLE - 1) / PIECE_MULTIPLE * PIECE_MULTIPLE : left;
}

static void product_pieces(const struct product *p) {
    struct product piece = *p;
    piece.from_zero = true;
    for (size_t at = 0; at < p->k; at += piece.k) {
        piece.k = next_piece(p->k - at);
        piece.a = p->a + at * p->a_step;
        piece.b = p->b + at * p->b_row;
        simd_for(p->n)->product(&piece);
        piece.init = p->c;
        piece.init_row = p->c_row;
        piece.bias = NULL;
    }
}

/* With AVX-512 our tiles are as fast as OpenBLAS or faster on every shape of these networks. */
void product_run(const struct product *p) {
    if (!product_is_large(p))
        simd_for(p->n)->product(p);
    else if (platform_path() == PLATFORM_X86_AVX512)
        product_pieces(p);
    else
        product_blas(p);
}

static size_t matrix_place(const struct matrix_layout *l, size_t i) {
    return i % l->multiplier * l->plane + i / l->multiplier;
}

void matrix_pack(const struct matrix_layout *l, const float *weight, float *forward, float *backward) {
    memset(forward, 0, l->in_padded * l->out_padded * sizeof *forward);
    if (backward != NULL)
        memset(backward, 0, l->in_padded * l->out_padded * sizeof *backward);
    for (size_t o = 0; o < l->out; o++)
        for (size_t i = 0; i < l->in; i++) {
            const float w = weight[o * l->in + i];
            forward[matrix_place(l, i) * l->out_padded + o] = w;
            if (backward != NULL)
                backward[o * l->in_padded + matrix_place(l, i)] = w;
        }
}

void matrix_unpack(const struct matrix_layout *l, const float *forward, float *weight) {
    for (size_t o = 0; o < l->out; o++)
        for (size_t i = 0; i < l->in; i++)
            weight[o * l->in + i] = forward[matrix_place(l, i) * l->out_padded + o];
}
