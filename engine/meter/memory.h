/* Memory that processes hold together, as /proc shows it. */
#ifndef RETORT_METER_MEMORY_H
#define RETORT_METER_MEMORY_H

#include <sys/types.h>

/* Bytes of all living descendants of a process, without its own. `resident` counts a shared page for each of them and
   is cheap. `proportional` (PSS) counts it once; it is read only where `resident` exceeds `above`, and NaN otherwise.
   A process that does not show its PSS counts with its resident memory. */
struct tree_memory {
    double resident, proportional;
};
struct tree_memory memory_below(const char *root, pid_t process, double above);

#endif
