/*
 * CPU time and memory of a stage by a control group of its own (cgroup v2). It is exact and counts every process that
 * the stage starts, also those whose parents are gone. If this process may make no group, the process tree replaces it
 * (cputime.h, memory.h).
 *
 *   <root>/sys/fs/cgroup[/unified]/<own group>/retort-<pid>-<number>/cgroup.procs, cpu.stat, memory.max
 */
#ifndef RETORT_METER_CGROUP_H
#define RETORT_METER_CGROUP_H

#include <stdbool.h>
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

/* A group whose processes together get no more memory than `bytes`, and no swap: the kernel kills all of them first.
   NULL where this process's own group can hold none. Freed by memory_group_free once its processes are reaped. */
struct memory_group;
struct memory_group *memory_group_create(const char *root, double bytes);
void memory_group_free(struct memory_group *g); /* NULL is harmless */

/* A process enters the group by writing "0" to this descriptor. */
int memory_group_entry(const struct memory_group *g);

/* Whether the kernel has killed for the limit. */
bool memory_group_exceeded(const struct memory_group *g);

/* The most memory that the group held, in bytes; NaN on kernels before 5.19. */
double memory_group_peak(const struct memory_group *g);

#endif
