/* A stage with several of "uses", "cmd" and "select" is refused by one message, whatever else stands in it. */
#include "tests/unit/engine/pipeline_fixture.h"

enum { TYPES = 3, FIELDS = 17 };

static const char *const type_names[TYPES] = {"uses", "cmd", "select"};
static const char *const type_members[TYPES] = {
    "\"uses\":\"deeprx/train@1\"", "\"cmd\":[\"true\"]",
    "\"select\":{\"from\":\"sweep\",\"group_by\":[\"seed\"],\"minimize\":\"metrics.loss\"}"};

/* Every other field of a stage, each sound by itself. */
static const char *const fields[FIELDS] = {"\"description\":\"text\"",
                                           "\"matrix\":{\"seed\":[1,2]}",
                                           "\"in\":{\"a\":\"a.bin\",\"b\":\"${stages.sweep[*].outs.score}\"}",
                                           "\"with\":{\"steps\":10}",
                                           "\"outs\":{\"o\":\"o.txt\",\"p\":\"p.txt\"}",
                                           "\"env\":{\"N\":\"1\",\"M\":\"${outs.o}\"}",
                                           "\"pass_env\":[\"TOKEN\"]",
                                           "\"pin\":[\"true\"]",
                                           "\"checkpoint\":true",
                                           "\"resources\":{\"cpus\":2}",
                                           "\"retries\":1",
                                           "\"timeout\":\"1h\"",
                                           "\"after\":[\"sweep\"]",
                                           "\"cache\":false",
                                           "\"deterministic\":false",
                                           "\"tolerance\":0.5,\"deterministic\":false",
                                           "\"energy_budget\":\"1kJ\""};

/* The stage "x" of these members, with a stage that it may refer to and three that refer to it. */
static char *study(const char *members) {
    return mem_printf("{\"retort\":1,\"name\":\"n\",\"stages\":{\"x\":{%s},"
                      "\"sweep\":{\"matrix\":{\"seed\":[1,2]},\"cmd\":[\"train\",\"${matrix.seed}\"],"
                      "\"outs\":{\"score\":{\"path\":\"s.json\",\"type\":\"metrics\"}}},"
                      "\"reader\":{\"cmd\":[\"cat\",\"${in.o}\"],\"in\":{\"o\":\"${stages.x.outs.o}\"}},"
                      "\"chooser\":{\"select\":{\"from\":\"x\",\"group_by\":[\"seed\"],\"maximize\":\"metrics.loss\"}},"
                      "\"twin\":{\"matrix\":{\"like\":\"x\"},\"cmd\":[\"true\"]}}}",
                      members);
}

/* `first` and `second`: the two types that the message names, in the order of the format. */
static void expect_one_message(const char *members, int first, int second) {
    struct diagnostics diagnostics = {0};
    struct error err = {0};
    struct pipeline *p = NULL;
    char *text = study(members);
    char *names = mem_printf("the stage \"x\" has \"%s\" and \"%s\"", type_names[first], type_names[second]);
    char *pointer = mem_printf("/stages/x/%s", type_names[second]);
    write_file("p.json", text);
    assert_int_equal(pipeline_read(&p, &(struct pipeline_source){.path = "p.json"}, &diagnostics, &err), ERR_INVALID);
    for (size_t i = 1; i < diagnostics.count; i++)
        print_error("{%s}: %s\n", members, diagnostics.items[i].message);
    assert_int_equal(diagnostics.count, 1);
    assert_non_null(strstr(diagnostics.items[0].message, names));
    assert_string_equal(diagnostics.items[0].pointer, pointer);
    diagnostics_close(&diagnostics);
    free(pointer);
    free(names);
    free(text);
}

typedef void check_members(const char *members, int first, int second);

/* `extra` before, between and behind the two types, which stand in either order. */
static void for_each_pair(const char *extra, check_members *check) {
    for (int a = 0; a < TYPES; a++) {
        for (int b = 0; b < TYPES; b++) {
            if (a == b)
                continue;
            const char *orders[3][3] = {{extra, type_members[a], type_members[b]},
                                        {type_members[a], extra, type_members[b]},
                                        {type_members[a], type_members[b], extra}};
            for (int i = 0; i < 3; i++) {
                char *members = mem_printf("%s,%s,%s", orders[i][0], orders[i][1], orders[i][2]);
                check(members, a < b ? a : b, a < b ? b : a);
                free(members);
            }
        }
    }
}

static void two_types_give_one_message_beside_each_field(void **state) {
    (void)state;
    for (int i = 0; i < FIELDS; i++)
        for_each_pair(fields[i], expect_one_message);
}

static void two_types_give_one_message_beside_each_pair_of_fields(void **state) {
    (void)state;
    for (int i = 0; i < FIELDS; i++) {
        for (int k = 0; k < i; k++) {
            if (strstr(fields[i], fields[k])) /* the tolerance brings its "deterministic" */
                continue;
            char *both = mem_printf("%s,%s", fields[i], fields[k]);
            for_each_pair(both, expect_one_message);
            free(both);
        }
    }
}

static void three_types_give_one_message_beside_each_field(void **state) {
    (void)state;
    for (int i = 0; i < FIELDS; i++) {
        char *members = mem_printf("%s,%s,%s,%s", type_members[2], fields[i], type_members[1], type_members[0]);
        expect_one_message(members, 0, 1);
        free(members);
    }
}

static void two_types_hide_no_fault_of_a_field_that_fits_both(void **state) {
    (void)state;
    char *text = study("\"uses\":\"deeprx/train@1\",\"cmd\":[\"true\"],\"retries\":-1");
    expect_fault(text, NULL, 0, "at /stages/x/cmd");
    expect_fault(text, NULL, 0, "at /stages/x/retries");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_types_give_one_message_beside_each_field, setup, teardown),
        cmocka_unit_test_setup_teardown(two_types_give_one_message_beside_each_pair_of_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(three_types_give_one_message_beside_each_field, setup, teardown),
        cmocka_unit_test_setup_teardown(two_types_hide_no_fault_of_a_field_that_fits_both, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
