/* Time, as records show it. */
#ifndef RETORT_BASE_CLOCK_H
#define RETORT_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_monotonic_ns(void); /* CLOCK_BOOTTIME: also counts a suspended machine */
uint64_t clock_awake_ns(void);     /* CLOCK_MONOTONIC: does not, so that nobody is late for having slept */
double clock_wall_s(void);         /* seconds since 1970, UTC; may be set forward and back at any time */

enum { CLOCK_TEXT_SIZE = 32 };
/* "2026-11-21T20:07:29.123Z" */
void clock_format(char text[CLOCK_TEXT_SIZE], double wall_s);

#endif
