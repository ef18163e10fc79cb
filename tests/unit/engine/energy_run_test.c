/* Joules shared out among real processes, by a made-up counter that a thread of the test moves. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/energy.h"
#include "engine/run/run.h"

enum { TICK_MS = 10 };

struct machine {
    char directory[64];
    char *counter; /* energy_uj of the package */
    char *dram;    /* and of the memory */
    double watts;  /* of the package; the memory draws a tenth of it */
    _Atomic uint64_t package_uj, dram_uj;
    atomic_bool stop;
    bool runs;
    pthread_t thread;
};

static void write_text(const char *directory, const char *name, const char *text) {
    char *path = path_join(directory, name);
    char *parent = path_directory(path);
    assert_int_equal(file_make_directory(parent, NULL), 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(parent);
    free(path);
}

/* Of one length always, so that a reader never sees half of a number. */
static void write_counter(const char *path, uint64_t value) {
    char text[32];
    FILE *f = fopen(path, "r+");
    if (!f)
        return;
    snprintf(text, sizeof text, "%018llu\n", (unsigned long long)value);
    fwrite(text, 1, strlen(text), f);
    fclose(f);
}

static void *advance(void *context) {
    struct machine *m = context;
    struct timespec last, now;
    clock_gettime(CLOCK_MONOTONIC, &last);
    while (!atomic_load(&m->stop)) {
        nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000}, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        double dt = (double)(now.tv_sec - last.tv_sec) + (double)(now.tv_nsec - last.tv_nsec) / 1e9;
        last = now;
        atomic_fetch_add(&m->package_uj, (uint64_t)(m->watts * dt * 1e6));
        atomic_fetch_add(&m->dram_uj, (uint64_t)(m->watts * dt * 1e5));
        write_counter(m->counter, atomic_load(&m->package_uj));
        write_counter(m->dram, atomic_load(&m->dram_uj));
    }
    return NULL;
}

static void start_counter(struct machine *m, double watts) {
    m->watts = watts;
    m->runs = pthread_create(&m->thread, NULL, advance, m) == 0;
    assert_true(m->runs);
}

static int setup(void **state) {
    struct machine *m = mem_alloc(sizeof *m);
    strcpy(m->directory, "/tmp/retort-energy-XXXXXX");
    if (!mkdtemp(m->directory))
        return -1;
    write_text(m->directory, "root/sys/class/powercap/intel-rapl:0/name", "package-0\n");
    write_text(m->directory, "root/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n");
    write_text(m->directory, "root/sys/class/powercap/intel-rapl:0/energy_uj", "000000000000000000\n");
    write_text(m->directory, "root/sys/class/powercap/intel-rapl:0:0/name", "dram\n");
    write_text(m->directory, "root/sys/class/powercap/intel-rapl:0:0/max_energy_range_uj", "65712999613\n");
    write_text(m->directory, "root/sys/class/powercap/intel-rapl:0:0/energy_uj", "000000000000000000\n");
    char *proc = path_join(m->directory, "root/proc");
    int linked = symlink("/proc", proc);
    free(proc);
    m->counter = path_join(m->directory, "root/sys/class/powercap/intel-rapl:0/energy_uj");
    m->dram = path_join(m->directory, "root/sys/class/powercap/intel-rapl:0:0/energy_uj");
    *state = m;
    return linked;
}

static int teardown(void **state) {
    struct machine *m = *state;
    atomic_store(&m->stop, true);
    if (m->runs)
        pthread_join(m->thread, NULL);
    file_remove_tree(m->directory, NULL);
    free(m->counter);
    free(m->dram);
    free(m);
    return 0;
}

static char *root_of(const struct machine *m) {
    return path_join(m->directory, "root");
}

/* ---- the attribution alone ---- */

static pid_t start_shell(const char *script) {
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* As the engine sees it: dead, and not reaped yet. */
static void await_end(pid_t pid) {
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

#define BURN "i=0; while [ $i -lt 250000 ]; do i=$((i + 1)); done"

static double number(const cJSON *object, const char *name) {
    return json_double(object, name, (double)NAN);
}

static void assert_near(double found, double wanted, double share) {
    if (!(fabs(found - wanted) <= share * fabs(wanted)))
        fail_msg("%.9g is not within %g of %.9g", found, share, wanted);
}

static void test_rows_add_up_to_the_counter(void **state) {
    struct machine *m = *state;
    char *root = root_of(m);
    start_counter(m, 50);
    struct run_energy *e = energy_open(root);
    assert_non_null(e);
    pid_t busy = start_shell("(" BURN ") & wait"), idle = start_shell("sleep 0.3");
    struct energy_share *burns = energy_begin(e, busy, "burn[n=1]"), *sleeps = energy_begin(e, idle, "rest");
    energy_sample(e);
    await_end(idle);
    energy_stop(sleeps);
    waitpid(idle, NULL, 0);
    energy_sample(e);
    await_end(busy);
    energy_stop(burns);
    waitpid(busy, NULL, 0);
    cJSON *burnt = energy_record(burns, NULL), *rested = energy_record(sleeps, NULL);
    double stages_j = energy_joules(burns) + energy_joules(sleeps);
    energy_share_free(burns);
    energy_share_free(sleeps);
    cJSON *table = energy_close(e);

    assert_string_equal(json_text(table, "label", ""), "measured");
    double counter_j = number(table, "counter_j");
    assert_true(counter_j > 0 && counter_j <= (double)(atomic_load(&m->package_uj) + atomic_load(&m->dram_uj)) / 1e6);
    assert_near(number(table, "stages_j") + number(table, "unresolved_j"), stages_j, 1e-9);
    assert_near(number(table, "stages_j") + number(table, "unresolved_j") + number(table, "other_j") +
                    number(table, "idle_j"),
                counter_j, 1e-3);
    assert_string_equal(json_text(burnt, "label", ""), "measured");
    assert_true(number(burnt, "joules") > 5 * number(rested, "joules"));
    assert_near(number(burnt, "memory_j"), number(burnt, "joules") / 11, 0.05); /* a tenth beside the package's */
    assert_near(number(burnt, "memory_j") + number(burnt, "computation_j"), number(burnt, "joules"), 1e-9);
    assert_true(number(burnt, "uncertainty_j") > 0);
    const cJSON *beside = cJSON_GetObjectItemCaseSensitive(burnt, "beside");
    assert_true(number(beside, "count") == 1);
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(beside, "stages");
    assert_int_equal(cJSON_GetArraySize(names), 1);
    assert_string_equal(cJSON_GetArrayItem(names, 0)->valuestring, "rest");
    cJSON_Delete(burnt);
    cJSON_Delete(rested);
    cJSON_Delete(table);
    free(root);
}

/* A row is taken over by the next stage, without the joules of the last. */
static void test_stages_one_after_another(void **state) {
    struct machine *m = *state;
    char *root = root_of(m);
    double sum_j = 0;
    start_counter(m, 50);
    struct run_energy *e = energy_open(root);
    for (int i = 0; i < 3; i++) {
        pid_t pid = start_shell(i == 1 ? "sleep 0.1" : "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done");
        struct energy_share *s = energy_begin(e, pid, "stage");
        await_end(pid);
        energy_stop(s);
        waitpid(pid, NULL, 0);
        cJSON *record = energy_record(s, NULL);
        assert_true(number(cJSON_GetObjectItemCaseSensitive(record, "beside"), "count") == 0);
        sum_j += energy_joules(s);
        cJSON_Delete(record);
        energy_share_free(s);
    }
    cJSON *table = energy_close(e);
    assert_near(number(table, "stages_j") + number(table, "unresolved_j"), sum_j, 1e-9);
    assert_near(sum_j + number(table, "other_j") + number(table, "idle_j"), number(table, "counter_j"), 1e-3);
    cJSON_Delete(table);
    free(root);
}

/* What the keeper knows exactly stands in the record. */
static void test_usage_is_the_keepers(void **state) {
    struct machine *m = *state;
    char *root = root_of(m);
    start_counter(m, 50);
    struct run_energy *e = energy_open(root);
    pid_t pid = start_shell("sleep 0.1");
    struct energy_share *s = energy_begin(e, pid, "stage");
    await_end(pid);
    energy_stop(s);
    waitpid(pid, NULL, 0);
    cJSON *kept = cJSON_Parse("{\"cpu_s\":1.5,\"wall_s\":2.5,\"memory_bytes\":4096,\"joules\":99}");
    cJSON *record = energy_record(s, kept);
    assert_true(number(record, "cpu_s") == 1.5 && number(record, "wall_s") == 2.5);
    assert_true(number(record, "memory_bytes") == 4096 && number(record, "joules") != 99);
    cJSON_Delete(kept);
    cJSON_Delete(record);
    energy_share_free(s);
    cJSON_Delete(energy_close(e));
    free(root);
}

static void test_a_counter_that_vanishes(void **state) {
    struct machine *m = *state;
    char *root = root_of(m);
    struct run_energy *e = energy_open(root);
    pid_t pid = start_shell("sleep 0.1");
    struct energy_share *s = energy_begin(e, pid, "stage");
    FILE *f = fopen(m->counter, "w"); /* empty: no number any more */
    fclose(f);
    await_end(pid);
    energy_stop(s);
    waitpid(pid, NULL, 0);
    cJSON *record = energy_record(s, NULL);
    energy_share_free(s);
    cJSON *table = energy_close(e);
    assert_string_equal(json_text(record, "label", ""), "unavailable");
    assert_true(isnan(number(record, "joules")));
    assert_string_equal(json_text(table, "label", ""), "unavailable");
    assert_non_null(strstr(json_text(table, "why", ""), "powercap"));
    assert_true(isnan(number(table, "other_j")));
    cJSON_Delete(record);
    cJSON_Delete(table);
    free(root);
}

static void test_nothing_to_count(void **state) {
    struct machine *m = *state;
    char *root = path_join(m->directory, "bare");
    char *proc = path_join(root, "proc");
    assert_int_equal(file_make_directory(root, NULL), 0);
    assert_int_equal(symlink("/proc", proc), 0);
    assert_null(energy_open(root));
    assert_null(energy_begin(NULL, getpid(), "stage"));
    assert_null(energy_close(NULL));
    energy_stop(NULL);
    energy_share_free(NULL);
    free(proc);
    free(root);
}

/* ---- a whole run ---- */

/* retort-stage stands three folders above the unit programs of a room. */
static char *stage_program(void) {
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    char *directory = path_directory(self);
    char *beside = path_join(directory, "../../../retort-stage"), *program = path_normal(beside);
    free(directory);
    free(beside);
    return program;
}

/* Runs a pipeline on the made-up machine; `*run` is what runs/<id>.json holds. */
static int run_study(const struct machine *m, const char *stages, double cpus, cJSON **run, struct error *err) {
    char *text = mem_printf("{\"retort\":1,\"name\":\"t\",%s}", stages);
    write_text(m->directory, "t.json", text);
    char *file = path_join(m->directory, "t.json"), *store_path = path_join(m->directory, "store");
    char *root = root_of(m), *program = stage_program();
    struct diagnostics diagnostics = {0};
    struct pipeline *pipeline = NULL;
    struct store *store = NULL;
    struct run_summary summary = {0};
    const struct run_options options = {.limits = {.cpus = cpus, .memory_bytes = UINT64_C(1) << 40, .grace_ms = 5000},
                                        .stage_program = program,
                                        .results = m->directory,
                                        .meter_root = root};
    assert_int_equal(pipeline_read(&pipeline, file, NULL, 0, &diagnostics, err), 0);
    assert_int_equal(store_open(&store, store_path, true, err), 0);
    int code = run_pipeline(pipeline, store, &options, &summary, &diagnostics, err);
    assert_int_equal(store_run_read(store, summary.run_id, run, NULL), 0);
    store_close(store);
    pipeline_free(pipeline);
    diagnostics_close(&diagnostics);
    free(summary.run_id);
    free(summary.results_path);
    free(program);
    free(root);
    free(store_path);
    free(file);
    free(text);
    return code;
}

#define STAGE(name, script) "\"" name "\":{\"cmd\":[\"sh\",\"-c\",\"" script "\"]}"

static void test_a_run_side_by_side(void **state) {
    struct machine *m = *state;
    struct error err = {0};
    cJSON *run = NULL;
    start_counter(m, 80);
    int code = run_study(
        m, "\"stages\":{" STAGE("one", BURN) "," STAGE("two", ": other work; " BURN) "," STAGE("rest", "sleep 1.3") "}",
        3, &run, &err);
    assert_int_equal(code, 0);
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(run, "energy"), *row;
    double sum_j = 0, one_j = 0, rest_j = 0;
    int stages = 0, parts = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(energy, "rows")) {
        bool stage = strcmp(json_text(row, "row", ""), "stage") == 0;
        stages += stage;
        parts += !stage;
        sum_j += number(row, "joules");
        assert_string_equal(json_text(row, "label", ""), "measured");
        one_j += strcmp(json_text(row, "stage", ""), "one") == 0 ? number(row, "joules") : 0;
        rest_j += strcmp(json_text(row, "stage", ""), "rest") == 0 ? number(row, "joules") : 0;
    }
    assert_int_equal(stages, 3);
    assert_int_equal(parts, 3); /* unresolved, other, idle */
    assert_near(sum_j, number(energy, "counter_j"), 1e-3);
    assert_true(one_j > 2 * rest_j && rest_j >= 0);
    const cJSON *series = cJSON_GetObjectItemCaseSensitive(energy, "series");
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(series, "rows")) >= 3);
    cJSON_Delete(run);
}

/* A stage that would draw for half a minute is stopped at the first sample past its budget. */
static void test_a_budget_at_a_sample(void **state) {
    struct machine *m = *state;
    struct error err = {0};
    cJSON *run = NULL;
    start_counter(m, 2000);
    int code = run_study(m,
                         "\"stages\":{\"burn\":{\"energy_budget\":\"1J\",\"cmd\":[\"sh\",\"-c\",\"while :; do :; "
                         "done\"],\"timeout\":\"30s\"}}",
                         1, &run, &err);
    assert_int_equal(code, ERR_BUDGET);
    assert_non_null(strstr(err.message, "budget of burn, 1 J, is used up"));
    assert_non_null(strstr(err.message, "measured"));
    const cJSON *row = cJSON_GetArrayItem(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(run, "energy"), "rows"), 0);
    assert_true(number(cJSON_GetObjectItemCaseSensitive(run, "counts"), "interrupted") == 1); /* not timed out */
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(row, "finished")));
    cJSON_Delete(run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_add_up_to_the_counter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stages_one_after_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_usage_is_the_keepers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_counter_that_vanishes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_run_side_by_side, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_budget_at_a_sample, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
