#include "kernels/receiver.h"

#include <math.h>
#include <string.h>

#include "kernels/code_path.h"
#include "kernels/link_workspace.h"
#include "kernels/tdl.h"

/*
 * Let C = E[p p^H] of the noisy pilot estimates p, and b = E[p conj(h)] for an element's channel h. The estimate is b^H
 * C^-1 p and its error E|h|^2 - b^H C^-1 b. Both need only L^-1 b and L^-1 p, where C = L L^H.
 *
 * The correlation is J0(time) x frequency + line of sight, so every b is a sum of a few columns. Each pilot symbol q
 * adds J0(t_q - t) times the correlations of its pilots to subcarrier k. It also adds the line of sight times ones on
 * its pilots. One matrix holds these and the observations, solved for at once:
 *
 *   column  q F + k (k < F, pilot symbols q)  |  ones of each pilot symbol  |  p of each antenna  |  padding
 */
enum { TILE = 16 /* columns solved together */, MAX_PILOT_SYMBOLS = 2 };

/* Keeps C positive definite in double precision where there is next to no noise. */
static const double least_noise_var = 1e-10;

/* A matrix, real and imaginary parts apart, row by row. */
struct split {
    double *re, *im;
    size_t row;
};

struct wiener {
    int symbols[MAX_PILOT_SYMBOLS], antennas;
    size_t count, f, per_symbol, pilots; /* pilot symbols; subcarriers; pilots of a symbol and of the slot */
    size_t ones, observed, columns;      /* first column of each kind; all of them, padded */
    double complex *lag;                 /* [F] frequency correlation */
    double *scratch;                     /* [2 pilots] */
    struct split factor;                 /* [pilots, pilots]: C, then L with 1/L on the diagonal */
    struct split column;                 /* [pilots, columns]: b and p, then L^-1 of them */
    struct split product;                /* [products, F]: column^H column by subcarrier, at product_row() */
};

/* Sizes and columns; no memory yet. */
static struct wiener wiener_shape(const struct link_config *c) {
    struct wiener w = {.antennas = c->antennas};
    w.count = (size_t)link_pilot_symbols(w.symbols, c);
    w.f = (size_t)link_subcarriers(c);
    w.per_symbol = w.f / 2;
    w.pilots = w.count * w.per_symbol;
    w.ones = w.count * w.f;
    w.observed = w.ones + w.count;
    w.columns = (w.observed + (size_t)c->antennas + TILE - 1) / TILE * TILE;
    return w;
}

/* Frequency column q against: those of symbol 0..count-1, then the columns from `ones` on. */
static size_t product_rows(const struct wiener *w) {
    return w->count * (2 * w->count + (size_t)w->antennas);
}

static size_t product_row(const struct wiener *w, size_t q, size_t other) {
    return q * (2 * w->count + (size_t)w->antennas) + other;
}

static size_t split_bytes(size_t rows, size_t row) {
    return 2 * workspace_piece(rows * row, sizeof(double));
}

static struct split split_place(void **at, size_t rows, size_t row) {
    struct split m = {.row = row};
    m.re = workspace_next(at, rows * row, sizeof(double));
    m.im = workspace_next(at, rows * row, sizeof(double));
    memset(m.re, 0, rows * row * sizeof(double));
    memset(m.im, 0, rows * row * sizeof(double));
    return m;
}

size_t receiver_wiener_workspace_bytes(const struct link_config *c) {
    struct wiener w = wiener_shape(c);
    return workspace_piece(w.f, sizeof *w.lag) + workspace_piece(2 * w.pilots, sizeof *w.scratch) +
           split_bytes(w.pilots, w.pilots) + split_bytes(w.pilots, w.columns) + split_bytes(product_rows(&w), w.f) +
           WORKSPACE_LINE;
}

static void wiener_place(struct wiener *w, void *workspace) {
    w->lag = workspace_next(&workspace, w->f, sizeof *w->lag);
    w->scratch = workspace_next(&workspace, 2 * w->pilots, sizeof *w->scratch);
    w->factor = split_place(&workspace, w->pilots, w->pilots);
    w->column = split_place(&workspace, w->pilots, w->columns);
    w->product = split_place(&workspace, product_rows(w), w->f);
}

/* E[h(a) conj h(b)] of subcarriers a, b, by its scattered part over frequency. */
static double complex frequency_lag(const struct wiener *w, size_t a, size_t b) {
    return a >= b ? w->lag[a - b] : conj(w->lag[b - a]);
}

static void split_set(struct split *m, size_t i, size_t j, double complex value) {
    m->re[i * m->row + j] = creal(value);
    m->im[i * m->row + j] = cimag(value);
}

/* The lower half of C. */
static void fill_covariance(struct wiener *w, const struct tdl_profile *p, const struct link_draw *draw,
                            double spacing_hz, double noise_var) {
    for (size_t q = 0; q < w->count; q++)
        for (size_t t = 0; t <= q; t++) {
            int lag = w->symbols[q] - w->symbols[t];
            double time = tdl_time_correlation(draw->doppler_hz, spacing_hz, lag);
            double complex los = tdl_los_correlation(p, draw->doppler_hz, spacing_hz, lag);
            for (size_t i = 0; i < w->per_symbol; i++)
                for (size_t j = 0; j < w->per_symbol; j++)
                    split_set(&w->factor, q * w->per_symbol + i, t * w->per_symbol + j,
                              time * frequency_lag(w, 2 * i, 2 * j) + los);
        }
    for (size_t i = 0; i < w->pilots; i++)
        w->factor.re[i * w->factor.row + i] += fmax(noise_var, least_noise_var);
}

static void fill_columns(struct wiener *w, const struct link_slot *slot) {
    for (size_t q = 0; q < w->count; q++)
        for (size_t i = 0; i < w->per_symbol; i++) {
            size_t row = q * w->per_symbol + i, at = (size_t)w->symbols[q] * w->f + 2 * i;
            for (size_t k = 0; k < w->f; k++)
                split_set(&w->column, row, q * w->f + k, frequency_lag(w, 2 * i, k));
            split_set(&w->column, row, w->ones + q, 1);
            const float *x = (const float *)&slot->pilots[at];
            const float *y = (const float *)&slot->received[at * (size_t)w->antennas];
            for (size_t a = 0; a < (size_t)w->antennas; a++, y += 2)
                split_set(&w->column, row, w->observed + a,
                          CMPLX((double)(y[0] * x[0] + y[1] * x[1]), (double)(y[1] * x[0] - y[0] * x[1])));
        }
}

/* Takes column j of L out of the rows below it: m[i][k] -= L[i][j] conj(L[k][j]), j < k <= i. */
static inline PLATFORM_INLINE void update_rows_body(const struct split *m, size_t j, const double *l_re,
                                                    const double *l_im) {
    for (size_t i = j + 1; i < m->row; i++) {
        double *re = m->re + i * m->row, *im = m->im + i * m->row, a = l_re[i], b = l_im[i];
        for (size_t k = j + 1; k <= i; k++) {
            re[k] -= a * l_re[k] + b * l_im[k];
            im[k] -= b * l_re[k] - a * l_im[k];
        }
    }
}

PLATFORM_DISPATCH(update_rows, (const struct split *m, size_t j, const double *l_re, const double *l_im),
                  (m, j, l_re, l_im));

/* Cholesky, in place; `scratch` holds a column. */
static void factorise(struct wiener *w) {
    struct split *m = &w->factor;
    double *l_re = w->scratch, *l_im = l_re + w->pilots;
    for (size_t j = 0; j < w->pilots; j++) {
        double inverse = 1 / sqrt(m->re[j * m->row + j]);
        m->re[j * m->row + j] = inverse;
        for (size_t i = j + 1; i < w->pilots; i++) {
            l_re[i] = m->re[i * m->row + j] *= inverse;
            l_im[i] = m->im[i * m->row + j] *= inverse;
        }
        update_rows(m, j, l_re, l_im);
    }
}

/* column <- L^-1 column. */
static inline PLATFORM_INLINE void solve_body(const struct split *l, const struct split *b) {
    for (size_t tile = 0; tile < b->row; tile += TILE)
        for (size_t i = 0; i < l->row; i++) {
            double re[TILE], im[TILE];
            memcpy(re, b->re + i * b->row + tile, sizeof re);
            memcpy(im, b->im + i * b->row + tile, sizeof im);
            for (size_t j = 0; j < i; j++) {
                double lr = l->re[i * l->row + j], li = l->im[i * l->row + j];
                const double *br = b->re + j * b->row + tile, *bi = b->im + j * b->row + tile;
                for (int n = 0; n < TILE; n++) {
                    re[n] -= lr * br[n] - li * bi[n];
                    im[n] -= lr * bi[n] + li * br[n];
                }
            }
            for (int n = 0; n < TILE; n++) {
                b->re[i * b->row + tile + (size_t)n] = re[n] * l->re[i * l->row + i];
                b->im[i * b->row + tile + (size_t)n] = im[n] * l->re[i * l->row + i];
            }
        }
}

PLATFORM_DISPATCH(solve, (const struct split *l, const struct split *b), (l, b));

/* product [F] = sum over rows of conj(column [first + k]) column [other + step k]; step 0 or 1. */
static inline PLATFORM_INLINE void multiply_columns_body(double *out_re, double *out_im, const struct split *column,
                                                         size_t rows, size_t first, size_t other, size_t step,
                                                         size_t f) {
    for (size_t i = 0; i < rows; i++) {
        const double *ar = column->re + i * column->row + first, *ai = column->im + i * column->row + first;
        const double *br = column->re + i * column->row + other, *bi = column->im + i * column->row + other;
        if (step == 0) {
            double r = br[0], m = bi[0];
            for (size_t k = 0; k < f; k++) {
                out_re[k] += ar[k] * r + ai[k] * m;
                out_im[k] += ar[k] * m - ai[k] * r;
            }
            continue;
        }
        for (size_t k = 0; k < f; k++) {
            out_re[k] += ar[k] * br[k] + ai[k] * bi[k];
            out_im[k] += ar[k] * bi[k] - ai[k] * br[k];
        }
    }
}

PLATFORM_DISPATCH(multiply_columns,
                  (double *out_re, double *out_im, const struct split *column, size_t rows, size_t first, size_t other,
                   size_t step, size_t f),
                  (out_re, out_im, column, rows, first, other, step, f));

static void fill_products(struct wiener *w) {
    size_t others = 2 * w->count + (size_t)w->antennas;
    for (size_t q = 0; q < w->count; q++)
        for (size_t o = 0; o < others; o++) {
            size_t at = product_row(w, q, o) * w->f;
            bool by_subcarrier = o < w->count;
            multiply_columns(w->product.re + at, w->product.im + at, &w->column, w->pilots, q * w->f,
                             by_subcarrier ? o * w->f : w->ones + o - w->count, by_subcarrier, w->f);
        }
}

/* column a^H column b, of those that are the same for all subcarriers. */
static double complex fixed_product(const struct wiener *w, size_t a, size_t b) {
    double re = 0, im = 0;
    for (size_t i = 0; i < w->pilots; i++) {
        size_t row = i * w->column.row;
        double ar = w->column.re[row + a], ai = w->column.im[row + a];
        double br = w->column.re[row + b], bi = w->column.im[row + b];
        re += ar * br + ai * bi;
        im += ar * bi - ai * br;
    }
    return CMPLX(re, im);
}

static double complex product_at(const struct wiener *w, size_t q, size_t other, size_t k) {
    size_t at = product_row(w, q, other) * w->f + k;
    return CMPLX(w->product.re[at], w->product.im[at]);
}

/* One symbol's weights: b = sum_q time[q] column(q, k) + los[q] ones(q). */
struct weights {
    double time[MAX_PILOT_SYMBOLS];
    double complex los[MAX_PILOT_SYMBOLS];
};

/* b^H C^-1 p = sum of conj(weight) x product, for the antenna. */
static double complex estimate(const struct wiener *w, const struct weights *by, double complex fixed, size_t antenna,
                               size_t k) {
    double complex sum = fixed;
    for (size_t q = 0; q < w->count; q++)
        sum += by->time[q] * product_at(w, q, 2 * w->count + antenna, k);
    return sum;
}

/* b^H C^-1 b, by its quadratic form in the weights. */
static double explained(const struct wiener *w, const struct weights *by, double fixed, size_t k) {
    double sum = fixed;
    for (size_t q = 0; q < w->count; q++)
        for (size_t t = 0; t < w->count; t++)
            sum += by->time[q] * by->time[t] * creal(product_at(w, q, t, k)) +
                   2 * by->time[q] * creal(by->los[t] * product_at(w, q, w->count + t, k));
    return sum;
}

static void estimate_symbol(float complex *h, float *error_var, const struct wiener *w, const struct weights *by) {
    double complex fixed[MAX_ANTENNAS] = {0};
    double fixed_explained = 0;
    for (size_t q = 0; q < w->count; q++) {
        for (size_t a = 0; a < (size_t)w->antennas; a++)
            fixed[a] += conj(by->los[q]) * fixed_product(w, w->ones + q, w->observed + a);
        for (size_t t = 0; t < w->count; t++)
            fixed_explained += creal(conj(by->los[q]) * by->los[t] * fixed_product(w, w->ones + q, w->ones + t));
    }
    for (size_t k = 0; k < w->f; k++) {
        for (size_t a = 0; a < (size_t)w->antennas; a++)
            h[k * (size_t)w->antennas + a] = (float complex)estimate(w, by, fixed[a], a, k);
        error_var[k] = (float)fmax(1 - explained(w, by, fixed_explained, k), 0);
    }
}

void receiver_estimate_wiener(float complex *h, float *error_var, const struct link_slot *slot,
                              const struct link_config *c, double noise_var, void *workspace) {
    const struct link_draw *draw = &slot->draw;
    struct wiener w = wiener_shape(c);
    struct tdl_profile p;
    wiener_place(&w, workspace);
    tdl_profile_get(&p, draw->profile);
    for (size_t k = 0; k < w.f; k++)
        w.lag[k] = tdl_frequency_correlation(&p, draw->spread_s, c->spacing_hz, (int)k);
    fill_covariance(&w, &p, draw, c->spacing_hz, noise_var);
    fill_columns(&w, slot);
    factorise(&w);
    solve(&w.factor, &w.column);
    fill_products(&w);
    for (int s = 0; s < SLOT_SYMBOLS; s++) {
        struct weights by = {0};
        for (size_t q = 0; q < w.count; q++) {
            by.time[q] = tdl_time_correlation(draw->doppler_hz, c->spacing_hz, w.symbols[q] - s);
            by.los[q] = tdl_los_correlation(&p, draw->doppler_hz, c->spacing_hz, w.symbols[q] - s);
        }
        size_t at = (size_t)s * w.f;
        estimate_symbol(h + at * (size_t)c->antennas, error_var + at, &w, &by);
    }
}
