/*
 * Other clocks: a library that is loaded into programs before all others. Whenever one asks, somebody has set the wall
 * clock meanwhile, and now and then the machine has slept.
 *
 *   LD_PRELOAD=.../clocklib.so RETORT_CLOCK=SEED retort run ...
 *
 *   CLOCK_REALTIME, time, gettimeofday   off by up to twelve hours either way, by another amount each time
 *   CLOCK_BOOTTIME                       half an hour is added every fourth time: it never goes back
 *   CLOCK_MONOTONIC and the others       as they are
 *
 * The kernel stamps files with the true time, as if the clock had been right at that moment.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { WALL_RANGE_S = 12 * 3600, SLEEP_EVERY = 4, SLEEP_S = 1800 };

static bool meant;
static uint64_t seed;
static atomic_ulong wall_readings, boot_readings;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("RETORT_CLOCK");
    meant = text != NULL;
    seed = text ? strtoull(text, NULL, 10) * UINT64_C(0x9E3779B97F4A7C15) : 0;
}

/* SplitMix64 of how often it was asked. */
static int64_t wall_offset_s(void) {
    uint64_t x = seed + (atomic_fetch_add(&wall_readings, 1) + 1) * UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    x ^= x >> 31;
    return (int64_t)(x % (2 * WALL_RANGE_S + 1)) - WALL_RANGE_S;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    int64_t offset_s = 0;
    if (meant && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        offset_s = wall_offset_s();
    else if (meant && clock == CLOCK_BOOTTIME)
        offset_s = (int64_t)(atomic_fetch_add(&boot_readings, 1) / SLEEP_EVERY) * SLEEP_S;
    int rc = (int)syscall(SYS_clock_gettime, clock, out);
    if (rc == 0)
        out->tv_sec += offset_s;
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
