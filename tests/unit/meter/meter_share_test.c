/* A stage's share of the counters, its record, and the samples that are kept. */
#include <time.h>

#include "tests/unit/meter/counters.h"

static void a_stage_that_is_too_short_is_unresolved(void **state) {
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

static void a_share_needs_the_busy_time(void **state) {
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

static void two_stages_share_the_counter(void **state) {
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

static void a_running_stage_has_joules_so_far(void **state) {
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

static void the_record_is_written_as_json(void **state) {
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

/* ---- samples ---- */

static void the_series_holds_every_sample(void **state) {
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

static void a_long_series_is_thinned(void **state) {
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

static void the_thread_takes_samples(void **state) {
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

static void windows_need_a_counter(void **state) {
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
        with_root(a_stage_that_is_too_short_is_unresolved),
        with_root(a_share_needs_the_busy_time),
        with_root(two_stages_share_the_counter),
        with_root(a_running_stage_has_joules_so_far),
        with_root(the_record_is_written_as_json),
        with_root(the_series_holds_every_sample),
        with_root(a_long_series_is_thinned),
        with_root(the_thread_takes_samples),
        with_root(windows_need_a_counter),
    };
    return cmocka_run_group_tests_name("meter_share", tests, NULL, NULL);
}
