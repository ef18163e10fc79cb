/* Clocks, and times as records show them. */
#ifndef RETORT_BASE_CLOCK_H
#define RETORT_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_monotonic_ns(void); /* CLOCK_BOOTTIME: counts the time of a suspended machine */
uint64_t clock_awake_ns(void);     /* CLOCK_MONOTONIC: does not count it, nor stops, for deadlines */
uint64_t clock_working_ns(void);   /* CLOCK_BOOTTIME without stops, for the time that a stage takes */
double clock_wall_s(void);         /* seconds since 1970, UTC; somebody may set it at any time */

/* Between these two calls work is stopped. Not for several threads at once. */
void clock_stop(void);
void clock_go(void);

enum { CLOCK_TEXT_SIZE = 32 };
/* Writes "2026-11-21T20:07:29.123Z". */
void clock_format(char text[CLOCK_TEXT_SIZE], double wall_s);

#endif
