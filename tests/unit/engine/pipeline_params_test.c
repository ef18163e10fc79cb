/* Params, overrides and includes: what reading makes of them. */
#include "tests/unit/engine/pipeline_fixture.h"

/* ---- params ---- */

static void params_fold(void **state) {
    (void)state;
    struct pipeline *p = read_good(
        "{\"retort\":1,\"name\":\"n\",\"params\":{"
        "\"text\":\"n=${params.n}, ${params.list[1]}, ${params.yes}, $${x}\","
        "\"whole\":\"${params.base}\",\"n\":0.5,\"list\":[1,5e5],\"yes\":true,"
        "\"base\":{\"a\":1,\"b\":{\"c\":2,\"d\":3}},"
        "\"merged\":{\"$extends\":\"${params.base}\",\"a\":null,\"b\":{\"c\":\"${params.n}\"},\"e\":[\"${params.n}\"]},"
        "\"deep\":\"${params.merged.b.d}\"}}");
    assert_json(p->params,
                "{\"base\":{\"a\":1,\"b\":{\"c\":2,\"d\":3}},\"deep\":3,\"list\":[1,500000],"
                "\"merged\":{\"b\":{\"c\":0.5,\"d\":3},\"e\":[0.5]},\"n\":0.5,"
                "\"text\":\"n=0.5, 500000, true, ${x}\",\"whole\":{\"a\":1,\"b\":{\"c\":2,\"d\":3}},\"yes\":true}");
    assert_json(p->overrides, "{}");
    assert_string_equal(p->directory, folder);
    pipeline_free(p);
}

static const char declared[] =
    "{\"retort\":1,\"name\":\"n\",\"params\":{\"steps\":1,\"twice\":\"${params.steps}${params.steps}\","
    "\"link\":{\"a\":1,\"b\":{\"c\":2}},\"name\":\"x\"}}";

static void overrides_reach_what_refers_to_them(void **state) {
    (void)state;
    static const char *const sets[] = {"params.steps=500", "params.link.b.c=7", "params.name=not json",
                                       "params.link={\"a\":9}", "params.steps=600"};
    struct buffer messages = {0};
    struct pipeline *p = read_with(declared, sets, 5, &messages);
    assert_non_null(p);
    assert_json(p->params,
                "{\"link\":{\"a\":9,\"b\":{\"c\":7}},\"name\":\"not json\",\"steps\":600,\"twice\":\"600600\"}");
    assert_json(p->overrides, "{\"link\":{\"a\":9,\"b\":{\"c\":7}},\"name\":\"not json\",\"steps\":600}");
    pipeline_free(p);
    buffer_close(&messages);
}

static void whole_params_file_overrides(void **state) {
    (void)state;
    struct json_document *doc = NULL;
    const char *text = "{\"steps\":3,\"link\":{\"b\":{\"c\":4}}}";
    assert_int_equal(json_parse(&doc, text, strlen(text), NULL, NULL), 0);
    struct override override = {"", json_root(doc), "--params FILE"};
    struct diagnostics diagnostics = {0};
    struct pipeline *p = NULL;
    write_file("p.json", declared);
    assert_int_equal(pipeline_read(&p, "p.json", &override, 1, &diagnostics, NULL), 0);
    assert_json(p->params, "{\"link\":{\"a\":1,\"b\":{\"c\":4}},\"name\":\"x\",\"steps\":3,\"twice\":\"33\"}");
    assert_json(p->overrides, "{\"link\":{\"b\":{\"c\":4}},\"steps\":3}");
    pipeline_free(p);
    diagnostics_close(&diagnostics);
    json_free(doc);
}

static void faulty_overrides(void **state) {
    (void)state;
    static const char *const unknown[] = {"params.stps=1"};
    static const char *const deep[] = {"params.link.b.d=1"};
    static const char *const below[] = {"params.steps.x=1"};
    static const char *const open[] = {"params.steps=${params.name}"};
    expect_fault(declared, unknown, 1,
                 "--set params.stps=1: error: the pipeline declares no param \"stps\"; did you mean \"steps\"?");
    expect_fault(declared, deep, 1,
                 "--set params.link.b.d=1: error: params.link.b has no \"d\" to override; there is: c\n");
    expect_fault(declared, below, 1, "params.steps is the number 1 and cannot be overridden by an object");
    expect_fault(declared, open, 1, "it cannot hold a reference");
    struct override o = {0};
    struct error err = {0};
    static const char *const bad[] = {"steps=1",     "params.steps",  "params.=1",    "params=1",
                                      "params.a.=1", "params.a..b=1", "params.a[0]=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(override_parse(&o, bad[i], &err), ERR_USAGE);
}

static void params_that_multiply_are_refused(void **state) {
    (void)state;
    struct buffer text = {0};
    buffer_puts(&text, "{\"retort\":1,\"name\":\"n\",\"params\":{\"p0\":[1,2]");
    for (int i = 1; i < 60; i++)
        buffer_printf(&text, ",\"p%d\":[\"${params.p%d}\",\"${params.p%d}\"]", i, i - 1, i - 1);
    buffer_puts(&text, "}}");
    expect_fault(buffer_text(&text), NULL, 0, "come to more than");
    buffer_clear(&text);
    buffer_puts(&text, "{\"retort\":1,\"name\":\"n\",\"params\":{\"p0\":\"0123456789\"");
    for (int i = 1; i < 60; i++)
        buffer_printf(&text, ",\"p%d\":\"${params.p%d}${params.p%d}\"", i, i - 1, i - 1);
    buffer_puts(&text, "}}");
    expect_fault(buffer_text(&text), NULL, 0, "come to more than");
    buffer_clear(&text);
    buffer_puts(&text, "{\"retort\":1,\"name\":\"n\",\"params\":{\"p0\":1");
    for (int i = 1; i < 1000; i++)
        buffer_printf(&text, ",\"p%d\":[\"${params.p%d}\"]", i, i - 1);
    buffer_puts(&text, "}}");
    expect_fault(buffer_text(&text), NULL, 0, "nested deeper than 100");
    buffer_close(&text);
}

/* ---- includes ---- */

static void includes_are_parts_of_their_own(void **state) {
    (void)state;
    assert_int_equal(file_make_directory("parts", NULL), 0);
    write_file("parts/inner.json", "{\"retort\":1,\"params\":{\"depth\":3}}");
    write_file(
        "parts/study.json",
        "{\"retort\":1,\"include\":{\"in-ner\":{\"path\":\"inner.json\",\"params\":{\"depth\":\"${params.n}\"}}},"
        "\"params\":{\"n\":1,\"link\":{\"a\":1,\"b\":2},\"up\":{\"$extends\":\"${params.link}\",\"d\":\"${in-ner."
        "params.depth}\"}},"
        "\"defaults\":{\"retries\":5},"
        "\"stages\":{\"scratch\":{\"cmd\":[\"s\",\"${params.n}\",\"${in.f}\"],\"in\":{\"f\":\"../"
        "data.csv\"},\"outs\":{\"m\":\"m\"}}},"
        "\"results\":{\"m\":\"${stages.scratch.outs.m}\"}}");
    struct pipeline *p =
        read_good("{\"retort\":1,\"name\":\"n\",\"include\":{"
                  "\"one\":{\"path\":\"parts/study.json\",\"params\":{\"n\":\"${params.base}\",\"link\":{\"b\":7}}},"
                  "\"two\":{\"path\":\"parts/study.json\"}},\"params\":{\"base\":40,\"seen\":\"${one.params.up}\"},"
                  "\"stages\":{\"use\":{\"cmd\":[\"u\",\"${in.a}\",\"${in.b}\"],\"in\":{\"a\":\"${one.stages.scratch."
                  "outs.m}\",\"b\":\"${two.stages.scratch.outs.m}\"}}}}");
    assert_json(p->params, "{\"base\":40,\"seen\":{\"a\":1,\"b\":7,\"d\":40}}");
    assert_int_equal(p->stage_count, 3);
    const struct stage_decl *one = stage(p, "one/scratch");
    const struct stage_decl *two = stage(p, "two/scratch");
    assert_json(one->cmd->as.list.items[1]->as.literal, "40");
    assert_json(two->cmd->as.list.items[1]->as.literal, "1");
    assert_int_equal(one->retries, 5);
    assert_int_equal(stage(p, "use")->retries, 0);
    assert_string_equal(one->name, "scratch");
    char *parts = mem_printf("%s/parts", folder);
    assert_string_equal(one->scope->directory, parts);
    assert_string_equal(one->scope->prefix, "one/");
    free(parts);
    assert_ptr_equal(stage(p, "use")->in[1].value->as.reference->stage, two);
    assert_int_equal(p->include_count, 2);
    assert_string_equal(p->includes[1].name, "two");
    assert_int_equal(p->result_count, 0);
    assert_int_equal(p->file_count, 3);
    assert_string_equal(p->files[0], "p.json");
    assert_string_equal(p->files[1], "parts/study.json");
    assert_string_equal(p->files[2], "parts/inner.json");
    pipeline_free(p);
}

static void include_depth_is_limited(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        char *name = mem_printf("d%d.json", i);
        char *text = mem_printf("{\"retort\":1,\"include\":{\"x\":{\"path\":\"d%d.json\"}}}", i + 1);
        write_file(name, text);
        free(name);
        free(text);
    }
    expect_fault("{\"retort\":1,\"name\":\"n\",\"include\":{\"x\":{\"path\":\"d0.json\"}}}", NULL, 0,
                 "d15.json:1:36: error: includes are nested deeper than 16");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_fold),
        cmocka_unit_test(overrides_reach_what_refers_to_them),
        cmocka_unit_test(whole_params_file_overrides),
        cmocka_unit_test(faulty_overrides),
        cmocka_unit_test(params_that_multiply_are_refused),
        cmocka_unit_test(includes_are_parts_of_their_own),
        cmocka_unit_test(include_depth_is_limited),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
