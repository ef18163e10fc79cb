/*
 * Pieces of a caller's workspace: each starts on a cache line. A <op>_workspace_bytes() sums workspace_piece() over its
 * pieces, and adds one line for a workspace that itself starts anywhere.
 */
#ifndef RETORT_KERNELS_LINK_WORKSPACE_H
#define RETORT_KERNELS_LINK_WORKSPACE_H

#include <stddef.h>
#include <stdint.h>

enum { WORKSPACE_LINE = 64 };

/* Bytes that a piece of `count` items occupies. */
static inline size_t workspace_piece(size_t count, size_t item_bytes) {
    return (count * item_bytes + WORKSPACE_LINE - 1) / WORKSPACE_LINE * WORKSPACE_LINE;
}

/* Takes the next piece and moves *at behind it. */
static inline void *workspace_next(void **at, size_t count, size_t item_bytes) {
    char *p = *at;
    p += -(uintptr_t)p % WORKSPACE_LINE;
    *at = p + workspace_piece(count, item_bytes);
    return p;
}

#endif
