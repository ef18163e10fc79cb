/* References become instances: matching, pins, collecting, errors that name the mend. */
#include "tests/unit/engine/plan_fixture.h"
#include "tests/unit/seed.h"

#define HEAD "{'retort':1,'name':'t','stages':{"
#define A                                                                                                              \
    "'a':{'cmd':['x','${matrix.s}','${matrix.t}'],'outs':{'o':'o.bin','m':{'path':'m.json','type':'metrics'}},"        \
    "'matrix':{'s':[7,11],'t':[1,2,3]}}"

static void same_axes_are_matched_others_collected(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD A ",'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a[*].outs.o}'},'outs':{'o':'o'},"
                          "'matrix':{'t':[2,1]}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_input(&w, "b[t=2]", "i", "o.bin{'s':7,'t':2} o.bin{'s':11,'t':2}");
    assert_true(world_action(&w, "b[t=2]")->inputs[0].list);
    assert_int_equal(world_instance(&w, "b[t=2]")->need_count, 2);
    world_close(&w);
}

static void a_pin_overrides_matching(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD A
               ",'b':{'cmd':['x','${in.i}','${matrix.s}'],'in':{'i':'${stages.a[s=11].outs.o}'},'outs':{'o':'o'},"
               "'matrix':{'s':[7],'t':[3]}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_input(&w, "b[s=7,t=3]", "i", "o.bin{'s':11,'t':3}");
    assert_false(world_action(&w, "b[s=7,t=3]")->inputs[0].list);
    world_close(&w);
}

static void one_axis_is_collected_by_a_star(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w,
               HEAD A ",'b':{'cmd':['x','${in.i}','${matrix.t}'],'in':{'i':'${stages.a[t=*].outs.o}'},'outs':{'o':'o'},"
                      "'matrix':{'s':[11],'t':[3]}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_input(&w, "b[s=11,t=3]", "i", "o.bin{'s':11,'t':1} o.bin{'s':11,'t':2} o.bin{'s':11,'t':3}");
    world_close(&w);
}

static void pins_hold_references(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD A ",'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a[s=${matrix.teacher}].outs.o}'},"
                          "'outs':{'o':'o'},'matrix':{'teacher':[11,7],'t':[1]}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_input(&w, "b[teacher=11,t=1]", "i", "o.bin{'s':11,'t':1}");
    expect_input(&w, "b[teacher=7,t=1]", "i", "o.bin{'s':7,'t':1}");
    world_close(&w);
}

static void a_pin_that_names_nothing_says_what_exists(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD A ",'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a[s=${matrix.z},t=1].outs.o}'},"
                          "'outs':{'o':'o'},'matrix':{'z':[12]}},"
                          "'c':{'cmd':['x','${in.i}'],'in':{'i':'${stages.b[*].outs.o}'},'outs':{'o':'o'}}}}");
    world_run(&w);
    expect_fault(&w, "a has no instance with s=12; its values are 7, 11; did you mean 11?");
    expect_state(&w, "b[z=12]", INSTANCE_FAILED);
    expect_state(&w, "c", INSTANCE_SKIPPED);
    assert_string_equal(world_instance(&w, "c")->reason, "needs b[z=12], which failed");
    world_close(&w);
}

static void a_text_pin_suggests_by_letters(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.r.v}'],'outs':{'o':'o'},'matrix':{'r':[{'label':'distilled','v':1},"
                        "{'label':'scratch','v':2}]}},"
                        "'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a[r=${matrix.z}].outs.o}'},'outs':{'o':'o'},"
                        "'matrix':{'z':['distiled','scratch']}}}}");
    world_run(&w);
    expect_fault(&w, "r=distiled; its values are distilled, scratch; did you mean distilled?");
    expect_state(&w, "b[z=scratch]", INSTANCE_DONE);
    expect_input(&w, "b[z=scratch]", "i", "o{'r':'scratch'}");
    world_close(&w);
}

static void an_excluded_coordinate_is_named(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.s}','${matrix.t}'],'outs':{'o':'o'},'matrix':{'s':[1,2],'t':[1,2],"
                        "'exclude':[{'s':2,'t':1}]}},"
                        "'b':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a.outs.o}'},'outs':{'o':'o'},"
                        "'matrix':{'s':[1,2],'t':[1]}},"
                        "'c':{'cmd':['x','${in.i}'],'in':{'i':'${stages.a[*].outs.o}'},'outs':{'o':'o'},"
                        "'matrix':{'s':[2]}}}}");
    world_run(&w);
    expect_fault(&w, "a has no instance with s=2,t=1");
    expect_state(&w, "b[s=1,t=1]", INSTANCE_DONE);
    expect_state(&w, "b[s=2,t=1]", INSTANCE_FAILED);
    expect_input(&w, "c[s=2]", "i", "o{'s':2,'t':2}");
    world_close(&w);
}

static void references_inside_an_object_are_resolved_for_each_instance(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD A ",'b':{'cmd':['x','${in.i}','${matrix.t}'],'in':{'i':'${matrix.r.model}'},'outs':{'o':'o'},"
                          "'matrix':{'r':[{'label':'small','model':'${stages.a[s=7].outs.o}'},"
                          "{'label':'given','model':'given.bin'},"
                          "{'label':'all','model':'${stages.a[s=*].outs.o}'}],'t':[3,1]}}}}");
    expect_instances(&w, "b", "b[r=small,t=3] b[r=small,t=1] b[r=given,t=3] b[r=given,t=1] b[r=all,t=3] b[r=all,t=1]");
    world_run(&w);
    expect_no_fault(&w);
    expect_input(&w, "b[r=small,t=3]", "i", "o.bin{'s':7,'t':3}");
    expect_input(&w, "b[r=small,t=1]", "i", "o.bin{'s':7,'t':1}");
    expect_input(&w, "b[r=given,t=1]", "i", "given.bin");
    expect_input(&w, "b[r=all,t=3]", "i", "o.bin{'s':7,'t':3} o.bin{'s':11,'t':3}");
    assert_int_equal(world_instance(&w, "b[r=given,t=1]")->need_count, 0);
    world_close(&w);
}

static cJSON *sum_metrics(const struct world *w, const struct instance *i) {
    (void)w;
    if (strcmp(i->decl->name, "a") != 0)
        return NULL;
    cJSON *m = cJSON_CreateObject();
    cJSON_AddNumberToObject(
        m, "v", instance_coordinate(i, 0).value->valuedouble + instance_coordinate(i, 1).value->valuedouble / 10);
    return m;
}

static void metrics_are_numbers_and_lists_of_numbers(void **state) {
    (void)state;
    struct world w = {.metrics = sum_metrics};
    world_open(&w, HEAD A ",'b':{'cmd':['x','${stages.a[s=7,t=2].metrics.v}','${stages.a[s=11,t=*].metrics.v}',"
                          "'v=${stages.a[s=11,t=1].metrics.v}'],'outs':{'o':'o'}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_component(&w, "b", "argv.1", "'7.2'");
    expect_component(&w, "b", "argv.2", "'11.1'");
    expect_component(&w, "b", "argv.4", "'11.3'");
    expect_component(&w, "b", "argv.5", "'v=11.1'");
    world_close(&w);
}

static void a_metric_that_was_not_given_is_named(void **state) {
    (void)state;
    struct world w = {.metrics = sum_metrics};
    world_open(&w, HEAD A ",'b':{'cmd':['x','${stages.a[s=7,t=2].metrics.w}'],'outs':{'o':'o'}}}}");
    world_run(&w);
    expect_fault(&w, "a[s=7,t=2] gave no metric \"w\"; it gave v");
    world_close(&w);
}

/* ---- random matrices against a plain scan; SEED makes another run ---- */

enum { RANDOM_AXES = 3, RANDOM_VALUES = 4, RANDOM_ROUNDS = 150 };
enum use { USE_MATCH, USE_PIN, USE_COLLECT };

static uint64_t random_state;

static uint64_t draw(uint64_t below) { /* splitmix64 */
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

struct random_case {
    enum use use[RANDOM_AXES];
    int pinned[RANDOM_AXES];
    bool excluded[RANDOM_VALUES][RANDOM_VALUES][RANDOM_VALUES];
};

static void put_values(struct buffer *b, int axis) {
    buffer_printf(b, "'%c':[", 'x' + axis);
    for (int i = 0; i < RANDOM_VALUES; i++)
        buffer_printf(b, "%s%d", i ? "," : "", i);
    buffer_puts(b, "]");
}

/* Stage a over x, y, z less some; stage b over the matched axes and one of its own. */
static void put_pipeline(struct buffer *b, struct random_case *c) {
    buffer_puts(b, HEAD "'a':{'cmd':['a','${matrix.x}','${matrix.y}','${matrix.z}'],'outs':{'o':'o'},'matrix':{");
    for (int i = 0; i < RANDOM_AXES; i++) {
        put_values(b, i);
        buffer_putc(b, ',');
    }
    buffer_puts(b, "'exclude':[{'x':0,'y':0,'z':0}");
    memset(c->excluded, 0, sizeof c->excluded);
    c->excluded[0][0][0] = true;
    for (uint64_t i = draw(25); i > 0; i--) {
        uint64_t x = draw(RANDOM_VALUES), y = draw(RANDOM_VALUES), z = draw(RANDOM_VALUES);
        c->excluded[x][y][z] = true;
        buffer_printf(b, ",{'x':%d,'z':%d,'y':%d}", (int)x, (int)z, (int)y);
    }
    buffer_puts(b, "]}},'b':{'cmd':['b','${in.i}','${matrix.w}'");
    for (int i = 0; i < RANDOM_AXES; i++) {
        c->use[i] = (enum use)draw(3);
        c->pinned[i] = (int)draw(RANDOM_VALUES);
        if (c->use[i] == USE_MATCH)
            buffer_printf(b, ",'${matrix.%c}'", 'x' + i);
    }
    buffer_puts(b, "],'in':{'i':'${stages.a[");
    bool any = false;
    for (int i = 0; i < RANDOM_AXES; i++) {
        if (c->use[i] == USE_MATCH)
            continue;
        buffer_printf(b, c->use[i] == USE_PIN ? "%s%c=%d" : "%s%c=*", any ? "," : "", 'x' + i, c->pinned[i]);
        any = true;
    }
    if (!any)
        buffer_putc(b, '*');
    buffer_puts(b, "].outs.o}'},'outs':{'o':'o'},'matrix':{'w':[1]");
    for (int i = 0; i < RANDOM_AXES; i++)
        if (c->use[i] == USE_MATCH) {
            buffer_putc(b, ',');
            put_values(b, i);
        }
    buffer_puts(b, "}}}}");
}

static int coordinate_of(const struct instance *i, const char *axis) {
    for (size_t k = 0; k < instance_coordinate_count(i); k++)
        if (strcmp(instance_coordinate(i, k).axis, axis) == 0)
            return (int)instance_coordinate(i, k).value->valuedouble;
    return -1;
}

/* The coordinates of the inputs that b should have, in matrix order, one digit an axis. */
static void scan(struct buffer *out, const struct random_case *c, const struct instance *b) {
    static const char *const names[] = {"x", "y", "z"};
    for (int x = 0; x < RANDOM_VALUES; x++)
        for (int y = 0; y < RANDOM_VALUES; y++)
            for (int z = 0; z < RANDOM_VALUES; z++) {
                const int at[] = {x, y, z};
                bool meant = !c->excluded[x][y][z];
                for (int i = 0; i < RANDOM_AXES; i++) {
                    meant &= c->use[i] != USE_PIN || at[i] == c->pinned[i];
                    meant &= c->use[i] != USE_MATCH || at[i] == coordinate_of(b, names[i]);
                }
                if (meant)
                    buffer_printf(out, "%d%d%d ", x, y, z);
            }
}

static void check_instance(const struct random_case *c, struct instance *b) {
    struct buffer expected = {0}, found = {0};
    scan(&expected, c, b);
    if (expected.size == 0) {
        assert_int_equal(b->state, INSTANCE_FAILED);
    } else {
        assert_int_equal(b->state, INSTANCE_DONE);
        instance_hold_action(b);
        const struct action_input *in = &b->action->inputs[0];
        for (size_t i = 0; i < in->count; i++) {
            cJSON *labels = action_labels(in->items[i].labels, in->items[i].label_count);
            buffer_printf(&found, "%d%d%d ", (int)json_double(labels, "x", -1), (int)json_double(labels, "y", -1),
                          (int)json_double(labels, "z", -1));
            cJSON_Delete(labels);
        }
        assert_string_equal(buffer_text(&found), buffer_text(&expected));
    }
    buffer_close(&expected);
    buffer_close(&found);
}

static void random_references_mean_what_a_scan_finds(void **state) {
    (void)state;
    random_state = test_seed();
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        struct random_case c;
        struct buffer text = {0};
        struct world w = {0};
        size_t count, seen = 0;
        put_pipeline(&text, &c);
        world_open(&w, buffer_text(&text));
        world_run(&w);
        struct instance *const *all = plan_instances(w.plan, &count);
        for (size_t i = 0; i < count; i++)
            if (strcmp(all[i]->decl->name, "b") == 0) {
                check_instance(&c, all[i]);
                seen++;
            }
        assert_true(seen > 0);
        buffer_close(&text);
        world_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_axes_are_matched_others_collected),
        cmocka_unit_test(a_pin_overrides_matching),
        cmocka_unit_test(one_axis_is_collected_by_a_star),
        cmocka_unit_test(pins_hold_references),
        cmocka_unit_test(a_pin_that_names_nothing_says_what_exists),
        cmocka_unit_test(a_text_pin_suggests_by_letters),
        cmocka_unit_test(an_excluded_coordinate_is_named),
        cmocka_unit_test(references_inside_an_object_are_resolved_for_each_instance),
        cmocka_unit_test(metrics_are_numbers_and_lists_of_numbers),
        cmocka_unit_test(a_metric_that_was_not_given_is_named),
        cmocka_unit_test(random_references_mean_what_a_scan_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
