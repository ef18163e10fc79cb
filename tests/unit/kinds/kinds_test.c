#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/json.h"
#include "stages/kinds/kind.h"

enum { MAX_FAULTS = 16 };

struct faults {
    char message[MAX_FAULTS][512];
    char at[MAX_FAULTS][64]; /* the faulty node's name, "" for the object itself or an element */
    bool on_key[MAX_FAULTS];
    size_t count;
};

static void on_fault(void *context, const cJSON *at, bool on_key, const char *message) {
    struct faults *f = context;
    assert_true(f->count < MAX_FAULTS);
    snprintf(f->message[f->count], sizeof f->message[0], "%s", message);
    snprintf(f->at[f->count], sizeof f->at[0], "%s", at && at->string ? at->string : "");
    f->on_key[f->count++] = on_key;
}

static bool is_reference(void *context, const cJSON *node) {
    (void)context;
    return cJSON_IsString(node) && strncmp(node->valuestring, "${", 2) == 0;
}

static const struct kind *kind_of(const char *uses) {
    const struct kind *kind;
    struct error err = {0};
    assert_int_equal(kind_find(&kind, uses, &err), 0);
    return kind;
}

static struct faults check(const char *uses, const char *text) {
    struct faults f = {.count = 0};
    cJSON *with = cJSON_Parse(text);
    assert_non_null(with);
    size_t count = kind_check_with(kind_of(uses), with, is_reference, on_fault, &f);
    assert_int_equal(count, f.count);
    cJSON_Delete(with);
    return f;
}

/* Exactly one fault, at that name, whose message holds every part. */
static void expect_fault(const char *uses, const char *with, const char *at, bool on_key, const char *const *parts) {
    struct faults f = check(uses, with);
    if (f.count != 1)
        fail_msg("%zu faults for %s: %s", f.count, with, f.count ? f.message[0] : "");
    assert_string_equal(f.at[0], at);
    assert_int_equal(f.on_key[0], on_key);
    for (; *parts; parts++)
        if (!strstr(f.message[0], *parts))
            fail_msg("\"%s\" does not hold \"%s\"", f.message[0], *parts);
}

#define FAULT(uses, with, at, on_key, ...)                                                                             \
    expect_fault(uses, with, at, on_key, (const char *const[]){__VA_ARGS__, NULL})

static void every_fault_is_named(void **state) {
    (void)state;
    FAULT("deeprx/train@1", "{\"size\":11,\"stepz\":3}", "stepz", true, "deeprx/train@1", "\"stepz\"",
          "did you mean \"steps\"");
    FAULT("deeprx/train@1", "{\"size\":11,\"xyz\":3}", "xyz", true, "allowed are architecture, size");
    FAULT("deeprx/train@1", "{}", "", false, "deeprx/train@1 needs \"size\"");
    FAULT("deeprx/train@1", "{\"size\":11,\"steps\":\"many\"}", "steps", false, "the text \"many\"",
          "an integer from 1 to 10000000", "(steps)");
    FAULT("deeprx/train@1", "{\"size\":11,\"steps\":0}", "steps", false, "\"steps\" is 0");
    FAULT("deeprx/train@1", "{\"size\":11,\"steps\":2.5}", "steps", false, "is 2.5", "an integer");
    FAULT("deeprx/train@1", "{\"size\":11,\"steps\":null}", "steps", false, "is null");
    FAULT("deeprx/train@1", "{\"size\":11,\"features\":\"mrk\"}", "features", false, "\"raw\", \"ls\" or \"mrc\"",
          "did you mean \"mrc\"");
    FAULT("deeprx/train@1", "{\"size\":11,\"t_squared\":1}", "t_squared", false, "true or false");
    FAULT("deeprx/train@1", "{\"size\":11,\"link\":[]}", "link", false, "an object");
    FAULT("deeprx/train@1", "{\"size\":11,\"link\":{\"qam\":32}}", "qam", false, "is 32", "4, 16, 64 or 256");
    FAULT("deeprx/train@1", "{\"size\":11,\"link\":{\"antenas\":2}}", "antenas", true, "link has no",
          "did you mean \"antennas\"");
    FAULT("deeprx/train@1", "{\"size\":11,\"link\":{\"profiles\":[]}}", "profiles", false, "a list of 1 to 5 texts");
    FAULT("deeprx/train@1", "{\"size\":11,\"link\":{\"profiles\":[\"A\",\"F\"]}}", "", false, "\"F\"", "\"A\", \"B\"");
    FAULT("deeprx/train@1", "{\"size\":11,\"link\":{\"doppler_hz\":[5]}}", "doppler_hz", false,
          "a list of 2 numbers (Hz)");
    FAULT("deeprx/train@1", "{\"size\":11,\"link\":{\"doppler_hz\":[9,5]}}", "", false, "\"doppler_hz\" must not fall",
          "5 stands behind 9");
    FAULT("plot/table@2", "{\"columns\":[\"a\"],\"reference\":[{\"row\":{}}]}", "", false,
          "reference needs \"values\"");
    FAULT("plot/lines@2", "{\"x\":\"a\",\"y\":\"b\",\"reference\":[{\"label\":\"p\",\"points\":[[1,2,3]]}]}", "", false,
          "a list of 2 numbers");
}

static void rules_between_parameters_are_checked(void **state) {
    (void)state;
    FAULT("deeprx/train@1", "{\"size\":12}", "size", false, "is 12", "7, 11, 19, 30, 125, 164");
    FAULT("deeprx/train@1", "{\"size\":11,\"ladder\":{\"5\":6,\"9\":12}}", "size", false, "allowed are 5, 9");
    FAULT("deeprx/train@1", "{\"size\":11,\"ladder\":{\"11\":0}}", "11", false, "\"channels\" is 0", "from 1 to 4096");
    FAULT("deeprx/train@1", "{\"size\":11,\"blocks\":[{\"dilation\":[1,1]}]}", "", false, "a block without channels");
    FAULT("plot/lines@2", "{\"x\":\"a\",\"y\":\"b\",\"x_range\":[1]}", "x_range", false, "has one number");
    FAULT("plot/lines@2", "{\"x\":\"a\",\"y\":\"b\",\"y_log\":true,\"y_range\":[0,1]}", "y_range", false,
          "must start above 0");
    assert_int_equal(check("deeprx/train@1", "{\"size\":5,\"ladder\":{\"5\":6}}").count, 0);
}

static void all_faults_come_at_once_and_open_values_are_skipped(void **state) {
    (void)state;
    struct faults f =
        check("deeprx/train@1", "{\"steps\":0,\"kd\":7,\"link\":{\"qam\":5,\"pilots\":3},\"validation\":{\"x\":1}}");
    assert_int_equal(f.count, 6); /* the missing size is the sixth */
    f = check("deeprx/train@1",
              "{\"size\":\"${matrix.size}\",\"steps\":\"${params.steps}\",\"link\":\"${params.link}\","
              "\"ladder\":{\"3\":\"${params.s}\"},\"validation\":{\"sinr_db\":[3,\"${params.x}\",2]}}");
    assert_int_equal(f.count, 0);
    f = check("deeprx/train@1", "{\"size\":3,\"ladder\":\"${params.ladder}\"}");
    assert_int_equal(f.count, 0);
}

static void an_unknown_kind_is_answered_with_the_known_ones(void **state) {
    (void)state;
    static const struct {
        const char *uses, *part;
    } cases[] = {
        {"deeprx/train", "write \"deeprx/train@1\""},
        {"deeprx/train@2", "deeprx/train has version 1"},
        {"deeprx/trian@1", "did you mean \"deeprx/train@1\"?"},
        {"frobnicate@1", "deeprx/evaluate@1, deeprx/"},
        {"deeprx/train@1x", "has version 1"},
        {"@", "no kind"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct kind *kind;
        struct error err = {0};
        assert_int_equal(kind_find(&kind, cases[i].uses, &err), ERR_NOT_FOUND);
        assert_null(kind);
        if (!strstr(err.message, cases[i].part))
            fail_msg("\"%s\" does not hold \"%s\"", err.message, cases[i].part);
    }
}

static void defaults_are_filled_in_at_every_depth(void **state) {
    (void)state;
    cJSON *with = cJSON_Parse("{\"size\":11,\"link\":{\"qam\":64},\"blocks\":[{\"width\":8}]}");
    cJSON *full = kind_with_complete(kind_of("deeprx/train@1"), with);
    const cJSON *link = cJSON_GetObjectItemCaseSensitive(full, "link");
    assert_int_equal((int)json_double(link, "qam", 0), 64);
    assert_int_equal((int)json_double(link, "antennas", 0), 2);
    const cJSON *block = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(full, "blocks"), 0);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(block, "dilation")), 2);
    assert_int_equal((int)json_double(cJSON_GetObjectItemCaseSensitive(full, "validation"), "slots", 0), 20);
    assert_int_equal(kind_check_with(kind_of("deeprx/train@1"), full, NULL, NULL, NULL), 0);
    cJSON_Delete(with);
    cJSON_Delete(full);
}

static void expect_reduced(const char *uses, const char *text, const char *expected) {
    cJSON *with = cJSON_Parse(text), *wanted = cJSON_Parse(expected);
    cJSON *reduced = kind_with_reduced(kind_of(uses), with);
    char *shown = json_canonical_text(reduced);
    if (!json_equal(reduced, wanted))
        fail_msg("%s becomes %s, not %s", text, shown, expected);
    cJSON *full = kind_with_complete(kind_of(uses), with), *again = kind_with_reduced(kind_of(uses), full);
    assert_true(json_equal(again, wanted)); /* saying a default is the same as leaving it out */
    free(shown);
    cJSON_Delete(with);
    cJSON_Delete(wanted);
    cJSON_Delete(reduced);
    cJSON_Delete(full);
    cJSON_Delete(again);
}

static void reduced_parameters_leave_defaults_out(void **state) {
    (void)state;
    expect_reduced("deeprx/train@1", "{\"size\":11}", "{\"size\":11}");
    expect_reduced("deeprx/train@1", "{\"size\":11,\"steps\":3000,\"alpha\":5e5}", "{\"size\":11}");
    expect_reduced("deeprx/train@1", "{\"size\":11,\"link\":{\"qam\":16,\"pilots\":1}}",
                   "{\"size\":11,\"link\":{\"pilots\":1}}");
    expect_reduced("deeprx/train@1", "{\"size\":11,\"link\":{\"qam\":16}}", "{\"size\":11}");
    expect_reduced("deeprx/train@1", "{\"size\":11,\"blocks\":[{\"width\":8,\"scale\":0,\"dilation\":[1,1]}]}",
                   "{\"size\":11,\"blocks\":[{\"width\":8}]}");
    expect_reduced("link/baseline@1", "{\"receiver\":\"ls\",\"simulate\":false}", "{\"receiver\":\"ls\"}");
}

/* Every description is sound: defaults parse and are allowed, names are those that a reference can hold. */
static void check_params(const struct kind *kind, const struct param *params, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_non_null(params[i].name);
        if (!params[i].doc)
            fail_msg("%s: %s has no doc", kind->name, params[i].name);
        if (params[i].fallback) {
            cJSON *fallback = cJSON_Parse(params[i].fallback);
            assert_non_null(fallback);
            cJSON_Delete(fallback);
        }
        if (params[i].type == PARAM_OBJECT)
            check_params(kind, params[i].members, params[i].member_count);
    }
}

static void every_description_is_sound(void **state) {
    (void)state;
    size_t count;
    const struct kind *const *kinds = kinds_all(&count);
    assert_true(count >= 6);
    for (size_t i = 0; i < count; i++) {
        const struct kind *kind = kinds[i];
        assert_true(i == 0 || strcmp(kinds[i - 1]->name, kind->name) < 0);
        check_params(kind, kind->params, kind->param_count);
        cJSON *defaults = kind_with_complete(kind, NULL);
        struct faults f = {.count = 0};
        kind_check_with(kind, defaults, NULL, on_fault, &f);
        for (size_t k = 0; k < f.count; k++)
            if (!strstr(f.message[k], " needs "))
                fail_msg("%s: %s", kind->name, f.message[k]);
        cJSON_Delete(defaults);
        for (size_t k = 0; k < kind->input_count; k++)
            assert_ptr_equal(kind_input(kind, kind->inputs[k].name), &kind->inputs[k]);
        assert_null(kind_input(kind, "nothing"));
    }
}

static void a_long_value_is_cut_between_characters(void **state) {
    (void)state;
    struct faults f =
        check("deeprx/train@1", "{\"size\":11,\"kd\":\"ääääääääääääääääääääääääääääääääääääääääääääääääääää\"}");
    assert_int_equal(f.count, 1);
    assert_non_null(strstr(f.message[0], "ä..."));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(rules_between_parameters_are_checked),
        cmocka_unit_test(all_faults_come_at_once_and_open_values_are_skipped),
        cmocka_unit_test(an_unknown_kind_is_answered_with_the_known_ones),
        cmocka_unit_test(defaults_are_filled_in_at_every_depth),
        cmocka_unit_test(reduced_parameters_leave_defaults_out),
        cmocka_unit_test(every_description_is_sound),
        cmocka_unit_test(a_long_value_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
