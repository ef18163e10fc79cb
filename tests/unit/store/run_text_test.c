/* Whether the text of a run's file tells that it may hold an attempt at a stage. */
#include "tests/unit/store/fixture.h"

static void add_stage(cJSON *stages, const char *name, const char *attempt) {
    cJSON *stage = cJSON_CreateObject();
    cJSON_AddStringToObject(stage, "stage", name);
    cJSON_AddStringToObject(stage, "state", "failed");
    if (attempt)
        cJSON_AddStringToObject(stage, "attempt", attempt);
    cJSON_AddItemToArray(stages, stage);
}

/* A run that attempted "tried" and "tried[a=1]", and not "waiting" nor "last"; its energy has rows with numbers of
   attempts. */
static void write_run(struct store *s) {
    struct error err = {0};
    cJSON *run = cJSON_CreateObject(), *stages = cJSON_AddArrayToObject(run, "stages");
    add_stage(stages, "waiting", NULL);
    add_stage(stages, "tried", "run-1-1");
    add_stage(stages, "tried[a=1]", "run-2-1");
    add_stage(stages, "last", NULL);
    cJSON *row = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(cJSON_AddObjectToObject(run, "energy"), "rows");
    cJSON_AddNumberToObject(row, "attempt", 1);
    cJSON_AddItemToArray(rows, row);
    ok(store_run_begin(s, "p", NULL, &err), err);
    ok(store_run_write(s, run, &err), err);
    cJSON_Delete(run);
}

static void a_text_tells_which_stages_were_attempted(void **state) {
    struct store *s = open_store(*state);
    write_run(s);
    const char *id = store_run_id(s);
    assert_true(store_run_may_tell_attempt(s, id, "\"tried\""));
    assert_true(store_run_may_tell_attempt(s, id, "\"tried[a=1]\""));
    assert_true(store_run_may_tell_attempt(s, id, "\"tr"));
    assert_false(store_run_may_tell_attempt(s, id, "\"waiting\""));
    assert_false(store_run_may_tell_attempt(s, id, "\"last\""));
    assert_false(store_run_may_tell_attempt(s, id, "\"tried[a=2]\""));
    store_close(s);
}

static void a_damaged_file_may_tell_everything(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    write_run(s);
    char *path = mem_printf("%s/runs/%s.json", p->directory, store_run_id(s));
    char *text = read_text(path);
    text[strlen(text) / 2] = '\0';
    write_text(path, text, 0644);
    assert_true(store_run_may_tell_attempt(s, store_run_id(s), "\"last\""));
    assert_true(store_run_may_tell_attempt(s, "nobody", "\"last\""));
    free(text);
    free(path);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_text_tells_which_stages_were_attempted, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_may_tell_everything, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
