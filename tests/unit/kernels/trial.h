/* The comparisons of the kernels' tests. A failure prints the operator, its shape and threads, the code path, the
   place, and the expected and actual values. */
#ifndef RETORT_TESTS_UNIT_KERNELS_TRIAL_H
#define RETORT_TESTS_UNIT_KERNELS_TRIAL_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/code_path.h"
#include "kernels/reference/compare.h"

static char trial_text[200] = "scalars";

/* Says what the comparisons that follow compare, like "stem forward, grid 2x4x5, channels 3 to 7, 3 threads". */
__attribute__((format(printf, 1, 2))) static inline void trial_begin(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trial_text, sizeof trial_text, format, arguments);
    va_end(arguments);
}

/* `index`: "[3]", or "" for a scalar. */
static inline void trial_fail(const char *what, const char *index, double expected, double got, const char *allowed) {
    fail_msg("%s%s of %s, on %s: expected %.9g, got %.9g, %s", what, index, trial_text, kernels_platform(), expected,
             got, allowed);
}

static inline void trial_fail_at(const char *what, size_t at, double expected, double got, const char *allowed) {
    char index[32];
    snprintf(index, sizeof index, "[%zu]", at);
    trial_fail(what, index, expected, got, allowed);
}

/* Every element of [n] is as close to the reference as the table of kernels/reference/compare.h says. */
static inline void assert_close(const char *what, const float *actual, const double *reference, size_t n,
                                enum compared compared) {
    const struct comparison c = compare_floats(actual, reference, n, tolerance_for(compared));
    char allowed[60];
    snprintf(allowed, sizeof allowed, "%.3g times the tolerance", c.worst);
    if (c.worst > 1.0)
        trial_fail_at(what, c.at, c.reference, c.actual, allowed);
}

/* Every element of [n] has the same bytes. */
static inline void assert_same(const char *what, const float *actual, const float *expected, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(&actual[i], &expected[i], sizeof *actual) != 0)
            trial_fail_at(what, i, (double)expected[i], (double)actual[i], "the same bytes");
}

/* |actual - expected| <= bound, with NaN failing. */
static inline void within(const char *what, double actual, double expected, double bound) {
    char allowed[60];
    snprintf(allowed, sizeof allowed, "a difference of at most %.3g", bound);
    if (!(fabs(actual - expected) <= bound))
        trial_fail(what, "", expected, actual, allowed);
}

#endif
