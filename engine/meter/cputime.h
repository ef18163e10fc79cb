/* CPU time of the machine and of a process tree, as /proc shows it. It divides a shared counter, and it feeds the
   model of a running stage. */
#ifndef RETORT_METER_CPUTIME_H
#define RETORT_METER_CPUTIME_H

#include <sys/types.h>

/* CPU seconds that processes of the machine have used since it started, from <root>/proc/stat: user, nice, system
   and interrupts; not idle, waiting or stolen. NaN when unreadable. */
double cputime_busy(const char *root);

/* CPU seconds of a living process, of its living descendants, and of all children that these have reaped; 0 once it
   is gone. task/<tid>/children lists descendants; on kernels without that file only the process itself counts. */
double cputime_tree(const char *root, pid_t leader);

/* The largest peak of resident memory among a living process and its living descendants, in bytes. wait4 tells the
   same of dead ones. 0 when unreadable. */
double cputime_tree_peak(const char *root, pid_t leader);

/* Seconds of a clock tick, the unit of these counts. */
double cputime_tick_s(void);

#endif
