#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/json.h"

static cJSON *tree(const char *text) {
    struct json_document *doc = NULL;
    struct error err = {0};
    if (json_parse(&doc, text, strlen(text), NULL, &err) < 0)
        fail_msg("%s: refused: %s", text, err.message);
    return json_detach(doc);
}

static void assert_canonical(const char *text, const char *expected) {
    cJSON *value = tree(text);
    char *canonical = json_canonical_text(value);
    assert_string_equal(canonical, expected);
    free(canonical);
    cJSON_Delete(value);
}

/* RFC 8785, section 3.2.2 and its result in 3.2.3. */
static void the_example_of_rfc_8785_is_written_exactly(void **state) {
    (void)state;
    assert_canonical("{\n  \"numbers\": [333333333.33333329, 1E30, 4.50,\n"
                     "              2e-3, 0.000000000000000000000000001],\n"
                     "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
                     "  \"literals\": [null, true, false]\n}",
                     "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
                     "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

/* RFC 8785, section 3.2.3: the sorting example. */
static void names_are_sorted_as_rfc_8785_says(void **state) {
    (void)state;
    assert_canonical("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
                     "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
                     "\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
                     "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
                     "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\","
                     "\"\xC3\xB6\":\"Latin Small Letter O With Diaeresis\",\"\xE2\x82\xAC\":\"Euro Sign\","
                     "\"\xF0\x9F\x98\x80\":\"Emoji: Grinning Face\","
                     "\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}");
    assert_canonical("{\"b\":1,\"aa\":2,\"a\":3,\"\":4}", "{\"\":4,\"a\":3,\"aa\":2,\"b\":1}");
}

static void small_values_are_canonical(void **state) {
    (void)state;
    assert_canonical(" [ ] ", "[]");
    assert_canonical("{ }", "{}");
    assert_canonical("-0", "0");
    assert_canonical("-0.0", "0");
    assert_canonical("[1.0,10e2,{\"b\":[],\"a\":{}}]", "[1,1000,{\"a\":{},\"b\":[]}]");
    assert_canonical("9007199254740992", "9007199254740992");
    assert_canonical("\"\\u0008\\u0009\\u000A\\u000C\\u000D\\u0001\\u001F\\u007F\"",
                     "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7F\"");
}

/* RFC 8785, appendix B, then a power of two whose shortest form is not its nearest 16 digits (V8 prints the same). */
static void numbers_are_written_as_rfc_8785_says(void **state) {
    (void)state;
    static const struct {
        uint64_t bits;
        const char *text;
    } vectors[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x7fffffffffffffff, "null"},
        {0x7ff0000000000000, "null"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
        {0x3d30000000000000, "5.684341886080802e-14"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x412e847fffffffff, "999999.9999999999"},
        {0x3fd3333333333334, "0.30000000000000004"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        double value;
        memcpy(&value, &vectors[i].bits, sizeof value);
        struct buffer b = {0};
        json_number(&b, value);
        assert_string_equal(buffer_text(&b), vectors[i].text);
        buffer_close(&b);
    }
}

static void a_number_reads_back_as_it_was(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252U;
    struct buffer b = {0};
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13; /* xorshift64 */
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        buffer_clear(&b);
        json_number(&b, value);
        double again = strtod(buffer_text(&b), NULL);
        assert_memory_equal(&again, &value, sizeof value);
    }
    buffer_close(&b);
}

/* 15 digits name one double each, and C's %.15g drops zeros at the end. So it prints as ECMAScript does, as long as there
   is no exponent. */
static void a_number_with_fifteen_digits_is_written_with_no_more(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252U;
    struct buffer b = {0};
    for (int i = 0; i < 20000; i++) {
        char text[32], expected[32];
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        snprintf(text, sizeof text, "%.*f", (int)(bits >> 60), (double)(bits % 1000000) / 1000 + 0.001);
        snprintf(expected, sizeof expected, "%.15g", strtod(text, NULL));
        buffer_clear(&b);
        json_number(&b, strtod(expected, NULL));
        assert_string_equal(buffer_text(&b), expected);
    }
    buffer_close(&b);
}

/* Whole numbers from 2^53 to 10^21 are written without an exponent. The reader refuses numbers that a double would
   round, and must accept these. */
static void a_large_whole_number_reads_back_as_it_was(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252U;
    struct buffer b = {0};
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value = ldexp((double)(bits >> 11 | UINT64_C(1) << 52), i % 18);
        buffer_clear(&b);
        json_number(&b, value);
        cJSON *again = tree(buffer_text(&b));
        assert_memory_equal(&again->valuedouble, &value, sizeof value);
        cJSON_Delete(again);
    }
    buffer_close(&b);
}

static void equal_compares_values_not_order(void **state) {
    (void)state;
    cJSON *a = tree("{\"x\":1.0,\"y\":[true]}");
    cJSON *b = tree("{\"y\":[true],\"x\":1}");
    cJSON *c = tree("{\"y\":[false],\"x\":1}");
    assert_true(json_equal(a, b));
    assert_false(json_equal(a, c));
    cJSON_Delete(a);
    cJSON_Delete(b);
    cJSON_Delete(c);
}

static void pretty_output_is_indented(void **state) {
    (void)state;
    cJSON *value = tree("{\"b\":[1,{\"c\":\"\\n\"},[]],\"a\":{},\"big\":9007199254740991}");
    struct buffer b = {0};
    json_pretty(&b, value);
    assert_string_equal(buffer_text(&b), "{\n"
                                         "  \"b\": [\n"
                                         "    1,\n"
                                         "    {\n"
                                         "      \"c\": \"\\n\"\n"
                                         "    },\n"
                                         "    []\n"
                                         "  ],\n"
                                         "  \"a\": {},\n"
                                         "  \"big\": 9007199254740991\n"
                                         "}");
    buffer_close(&b);
    cJSON_Delete(value);
}

/* RFC 7396, appendix A, every row. */
static void merge_follows_every_row_of_rfc_7396(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *base = tree(rows[i][0]);
        cJSON *patch = tree(rows[i][1]);
        cJSON *merged = json_merge(base, patch);
        char *canonical = json_canonical_text(merged);
        assert_string_equal(canonical, rows[i][2]);
        free(canonical);
        cJSON_Delete(merged);
        char *untouched = json_canonical_text(base);
        assert_string_equal(untouched, rows[i][0]);
        free(untouched);
        cJSON_Delete(base);
        cJSON_Delete(patch);
    }
}

static void merge_tells_names_apart_by_case(void **state) {
    (void)state;
    cJSON *base = tree("{\"a\":1,\"A\":2}");
    cJSON *patch = tree("{\"A\":null}");
    cJSON *merged = json_merge(base, patch);
    char *canonical = json_canonical_text(merged);
    assert_string_equal(canonical, "{\"a\":1}");
    free(canonical);
    cJSON_Delete(merged);
    cJSON_Delete(base);
    cJSON_Delete(patch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_8785_is_written_exactly),
        cmocka_unit_test(names_are_sorted_as_rfc_8785_says),
        cmocka_unit_test(small_values_are_canonical),
        cmocka_unit_test(numbers_are_written_as_rfc_8785_says),
        cmocka_unit_test(a_number_reads_back_as_it_was),
        cmocka_unit_test(a_number_with_fifteen_digits_is_written_with_no_more),
        cmocka_unit_test(a_large_whole_number_reads_back_as_it_was),
        cmocka_unit_test(equal_compares_values_not_order),
        cmocka_unit_test(pretty_output_is_indented),
        cmocka_unit_test(merge_follows_every_row_of_rfc_7396),
        cmocka_unit_test(merge_tells_names_apart_by_case),
    };
    return cmocka_run_group_tests_name("base/json_write", tests, NULL, NULL);
}
