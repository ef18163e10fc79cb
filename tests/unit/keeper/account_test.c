/* The keeper's account of an attempt, for an engine that does not live to hear the result. */
#include <math.h>

#include "tests/unit/keeper/fixture.h"

static void ask_for_account(struct trial *t, int every_ms, cJSON *record) {
    cJSON_AddStringToObject(record, "stage", "burn");
    t->request.account = (struct attempt_account){
        .path = keep_place(t, OWN_PLACE, "account.json"), .every_ms = every_ms, .record = record};
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

static void what_an_attempt_used_is_kept_when_the_engine_dies(void **state) {
    struct trial *t = *state;
    cJSON *known = cJSON_CreateObject();
    ask_for_account(t, 1000000, known);
    use_script(t, BURN ": >there; exec sleep 1000");
    submit(t);
    await_file(t, "dir/there");
    assert_int_equal(finish(t), 130);
    assert_no_result(t);
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
    cJSON_Delete(known);
}

/* Also of one that is still at work: its CPU time by /proc. */
static void the_account_is_written_while_the_stage_runs(void **state) {
    struct trial *t = *state;
    cJSON *record = NULL, *known = cJSON_CreateObject();
    ask_for_account(t, 20, known);
    use_script(t, BURN BURN BURN BURN BURN BURN BURN BURN "until [ -e ../go ]; do sleep 0.01; done");
    submit(t);
    while (energy_of(record, "cpu_s") <= 0) {
        pause_ms(10);
        cJSON_Delete(record);
        record = account(t);
    }
    assert_string_equal(json_text(record, "state", ""), "running");
    assert_true(energy_of(record, "memory_bytes") > 100000); /* no shell is smaller */
    make_file(t, "go", "", 0644);
    await_result(t);
    assert_true(json_double(t->result.energy, "cpu_s", -1) >= energy_of(record, "cpu_s") - 0.02); /* two ticks */
    cJSON_Delete(record);
    cJSON_Delete(known);
}

/* A checkpoint outlives the attempt, and with it what it took. */
static void beside_a_checkpoint_the_account_stays(void **state) {
    struct trial *t = *state;
    cJSON *known = cJSON_CreateObject();
    t->request.checkpoint = t->request.directory;
    ask_for_account(t, 1000000, known);
    run(t, BURN);
    cJSON *record = account(t);
    assert_string_equal(json_text(record, "state", ""), "ended");
    assert_true(json_equal(cJSON_GetObjectItemCaseSensitive(record, "energy"), t->result.energy));
    cJSON_Delete(record);
    cJSON_Delete(known);
}

static void an_engine_that_hears_the_result_needs_no_account(void **state) {
    struct trial *t = *state;
    cJSON *known = cJSON_CreateObject();
    ask_for_account(t, 1000000, known);
    run(t, "exit 3");
    assert_null(account(t));
    cJSON_Delete(known);
}

static void an_attempt_that_never_ran_leaves_no_account(void **state) {
    struct trial *t = *state;
    cJSON *known = cJSON_CreateObject();
    t->request.checkpoint = t->request.directory;
    ask_for_account(t, 1000000, known);
    int lock = open(t->request.checkpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    use_script(t, "touch ../ran");
    submit(t);
    send_frame(t, FRAME_KILL);
    await_result(t);
    assert_null(account(t));
    close(lock);
    cJSON_Delete(known);
}

/* The second has none of its own, and the first one's is not written again. */
static void an_account_is_of_its_own_attempt(void **state) {
    struct trial *t = *state;
    cJSON *known = cJSON_CreateObject();
    t->request.checkpoint = t->request.directory;
    ask_for_account(t, 10, known);
    run(t, BURN);
    cJSON *first = account(t);
    t->request.account = (struct attempt_account){0};
    run(t, "sleep 0.1");
    cJSON *after = account(t);
    assert_true(json_equal(first, after));
    cJSON_Delete(first);
    cJSON_Delete(after);
    cJSON_Delete(known);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_an_attempt_used_is_kept_when_the_engine_dies),
        TEST(the_account_is_written_while_the_stage_runs),
        TEST(beside_a_checkpoint_the_account_stays),
        TEST(an_engine_that_hears_the_result_needs_no_account),
        TEST(an_attempt_that_never_ran_leaves_no_account),
        TEST(an_account_is_of_its_own_attempt),
    };
    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
