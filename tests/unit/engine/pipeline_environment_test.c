/* Commands and their environment: env, pass_env and toolchain, with those of "defaults". */
#include "tests/unit/engine/pipeline_fixture.h"

#define STUDY(defaults, stage)                                                                                         \
    "{\"retort\":1,\"name\":\"n\",\"params\":{\"n\":3},\"defaults\":{" defaults                                        \
    "},\"stages\":{\"s\":{\"cmd\":[\"true\"]" stage "},\"k\":{\"uses\":\"link/dataset@1\"}}}"

/* "NAME=value" of the stage's variables, each followed by a space, then the passed names. The caller frees. */
static char *variables(const struct stage_decl *s) {
    struct buffer text = {0};
    for (size_t i = 0; i < s->env_count; i++) {
        buffer_printf(&text, "%s=", s->env[i].name);
        json_canonical(&text, s->env[i].value->as.literal);
        buffer_putc(&text, ' ');
    }
    for (size_t i = 0; i < s->pass_env_count; i++)
        buffer_printf(&text, "%s ", s->pass_env[i]);
    return buffer_detach(&text);
}

static void expect_variables(const char *json, const char *expected) {
    struct pipeline *p = read_good(json);
    char *found = variables(stage(p, "s"));
    assert_string_equal(found, expected);
    free(found);
    pipeline_free(p);
}

static void the_variables_of_defaults_are_merged_by_name(void **state) {
    (void)state;
    expect_variables(STUDY("\"env\":{\"A\":1,\"B\":\"${params.n}\"}", ",\"env\":{\"B\":\"own\",\"C\":true}"),
                     "A=1 B=\"own\" C=true ");
}

static void the_passed_names_of_defaults_are_added(void **state) {
    (void)state;
    expect_variables(STUDY("\"pass_env\":[\"T\",\"U\"]", ",\"pass_env\":[\"U\",\"V\"]"), "T U V ");
}

static void a_stage_s_own_variable_wins_over_a_passed_one_of_defaults(void **state) {
    (void)state;
    expect_variables(STUDY("\"pass_env\":[\"T\"]", ",\"env\":{\"T\":\"x\"}"), "T=\"x\" ");
}

static void a_stage_s_own_passed_name_wins_over_a_variable_of_defaults(void **state) {
    (void)state;
    expect_variables(STUDY("\"env\":{\"T\":\"x\"}", ",\"pass_env\":[\"T\"]"), "T ");
}

static void a_command_without_environment_has_that_of_defaults(void **state) {
    (void)state;
    expect_variables(STUDY("\"env\":{\"A\":1},\"pass_env\":[\"T\"]", ""), "A=1 T ");
}

static void a_kind_takes_no_environment_from_defaults(void **state) {
    (void)state;
    struct pipeline *p = read_good(STUDY("\"env\":{\"A\":1},\"pass_env\":[\"T\"],\"toolchain\":\"caller\"", ""));
    const struct stage_decl *kind = stage(p, "k");
    assert_int_equal(kind->env_count + kind->pass_env_count, 0);
    assert_int_equal(kind->toolchain.type, TOOLCHAIN_SYSTEM);
    pipeline_free(p);
}

static void a_relative_prefix_is_beside_the_pipeline_file(void **state) {
    (void)state;
    struct pipeline *p = read_good(STUDY("\"toolchain\":{\"prefix\":\"envs/../.venv\"}", ""));
    char *expected = path_join(p->directory, ".venv");
    const struct toolchain *t = &stage(p, "s")->toolchain;
    assert_int_equal(t->type, TOOLCHAIN_PREFIX);
    assert_string_equal(t->prefix, expected);
    assert_true(t->is_declared);
    free(expected);
    pipeline_free(p);
}

static void a_stage_s_own_toolchain_replaces_that_of_defaults(void **state) {
    (void)state;
    struct pipeline *p = read_good(STUDY("\"toolchain\":{\"prefix\":\"/opt/env\"}", ",\"toolchain\":\"system\""));
    assert_int_equal(stage(p, "s")->toolchain.type, TOOLCHAIN_SYSTEM);
    assert_null(stage(p, "s")->toolchain.prefix);
    pipeline_free(p);
}

static void a_stage_that_says_nothing_has_the_system_s_toolchain_undeclared(void **state) {
    (void)state;
    struct pipeline *p = read_good(STUDY("", ""));
    assert_int_equal(stage(p, "s")->toolchain.type, TOOLCHAIN_SYSTEM);
    assert_false(stage(p, "s")->toolchain.is_declared);
    pipeline_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_variables_of_defaults_are_merged_by_name),
        cmocka_unit_test(the_passed_names_of_defaults_are_added),
        cmocka_unit_test(a_stage_s_own_variable_wins_over_a_passed_one_of_defaults),
        cmocka_unit_test(a_stage_s_own_passed_name_wins_over_a_variable_of_defaults),
        cmocka_unit_test(a_command_without_environment_has_that_of_defaults),
        cmocka_unit_test(a_kind_takes_no_environment_from_defaults),
        cmocka_unit_test(a_relative_prefix_is_beside_the_pipeline_file),
        cmocka_unit_test(a_stage_s_own_toolchain_replaces_that_of_defaults),
        cmocka_unit_test(a_stage_that_says_nothing_has_the_system_s_toolchain_undeclared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
