#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/json.h"

static struct json_document *parse(const char *text) {
    struct json_document *doc = NULL;
    struct error err = {0};
    if (json_parse(&doc, text, strlen(text), NULL, &err) < 0)
        fail_msg("%s: refused: %s", text, err.message);
    return doc;
}

static void valid_texts_are_accepted(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "-1",
        "0.5",
        "1e5",
        "1E+5",
        "1e-5",
        "0e0",
        "123.456e-7",
        "9007199254740992",
        "-9007199254740992",
        "1e300",
        "9007199254740993.5",
        "9007199254740994", /* an even one, which a double holds */
        "-10000000000000000",
        "1e-400",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        " \t\r\n[ ]\n ",
        "[1,2,3]",
        "{\"a\":1}",
        "{\"\":1}",
        "{ \"a\" : [ { \"b\" : null } ] }",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"",
        "\"\\uD83D\\uDE00\"",
        "\"\\ud83d\\ude00\"",
        "\"\\uE000\\uFFFF\"",
        "\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"",
        "\"\x7F\"",
        "{\"a\":{\"a\":1},\"b\":{\"a\":2}}",
        "{\"a\":1,\"A\":2}",
        "0.0000000000000000000000000000000000000000000000000000000000001", /* 63 characters, the most */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        json_free(parse(texts[i]));
}

/* Each with the start of its message. */
static void invalid_texts_are_refused(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"", "1:1: expected a value"},
        {"  ", "1:3: expected a value"},
        {"01", "1:1: a number may not start with 0"},
        {"-01", "1:1: a number may not start with 0"},
        {"-", "1:2: expected a digit, found the end"},
        {"+1", "1:1: expected a value"},
        {".5", "1:1: expected a value"},
        {"1.", "1:3: expected a digit after the decimal point"},
        {"1.e5", "1:3: expected a digit after the decimal point, found 'e'"},
        {"1e", "1:3: expected a digit in the exponent"},
        {"1e+", "1:4: expected a digit in the exponent"},
        {"0x10", "1:2: expected nothing more after the value, found 'x'"},
        {"NaN", "1:1: expected a value"},
        {"Infinity", "1:1: expected a value"},
        {"1e400", "1:1: this number is beyond"},
        {"-1e400", "1:1: this number is beyond"},
        {"9007199254740993", "1:1: this integer is beyond 2^53"},
        {"[-9007199254740993]", "1:2: this integer is beyond 2^53"},
        {"10000000000000001", "1:1: this integer is beyond 2^53"},
        {"1000000000000000000000", "1:1: this integer is beyond 2^53"}, /* 1e21 is how that is written */
        {"0.00000000000000000000000000000000000000000000000000000000000001", "1:1: this number has more than 63"},
        {"1 2", "1:3: expected nothing more after the value, found '2'"},
        {"{} x", "1:4: expected nothing more"},
        {"[1]]", "1:4: expected nothing more"},
        {"\xEF\xBB\xBF{}", "1:1: the text starts with a byte order mark"},
        {"True", "1:1: expected a value"},
        {"tru", "1:1: expected a value"},
        {"nul", "1:1: expected a value"},
        {"[1,]", "1:3: remove the comma before the closing bracket"},
        {"{\"a\":1,}", "1:7: remove the comma before the closing bracket"},
        {"[,1]", "1:2: expected a value"},
        {"[1 2]", "1:4: expected ',' or ']', found '2'"},
        {"[1", "1:3: expected ',' or ']', found the end of the text"},
        {"[", "1:2: expected a value"},
        {"{", "1:2: expected a member name"},
        {"{\"a\"", "1:5: expected ':'"},
        {"{\"a\" 1}", "1:6: expected ':'"},
        {"{\"a\":}", "1:6: expected a value"},
        {"{\"a\":1 \"b\":2}", "1:8: expected ',' or '}'"},
        {"{a:1}", "1:2: expected a member name in double quotes, found 'a'"},
        {"{'a':1}", "1:2: expected a member name"},
        {"{1:1}", "1:2: expected a member name"},
        {"['a']", "1:2: expected a value"},
        {"[1] // note", "1:5: expected nothing more"},
        {"/* x */ 1", "1:1: expected a value"},
        {"\"abc", "1:1: this string is not closed"},
        {"\"abc\\\"", "1:1: this string is not closed"},
        {"\"a\nb\"", "1:3: a control character in a string must be written as \\u000a"},
        {"\"\t\"", "1:2: a control character in a string must be written as \\u0009"},
        {"\"\x1F\"", "1:2: a control character"},
        {"\"\\x41\"", "1:3: expected one of"},
        {"\"\\'\"", "1:3: expected one of"},
        {"\"\\u12G4\"", "1:6: expected four hexadecimal digits"},
        {"\"\\u123\"", "1:7: expected four hexadecimal digits"},
        {"\"\\u0000\"", "1:2: \\u0000 is not allowed"},
        {"{\"a\\u0000b\":1}", "1:4: \\u0000 is not allowed"},
        {"\"\\uD800\"", "1:2: the first half of a surrogate pair"},
        {"\"\\uD800x\"", "1:2: the first half of a surrogate pair"},
        {"\"\\uD800\\n\"", "1:2: the first half of a surrogate pair"},
        {"\"\\uD800\\u0041\"", "1:2: the first half of a surrogate pair"},
        {"\"\\uD800\\uD800\"", "1:2: the first half of a surrogate pair"},
        {"\"\\uDC00\"", "1:2: the second half of a surrogate pair"},
        {"\"\xC0\xAF\"", "1:2: this is not UTF-8"},         /* overlong '/' */
        {"\"\xC1\xBF\"", "1:2: this is not UTF-8"},         /* overlong */
        {"\"\xE0\x80\xAF\"", "1:2: this is not UTF-8"},     /* overlong */
        {"\"\xF0\x80\x80\xAF\"", "1:2: this is not UTF-8"}, /* overlong */
        {"\"\xED\xA0\x80\"", "1:2: this is not UTF-8"},     /* U+D800 */
        {"\"\xF4\x90\x80\x80\"", "1:2: this is not UTF-8"}, /* U+110000 */
        {"\"\xF5\x80\x80\x80\"", "1:2: this is not UTF-8"},
        {"\"\x80\"", "1:2: this is not UTF-8"},
        {"\"\xE2\x82\"", "1:2: this is not UTF-8"},
        {"\"\xE2\x28\xA1\"", "1:2: this is not UTF-8"},
        {"\"\xFF\"", "1:2: this is not UTF-8"},
        {"[1]\xC2\xA0", "1:4: expected nothing more"}, /* a no-break space is no white space */
        {"\f1", "1:1: expected a value"},
        {"{\"a\":1,\"a\":2}", "1:8: the name \"a\" is given twice (first at 1:2)"},
        {"{\"a\":1,\"\\u0061\":2}", "1:8: the name \"a\" is given twice"},
        {"[{\"x\":{\"/\":1,\n\"\\/\":1}}]", "2:1: the name \"/\" is given twice (first at 1:8)"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_document *doc = NULL;
        struct json_position at = {0, 0};
        struct error err = {0};
        if (json_parse(&doc, texts[i][0], strlen(texts[i][0]), &at, &err) == 0)
            fail_msg("accepted: %s", texts[i][0]);
        assert_int_equal(err.code, ERR_INVALID);
        if (strncmp(err.message, texts[i][1], strlen(texts[i][1])) != 0)
            fail_msg("%s: \"%s\" where \"%s\" was expected", texts[i][0], err.message, texts[i][1]);
        char place[64];
        snprintf(place, sizeof place, "%zu:%zu: ", at.line, at.column);
        assert_memory_equal(place, texts[i][1], strlen(place));
    }
}

static void nul_bytes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size;
    } texts[] = {{"\"a\0b\"", 5}, {"[1]\0", 4}, {"\0", 1}, {"[\0]", 3}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_document *doc = NULL;
        assert_int_equal(json_parse(&doc, texts[i].text, texts[i].size, NULL, NULL), ERR_INVALID);
    }
}

static void a_text_needs_no_nul_behind_it(void **state) {
    (void)state;
    struct json_document *doc = NULL;
    char *text = malloc(3); /* a block of its own, so that a sanitizer sees a read behind it */
    assert_non_null(text);
    memcpy(text, "1234", 3);
    assert_int_equal(json_parse(&doc, text, 3, NULL, NULL), 0);
    assert_true(json_root(doc)->valuedouble == 123);
    json_free(doc);
    assert_int_equal(json_parse(&doc, text, 1, NULL, NULL), 0);
    assert_true(json_root(doc)->valuedouble == 1);
    json_free(doc);
    free(text);
}

static void nesting_is_limited(void **state) {
    (void)state;
    char text[2 * (JSON_MAX_DEPTH + 1) + 1];
    for (int depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        struct json_document *doc = NULL;
        struct json_position at;
        int rc = json_parse(&doc, text, 2 * (size_t)depth, &at, NULL);
        assert_int_equal(rc, depth == JSON_MAX_DEPTH ? 0 : ERR_INVALID);
        if (rc == 0)
            json_free(doc);
        else
            assert_int_equal(at.column, JSON_MAX_DEPTH + 1);
    }
}

static void escapes_are_replaced(void **state) {
    (void)state;
    struct json_document *doc = parse("\"\\u00e9\\uD83D\\uDE00\\/\\u20AC\"");
    assert_string_equal(json_root(doc)->valuestring, "\xC3\xA9\xF0\x9F\x98\x80/\xE2\x82\xAC");
    json_free(doc);
}

static void assert_place(struct json_position place, size_t line, size_t column) {
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void every_node_has_its_position_and_pointer(void **state) {
    (void)state;
    static const char text[] = "{\n  \"\xC3\xA9\xE2\x82\xAC\": [1, {\"a/b\": true}],\r\n\t\"m~n\" : null\n}";
    struct json_document *doc = parse(text);
    const cJSON *root = json_root(doc);
    struct json_places *places = json_places_create(root, text, sizeof text - 1);
    const cJSON *list = root->child;
    const cJSON *object = list->child->next;
    const cJSON *flag = object->child;
    assert_place(json_value_position(places, root), 1, 1);
    assert_place(json_key_position(places, root), 1, 1);
    assert_place(json_key_position(places, list), 2, 3);
    assert_place(json_value_position(places, list), 2, 9); /* columns are characters: the name has two */
    assert_place(json_value_position(places, list->child), 2, 10);
    assert_place(json_key_position(places, list->child), 2, 10);
    assert_place(json_value_position(places, object), 2, 13);
    assert_place(json_key_position(places, flag), 2, 14);
    assert_place(json_value_position(places, flag), 2, 21);
    assert_place(json_key_position(places, list->next), 3, 2);
    assert_place(json_value_position(places, list->next), 3, 10);
    cJSON stranger = {0};
    assert_place(json_value_position(places, &stranger), 0, 0);
    assert_place(json_key_position(places, &stranger), 0, 0);
    struct buffer b = {0};
    json_pointer(&b, places, root);
    assert_string_equal(buffer_text(&b), "");
    json_pointer(&b, places, flag);
    assert_string_equal(buffer_text(&b), "/\xC3\xA9\xE2\x82\xAC/1/a~1b");
    buffer_clear(&b);
    json_pointer(&b, places, list->next);
    assert_string_equal(buffer_text(&b), "/m~0n");
    assert_int_equal(text[json_value_offset(places, list)], '[');
    assert_memory_equal(text + json_value_offset(places, flag), "true", 4);
    buffer_close(&b);
    json_places_free(places);
    json_free(doc);
}

static void many_values_are_read_in_order(void **state) {
    (void)state;
    struct buffer b = {0};
    buffer_putc(&b, '{');
    for (int i = 0; i < 100000; i++)
        buffer_printf(&b, "%s\"name%d\":%d", i ? "," : "", i, i);
    buffer_putc(&b, '}');
    struct json_document *doc = parse(buffer_text(&b));
    struct json_places *places = json_places_create(json_root(doc), b.data, b.size);
    size_t column = 2;
    char text[32];
    const cJSON *member;
    cJSON_ArrayForEach(member, json_root(doc)) {
        assert_int_equal(json_key_position(places, member).column, column);
        column += (size_t)snprintf(text, sizeof text, "\"%s\":%d,", member->string, member->valueint);
    }
    json_places_free(places);
    json_free(doc);
    buffer_clear(&b);
    buffer_puts(&b, "{\"last\":0");
    for (int i = 0; i < 100000; i++)
        buffer_printf(&b, ",\"name%d\":%d", i, i);
    buffer_puts(&b, ",\"last\":1}");
    struct error err = {0};
    assert_int_equal(json_parse(&doc, b.data, b.size, NULL, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "\"last\" is given twice (first at 1:2)"));
    buffer_close(&b);
}

static void a_tree_in_an_arena_is_the_same(void **state) {
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5e3,\"\\u00e9\",true,null],\"b\":{\"c\":{}}}";
    static const char twice[] = "{\"a\":1,\n\"a\":2}";
    struct arena *arena = arena_create();
    struct json_document *doc = parse(text);
    const cJSON *tree = NULL;
    struct json_position at;
    struct error err = {0};
    assert_int_equal(json_parse_in(&tree, arena, twice, sizeof twice - 1, &at, &err), ERR_INVALID);
    assert_place(at, 2, 1);
    assert_null(tree);
    assert_int_equal(json_parse_in(&tree, arena, text, sizeof text - 1, NULL, &err), 0);
    assert_true(json_equal(tree, json_root(doc)));
    json_free(doc);
    arena_free(arena);
}

/* Trees on the heap, made and deleted while another thread makes trees in arenas. */
static void *parse_on_the_heap(void *text) {
    for (int i = 0; i < 2000; i++) {
        struct json_document *doc = NULL;
        if (json_parse(&doc, text, strlen(text), NULL, NULL) < 0)
            return text;
        json_free(doc);
    }
    return NULL;
}

static void another_thread_is_not_given_the_arena(void **state) {
    (void)state;
    static char text[] = "{\"a\":[1,2,{\"b\":\"text\"}],\"c\":{\"d\":null}}";
    pthread_t thread;
    void *failed;
    assert_int_equal(pthread_create(&thread, NULL, parse_on_the_heap, text), 0);
    for (int i = 0; i < 2000; i++) {
        struct arena *arena = arena_create();
        const cJSON *tree = NULL;
        assert_int_equal(json_parse_in(&tree, arena, text, sizeof text - 1, NULL, NULL), 0);
        arena_free(arena);
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
}

static void a_detached_tree_outlives_its_document(void **state) {
    (void)state;
    cJSON *tree = json_detach(parse("[7]"));
    assert_true(tree->child->valuedouble == 7);
    cJSON_Delete(tree);
    json_free(NULL);
}

static void a_file_is_read_and_named_in_errors(void **state) {
    (void)state;
    char directory[] = "/tmp/retort-json-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char *path = path_join(directory, "a.json");
    struct error err = {0};
    struct json_document *doc = NULL;
    struct json_position at;
    assert_int_equal(json_read(&doc, path, NULL, &err), ERR_NOT_FOUND);
    assert_int_equal(file_replace(path, "[1,\n x]", 7, 0644, &err), 0);
    assert_int_equal(json_read(&doc, path, &at, &err), ERR_INVALID);
    char expected[128];
    snprintf(expected, sizeof expected, "%s:2:2: expected a value", path);
    assert_memory_equal(err.message, expected, strlen(expected));
    assert_place(at, 2, 2);
    assert_int_equal(file_replace(path, "[1]", 3, 0644, &err), 0);
    assert_int_equal(json_read(&doc, path, &at, &err), 0);
    json_free(doc);
    assert_int_equal(file_remove_tree(directory, &err), 0);
    free(path);
}

static void typed_reads_fall_back_to_their_default(void **state) {
    (void)state;
    struct json_document *doc = parse("{\"t\":\"x\",\"n\":1.5,\"b\":true,\"N\":2}");
    const cJSON *root = json_root(doc);
    assert_string_equal(json_text(root, "t", "?"), "x");
    assert_string_equal(json_text(root, "n", "?"), "?");
    assert_string_equal(json_text(root, "T", "?"), "?"); /* case counts */
    assert_true(json_double(root, "n", -1) == 1.5);
    assert_true(json_double(root, "N", -1) == 2);
    assert_true(json_double(root, "b", -1) == -1);
    assert_true(json_bool(root, "b", false));
    assert_true(json_bool(root, "n", true));
    assert_false(json_bool(NULL, "n", false));
    json_free(doc);
}

/* The links and values that callers read. */
static void assert_same_tree(const cJSON *a, const cJSON *b) {
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->valueint, b->valueint);
    assert_memory_equal(&a->valuedouble, &b->valuedouble, sizeof a->valuedouble);
    assert_string_equal(a->string ? a->string : "none", b->string ? b->string : "none");
    assert_string_equal(a->valuestring ? a->valuestring : "none", b->valuestring ? b->valuestring : "none");
    const cJSON *x = a->child, *y = b->child;
    assert_int_equal(!x, !y);
    for (const cJSON *before = x ? x->prev : NULL; x && y; before = x, x = x->next, y = y->next) {
        assert_ptr_equal(x->prev, before);
        assert_same_tree(x, y);
    }
    assert_ptr_equal(x, y); /* both have ended */
}

static void the_tree_is_the_one_that_cjson_builds(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"a\": [1, -2.5e-3, [], {}, [[\"x\"]]], \"b\": {\"c\": true, \"d\": false, \"e\": null}, \"\": \"\"}",
        "[0, -0, 2147483647, 2147483648, -2147483648, -2147483649, 9007199254740992, 1e300, 1e-400]",
        "[\"\", \"plain\", \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD83D\\uDE00\", \"after\", {\"\\u00e9\\n\": "
        "\"\xC3\xA9\"}]",
        " \"one\" ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_document *doc = parse(texts[i]);
        cJSON *expected = cJSON_Parse(texts[i]);
        assert_same_tree(json_root(doc), expected);
        cJSON_Delete(expected);
        json_free(doc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_are_accepted),
        cmocka_unit_test(invalid_texts_are_refused),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(a_text_needs_no_nul_behind_it),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(escapes_are_replaced),
        cmocka_unit_test(every_node_has_its_position_and_pointer),
        cmocka_unit_test(many_values_are_read_in_order),
        cmocka_unit_test(the_tree_is_the_one_that_cjson_builds),
        cmocka_unit_test(a_tree_in_an_arena_is_the_same),
        cmocka_unit_test(another_thread_is_not_given_the_arena),
        cmocka_unit_test(a_detached_tree_outlives_its_document),
        cmocka_unit_test(a_file_is_read_and_named_in_errors),
        cmocka_unit_test(typed_reads_fall_back_to_their_default),
    };
    return cmocka_run_group_tests_name("base/json_parse", tests, NULL, NULL);
}
