/*
 * CPU time of a stage by a control group of its own, where this process may make one (cgroup v2): exact to the
 * microsecond, and of every process that the stage starts, also those whose parents are gone. Where it may not, the
 * process tree stands for it (cputime.h).
 *
 *   <root>/sys/fs/cgroup[/unified]/<own group>/retort-<pid>-<number>/cgroup.procs, cpu.stat
 */
#ifndef RETORT_METER_CGROUP_H
#define RETORT_METER_CGROUP_H

#include <sys/types.h>

struct cpu_group;

/* Makes a group below this process's own and moves `process` into it, with what it has started by then. NULL where it
   cannot be. */
struct cpu_group *cpu_group_create(const char *root, pid_t process);

/* CPU seconds of all that ever ran in it; NaN where it cannot be read. */
double cpu_group_seconds(const struct cpu_group *g);

/* Removes it; what lives in it, or is not reaped yet, keeps it. NULL is fine. */
void cpu_group_free(struct cpu_group *g);

/* Removes empty groups of processes that are gone. */
void cpu_group_sweep(const char *root);

#endif
