/* A declaration becomes instances: product, exclude, extra, like, late values, names. */
#include "tests/unit/engine/plan_fixture.h"

#define HEAD "{'retort':1,'name':'t','stages':{"
#define TRUE_CMD "'cmd':['true'],'outs':{'o':'o.txt'}"

static void a_product_in_the_order_of_the_axes(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.size}','${matrix.seed}'],'outs':{'o':'o'},"
                        "'matrix':{'size':[7,11],'seed':[1,2,1]}},'one':{" TRUE_CMD "}}}");
    expect_instances(&w, "a", "a[size=7,seed=1] a[size=7,seed=2] a[size=11,seed=1] a[size=11,seed=2]");
    expect_instances(&w, "one", "one");
    world_close(&w);
}

static void names_are_bare_where_they_can_be(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.v}'],'outs':{'o':'o'},'matrix':{'v':['tdl-a','7',7,'a,b','','true',"
                        "true,0.5,500000,'x y']}}}}");
    expect_instances(&w, "a",
                     "a[v=tdl-a] a[v=\"7\"] a[v=7] a[v=\"a,b\"] a[v=\"\"] a[v=\"true\"] a[v=true] a[v=0.5] a[v=500000] "
                     "a[v=\"x y\"]");
    assert_non_null(world_find(&w, "a[v=\"7\"]"));
    assert_null(world_find(&w, "a[v=8]"));
    world_close(&w);
}

static void exclude_takes_away_then_extra_adds(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.s}','${matrix.t}'],'outs':{'o':'o'},'matrix':{'s':[1,2,3],'t':[1,2],"
                        "'exclude':[{'s':1},{'s':3,'t':2}],'extra':[{'s':9,'t':9},{'t':1,'s':2},{'s':1,'t':1}]}}}}");
    expect_instances(&w, "a", "a[s=2,t=1] a[s=2,t=2] a[s=3,t=1] a[s=9,t=9] a[s=1,t=1]");
    world_advance(&w);
    expect_no_fault(&w);
    world_close(&w);
}

static void an_exclude_that_matches_nothing_is_a_warning(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'src':{'cmd':['x'],'outs':{'m':{'path':'m.json','type':'metrics'}}},"
                        "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':[1,2,'${stages.src.metrics.v}'],"
                        "'exclude':[{'s':4}]}}}}");
    world_advance(&w);
    expect_no_fault(&w);
    struct instance *i = plan_next(w.plan);
    cJSON *three = cJSON_Parse("{\"v\":3}");
    struct content out = {0};
    plan_finish(w.plan, i, &out, three);
    cJSON_Delete(three);
    world_advance(&w);
    assert_int_equal(w.faults.errors, 0);
    assert_int_equal(w.faults.count, 1);
    assert_non_null(strstr(w.faults.items[0].message, "exclude matches no instance of a"));
    world_close(&w);
}

static void like_takes_the_instances_of_another(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.s}','${matrix.t}'],'outs':{'o':'o'},'matrix':{'s':[1,2],'t':[1,2],"
                        "'exclude':[{'s':1,'t':2}]}},"
                        "'b':{'cmd':['x','${in.i}','${matrix.u}'],'in':{'i':'${stages.a.outs.o}'},'outs':{'o':'o'},"
                        "'matrix':{'like':'a','u':['p','q']}}}}");
    expect_instances(&w, "b",
                     "b[s=1,t=1,u=p] b[s=1,t=1,u=q] b[s=2,t=1,u=p] b[s=2,t=1,u=q] b[s=2,t=2,u=p] b[s=2,t=2,u=q]");
    world_run(&w);
    expect_no_fault(&w);
    expect_input(&w, "b[s=2,t=1,u=q]", "i", "o{'s':2,'t':1}");
    world_close(&w);
}

static void objects_are_named_by_their_labels(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.r.n}'],'outs':{'o':'o'},"
                        "'matrix':{'r':[{'label':'small','n':1},{'label':'large','n':2}]}}}}");
    expect_instances(&w, "a", "a[r=small] a[r=large]");
    world_run(&w);
    expect_component(&w, "a[r=large]", "argv.1", "'2'");
    world_close(&w);
}

static void exclude_and_extra_name_objects_by_their_labels(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w,
               HEAD "'a':{'cmd':['x','${matrix.r.n}','${matrix.s}'],'outs':{'o':'o'},"
                    "'matrix':{'r':[{'label':'small','n':1},{'label':'large','n':2}],'s':[1,2],"
                    "'exclude':[{'r':'small'},{'r':{'label':'large','n':2},'s':2}],'extra':[{'r':'small','s':3}]}}}}");
    expect_instances(&w, "a", "a[r=large,s=1] a[r=small,s=3]");
    world_run(&w);
    expect_no_fault(&w);
    expect_component(&w, "a[r=small,s=3]", "argv.1", "'1'");
    world_close(&w);
}

static void a_text_may_not_be_the_label_of_an_object_beside_it(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.r}'],'outs':{'o':'o'},'matrix':{'r':['p',{'label':'p','n':1}]}}}}");
    world_run(&w);
    expect_fault(&w, "two values of the axis \"r\" have the label p");
    world_close(&w);
}

static cJSON *late_metrics(const struct world *w, const struct instance *i) {
    (void)w;
    return strcmp(i->decl->name, "src") == 0 ? cJSON_Parse("{\"v\":42}") : NULL;
}

/* A patch wins over what it extends, deep inside too. */
static void an_object_may_extend_another(void **state) {
    (void)state;
    struct world w = {.metrics = late_metrics};
    world_open(&w, "{'retort':1,'name':'t','params':{'base':{'model':{'file':'base.bin','n':1},'k':7}},'stages':{"
                   "'src':{'cmd':['x'],'outs':{'o':'src.bin','m':{'path':'m.json','type':'metrics'}}},"
                   "'a':{'cmd':['x','${in.i}','${matrix.r.model.n}','${matrix.r.k}'],'outs':{'o':'o'},"
                   "'in':{'i':'${matrix.r.model.file}'},'matrix':{'r':["
                   "{'$extends':'${params.base}','label':'plain'},"
                   "{'$extends':'${params.base}','label':'other','k':'${stages.src.metrics.v}',"
                   "'model':{'file':'${stages.src.outs.o}'}}]}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_instances(&w, "a", "a[r=plain] a[r=other]");
    expect_input(&w, "a[r=plain]", "i", "base.bin");
    expect_input(&w, "a[r=other]", "i", "src.bin");
    expect_component(&w, "a[r=other]", "argv.2", "'1'");
    expect_component(&w, "a[r=other]", "argv.3", "'42'");
    expect_component(&w, "a[r=plain]", "argv.3", "'7'");
    world_close(&w);
}

static void an_include_resolves_beside_its_own_file(void **state) {
    (void)state;
    struct world w = {0};
    struct error err = {0};
    const char *const part = "{\"retort\":1,\"name\":\"p\",\"params\":{\"n\":1},\"stages\":{\"a\":{\"cmd\":[\"x\","
                             "\"${in.i}\",\"${params.n}\"],\"in\":{\"i\":\"data.csv\"},\"outs\":{\"o\":\"o\"}}}}";
    const char *const study =
        "{\"retort\":1,\"name\":\"t\",\"include\":{\"p\":{\"path\":\"parts/p.json\",\"params\":{"
        "\"n\":5}}},\"stages\":{\"b\":{\"cmd\":[\"y\",\"${in.i}\"],\"in\":{\"i\":\"${p.stages.a.outs.o}\"},"
        "\"outs\":{\"o\":\"o\"}}}}";
    char directory[] = "/tmp/retort-part-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char *parts = path_join(directory, "parts"), *part_path = path_join(parts, "p.json");
    char *study_path = path_join(directory, "study.json");
    struct diagnostics d = {0};
    assert_int_equal(file_make_directory(parts, &err), 0);
    assert_int_equal(file_replace(part_path, part, strlen(part), 0644, &err), 0);
    assert_int_equal(file_replace(study_path, study, strlen(study), 0644, &err), 0);
    assert_int_equal(pipeline_read(&w.pipeline, &(struct pipeline_source){.path = study_path}, &d, &err), 0);
    assert_int_equal(world_plan(&w, NULL, 0, &err), 0);
    world_run(&w);
    expect_no_fault(&w);
    assert_string_equal(buffer_text(&w.order), "p/a\nb\n");
    assert_non_null(strstr(world_action(&w, "p/a")->inputs[0].items[0].path, "/parts/data.csv"));
    expect_component(&w, "p/a", "argv.2", "'5'");
    world_close(&w);
    assert_int_equal(file_remove_tree(directory, &err), 0);
    free(parts);
    free(part_path);
    free(study_path);
    diagnostics_close(&d);
}

static void an_axis_from_a_metric_waits_for_it(void **state) {
    (void)state;
    struct world w = {.metrics = late_metrics};
    const struct stage_decl *open[4];
    world_open(&w, HEAD "'src':{'cmd':['x'],'outs':{'m':{'path':'m.json','type':'metrics'}}},"
                        "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':'${stages.src.metrics.v}'}},"
                        "'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a.outs.o}'},'outs':{'o':'o'},"
                        "'matrix':{'like':'a'}},"
                        "'c':{'cmd':['x','${in.i}'],'in':{'i':'${stages.b[*].outs.o}'},'outs':{'o':'o'}}}}");
    world_advance(&w);
    assert_int_equal(plan_unexpanded(w.plan, open, 4), 2);
    assert_string_equal(open[0]->name, "a");
    assert_string_equal(open[1]->name, "b");
    expect_state(&w, "c", INSTANCE_WAITING);
    world_run(&w);
    expect_no_fault(&w);
    assert_int_equal(plan_unexpanded(w.plan, NULL, 0), 0);
    assert_string_equal(buffer_text(&w.order), "src\na[s=42]\nb[s=42]\nc\n");
    world_close(&w);
}

static bool source_fails(const struct instance *i) {
    return strcmp(i->decl->name, "src") == 0;
}

static void a_stage_that_waits_for_a_failed_metric_is_skipped(void **state) {
    (void)state;
    struct world w = {.fails = source_fails};
    world_open(&w, HEAD "'src':{'cmd':['x'],'outs':{'m':{'path':'m.json','type':'metrics'}}},"
                        "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':'${stages.src.metrics.v}'}},"
                        "'c':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a[*].outs.o}'},'outs':{'o':'o'}},"
                        "'d':{" TRUE_CMD ",'after':['a']},'free':{" TRUE_CMD "}}}");
    world_run(&w);
    expect_state(&w, "src", INSTANCE_FAILED);
    expect_state(&w, "a", INSTANCE_SKIPPED);
    expect_state(&w, "c", INSTANCE_SKIPPED);
    expect_state(&w, "d", INSTANCE_SKIPPED);
    expect_state(&w, "free", INSTANCE_DONE);
    assert_string_equal(world_instance(&w, "c")->reason, "needs src, which failed");
    world_close(&w);
}

static void a_million_instances_are_the_limit(void **state) {
    (void)state;
    struct world w = {0};
    struct buffer text = {0};
    buffer_puts(&text, HEAD "'a':{'cmd':['x','${matrix.s}','${matrix.t}'],'outs':{'o':'o'},'matrix':{'s':[");
    for (int i = 0; i < 1001; i++)
        buffer_printf(&text, "%s%d", i ? "," : "", i);
    buffer_puts(&text, "],'t':[");
    for (int i = 0; i < 1000; i++)
        buffer_printf(&text, "%s%d", i ? "," : "", i);
    buffer_puts(&text, "]}}}}");
    world_open(&w, buffer_text(&text));
    world_advance(&w);
    expect_fault(&w, "a would have 1001000 instances; a plan has at most 1000000 in all");
    expect_state(&w, "a", INSTANCE_FAILED);
    buffer_close(&text);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_in_the_order_of_the_axes),
        cmocka_unit_test(names_are_bare_where_they_can_be),
        cmocka_unit_test(exclude_takes_away_then_extra_adds),
        cmocka_unit_test(an_exclude_that_matches_nothing_is_a_warning),
        cmocka_unit_test(like_takes_the_instances_of_another),
        cmocka_unit_test(objects_are_named_by_their_labels),
        cmocka_unit_test(exclude_and_extra_name_objects_by_their_labels),
        cmocka_unit_test(a_text_may_not_be_the_label_of_an_object_beside_it),
        cmocka_unit_test(an_object_may_extend_another),
        cmocka_unit_test(an_include_resolves_beside_its_own_file),
        cmocka_unit_test(an_axis_from_a_metric_waits_for_it),
        cmocka_unit_test(a_stage_that_waits_for_a_failed_metric_is_skipped),
        cmocka_unit_test(a_million_instances_are_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
