/* The printed pages of the kinds hold everything in their descriptions, in well-formed formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/report/kind_reference.h"

static const cJSON *at(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static cJSON *parsed(struct buffer *text) {
    struct json_document *doc;
    struct error err = {0};
    if (json_parse(&doc, text->data, text->size, NULL, &err)) /* strict, unlike cJSON: no name stands twice */
        fail_msg("%s", err.message);
    buffer_close(text);
    return json_detach(doc);
}

/* ---- JSON ---- */

static void expect_params(const char *kind, const cJSON *list, const struct param *params, size_t count);

static void expect_param(const char *kind, const cJSON *o, const struct param *p) {
    assert_string_equal(json_text(o, "name", ""), p->name);
    assert_string_equal(json_text(o, "unit", ""), p->unit ? p->unit : "");
    assert_string_equal(json_text(o, "doc", ""), p->doc ? p->doc : "");
    assert_true(json_double(o, "min", 0) == p->min && json_double(o, "max", 0) == p->max);
    assert_true(json_double(o, "min_items", 0) == (double)p->min_items);
    assert_true(json_double(o, "max_items", 0) == (double)p->max_items);
    assert_int_equal(json_bool(o, "ascending", false), p->ascending);
    cJSON *fallback = p->fallback ? cJSON_Parse(p->fallback) : NULL;
    if (!fallback != !at(o, "default") || (fallback && !json_equal(fallback, at(o, "default"))))
        fail_msg("%s: the default of %s", kind, p->name);
    cJSON_Delete(fallback);
    size_t choices = 0;
    while (p->choices && p->choices[choices])
        choices++;
    assert_int_equal(cJSON_GetArraySize(at(o, "choices")), choices);
    expect_params(kind, at(o, "members"), p->members, p->member_count);
}

static void expect_params(const char *kind, const cJSON *list, const struct param *params, size_t count) {
    assert_int_equal(cJSON_GetArraySize(list), count);
    for (size_t i = 0; i < count; i++)
        expect_param(kind, cJSON_GetArrayItem(list, (int)i), &params[i]);
}

static void expect_kind(const cJSON *o, const struct kind *k) {
    assert_string_equal(json_text(o, "name", ""), k->name);
    assert_int_equal(json_double(o, "version", 0), k->version);
    assert_int_equal(json_bool(o, "measures_machine", false), k->measures_machine);
    assert_int_equal(json_bool(o, "checkpoints", false), k->checkpoints);
    assert_true(json_double(o, "tolerance", -1) == k->tolerance);
    expect_params(k->name, at(o, "params"), k->params, k->param_count);
    for (size_t i = 0; i < k->input_count; i++)
        assert_string_equal(json_text(cJSON_GetArrayItem(at(o, "inputs"), (int)i), "name", ""), k->inputs[i].name);
    for (size_t i = 0; i < k->out_count; i++)
        assert_string_equal(json_text(cJSON_GetArrayItem(at(o, "outs"), (int)i), "path", ""), k->outs[i].path);
    for (size_t i = 0; i < k->metric_count; i++)
        assert_string_equal(json_text(cJSON_GetArrayItem(at(o, "metrics"), (int)i), "name", ""), k->metrics[i].name);
}

static void test_json_holds_the_descriptions(void **state) {
    (void)state;
    struct buffer text = {0};
    size_t count;
    const struct kind *const *all = kinds_all(&count);
    kind_list(&text, true);
    cJSON *list = parsed(&text);
    assert_int_equal(cJSON_GetArraySize(list), count);
    for (size_t i = 0; i < count; i++) {
        expect_kind(cJSON_GetArrayItem(list, (int)i), all[i]);
        struct buffer one = {0};
        kind_json(&one, all[i]);
        cJSON *alone = parsed(&one);
        assert_true(json_equal(alone, cJSON_GetArrayItem(list, (int)i)));
        cJSON_Delete(alone);
    }
    cJSON_Delete(list);
}

/* ---- texts ---- */

static const struct kind *invented(void) {
    static const char *const choices[] = {"a", "b", NULL}, *const numbers[] = {"4", "16", NULL};
    static const struct param number = {.name = "n", .type = PARAM_NUMBER, .unit = "s", .min = 0, .max = 1e-5};
    static const struct param pair = {
        .name = "pair", .type = PARAM_LIST, .members = &number, .member_count = 1, .min_items = 2, .max_items = 2};
    static const struct param inner[] = {{.name = "width", .type = PARAM_INTEGER, .min = 1, .max = 9, .doc = "Wide."}};
    static const struct param object = {.name = "o", .type = PARAM_OBJECT, .members = inner, .member_count = 1};
    static const struct param word = {.name = "w", .type = PARAM_CHOICE, .choices = choices};
    static const struct param params[] = {
        {.name = "count", .type = PARAM_INTEGER, .unit = "steps", .min = 1, .max = 1000, .fallback = "3", .doc = "D1."},
        {.name = "qam", .type = PARAM_INTEGER, .choices = numbers, .fallback = "4", .doc = "D2."},
        {.name = "which", .type = PARAM_CHOICE, .choices = choices, .doc = "D3."},
        {.name = "range",
         .type = PARAM_LIST,
         .members = &number,
         .member_count = 1,
         .min_items = 2,
         .max_items = 2,
         .ascending = true,
         .fallback = "[0,1e-5]",
         .doc = "D4."},
        {.name = "points",
         .type = PARAM_LIST,
         .members = &pair,
         .member_count = 1,
         .max_items = 7,
         .fallback = "[]",
         .doc = "D5."},
        {.name = "blocks", .type = PARAM_LIST, .members = &object, .member_count = 1, .fallback = "[]", .doc = "D6."},
        {.name = "words",
         .type = PARAM_LIST,
         .members = &word,
         .member_count = 1,
         .min_items = 1,
         .max_items = 2,
         .fallback = "[\"a\"]",
         .doc = "D7."},
        {.name = "map", .type = PARAM_MAP, .members = &number, .member_count = 1, .fallback = "{}", .doc = "D8."},
    };
    static const struct kind_out outs[] = {{"table", "t.csv", "file", "T."}};
    static const struct kind kind = {.name = "test/kind",
                                     .version = 3,
                                     .summary = "s",
                                     .doc = "Does.",
                                     .params = params,
                                     .param_count = 8,
                                     .outs = outs,
                                     .out_count = 1,
                                     .checkpoints = true};
    return &kind;
}

static void test_text_says_type_range_unit_and_default(void **state) {
    static const char *const lines[] = {
        "test/kind@3  s\n\nDoes. It keeps checkpoints",
        "  count                  integer 1 to 1000, steps; default 3\n                           D1.\n",
        "  qam                    one of 4, 16; default 4\n",
        "  which                  one of \"a\", \"b\"; must be given\n",
        "  range                  list of 2 numbers, 0 to 0.00001, ascending, s; default [0,1e-5]\n",
        "  points                 list of up to 7 lists of 2 numbers, 0 to 0.00001, s; default []\n",
        "  blocks                 list of objects; default []\n",
        "    width                integer 1 to 9; must be given\n",
        "  words                  list of 1 to 2 texts, each one of \"a\", \"b\"; default [\"a\"]\n",
        "  map                    object of numbers, 0 to 0.00001, s; default {}\n",
        "\nouts\n  table                  t.csv (file): T.\n",
    };
    struct buffer text = {0};
    (void)state;
    kind_text(&text, invented());
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(buffer_text(&text), lines[i]))
            fail_msg("no \"%s\" in\n%s", lines[i], buffer_text(&text));
    buffer_close(&text);
}

static size_t bars(const char *line, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += line[i] == '|';
    return count;
}

/* Rows of a Markdown table have as many cells as its head: a "|" in a description would add one. */
static void expect_tables(const char *page) {
    size_t cells = 0;
    for (const char *line = page; *line;) {
        size_t length = strcspn(line, "\n"), now = line[0] == '|' ? bars(line, length) : 0;
        if (cells && now && now != cells)
            fail_msg("a row with another number of cells: %.*s", (int)length, line);
        cells = now;
        line += length + (line[length] == '\n');
    }
}

static void test_page_has_every_parameter(void **state) {
    struct buffer page = {0};
    size_t count;
    const struct kind *const *all = kinds_all(&count);
    (void)state;
    kind_reference_page(&page);
    expect_tables(buffer_text(&page));
    assert_null(strstr(buffer_text(&page), "(null)"));
    const char *section = buffer_text(&page);
    for (size_t i = 0; i < count; i++) {
        char *head = mem_printf("\n## %s@%d\n", all[i]->name, all[i]->version);
        section = strstr(section, head);
        assert_non_null(section);
        for (size_t k = 0; k < all[i]->param_count; k++) {
            char *row = mem_printf("\n| `%s` | ", all[i]->params[k].name);
            const char *next = strstr(section + 1, "\n## "), *found = strstr(section, row);
            if (!found || (next && found > next))
                fail_msg("%s: no row of %s", all[i]->name, all[i]->params[k].name);
            free(row);
        }
        free(head);
    }
    assert_non_null(strstr(buffer_text(&page), "| `blocks[].dilation` | "));
    assert_non_null(strstr(buffer_text(&page), "](#deeprxtrain1)"));
    buffer_close(&page);
}

/* ---- JSON Schema ---- */

static void expect_references(const cJSON *schema, const cJSON *node) {
    const char *ref = cJSON_IsObject(node) ? json_text(node, "$ref", NULL) : NULL;
    if (ref && (strncmp(ref, "#/$defs/", 8) != 0 || !at(at(schema, "$defs"), ref + 8)))
        fail_msg("\"$ref\" leads nowhere: %s", ref);
    const cJSON *child;
    cJSON_ArrayForEach(child, node) {
        expect_references(schema, child);
    }
}

static void test_schema_has_every_kind(void **state) {
    struct buffer text = {0};
    size_t count;
    const struct kind *const *all = kinds_all(&count);
    (void)state;
    kind_schema(&text);
    cJSON *schema = parsed(&text);
    expect_references(schema, schema);
    const cJSON *stage = at(at(schema, "$defs"), "kind_stage"), *rules = at(stage, "allOf");
    assert_int_equal(cJSON_GetArraySize(at(at(at(stage, "properties"), "uses"), "enum")), count);
    assert_int_equal(cJSON_GetArraySize(rules), count);
    for (size_t i = 0; i < count; i++) {
        const cJSON *then = at(at(cJSON_GetArrayItem(rules, (int)i), "then"), "properties");
        const cJSON *with = at(cJSON_GetArrayItem(at(at(then, "with"), "anyOf"), 0), "properties");
        assert_int_equal(cJSON_GetArraySize(with), all[i]->param_count + 1); /* and "$extends" */
        for (size_t k = 0; k < all[i]->param_count; k++)
            assert_non_null(at(with, all[i]->params[k].name));
        assert_int_equal(cJSON_GetArraySize(at(at(then, "in"), "properties")), all[i]->input_count);
    }
    cJSON_Delete(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_holds_the_descriptions),
        cmocka_unit_test(test_text_says_type_range_unit_and_default),
        cmocka_unit_test(test_page_has_every_parameter),
        cmocka_unit_test(test_schema_has_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
