/*
 * The loops of link_vector.h for one vector type, for the file of that code path to include. That file defines
 * VECTOR_LANES, VECTOR_LOAD(p), VECTOR_STORE(p, v) and VECTOR_PAIR, SLEEF's pair type. It also defines VECTOR_SINCOSPI,
 * VECTOR_LOG, VECTOR_EXP, and the set's name VECTOR_FUNCTIONS with its storage class VECTOR_STORAGE. The rest of an
 * array goes through SLEEF's scalar twins: the same bytes.
 */
#ifndef RETORT_KERNELS_LINK_VECTOR_BODY_H
#define RETORT_KERNELS_LINK_VECTOR_BODY_H

static void path_sincospi(float *sine, float *cosine, const float *x, size_t n) {
    size_t i = 0;
    for (; i + VECTOR_LANES <= n; i += VECTOR_LANES) {
        VECTOR_PAIR sc = VECTOR_SINCOSPI(VECTOR_LOAD(x + i));
        VECTOR_STORE(sine + i, sc.x);
        VECTOR_STORE(cosine + i, sc.y);
    }
    for (; i < n; i++) {
        Sleef_float_2 sc = Sleef_cinz_sincospif1_u35purec(x[i]);
        sine[i] = sc.x;
        cosine[i] = sc.y;
    }
}

static void path_log(float *y, const float *x, size_t n) {
    size_t i = 0;
    for (; i + VECTOR_LANES <= n; i += VECTOR_LANES)
        VECTOR_STORE(y + i, VECTOR_LOG(VECTOR_LOAD(x + i)));
    for (; i < n; i++)
        y[i] = Sleef_cinz_logf1_u10purec(x[i]);
}

static void path_exp(float *y, const float *x, size_t n) {
    size_t i = 0;
    for (; i + VECTOR_LANES <= n; i += VECTOR_LANES)
        VECTOR_STORE(y + i, VECTOR_EXP(VECTOR_LOAD(x + i)));
    for (; i < n; i++)
        y[i] = Sleef_cinz_expf1_u10purec(x[i]);
}

VECTOR_STORAGE struct vector_functions VECTOR_FUNCTIONS = {path_sincospi, path_log, path_exp};

#endif
