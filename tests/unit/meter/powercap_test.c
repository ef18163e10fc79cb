/* powercap: wraps, resets, leaps, gaps, vanishing and damaged files, domains that contain each other, permission. */
#include <sys/wait.h>

#include "tests/unit/meter/counters.h"

static void domains_that_contain_each_other_are_not_added(void **state) {
    struct energy_record r;
    put_server(*state);
    struct meter *m = open_meter((struct meter_options){.root = *state});
    assert_string_equal(meter_name(m), "powercap");
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 1000 + 20000000);
    put_energy(*state, "intel-rapl:0:0", 500 + 15000000);
    put_energy(*state, "intel-rapl:0:1", 300 + 3000000);
    put_energy(*state, "intel-rapl:1", 7000 + 30000000);
    put_energy(*state, "intel-rapl:1:0", 2000000);
    put_energy(*state, "intel-rapl-mmio:0", 1000 + 20000000);
    put_busy(*state, 104); /* the stage used 1 of 4 CPU seconds */
    pass_seconds(2);
    meter_end(task, &one_second, &r);
    assert_int_equal(r.label, ENERGY_MEASURED);
    assert_string_equal(r.source, "powercap");
    assert_near(r.counter_j, 55);
    assert_near(r.computation_j, 50 / 4.0);
    assert_near(r.memory_j, 5 / 4.0);
    assert_near(r.joules, 55 / 4.0);
    assert_near(r.other_j, 55 * 3 / 4.0);
    assert_true(r.idle_j == 0);
    assert_holds(r.share_rule, "base power is not known");
    assert_string_equal(r.why, "");
    const struct energy_domain *package = domain_of(&r, "package-1");
    assert_int_equal(package->start, 7000);
    assert_int_equal(package->end, 30007000);
    assert_near(package->joules, 30);
    const struct energy_domain *core = domain_of(&r, "package-0/core");
    assert_false(core->counted);
    assert_near(core->joules, 15);
    assert_holds(core->why, "part of the package");
    const struct energy_domain *mmio = &r.domains[r.domain_count - 1];
    assert_string_equal(mmio->source, "powercap-mmio");
    assert_false(mmio->counted);
    assert_holds(mmio->why, "the same counter as powercap package-0");
    meter_close(m);
}

static void a_wrapped_counter_goes_on(void **state) {
    struct meter *m = open_package(*state, RANGE - 5);
    struct meter_task *task = meter_begin(m, 1 << 30);
    assert_near(meter_sample_hz(m), 1);
    uint64_t counts = 0, raw = RANGE - 5;
    for (int i = 0; i < 40; i++) { /* 40 x 4 kJ are twice around and a half */
        raw += 4000000000;
        if (raw > RANGE)
            raw -= RANGE;
        counts += 4000000000;
        put_energy(*state, "intel-rapl:0", raw);
        pass_seconds(1);
        meter_sample(m);
    }
    struct energy_record r = end_package(*state, m, task);
    assert_int_equal(r.label, ENERGY_MEASURED);
    assert_near(r.counter_j, (double)counts * 1e-6);
    assert_near(r.idle_j, (double)counts * 1e-6); /* nobody had used CPU time until the last sample */
    assert_int_equal(r.domains[0].wraps, 3);
    assert_int_equal(r.domains[0].start, RANGE - 5);
    assert_int_equal(r.domains[0].end, raw);
    assert_int_equal(r.samples_got, 42);
    assert_true(isnan(r.memory_j) && isnan(r.computation_j)); /* no counter for the memory: the split is not known */
    assert_holds(r.why, "memory has no counter");
}

static void a_reset_is_not_taken_for_a_wrap(void **state) {
    put_cpuinfo(*state, "x", 1, 1);
    put_busy(*state, 0);
    put_zone(*state, "intel-rapl:0", "package-0", 90000000, BIG_RANGE);
    struct meter *m = open_meter((struct meter_options){.root = *state});
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 100); /* as a wrap it would be 262 kJ in a second */
    pass_seconds(1);
    struct energy_record r = end_package(*state, m, task);
    assert_unavailable(&r, "fell from 90000000 to 100: it was reset");
}

static void a_leap_of_the_counter_is_no_energy(void **state) {
    put_server(*state);
    struct meter *m = open_meter((struct meter_options){.root = *state});
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 1000 + 50000000000); /* 50 kJ in a second */
    pass_seconds(1);
    struct energy_record r = end_package(*state, m, task);
    assert_unavailable(&r, "which no machine draws");
}

static void unseen_wraps_make_the_energy_unknown(void **state) {
    struct meter *m = open_package(*state, 10);
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 5000010);
    pass_seconds(60); /* a suspended machine: how often it went round cannot be known */
    struct energy_record r = end_package(*state, m, task);
    assert_unavailable(&r, "may have wrapped unseen");
}

static void a_value_beyond_the_range_is_refused(void **state) {
    struct meter *m = open_package(*state, 10);
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", RANGE + 1);
    pass_seconds(1);
    struct energy_record r = end_package(*state, m, task);
    assert_unavailable(&r, "more than its range");
}

static void a_counter_that_vanishes_fails(void **state) {
    struct meter *m = open_package(*state, 10);
    struct meter_task *task = meter_begin(m, 1 << 30);
    char *path = path_join(*state, "sys/class/powercap/intel-rapl:0/energy_uj");
    assert_int_equal(unlink(path), 0);
    pass_seconds(1);
    meter_sample(m);
    put_energy(*state, "intel-rapl:0", 5000010); /* and comes back: what it did meanwhile is not known */
    pass_seconds(1);
    meter_sample(m);
    struct energy_record r;
    meter_end(task, &one_second, &r);
    assert_unavailable(&r, "No such file");
    task = meter_begin(m, 1 << 30); /* the next stage is measured again */
    put_energy(*state, "intel-rapl:0", 8000010);
    pass_seconds(1);
    r = end_package(*state, m, task);
    assert_int_equal(r.label, ENERGY_MEASURED);
    assert_near(r.joules, 3);
    free(path);
}

static void a_damaged_counter_fails(void **state) {
    static const char *const texts[] = {"", "\n", "-5\n", "12a\n", "0x10\n", "99999999999999999999999\n", "many\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct meter *m = open_package(*state, 10);
        struct meter_task *task = meter_begin(m, 1 << 30);
        put(*state, "sys/class/powercap/intel-rapl:0/energy_uj", texts[i]);
        pass_seconds(1);
        struct energy_record r = end_package(*state, m, task);
        assert_unavailable(&r, "holds no number");
    }
}

static void a_counter_without_a_range_is_not_used(void **state) {
    put_server(*state);
    char *path = path_join(*state, "sys/class/powercap/intel-rapl:0/max_energy_range_uj");
    assert_int_equal(unlink(path), 0);
    free(path);
    put(*state, "sys/class/powercap/intel-rapl-mmio:0/max_energy_range_uj", "0\n");
    struct meter *m = open_meter((struct meter_options){.root = *state});
    assert_string_equal(meter_name(m), "model/model-1"); /* package-1 alone would be half of the machine */
    struct energy_record r;
    meter_end(meter_begin(m, 1 << 30), &one_second, &r);
    assert_int_equal(r.label, ENERGY_MODELLED);
    assert_holds(r.why, "max_energy_range_uj");
    assert_holds(domain_of(&r, "package-1")->why, "a part is not the whole");
    meter_close(m);
}

static void a_platform_domain_serves_without_packages(void **state) {
    put_cpuinfo(*state, "x", 1, 1);
    put_busy(*state, 0);
    put_zone(*state, "intel-rapl:0", "psys", 0, BIG_RANGE);
    put_zone(*state, "intel-rapl:1", "dram", 0, BIG_RANGE);
    struct meter *m = open_meter((struct meter_options){.root = *state});
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 9000000);
    put_energy(*state, "intel-rapl:1", 1000000);
    pass_seconds(1);
    struct energy_record r = end_package(*state, m, task);
    assert_near(r.joules, 9);
    assert_holds(domain_of(&r, "dram")->why, "part of the platform");

    put_zone(*state, "intel-rapl:2", "package-0", 0, BIG_RANGE); /* now the package is there: psys contains it */
    m = open_meter((struct meter_options){.root = *state});
    task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 19000000);
    put_energy(*state, "intel-rapl:2", 4000000);
    put_energy(*state, "intel-rapl:1", 2000000);
    put_busy(*state, 1);
    pass_seconds(1);
    r = end_package(*state, m, task);
    assert_near(r.counter_j, 5);
    assert_near(domain_of(&r, "psys")->joules, 10);
    assert_holds(domain_of(&r, "psys")->why, "contains the packages");
}

static void a_domain_of_cores_is_no_package(void **state) {
    put_cpuinfo(*state, "x", 1, 1);
    put_zone(*state, "intel-rapl:0", "core", 0, BIG_RANGE);
    put_zone(*state, "intel-rapl:1", "riddle", 0, BIG_RANGE);
    struct meter *m = open_meter((struct meter_options){.root = *state});
    assert_string_equal(meter_name(m), "model/model-1");
    struct energy_record r;
    meter_end(meter_begin(m, 1 << 30), &one_second, &r);
    assert_int_equal(r.label, ENERGY_MODELLED);
    assert_holds(domain_of(&r, "core")->why, "a part is not the whole");
    assert_holds(domain_of(&r, "riddle")->why, "not known what it measures");
    meter_close(m);
}

/* ---- permission ---- */

/* Runs `body` as nobody in a process of its own: root reads everything. */
static void as_nobody(void (*body)(const char *root), const char *root) {
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        body(root);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void model_takes_over(const char *root) {
    struct meter *m = NULL;
    struct energy_record r;
    const char *why;
    if (meter_open(&m, root, NULL) < 0 || meter_counts(m, &why))
        _exit(3);
    meter_end(meter_begin(m, getpid()), &one_second, &r);
    if (r.label != ENERGY_MODELLED || !strstr(r.why, "Permission denied") || !strstr(r.why, "energy_uj"))
        _exit(4);
    if (!isnan(r.domains[0].joules) || r.domains[0].counted || !strstr(r.domains[0].why, "Permission denied"))
        _exit(5);
    meter_close(m);
}

static void a_denied_permission_is_reported(void **state) {
    char *path = path_join(*state, "sys/class/powercap/intel-rapl:0/energy_uj");
    put_cpuinfo(*state, "x", 1, 1);
    put_zone(*state, "intel-rapl:0", "package-0", 5, BIG_RANGE);
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(chmod(path, geteuid() == 0 ? 0400 : 0000), 0);
    as_nobody(model_takes_over, *state);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_root(domains_that_contain_each_other_are_not_added),
        with_root(a_wrapped_counter_goes_on),
        with_root(a_reset_is_not_taken_for_a_wrap),
        with_root(a_leap_of_the_counter_is_no_energy),
        with_root(unseen_wraps_make_the_energy_unknown),
        with_root(a_value_beyond_the_range_is_refused),
        with_root(a_counter_that_vanishes_fails),
        with_root(a_damaged_counter_fails),
        with_root(a_counter_without_a_range_is_not_used),
        with_root(a_platform_domain_serves_without_packages),
        with_root(a_domain_of_cores_is_no_package),
        with_root(a_denied_permission_is_reported),
    };
    return cmocka_run_group_tests_name("powercap", tests, NULL, NULL);
}
