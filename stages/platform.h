/*
 * The platform of this process, on which equal bytes depend. Kernels choose their path by CPUID. OpenBLAS chooses its
 * core type, and the C library its variants of exp, log and sin, when the program is loaded. Only the environment can
 * change these two, so a program that finds them wrong changes it and starts itself once more.
 *
 *   name            kernels   OpenBLAS    C library
 *   portable        SSE2      Prescott    without FMA and AVX2
 *   x86-64-avx2     AVX2      Haswell     as it chooses (with FMA)
 *   x86-64-avx512   AVX-512   SkylakeX    as it chooses (with FMA)
 */
#ifndef RETORT_STAGES_PLATFORM_H
#define RETORT_STAGES_PLATFORM_H

#include "engine/base/error.h"

/* Chooses the best platform here or, with a `name` of the table, exactly that: for tests, and for comparing platforms.
   `argv` is this program's, to start it again; that loses all state, so main calls it first. ERR_USAGE for a name that
   is unknown or beyond this processor, ERR_IO when OpenBLAS does not do as it is told. */
int platform_select(const char *name, char **argv, struct error *err);

/* One line on standard output: "x86-64-avx2 openblas-0.3.21-haswell glibc-2.36". 0, or ERR_IO. */
int platform_print(struct error *err);

#endif
