/* Processes of this machine, as /proc shows them. */
#ifndef RETORT_BASE_PROCESS_H
#define RETORT_BASE_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* Finds the children of `parent` that live or are not reaped yet, of all its threads. The caller frees `*out`.
   Returns their number, as far as /proc can be read. */
size_t process_children(pid_t **out, pid_t parent);

/* The same for processes that were started with an environment variable whose value holds `part`, as far as this
   user may see. A child that has not executed a program yet has its parent's variables. */
size_t process_with_variable(pid_t **out, const char *name, const char *part);

#endif
