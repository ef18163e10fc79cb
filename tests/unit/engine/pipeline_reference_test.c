/* The grammar of references, production by production. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"
#include "engine/pipeline/reference.h"

static struct arena *arena;

static int setup(void **state) {
    (void)state;
    arena = arena_create();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct syntax_template *parse(const char *text) {
    static const char *const includes[] = {"link"};
    struct syntax_template *t = arena_alloc(arena, sizeof *t);
    struct syntax_fault fault = {0};
    if (template_parse(t, arena, text, includes, 1, &fault) < 0)
        fail_msg("%s: %zu: %s", text, fault.offset, fault.message);
    return t;
}

static const struct syntax_reference *one(const char *text) {
    const struct syntax_template *t = parse(text);
    assert_int_equal(t->count, 1);
    assert_non_null(t->parts[0].reference);
    assert_string_equal(t->parts[0].reference->text, text);
    return t->parts[0].reference;
}

static void plain_text_and_escapes(void **state) {
    (void)state;
    const struct syntax_template *t = parse("");
    assert_int_equal(t->count, 1);
    assert_string_equal(t->parts[0].text, "");
    t = parse("a $b $${c} $ $$");
    assert_int_equal(t->count, 1);
    assert_string_equal(t->parts[0].text, "a $b ${c} $ $$");
    /* "$" and then the escape: one dollar stays before the literal "${". */
    t = parse("$$${matrix.a}");
    assert_int_equal(t->count, 1);
    assert_string_equal(t->parts[0].text, "$${matrix.a}");
}

static void texts_and_references_in_turn(void **state) {
    (void)state;
    const struct syntax_template *t = parse("a${matrix.b}${in.c}d");
    assert_int_equal(t->count, 4);
    assert_string_equal(t->parts[0].text, "a");
    assert_int_equal(t->parts[1].reference->root, REFERENCE_MATRIX);
    assert_int_equal(t->parts[1].reference->begin, 1);
    assert_int_equal(t->parts[1].reference->end, 12);
    assert_int_equal(t->parts[2].reference->root, REFERENCE_IN);
    assert_string_equal(t->parts[3].text, "d");
}

static void roots_and_steps(void **state) {
    (void)state;
    const struct syntax_reference *r = one("${params.link.list[12].x-y_2}");
    assert_int_equal(r->root, REFERENCE_PARAMS);
    assert_null(r->include);
    assert_int_equal(r->step_count, 4);
    assert_string_equal(r->steps[1].name, "list");
    assert_null(r->steps[2].name);
    assert_int_equal(r->steps[2].index, 12);
    assert_string_equal(r->steps[3].name, "x-y_2");
    r = one("${link.params.uplink}");
    assert_string_equal(r->include, "link");
    assert_int_equal(r->root, REFERENCE_PARAMS);
    assert_int_equal(one("${checkpoint}")->root, REFERENCE_CHECKPOINT);
    assert_int_equal(one("${outs.table}")->root, REFERENCE_OUTS);
    r = one("${link.stages.scratch.outs.model}");
    assert_int_equal(r->root, REFERENCE_STAGE);
    assert_string_equal(r->include, "link");
    assert_string_equal(r->stage, "scratch");
    assert_int_equal(r->step_count, 2);
}

static void a_name_in_quotes_is_any_text(void **state) {
    (void)state;
    const struct syntax_reference *r = one("${stages.a.outs[\"sub/m.pkl\"]}");
    assert_int_equal(r->step_count, 2);
    assert_string_equal(r->steps[1].name, "sub/m.pkl");
    assert_string_equal(one("${params[\"a}]\\\"${b\"].c}")->steps[0].name, "a}]\"${b");
    assert_string_equal(one("${params[\"a}]\\\"${b\"].c}")->steps[1].name, "c");
}

static void pins(void **state) {
    (void)state;
    const struct syntax_reference *r = one("${stages.a[*].outs.x}");
    assert_true(r->collect);
    assert_int_equal(r->pin_count, 0);
    r = one("${stages.a[i=7,f=5e5,t=true,n=null,s=two words,q=\"a],b\",o={\"k\":[1,\"}\"]},c=*,z=007].outs.x}");
    assert_int_equal(r->pin_count, 9);
    assert_true(cJSON_IsNumber(r->pins[0].json) && r->pins[0].json->valuedouble == 7);
    assert_true(r->pins[1].json->valuedouble == 500000);
    assert_true(cJSON_IsTrue(r->pins[2].json));
    assert_true(cJSON_IsNull(r->pins[3].json));
    assert_string_equal(r->pins[4].json->valuestring, "two words");
    assert_string_equal(r->pins[5].json->valuestring, "a],b");
    assert_true(cJSON_IsObject(r->pins[6].json));
    assert_true(r->pins[7].collect && !r->pins[7].json);
    assert_string_equal(r->pins[8].json->valuestring, "007"); /* no JSON number: bare text */
}

static void nested_references(void **state) {
    (void)state;
    const struct syntax_reference *r = one("${stages.a[x=${stages.b[y=${matrix.z}].matrix.w},v=1].outs.m}");
    const struct syntax_reference *inner = r->pins[0].reference;
    assert_string_equal(inner->text, "${stages.b[y=${matrix.z}].matrix.w}");
    assert_int_equal(inner->begin, 13);
    assert_string_equal(inner->pins[0].reference->text, "${matrix.z}");
    assert_true(r->pins[1].json->valuedouble == 1);
}

static void faults_and_their_places(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
        const char *part;
    } bad[] = {
        {"ab${", 4, "the end of the text"},
        {"${params", 8, "the end of the text"},
        {"${param.x}", 2, "did you mean \"params\"?"},
        {"${lnik.x}", 2, "did you mean \"link\"?"},
        {"${link.stage.x}", 7, "allowed: params, stages"},
        {"${params.x[-1]}", 11, "an index"},
        {"${params.x[1234567890]}", 11, "at most 9 digits"},
        {"${params.x[1}", 12, "\"]\""},
        {"${params.x[\"a", 11, "does not end"},
        {"${params.x[\"a\"}", 14, "\"]\" after the name"},
        {"${params.x[\"\\q\"]}", 11, "no JSON text"},
        {"${stages}", 8, "a stage after"},
        {"${stages.a[]}", 11, "an axis"},
        {"${stages.a[x]}", 12, "\"=\""},
        {"${stages.a[x=}", 13, "a value"},
        {"${stages.a[x=1,x=2]}", 15, "twice"},
        {"${stages.a[x={", 13, "does not end"},
        {"${stages.a[x={]}", 13, "no JSON"},
        {"${stages.a[x={\"a\":01}]}", 13, "no JSON"},
        {"${stages.a[x=b c ]}", 13, "remove the spaces"},
        {"${stages.a[x=\xC3\xA9=1]}", 15, "\",\" or \"]\""},
        {"${stages.a[x=${m]}", 15, "cannot begin"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static const char *const includes[] = {"link"};
        struct syntax_template t;
        struct syntax_fault fault = {0};
        if (template_parse(&t, arena, bad[i].text, includes, 1, &fault) != ERR_INVALID)
            fail_msg("%s was accepted", bad[i].text);
        if (fault.offset != bad[i].offset || !strstr(fault.message, bad[i].part))
            fail_msg("%s: %zu: %s", bad[i].text, fault.offset, fault.message);
    }
}

static void nesting_is_limited(void **state) {
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 200; i++)
        buffer_puts(&text, "${stages.a[x=");
    struct syntax_template t;
    struct syntax_fault fault = {0};
    assert_int_equal(template_parse(&t, arena, buffer_text(&text), NULL, 0, &fault), ERR_INVALID);
    buffer_close(&text);
    assert_non_null(strstr(fault.message, "nested"));
}

static void names(void **state) {
    (void)state;
    assert_true(name_is_valid("a"));
    assert_true(name_is_valid("figure-6_b"));
    assert_false(name_is_valid(""));
    assert_false(name_is_valid("6a"));
    assert_false(name_is_valid("_a"));
    assert_false(name_is_valid("a b"));
    assert_false(name_is_valid("\xC3\xA9"));
    assert_true(name_is_reserved("stages"));
    assert_false(name_is_reserved("stage"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain_text_and_escapes),
                                       cmocka_unit_test(texts_and_references_in_turn),
                                       cmocka_unit_test(roots_and_steps),
                                       cmocka_unit_test(pins),
                                       cmocka_unit_test(nested_references),
                                       cmocka_unit_test(faults_and_their_places),
                                       cmocka_unit_test(nesting_is_limited),
                                       cmocka_unit_test(names),
                                       cmocka_unit_test(a_name_in_quotes_is_any_text)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
