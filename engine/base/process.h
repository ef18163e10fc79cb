/* Processes of this machine, as /proc shows them. */
#ifndef RETORT_BASE_PROCESS_H
#define RETORT_BASE_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* The living and dead, not yet reaped children of `parent` (whichever of its threads has them). `*out` is freed by
   the caller; returns how many there are, as far as /proc can be read. */
size_t process_children(pid_t **out, pid_t parent);

/* The processes that were started with an environment variable whose value holds `part`, as far as this user may see. A
   child that has executed nothing yet has its parent's. The same for the rest. */
size_t process_with_variable(pid_t **out, const char *name, const char *part);

#endif
