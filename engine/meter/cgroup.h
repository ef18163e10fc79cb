/*
 * CPU time of a stage by a control group of its own (cgroup v2). It is exact to the microsecond and counts every
 * process that the stage starts, also those whose parents are gone. If this process may make no group, the process tree
 * replaces it (cputime.h).
 *
 *   <root>/sys/fs/cgroup[/unified]/<own group>/retort-<pid>-<number>/cgroup.procs, cpu.stat
 */
#ifndef RETORT_METER_CGROUP_H
#define RETORT_METER_CGROUP_H

#include <sys/types.h>

struct cpu_group;

/* Makes a group below this process's own. Moves `process` and its present descendants into it. NULL when that fails. */
struct cpu_group *cpu_group_create(const char *root, pid_t process);

/* CPU seconds of all processes that ever ran in the group; NaN when unreadable. */
double cpu_group_seconds(const struct cpu_group *g);

/* Removes the group. The group stays while a process in it lives or is not reaped. NULL is harmless. */
void cpu_group_free(struct cpu_group *g);

/* Removes empty groups of processes that are gone. */
void cpu_group_sweep(const char *root);

#endif
