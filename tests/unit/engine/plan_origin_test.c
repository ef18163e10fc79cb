/* Stages of another team's commit: their inputs are objects, and their keys are those of equal work here. */
#include "tests/unit/engine/origin_fixture.h"
#include "tests/unit/engine/plan_fixture.h"

#define INCLUDE "{'retort':1,'name':'t','include':{'p':{'git':'" REPOSITORY "','rev':'" COMMIT "','path':'p.json'}}}"
#define PART(stage) "{\"retort\":1,\"name\":\"p\",\"stages\":{\"s\":{\"cmd\":[\"x\"],\"outs\":[\"o\"]," stage "}}}"

static const struct commits *commits_with(struct repository_double *d, struct committed_file files[2],
                                          struct commits *commits, const char *part) {
    files[0] = (struct committed_file){"p.json", part};
    files[1] = (struct committed_file){0};
    d->files = files;
    *commits = double_commits(d);
    return commits;
}

/* Plans the part as it comes from the commit. */
static void open_foreign(struct world *w, const char *part) {
    struct committed_file files[2];
    struct repository_double d = {0};
    struct commits commits;
    w->commits = commits_with(&d, files, &commits, part);
    world_open(w, INCLUDE);
    world_run(w);
}

static struct digest key_of(const char *part, const char *variable) {
    struct world w = {.variable = variable};
    open_foreign(&w, part);
    expect_no_fault(&w);
    struct digest key = world_instance(&w, "p/s")->key;
    world_close(&w);
    return key;
}

static struct digest local_key_of(const char *study, const char *variable) {
    struct world w = {.variable = variable};
    world_open(&w, study);
    world_run(&w);
    expect_no_fault(&w);
    struct digest key = world_instance(&w, "s")->key;
    world_close(&w);
    return key;
}

static void equal_files_give_the_key_of_a_local_stage(void **state) {
    (void)state;
    const char *const part = PART("\"in\":[\"tool.sh\",\"folder\",{\"path\":\"p.yaml\",\"only\":[\"lr\"]}]");
    struct digest foreign = key_of(part, NULL), local = local_key_of(part, NULL);
    assert_true(digest_equal(&foreign, &local));
}

static void an_input_of_a_commit_is_an_object(void **state) {
    (void)state;
    struct world w = {0};
    open_foreign(&w, PART("\"in\":[\"data/a.csv\",{\"path\":\"p.yaml\",\"only\":[\"lr\"]}]"));
    expect_no_fault(&w);
    const struct action *a = world_action(&w, "p/s");
    assert_int_equal(a->input_count, 2);
    assert_string_equal(a->inputs[0].items[0].place, "data/a.csv");
    for (size_t i = 0; i < 2; i++)
        assert_null(a->inputs[i].items[0].path);
    assert_null(a->inputs[1].items[0].only);
    world_close(&w);
}

static void no_input_leads_out_of_the_commit(void **state) {
    (void)state;
    static const char *const parts[] = {PART("\"in\":{\"i\":\"../a.csv\"}"), PART("\"in\":{\"i\":\"/etc/passwd\"}")};
    for (size_t i = 0; i < 2; i++) {
        struct world w = {0};
        open_foreign(&w, parts[i]);
        expect_fault(&w, "leads out of its repository");
        assert_int_equal(w.file_questions, 0);
        world_close(&w);
    }
}

static void the_top_folder_of_a_commit_is_no_input(void **state) {
    (void)state;
    struct world w = {0};
    open_foreign(&w, PART("\"in\":{\"i\":\".\"}"));
    expect_fault(&w, "a whole repository is no input");
    assert_int_equal(w.file_questions, 0);
    world_close(&w);
}

static void an_absolute_path_of_a_foreign_matrix_is_refused(void **state) {
    (void)state;
    struct world w = {0};
    open_foreign(&w, PART("\"matrix\":{\"f\":[\"/etc/passwd\"]},\"in\":{\"i\":\"${matrix.f}\"}"));
    expect_fault(&w, "leads out of its repository");
    assert_int_equal(w.file_questions, 0);
    world_close(&w);
}

static void a_passed_variable_is_in_the_key_of_a_foreign_stage(void **state) {
    (void)state;
    const char *const part = PART("\"pass_env\":[\"TOKEN\"]");
    struct digest one = key_of(part, "one"), two = key_of(part, "two"), unset = key_of(part, NULL);
    assert_false(digest_equal(&one, &two));
    assert_false(digest_equal(&one, &unset));
    struct world w = {.variable = "one"};
    open_foreign(&w, part);
    expect_component(&w, "p/s", "pass_env.TOKEN", "'7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'");
    world_close(&w);
}

static void the_program_of_a_foreign_toolchain_is_in_the_key(void **state) {
    (void)state;
    const char *const part = PART("\"toolchain\":{\"prefix\":\"/opt/evil\"}");
    struct world w = {0};
    open_foreign(&w, part);
    expect_component(&w, "p/s", "toolchain", "'/opt/evil'");
    expect_component(&w, "p/s", "pin.x", "'2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'");
    world_close(&w);
    struct digest foreign = key_of(part, NULL), local = local_key_of(part, NULL);
    assert_false(digest_equal(&foreign, &local));
}

static void the_toolchain_of_an_own_stage_is_in_no_key(void **state) {
    (void)state;
    struct digest one = local_key_of(PART("\"toolchain\":{\"prefix\":\"/opt/one\"}"), NULL);
    struct digest two = local_key_of(PART("\"toolchain\":{\"prefix\":\"/opt/two\"}"), NULL);
    assert_true(digest_equal(&one, &two));
}

static void a_passed_variable_is_in_no_key_of_an_own_stage(void **state) {
    (void)state;
    const char *const part = PART("\"pass_env\":[\"TOKEN\"]");
    struct digest one = local_key_of(part, "one"), two = local_key_of(part, "two");
    assert_true(digest_equal(&one, &two));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_input_of_a_commit_is_an_object),
        cmocka_unit_test(equal_files_give_the_key_of_a_local_stage),
        cmocka_unit_test(a_passed_variable_is_in_no_key_of_an_own_stage),
        cmocka_unit_test(the_program_of_a_foreign_toolchain_is_in_the_key),
        cmocka_unit_test(the_toolchain_of_an_own_stage_is_in_no_key),
        cmocka_unit_test(no_input_leads_out_of_the_commit),
        cmocka_unit_test(the_top_folder_of_a_commit_is_no_input),
        cmocka_unit_test(an_absolute_path_of_a_foreign_matrix_is_refused),
        cmocka_unit_test(a_passed_variable_is_in_the_key_of_a_foreign_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
