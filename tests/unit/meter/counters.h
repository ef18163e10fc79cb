/* A fake machine with counters, and what is asked of its records: shared by the tests of each source. */
#ifndef RETORT_TESTS_UNIT_METER_COUNTERS_H
#define RETORT_TESTS_UNIT_METER_COUNTERS_H

#include "tests/unit/meter/fixture.h"

#define RANGE 65532610986ULL /* uJ, as a server shows it: a 32-bit counter of 15.3 uJ each */
#define BIG_RANGE 262143328850ULL

/* Opens a meter on the fake machine, whose clock the test moves and whose thread is the test. */
static inline struct meter *open_meter(struct meter_options options) {
    struct error err = {0};
    struct meter *m = NULL;
    options.now_ns = fake_now_ns;
    options.no_thread = true;
    if (meter_open_with(&m, &options, &err) < 0)
        fail_msg("%s", err.message);
    return m;
}

static inline void pass_seconds(double s) {
    fake_ns += (uint64_t)(s * 1e9);
}

static const struct meter_usage one_second = {.cpu_s = 1, .wall_s = 1, .memory_bytes = 1e6};

static inline const struct energy_domain *domain_of(const struct energy_record *r, const char *name) {
    for (size_t i = 0; i < r->domain_count; i++)
        if (strcmp(r->domains[i].name, name) == 0)
            return &r->domains[i];
    fail_msg("no domain %s", name);
    abort();
}

/* A server: two packages with cores and memory, the same once more by memory-mapped registers. */
static inline void put_server(const char *root) {
    put_cpuinfo(root, "Intel(R) Xeon(R) Gold 5320 CPU @ 2.20GHz", 52, 26);
    put_busy(root, 100);
    put_zone(root, "intel-rapl:0", "package-0", 1000, BIG_RANGE);
    put_zone(root, "intel-rapl:0:0", "core", 500, BIG_RANGE);
    put_zone(root, "intel-rapl:0:1", "dram", 300, BIG_RANGE);
    put_zone(root, "intel-rapl:1", "package-1", 7000, BIG_RANGE);
    put_zone(root, "intel-rapl:1:0", "dram", 0, BIG_RANGE);
    put_zone(root, "intel-rapl-mmio:0", "package-0", 1000, BIG_RANGE);
}

/* One package whose counter wraps every 65.5 kJ. */
static inline struct meter *open_package(const char *root, uint64_t uj) {
    put_cpuinfo(root, "AMD EPYC 7763 64-Core Processor", 2, 2);
    put_busy(root, 0);
    put_zone(root, "intel-rapl:0", "package-0", uj, RANGE);
    return open_meter((struct meter_options){.root = root});
}

static inline struct energy_record end_package(const char *root, struct meter *m, struct meter_task *task) {
    struct energy_record r;
    put_busy(root, 1);
    meter_end(task, &one_second, &r);
    meter_close(m);
    return r;
}

static inline void assert_unavailable(const struct energy_record *r, const char *part) {
    assert_int_equal(r->label, ENERGY_UNAVAILABLE);
    assert_true(isnan(r->joules) && isnan(r->computation_j) && isnan(r->memory_j) && isnan(r->uncertainty_j));
    assert_holds(r->why, part);
}

#endif
