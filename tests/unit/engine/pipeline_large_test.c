/* Files of many stages, words, names and faults. Each would take minutes where a loop over all stands in a loop over
   all. */
#include "tests/unit/engine/pipeline_fixture.h"

enum { MANY = 100000, SOME = 20000 };

/* Starts a file; "}}" ends it behind the stages. */
static void begin(struct buffer *text) {
    buffer_puts(text, "{\"retort\":1,\"name\":\"n\",\"stages\":{");
}

/* Stage i of a file: "cp in out" of a stage, or of a file of the project for none (-1). */
static void add_stage(struct buffer *text, int i, int from) {
    buffer_printf(text,
                  "%s\"s%d\":{\"cmd\":[\"cp\",\"${in.a}\",\"${outs.o}\"],\"outs\":{\"o\":\"o.txt\"},\"in\":{\"a\":",
                  i ? "," : "", i);
    if (from < 0)
        buffer_puts(text, "\"a.txt\"}}");
    else
        buffer_printf(text, "\"${stages.s%d.outs.o}\"}}", from);
}

static struct pipeline *read_text(struct buffer *text, struct buffer *messages) {
    struct pipeline *p = read_with(buffer_text(text), NULL, 0, messages);
    buffer_close(text);
    return p;
}

static void as_many_stages_as_allowed_are_read(void **state) {
    (void)state;
    struct buffer text = {0}, messages = {0};
    begin(&text);
    for (int i = 0; i < MANY; i++)
        add_stage(&text, i, i ? i / 10 : -1);
    buffer_puts(&text, "}}");
    struct pipeline *p = read_text(&text, &messages);
    assert_non_null(p);
    assert_int_equal(p->stage_count, MANY);
    assert_string_equal(p->stages[MANY - 1]->name, "s99999");
    assert_string_equal(p->stages[MANY - 1]->needs[0]->name, "s9999");
    pipeline_free(p);
}

static void one_stage_more_is_refused(void **state) {
    (void)state;
    struct buffer text = {0}, messages = {0};
    begin(&text);
    for (int i = 0; i <= MANY; i++)
        add_stage(&text, i, -1);
    buffer_puts(&text, "}}");
    assert_null(read_text(&text, &messages));
    assert_non_null(strstr(buffer_text(&messages), "at most 100000 stages (at /stages/s100000)"));
    buffer_close(&messages);
}

static void a_chain_written_backwards_is_put_in_order(void **state) {
    (void)state;
    struct buffer text = {0}, messages = {0};
    begin(&text);
    for (int i = 0; i < MANY; i++)
        add_stage(&text, i, i + 1 < MANY ? i + 1 : -1);
    buffer_puts(&text, "}}");
    struct pipeline *p = read_text(&text, &messages);
    assert_non_null(p);
    assert_string_equal(p->stages[0]->name, "s99999");
    assert_string_equal(p->stages[MANY - 1]->name, "s0");
    pipeline_free(p);
}

static void a_cycle_of_all_stages_is_one_short_message(void **state) {
    (void)state;
    struct buffer text = {0}, messages = {0};
    begin(&text);
    for (int i = 0; i < MANY; i++)
        add_stage(&text, i, (i + 1) % MANY);
    buffer_puts(&text, "}}");
    assert_null(read_text(&text, &messages));
    const char *line = buffer_text(&messages);
    assert_non_null(strstr(line, "cycle: s0 -> s1 -> "));
    assert_non_null(strstr(line, " -> s23 -> 99976 more -> s0 (each stage needs the next)"));
    assert_int_equal(strcspn(line, "\n") + 1, messages.size);
    buffer_close(&messages);
}

static void every_stage_of_two_cycles_is_broken_and_no_other(void **state) {
    (void)state;
    struct buffer text = {0}, messages = {0};
    begin(&text); /* 0 -> 1 -> 2 -> 0, and 1 -> 3 -> 1; 4 needs 0, 5 stands alone */
    static const char rest[] = "\"outs\":{\"o\":\"o.txt\"},\"matrix\":{\"x\":[1]},\"after\":";
    static const char *const after[] = {"[\"s1\"]", "[\"s2\",\"s3\"]", "[\"s0\"]", "[\"s1\"]", "[\"s0\"]", "[]"};
    for (int i = 0; i < 6; i++) /* nothing uses the axis: a fault that is not told of a broken stage */
        buffer_printf(&text, "%s\"s%d\":{\"cmd\":[\"true\"],%s%s}", i ? "," : "", i, rest, after[i]);
    buffer_puts(&text, "}}");
    assert_null(read_text(&text, &messages));
    const char *lines = buffer_text(&messages);
    assert_non_null(strstr(lines, "cycle: s0 -> s1 -> s2 -> s0"));
    assert_non_null(strstr(lines, "cycle: s1 -> s3 -> s1"));
    for (int i = 0; i < 6; i++) {
        char unused[64];
        snprintf(unused, sizeof unused, "nothing in the stage \"s%d\" uses", i);
        assert_true((strstr(lines, unused) != NULL) == (i >= 4));
    }
    buffer_close(&messages);
}

static void many_words_names_and_references_are_read(void **state) {
    (void)state;
    struct buffer text = {0}, messages = {0};
    buffer_puts(&text, "{\"retort\":1,\"name\":\"n\",\"params\":{");
    for (int i = 0; i < SOME; i++)
        buffer_printf(&text, "\"p%d\":%d,", i, i);
    buffer_puts(&text, "\"list\":[");
    for (int i = 0; i < SOME; i++)
        buffer_printf(&text, "%s%d", i ? "," : "", i);
    buffer_puts(&text, "]},\"stages\":{\"x\":{\"in\":{");
    for (int i = 0; i < SOME; i++)
        buffer_printf(&text, "%s\"i%d\":\"a.txt\"", i ? "," : "", i);
    buffer_puts(&text, "},\"outs\":{");
    for (int i = 0; i < SOME; i++)
        buffer_printf(&text, "%s\"o%d\":\"d%d/o.txt\"", i ? "," : "", i, i);
    buffer_puts(&text, "},\"cmd\":[\"true\"");
    for (int i = 0; i < SOME; i++)
        buffer_printf(&text, ",\"${params.p%d} ${params.list[%d]} ${in.i%d} ${outs.o%d}\"", i, i, i, i);
    buffer_puts(&text, "]}}}");
    struct pipeline *p = read_text(&text, &messages);
    assert_non_null(p);
    const struct value *last = stage(p, "x")->cmd->as.list.items[SOME];
    assert_string_equal(last->as.text.parts[0].text, "19999 19999 ");
    size_t index;
    assert_string_equal(stage_out(stage(p, "x"), "o17777", &index)->path, "d17777/o.txt");
    assert_ptr_equal(&stage(p, "x")->outs[index], stage_out(stage(p, "x"), "o17777", NULL));
    assert_null(stage_out(stage(p, "x"), "o", NULL));
    pipeline_free(p);
}

static void many_wrong_references_end_after_a_thousand_messages(void **state) {
    (void)state;
    struct buffer text = {0}, messages = {0};
    begin(&text);
    for (int i = 0; i < SOME; i++)
        buffer_printf(&text, "%s\"s%d\":{\"cmd\":[\"cat\",\"${in.a}\"],\"in\":{\"a\":\"${stages.t%d.outs.o}\"}}",
                      i ? "," : "", i, i + 10000);
    buffer_puts(&text, "}}");
    assert_null(read_text(&text, &messages));
    size_t lines = 0;
    for (const char *c = buffer_text(&messages); *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1001);
    assert_non_null(strstr(buffer_text(&messages), "there is no stage \"t10000\"; did you mean \"s10000\"?"));
    buffer_close(&messages);
}

static void paths_that_lie_in_each_other_are_found_whatever_stands_between(void **state) {
    (void)state;
    static const char outs[] =
        "{\"retort\":1,\"name\":\"n\",\"stages\":{\"x\":{\"cmd\":[\"true\"],\"outs\":{"
        "\"deep\":\"a/b/c\",\"near\":\"a-b\",\"other\":\"a/d\",\"folder\":\"a\",\"twin\":\"a-b\"}}}}";
    struct buffer messages = {0};
    assert_null(read_with(outs, NULL, 0, &messages));
    assert_non_null(
        strstr(buffer_text(&messages), "the paths of the outs \"deep\" and \"folder\" are equal, or one lies"));
    assert_non_null(strstr(buffer_text(&messages), "the paths of the outs \"other\" and \"folder\" are"));
    assert_non_null(strstr(buffer_text(&messages), "the paths of the outs \"near\" and \"twin\" are"));
    assert_null(strstr(buffer_text(&messages), "the outs \"deep\" and \"other\""));
    assert_null(strstr(buffer_text(&messages), "the outs \"near\" and \"folder\""));
    buffer_close(&messages);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_many_stages_as_allowed_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(one_stage_more_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_chain_written_backwards_is_put_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cycle_of_all_stages_is_one_short_message, setup, teardown),
        cmocka_unit_test_setup_teardown(every_stage_of_two_cycles_is_broken_and_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(many_words_names_and_references_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(many_wrong_references_end_after_a_thousand_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_that_lie_in_each_other_are_found_whatever_stands_between, setup,
                                        teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
