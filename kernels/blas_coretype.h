/*
 * OpenBLAS chooses its kernels by a table of processors. A processor that is newer than the table gets kernels for an
 * older one, at half the speed or less. This gives the value for OPENBLAS_CORETYPE, which OpenBLAS reads when the
 * program starts. The caller puts it into the environment and starts the program (again).
 */
#ifndef RETORT_KERNELS_BLAS_CORETYPE_H
#define RETORT_KERNELS_BLAS_CORETYPE_H

/* The core type by CPUID ("SKYLAKEX" with AVX-512, "HASWELL" with AVX2). NULL when the present choice, OpenBLAS's own
   or that of OPENBLAS_CORETYPE, uses these instructions already. */
const char *kernels_blas_coretype(void);

/* The core type that OpenBLAS uses in this process ("SkylakeX", "Zen", ...), and its version; for the record of the
   platform. */
const char *kernels_blas_core(void);
const char *kernels_blas_version(void);

#endif
