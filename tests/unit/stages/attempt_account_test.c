/* What a keeper writes down for an engine that does not live to hear the result. */
#include <math.h>

#include "tests/unit/stages/attempt_fixture.h"

static void ask_for_account(struct trial *t, double every_ms) {
    cJSON *account = cJSON_AddObjectToObject(t->attempt, "account");
    cJSON *record = cJSON_AddObjectToObject(account, "record");
    char *path = place(t, "account.json");
    cJSON_AddStringToObject(account, "path", path);
    cJSON_AddNumberToObject(account, "every_ms", every_ms);
    cJSON_AddStringToObject(record, "stage", "burn");
    free(path);
}

/* NULL: there is none. The caller deletes. */
static cJSON *account(const struct trial *t) {
    struct json_document *document = NULL;
    char *path = place(t, "account.json");
    int rc = json_read(&document, path, NULL, NULL);
    free(path);
    return rc == 0 ? json_detach(document) : NULL;
}

static double energy_of(const cJSON *record, const char *name) {
    return json_double(cJSON_GetObjectItemCaseSensitive(record, "energy"), name, -1);
}

#define BURN "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; "

/* Waits for a file that the stage makes. */
static void await(const struct trial *t, const char *name) {
    char *path = place(t, name);
    while (!file_exists(path))
        pause_ms(10);
    free(path);
}

static void test_the_engine_dies(void **state) {
    struct trial *t = *state;
    ask_for_account(t, 1e6);
    use_script(t, BURN ": >there; exec sleep 1000");
    start(t);
    await(t, "dir/there");
    close(t->lifeline);
    t->lifeline = -1;
    assert_int_equal(finish(t), 3);
    assert_null(t->result);
    cJSON *record = account(t);
    assert_string_equal(json_text(record, "state", ""), "cut");
    assert_string_equal(json_text(record, "stage", ""), "burn");
    assert_true(json_double(record, "wall_s", 0) > 0);
    const cJSON *resources = cJSON_GetObjectItemCaseSensitive(record, "resources");
    assert_true(energy_of(record, "cpu_s") > 0);
    assert_true(fabs(energy_of(record, "cpu_s") - json_double(resources, "user_s", 0) -
                     json_double(resources, "system_s", 0)) < 1e-9);
    assert_true(json_double(cJSON_GetObjectItemCaseSensitive(record, "provenance"), "signal", 0) == SIGKILL);
    cJSON_Delete(record);
}

/* Also of one that is still at work: its CPU time by /proc. */
static void test_while_it_runs(void **state) {
    struct trial *t = *state;
    cJSON *record = NULL;
    ask_for_account(t, 20);
    use_script(t, BURN BURN BURN BURN BURN BURN BURN BURN "until [ -e ../go ]; do sleep 0.01; done");
    start(t);
    while (energy_of(record, "cpu_s") <= 0) {
        pause_ms(10);
        cJSON_Delete(record);
        record = account(t);
    }
    assert_string_equal(json_text(record, "state", ""), "running");
    assert_true(energy_of(record, "memory_bytes") > 100000); /* no shell is smaller */
    char *go = place(t, "go");
    assert_int_equal(file_replace(go, "", 0, 0644, NULL), 0);
    free(go);
    assert_int_equal(finish(t), 0);
    assert_true(energy_of(t->result, "cpu_s") >= energy_of(record, "cpu_s") - 0.02); /* two ticks */
    cJSON_Delete(record);
}

static void test_beside_a_checkpoint(void **state) {
    struct trial *t = *state;
    char *checkpoint = place(t, "checkpoint");
    assert_int_equal(file_make_directory(checkpoint, NULL), 0);
    cJSON_AddStringToObject(t->attempt, "checkpoint", checkpoint);
    free(checkpoint);
    ask_for_account(t, 1e6);
    run(t, BURN);
    cJSON *record = account(t);
    assert_string_equal(json_text(record, "state", ""), "ended");
    assert_true(json_equal(cJSON_GetObjectItemCaseSensitive(record, "energy"),
                           cJSON_GetObjectItemCaseSensitive(t->result, "energy")));
    cJSON_Delete(record);
}

static void test_the_engine_hears_it_all(void **state) {
    struct trial *t = *state;
    ask_for_account(t, 1e6);
    run(t, "exit 3");
    assert_null(account(t));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_engine_dies),
        TEST(test_while_it_runs),
        TEST(test_beside_a_checkpoint),
        TEST(test_the_engine_hears_it_all),
    };
    return cmocka_run_group_tests_name("attempt_account", tests, NULL, NULL);
}
