/* The order of a plan: targets, order, after, failures, results, long chains. */
#include "tests/unit/engine/plan_fixture.h"

#define HEAD "{'retort':1,'name':'t','stages':{"

static const char *const two_chains =
    HEAD "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':[7,11,30]}},"
         "'b':{'cmd':['y','${in.i}'],'in':{'i':'${stages.a.outs.o}'},'outs':{'o':'o'},'matrix':{'like':'a'}},"
         "'all':{'cmd':['z','${in.i}'],'in':{'i':'${stages.b[*].outs.o}'},'outs':{'o':'o'}},"
         "'other':{'cmd':['x'],'outs':{'o':'o'}}}}";

static void a_target_wants_what_it_needs(void **state) {
    (void)state;
    const char *const target[] = {"b[s=11]"};
    struct world w = {0};
    struct error err = {0};
    assert_int_equal(world_open_targets(&w, two_chains, target, 1, &err), 0);
    world_run(&w);
    assert_string_equal(buffer_text(&w.order), "a[s=11]\nb[s=11]\n");
    assert_false(world_instance(&w, "a[s=7]")->wanted);
    assert_null(world_find(&w, "other"));
    world_close(&w);
}

static void a_stage_is_a_target_too(void **state) {
    (void)state;
    const char *const targets[] = {"b"};
    struct world w = {0};
    struct error err = {0};
    assert_int_equal(world_open_targets(&w, two_chains, targets, 1, &err), 0);
    world_run(&w);
    assert_string_equal(buffer_text(&w.order), "a[s=7]\na[s=11]\na[s=30]\nb[s=7]\nb[s=11]\nb[s=30]\n");
    world_close(&w);
}

static void unknown_targets_are_refused(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"othr", "there is no stage \"othr\"; did you mean \"other\"?"},
        {"b[s=12]", "b has no instance with s=12; its values are 7, 11, 30; did you mean 11?"},
        {"b[t=7]", "b has no axis \"t\""},
        {"b[s]", "as in stage[axis=value]"},
        {"b[s=7", "as in stage[axis=value]"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct world w = {0};
        struct error err = {0};
        assert_int_equal(world_open_targets(&w, two_chains, &bad[i][0], 1, &err), ERR_USAGE);
        if (!strstr(err.message, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.message);
        world_close(&w);
    }
}

static void json_and_partial_targets(void **state) {
    (void)state;
    const char *const targets[] = {"a[t=\"x,]y\"]", "a[s=2,t=*]"};
    struct world w = {0};
    struct error err = {0};
    assert_int_equal(world_open_targets(&w,
                                        HEAD "'a':{'cmd':['x','${matrix.s}','${matrix.t}'],'outs':{'o':'o'},"
                                             "'matrix':{'s':[1,2],'t':['x,]y','z']}}}}",
                                        targets, 2, &err),
                     0);
    world_run(&w);
    assert_string_equal(buffer_text(&w.order), "a[s=1,t=\"x,]y\"]\na[s=2,t=\"x,]y\"]\na[s=2,t=z]\n");
    world_close(&w);
}

static cJSON *size_metric(const struct world *w, const struct instance *i) {
    (void)w;
    cJSON *m = cJSON_CreateObject();
    if (instance_coordinate_count(i))
        cJSON_AddNumberToObject(m, "v", instance_coordinate(i, 0).value->valuedouble);
    return m;
}

/* A target in a declaration that waits for a select wants the select and all that it chooses from. */
static void a_late_target_wants_its_select(void **state) {
    (void)state;
    const char *const target[] = {"late[s=30]"}, *const wrong[] = {"late[s=31]"};
    const char *const text =
        HEAD "'a':{'cmd':['x','${matrix.s}'],'outs':{'m':{'path':'m','type':'metrics'}},'matrix':{'s':[7,30]}},"
             "'s':{'select':{'from':'a','group_by':['s'],'maximize':'metrics.v'}},"
             "'late':{'cmd':['y','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':['${stages.s.matrix.s}',8]}},"
             "'other':{'cmd':['x'],'outs':{'o':'o'}}}}";
    struct world w = {.metrics = size_metric};
    struct error err = {0};
    assert_int_equal(world_open_targets(&w, text, target, 1, &err), 0);
    world_run(&w);
    expect_no_fault(&w);
    assert_string_equal(buffer_text(&w.order), "a[s=7]\na[s=30]\nlate[s=30]\n");
    world_close(&w);
    w.metrics = size_metric;
    assert_int_equal(world_open_targets(&w, text, wrong, 1, &err), 0);
    world_run(&w);
    expect_fault(&w, "late has no instance with s=31; its values are 30, 8; did you mean 30?");
    world_close(&w);
}

static void after_orders_and_enters_no_key(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'c':{'cmd':['z','${matrix.n}'],'outs':{'o':'o'},'matrix':{'n':[1,2]},'after':['a']},"
                        "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':[7,11]}},"
                        "'plain':{'cmd':['z','1'],'outs':{'o':'o'}}}}");
    world_run(&w);
    assert_string_equal(buffer_text(&w.order), "a[s=7]\na[s=11]\nc[n=1]\nc[n=2]\nplain\n");
    assert_memory_equal(&world_instance(&w, "c[n=1]")->key, &world_instance(&w, "plain")->key, sizeof(struct digest));
    world_close(&w);
}

static bool eleven_fails(const struct instance *i) {
    return strcmp(instance_name(i), "a[s=11]") == 0;
}

static const char *const follower =
    HEAD "'c':{'cmd':['z','${matrix.n}'],'outs':{'o':'o'},'matrix':{'n':[1,2]},'after':['a']},"
         "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':[7,11]}}}}";

/* Finishes c[n=1], whose results are known, before any instance of `a` is done. */
static void finish_early(struct world *w) {
    world_open(w, follower);
    world_advance(w);
    world_finish(w, world_instance(w, "c[n=1]"));
}

static void a_follower_has_its_key_before_its_leaders_are_done(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, follower);
    world_advance(&w);
    expect_state(&w, "c[n=1]", INSTANCE_KEYED);
    assert_true(world_instance(&w, "c[n=1]")->behind);
    world_close(&w);
}

static void a_known_follower_does_not_wait(void **state) {
    (void)state;
    struct world w = {0};
    finish_early(&w);
    world_run(&w);
    assert_string_equal(buffer_text(&w.order), "a[s=7]\na[s=11]\nc[n=2]\n");
    world_close(&w);
}

static void a_follower_that_may_run_is_given_once(void **state) {
    (void)state;
    struct world w = {0};
    size_t given = 0;
    world_open(&w, follower);
    world_advance(&w);
    world_finish(&w, world_instance(&w, "a[s=7]"));
    world_finish(&w, world_instance(&w, "a[s=11]"));
    for (struct instance *i; (i = plan_next(w.plan));)
        given++;
    assert_int_equal(given, 2);
    world_close(&w);
}

static void a_failed_leader_skips_only_what_is_not_known(void **state) {
    (void)state;
    struct world w = {.fails = eleven_fails};
    finish_early(&w);
    world_run(&w);
    expect_state(&w, "c[n=1]", INSTANCE_DONE);
    expect_state(&w, "c[n=2]", INSTANCE_SKIPPED);
    assert_string_equal(world_instance(&w, "c[n=2]")->reason, "needs a[s=11], which failed");
    world_close(&w);
}

static bool source_fails(const struct instance *i) {
    return strcmp(instance_name(i), "src") == 0;
}

/* The leader never has instances. */
static void a_follower_of_a_dead_matrix_is_skipped(void **state) {
    (void)state;
    struct world w = {.fails = source_fails};
    world_open(&w, HEAD "'src':{'cmd':['x'],'outs':{'m':{'path':'m','type':'metrics'}}},"
                        "'a':{'cmd':['y','${matrix.v}'],'outs':{'o':'o'},'matrix':{'v':['${stages.src.metrics.v}']}},"
                        "'c':{'cmd':['z'],'outs':{'o':'o'},'after':['a']}}}");
    world_advance(&w);
    expect_state(&w, "c", INSTANCE_KEYED);
    world_run(&w);
    expect_state(&w, "c", INSTANCE_SKIPPED);
    world_close(&w);
}

static void failures_skip_what_depends_on_them(void **state) {
    (void)state;
    struct world w = {.fails = eleven_fails};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':[7,11]}},"
                        "'b':{'cmd':['y','${in.i}'],'in':{'i':'${stages.a.outs.o}'},'outs':{'o':'o'},"
                        "'matrix':{'like':'a'}},"
                        "'c':{'cmd':['z','${in.i}'],'in':{'i':'${stages.b.outs.o}'},'outs':{'o':'o'},"
                        "'matrix':{'like':'a'}},"
                        "'d':{'cmd':['w'],'outs':{'o':'o'},'after':['a']}}}");
    world_run(&w);
    expect_state(&w, "b[s=7]", INSTANCE_DONE);
    expect_state(&w, "c[s=7]", INSTANCE_DONE);
    expect_state(&w, "b[s=11]", INSTANCE_SKIPPED);
    expect_state(&w, "c[s=11]", INSTANCE_SKIPPED);
    expect_state(&w, "d", INSTANCE_SKIPPED);
    assert_string_equal(world_instance(&w, "c[s=11]")->reason, "needs a[s=11], which failed");
    assert_string_equal(world_instance(&w, "a[s=11]")->reason, "exit status 1");
    world_close(&w);
}

static double estimate(void *context, const struct instance *i) {
    (void)context;
    return instance_coordinate_count(i) ? instance_coordinate(i, 0).value->valuedouble : 100;
}

/* a[s] -> b[s] -> all, a 7 11 30, b the same; "last" is ordered behind a, "first" stands alone. */
static void remaining_is_the_longest_path(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':[7,11,30]}},"
                        "'b':{'cmd':['y','${in.i}'],'in':{'i':'${stages.a.outs.o}'},'outs':{'o':'o'},"
                        "'matrix':{'s':[7,30]}},"
                        "'all':{'cmd':['z','${in.i}'],'in':{'i':'${stages.b[*].outs.o}'},'outs':{'o':'o'}},"
                        "'last':{'cmd':['x','${matrix.n}'],'outs':{'o':'o'},'after':['a'],'matrix':{'n':[1,110]}}}}");
    world_advance(&w);
    plan_order(w.plan, estimate, NULL);
    assert_float_equal(world_instance(&w, "all")->remaining_s, 100, 0);
    assert_float_equal(world_instance(&w, "b[s=7]")->remaining_s, 107, 0);
    assert_float_equal(world_instance(&w, "a[s=7]")->remaining_s, 117, 0);
    assert_float_equal(world_instance(&w, "a[s=11]")->remaining_s, 121, 0);
    assert_float_equal(world_instance(&w, "a[s=30]")->remaining_s, 160, 0);
    assert_float_equal(world_instance(&w, "last[n=1]")->remaining_s, 1, 0);
    world_close(&w);
}

static void results_name_their_items(void **state) {
    (void)state;
    struct world w = {0};
    struct error err = {0};
    const struct result_item *items;
    size_t count;
    bool waiting;
    world_open(&w, "{'retort':1,'name':'t','results':{'models/':'${stages.a[*].outs.o}',"
                   "'one.txt':'${stages.a[s=7].outs.o}'},'stages':{"
                   "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o.bin'},'matrix':{'s':[7,11]}}}}");
    world_advance(&w);
    world_finish(&w, plan_next(w.plan));
    assert_int_equal(plan_result(w.plan, &w.pipeline->results[0], &items, &count, &waiting, &err), 0);
    assert_true(waiting);
    assert_int_equal(count, 0);
    assert_int_equal(plan_result(w.plan, &w.pipeline->results[1], &items, &count, &waiting, &err), 0);
    assert_false(waiting);
    assert_int_equal(count, 1);
    assert_string_equal(instance_name(items[0].instance), "a[s=7]");
    assert_string_equal(items[0].out->path, "o.bin");
    world_run(&w);
    assert_int_equal(plan_result(w.plan, &w.pipeline->results[0], &items, &count, &waiting, &err), 0);
    assert_false(waiting);
    assert_int_equal(count, 2);
    assert_int_equal((int)json_double(items[1].labels, "s", 0), 11);
    world_close(&w);
}

enum { CHAIN = 10000 };

/* A chain of stages, each on the one before: nothing recurses, and skipping its tail is one walk. */
static void a_long_chain(void **state) {
    (void)state;
    struct world w = {0};
    struct buffer text = {0};
    buffer_puts(&text, HEAD);
    for (int i = 0; i < CHAIN; i++) {
        buffer_printf(&text, "%s's%d':{'cmd':['x'%s],'outs':{'o':'o'}", i ? "," : "", i, i ? ",'${in.i}'" : "");
        if (i)
            buffer_printf(&text, ",'in':{'i':'${stages.s%d.outs.o}'}", i - 1);
        buffer_puts(&text, "}");
    }
    buffer_puts(&text, "}}");
    world_open(&w, buffer_text(&text));
    world_advance(&w);
    plan_order(w.plan, estimate, NULL);
    assert_float_equal(world_instance(&w, "s0")->remaining_s, 100.0 * CHAIN, 0);
    struct instance *first = plan_next(w.plan);
    assert_string_equal(instance_name(first), "s0");
    assert_null(plan_next(w.plan));
    world_finish(&w, first);
    world_advance(&w);
    plan_fail(w.plan, plan_next(w.plan), "exit status 1");
    char last[16];
    snprintf(last, sizeof last, "s%d", CHAIN - 1);
    expect_state(&w, last, INSTANCE_SKIPPED);
    assert_string_equal(world_instance(&w, last)->reason, "needs s1, which failed");
    buffer_close(&text);
    world_close(&w);
}

static void an_instance_waits_for_a_file_whose_content_comes_later(void **state) {
    (void)state;
    struct world w = {.late = "large"};
    world_open(&w, "{'retort':1,'name':'t','stages':{"
                   "'a':{'cmd':['x'],'in':{'f':'large','g':'small','h':['large2','small']},'outs':{'o':'o'}},"
                   "'b':{'cmd':['x'],'in':{'f':'small'},'outs':{'o':'o'}},"
                   "'c':{'cmd':['x'],'in':{'f':'${stages.a.outs.o}'},'outs':{'o':'o'}}}}");
    assert_int_equal(plan_advance(w.plan, &w.faults, NULL), 0);
    assert_string_equal(instance_name(plan_next(w.plan)), "b");
    assert_null(plan_next(w.plan));
    assert_int_equal(world_instance(&w, "a")->state, INSTANCE_WAITING);
    plan_ask_again(w.plan); /* nothing has come */
    assert_int_equal(plan_advance(w.plan, &w.faults, NULL), 0);
    assert_null(plan_next(w.plan));
    w.late = "large2";
    plan_ask_again(w.plan);
    assert_int_equal(plan_advance(w.plan, &w.faults, NULL), 0);
    assert_null(plan_next(w.plan));
    w.late = NULL;
    plan_ask_again(w.plan);
    assert_int_equal(plan_advance(w.plan, &w.faults, NULL), 0);
    struct instance *a = plan_next(w.plan);
    assert_string_equal(instance_name(a), "a");
    struct digest key = a->key;
    assert_int_equal(w.faults.errors, 0);
    world_close(&w);
    struct world at_once = {0};
    world_open(&at_once, "{'retort':1,'name':'t','stages':{"
                         "'a':{'cmd':['x'],'in':{'f':'large','g':'small','h':['large2','small']},'outs':{'o':'o'}}}}");
    assert_int_equal(plan_advance(at_once.plan, &at_once.faults, NULL), 0);
    assert_true(digest_equal(&plan_next(at_once.plan)->key, &key));
    world_close(&at_once);
}

static void a_fault_of_another_input_is_not_hidden_by_a_late_file(void **state) {
    (void)state;
    struct world w = {.late = "large"};
    world_open(&w, "{'retort':1,'name':'t','stages':{"
                   "'a':{'cmd':['x'],'in':{'f':'large','g':'missing'},'outs':{'o':'o'}}}}");
    assert_int_equal(plan_advance(w.plan, &w.faults, NULL), 0);
    assert_int_equal(world_instance(&w, "a")->state, INSTANCE_FAILED);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_wants_what_it_needs),
        cmocka_unit_test(a_stage_is_a_target_too),
        cmocka_unit_test(unknown_targets_are_refused),
        cmocka_unit_test(json_and_partial_targets),
        cmocka_unit_test(a_late_target_wants_its_select),
        cmocka_unit_test(after_orders_and_enters_no_key),
        cmocka_unit_test(a_follower_has_its_key_before_its_leaders_are_done),
        cmocka_unit_test(a_known_follower_does_not_wait),
        cmocka_unit_test(a_follower_that_may_run_is_given_once),
        cmocka_unit_test(a_failed_leader_skips_only_what_is_not_known),
        cmocka_unit_test(a_follower_of_a_dead_matrix_is_skipped),
        cmocka_unit_test(failures_skip_what_depends_on_them),
        cmocka_unit_test(remaining_is_the_longest_path),
        cmocka_unit_test(results_name_their_items),
        cmocka_unit_test(an_instance_waits_for_a_file_whose_content_comes_later),
        cmocka_unit_test(a_fault_of_another_input_is_not_hidden_by_a_late_file),
        cmocka_unit_test(a_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
