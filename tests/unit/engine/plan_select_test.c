/* Selects: the choice, what readers of the winner see, failures that show the table. Expected values by hand. */
#include "tests/unit/engine/plan_fixture.h"

#include <float.h>

#define HEAD "{'retort':1,'name':'t','stages':{"
#define SWEEP(matrix)                                                                                                  \
    "'a':{'cmd':['x','${matrix.size}','${matrix.seed}'],"                                                              \
    "'outs':{'o':'o','m':{'path':'m.json','type':'metrics'}},'matrix':" matrix "}"
#define FOUR SWEEP("{'size':[7,11],'seed':[1,2]}")
#define USE(more) ",'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.s" more ".outs.o}'},'outs':{'o':'o'}}"

static double size_of(const struct instance *i) {
    return instance_coordinate(i, 0).value->valuedouble;
}

static double seed_of(const struct instance *i) {
    return instance_coordinate(i, 1).value->valuedouble;
}

/* loss = size / seed, flops = size; size 13 has no loss. */
static cJSON *loss_metrics(const struct world *w, const struct instance *i) {
    (void)w;
    if (strcmp(i->decl->name, "a") != 0)
        return NULL;
    cJSON *m = cJSON_CreateObject();
    if (size_of(i) != 13)
        cJSON_AddNumberToObject(m, "loss", size_of(i) / seed_of(i));
    cJSON_AddNumberToObject(m, "flops", size_of(i));
    cJSON_AddNumberToObject(m, "same", 1);
    return m;
}

static void run(struct world *w, const char *text) {
    w->metrics = loss_metrics;
    world_open(w, text);
    world_run(w);
}

/* Means of loss: 7 (1 + 1/2) / 2 = 5.25 and 8.25. */
static void the_winner_is_a_stage_over_its_remaining_axes(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD FOUR ",'s':{'select':{'from':'a','group_by':['size'],'minimize':'metrics.loss'}}" USE(
                "[*]") ",'c':{'cmd':['x','${stages.s.matrix.size}','${in.i}'],'in':{'i':'${stages.s.outs.o}'},"
                       "'outs':{'o':'o'},'matrix':{'seed':[2]}}}}");
    expect_no_fault(&w);
    expect_input(&w, "b", "i", "o{'seed':1,'size':7} o{'seed':2,'size':7}");
    expect_input(&w, "c[seed=2]", "i", "o{'seed':2,'size':7}");
    expect_component(&w, "c[seed=2]", "argv.1", "'7'");
    const cJSON *table = plan_select_table(w.plan, world_instance(&w, "s"));
    char *text = json_canonical_text(table);
    assert_string_equal(
        text, "{\"candidates\":[{\"group\":{\"size\":7},\"metrics\":{\"flops\":7,\"loss\":5.25,\"same\":1},"
              "\"passes\":true,\"winner\":true},{\"group\":{\"size\":11},\"metrics\":{\"flops\":11,\"loss\":8.25,"
              "\"same\":1},\"passes\":true,\"winner\":false}],\"ties\":[]}");
    free(text);
    world_close(&w);
}

static void maximize_and_where(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD SWEEP("{'size':[7,11,30],'seed':[1,2]}") ",'s':{'select':{'from':'a','group_by':['size'],'where':[{'"
                                                          "metric':'metrics.loss','at_most':8.25}],"
                                                          "'maximize':'metrics.flops'}}" USE("[*]") "}}");
    expect_no_fault(&w);
    expect_input(&w, "b", "i", "o{'seed':1,'size':11} o{'seed':2,'size':11}");
    world_close(&w);
}

/* Only losses of at least 5 count: 7/1, 11/1, 11/2; minima 7 and 5.5. */
static void single_instances_are_left_out_by_where_each(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD FOUR ",'s':{'select':{'from':'a','group_by':['size'],'reduce':'min',"
                      "'where_each':[{'metric':'metrics.loss','at_least':5}],'minimize':'metrics.loss'}}" USE(
                          "[*]") ",'t':{'select':{'from':'a','group_by':['size'],"
                                 "'where_each':[{'metric':'metrics.loss','at_least':6}],'minimize':'metrics.flops'}},"
                                 "'c':{'cmd':['x','${in.i}'],'in':{'i':'${stages.t[*].outs.o}'},'outs':{'o':'o'}}}}");
    expect_no_fault(&w);
    expect_input(&w, "b", "i", "o{'seed':1,'size':11} o{'seed':2,'size':11}");
    expect_input(&w, "c", "i", "o{'seed':1,'size':7}");
    world_close(&w);
}

static void missing_metrics_never_qualify(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD SWEEP("{'size':[13,11],'seed':[1,2]}") ",'s':{'select':{'from':'a','group_by':['size'],'minimize':'"
                                                        "metrics.loss'}}" USE("[*]") "}}");
    expect_no_fault(&w);
    expect_input(&w, "b", "i", "o{'seed':1,'size':11} o{'seed':2,'size':11}");
    world_close(&w);
}

#define LARGEST "1.7976931348623157e+308"

/* The sum of such numbers is larger than any number, and neither their mean nor their median is. */
static void large_metrics_are_told_apart(void **state) {
    static const char *const ways[][3] = {
        {"mean", "[1,2,3]",
         "o{'seed':1,'size':" LARGEST "} o{'seed':2,'size':" LARGEST "} o{'seed':3,'size':" LARGEST "}"},
        {"median", "[1,2]", "o{'seed':1,'size':" LARGEST "} o{'seed':2,'size':" LARGEST "}"},
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w = {0};
        char *text = mem_printf(
            HEAD SWEEP("{'size':[1.7e308," LARGEST
                       "],'seed':%s}") ",'s':{'select':{'from':'a',"
                                       "'group_by':['size'],'reduce':'%s','maximize':'metrics.flops'}}" USE("[*]") "}}",
            ways[i][1], ways[i][0]);
        run(&w, text);
        expect_no_fault(&w);
        expect_input(&w, "b", "i", ways[i][2]);
        const cJSON *table = plan_select_table(w.plan, world_instance(&w, "s"));
        const cJSON *winner = cJSON_GetArrayItem(cJSON_GetObjectItem(table, "candidates"), 1);
        assert_true(json_double(cJSON_GetObjectItem(winner, "metrics"), "flops", 0) == DBL_MAX);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(table, "ties")), 0);
        world_close(&w);
        free(text);
    }
}

static void ties_go_to_the_earlier_group_and_are_told(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD SWEEP("{'size':[11,7],'seed':[1,2]}") ",'s':{'select':{'from':'a','group_by':['size'],'maximize':'"
                                                       "metrics.same'}}" USE("[*]") "}}");
    expect_input(&w, "b", "i", "o{'seed':1,'size':11} o{'seed':2,'size':11}");
    const cJSON *ties = cJSON_GetObjectItem(plan_select_table(w.plan, world_instance(&w, "s")), "ties");
    assert_int_equal(cJSON_GetArraySize(ties), 1);
    assert_int_equal((int)json_double(cJSON_GetArrayItem(ties, 0), "size", 0), 7);
    world_close(&w);
}

/* Losses of size 12: 12, 6, 4, 3. Best 3 (seed 4), median the lower of 4 and 6 (seed 3), first seed 1. */
static void pick_makes_it_one_instance(void **state) {
    (void)state;
    struct world w = {0};
#define PICK(name, how, goal)                                                                                          \
    ",'" name "':{'select':{'from':'a','group_by':['size'],'" goal "':'metrics.loss','pick':'" how "'}},'use-" name    \
    "':{'cmd':['x','${in.i}'],'in':{'i':'${stages." name ".outs.o}'},'outs':{'o':'o'}}"
    run(&w, HEAD SWEEP("{'size':[12],'seed':[1,2,3,4]}") PICK("p", "best", "minimize") PICK("q", "median", "minimize")
                PICK("r", "first", "minimize") PICK("u", "best", "maximize") PICK("v", "median", "maximize") "}}");
    expect_no_fault(&w);
    expect_input(&w, "use-p", "i", "o{'seed':4,'size':12}");
    expect_input(&w, "use-q", "i", "o{'seed':3,'size':12}");
    expect_input(&w, "use-r", "i", "o{'seed':1,'size':12}");
    expect_input(&w, "use-u", "i", "o{'seed':1,'size':12}");
    expect_input(&w, "use-v", "i", "o{'seed':3,'size':12}");
    world_close(&w);
}

static void no_candidate_fails_with_the_table(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD FOUR ",'s':{'select':{'from':'a','group_by':['size'],"
                      "'where':[{'metric':'metrics.loss','at_most':1}],'minimize':'metrics.flops'}}" USE("[*]") "}}");
    expect_state(&w, "s", INSTANCE_FAILED);
    expect_state(&w, "b", INSTANCE_SKIPPED);
    assert_string_equal(world_instance(&w, "s")->reason, "no group qualifies\n"
                                                         "  size  flops  loss\n"
                                                         "  7     7      5.25  metrics.loss = 5.25 is not at most 1\n"
                                                         "  11    11     8.25  metrics.loss = 8.25 is not at most 1\n");
    world_close(&w);
}

static bool one_fails(const struct instance *i) {
    return strcmp(instance_name(i), "a[size=11,seed=2]") == 0;
}

static void a_failed_instance_skips_the_select(void **state) {
    (void)state;
    struct world w = {.fails = one_fails};
    run(&w, HEAD FOUR ",'s':{'select':{'from':'a','group_by':['size'],'minimize':'metrics.loss'}}" USE("[*]") "}}");
    expect_state(&w, "s", INSTANCE_SKIPPED);
    expect_state(&w, "b", INSTANCE_SKIPPED);
    assert_string_equal(world_instance(&w, "s")->reason, "needs a[size=11,seed=2], which failed");
    world_close(&w);
}

static void pins_narrow_what_is_chosen_from(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD FOUR ",'s':{'select':{'from':'${stages.a[seed=2]}','group_by':['size'],'maximize':'metrics.loss'}},"
                      "'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.s.outs.o}'},'outs':{'o':'o'}}}}");
    expect_no_fault(&w);
    expect_input(&w, "b", "i", "o{'seed':2,'size':11}");
    assert_int_equal(world_instance(&w, "s")->need_count, 2);
    world_close(&w);
}

static void a_select_decides_an_axis(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD FOUR ",'s':{'select':{'from':'a','group_by':['size'],'maximize':'metrics.loss'}},"
                      "'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a[size=${stages.s.matrix.size}].outs.o}'},"
                      "'outs':{'o':'o'},'matrix':{'seed':[1]}},"
                      "'c':{'cmd':['x','${matrix.size}'],'outs':{'o':'o'},"
                      "'matrix':{'size':['${stages.s.matrix.size}',30,11]}}}}");
    expect_no_fault(&w);
    expect_instances(&w, "c", "c[size=11] c[size=30]");
    expect_input(&w, "b[seed=1]", "i", "o{'seed':1,'size':11}");
    world_close(&w);
}

/* A sweep that is extended and selects the same winner changes no key behind it. */
static void an_extended_sweep_with_the_same_winner_keeps_keys(void **state) {
    (void)state;
    struct digest keys[2];
    for (int i = 0; i < 2; i++) {
        struct world w = {0};
        run(&w, i ? HEAD SWEEP("{'size':[7,11,30],'seed':[1,2]}") ",'s':{'select':{'from':'a','group_by':['size'],'"
                                                                  "minimize':'metrics.loss'}}" USE("[*]") "}}"
                  : HEAD FOUR
                    ",'s':{'select':{'from':'a','group_by':['size'],'minimize':'metrics.loss'}}" USE("[*]") "}}");
        keys[i] = world_instance(&w, "b")->key;
        world_close(&w);
    }
    assert_true(digest_equal(&keys[0], &keys[1]));
}

static void like_a_select_runs_over_the_winner(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD FOUR ",'s':{'select':{'from':'a','group_by':['size'],'minimize':'metrics.loss'}},"
                      "'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.s.outs.o}'},'outs':{'o':'o'},"
                      "'matrix':{'like':'s'}}}}");
    expect_no_fault(&w);
    expect_instances(&w, "b", "b[seed=1] b[seed=2]");
    expect_input(&w, "b[seed=2]", "i", "o{'seed':2,'size':7}");
    world_close(&w);
}

static void a_select_of_a_select(void **state) {
    (void)state;
    struct world w = {0};
    run(&w, HEAD FOUR ",'s':{'select':{'from':'a','group_by':['size'],'minimize':'metrics.loss'}},"
                      "'t':{'select':{'from':'s','group_by':['seed'],'minimize':'metrics.loss'}},"
                      "'b':{'cmd':['x','${in.i}','${stages.t.matrix.seed}'],'in':{'i':'${stages.t.outs.o}'},"
                      "'outs':{'o':'o'}}}}");
    expect_no_fault(&w);
    expect_input(&w, "b", "i", "o{'seed':2,'size':7}");
    expect_component(&w, "b", "argv.2", "'2'");
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_winner_is_a_stage_over_its_remaining_axes),
        cmocka_unit_test(maximize_and_where),
        cmocka_unit_test(single_instances_are_left_out_by_where_each),
        cmocka_unit_test(missing_metrics_never_qualify),
        cmocka_unit_test(large_metrics_are_told_apart),
        cmocka_unit_test(ties_go_to_the_earlier_group_and_are_told),
        cmocka_unit_test(pick_makes_it_one_instance),
        cmocka_unit_test(no_candidate_fails_with_the_table),
        cmocka_unit_test(a_failed_instance_skips_the_select),
        cmocka_unit_test(pins_narrow_what_is_chosen_from),
        cmocka_unit_test(a_select_decides_an_axis),
        cmocka_unit_test(an_extended_sweep_with_the_same_winner_keeps_keys),
        cmocka_unit_test(like_a_select_runs_over_the_winner),
        cmocka_unit_test(a_select_of_a_select),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
