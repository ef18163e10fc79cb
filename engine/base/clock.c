#include "engine/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static uint64_t read_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static struct {
    uint64_t since_ns;           /* of the present stop */
    _Atomic uint64_t stopped_ns; /* in all stops */
} awake, working;

uint64_t clock_monotonic_ns(void) {
    return read_ns(CLOCK_BOOTTIME);
}

uint64_t clock_awake_ns(void) {
    return read_ns(CLOCK_MONOTONIC) - awake.stopped_ns;
}

uint64_t clock_working_ns(void) {
    return read_ns(CLOCK_BOOTTIME) - working.stopped_ns;
}

void clock_stop(void) {
    awake.since_ns = clock_awake_ns();
    working.since_ns = clock_working_ns();
}

void clock_go(void) {
    awake.stopped_ns += clock_awake_ns() - awake.since_ns;
    working.stopped_ns += clock_working_ns() - working.since_ns;
}

double clock_wall_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void clock_format(char text[CLOCK_TEXT_SIZE], double wall_s) {
    long long total_ms = llround(wall_s * 1000.0);
    long long ms = total_ms % 1000;
    if (ms < 0)
        ms += 1000;
    time_t seconds = (time_t)((total_ms - ms) / 1000);
    struct tm utc = {0};
    gmtime_r(&seconds, &utc);
    size_t length = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, CLOCK_TEXT_SIZE - length, ".%03lldZ", ms);
}
