/* The ledger of a run: budgets, reservations and passes, on a machine without a counter. */
#include "engine/energy/ledger.h"
#include "tests/unit/engine/plan_fixture.h"

struct bench {
    struct world world;
    struct store *store;
    struct energy_ledger *ledger;
};

static void note(void *context, const char *text) {
    (void)context, (void)text;
}

static void begin_pass(struct bench *b) {
    ledger_begin_pass(b->ledger, b->world.plan, &(struct ledger_observer){.note = note});
}

/* Plans a text; the run has begun its first pass. */
static void bench_open(struct bench *b, const char *text) {
    struct error err = {0};
    *b = (struct bench){0};
    world_open(&b->world, text);
    world_advance(&b->world);
    char *path = path_join(b->world.directory, "store");
    assert_int_equal(store_open(&b->store, path, true, &err), 0);
    free(path);
    b->ledger = ledger_create(&(struct ledger_options){.pipeline = b->world.pipeline, .store = b->store});
    begin_pass(b);
}

static void bench_close(struct bench *b) {
    ledger_free(b->ledger);
    store_close(b->store);
    world_close(&b->world);
}

static struct energy_attempt *reserve(struct bench *b, const char *instance) {
    struct error err = {0};
    struct energy_attempt *a = NULL;
    if (ledger_reserve(&a, b->ledger, world_instance(&b->world, instance), &err) < 0)
        fail_msg("%s", err.message);
    return a;
}

static void assert_refused(struct bench *b, const char *instance, const char *words) {
    struct error err = {0};
    struct energy_attempt *a = NULL;
    assert_int_equal(ledger_reserve(&a, b->ledger, world_instance(&b->world, instance), &err), ERR_BUDGET);
    assert_null(a);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" has no \"%s\"", err.message, words);
}

/* Ends an attempt that took so many joules by the model. */
static void finish(struct energy_attempt *a, double joules, bool finished) {
    char *text = mem_printf("{\"label\":\"modelled\",\"joules\":%g}", joules);
    struct attempt_end end = {
        .id = "x", .number = 1, .finished = finished, .reported = true, .energy = cJSON_Parse(text), .wall_s = 1};
    ledger_finish(a, &end);
    cJSON_Delete(end.energy);
    free(text);
}

#define STAGE_BUDGET                                                                                                   \
    "{'retort':1,'name':'t','stages':{'burn':{'energy_budget':'10J','cmd':['echo','${matrix.n}'],"                     \
    "'matrix':{'n':[1,2,3]}},'other':{'cmd':['echo']}}}"
#define PIPELINE_BUDGET                                                                                                \
    "{'retort':1,'name':'t','energy_budget':'10J','stages':{'burn':{'cmd':['echo','${matrix.n}'],"                     \
    "'matrix':{'n':[1,2,3]}},'other':{'cmd':['echo']}}}"

static void a_stage_that_would_not_fit_is_refused(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, STAGE_BUDGET);
    finish(reserve(&b, "burn[n=1]"), 6, true);
    assert_refused(
        &b, "burn[n=2]",
        "burn[n=2] is not started: 6 J modelled is its expected energy, by 1 earlier attempt, and 4 J are left of "
        "the energy budget of burn, 10 J");
    ledger_cancel(reserve(&b, "other"));
    bench_close(&b);
}

static void the_pipelines_budget_counts_all_stages(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, PIPELINE_BUDGET);
    finish(reserve(&b, "other"), 5, true);
    finish(reserve(&b, "burn[n=1]"), 3, true);
    assert_refused(&b, "burn[n=2]", "and 2 J are left of the energy budget of the pipeline, 10 J");
    bench_close(&b);
}

static void attempts_under_way_hold_their_reservation(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, STAGE_BUDGET);
    finish(reserve(&b, "burn[n=1]"), 4, true);
    struct energy_attempt *under_way = reserve(&b, "burn[n=2]"); /* 4 J of the 6 J that are left */
    assert_refused(&b, "burn[n=3]", "and 2 J are left");
    ledger_cancel(under_way);
    ledger_cancel(reserve(&b, "burn[n=3]"));
    bench_close(&b);
}

static void a_failed_attempt_counts_too(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, STAGE_BUDGET);
    finish(reserve(&b, "burn[n=1]"), 6, false);
    assert_refused(&b, "burn[n=1]", "6 J modelled is its expected energy, by 1 earlier attempt");
    bench_close(&b);
}

static void a_budget_that_is_used_up_stops_the_run_once(void **state) {
    struct bench b;
    struct error err = {0};
    (void)state;
    bench_open(&b, STAGE_BUDGET);
    finish(reserve(&b, "burn[n=1]"), 9, true);
    assert_int_equal(ledger_check(b.ledger, &err), 0);
    bench_close(&b);
    bench_open(&b, STAGE_BUDGET);
    finish(reserve(&b, "burn[n=1]"), 11, true);
    assert_int_equal(ledger_check(b.ledger, &err), ERR_BUDGET);
    assert_string_equal(err.message,
                        "the energy budget of burn, 10 J, is used up: 11 J modelled; finished stages are kept");
    assert_int_equal(ledger_check(b.ledger, &err), 0);
    assert_int_equal(ledger_refusal(b.ledger, &err), ERR_BUDGET);
    bench_close(&b);
}

static void passes_of_a_run_spend_from_one_budget(void **state) {
    struct bench b;
    struct error err = {0};
    (void)state;
    bench_open(&b, PIPELINE_BUDGET);
    finish(reserve(&b, "burn[n=1]"), 6, true);
    begin_pass(&b);
    finish(reserve(&b, "other"), 6, true);
    assert_int_equal(ledger_check(b.ledger, &err), ERR_BUDGET);
    bench_close(&b);
}

static void a_pass_has_rows_of_its_own(void **state) {
    struct bench b;
    (void)state;
    bench_open(&b, PIPELINE_BUDGET);
    finish(reserve(&b, "burn[n=1]"), 1, true);
    finish(reserve(&b, "other"), 1, false);
    for (int rows = 2; rows >= 0; rows -= 2) {
        cJSON *table = ledger_close_meter(b.ledger, false);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(table, "rows")), rows);
        cJSON_Delete(table);
        begin_pass(&b);
    }
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_that_would_not_fit_is_refused),
        cmocka_unit_test(the_pipelines_budget_counts_all_stages),
        cmocka_unit_test(attempts_under_way_hold_their_reservation),
        cmocka_unit_test(a_failed_attempt_counts_too),
        cmocka_unit_test(a_budget_that_is_used_up_stops_the_run_once),
        cmocka_unit_test(passes_of_a_run_spend_from_one_budget),
        cmocka_unit_test(a_pass_has_rows_of_its_own),
    };
    return cmocka_run_group_tests_name("energy_ledger", tests, NULL, NULL);
}
