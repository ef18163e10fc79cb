/* perf_event, through pipes that stand for counters. */
#include <errno.h>
#include <fcntl.h>

#include "tests/unit/meter/counters.h"

enum { EVENT_PIPES = 8 };
static int event_fds[EVENT_PIPES]; /* the writing ends, in the order in which events are opened */
static uint64_t event_configs[EVENT_PIPES];
static int event_cpus[EVENT_PIPES];
static size_t event_count;
static int event_refused; /* errno, or 0 */

/* A counter that shows, at each reading, the next number that the test has put in. */
static int fake_open_event(uint32_t type, uint64_t config, int cpu) {
    int ends[2];
    assert_int_equal(type, 22);
    if (event_refused) {
        errno = event_refused;
        return -1;
    }
    assert_true(event_count < EVENT_PIPES && pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    event_fds[event_count] = ends[1];
    event_configs[event_count] = config;
    event_cpus[event_count++] = cpu;
    return ends[0];
}

static void show(size_t event, uint64_t value) {
    assert_int_equal(write(event_fds[event], &value, sizeof value), sizeof value);
}

static void close_events(void) {
    for (size_t i = 0; i < event_count; i++)
        close(event_fds[i]);
    event_count = 0;
}

static void put_event(const char *root, const char *name, const char *config) {
    char path[160];
    snprintf(path, sizeof path, "sys/bus/event_source/devices/power/events/%s", name);
    put(root, path, config);
    snprintf(path, sizeof path, "sys/bus/event_source/devices/power/events/%s.scale", name);
    put(root, path, "2.3283064365386962890625e-10\n");
    snprintf(path, sizeof path, "sys/bus/event_source/devices/power/events/%s.unit", name);
    put(root, path, "Joules\n");
}

static void put_pmu(const char *root) {
    put_cpuinfo(root, "x", 2, 2);
    put_busy(root, 0);
    put(root, "sys/bus/event_source/devices/power/type", "22\n");
    put(root, "sys/bus/event_source/devices/power/cpumask", "0,18\n");
    put_event(root, "energy-pkg", "event=0x02\n");
    put_event(root, "energy-ram", "event=0x03\n");
    event_refused = 0;
    event_count = 0;
}

static void perf_events_count_the_joules_of_a_package(void **state) {
    put_pmu(*state);
    put_zone(*state, "intel-rapl:0", "package-0", 0, BIG_RANGE); /* the same registers: not added */
    struct meter *m = open_meter((struct meter_options){.root = *state, .open_event = fake_open_event});
    assert_string_equal(meter_name(m), "perf_event");
    assert_true(meter_sample_hz(m) == 0); /* the kernel absorbs the wraps: no thread */
    assert_int_equal(event_count, 4);
    assert_int_equal(event_configs[0], 2);
    assert_int_equal(event_cpus[1], 18);
    assert_int_equal(event_configs[3], 3);
    const uint64_t starts[] = {1ULL << 40, 5, 77, 0}, joules[] = {16, 8, 4, 2};
    for (size_t i = 0; i < 4; i++)
        show(i, starts[i]);
    struct meter_task *task = meter_begin(m, 1 << 30);
    for (size_t i = 0; i < 4; i++)
        show(i, starts[i] + (joules[i] << 32)); /* 2^-32 J a count */
    pass_seconds(1);
    put_busy(*state, 2);
    struct energy_record r;
    meter_end(task, &one_second, &r);
    assert_near(r.counter_j, 30);
    assert_near(r.computation_j, 12);
    assert_near(r.memory_j, 3);
    assert_holds(domain_of(&r, "package-0")->why, "the same counter as perf_event");
    assert_true(isnan(domain_of(&r, "package-0")->joules));
    for (size_t i = 0; i < 4; i++)
        show(i, starts[i]);
    task = meter_begin(m, 1 << 30); /* and a counter that can no longer be read */
    pass_seconds(1);
    meter_end(task, &one_second, &r);
    assert_unavailable(&r, "cannot be read");
    meter_close(m);
    close_events();
}

static void refused_perf_events_are_reported(void **state) {
    put_pmu(*state);
    put(*state, "proc/sys/kernel/perf_event_paranoid", "2\n");
    event_refused = EACCES;
    struct meter *m = open_meter((struct meter_options){.root = *state, .open_event = fake_open_event});
    const char *why;
    assert_false(meter_counts(m, &why));
    assert_holds(why, "perf_event_paranoid is 2: needs 0 or less, or CAP_PERFMON");
    meter_close(m);
    put_zone(*state, "intel-rapl:0", "package-0", 0, BIG_RANGE); /* the other way stands open */
    m = open_meter((struct meter_options){.root = *state, .open_event = fake_open_event});
    assert_string_equal(meter_name(m), "powercap");
    meter_close(m);
}

static void a_perf_event_without_a_unit_is_not_used(void **state) {
    put_pmu(*state);
    put(*state, "sys/bus/event_source/devices/power/events/energy-pkg.unit", "Calories\n");
    struct meter *m = open_meter((struct meter_options){.root = *state, .open_event = fake_open_event});
    assert_string_equal(meter_name(m), "model/model-1");
    meter_close(m);
    close_events();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_root(perf_events_count_the_joules_of_a_package),
        with_root(refused_perf_events_are_reported),
        with_root(a_perf_event_without_a_unit_is_not_used),
    };
    return cmocka_run_group_tests_name("perf_event", tests, NULL, NULL);
}
