/* NVML, through a library that the test compiles. */
#include <dlfcn.h>

#include "tests/unit/meter/counters.h"

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

static void nvml_counts_the_joules_of_a_gpu(void **state) {
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

static void nvml_and_powercap_are_added(void **state) {
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

static void a_gpu_without_a_counter_gives_no_joules(void **state) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        with_root(nvml_counts_the_joules_of_a_gpu),
        with_root(nvml_and_powercap_are_added),
        with_root(a_gpu_without_a_counter_gives_no_joules),
    };
    return cmocka_run_group_tests_name("nvml", tests, NULL, NULL);
}
