#include "kernels/receiver.h"

#include <math.h>
#include <string.h>

/* A Hermitian R x R matrix as (re, im) pairs, row by row. */
struct matrix {
    double v[MAX_ANTENNAS][MAX_ANTENNAS][2];
};

/* m += y y^H */
static void add_outer(struct matrix *m, const float complex *y, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double ar = (double)crealf(y[i]), ai = (double)cimagf(y[i]);
            double br = (double)crealf(y[j]), bi = (double)cimagf(y[j]);
            m->v[i][j][0] += ar * br + ai * bi;
            m->v[i][j][1] += ai * br - ar * bi;
        }
}

static double trace(const struct matrix *m, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += m->v[i][i][0];
    return sum;
}

/* m <- m^2 / trace(m^2) */
static void square(struct matrix *m, int n) {
    struct matrix out;
    memset(&out, 0, sizeof out);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < n; k++) {
                const double *a = m->v[i][k], *b = m->v[k][j];
                out.v[i][j][0] += a[0] * b[0] - a[1] * b[1];
                out.v[i][j][1] += a[0] * b[1] + a[1] * b[0];
            }
    double scale = 1 / trace(&out, n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            m->v[i][j][0] = scale * out.v[i][j][0];
            m->v[i][j][1] = scale * out.v[i][j][1];
        }
}

/* u^H m u */
static double quadratic(const struct matrix *m, double (*u)[2], int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            const double *a = m->v[i][j];
            double re = u[i][0] * u[j][0] + u[i][1] * u[j][1], im = u[i][0] * u[j][1] - u[i][1] * u[j][0];
            sum += a[0] * re - a[1] * im;
        }
    return sum;
}

/* u [n]: the eigenvector of the largest eigenvalue, which is returned. Repeated squaring leaves its projector: after
   SQUARINGS the second has fallen to the power 2^SQUARINGS of its share, and equal ones may serve each other. */
static double largest_eigenpair(double (*u)[2], const struct matrix *m, int n) {
    enum { SQUARINGS = 10 };
    struct matrix power = *m;
    for (int i = 0; i < SQUARINGS; i++)
        square(&power, n);
    int column = 0;
    for (int i = 1; i < n; i++)
        if (power.v[i][i][0] > power.v[column][column][0])
            column = i;
    double norm = 0;
    for (int i = 0; i < n; i++)
        norm += power.v[i][column][0] * power.v[i][column][0] + power.v[i][column][1] * power.v[i][column][1];
    for (int i = 0; i < n; i++)
        for (int part = 0; part < 2; part++)
            u[i][part] = power.v[i][column][part] / sqrt(norm);
    return quadratic(m, u, n);
}

/* The sample covariance of one resource block over its empty comb elements, the odd subcarriers of a pilot symbol. */
static void block_covariance(struct matrix *m, const struct link_slot *slot, const struct link_config *c, int symbol,
                             int block) {
    int f = link_subcarriers(c), n = c->antennas;
    memset(m, 0, sizeof *m);
    for (int k = 1; k < BLOCK_SUBCARRIERS; k += 2) {
        size_t at = (size_t)(symbol * f + block * BLOCK_SUBCARRIERS + k) * (size_t)n;
        add_outer(m, slot->received + at, n);
    }
    double scale = 2.0 / BLOCK_SUBCARRIERS;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            m->v[i][j][0] *= scale;
            m->v[i][j][1] *= scale;
        }
}

/* g [R] of one block and pilot symbol; returns the power of all antennas, noise included. */
static double estimate_block(float complex *g, const struct link_slot *slot, const struct link_config *c, int symbol,
                             int block) {
    struct matrix m;
    double u[MAX_ANTENNAS][2];
    block_covariance(&m, slot, c, symbol, block);
    double excess = largest_eigenpair(u, &m, c->antennas) - (double)slot->draw.noise_var;
    double amplitude = excess > 0 ? sqrt(excess) : 0;
    for (int i = 0; i < c->antennas; i++)
        g[i] = CMPLXF((float)(amplitude * u[i][0]), (float)(amplitude * u[i][1]));
    return trace(&m, c->antennas);
}

double receiver_estimate_interferer(float complex *g, const struct link_slot *slot, const struct link_config *c) {
    int symbols[2], count = link_pilot_symbols(symbols, c);
    double sum = 0;
    for (int p = 0; p < count; p++)
        for (int block = 0; block < c->blocks; block++, g += c->antennas)
            sum += estimate_block(g, slot, c, symbols[p], block);
    double power = sum / (count * c->blocks * c->antennas) - (double)slot->draw.noise_var;
    return power > 0 ? power : 0;
}
