#include "stages/stage.h"

#include <math.h>
#include <signal.h>

#include "tests/unit/stages/fixture.h"

/* An attempt with a pipe for its events. */
struct attempt {
    char *directory;
    struct stage *stage;
    int events[2];
};

static struct attempt attempt_open(void) {
    struct attempt a;
    struct error err = {0};
    char fd[16];
    a.directory = fixture_directory();
    assert_int_equal(pipe(a.events), 0);
    snprintf(fd, sizeof fd, "%d", a.events[1]);
    setenv("RETORT_EVENTS_FD", fd, 1);
    char *spec = fixture_spec(a.directory, "link/baseline@1", "{\"receiver\":\"ls\",\"slots\":3}", NULL, 2);
    if (stage_open(&a.stage, spec, &err))
        fail_msg("%s", err.message);
    free(spec);
    return a;
}

/* Ends it; the caller frees what was written on the pipe. */
static char *attempt_close(struct attempt *a) {
    struct buffer text = {0};
    char bytes[4096];
    ssize_t n;
    stage_close(a->stage);
    unsetenv("RETORT_EVENTS_FD");
    close(a->events[1]);
    while ((n = read(a->events[0], bytes, sizeof bytes)) > 0)
        buffer_append(&text, bytes, (size_t)n);
    close(a->events[0]);
    fixture_remove(a->directory);
    char *out = mem_strdup(buffer_text(&text));
    buffer_close(&text);
    return out;
}

static void parameters_are_complete(void **state) {
    (void)state;
    struct attempt a = attempt_open();
    assert_int_equal(stage_integer(a.stage, "slots"), 3);
    assert_int_equal(stage_integer(a.stage, "branches"), 1);
    assert_false(stage_boolean(a.stage, "simulate"));
    assert_string_equal(stage_text(a.stage, "demapper"), "max-log");
    assert_int_equal(stage_cpus(a.stage), 2);
    size_t count = 7;
    assert_null(stage_input(a.stage, "model", &count));
    assert_int_equal(count, 0);
    assert_null(stage_checkpoint(a.stage));
    free(attempt_close(&a));
}

static void events_are_lines_of_json(void **state) {
    (void)state;
    struct attempt a = attempt_open();
    stage_metric(a.stage, "loss", 3, 0.5);
    stage_note(a.stage, "a \"quoted\"\n%s", "note");
    char *lines = attempt_close(&a);
    assert_string_equal(lines, "{\"metric\":{\"name\":\"loss\",\"step\":3,\"value\":0.5}}\n"
                               "{\"note\":\"a \\\"quoted\\\"\\nnote\"}\n");
    free(lines);
}

static void progress_is_thinned_but_its_end_is_told(void **state) {
    (void)state;
    struct attempt a = attempt_open();
    for (int i = 1; i <= 1000; i++)
        stage_progress(a.stage, i, 1000, "step");
    char *lines = attempt_close(&a);
    const char *last = "{\"progress\":{\"done\":1000,\"total\":1000,\"unit\":\"step\"}}\n";
    size_t count = 0;
    for (const char *c = lines; *c; c++)
        count += *c == '\n';
    assert_true(count < 500);
    assert_true(strlen(lines) > strlen(last));
    assert_string_equal(lines + strlen(lines) - strlen(last), last);
    free(lines);
}

static void a_reader_that_has_gone_ends_nothing(void **state) {
    (void)state;
    struct attempt a = attempt_open();
    close(a.events[0]);
    stage_note(a.stage, "into the void");
    free(attempt_close(&a));
}

static void results_are_written_and_nan_is_refused(void **state) {
    (void)state;
    struct attempt a = attempt_open();
    struct error err = {0};
    assert_int_equal(stage_result(a.stage, "gm_ber", -1.5, &err), 0);
    assert_int_equal(stage_result(a.stage, "gm_ber", -2.5, &err), 0);
    assert_int_equal(stage_result(a.stage, "floored", (double)NAN, &err), ERR_FAILED);
    assert_non_null(strstr(err.message, "\"floored\" is not a number"));
    assert_int_equal(stage_result(a.stage, "floored", (double)INFINITY, &err), ERR_FAILED);
    assert_int_equal(stage_finish(a.stage, &err), 0);
    char *text = fixture_read(a.directory, "metrics.json", NULL);
    assert_string_equal(text, "{\n  \"gm_ber\": -2.5\n}\n");
    free(text);
    free(attempt_close(&a));
}

static void sigterm_asks_to_leave(void **state) {
    (void)state;
    struct attempt a = attempt_open();
    assert_false(stage_interrupted(a.stage));
    raise(SIGTERM);
    assert_true(stage_interrupted(a.stage));
    free(attempt_close(&a));
}

static void expect_refused(const char *spec, const char *part) {
    char *directory = fixture_directory(), *path = fixture_write(directory, "spec.json", spec, strlen(spec));
    struct stage *s;
    struct error err = {0};
    assert_int_equal(stage_open(&s, path, &err) < 0, 1);
    assert_null(s);
    if (!strstr(err.message, part) || !strstr(err.message, "spec.json"))
        fail_msg("\"%s\" does not hold \"%s\" and the file", err.message, part);
    free(path);
    fixture_remove(directory);
}

#define OUTS "\"outs\":{\"curve\":{\"path\":\"c\"},\"json\":{\"path\":\"j\"},\"metrics\":{\"path\":\"m\"}}"

static void bad_specs_are_refused(void **state) {
    (void)state;
    expect_refused("{", "1:2");
    expect_refused("[]", "not a stage's spec of version 1");
    expect_refused("{\"retort_spec\":2}", "not a stage's spec of version 1");
    expect_refused("{\"retort_spec\":1,\"cmd\":[\"x\"]}", "without \"kind\"");
    expect_refused("{\"retort_spec\":1,\"kind\":\"no/such@1\"}", "no kind");
    expect_refused("{\"retort_spec\":1,\"kind\":\"link/baseline@1\",\"with\":{\"receiver\":\"xx\"}," OUTS "}",
                   "\"receiver\"");
    expect_refused("{\"retort_spec\":1,\"kind\":\"link/baseline@1\",\"with\":{\"receiver\":\"ls\"}}",
                   "no path for the out \"curve\"");
    expect_refused(
        "{\"retort_spec\":1,\"kind\":\"link/baseline@1\",\"with\":{\"receiver\":\"ls\"},\"in\":{\"x\":{}}," OUTS "}",
        "has no input \"x\"");
    expect_refused("{\"retort_spec\":1,\"kind\":\"deeprx/"
                   "evaluate@1\",\"outs\":{\"ber\":{\"path\":\"c\"},\"json\":{\"path\":\"j\"},"
                   "\"metrics\":{\"path\":\"m\"}}}",
                   "needs the input \"model\"");
    expect_refused(
        "{\"retort_spec\":1,\"kind\":\"deeprx/evaluate@1\",\"in\":{\"model\":[]},\"outs\":{\"ber\":{\"path\":\"c\"},"
        "\"json\":{\"path\":\"j\"},\"metrics\":{\"path\":\"m\"}}}",
        "takes one file, not a list");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_complete),
        cmocka_unit_test(events_are_lines_of_json),
        cmocka_unit_test(progress_is_thinned_but_its_end_is_told),
        cmocka_unit_test(a_reader_that_has_gone_ends_nothing),
        cmocka_unit_test(results_are_written_and_nan_is_refused),
        cmocka_unit_test(sigterm_asks_to_leave),
        cmocka_unit_test(bad_specs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
