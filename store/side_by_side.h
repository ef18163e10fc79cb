/* Work on many files on several threads: each waits for the disk, and side by side the kernel merges the flushes. */
#ifndef RETORT_STORE_SIDE_BY_SIDE_H
#define RETORT_STORE_SIDE_BY_SIDE_H

#include <stddef.h>

#include "engine/base/error.h"

enum { FILES_A_THREAD = 16 };

typedef int side_work(void *context, size_t index, struct error *err);

/* Works on each index below `count`, also on other threads: at most one for every `share` of them. Ends early after the
   first error, which is returned. */
int side_by_side(size_t count, size_t share, side_work *work, void *context, struct error *err);

#endif
