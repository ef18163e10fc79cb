/* Actions and keys of instances: inputs, words, parameters; what enters a key and what does not. */
#include "tests/unit/engine/plan_fixture.h"

#define HEAD "{'retort':1,'name':'t','stages':{"

static void digest_of(struct digest *out, const char *pipeline, const char *instance, const char *changed) {
    struct world w = {.changed = changed};
    world_open(&w, pipeline);
    world_run(&w);
    expect_no_fault(&w);
    *out = world_instance(&w, instance)->key;
    world_close(&w);
}

static void expect_keys(bool equal, const char *first, const char *first_name, const char *second,
                        const char *second_name) {
    struct digest a, b;
    digest_of(&a, first, first_name, NULL);
    digest_of(&b, second, second_name, NULL);
    assert_int_equal(digest_equal(&a, &b), equal);
}

static void files_of_the_project(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['${in.script}','${in.all}','${in.one}'],'outs':{'o':'o'},'matrix':{'n':[1,2]},"
                        "'in':{'script':'bin/run.sh','one':'data-${matrix.n}.csv',"
                        "'all':['x.csv',{'from':'y.csv','label':{'k':'v'}},'folder']}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_input(&w, "a[n=2]", "one", "data-2.csv");
    expect_input(&w, "a[n=2]", "all", "x.csv y.csv{'k':'v'} folder");
    const struct action *a = world_action(&w, "a[n=2]");
    assert_string_equal(a->inputs[0].name, "all");
    assert_string_equal(a->inputs[1].name, "one");
    assert_string_equal(a->inputs[2].name, "script");
    assert_true(a->inputs[2].items[0].content.executable);
    assert_true(a->inputs[0].items[2].content.directory);
    char *expected = path_join(w.directory, "bin/run.sh");
    assert_string_equal(strstr(a->inputs[2].items[0].path, "/retort-plan"), strstr(expected, "/retort-plan"));
    free(expected);
    assert_int_equal(w.file_questions, 6); /* each file once, not once an instance */
    world_close(&w);
}

static void a_missing_file_fails_its_instance_alone(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':'missing.csv'},'outs':{'o':'o'}},"
                        "'b':{'cmd':['x','${in.i}'],'in':{'i':'there.csv'},'outs':{'o':'o'}}}}");
    world_run(&w);
    expect_fault(&w, "missing.csv: there is no such file (at /stages/a/in/i)");
    expect_state(&w, "a", INSTANCE_FAILED);
    expect_state(&w, "b", INSTANCE_DONE);
    world_close(&w);
}

static void added_labels_stand_beside_the_coordinates(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.s}'],'outs':{'o':'o.bin'},'matrix':{'s':[1,2]}},"
                        "'b':{'cmd':['x','${in.i}'],'outs':{'o':'o'},'in':{'i':[{'from':'${stages.a[*].outs.o}',"
                        "'label':{'source':'mine','s':9}},'${stages.a[s=2].outs.o}']}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_input(&w, "b", "i", "o.bin{'s':9,'source':'mine'} o.bin{'s':9,'source':'mine'} o.bin{'s':2}");
    world_close(&w);
}

static void words_keep_paths_symbolic(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['sh','-c','cat \\'$1\\' $${HOME}','--in=${in.i}.${matrix.n}','${outs.o}',"
                        "'${checkpoint}','${matrix.list}'],'in':{'i':'x.csv'},'outs':{'o':'o.txt'},'checkpoint':true,"
                        "'env':{'N':'${matrix.n}','P':'a:${in.i}'},'matrix':{'n':[5],'list':[[1,'two',true]]}}}}");
    world_run(&w);
    expect_no_fault(&w);
    const char *const name = "a[n=5,list=[1,\"two\",true]]";
    expect_component(&w, name, "argv.0", "'sh'");
    expect_component(&w, name, "argv.2", "'cat \\'$1\\' ${HOME}'");
    expect_component(&w, name, "argv.3", "['--in=',{'in':'i'},'.5']");
    expect_component(&w, name, "argv.4", "{'out':'o'}");
    expect_component(&w, name, "argv.5", "{'checkpoint':true}");
    expect_component(&w, name, "argv.6", "'1'");
    expect_component(&w, name, "argv.7", "'two'");
    expect_component(&w, name, "argv.8", "'true'");
    expect_component(&w, name, "argv.9", "(none)");
    expect_component(&w, name, "env.N", "'5'");
    expect_component(&w, name, "env.P", "['a:',{'in':'i'}]");
    expect_component(&w, name, "outs.o", "{'path':'o.txt','type':'file'}");
    world_close(&w);
}

static void put_item_path(void *context, const struct action_input *in, size_t index, struct buffer *path) {
    (void)context;
    buffer_printf(path, "in/%s/%zu/%s", in->name, index, in->items[index].name);
}

static void a_list_alone_becomes_its_items(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['cat','${in.l}','>${outs.o}'],'in':{'l':['x','y']},'outs':{'o':'o.txt'},"
                        "'env':{'C':'${checkpoint}/c'},'checkpoint':true}}}");
    world_run(&w);
    expect_no_fault(&w);
    const struct action *a = world_action(&w, "a");
    char **argv = NULL;
    size_t count = 0;
    const struct action_given given = {.cpus = 3, .checkpoint = "/keep", .item_path = put_item_path};
    action_argv(&argv, &count, a, &given);
    assert_int_equal(count, 4);
    assert_string_equal(argv[0], "cat");
    assert_string_equal(argv[1], "in/l/0/x");
    assert_string_equal(argv[2], "in/l/1/y");
    assert_string_equal(argv[3], ">o.txt");
    assert_null(argv[4]);
    for (size_t i = 0; i < count; i++)
        free(argv[i]);
    free(argv);
    char *env = action_env_text(a, &a->env[0], &given);
    assert_string_equal(env, "/keep/c");
    free(env);
    world_close(&w);
}

static void a_list_within_a_text_is_refused(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'src':{'cmd':['x','${matrix.s}'],'outs':{'o':'o'},'matrix':{'s':[1,2]}},"
                        "'a':{'cmd':['cat','v${matrix.v}'],'outs':{'o':'o'},'matrix':{'v':[[1,2],3]}}}}");
    world_run(&w);
    expect_fault(&w, "a list cannot stand inside a text (at /stages/a/cmd/1, in a[v=[1,2]])");
    expect_state(&w, "a[v=[1,2]]", INSTANCE_FAILED);
    expect_state(&w, "a[v=3]", INSTANCE_DONE);
    world_close(&w);
}

static void the_spec_shows_what_is_hashed_paths_and_cpus(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['run','${in.i}'],'in':{'i':'run.sh'},'outs':{'t':'t.csv',"
                        "'m':{'path':'m.json','type':'metrics'}}}}}");
    world_run(&w);
    const char *const argv[] = {"run", "in/i/run.sh"};
    const struct action_given given = {.cpus = 3, .item_path = put_item_path};
    cJSON *spec = action_spec(world_action(&w, "a"), argv, 2, &given);
    char *text = json_canonical_text(spec);
    /* SHA-256 of "run.sh", from sha256sum. */
    assert_string_equal(
        text,
        "{\"cmd\":[\"run\",\"in/i/"
        "run.sh\"],\"cpus\":3,\"in\":{\"i\":{\"executable\":true,\"labels\":{},\"name\":\"run.sh\","
        "\"path\":\"in/i/0/run.sh\",\"sha256\":\"d31ce0453051853c17ba2a5225b3d1bfab548e095bab0967d6acfd1b3ce1b35d\"}},"
        "\"outs\":{\"m\":{\"path\":\"m.json\",\"type\":\"metrics\"},\"t\":{\"path\":\"t.csv\",\"type\":\"file\"}},"
        "\"retort_spec\":1}");
    free(text);
    cJSON_Delete(spec);
    world_close(&w);
}

static void renaming_and_policy_change_no_key(void **state) {
    (void)state;
    const char *const plain = HEAD "'a':{'cmd':['x','${in.i}','5'],'in':{'i':'f.csv'},'outs':{'o':'o'}}}}";
    expect_keys(true, plain, "a",
                "{'retort':1,'name':'u','params':{'n':5},'stages':{'b':{'description':'other','cmd':['x','${in.i}',"
                "'${matrix.n}'],'in':{'i':'f.csv'},'outs':{'o':'o'},'matrix':{'n':['${params.n}']},'retries':3,"
                "'timeout':'1h','resources':{'cpus':2},'checkpoint':true,'pass_env':['TOKEN']}}}",
                "b[n=5]");
}

static void each_part_of_the_key_changes_it(void **state) {
    (void)state;
    static const char *const variants[] = {
        HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':'o'}}}}",
        HEAD "'a':{'cmd':['y','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':'o'}}}}",
        HEAD "'a':{'cmd':['x','${in.j}'],'in':{'j':'f.csv'},'outs':{'o':'o'}}}}",
        HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':'g.csv'},'outs':{'o':'o'}}}}",
        HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':['f.csv']},'outs':{'o':'o'}}}}",
        HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':{'from':'f.csv','label':{'l':1}}},'outs':{'o':'o'}}}}",
        HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':'p'}}}}",
        HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':{'path':'o','type':'series'}}}}}",
        HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':'o'},'env':{'A':'1'}}}}",
        HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':'o'},'pin':['x']}}}",
        HEAD "'a':{'cmd':['x','${in.i}',''],'in':{'i':'f.csv'},'outs':{'o':'o'}}}}",
    };
    enum { COUNT = sizeof variants / sizeof *variants };
    struct digest keys[COUNT + 1];
    for (int i = 0; i < COUNT; i++)
        digest_of(&keys[i], variants[i], "a", NULL);
    digest_of(&keys[COUNT], variants[0], "a", "f.csv");
    for (int i = 0; i <= COUNT; i++)
        for (int k = 0; k < i; k++)
            if (digest_equal(&keys[i], &keys[k]))
                fail_msg("variants %d and %d have one key", k, i);
}

/* The key of the stage "a", whose pinned Python has numpy of this version. */
static void key_with_numpy(struct digest *out, const char *toolchain, const char *numpy) {
    struct world w = {.numpy = numpy};
    char *text = mem_printf(HEAD "'a':{'cmd':['python3'],%s'pin':['python3'],'outs':{'o':'o'}}}}", toolchain);
    world_open(&w, text);
    world_advance(&w);
    *out = world_instance(&w, "a")->key;
    free(text);
    world_close(&w);
}

static void packages_of_a_pinned_python_are_in_the_key_where_a_toolchain_is_declared(void **state) {
    (void)state;
    struct digest before, after;
    key_with_numpy(&before, "'toolchain':'system',", "1.26");
    key_with_numpy(&after, "'toolchain':'system',", "2.0");
    assert_false(digest_equal(&before, &after));
}

/* Such a pipeline uses no new key of the format: it keeps its keys. */
static void packages_of_a_pinned_python_are_in_no_key_without_a_toolchain(void **state) {
    (void)state;
    struct digest before, after;
    key_with_numpy(&before, "", "1.26");
    key_with_numpy(&after, "", "2.0");
    assert_true(digest_equal(&before, &after));
}

/* The key of the stage "a" beside two editable installs; the number of its inputs in `*inputs`. */
static struct digest key_with_modules(const char *toolchain, const char *changed, size_t *inputs) {
    static const struct module_place places[] = {{"pkg", "/p/folder/pkg"}, {NULL, "/p/folder/src"}};
    struct world w = {.modules = places, .module_count = 2, .changed = changed};
    char *text = mem_printf(HEAD "'a':{'cmd':['x','${in.z}'],'in':{'z':'f.csv'},%s'outs':{'o':'o'}}}}", toolchain);
    world_open(&w, text);
    world_advance(&w);
    struct instance *i = world_instance(&w, "a");
    instance_hold_action(i);
    *inputs = i->action->input_count;
    if (*inputs == 3) {
        assert_string_equal(i->action->inputs[0].name, "python.modules");
        assert_string_equal(i->action->inputs[0].items[0].name, "pkg");
        assert_string_equal(i->action->inputs[1].name, "python.path");
        assert_string_equal(i->action->inputs[1].items[0].name, "src");
        assert_string_equal(i->action->inputs[2].name, "z");
    }
    struct digest key = i->key;
    free(text);
    world_close(&w);
    return key;
}

static void editable_installs_are_inputs_where_the_toolchain_is_not_the_system_s(void **state) {
    (void)state;
    size_t with, without;
    key_with_modules("'toolchain':'caller',", NULL, &with);
    key_with_modules("'toolchain':'system',", NULL, &without);
    assert_int_equal(with, 3);
    assert_int_equal(without, 1);
}

static void an_edit_of_an_editable_install_is_another_key(void **state) {
    (void)state;
    size_t count;
    struct digest before = key_with_modules("'toolchain':'caller',", NULL, &count);
    struct digest module = key_with_modules("'toolchain':'caller',", "pkg", &count);
    struct digest folder = key_with_modules("'toolchain':'caller',", "src", &count);
    assert_false(digest_equal(&before, &module));
    assert_false(digest_equal(&before, &folder));
    assert_false(digest_equal(&module, &folder));
}

/* "defaults" is only where it is written. */
static void variables_of_defaults_give_the_key_of_the_same_in_the_stage(void **state) {
    (void)state;
    static const char *const variants[] = {
        "{'retort':1,'name':'t','defaults':{'env':{'A':1,'B':'x'},'toolchain':'caller'},"
        "'stages':{'a':{'cmd':['x'],'env':{'B':'y'},'outs':{'o':'o'}}}}",
        "{'retort':1,'name':'t','stages':{'a':{'cmd':['x'],'env':{'B':'y','A':1},'outs':{'o':'o'}}}}",
    };
    struct digest keys[2];
    for (int i = 0; i < 2; i++)
        digest_of(&keys[i], variants[i], "a", NULL);
    assert_true(digest_equal(&keys[0], &keys[1]));
}

static void equal_work_has_one_key(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':'o'}},"
                        "'b':{'cmd':['x','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':'o'}}}}");
    world_run(&w);
    assert_memory_equal(&world_instance(&w, "a")->key, &world_instance(&w, "b")->key, sizeof(struct digest));
    world_close(&w);
}

static bool middle_is_constant(const struct instance *i) {
    return strcmp(i->decl->name, "middle") == 0;
}

/* An upstream change that leaves the bytes between as they were stops there. */
static void early_cutoff(void **state) {
    (void)state;
    const char *const text =
        HEAD "'first':{'cmd':['x','${in.i}'],'in':{'i':'f.csv'},'outs':{'o':'o'}},"
             "'middle':{'cmd':['y','${in.i}'],'in':{'i':'${stages.first.outs.o}'},'outs':{'o':'o'}},"
             "'last':{'cmd':['z','${in.i}'],'in':{'i':'${stages.middle.outs.o}'},'outs':{'o':'o'}}}}";
    struct digest keys[2][3];
    for (int run = 0; run < 2; run++) {
        struct world w = {.constant = middle_is_constant, .changed = run ? "f.csv" : NULL};
        world_open(&w, text);
        world_run(&w);
        keys[run][0] = world_instance(&w, "first")->key;
        keys[run][1] = world_instance(&w, "middle")->key;
        keys[run][2] = world_instance(&w, "last")->key;
        world_close(&w);
    }
    assert_false(digest_equal(&keys[0][0], &keys[1][0]));
    assert_false(digest_equal(&keys[0][1], &keys[1][1]));
    assert_true(digest_equal(&keys[0][2], &keys[1][2]));
}

static void defaults_of_a_kind_are_in_no_key(void **state) {
    (void)state;
    const char *const shorter = HEAD "'a':{'uses':'link/baseline@1','with':{'receiver':'ls'}}}}";
    expect_keys(true, shorter, "a", HEAD "'a':{'uses':'link/baseline@1','with':{'receiver':'ls','slots':40}}}}", "a");
    expect_keys(false, shorter, "a", HEAD "'a':{'uses':'link/baseline@1','with':{'receiver':'ls','slots':41}}}}", "a");
    struct world w = {0};
    world_open(&w, HEAD "'a':{'uses':'link/baseline@1','with':{'receiver':'ls','slots':'${matrix.n}'},"
                        "'matrix':{'n':[40,41]}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_component(&w, "a[n=40]", "with.slots", "(none)");
    expect_component(&w, "a[n=41]", "with.slots", "41");
    expect_component(&w, "a[n=41]", "with.receiver", "'ls'");
    expect_component(&w, "a[n=41]", "kind", "'link/baseline@1'");
    expect_component(&w, "a[n=41]", "machine", "(none)");
    const struct action_given given = {.cpus = 1, .item_path = put_item_path};
    cJSON *spec = action_spec(world_action(&w, "a[n=40]"), NULL, 0, &given);
    const cJSON *with = cJSON_GetObjectItemCaseSensitive(spec, "with");
    assert_int_equal((int)json_double(with, "slots", 0), 40);
    assert_int_equal((int)json_double(with, "branches", 0), 1);
    cJSON_Delete(spec);
    world_close(&w);
}

static cJSON *count_metric(const struct world *w, const struct instance *i) {
    (void)w;
    return strcmp(i->decl->name, "src") == 0 ? cJSON_Parse("{\"n\":0.5}") : NULL;
}

static void a_late_value_that_does_not_fit_is_placed(void **state) {
    (void)state;
    struct world w = {.metrics = count_metric};
    world_open(&w, HEAD "'src':{'cmd':['x'],'outs':{'m':{'path':'m.json','type':'metrics'}}},"
                        "'a':{'uses':'link/baseline@1','with':{'receiver':'ls','slots':'${stages.src.metrics.n}'}}}}");
    world_run(&w);
    expect_fault(&w, "(at /stages/a/with/slots)");
    expect_state(&w, "a", INSTANCE_FAILED);
    world_close(&w);
}

static void expect_place(const struct world *w, const char *instance, const char *input, size_t item,
                         const char *place) {
    const struct action *a = world_action(w, instance);
    for (size_t i = 0; i < a->input_count; i++) {
        if (strcmp(a->inputs[i].name, input) != 0)
            continue;
        assert_true(item < a->inputs[i].count);
        if (place)
            assert_string_equal(a->inputs[i].items[item].place, place);
        else
            assert_null(a->inputs[i].items[item].place);
        return;
    }
    fail_msg("%s has no input %s", instance, input);
}

static void inputs_stand_where_as_says(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.n}'],'outs':{'o':'deep/o.bin'},'matrix':{'n':[1,2]}},"
                        "'b':{'cmd':['x','${in.file}'],'outs':{'o':'o'},'matrix':{'m':['p','q']},"
                        "'in':{'file':{'path':'data/x.csv','as':'raw/${matrix.m}/y.csv'},'plain':'z.csv',"
                        "'list':{'from':'${stages.a[*].outs.o}','as':'parts'}}}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_place(&w, "b[m=q]", "file", 0, "raw/q/y.csv");
    expect_place(&w, "b[m=q]", "plain", 0, NULL);
    expect_place(&w, "b[m=p]", "list", 1, "parts/1/o.bin");
    assert_string_equal(world_action(&w, "b[m=p]")->inputs[0].items[0].name, "y.csv");
    world_close(&w);
}

static void inputs_of_a_list_stand_at_their_own_paths(void **state) {
    (void)state;
    struct world w = {0};
    world_open(
        &w, "{'retort':1,'name':'t','defaults':{'in':['src']},'stages':{"
            "'a':{'cmd':['x','${in[\\\"src\\\"]}'],'in':['./data//raw/','d-${matrix.n}.csv'],'outs':['model.pkl','m/"
            "${matrix.n}'],"
            "'matrix':{'n':[1,2]}},"
            "'b':{'cmd':['x','${in[\\\"m/2\\\"]}'],'in':['${stages.a[n=2].outs[\\\"m/${matrix.n}\\\"]}'],'outs':[]}}}");
    world_run(&w);
    expect_no_fault(&w);
    expect_place(&w, "a[n=1]", "src", 0, "src");
    expect_place(&w, "a[n=1]", "data/raw", 0, "data/raw");
    expect_place(&w, "a[n=1]", "d-1.csv", 0, "d-1.csv");
    expect_place(&w, "b", "m/2", 0, "m/2");
    expect_component(&w, "a[n=2]", "outs.model.pkl", "{'path':'model.pkl','type':'any'}");
    expect_component(&w, "a[n=2]", "outs.m/${matrix.n}", "{'path':'m/2','type':'any'}");
    expect_component(&w, "b", "argv.1", "{'in':'m/2'}");
    world_close(&w);
}

static void a_place_in_another_is_a_fault_of_its_instance(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD
               "'a':{'cmd':['x'],'in':['x',{'path':'y','as':'${matrix.n}'}],'outs':[],'matrix':{'n':['x/z','z']}}}}");
    world_run(&w);
    expect_fault(&w, "the places of the input x and the input x/z in the directory of a[n=x/z] lie in one another");
    expect_state(&w, "a[n=z]", INSTANCE_DONE);
    world_close(&w);
    world_open(&w, HEAD "'b':{'cmd':['x'],'in':['x'],'outs':['${matrix.n}'],'matrix':{'n':['x','z']}}}}");
    world_run(&w);
    expect_fault(&w, "the places of the input x and the out x in the directory of b[n=x] are equal");
    world_close(&w);
    world_open(&w, HEAD "'b':{'cmd':['x'],'outs':['${matrix.n}'],'matrix':{'n':['in/z','z']}}}}");
    world_run(&w);
    expect_fault(&w, "the path \"in/z\" of the out \"${matrix.n}\" lies in \"in\"");
    expect_state(&w, "b[n=in/z]", INSTANCE_FAILED);
    world_close(&w);
}

static void a_list_cannot_stand_at_one_path(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x','${matrix.n}'],'outs':['o'],'matrix':{'n':[1,2]}},"
                        "'b':{'cmd':['x'],'in':['${stages.a[*].outs.o}'],'outs':[]}}}");
    world_run(&w);
    expect_fault(&w, "a list of 2 files cannot stand at one path: write {\"from\": ..., \"as\": a folder}");
    world_close(&w);
}

static void outs_of_instances_stand_at_their_own_paths(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, HEAD "'a':{'cmd':['x'],'outs':['m/${matrix.n}'],'matrix':{'n':[1,2]}},"
                        "'b':{'cmd':['x'],'in':['${stages.a[*].outs[\\\"m/${matrix.n}\\\"]}'],'outs':[]}}}");
    world_run(&w);
    expect_state(&w, "b", INSTANCE_DONE);
    world_close(&w);
}

/* Equal work is done once: the path in the project is in no key, the place in the stage's directory is. */
static void the_key_holds_the_place_and_not_the_path(void **state) {
    (void)state;
    const char *const as = HEAD "'a':{'cmd':['x'],'in':[{'path':'one/x.csv','as':'d/y.csv'}],'outs':['o']}}}";
    const char *const moved = HEAD "'b':{'cmd':['x'],'in':[{'path':'two/x.csv','as':'d/y.csv'}],'outs':['o']}}}";
    const char *const other = HEAD "'a':{'cmd':['x'],'in':[{'path':'one/x.csv','as':'e/y.csv'}],'outs':['o']}}}";
    expect_keys(true, as, "a", moved, "b");
    expect_keys(false, as, "a", other, "a");
}

static void the_number_of_cpus_is_in_no_key(void **state) {
    (void)state;
    struct world w = {0};
    const char *const one = HEAD "'a':{'cmd':['x','-j${cpus}'],'outs':['o'],'env':{'N':'${cpus}'}}}}";
    const char *const four =
        HEAD "'a':{'cmd':['x','-j${cpus}'],'outs':['o'],'env':{'N':'${cpus}'},'resources':{'cpus':4}}}}";
    expect_keys(true, one, "a", four, "a");
    world_open(&w, one);
    world_run(&w);
    expect_component(&w, "a", "argv.1", "['-j',{'cpus':true}]");
    expect_component(&w, "a", "env.N", "{'cpus':true}");
    const struct action_given given = {.cpus = 3};
    char *text = action_env_text(world_action(&w, "a"), &world_action(&w, "a")->env[0], &given);
    assert_string_equal(text, "3");
    free(text);
    world_close(&w);
}

static void members_of_a_file_are_an_input_of_their_own(void **state) {
    (void)state;
    const char *const lr = HEAD "'a':{'cmd':['x','${in.p}'],'outs':['o'],'in':{'p':{'path':'p.yaml','only':['lr']}}}}}";
    const char *const both =
        HEAD "'a':{'cmd':['x','${in.p}'],'outs':['o'],'in':{'p':{'path':'p.yaml','only':['lr','n']}}}}}";
    struct world w = {0};
    expect_keys(true, lr, "a", lr, "a");
    expect_keys(false, lr, "a", both, "a");
    world_open(&w, HEAD "'a':{'cmd':['x'],'outs':['o'],'in':[{'path':'p.yaml','only':['lr']}]},"
                        "'b':{'cmd':['x'],'outs':['o'],'in':['p.yaml',{'path':'./p.yaml','only':['n'],'as':'q'}]},"
                        "'c':{'cmd':['x','${matrix.i}'],'outs':['o'],'matrix':{'i':[1,2]},"
                        "'in':[{'path':'p.yaml','only':['lr']}]}}}");
    world_run(&w);
    expect_no_fault(&w);
    assert_string_equal(world_action(&w, "a")->inputs[0].items[0].name, "p.yaml");
    assert_int_equal(w.file_questions, 3); /* each choice of members once */
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_the_project),
        cmocka_unit_test(a_missing_file_fails_its_instance_alone),
        cmocka_unit_test(added_labels_stand_beside_the_coordinates),
        cmocka_unit_test(words_keep_paths_symbolic),
        cmocka_unit_test(a_list_alone_becomes_its_items),
        cmocka_unit_test(a_list_within_a_text_is_refused),
        cmocka_unit_test(the_spec_shows_what_is_hashed_paths_and_cpus),
        cmocka_unit_test(renaming_and_policy_change_no_key),
        cmocka_unit_test(each_part_of_the_key_changes_it),
        cmocka_unit_test(packages_of_a_pinned_python_are_in_the_key_where_a_toolchain_is_declared),
        cmocka_unit_test(packages_of_a_pinned_python_are_in_no_key_without_a_toolchain),
        cmocka_unit_test(editable_installs_are_inputs_where_the_toolchain_is_not_the_system_s),
        cmocka_unit_test(an_edit_of_an_editable_install_is_another_key),
        cmocka_unit_test(variables_of_defaults_give_the_key_of_the_same_in_the_stage),
        cmocka_unit_test(equal_work_has_one_key),
        cmocka_unit_test(early_cutoff),
        cmocka_unit_test(defaults_of_a_kind_are_in_no_key),
        cmocka_unit_test(a_late_value_that_does_not_fit_is_placed),
        cmocka_unit_test(inputs_stand_where_as_says),
        cmocka_unit_test(inputs_of_a_list_stand_at_their_own_paths),
        cmocka_unit_test(a_place_in_another_is_a_fault_of_its_instance),
        cmocka_unit_test(outs_of_instances_stand_at_their_own_paths),
        cmocka_unit_test(a_list_cannot_stand_at_one_path),
        cmocka_unit_test(the_key_holds_the_place_and_not_the_path),
        cmocka_unit_test(the_number_of_cpus_is_in_no_key),
        cmocka_unit_test(members_of_a_file_are_an_input_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
