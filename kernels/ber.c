#include "kernels/link.h"

#include <math.h>
#include <sleef.h>

/*
 * Gray QAM is a PAM in each dimension. Its bit error rate is a sum of erfc over the distances to decision boundaries.
 * It is P_b = 1/(m sqrt M) sum_i w_i erfc((2i+1) sqrt(3 gamma / (2 (M-1)))), m = log2 sqrt M. Source: Cho and Yoon, "On
 * the general BER expression of one- and two-dimensional amplitude modulations", 2002.
 */
enum { MAX_TERMS = 15 };

struct weights {
    int terms;
    int w[MAX_TERMS];
};

static const struct weights weights_of[] = {
    {1, {1}},
    {3, {3, 2, -1}},
    {7, {7, 6, -1, 0, 1, 0, -1}},
    {15, {15, 14, -1, 0, 5, 4, -5, -4, 5, 4, -3, -2, 1, 0, -1}},
};

/* (2i+1)^2 3/(2(M-1)): erfc's squared argument per unit of Es/N0. */
static double term_scale(int bits_per_symbol, int i) {
    double d = 2 * i + 1;
    return d * d * 3 / (2.0 * ((1 << bits_per_symbol) - 1));
}

/* The mean of erfc(sqrt(scale g)) over g, the sum of `branches` independent exponentials of mean es_n0. */
static double faded_erfc(double scale, double es_n0, int branches) {
    double mu = sqrt(scale * es_n0 / (1 + scale * es_n0));
    double miss = 0.5 / ((1 + scale * es_n0) * (1 + mu)); /* (1-mu)/2 without cancellation */
    double hit = (1 + mu) / 2, term = 1, sum = 0, power = 1;
    for (int l = 0; l < branches; l++) {
        sum += term;
        term *= hit * (branches + l) / (l + 1); /* C(L-1+l, l) hit^l */
        power *= miss;
    }
    return 2 * power * sum;
}

static double ber_sum(int bits_per_symbol, double es_n0, int branches) {
    const struct weights *w = &weights_of[bits_per_symbol / 2 - 1];
    double sum = 0;
    for (int i = 0; i < w->terms; i++) {
        double scale = term_scale(bits_per_symbol, i);
        sum += w->w[i] *
               (branches == 0 ? Sleef_cinz_erfcd1_u15purec(sqrt(scale * es_n0)) : faded_erfc(scale, es_n0, branches));
    }
    int m = bits_per_symbol / 2;
    return sum / (m * (1 << m));
}

double ber_awgn(int bits_per_symbol, double es_n0) {
    return ber_sum(bits_per_symbol, es_n0, 0);
}

double ber_rayleigh(int bits_per_symbol, double es_n0, int branches) {
    return ber_sum(bits_per_symbol, es_n0, branches);
}

double ber_inverse_db(int bits_per_symbol, int branches, double ber) {
    double low = -100, high = 300;
    if (!(ber < ber_sum(bits_per_symbol, Sleef_cinz_exp10d1_u10purec(low / 10), branches)) ||
        !(ber > ber_sum(bits_per_symbol, Sleef_cinz_exp10d1_u10purec(high / 10), branches)))
        return (double)NAN;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (ber_sum(bits_per_symbol, Sleef_cinz_exp10d1_u10purec(middle / 10), branches) > ber)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

double ber_geometric_mean(const uint64_t *errors, const uint64_t *bits, size_t points, size_t *floored) {
    double sum = 0;
    size_t without = 0;
    for (size_t i = 0; i < points; i++) {
        without += errors[i] == 0;
        sum += Sleef_cinz_log10d1_u10purec((errors[i] == 0 ? 0.5 : (double)errors[i]) / (double)bits[i]);
    }
    if (floored != NULL)
        *floored = without;
    return sum / (double)points;
}
