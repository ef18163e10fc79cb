/* Sound pipelines: what reading makes of their stages; files that cannot be read, limits. */
#include "tests/unit/engine/pipeline_fixture.h"

/* ---- stages ---- */

static const char study[] =
    "{\"retort\":1,\"name\":\"n\",\"params\":{\"sizes\":[7,11],\"extra\":{\"words\":[\"-v\",\"-q\"]}},"
    "\"defaults\":{\"resources\":{\"cpus\":2,\"memory\":\"1GiB\",\"custom\":{\"licence\":1}},\"retries\":2,"
    "\"timeout\":\"2h\"},"
    "\"stages\":{\"table\":{\"cmd\":[\"join\",\"${params.extra.words}\",\"${in.models}\"],"
    "\"in\":{\"models\":[\"base.bin\",{\"from\":\"${stages.train[*].outs.model}\","
    "\"label\":{\"name\":\"swept\"}}]},\"outs\":{\"t\":\"t.csv\"},\"env\":{\"N\":1},\"pass_env\":[\"TOKEN\"],"
    "\"pin\":[\"join\"],\"after\":[\"last\"]},"
    "\"train\":{\"matrix\":{\"size\":\"${params.sizes}\",\"seed\":[1,2],\"exclude\":[{\"size\":7,\"seed\":2}]},"
    "\"cmd\":[\"train\",\"--size=${matrix.size}\",\"${matrix.seed}\",\"--resume=${checkpoint}\"],"
    "\"checkpoint\":true,\"outs\":{\"model\":\"m.bin\",\"dir\":{\"path\":\"d\",\"type\":\"directory\"},"
    "\"score\":{\"path\":\"s.json\",\"type\":\"metrics\"}},\"resources\":{\"cpus\":4,\"gpus\":1,"
    "\"custom\":{\"token\":2.5}},\"retries\":0,\"timeout\":\"90s\",\"energy_budget\":\"2kJ\","
    "\"deterministic\":false,\"tolerance\":0.02,\"cache\":false},"
    "\"best\":{\"select\":{\"from\":\"train\",\"group_by\":[\"size\"],\"maximize\":\"metrics.gain\","
    "\"where\":[{\"metric\":\"metrics.loss\",\"at_most\":-1.5}]}},"
    "\"again\":{\"matrix\":{\"like\":\"best\",\"rate\":[0.1]},\"cmd\":[\"x\",\"${in.m}\",\"${matrix.rate}\","
    "\"${stages.best.matrix.size}\"],\"in\":{\"m\":\"${stages.best.outs.model}\"}},"
    "\"last\":{\"cmd\":[\"y\",\"${in.m}\"],\"in\":{\"m\":\"${stages.best[seed=1].outs.dir}\"}}},"
    "\"results\":{\"t.csv\":\"${stages.table.outs.t}\",\"models/\":\"${stages.train[*].outs.model}\"},"
    "\"energy_budget\":\"1Wh\"}";

static void stages_are_complete(void **state) {
    (void)state;
    struct pipeline *p = read_good(study);
    const struct stage_decl *train = stage(p, "train");
    assert_int_equal(train->type, STAGE_COMMAND);
    assert_true(train->checkpoint && !train->cache && !train->deterministic);
    assert_true(train->tolerance == 0.02 && train->energy_budget_j == 2000);
    assert_int_equal(train->retries, 0);
    assert_int_equal(train->timeout_ms, 90000);
    assert_true(train->resources.cpus == 4 && train->resources.gpus == 1);
    assert_int_equal(train->resources.memory_bytes, 1 << 30);
    assert_int_equal(train->resources.custom_count, 2);
    assert_string_equal(train->resources.custom[0].name, "licence");
    assert_string_equal(train->resources.custom[1].name, "token");
    assert_true(train->resources.custom[1].amount == 2.5);
    assert_int_equal(train->out_count, 3);
    assert_string_equal(train->outs[0].name, "dir"); /* by name, however they are written */
    assert_int_equal(train->outs[0].type, OUT_DIRECTORY);
    assert_int_equal(train->outs[2].type, OUT_METRICS);
    assert_int_equal(train->cmd->as.list.count, 4);
    assert_int_equal(train->cmd->as.list.items[1]->type, VALUE_TEXT);
    assert_int_equal(train->cmd->as.list.items[2]->type, VALUE_REFERENCE);
    const struct stage_decl *table = stage(p, "table");
    assert_int_equal(table->resources.cpus, 2);
    assert_int_equal(table->retries, 2);
    assert_int_equal(table->timeout_ms, 7200000);
    assert_true(table->cache && table->deterministic);
    assert_json(table->cmd->as.list.items[1]->as.literal, "[\"-v\",\"-q\"]");
    assert_string_equal(table->env[0].name, "N");
    assert_string_equal(table->pass_env[0], "TOKEN");
    assert_string_equal(table->pin[0], "join");
    assert_ptr_equal(table->after[0], stage(p, "last"));
    assert_true(p->energy_budget_j == 3600);
    assert_int_equal(p->result_count, 2);
    assert_string_equal(p->results[1].name, "models/");
    pipeline_free(p);
}

static void inputs_keep_files_references_and_labels(void **state) {
    (void)state;
    struct pipeline *p = read_good(study);
    const struct input_decl *models = stage(p, "table")->in;
    assert_int_equal(models->type, INPUT_LIST);
    assert_int_equal(models->item_count, 2);
    assert_int_equal(models->items[0].type, INPUT_FILE);
    assert_string_equal(models->items[0].value->as.literal->valuestring, "base.bin");
    assert_int_equal(models->items[1].type, INPUT_REFERENCE);
    const struct reference *r = models->items[1].value->as.reference;
    assert_ptr_equal(r->stage, stage(p, "train"));
    assert_true(r->collect);
    assert_string_equal(r->steps[1].name, "model");
    assert_string_equal(models->items[1].label->as.object.names[0], "name");
    pipeline_free(p);
}

static void axes_are_seen_through_selects_and_like(void **state) {
    (void)state;
    struct pipeline *p = read_good(study);
    const struct stage_decl *train = stage(p, "train");
    assert_int_equal(train->axis_count, 2);
    assert_string_equal(train->axes[0], "size");
    assert_string_equal(train->axes[1], "seed");
    assert_int_equal(stage(p, "best")->axis_count, 1);
    assert_string_equal(stage(p, "best")->axes[0], "seed");
    assert_ptr_equal(stage(p, "best")->source, train);
    const struct matrix *again = &stage(p, "again")->matrix;
    assert_int_equal(again->axis_count, 2);
    assert_int_equal(again->like_count, 1);
    assert_ptr_equal(again->like, stage(p, "best"));
    assert_string_equal(again->axes[0].name, "seed");
    assert_null(again->axes[0].values);
    assert_string_equal(again->axes[1].name, "rate");
    const struct select_decl *best = stage(p, "best")->select;
    assert_true(best->maximize && best->reduce == REDUCE_MEAN && best->pick == PICK_ALL);
    assert_string_equal(best->metric, "gain");
    assert_string_equal(best->where[0].metric, "loss");
    assert_true(best->where[0].type == WHERE_AT_MOST && best->where[0].bound == -1.5);
    assert_int_equal(stage(p, "train")->matrix.exclude->as.list.count, 1);
    pipeline_free(p);
}

static void stages_stand_behind_what_they_need(void **state) {
    (void)state;
    struct pipeline *p = read_good(study);
    /* The file says table, train, best, again, last; table needs train and, by order alone, last, which needs best. */
    static const char *const order[] = {"train", "best", "last", "table", "again"};
    assert_int_equal(p->stage_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(p->stages[i]->full_name, order[i]);
        assert_int_equal(p->stages[i]->index, i);
    }
    const struct stage_decl *table = stage(p, "table");
    assert_int_equal(table->need_count, 2);
    assert_true((table->needs[0] == stage(p, "train")) != (table->needs[1] == stage(p, "train")));
    assert_true((table->needs[0] == stage(p, "last")) != (table->needs[1] == stage(p, "last")));
    assert_int_equal(stage(p, "train")->need_count, 0);
    assert_int_equal(stage(p, "again")->need_count, 1); /* best: by like, by its outs and by its choice */
    assert_null(pipeline_stage(p, "nothing"));
    pipeline_free(p);
}

static void axis_values_take_every_form(void **state) {
    (void)state;
    struct pipeline *p = read_good(
        "{\"retort\":1,\"name\":\"n\",\"params\":{\"one\":7,\"recs\":[{\"label\":\"a\",\"f\":\"a.bin\"},{\"label\":"
        "\"b\",\"f\":\"b.bin\"}]},"
        "\"stages\":{\"m\":{\"cmd\":[\"m\"],\"outs\":{\"s\":{\"path\":\"s.json\",\"type\":\"metrics\"},\"x\":\"x\"}},"
        "\"t\":{\"matrix\":{\"a\":\"${params.one}\",\"b\":\"${stages.m.metrics.rates}\",\"c\":[1,\"${stages.m.metrics."
        "rate}\",[2,3]],"
        "\"r\":\"${params.recs}\",\"q\":[{\"label\":\"x\",\"f\":\"${stages.m.outs.x}\",\"n\":\"${matrix.a}\"}]},"
        "\"cmd\":[\"t\",\"${matrix.a}\",\"${matrix.b}\",\"${matrix.c}\",\"${in.f}\",\"${in.g}\"],"
        "\"in\":{\"f\":\"${matrix.r.f}\",\"g\":\"${matrix.q.f}\",\"h\":\"data-${matrix.a}.csv\"}}}}");
    const struct stage_decl *t = stage(p, "t");
    const struct axis *axes = t->matrix.axes;
    assert_int_equal(axes[0].values->type, VALUE_LIST); /* one value from params: an axis of one */
    assert_int_equal(axes[0].values->as.list.count, 1);
    assert_int_equal(axes[1].values->type, VALUE_REFERENCE);
    assert_int_equal(axes[2].values->as.list.count, 3);
    assert_int_equal(axes[2].values->as.list.items[1]->type, VALUE_REFERENCE);
    assert_int_equal(axes[3].values->as.list.count, 2);
    assert_int_equal(axes[4].values->as.list.items[0]->type, VALUE_OBJECT);
    assert_int_equal(t->in[0].type, INPUT_REFERENCE);
    assert_int_equal(t->in[0].value->as.reference->root, REFERENCE_MATRIX);
    assert_int_equal(t->in[2].type, INPUT_FILE);
    assert_int_equal(t->in[2].value->type, VALUE_TEXT);
    pipeline_free(p);
}

static void pins_keep_their_values(void **state) {
    (void)state;
    struct pipeline *p = read_good("{\"retort\":1,\"name\":\"n\",\"params\":{\"s\":11},\"stages\":{"
                                   "\"a\":{\"matrix\":{\"size\":[7,11],\"seed\":[1,2],\"kind\":[\"x\"]},\"cmd\":[\"a\","
                                   "\"${matrix.size}\",\"${matrix.seed}\",\"${matrix.kind}\"],"
                                   "\"outs\":{\"m\":\"m\"}},"
                                   "\"b\":{\"matrix\":{\"t\":[7]},\"cmd\":[\"b\",\"${in.x}\",\"${in.y}\"],\"in\":{"
                                   "\"x\":\"${stages.a[size=${matrix.t},seed=*,kind=x].outs.m}\",\"y\":\"${stages.a["
                                   "size=${params.s},seed=2,kind=\\\"x\\\"].outs.m}\"}}}}");
    const struct stage_decl *b = stage(p, "b");
    const struct reference *x = b->in[0].value->as.reference;
    assert_int_equal(x->pin_count, 3);
    assert_int_equal(x->pins[0].value->type, VALUE_REFERENCE);
    assert_true(x->pins[1].collect && !x->pins[1].value);
    assert_json(x->pins[2].value->as.literal, "\"x\"");
    const struct reference *y = b->in[1].value->as.reference;
    assert_json(y->pins[0].value->as.literal, "11");
    assert_json(y->pins[2].value->as.literal, "\"x\"");
    pipeline_free(p);
}

/* ---- kinds ---- */

static void kinds_bring_their_outs(void **state) {
    (void)state;
    struct pipeline *p =
        read_good("{\"retort\":1,\"name\":\"n\",\"params\":{\"with\":{\"steps\":10}},\"stages\":{"
                  "\"t\":{\"uses\":\"deeprx/"
                  "train@1\",\"matrix\":{\"seed\":[1,2]},\"with\":{\"$extends\":\"${params.with}\",\"size\":7,\"seed\":"
                  "\"${matrix.seed}\"}},"
                  "\"s\":{\"uses\":\"deeprx/"
                  "train@1\",\"matrix\":{\"seed\":[1,2]},\"in\":{\"teacher\":\"${stages.t.outs.model}\"},"
                  "\"with\":{\"size\":7,\"alpha\":\"${stages.t[seed=1].metrics.loss}\"}}}}");
    const struct stage_decl *t = stage(p, "t");
    assert_int_equal(t->type, STAGE_KIND);
    assert_string_equal(t->kind->name, "deeprx/train");
    assert_int_equal(t->out_count, t->kind->out_count);
    assert_string_equal(t->outs[0].name, t->kind->outs[0].name);
    assert_true(t->checkpoint == t->kind->checkpoints);
    assert_int_equal(t->with->type, VALUE_EXTENDS);
    pipeline_free(p);
}

/* ---- files ---- */

static void files_that_cannot_be_read(void **state) {
    (void)state;
    struct diagnostics diagnostics = {0};
    struct error err = {0};
    struct pipeline *p = NULL;
    assert_int_equal(pipeline_read(&p, &(struct pipeline_source){.path = "nowhere.json"}, &diagnostics, &err),
                     ERR_USAGE);
    assert_non_null(strstr(err.message, "nowhere.json"));
    assert_int_equal(pipeline_read(&p, &(struct pipeline_source){.path = "."}, &diagnostics, &err), ERR_IO);
    assert_null(p);
    assert_int_equal(diagnostics.count, 0);
    char *large = mem_alloc((65 << 20) + 1);
    memset(large, ' ', 65 << 20);
    write_file("large.json", large);
    free(large);
    assert_int_equal(pipeline_read(&p, &(struct pipeline_source){.path = "large.json"}, &diagnostics, &err),
                     ERR_INVALID);
    assert_int_equal(diagnostics.errors, 1);
    assert_string_equal(diagnostics.items[0].file, "large.json");
    diagnostics_close(&diagnostics);
}

static void errors_are_limited(void **state) {
    (void)state;
    struct buffer text = {0};
    buffer_puts(&text, "{\"retort\":1,\"name\":\"n\",\"stages\":{");
    for (int i = 0; i < 3000; i++)
        buffer_printf(&text, "%s\"s%d\":7", i ? "," : "", i);
    buffer_puts(&text, "}}");
    struct buffer messages = {0};
    assert_null(read_with(buffer_text(&text), NULL, 0, &messages));
    size_t lines = 0;
    for (const char *c = buffer_text(&messages); *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1001);
    assert_non_null(strstr(buffer_text(&messages), "p.json: error: more than 1000 errors: the rest is not shown\n"));
    buffer_close(&messages);
    buffer_close(&text);
}

static void axes_are_limited(void **state) {
    (void)state;
    struct buffer text = {0};
    buffer_puts(&text, "{\"retort\":1,\"name\":\"n\",\"stages\":{\"a\":{\"matrix\":{");
    for (int i = 0; i < 65; i++)
        buffer_printf(&text, "%s\"x%d\":[1]", i ? "," : "", i);
    buffer_puts(&text, "},\"cmd\":[\"a\"");
    for (int i = 0; i < 65; i++)
        buffer_printf(&text, ",\"${matrix.x%d}\"", i);
    buffer_puts(&text, "]}}}");
    expect_fault(buffer_text(&text), NULL, 0, "the stage \"a\" has 65 axes; at most 64 are allowed");
    buffer_close(&text);
}

static void warnings_do_not_fail(void **state) {
    (void)state;
    struct buffer messages = {0};
    struct pipeline *p = read_with(
        "{\"retort\":1,\"name\":\"n\",\"stages\":{\"a\":{\"cmd\":[\"a\",\"${in.x}\"],\"in\":{\"x\":\"/data/x\"}}}}",
        NULL, 0, &messages);
    assert_non_null(p);
    assert_string_equal(buffer_text(&messages), "p.json:1:71: warning: the absolute path \"/data/x\" works on this "
                                                "machine alone; write it relative to this file (at /stages/a/in/x)\n");
    pipeline_free(p);
    buffer_close(&messages);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_are_complete),
        cmocka_unit_test(inputs_keep_files_references_and_labels),
        cmocka_unit_test(axes_are_seen_through_selects_and_like),
        cmocka_unit_test(stages_stand_behind_what_they_need),
        cmocka_unit_test(axis_values_take_every_form),
        cmocka_unit_test(pins_keep_their_values),
        cmocka_unit_test(kinds_bring_their_outs),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(errors_are_limited),
        cmocka_unit_test(axes_are_limited),
        cmocka_unit_test(warnings_do_not_fail),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
