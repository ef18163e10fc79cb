/* The energy of whole runs: real stages in real time, with counters that move by a known amount when a stage reports
   itself. The shares depend on the machine, so the tests check only rules that always hold. */
#include <string.h>

#include "engine/run/run.h"
#include "tests/unit/engine/stage_program.h"
#include "tests/unit/meter/fixture.h"

#define RANGE 999999999999999ULL

struct machine {
    char *directory;
    uint64_t package_uj, dram_uj;
    uint64_t step_uj; /* of the package at each event; the memory's is a tenth */
    bool uncounted;   /* there are no counters to move */
    double window_s;  /* of the base power */
};

static char *inside(const struct machine *m, const char *name) {
    return path_join(m->directory, name);
}

static int setup(void **state) {
    struct machine *m = mem_alloc(sizeof *m);
    void *directory;
    if (make_root(&directory) < 0)
        return -1;
    m->directory = directory;
    put_zone(m->directory, "intel-rapl:0", "package-0", 0, RANGE);
    put_zone(m->directory, "intel-rapl:0:0", "dram", 0, RANGE);
    put(m->directory, "event.json", "{\"progress\":{\"done\":1,\"total\":1,\"unit\":\"step\"}}\n");
    char *proc = inside(m, "proc");
    int linked = symlink("/proc", proc);
    free(proc);
    *state = m;
    return linked;
}

static int teardown(void **state) {
    struct machine *m = *state;
    int rc = file_remove_tree(m->directory, NULL);
    free(m->directory);
    free(m);
    return rc;
}

/* A stage is there: the counters move while it runs, and a file tells it so. */
static void on_event(void *context, const struct instance *i, double done, double total, const char *unit) {
    struct machine *m = context;
    char *name = mem_printf("moved-%s", instance_name(i));
    (void)done;
    (void)total;
    (void)unit;
    m->package_uj += m->step_uj;
    m->dram_uj += m->step_uj / 10;
    if (!m->uncounted) {
        put_energy(m->directory, "intel-rapl:0", m->package_uj);
        put_energy(m->directory, "intel-rapl:0:0", m->dram_uj);
    }
    put(m->directory, name, "");
    free(name);
}

/* Runs a pipeline on the made-up machine; `*run` is what runs/<id>.json holds. */
static int run_study(struct machine *m, const char *stages, double cpus, cJSON **run, struct error *err) {
    char *text = mem_printf("{\"retort\":1,\"name\":\"t\",\"stages\":{%s}}", stages);
    put(m->directory, "t.json", text);
    char *file = inside(m, "t.json"), *store_path = inside(m, "store"), *program = stage_program();
    struct diagnostics diagnostics = {0};
    struct pipeline *pipeline = NULL;
    struct store *store = NULL;
    struct run_summary summary = {0};
    const struct run_options options = {.limits = {.cpus = cpus, .memory_bytes = UINT64_C(1) << 40, .grace_ms = 5000},
                                        .stage_program = program,
                                        .results = m->directory,
                                        .meter_root = m->directory,
                                        .base_window_s = m->window_s,
                                        .observer = {.context = m, .progress = on_event}};
    assert_int_equal(pipeline_read(&pipeline, &(struct pipeline_source){.path = file}, &diagnostics, err), 0);
    assert_int_equal(store_open(&store, store_path, true, err), 0);
    int code = run_pipeline(pipeline, store, &options, &summary, &diagnostics, err);
    assert_int_equal(store_run_read(store, summary.run_id, run, NULL), 0);
    store_close(store);
    pipeline_free(pipeline);
    diagnostics_close(&diagnostics);
    free(summary.run_id);
    free(summary.results.path);
    free(program);
    free(store_path);
    free(file);
    free(text);
    return code;
}

/* A stage that stays until the counters have moved under it. */
static char *waiting_stage(const struct machine *m, const char *name) {
    return mem_printf("\"%s\":{\"in\":{\"event\":\"event.json\"},\"cmd\":[\"sh\",\"-c\",\"cat ${in.event} >&"
                      "$RETORT_EVENTS_FD; until [ -e $0 ]; do sleep 0.01; done; sleep 0.01\",\"%s/moved-%s\"]}",
                      name, m->directory, name);
}

static double number(const cJSON *object, const char *name) {
    return json_double(object, name, (double)NAN);
}

static void test_a_run_side_by_side(void **state) {
    struct machine *m = *state;
    struct error err = {0};
    cJSON *run = NULL;
    m->step_uj = 50000000;
    char *one = waiting_stage(m, "one"), *two = waiting_stage(m, "two"), *three = waiting_stage(m, "three");
    char *stages = mem_printf("%s,%s,%s", one, two, three);
    assert_int_equal(run_study(m, stages, 3, &run, &err), 0);
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(run, "energy"), *row;
    double sum_j = 0;
    size_t attempts = 0, parts = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(energy, "rows")) {
        bool stage = strcmp(json_text(row, "row", ""), "stage") == 0;
        attempts += stage;
        parts += !stage;
        assert_string_equal(json_text(row, "label", ""), "measured");
        assert_true(number(row, "joules") >= 0);
        sum_j += number(row, "joules");
    }
    assert_int_equal(attempts, 3);
    assert_int_equal(parts, 3); /* unresolved, other, idle */
    assert_near(number(energy, "counter_j"), 3 * (50 + 5));
    assert_near(sum_j, 3 * (50 + 5));
    const cJSON *series = cJSON_GetObjectItemCaseSensitive(energy, "series");
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(series, "rows")) >= 7); /* begin, and each end */
    cJSON_Delete(run);
    free(stages);
    free(one);
    free(two);
    free(three);
}

/* The counters stand still before and after: a machine that draws nothing at rest. */
static void test_the_base_power_before_and_after(void **state) {
    struct machine *m = *state;
    struct error err = {0};
    cJSON *run = NULL;
    m->step_uj = 50000000;
    m->window_s = 0.001;
    char *one = waiting_stage(m, "one");
    assert_int_equal(run_study(m, one, 1, &run, &err), 0);
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(run, "energy"), *row;
    const cJSON *base = cJSON_GetObjectItemCaseSensitive(energy, "baseline");
    assert_true(number(base, "windows") == 2 * BASE_MIN_WINDOWS);
    assert_true(number(base, "median_w") == 0 && number(base, "mad_w") == 0 && number(base, "drift_w") == 0);
    assert_true(number(cJSON_GetObjectItemCaseSensitive(base, "memory"), "windows") == 2 * BASE_MIN_WINDOWS);
    double sum_j = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(energy, "rows"))
        sum_j += number(row, "joules");
    assert_near(sum_j, 55);
    assert_near(number(energy, "counter_j"), 55);
    cJSON_Delete(run);
    free(one);
}

/* The page beside the results labels counted joules, with their uncertainty. */
static void test_the_page_of_what_was_measured(void **state) {
    struct machine *m = *state;
    struct error err = {0};
    struct buffer page = {0};
    cJSON *run = NULL;
    m->step_uj = 50000000;
    char *stage =
        mem_printf("\"one\":{\"in\":{\"event\":\"event.json\"},\"outs\":{\"o\":\"o\"},\"cmd\":[\"sh\",\"-c\",\"cat "
                   "${in.event} >&$RETORT_EVENTS_FD; until [ -e $0 ]; do sleep 0.01; done; echo >o\","
                   "\"%s/moved-one\"]}},\"results\":{\"o.txt\":\"${stages.one.outs.o}\"",
                   m->directory);
    assert_int_equal(run_study(m, stage, 1, &run, &err), 0);
    char *path = inside(m, "t.energy.md");
    assert_int_equal(file_read(&page, path, 1 << 20, &err), 0);
    assert_holds(buffer_text(&page), "| o.txt | one | ");
    assert_holds(buffer_text(&page), "J measured (± ");
    assert_holds(buffer_text(&page), "Sources: powercap.");
    buffer_close(&page);
    free(path);
    free(stage);
    cJSON_Delete(run);
}

/* Without a counter it is said, and the run goes on. */
static void test_no_base_power(void **state) {
    struct machine *m = *state;
    struct error err = {0};
    cJSON *run = NULL;
    char *zones = inside(m, "sys");
    assert_int_equal(file_remove_tree(zones, NULL), 0);
    free(zones);
    m->uncounted = true;
    m->window_s = 1000;
    assert_int_equal(run_study(m, "\"one\":{\"cmd\":[\"true\"]}", 1, &run, &err), 0);
    assert_null(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(run, "energy"), "baseline"));
    cJSON_Delete(run);
}

#define ENDLESS                                                                                                        \
    "\"timeout\":\"10m\",\"in\":{\"event\":\"event.json\"},\"cmd\":[\"sh\",\"-c\",\"while :; do cat ${in.event} >&"    \
    "$RETORT_EVENTS_FD; i=0; while [ $i -lt 9999 ]; do i=$((i + 1)); done; done\"]}"
#define WITH_OWN_BUDGET "\"burn\":{\"energy_budget\":\"1J\"," ENDLESS
#define WITH_THE_PIPELINES "\"burn\":{" ENDLESS "},\"energy_budget\":\"1J\",\"params\":{"

/* A stage that would go on for minutes is stopped at the first sample past its budget, or its pipeline's. */
static void stop_at_a_sample(struct machine *m, const char *stages, const char *whose, const char *label) {
    struct error err = {0};
    cJSON *run = NULL;
    m->step_uj = 1000000;
    assert_int_equal(run_study(m, stages, 1, &run, &err), ERR_BUDGET);
    assert_holds(err.message, whose);
    assert_holds(err.message, label);
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(run, "energy");
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(energy, "rows"), 0);
    assert_true(number(cJSON_GetObjectItemCaseSensitive(run, "counts"), "interrupted") == 1); /* not timed out */
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(row, "finished")));
    cJSON_Delete(run);
}

static void test_a_budget_at_a_sample(void **state) {
    stop_at_a_sample(*state, WITH_OWN_BUDGET, "budget of burn, 1 J, is used up", "measured");
}

static void test_the_pipelines_budget_at_a_sample(void **state) {
    stop_at_a_sample(*state, WITH_THE_PIPELINES, "budget of the pipeline, 1 J, is used up", "measured");
}

static void test_a_budget_by_the_model(void **state) {
    struct machine *m = *state;
    char *zones = inside(m, "sys");
    assert_int_equal(file_remove_tree(zones, NULL), 0);
    free(zones);
    m->uncounted = true;
    stop_at_a_sample(m, WITH_OWN_BUDGET, "budget of burn, 1 J, is used up", "modelled");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_side_by_side, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_base_power_before_and_after, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_page_of_what_was_measured, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_base_power, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_budget_at_a_sample, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_pipelines_budget_at_a_sample, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_budget_by_the_model, setup, teardown),
    };
    return cmocka_run_group_tests_name("energy_run", tests, NULL, NULL);
}
