/* Joules shared out among stages on a made-up machine. Only the test moves counters, busy time and processes, so
   every share is known beforehand. */
#include <dlfcn.h>
#include <time.h>

#include "engine/energy/share.h"
#include "tests/unit/meter/fixture.h"

#define RANGE 999999999999999ULL /* no pause of the test is long enough for a wrap */

enum { BURN = 1001, REST = 1002, CHILD = 1003 };

/* The state that the machine shows. */
static uint64_t package_uj, dram_uj;
static double busy_s;

static int make_machine(void **state) {
    if (make_root(state) < 0)
        return -1;
    package_uj = 7000000;
    dram_uj = 100;
    busy_s = 100;
    put_cpuinfo(*state, "x", 2, 2);
    put_busy(*state, busy_s);
    put_zone(*state, "intel-rapl:0", "package-0", package_uj, RANGE);
    put_zone(*state, "intel-rapl:0:0", "dram", dram_uj, RANGE);
    return 0;
}

/* The counters rise by so many joules, the machine is busy for so many CPU seconds. */
static void pass(const char *root, double package_j, double dram_j, double cpu_s) {
    package_uj += (uint64_t)(package_j * 1e6);
    dram_uj += (uint64_t)(dram_j * 1e6);
    busy_s += cpu_s;
    put_energy(root, "intel-rapl:0", package_uj);
    put_energy(root, "intel-rapl:0:0", dram_uj);
    put_busy(root, busy_s);
}

/* CPU seconds of a process so far. */
static void put_process(const char *root, int pid, double cpu_s) {
    char path[64], text[128];
    snprintf(path, sizeof path, "proc/%d/stat", pid);
    snprintf(text, sizeof text, "%d (x) S 1 1 1 0 -1 4 0 0 0 0 %.0f 0 0 0 20\n", pid,
             cpu_s * (double)sysconf(_SC_CLK_TCK));
    put(root, path, text);
}

/* Longer than a counter takes to move: what ends before is unresolved. */
static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static double number(const cJSON *object, const char *name) {
    return json_double(object, name, (double)NAN);
}

static cJSON *stop(struct share *s) {
    pause_ms(5);
    share_stop(s);
    return share_record(s, NULL);
}

/* Two at a time, by hand, interval by interval. */
static void test_rows_by_hand(void **state) {
    struct sharing *e = sharing_open(&(struct sharing_options){.root = *state});
    assert_non_null(e);
    struct share *burns = share_begin(e, BURN, "burn[n=1]", 0), *rests = share_begin(e, REST, "rest", 0);
    put(*state, "proc/1001/task/1001/children", "1003 ");
    pass(*state, 40, 4, 1); /* a busy second: half of it a child's of the one, a tenth the other's */
    put_process(*state, CHILD, 0.5);
    put_process(*state, REST, 0.1);
    sharing_sample(e);
    assert_near(share_joules(burns), 22);
    assert_near(share_joules(rests), 4.4);
    pass(*state, 30, 3, 0); /* nobody ran: idle */
    sharing_sample(e);
    pass(*state, 10, 0, 0.5); /* the memory's counter has not moved yet */
    put_process(*state, CHILD, 1);
    cJSON *rested = stop(rests);
    pass(*state, 10, 1, 1);
    put_process(*state, BURN, 1);
    cJSON *burnt = stop(burns);
    pass(*state, 5, 0, 1); /* other processes */
    assert_near(share_joules(burns), 22 + 10 + 11);
    assert_near(number(burnt, "joules"), 43);
    assert_near(number(burnt, "memory_j"), 2 + 0 + 1);
    assert_near(number(burnt, "computation_j"), 40);
    assert_true(number(burnt, "uncertainty_j") > 0);
    assert_string_equal(json_text(burnt, "label", ""), "measured");
    assert_near(number(rested, "joules"), 4.4);
    const cJSON *beside = cJSON_GetObjectItemCaseSensitive(burnt, "beside");
    assert_true(number(beside, "count") == 1);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(beside, "stages")->child->valuestring, "rest");
    share_free(burns);
    share_free(rests);
    cJSON *table = sharing_close(e);
    assert_string_equal(json_text(table, "label", ""), "measured");
    assert_near(number(table, "counter_j"), 44 + 33 + 10 + 11 + 5);
    assert_near(number(table, "stages_j"), 43 + 4.4);
    assert_true(number(table, "unresolved_j") == 0);
    assert_near(number(table, "other_j"), 0.4 * 44 + 5);
    assert_near(number(table, "idle_j"), 33);
    cJSON_Delete(burnt);
    cJSON_Delete(rested);
    cJSON_Delete(table);
}

/* A row is taken over by the next stage, without the joules of the last. */
static void test_stages_one_after_another(void **state) {
    struct sharing *e = sharing_open(&(struct sharing_options){.root = *state});
    for (int i = 0; i < 3; i++) {
        struct share *s = share_begin(e, BURN + i, "stage", 0);
        pass(*state, 10 * (i + 1), 0, 2);
        put_process(*state, BURN + i, 1); /* half of what ran */
        cJSON *record = stop(s);
        assert_true(number(cJSON_GetObjectItemCaseSensitive(record, "beside"), "count") == 0);
        assert_near(number(record, "joules"), 5 * (i + 1));
        cJSON_Delete(record);
        share_free(s);
        pass(*state, 7, 0, 1); /* between stages */
    }
    cJSON *table = sharing_close(e);
    assert_near(number(table, "stages_j"), 5 + 10 + 15);
    assert_near(number(table, "other_j"), 30 + 3 * 7);
    assert_near(number(table, "counter_j"), 60 + 21);
    cJSON_Delete(table);
}

/* At 20 W and 2 W of base power: how much is idle depends on the time, but not what adds up. */
static void test_base_power_is_idle(void **state) {
    const struct base_power computation = {.median_w = 20, .mad_w = 1, .windows = 30};
    const struct base_power memory = {.median_w = 2, .mad_w = 0.5, .windows = 30};
    const struct base_power total = {.median_w = 22, .mad_w = 1, .windows = 30};
    const struct meter_base base = {total, computation, memory};
    struct sharing *e = sharing_open(&(struct sharing_options){.root = *state, .base = &base});
    struct share *s = share_begin(e, BURN, "alone", 0);
    pass(*state, 90, 9, 2);
    put_process(*state, BURN, 1);
    cJSON *record = stop(s);
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(record, "steps");
    assert_near(number(steps, "base_w"), 22);
    assert_near(number(steps, "relative_w"), number(steps, "absolute_w") - 22);
    assert_near(number(cJSON_GetObjectItemCaseSensitive(record, "baseline"), "median_w"), 22);
    assert_true(number(record, "uncertainty_j") > 0);
    share_free(s);
    cJSON *table = sharing_close(e);
    double idle_j = number(table, "idle_j"), used_j = 99 - idle_j;
    assert_true(idle_j > 0);
    assert_near(number(record, "joules"), used_j / 2);
    assert_near(number(table, "other_j"), used_j / 2);
    cJSON_Delete(record);
    cJSON_Delete(table);
}

/* It ended before the counter moved: not 0, and what comes later is not its own. */
static void test_a_counter_that_did_not_move(void **state) {
    struct sharing *e = sharing_open(&(struct sharing_options){.root = *state});
    struct share *s = share_begin(e, BURN, "stage", 0);
    put_process(*state, BURN, 1);
    pass(*state, 0, 0, 1);
    cJSON *record = stop(s);
    assert_string_equal(json_text(record, "label", ""), "unresolved");
    assert_true(isnan(number(record, "joules")));
    pass(*state, 9, 0, 1);
    share_free(s);
    cJSON *table = sharing_close(e);
    assert_true(number(table, "stages_j") == 0 && number(table, "unresolved_j") == 0);
    assert_near(number(table, "other_j"), 9);
    cJSON_Delete(record);
    cJSON_Delete(table);
}

/* The record holds the keeper's exact figures. */
static void test_usage_is_the_keepers(void **state) {
    struct sharing *e = sharing_open(&(struct sharing_options){.root = *state});
    struct share *s = share_begin(e, BURN, "stage", 0);
    pass(*state, 3, 0, 1);
    put_process(*state, BURN, 1);
    cJSON_Delete(stop(s));
    cJSON *kept = cJSON_Parse("{\"cpu_s\":1.5,\"wall_s\":2.5,\"memory_bytes\":4096,\"joules\":99}");
    cJSON *record = share_record(s, kept);
    assert_true(number(record, "cpu_s") == 1.5 && number(record, "wall_s") == 2.5);
    assert_true(number(record, "memory_bytes") == 4096);
    assert_near(number(record, "joules"), 3);
    cJSON_Delete(kept);
    cJSON_Delete(record);
    share_free(s);
    cJSON_Delete(sharing_close(e));
}

/* Two boards: one stage holds one of them, the other none; what nobody holds is nobody's. */
static void test_gpus_are_shared_by_who_holds_them(void **state) {
    put(*state, "usr/lib/empty", "");
    char *path = path_join(*state, "usr/lib/libnvidia-ml.so.1");
    char *command = mem_printf("${CC:-cc} -shared -fPIC -o '%s' tests/unit/meter/nvml_fake.c", path);
    assert_int_equal(system(command), 0);
    void *library = dlopen(path, RTLD_NOW);
    assert_non_null(library);
    unsigned long long *millijoules = dlsym(library, "fake_millijoules");
    struct sharing *e = sharing_open(&(struct sharing_options){.root = *state, .gpus = true});
    struct share *holds = share_begin(e, BURN, "holds", 1), *rests = share_begin(e, REST, "rest", 0);
    millijoules[0] += 30000;
    millijoules[1] += 10000;
    pass(*state, 8, 0, 2);
    put_process(*state, BURN, 1);
    put_process(*state, REST, 1);
    pause_ms(250); /* NVML moves every 100 ms: a shorter stage is unresolved */
    cJSON *held = stop(holds), *rested = stop(rests);
    assert_near(number(held, "joules"), 4 + 20);
    assert_near(number(held, "gpu_j"), 20);
    assert_near(number(rested, "joules"), 4);
    assert_true(isnan(number(rested, "gpu_j")));
    share_free(holds);
    share_free(rests);
    cJSON *table = sharing_close(e);
    assert_near(number(table, "counter_j"), 48);
    assert_near(number(table, "stages_j"), 28);
    assert_near(number(table, "other_j"), 20);
    cJSON_Delete(held);
    cJSON_Delete(rested);
    cJSON_Delete(table);
    dlclose(library);
    free(command);
    free(path);
}

/* Without a counter the model says what each has taken so far: 12 W a core by default. */
static void test_the_model_so_far(void **state) {
    char *zones = path_join(*state, "sys/class/powercap");
    assert_int_equal(file_remove_tree(zones, NULL), 0);
    free(zones);
    struct sharing *e = sharing_open(&(struct sharing_options){.root = *state, .model = true});
    assert_non_null(e);
    assert_string_equal(sharing_word(e), "modelled");
    struct share *s = share_begin(e, BURN, "stage", 0);
    put_process(*state, BURN, 2);
    sharing_sample(e);
    assert_near(share_joules(s), 2 * 12);
    put_process(*state, BURN, 5);
    share_stop(s);
    assert_near(share_joules(s), 5 * 12);
    cJSON *kept = cJSON_Parse("{\"label\":\"modelled\",\"joules\":61}"), *record = share_record(s, kept);
    assert_true(json_equal(record, kept)); /* the keeper's stands */
    assert_null(share_record(s, NULL));
    share_free(s);
    assert_null(sharing_close(e)); /* and there is nothing to add up to */
    cJSON_Delete(record);
    cJSON_Delete(kept);
}

static void test_a_counter_that_vanishes(void **state) {
    struct sharing *e = sharing_open(&(struct sharing_options){.root = *state});
    struct share *s = share_begin(e, BURN, "stage", 0);
    put(*state, "sys/class/powercap/intel-rapl:0/energy_uj", ""); /* no number any more */
    cJSON *record = stop(s);
    share_free(s);
    cJSON *table = sharing_close(e);
    assert_string_equal(json_text(record, "label", ""), "unavailable");
    assert_true(isnan(number(record, "joules")));
    assert_string_equal(json_text(table, "label", ""), "unavailable");
    assert_holds(json_text(table, "why", ""), "powercap");
    assert_true(isnan(number(table, "other_j")));
    cJSON_Delete(record);
    cJSON_Delete(table);
}

static void test_nothing_to_count(void **state) {
    char *zones = path_join(*state, "sys/class/powercap");
    assert_int_equal(file_remove_tree(zones, NULL), 0);
    free(zones);
    assert_null(sharing_open(&(struct sharing_options){.root = *state}));
    assert_null(share_begin(NULL, getpid(), "stage", 0));
    assert_null(sharing_close(NULL));
    share_stop(NULL);
    share_free(NULL);
}

#define on_machine(test) cmocka_unit_test_setup_teardown(test, make_machine, remove_root)

int main(void) {
    const struct CMUnitTest tests[] = {
        on_machine(test_rows_by_hand),         on_machine(test_stages_one_after_another),
        on_machine(test_base_power_is_idle),   on_machine(test_a_counter_that_did_not_move),
        on_machine(test_usage_is_the_keepers), on_machine(test_gpus_are_shared_by_who_holds_them),
        on_machine(test_the_model_so_far),     on_machine(test_a_counter_that_vanishes),
        on_machine(test_nothing_to_count),
    };
    return cmocka_run_group_tests_name("energy_share", tests, NULL, NULL);
}
