#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/meter/fixture.h"

#define RANGE 65532610986ULL /* uJ, as a server shows it: a 32-bit counter of 15.3 uJ each */
#define BIG_RANGE 262143328850ULL

/* Opens a meter on the fake machine, whose clock the test moves and whose thread is the test. */
static struct meter *open_meter(struct meter_options options) {
    struct error err = {0};
    struct meter *m = NULL;
    options.now_ns = fake_now_ns;
    options.no_thread = true;
    if (meter_open_with(&m, &options, &err) < 0)
        fail_msg("%s", err.message);
    return m;
}

static void pass_seconds(double s) {
    fake_ns += (uint64_t)(s * 1e9);
}

static const struct meter_usage one_second = {.cpu_s = 1, .wall_s = 1, .memory_bytes = 1e6};

static const struct energy_domain *domain_of(const struct energy_record *r, const char *name) {
    for (size_t i = 0; i < r->domain_count; i++)
        if (strcmp(r->domains[i].name, name) == 0)
            return &r->domains[i];
    fail_msg("no domain %s", name);
    abort();
}

/* A server: two packages with cores and memory, the same once more by memory-mapped registers. */
static void put_server(const char *root) {
    put_cpuinfo(root, "Intel(R) Xeon(R) Gold 5320 CPU @ 2.20GHz", 52, 26);
    put_busy(root, 100);
    put_zone(root, "intel-rapl:0", "package-0", 1000, BIG_RANGE);
    put_zone(root, "intel-rapl:0:0", "core", 500, BIG_RANGE);
    put_zone(root, "intel-rapl:0:1", "dram", 300, BIG_RANGE);
    put_zone(root, "intel-rapl:1", "package-1", 7000, BIG_RANGE);
    put_zone(root, "intel-rapl:1:0", "dram", 0, BIG_RANGE);
    put_zone(root, "intel-rapl-mmio:0", "package-0", 1000, BIG_RANGE);
}

static void test_domains_that_contain_each_other_are_not_added(void **state) {
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

static void test_record_as_json(void **state) {
    struct energy_record r;
    struct meter_base base = {.total = {.median_w = 20, .mad_w = 1, .windows = 30, .when_s = 5},
                              .computation = {.median_w = 18, .mad_w = 1, .windows = 30},
                              .memory = {.median_w = 2, .mad_w = 0.5, .windows = 30}};
    put_server(*state);
    struct meter *m = open_meter((struct meter_options){.root = *state, .base = &base});
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 1000 + 60000000);
    put_energy(*state, "intel-rapl:0:1", 300 + 5000000);
    put_busy(*state, 101);
    pass_seconds(2);
    const struct meter_usage usage = {.cpu_s = 1, .wall_s = 2, .memory_bytes = 1e6, .alone = true};
    meter_end(task, &usage, &r);
    assert_near(r.computation_j, 60 - 2 * 18); /* all of it: nobody else ran */
    assert_near(r.memory_j, 5 - 2 * 2);
    assert_near(r.idle_j, 40);
    assert_near(r.steps.absolute_w, 32.5);
    assert_near(r.steps.relative_w, 12.5);
    assert_near(r.steps.relative_j, 25);
    cJSON *json = energy_record_json(&r);
    const cJSON *baseline = cJSON_GetObjectItemCaseSensitive(json, "baseline");
    const cJSON *samples = cJSON_GetObjectItemCaseSensitive(json, "samples");
    const cJSON *domains = cJSON_GetObjectItemCaseSensitive(json, "domains");
    assert_string_equal(json_text(json, "label", ""), "measured");
    assert_near(json_double(baseline, "median_w", 0), 20);
    assert_near(json_double(baseline, "mad_w", 0), 1);
    assert_near(json_double(baseline, "windows", 0), 30);
    assert_near(json_double(baseline, "when_s", 0), 5);
    assert_near(json_double(cJSON_GetObjectItemCaseSensitive(json, "steps"), "relative_j", 0), 25);
    assert_near(json_double(samples, "expected", 0), 2 + 2); /* once a second, begin and end */
    assert_near(json_double(samples, "got", 0), 2);
    assert_int_equal(cJSON_GetArraySize(domains), 6);
    assert_string_equal(json_text(domains->child, "start", ""), "1000");
    assert_string_equal(json_text(domains->child, "end", ""), "60001000");
    assert_near(json_double(domains->child, "joules", 0), 60);
    assert_true(json_double(json, "uncertainty_j", -1) > 0);
    cJSON_Delete(json);
    meter_close(m);
}

/* One package whose counter wraps every 65.5 kJ. */
static struct meter *open_package(const char *root, uint64_t uj) {
    put_cpuinfo(root, "AMD EPYC 7763 64-Core Processor", 2, 2);
    put_busy(root, 0);
    put_zone(root, "intel-rapl:0", "package-0", uj, RANGE);
    return open_meter((struct meter_options){.root = root});
}

static struct energy_record end_package(const char *root, struct meter *m, struct meter_task *task) {
    struct energy_record r;
    put_busy(root, 1);
    meter_end(task, &one_second, &r);
    meter_close(m);
    return r;
}

static void test_wraps(void **state) {
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

static void assert_unavailable(const struct energy_record *r, const char *part) {
    assert_int_equal(r->label, ENERGY_UNAVAILABLE);
    assert_true(isnan(r->joules) && isnan(r->computation_j) && isnan(r->memory_j) && isnan(r->uncertainty_j));
    assert_holds(r->why, part);
}

static void test_a_reset_is_no_wrap(void **state) {
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

static void test_a_leap_is_no_energy(void **state) {
    put_server(*state);
    struct meter *m = open_meter((struct meter_options){.root = *state});
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 1000 + 50000000000); /* 50 kJ in a second */
    pass_seconds(1);
    struct energy_record r = end_package(*state, m, task);
    assert_unavailable(&r, "which nothing draws");
}

static void test_unseen_wraps(void **state) {
    struct meter *m = open_package(*state, 10);
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 5000010);
    pass_seconds(60); /* a suspended machine: how often it went round cannot be known */
    struct energy_record r = end_package(*state, m, task);
    assert_unavailable(&r, "may have wrapped unseen");
}

static void test_beyond_its_range(void **state) {
    struct meter *m = open_package(*state, 10);
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", RANGE + 1);
    pass_seconds(1);
    struct energy_record r = end_package(*state, m, task);
    assert_unavailable(&r, "more than its range");
}

static void test_a_file_that_vanishes(void **state) {
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

static void test_damaged_counter(void **state) {
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

static void test_without_a_range_no_wrap_can_be_told(void **state) {
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

static void test_platform_without_packages(void **state) {
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

static void test_cores_alone_are_no_package(void **state) {
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

static void test_too_short_is_unresolved(void **state) {
    struct meter *m = open_package(*state, 0);
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 30000);
    pass_seconds(0.0015);
    struct energy_record r = end_package(*state, m, task);
    assert_int_equal(r.label, ENERGY_UNRESOLVED);
    assert_true(isnan(r.joules));
    assert_holds(r.why, "too short");
    cJSON *json = energy_record_json(&r);
    assert_string_equal(json_text(json, "label", ""), "unresolved");
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "joules")));
    cJSON_Delete(json);
    m = open_package(*state, 0); /* long, but the counter has not moved: that is not 0 J either */
    task = meter_begin(m, 1 << 30);
    pass_seconds(1);
    assert_int_equal(end_package(*state, m, task).label, ENERGY_UNRESOLVED);
}

static void test_the_share_needs_the_busy_time(void **state) {
    struct energy_record r;
    struct meter *m = open_package(*state, 0);
    put(*state, "proc/stat", "no such thing\n");
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 3000000);
    pass_seconds(1);
    meter_end(task, &one_second, &r);
    assert_unavailable(&r, "/proc/stat");
    task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 6000000);
    pass_seconds(1);
    meter_end(task, &(struct meter_usage){.cpu_s = 1, .wall_s = 1, .memory_bytes = 1, .alone = true}, &r);
    assert_near(r.joules, 3); /* a stage that ran alone shares with nobody */
    meter_close(m);
}

static void test_two_stages_side_by_side(void **state) {
    struct energy_record first, second;
    struct meter *m = open_package(*state, 0);
    struct meter_task *a = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 10000000); /* 10 J while only the first ran */
    put_busy(*state, 1);
    put(*state, "proc/1073741824/stat", "1073741824 (a) R 1 1 1 0 -1 4 0 0 0 0 100 0 0 0 20\n");
    pass_seconds(1);
    struct meter_task *b = meter_begin(m, (1 << 30) + 1);
    put_energy(*state, "intel-rapl:0", 18000000); /* 8 J: half the CPU time each */
    put_busy(*state, 3);
    put(*state, "proc/1073741824/stat", "1073741824 (a) R 1 1 1 0 -1 4 0 0 0 0 200 0 0 0 20\n");
    pass_seconds(1);
    meter_end(b, &(struct meter_usage){.cpu_s = 1, .wall_s = 1, .memory_bytes = 1}, &second);
    meter_end(a, &(struct meter_usage){.cpu_s = 2, .wall_s = 2, .memory_bytes = 1}, &first);
    if (sysconf(_SC_CLK_TCK) == 100) {
        assert_near(second.joules, 4);
        assert_near(first.joules, 14);
        assert_near(first.joules + second.joules, first.counter_j);
    }
    meter_close(m);
}

static void test_so_far(void **state) {
    struct energy_record r;
    struct meter *m = open_package(*state, 0);
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 10000000);
    put_busy(*state, 2);
    pass_seconds(1);
    meter_so_far(task, &one_second, &r); /* half of the two CPU seconds */
    assert_int_equal(r.label, ENERGY_MEASURED);
    assert_near(r.joules, 5);
    put_energy(*state, "intel-rapl:0", 16000000);
    put_busy(*state, 3);
    pass_seconds(1);
    meter_end(task, &(struct meter_usage){.cpu_s = 2, .wall_s = 2, .memory_bytes = 1}, &r);
    assert_near(r.joules, 5 + 6); /* it went on, and nothing was counted twice */
    assert_near(r.counter_j, 16);
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

static void test_permission_denied_is_said(void **state) {
    char *path = path_join(*state, "sys/class/powercap/intel-rapl:0/energy_uj");
    put_cpuinfo(*state, "x", 1, 1);
    put_zone(*state, "intel-rapl:0", "package-0", 5, BIG_RANGE);
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(chmod(path, geteuid() == 0 ? 0400 : 0000), 0);
    as_nobody(model_takes_over, *state);
    free(path);
}

/* ---- perf_event ---- */

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

static void test_perf_event(void **state) {
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

static void test_perf_event_refused(void **state) {
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

static void test_perf_event_without_a_unit(void **state) {
    put_pmu(*state);
    put(*state, "sys/bus/event_source/devices/power/events/energy-pkg.unit", "Calories\n");
    struct meter *m = open_meter((struct meter_options){.root = *state, .open_event = fake_open_event});
    assert_string_equal(meter_name(m), "model/model-1");
    meter_close(m);
    close_events();
}

/* ---- NVML ---- */

struct fake_nvml {
    void *handle;
    unsigned long long *millijoules;
    int *result, *init_result, *open;
};

static struct fake_nvml build_nvml(const char *root) {
    struct fake_nvml f;
    put_cpuinfo(root, "Quantum Abacus 3000", 1, 1);
    put_busy(root, 0);
    put(root, "usr/lib/empty", "");
    char *path = path_join(root, "usr/lib/libnvidia-ml.so.1");
    char *command = mem_printf("${CC:-cc} -shared -fPIC -o '%s' tests/unit/meter/nvml_fake.c", path);
    assert_int_equal(system(command), 0);
    f.handle = dlopen(path, RTLD_NOW);
    assert_non_null(f.handle);
    f.millijoules = dlsym(f.handle, "fake_millijoules");
    f.result = dlsym(f.handle, "fake_energy_result");
    f.init_result = dlsym(f.handle, "fake_init_result");
    f.open = dlsym(f.handle, "fake_open");
    free(command);
    free(path);
    return f;
}

static void test_nvml(void **state) {
    struct energy_record r;
    struct fake_nvml f = build_nvml(*state);
    f.millijoules[0] = 5000;
    struct meter *m = open_meter((struct meter_options){.root = *state, .gpus = 2});
    assert_string_equal(meter_name(m), "nvml+model/model-1");
    assert_int_equal(*f.open, 1);
    struct meter_task *task = meter_begin(m, 1 << 30);
    f.millijoules[0] += 250000;
    f.millijoules[1] += 50000;
    pass_seconds(1);
    meter_end(task, &one_second, &r);
    assert_int_equal(r.label, ENERGY_MODELLED); /* the processor's part is: the worse word stands */
    assert_near(r.gpu_j, 300);
    assert_near(r.joules, 300 + 12 + 1e-3 * 0.3725);
    assert_near(domain_of(&r, "gpu 0 Board 0")->joules, 250);

    task = meter_begin(m, 1 << 30);
    f.millijoules[1] = 0; /* the driver was loaded again */
    pass_seconds(1);
    meter_end(task, &one_second, &r);
    assert_unavailable(&r, "it was reset");
    task = meter_begin(m, 1 << 30);
    pass_seconds(0.15);
    f.millijoules[0] += 10;
    meter_end(task, &one_second, &r);
    assert_int_equal(r.label, ENERGY_UNRESOLVED);
    meter_close(m);
    assert_int_equal(*f.open, 0);

    m = open_meter((struct meter_options){.root = *state, .gpus = 1}); /* one of two: half of what both take */
    task = meter_begin(m, 1 << 30);
    f.millijoules[0] += 250000;
    f.millijoules[1] += 50000;
    pass_seconds(1);
    meter_end(task, &one_second, &r);
    assert_near(r.gpu_j, 150);
    meter_close(m);

    m = open_meter((struct meter_options){.root = *state}); /* a stage without GPU pays for none */
    assert_string_equal(meter_name(m), "model/model-1");
    task = meter_begin(m, 1 << 30);
    f.millijoules[0] += 250000;
    pass_seconds(1);
    meter_end(task, &one_second, &r);
    assert_near(r.joules, 12 + 1e-3 * 0.3725);
    assert_true(isnan(r.gpu_j));
    assert_near(domain_of(&r, "gpu 0 Board 0")->joules, 250);
    assert_holds(domain_of(&r, "gpu 0 Board 0")->why, "holds no GPU");
    meter_close(m);
    dlclose(f.handle);
}

static void test_nvml_beside_powercap(void **state) {
    struct energy_record r;
    struct fake_nvml f = build_nvml(*state);
    put_zone(*state, "intel-rapl:0", "package-0", 0, BIG_RANGE);
    struct meter *m = open_meter((struct meter_options){.root = *state, .gpus = 2});
    assert_string_equal(meter_name(m), "powercap+nvml");
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 40000000);
    put_busy(*state, 2);
    f.millijoules[0] += 100000;
    pass_seconds(1);
    meter_end(task, &one_second, &r);
    assert_int_equal(r.label, ENERGY_MEASURED);
    assert_near(r.joules, 20 + 100);
    assert_near(r.counter_j, 140);
    meter_close(m);
    dlclose(f.handle);
}

static void test_nvml_that_does_not_count(void **state) {
    struct fake_nvml f = build_nvml(*state);
    const char *why;
    f.result[1] = 3; /* an old board: the other one alone is not what the stage holds */
    struct meter *m = open_meter((struct meter_options){.root = *state, .gpus = 2});
    struct energy_record r;
    assert_string_equal(meter_name(m), "model/model-1");
    meter_end(meter_begin(m, 1 << 30), &one_second, &r);
    assert_holds(domain_of(&r, "gpu 1 Board 1")->why, "Not Supported");
    assert_holds(domain_of(&r, "gpu 0 Board 0")->why, "a part is not the whole");
    assert_holds(r.why, "the GPUs are not in the sum: NVML: Not Supported");
    meter_close(m);
    *f.init_result = 9;
    f.result[1] = 0;
    m = open_meter((struct meter_options){.root = *state, .gpus = 2});
    assert_false(meter_counts(m, &why));
    assert_holds(why, "NVML: Unknown Error");
    meter_close(m);
    m = open_meter((struct meter_options){.root = *state});
    assert_false(meter_counts(m, &why));
    assert_null(strstr(why, "NVML"));
    meter_close(m);
    dlclose(f.handle);
}

/* ---- samples ---- */

static void test_series(void **state) {
    struct meter_point *points, latest;
    struct meter *m = open_package(*state, 0);
    assert_false(meter_latest(&latest, m));
    struct meter_task *task = meter_begin(m, 1 << 30);
    put_energy(*state, "intel-rapl:0", 2000000);
    put_busy(*state, 3);
    pass_seconds(1);
    meter_sample(m);
    size_t count = meter_series(&points, m);
    assert_int_equal(count, 2);
    assert_true(points[0].joules == 0);
    assert_near(points[1].joules, 2);
    assert_near(points[1].busy_s, 3);
    assert_true(meter_latest(&latest, m));
    assert_memory_equal(&latest.joules, &points[1].joules, sizeof latest.joules);
    assert_true(isnan(points[1].memory_j));
    struct buffer text = {0};
    struct json_document *doc = NULL;
    meter_series_json(&text, points, count);
    assert_int_equal(json_parse(&doc, text.data, text.size, NULL, NULL), 0);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json_root(doc), "rows")), 2);
    json_free(doc);
    buffer_close(&text);
    free(points);
    end_package(*state, m, task);
}

static void test_a_long_series_is_thinned(void **state) {
    struct meter_point *points;
    struct meter *m = open_package(*state, 0);
    struct meter_task *task = meter_begin(m, 1 << 30);
    for (int i = 0; i < 70000; i++) {
        pass_seconds(1);
        meter_sample(m);
    }
    size_t count = meter_series(&points, m);
    assert_in_range(count, 32768, 65536);
    for (size_t i = 1; i < count; i++)
        assert_true(points[i].wall_s >= points[i - 1].wall_s);
    free(points);
    end_package(*state, m, task);
}

static void test_the_thread_samples(void **state) {
    struct meter *m = NULL;
    put_server(*state);
    struct meter_options options = {.root = *state, .sample_hz = 10};
    assert_int_equal(meter_open_with(&m, &options, NULL), 0);
    for (int round = 0; round < 2; round++) { /* it waits between stages, and goes on */
        struct meter_point *points;
        struct energy_record r;
        struct meter_task *task = meter_begin(m, getpid());
        size_t before = meter_series(&points, m), now = before;
        free(points);
        while (now < before + 3) {
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
            now = meter_series(&points, m);
            free(points);
        }
        meter_end(task, &one_second, &r);
        assert_true(r.samples_got >= 5);
    }
    meter_close(m);
}

static void test_windows(void **state) {
    double watts[3 * 4];
    struct error err = {0};
    put_server(*state);
    struct meter *m = open_meter((struct meter_options){.root = *state});
    fake_ns = 0;
    assert_int_equal(meter_windows(watts, m, 0, 0.001, NULL, NULL, &err), 0);
    meter_close(m);
    char *zone = path_join(*state, "sys/class/powercap");
    assert_int_equal(file_remove_tree(zone, NULL), 0);
    free(zone);
    m = open_meter((struct meter_options){.root = *state});
    assert_int_equal(meter_windows(watts, m, 4, 0.001, NULL, NULL, &err), ERR_NOT_FOUND);
    assert_holds(err.message, "powercap: no zone");
    meter_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_root(test_domains_that_contain_each_other_are_not_added),
        with_root(test_record_as_json),
        with_root(test_wraps),
        with_root(test_a_reset_is_no_wrap),
        with_root(test_a_leap_is_no_energy),
        with_root(test_unseen_wraps),
        with_root(test_beyond_its_range),
        with_root(test_a_file_that_vanishes),
        with_root(test_damaged_counter),
        with_root(test_without_a_range_no_wrap_can_be_told),
        with_root(test_platform_without_packages),
        with_root(test_cores_alone_are_no_package),
        with_root(test_too_short_is_unresolved),
        with_root(test_the_share_needs_the_busy_time),
        with_root(test_two_stages_side_by_side),
        with_root(test_so_far),
        with_root(test_permission_denied_is_said),
        with_root(test_perf_event),
        with_root(test_perf_event_refused),
        with_root(test_perf_event_without_a_unit),
        with_root(test_nvml),
        with_root(test_nvml_beside_powercap),
        with_root(test_nvml_that_does_not_count),
        with_root(test_series),
        with_root(test_a_long_series_is_thinned),
        with_root(test_the_thread_samples),
        with_root(test_windows),
    };
    return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
