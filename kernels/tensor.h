/*
 * Shapes and words that all kernels share.
 *
 *   N  slots in a batch          S  OFDM symbols of a slot (14)      F  subcarriers (12 a resource block)
 *   R  receive antennas          B  bits of a QAM symbol             C  channels of a network tensor
 *   M  rows of a matrix product: N*S*F resource elements
 *
 * Network tensors are f32, channels last: [N,S,F,C], row by row, without padding. "Time" is S, "frequency" is F.
 * A LLR or logit is ln P(bit = 1) / P(bit = 0): positive means 1. Kernels allocate nothing, read no file, print
 * nothing: the caller gives the workspace that <op>_workspace_bytes() asks for.
 */
#ifndef RETORT_KERNELS_TENSOR_H
#define RETORT_KERNELS_TENSOR_H

#include <stddef.h>
#include <stdint.h>

enum { SLOT_SYMBOLS = 14, BLOCK_SUBCARRIERS = 12, MAX_ANTENNAS = 8, MAX_BITS = 8 };

#endif
