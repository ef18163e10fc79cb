/*
 * Threads of our own over fixed blocks. The number of blocks follows from the shape alone. The result of a block must
 * not depend on its thread. The caller reduces across blocks in block order. So the bytes of a result do not depend on
 * the number of threads.
 */
#ifndef RETORT_KERNELS_PARALLEL_H
#define RETORT_KERNELS_PARALLEL_H

#include <stddef.h>

struct parallel; /* a pool of threads */

/* `threads` in all, the caller's included; 1 starts none. NULL when no thread can be had. */
struct parallel *parallel_create(int threads);
void parallel_free(struct parallel *p);
int parallel_threads(const struct parallel *p);

/* Calls body(context, block, thread) once for each block 0..blocks-1; returns when all are done. `thread` is
   0..threads-1 and tells which scratch memory the body may use. `p` may be NULL: one thread. */
void parallel_for(struct parallel *p, size_t blocks, void (*body)(void *context, size_t block, int thread),
                  void *context);

#endif
