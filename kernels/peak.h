/*
 * The most single-precision operations a second that one core of this processor does: fused multiply-adds on
 * independent registers, nothing loaded or stored. The caller measures the time of these counted operations (kernels
 * have no clock), on its number of threads. The result is this machine's peak at the clock that it holds, not a product
 * of data-sheet figures.
 */
#ifndef RETORT_KERNELS_PEAK_H
#define RETORT_KERNELS_PEAK_H

#include <stddef.h>

/* Every register r does r = PEAK_FACTOR * r + PEAK_TERM, `rounds` times, starting from 0. Returns one of them, so that
   the work cannot be left out; `flops` gets the operations done: 2 a multiply-add. Runs on the path in use
   (platform.h); the portable one has no fused operation and multiplies, then adds. */
float peak_run(size_t rounds, double *flops);

#define PEAK_FACTOR 0.5F
#define PEAK_TERM 1.0F

/* Floats of a register on the path in use, and independent registers. */
size_t peak_lanes(void);
size_t peak_registers(void);

#endif
