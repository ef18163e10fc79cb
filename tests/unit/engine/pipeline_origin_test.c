/* Parts from a git commit: what they may read, and which faults their includers see. */
#include "tests/unit/engine/origin_fixture.h"
#include "tests/unit/engine/pipeline_fixture.h"

#define PART "{\"retort\":1,\"name\":\"part\",\"stages\":{\"s\":{\"cmd\":[\"x\"],\"outs\":{\"o\":\"o\"}}}}"
#define INCLUDE(members) "{\"retort\":1,\"name\":\"n\",\"include\":{\"plots\":{" members "}},\"stages\":{}}"
#define GIT "\"git\":\"" REPOSITORY "\",\"rev\":\"" COMMIT "\","

/* Reads p.json with the text; faults go to `messages`. */
static struct pipeline *read_from(struct repository_double *d, const char *text, struct buffer *messages) {
    struct diagnostics diagnostics = {0};
    struct error err = {0};
    struct pipeline *p = NULL;
    const struct commits commits = double_commits(d);
    write_file("p.json", text);
    int rc = pipeline_read(&p, &(struct pipeline_source){.path = "p.json", .commits = &commits}, &diagnostics, &err);
    diagnostics_print(messages, &diagnostics);
    assert_true((rc == 0) == (p != NULL));
    diagnostics_close(&diagnostics);
    return p;
}

static struct pipeline *read_sound(const struct committed_file *files, const char *text) {
    struct repository_double d = {.files = files};
    struct buffer messages = {0};
    struct pipeline *p = read_from(&d, text, &messages);
    if (!p)
        fail_msg("%s", buffer_text(&messages));
    buffer_close(&messages);
    return p;
}

static void expect_refused(const struct committed_file *files, const char *text, const char *message) {
    struct repository_double d = {.files = files};
    struct buffer messages = {0};
    struct pipeline *p = read_from(&d, text, &messages);
    assert_null(p);
    if (!strstr(buffer_text(&messages), message))
        fail_msg("no \"%s\" in:\n%s", message, buffer_text(&messages));
    buffer_close(&messages);
}

static void a_part_knows_its_origin(void **state) {
    (void)state;
    static const struct committed_file files[] = {{"ber.json", PART}, {0}};
    struct pipeline *p = read_sound(files, INCLUDE(GIT "\"path\":\"ber.json\""));
    const struct pipeline *part = stage(p, "plots/s")->scope;
    assert_null(p->origin);
    assert_string_equal(part->origin->url, REPOSITORY);
    assert_string_equal(part->origin->commit, COMMIT);
    assert_string_equal(part->path, REPOSITORY "#0123456:ber.json");
    assert_null(part->directory);
    pipeline_free(p);
}

static void a_part_reads_the_files_of_its_own_commit(void **state) {
    (void)state;
    static const struct committed_file files[] = {
        {"sub", NULL},
        {"sub/ber.json", "{\"retort\":1,\"name\":\"part\",\"include\":{\"own\":{\"path\":\"../own.json\"}},"
                         "\"params\":\"params.json\",\"stages\":{\"s\":{\"matrix\":{\"r\":{\"rows\":\"rows.json\"},"
                         "\"f\":{\"glob\":\"raw/*.csv\"}},\"cmd\":[\"x\",\"${matrix.r.label}\",\"${matrix.f.path}\","
                         "\"${params.n}\"]}}}"},
        {"sub/params.json", "{\"n\":3}"},
        {"sub/raw", NULL},
        {"sub/raw/a.csv", "1"},
        {"sub/rows.json", "[{\"label\":\"one\"}]"},
        {"own.json", PART},
        {0}};
    struct pipeline *p = read_sound(files, INCLUDE(GIT "\"path\":\"sub/ber.json\""));
    assert_string_equal(stage(p, "plots/own/s")->scope->origin->path, "own.json");
    assert_json(stage(p, "plots/s")->scope->params, "{\"n\":3}");
    const struct axis *found = &stage(p, "plots/s")->matrix.axes[1];
    assert_int_equal(found->values->as.list.count, 1);
    assert_json(found->values->as.list.items[0]->as.literal,
                "{\"label\":\"raw/a.csv\",\"name\":\"a.csv\",\"path\":\"raw/a.csv\",\"stem\":\"a\"}");
    pipeline_free(p);
}

static void a_part_that_includes_from_git_is_foreign_there(void **state) {
    (void)state;
    static const struct committed_file files[] = {
        {"ber.json", "{\"retort\":1,\"name\":\"part\",\"include\":{\"b\":{" GIT "\"path\":\"b.json\"}},\"stages\":{}}"},
        {"b.json", PART},
        {0}};
    struct repository_double d = {.files = files};
    struct buffer messages = {0};
    struct pipeline *p = read_from(&d, INCLUDE(GIT "\"path\":\"ber.json\""), &messages);
    assert_non_null(p);
    assert_int_equal(d.opened, 2);
    assert_true(d.foreign);
    buffer_close(&messages);
    pipeline_free(p);
}

static void a_branch_is_refused_with_the_command_that_resolves_it(void **state) {
    (void)state;
    static const struct committed_file files[] = {{0}};
    expect_refused(
        files, INCLUDE("\"git\":\"" REPOSITORY "\",\"rev\":\"main\",\"path\":\"ber.json\""),
        "p.json:1:92: error: \"main\" is no full commit id, and may name another commit tomorrow; retort lock "
        "p.json writes the id of today");
}

static void an_include_from_git_needs_rev(void **state) {
    (void)state;
    static const struct committed_file files[] = {{0}};
    expect_refused(files, INCLUDE("\"git\":\"" REPOSITORY "\",\"path\":\"ber.json\""), "needs \"rev\"");
}

static void no_path_leads_out_of_the_commit(void **state) {
    (void)state;
    static const char *const parts[] = {
        "{\"retort\":1,\"name\":\"part\",\"include\":{\"b\":{\"path\":\"../b.json\"}},\"stages\":{}}",
        "{\"retort\":1,\"name\":\"part\",\"include\":{\"b\":{\"path\":\"/b.json\"}},\"stages\":{}}",
        "{\"retort\":1,\"name\":\"part\",\"params\":\"../p.json\",\"stages\":{}}",
        "{\"retort\":1,\"name\":\"part\",\"params\":\"/etc/passwd\",\"stages\":{}}",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct committed_file files[] = {{"ber.json", parts[i]}, {0}};
        write_file("b.json", PART);
        expect_refused(files, INCLUDE(GIT "\"path\":\"ber.json\""), "leads out of its repository");
    }
}

static void the_path_of_a_part_stays_in_its_repository(void **state) {
    (void)state;
    static const struct committed_file files[] = {{0}};
    expect_refused(files, INCLUDE(GIT "\"path\":\"../ber.json\""), "leads out of its folder");
}

static void faults_of_a_part_name_its_origin(void **state) {
    (void)state;
    static const struct committed_file files[] = {{"ber.json", "{\"retort\":1,\"name\":\"part\",\"stage\":{}}"}, {0}};
    expect_refused(files, INCLUDE(GIT "\"path\":\"ber.json\""), REPOSITORY "#0123456:ber.json:1:27: error: ");
}

static void a_commit_cannot_include_itself(void **state) {
    (void)state;
    static const struct committed_file files[] = {
        {"ber.json", "{\"retort\":1,\"name\":\"part\",\"include\":{\"b\":{\"path\":\"ber.json\"}},\"stages\":{}}"},
        {0}};
    expect_refused(files, INCLUDE(GIT "\"path\":\"ber.json\""), "a file cannot include itself: ");
}

static void an_environment_of_the_commit_is_given_as_an_input(void **state) {
    (void)state;
    static const struct committed_file files[] = {
        {"ber.json", "{\"retort\":1,\"name\":\"part\",\"stages\":{\"s\":{\"cmd\":[\"x\"],\"toolchain\":{\"prefix\":"
                     "\"evil\"}}}}"},
        {0}};
    expect_refused(files, INCLUDE(GIT "\"path\":\"ber.json\""), "Programs of the repository come by \"in\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_part_knows_its_origin, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_reads_the_files_of_its_own_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_that_includes_from_git_is_foreign_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_branch_is_refused_with_the_command_that_resolves_it, setup, teardown),
        cmocka_unit_test_setup_teardown(an_include_from_git_needs_rev, setup, teardown),
        cmocka_unit_test_setup_teardown(no_path_leads_out_of_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(the_path_of_a_part_stays_in_its_repository, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_of_a_part_name_its_origin, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_cannot_include_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(an_environment_of_the_commit_is_given_as_an_input, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
