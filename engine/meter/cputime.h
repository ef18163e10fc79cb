/* CPU time of the machine and of a process tree, as /proc shows it: by what a shared counter is divided, and what the
   model of a stage that still runs stands on. */
#ifndef RETORT_METER_CPUTIME_H
#define RETORT_METER_CPUTIME_H

#include <sys/types.h>

/* CPU seconds that processes of the machine have used since it started: <root>/proc/stat, user, nice, system and
   interrupts; not idle, not waiting, not stolen. NaN where it cannot be read. */
double cputime_busy(const char *root);

/* CPU seconds of a living process, of its living descendants, and of those that they have waited for. 0 once it is
   gone. Descendants are found by task/<tid>/children; where the kernel has no such file, the process stands alone. */
double cputime_tree(const char *root, pid_t leader);

/* Bytes of the largest peak of resident memory among a living process and its living descendants, as wait4 tells it of
   the dead; 0 where none can be read. */
double cputime_tree_peak(const char *root, pid_t leader);

/* Seconds of the tick in which both are counted. */
double cputime_tick_s(void);

#endif
