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
    struct override override = {"", json_root(doc), "--params FILE", OVERRIDE_FILE};
    struct diagnostics diagnostics = {0};
    struct pipeline *p = NULL;
    write_file("p.json", declared);
    assert_int_equal(
        pipeline_read(&p, &(struct pipeline_source){.path = "p.json", .overrides = &override, .override_count = 1},
                      &diagnostics, NULL),
        0);
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
    expect_fault(declared, below, 1, "params.steps is the number 1: it has no member \"x\"");
    expect_fault(declared, open, 1, "it cannot hold a reference");
    struct override o = {0};
    struct error err = {0};
    static const char *const bad[] = {"steps=1",     "params.steps",  "params.=1",    "params=1",
                                      "params.a.=1", "params.a..b=1", "params.a[0]=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(override_parse(&o, bad[i], &err), ERR_USAGE);
}

/* Inputs of --set that were once taken as texts, and the reason why each is refused. */
static void set_reads_a_value_by_the_declared_type(void **state) {
    (void)state;
    static const char typed[] = "{\"retort\":1,\"name\":\"n\",\"params\":{\"sizes\":[7,11],\"lr\":0.1,\"n\":3,"
                                "\"debug\":false,\"tag\":\"x\",\"unset\":null,\"tags\":[\"a\"],"
                                "\"pairs\":[[1,\"a\"]],\"mixed\":[1,\"a\"],\"net\":{\"width\":8,\"name\":\"mlp\"}}}";
    static const struct {
        const char *set, *message;
    } refused[] = {
        {"params.sizes=[7,11,19", "params.sizes is a list, so its value is JSON: 1:9: expected ',' or ']'"},
        {"params.sizes=7,11", "params.sizes is a list, so its value is JSON: 1:2: expected nothing more"},
        {"params.sizes=[07]", "params.sizes is a list, so its value is JSON: 1:2: a number may not start with 0"},
        {"params.sizes=null", "params.sizes is a list and cannot be overridden by null; --set-json changes a type"},
        {"params.sizes=[7,\"11\"]", "params.sizes[1] is the text \"11\"; the list holds numbers"},
        {"params.sizes=[7,null]", "params.sizes[1] is null; the list holds numbers"},
        {"params.tags=[1]", "params.tags[0] is the number 1; the list holds texts"},
        {"params.pairs=[1]", "params.pairs[0] is the number 1; the list holds lists"},
        {"params.lr=.05", "params.lr is the number 0.1, so its value is JSON: 1:1: "},
        {"params.lr=0,1", "params.lr is the number 0.1, so its value is JSON: 1:2: "},
        {"params.lr=1e999", "params.lr is the number 0.1, so its value is JSON: 1:1: this number is beyond"},
        {"params.lr=\"0.1\"", "params.lr is the number 0.1 and cannot be overridden by the text \"0.1\""},
        {"params.lr=", "params.lr is the number 0.1, so its value is JSON: 1:1: "},
        {"params.debug=True", "params.debug is false, so its value is JSON: 1:1: "},
        {"params.debug=1", "params.debug is false and cannot be overridden by the number 1"},
        {"params.n=01", "params.n is the number 3, so its value is JSON: 1:1: a number may not start with 0"},
        {"params.unset=adam", "params.unset is null, so its value is JSON: 1:1: "},
        {"params.net.width=wide", "params.net.width is the number 8, so its value is JSON: 1:1: "},
        {"params.net={\"width\":\"8\"}", "params.net.width is the number 8 and cannot be overridden by the text"},
        {"params.tags=[\"\\u0024{params.n}\"]", "it cannot hold a reference"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        expect_fault(typed, &refused[i].set, 1, refused[i].message);
    static const char *const taken[] = {"params.sizes=[]",          "params.lr=5e-2",     "params.n=4.5",
                                        "params.debug=true",        "params.tag=1e5",     "params.unset=\"adam\"",
                                        "params.mixed=[null,true]", "params.net.name=01", "params.net={\"width\":9}"};
    struct buffer messages = {0};
    struct pipeline *p = read_with(typed, taken, sizeof taken / sizeof *taken, &messages);
    assert_string_equal(buffer_text(&messages), "");
    assert_json(p->params,
                "{\"debug\":true,\"lr\":0.05,\"mixed\":[null,true],\"n\":4.5,\"net\":{\"name\":\"01\",\"width\":9},"
                "\"pairs\":[[1,\"a\"]],\"sizes\":[],\"tag\":\"1e5\",\"tags\":[\"a\"],\"unset\":\"adam\"}");
    assert_json(p->overrides, "{\"debug\":true,\"lr\":0.05,\"mixed\":[null,true],\"n\":4.5,"
                              "\"net\":{\"name\":\"01\",\"width\":9},\"sizes\":[],\"tag\":\"1e5\",\"unset\":\"adam\"}");
    pipeline_free(p);
    buffer_close(&messages);
}

/* Reads `declared` with one --set-json; NULL after a fault, whose text is then in `messages`. */
static struct pipeline *read_set_json(const char *argument, struct buffer *messages) {
    struct override o = {0};
    struct diagnostics diagnostics = {0};
    struct pipeline *p = NULL;
    write_file("p.json", declared);
    assert_int_equal(override_parse_json(&o, argument, NULL), 0);
    pipeline_read(&p, &(struct pipeline_source){.path = "p.json", .overrides = &o, .override_count = 1}, &diagnostics,
                  NULL);
    diagnostics_print(messages, &diagnostics);
    diagnostics_close(&diagnostics);
    override_close(&o);
    return p;
}

static void set_json_changes_a_type(void **state) {
    (void)state;
    static const struct {
        const char *set, *params;
    } taken[] = {
        {"params.name=null", "{\"link\":{\"a\":1,\"b\":{\"c\":2}},\"name\":null,\"steps\":1,\"twice\":\"11\"}"},
        {"params.link=[1]", "{\"link\":[1],\"name\":\"x\",\"steps\":1,\"twice\":\"11\"}"},
        {"params.link.b.c=\"t\"",
         "{\"link\":{\"a\":1,\"b\":{\"c\":\"t\"}},\"name\":\"x\",\"steps\":1,\"twice\":\"11\"}"},
        {"params.link={\"a\":null}",
         "{\"link\":{\"a\":null,\"b\":{\"c\":2}},\"name\":\"x\",\"steps\":1,\"twice\":\"11\"}"},
    };
    struct buffer messages = {0};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        struct pipeline *p = read_set_json(taken[i].set, &messages);
        assert_string_equal(buffer_text(&messages), "");
        assert_json(p->params, taken[i].params);
        pipeline_free(p);
    }
    assert_null(read_set_json("params.steps.x=1", &messages));
    assert_non_null(strstr(buffer_text(&messages), "params.steps is the number 1: it has no member \"x\""));
    buffer_clear(&messages);
    assert_null(read_set_json("params.link={\"c\":1}", &messages));
    assert_non_null(strstr(buffer_text(&messages), "params.link has no \"c\" to override"));
    buffer_close(&messages);
    struct override o = {0};
    struct error err = {0};
    assert_int_equal(override_parse_json(&o, "params.steps=[1", &err), ERR_USAGE);
    assert_string_equal(err.message,
                        "--set-json params.steps=[1: the value is no JSON: 1:3: expected ',' or ']', found the "
                        "end of the text");
}

static void a_params_file_keeps_the_declared_types(void **state) {
    (void)state;
    struct json_document *doc = NULL;
    const char *text = "{\"steps\":\"3\",\"link\":{\"a\":[1],\"b\":null},\"name\":5}";
    assert_int_equal(json_parse(&doc, text, strlen(text), NULL, NULL), 0);
    struct override override = {"", json_root(doc), "--params FILE", OVERRIDE_FILE};
    struct diagnostics diagnostics = {0};
    struct pipeline *p = NULL;
    write_file("p.json", declared);
    assert_int_equal(
        pipeline_read(&p, &(struct pipeline_source){.path = "p.json", .overrides = &override, .override_count = 1},
                      &diagnostics, NULL),
        ERR_INVALID);
    struct buffer messages = {0};
    diagnostics_print(&messages, &diagnostics);
    assert_string_equal(
        buffer_text(&messages),
        "--params FILE: error: params.link.a is the number 1 and cannot be overridden by a list; --set-json changes a "
        "type\n"
        "--params FILE: error: params.link.b is an object and cannot be overridden by null; --set-json changes a type\n"
        "--params FILE: error: params.name is the text \"x\" and cannot be overridden by the number 5; --set-json "
        "changes "
        "a type\n"
        "--params FILE: error: params.steps is the number 1 and cannot be overridden by the text \"3\"; --set-json "
        "changes a type\n");
    buffer_close(&messages);
    diagnostics_close(&diagnostics);
    json_free(doc);
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
        cmocka_unit_test(set_reads_a_value_by_the_declared_type),
        cmocka_unit_test(set_json_changes_a_type),
        cmocka_unit_test(a_params_file_keeps_the_declared_types),
        cmocka_unit_test(params_that_multiply_are_refused),
        cmocka_unit_test(includes_are_parts_of_their_own),
        cmocka_unit_test(include_depth_is_limited),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
