/* A fake machine: a root directory with what Linux would show, and a clock that the test moves. */
#ifndef RETORT_TESTS_UNIT_METER_FIXTURE_H
#define RETORT_TESTS_UNIT_METER_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/meter.h"

static uint64_t fake_ns;

static inline uint64_t fake_now_ns(void) {
    return fake_ns;
}

static inline int make_root(void **state) {
    const char *base = getenv("TMPDIR");
    *state = mem_printf("%s/retort-meter-XXXXXX", base && *base ? base : "/tmp");
    fake_ns = 1000000000;
    return mkdtemp(*state) ? 0 : -1;
}

static inline int remove_root(void **state) {
    int rc = file_remove_tree(*state, NULL);
    free(*state);
    return rc;
}

static inline void put(const char *root, const char *name, const char *text) {
    struct error err = {0};
    char *path = path_join(root, name);
    char *directory = path_directory(path);
    if (file_make_directory(directory, &err) < 0)
        fail_msg("%s", err.message);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(directory);
    free(path);
}

static inline void put_number(const char *root, const char *name, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu\n", (unsigned long long)value);
    put(root, name, text);
}

static inline void put_cpuinfo(const char *root, const char *model, int siblings, int cores) {
    struct buffer b = {0};
    for (int i = 0; i < siblings; i++) {
        buffer_printf(&b,
                      "processor\t: %d\nvendor_id\t: GenuineIntel\nmodel name\t: %s\nmicrocode\t: 0xd0003a5\n"
                      "siblings\t: %d\ncpu cores\t: %d\n\n",
                      i, model, siblings, cores);
    }
    put(root, "proc/cpuinfo", buffer_text(&b));
    buffer_close(&b);
}

/* Busy CPU time of the machine in seconds; idle time stands beside it and must not be counted. */
static inline void put_busy(const char *root, double busy_s) {
    char text[160];
    long hz = sysconf(_SC_CLK_TCK);
    snprintf(text, sizeof text, "cpu  %.0f 0 0 987654 321 0 0 55 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n",
             busy_s * (double)hz);
    put(root, "proc/stat", text);
}

static inline void put_zone(const char *root, const char *zone, const char *name, uint64_t uj, uint64_t range) {
    char path[160];
    snprintf(path, sizeof path, "sys/class/powercap/%s/name", zone);
    char line[64];
    snprintf(line, sizeof line, "%s\n", name);
    put(root, path, line);
    snprintf(path, sizeof path, "sys/class/powercap/%s/max_energy_range_uj", zone);
    put_number(root, path, range);
    snprintf(path, sizeof path, "sys/class/powercap/%s/energy_uj", zone);
    put_number(root, path, uj);
}

static inline void put_energy(const char *root, const char *zone, uint64_t uj) {
    char path[160];
    snprintf(path, sizeof path, "sys/class/powercap/%s/energy_uj", zone);
    put_number(root, path, uj);
}

static inline void assert_near(double actual, double expected) {
    if (!(fabs(actual - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.17g where %.17g was expected", actual, expected);
}

static inline void assert_holds(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" does not hold \"%s\"", text, part);
}

#define with_root(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

#endif
