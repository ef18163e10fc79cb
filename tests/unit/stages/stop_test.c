/* Kinds that may take long leave when SIGTERM asks them to. */
#include <signal.h>
#include <sys/mman.h>

#include "tests/unit/stages/fixture.h"

#define LINK "\"link\":{\"resource_blocks\":1,\"pilots\":1}"
#define GRID "\"sinr_db\":[0,12]"

/* The return value of the kind when SIGTERM came before its first step. */
static int run_asked_to_stop(const char *uses, const char *with, const struct given *given) {
    struct error err = {0};
    struct stage *s = NULL;
    char *directory = fixture_directory(), *spec = fixture_spec(directory, uses, with, given, 1);
    if (stage_open(&s, spec, &err))
        fail_msg("%s", err.message);
    raise(SIGTERM);
    int rc = stage_find(stage_kind(s))(s, &err);
    stage_close(s);
    free(spec);
    fixture_remove(directory);
    return rc;
}

/* A folder with model.safetensors. */
static char *make_model(void) {
    return fixture_success("deeprx/train@1",
                           "{\"size\":1,\"ladder\":{\"1\":4},\"features\":\"mrc\",\"steps\":1,\"batch\":1," LINK
                           ",\"validation\":{\"slots\":1}}",
                           NULL, 1);
}

static int run_with_model(const char *uses, const char *with) {
    char *folder = make_model(), *model = path_join(folder, "model.safetensors");
    const struct given given[] = {{"model", model, NULL}, {0}};
    int rc = run_asked_to_stop(uses, with, given);
    free(model);
    fixture_remove(folder);
    return rc;
}

/* Its validation would stop too, after all steps. */
static void a_training_stops_before_its_next_step(void **state) {
    (void)state;
    static const char with[] = "{\"size\":1,\"ladder\":{\"1\":4},\"steps\":2,\"batch\":1," LINK "}";
    char number[16], events[4096] = "";
    int fd = memfd_create("events", MFD_CLOEXEC);
    snprintf(number, sizeof number, "%d", fd);
    setenv("RETORT_EVENTS_FD", number, 1);
    assert_int_equal(run_asked_to_stop("deeprx/train@1", with, NULL), STAGE_INTERRUPTED);
    assert_true(pread(fd, events, sizeof events - 1, 0) >= 0);
    assert_null(strstr(events, "\"step\""));
    unsetenv("RETORT_EVENTS_FD");
    close(fd);
}

static void a_data_set_stops(void **state) {
    (void)state;
    assert_int_equal(run_asked_to_stop("link/dataset@1", "{\"slots\":1," GRID "," LINK "}", NULL), STAGE_INTERRUPTED);
}

static void a_count_of_errors_stops(void **state) {
    (void)state;
    static const char with[] = "{\"receiver\":\"genie\",\"slots\":1," GRID "," LINK "}";
    assert_int_equal(run_asked_to_stop("link/baseline@1", with, NULL), STAGE_INTERRUPTED);
}

static void a_simulation_of_a_flat_channel_stops(void **state) {
    (void)state;
    static const char with[] = "{\"receiver\":\"awgn\",\"simulate\":true," GRID "}";
    assert_int_equal(run_asked_to_stop("link/baseline@1", with, NULL), STAGE_INTERRUPTED);
}

static void an_inference_stops(void **state) {
    (void)state;
    char *folder = make_model(), *model = path_join(folder, "model.safetensors");
    char *data = fixture_success("link/dataset@1", "{\"features\":\"mrc\",\"slots\":1," GRID "," LINK "}", NULL, 1);
    char *x = path_join(data, "x.npy");
    const struct given given[] = {{"model", model, NULL}, {"x", x, NULL}, {0}};
    assert_int_equal(run_asked_to_stop("deeprx/infer@1", "{}", given), STAGE_INTERRUPTED);
    free(x);
    fixture_remove(data);
    free(model);
    fixture_remove(folder);
}

static void a_teacher_s_logits_stop(void **state) {
    (void)state;
    assert_int_equal(run_with_model("deeprx/logits@1", "{\"slots\":1," LINK "}"), STAGE_INTERRUPTED);
}

static void a_measurement_of_energy_stops(void **state) {
    (void)state;
    assert_int_equal(run_with_model("energy/inference@1", "{\"round_s\":0.01}"), STAGE_INTERRUPTED);
}

/* Finding how many calls make a round of an hour takes a quarter of it. */
static void a_measurement_of_energy_stops_before_its_rounds(void **state) {
    (void)state;
    assert_int_equal(run_with_model("energy/inference@1", "{\"round_s\":3600}"), STAGE_INTERRUPTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_stops_before_its_next_step),
        cmocka_unit_test(a_data_set_stops),
        cmocka_unit_test(a_count_of_errors_stops),
        cmocka_unit_test(a_simulation_of_a_flat_channel_stops),
        cmocka_unit_test(an_inference_stops),
        cmocka_unit_test(a_teacher_s_logits_stop),
        cmocka_unit_test(a_measurement_of_energy_stops),
        cmocka_unit_test(a_measurement_of_energy_stops_before_its_rounds),
    };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
