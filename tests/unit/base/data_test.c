/* Data of other programs: JSON as Python writes it, YAML by the core schema, nested names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/data.h"
#include "engine/base/json.h"

static void expect(const char *name, const char *text, const char *canonical) {
    cJSON *tree = NULL;
    struct error err = {0};
    if (data_parse(&tree, name, text, strlen(text), &err) < 0)
        fail_msg("%s: %s", text, err.message);
    char *found = json_canonical_text(tree);
    assert_string_equal(found, canonical);
    free(found);
    cJSON_Delete(tree);
}

static void expect_fault(const char *name, const char *text, const char *message) {
    cJSON *tree = NULL;
    struct error err = {0};
    assert_int_equal(data_parse(&tree, name, text, strlen(text), &err), ERR_INVALID);
    assert_null(tree);
    if (!strstr(err.message, message))
        fail_msg("no \"%s\" in: %s", message, err.message);
}

static void json_takes_what_python_writes(void **state) {
    (void)state;
    expect("m.json", "{\"a\": NaN, \"b\": -Infinity, \"c\": [Infinity, 1], \"d\": null}",
           "{\"a\":{\"nonfinite\":\"NaN\"},\"b\":{\"nonfinite\":\"-Infinity\"},\"c\":[{\"nonfinite\":\"Infinity\"},1],"
           "\"d\":null}");
    expect("m.json", "{\"n\": 12345678901234567890, \"m\": -9007199254740993, \"exact\": 9007199254740992, \"k\": 1e3}",
           "{\"exact\":9007199254740992,\"k\":1000,\"m\":{\"integer\":\"-9007199254740993\"},"
           "\"n\":{\"integer\":\"12345678901234567890\"}}");
    expect("m.json", "{\"s\": \"NaN and 12345678901234567890\", \"x\": 1e999, \"y\": -1e999}",
           "{\"s\":\"NaN and 12345678901234567890\",\"x\":{\"nonfinite\":\"Infinity\"},"
           "\"y\":{\"nonfinite\":\"-Infinity\"}}");
    expect("m.json", "[0.1000000000000000000000000000000000000000000000000000000000000000000]", "[0.1]");
}

static void json_stays_strict_in_all_else(void **state) {
    (void)state;
    expect_fault("m.json", "{\"a\": nan}", "1:7: expected a value");
    expect_fault("m.json", "{\"a\": -Inf}", "1:8: expected a value");
    expect_fault("m.json", "{\"a\": NaN,}", "1:10: remove the comma");
    expect_fault("m.json", "{\"a\": 01}", "1:7: a number may not start with 0");
    expect_fault("m.json", "a: 1", "1:1: expected a value");
}

/* The table of YAML 1.2.2, 10.3.2. */
static void yaml_scalars_follow_the_core_schema(void **state) {
    (void)state;
    expect("m.yaml", "[null, Null, NULL, ~, ]", "[null,null,null,null]");
    expect("m.yaml", "[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]");
    expect("m.yaml", "[0, 0o7, 0x3A, -19, +12, 012]", "[0,7,58,-19,12,12]");
    expect("m.yaml", "[0., -0.0, .5, +12e03, -2E+05, 1e-3]", "[0,0,0.5,12000,-200000,0.001]");
    expect("m.yml", "[.inf, -.Inf, +.INF, .nan]",
           "[{\"nonfinite\":\"Infinity\"},{\"nonfinite\":\"-Infinity\"},{\"nonfinite\":\"Infinity\"},"
           "{\"nonfinite\":\"NaN\"}]");
    expect("m.yaml",
           "[yes, no, on, nUll, 1_000, 0b1, 1e, e3, ., 1.2.3, NaN, 0x, 2024-01-02, '12', \"true\", !!str 7, &x 8, *x]",
           "[\"yes\",\"no\",\"on\",\"nUll\",\"1_000\",\"0b1\",\"1e\",\"e3\",\".\",\"1.2.3\",\"NaN\",\"0x\","
           "\"2024-01-02\",\"12\",\"true\",\"7\",8,8]");
    expect("m.yaml", "n: 12345678901234567890\nlr: 1.0e-05\n",
           "{\"lr\":0.00001,\"n\":{\"integer\":\"12345678901234567890\"}}");
}

static void yaml_faults_have_their_place(void **state) {
    (void)state;
    expect_fault("m.yaml", "a: [1, 2\nb: 3\n", "2:2: ");
    expect_fault("m.yaml", "a: 1\n---\nb: 2\n", "3:1: one document is wanted");
    expect_fault("m.yaml", "a: !!binary aGk=\n", "1:4: a tag");
    expect_fault("m.yaml", "? [1, 2]\n: 3\n", "1:3: a name is text");
    expect_fault("m.yaml", "a: &a [*a]\n", "nested more than 100 deep");
}

static void yaml_aliases_cannot_multiply_for_ever(void **state) {
    (void)state;
    struct buffer text = {0};
    buffer_puts(&text, "a0: &a0 [1, 1]\n");
    for (int i = 1; i < 60; i++)
        buffer_printf(&text, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
    expect_fault("m.yaml", buffer_text(&text), "more than 1,000,000 values");
    buffer_close(&text);
}

static void nested_names_are_joined_by_dots(void **state) {
    (void)state;
    const char *text = "{\"a\": {\"b\": 1, \"c\": {\"d\": NaN}}, \"e\": [{\"f\": 1}], \"val/loss\": 2, \"x\": {}}";
    cJSON *tree = NULL, *flat = cJSON_CreateObject();
    struct buffer faults = {0};
    assert_int_equal(data_parse(&tree, "m.json", text, strlen(text), NULL), 0);
    data_flatten(flat, tree, &faults);
    char *found = json_canonical_text(flat);
    assert_string_equal(found, "{\"a.b\":1,\"a.c.d\":{\"nonfinite\":\"NaN\"},\"e\":[{\"f\":1}],\"val/loss\":2}");
    assert_string_equal(buffer_text(&faults), "");
    free(found);
    cJSON_Delete(tree);
    cJSON_Delete(flat);
}

static void every_name_that_is_given_twice_is_told(void **state) {
    (void)state;
    const char *text = "{\"a.b\": 1, \"a\": {\"b\": 2}, \"c\": 1, \"c\": 2, \"d\": 3}";
    cJSON *tree = NULL, *flat = cJSON_CreateObject();
    struct buffer faults = {0};
    cJSON_AddNumberToObject(flat, "d", 0);
    assert_int_equal(data_parse(&tree, "m.json", text, strlen(text), NULL), 0);
    data_flatten(flat, tree, &faults);
    assert_string_equal(buffer_text(&faults), "the name \"a.b\" is given twice\nthe name \"c\" is given twice\n"
                                              "the name \"d\" is given twice\n");
    buffer_close(&faults);
    cJSON_Delete(tree);
    cJSON_Delete(flat);
}

static void only_finite_numbers_are_compared(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool finite;
        double value;
        const char *shown;
    } values[] = {{"[0.1]", true, 0.1, "0.1"},
                  {"[12345678901234567890]", true, 12345678901234567890.0, "12345678901234567890"},
                  {"[NaN]", false, 0, "NaN"},
                  {"[-Infinity]", false, 0, "-Infinity"},
                  {"[\"0.1\"]", false, 0, "0.1"},
                  {"[true]", false, 0, "true"},
                  {"[null]", false, 0, "null"},
                  {"[[1, 2]]", false, 0, "[1,2]"},
                  {"[[NaN, [12345678901234567890, \"a\"]]]", false, 0, "[NaN,[12345678901234567890,\"a\"]]"}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        cJSON *tree = NULL;
        double number = -1;
        struct buffer shown = {0};
        assert_int_equal(data_parse(&tree, "m.json", values[i].text, strlen(values[i].text), NULL), 0);
        assert_int_equal(data_number(&number, tree->child), values[i].finite);
        assert_true(number == (values[i].finite ? values[i].value : -1));
        data_put(&shown, tree->child);
        assert_string_equal(buffer_text(&shown), values[i].shown);
        buffer_close(&shown);
        cJSON_Delete(tree);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_takes_what_python_writes),          cmocka_unit_test(json_stays_strict_in_all_else),
        cmocka_unit_test(yaml_scalars_follow_the_core_schema),    cmocka_unit_test(yaml_faults_have_their_place),
        cmocka_unit_test(yaml_aliases_cannot_multiply_for_ever),  cmocka_unit_test(nested_names_are_joined_by_dots),
        cmocka_unit_test(every_name_that_is_given_twice_is_told), cmocka_unit_test(only_finite_numbers_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
