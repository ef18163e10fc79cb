#include "kernels/reference/compare.h"

#include <math.h>

struct tolerance tolerance_for(enum compared what) {
    static const struct tolerance table[] = {
        [COMPARE_OPERATOR] = {1e-5, 1e-5},     [COMPARE_GRADIENT] = {2e-5, 2e-5},  [COMPARE_NETWORK] = {5e-5, 5e-5},
        [COMPARE_NETWORK_STEP] = {1e-5, 1e-3}, [COMPARE_OPTIMIZER] = {2e-6, 2e-5}, [COMPARE_LOSS] = {1e-6, 1e-5},
    };
    return table[what];
}

struct comparison compare_floats(const float *actual, const double *reference, size_t n, struct tolerance t) {
    struct comparison c = {0};
    for (size_t i = 0; i < n; i++) {
        const double off = fabs((double)actual[i] - reference[i]) / (t.absolute + t.relative * fabs(reference[i]));
        if (off <= c.worst)
            continue;
        c = (struct comparison){isnan(off) ? (double)INFINITY : off, (double)actual[i], reference[i], i};
        if (isinf(c.worst))
            break;
    }
    return c;
}
