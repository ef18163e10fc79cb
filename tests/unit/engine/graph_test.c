/* The DAG as dot and as mermaid: nodes, edges, and labels that try to be more than labels. */
#include "tests/unit/engine/plan_fixture.h"

#include "engine/report/graph.h"

static const char study[] = "{'retort':1,'name':'study','stages':{"
                            "'make':{'matrix':{'size':[1,2]},'cmd':['make','${matrix.size}','${outs.o}'],"
                            "'outs':{'o':'o','m':{'path':'m.json','type':'metrics'}}},"
                            "'best':{'select':{'from':'make','group_by':['size'],'minimize':'metrics.loss'}},"
                            "'use':{'cmd':['use','${in.o}'],'in':{'o':'${stages.best.outs.o}'}},"
                            "'profile':{'uses':'deeprx/profile@1','matrix':{'size':[7,11],'features':['raw','ls']},"
                            "'with':{'size':'${matrix.size}','features':'${matrix.features}'}}}}";

/* Labels that would end a string, a line or a node, begin markup, or be read as an entity or an escape. */
static const char hostile[] = "{'retort':1,'name':'study','stages':{'a':{'matrix':{'x':["
                              "'q\\'];','<b>','&lt;','l\\nb','\\\\N','#35;|{y}']},'cmd':['echo','${matrix.x}']}}}";

static char *draw(const char *text, enum graph_format format, bool unfolded) {
    struct world w = {0};
    struct buffer out = {0};
    world_open(&w, text);
    if (unfolded) {
        world_advance(&w);
        graph_unfolded(&out, w.pipeline, w.plan, format);
    } else {
        graph_folded(&out, w.pipeline, format);
    }
    world_close(&w);
    return buffer_detach(&out);
}

/* The lines hold these, in this order. */
static void expect_lines(char *drawn, const char *const *lines) {
    const char *at = drawn;
    for (; *lines; lines++) {
        const char *found = strstr(at, *lines);
        if (!found)
            fail_msg("no line \"%s\" (in this order) in\n%s", *lines, drawn);
        at = found + strlen(*lines);
    }
    free(drawn);
}

#define EXPECT(drawn, ...) expect_lines(drawn, (const char *const[]){__VA_ARGS__, NULL})

static void test_folded_is_a_node_a_stage(void **state) {
    (void)state;
    EXPECT(draw(study, GRAPH_DOT, false), "digraph \"study\" {\n", "\n    n0 [label=\"make\\ncmd, size\"];\n",
           "    n1 [label=\"best\\nmin loss\", shape=diamond, style=\"\"];\n", "    n2 [label=\"use\\ncmd\"];\n",
           "    n3 [label=\"profile\\ndeeprx/profile@1, size × features\"];\n", "    n0 -> n1;\n    n1 -> n2;\n}\n");
    EXPECT(draw(study, GRAPH_MERMAID, false), "flowchart LR\n    n0[\"make<br/>cmd, size\"]\n",
           "    n1{{\"best<br/>min loss\"}}\n", "    n2[\"use<br/>cmd\"]\n",
           "    n3[\"profile<br/>deeprx/profile@1, size × features\"]\n", "    n0 --> n1\n    n1 --> n2\n");
}

static void test_unfolded_is_a_node_an_instance(void **state) {
    (void)state;
    char *dot = draw(study, GRAPH_DOT, true);
    size_t nodes = 0, edges = 0;
    for (const char *c = dot; (c = strstr(c, " [label=\"")); c++)
        nodes++;
    for (const char *c = dot; (c = strstr(c, " -> ")); c++)
        edges++;
    assert_int_equal(nodes, 2 + 1 + 1 + 4);
    assert_int_equal(edges, 2 + 1); /* both of make into the select, the select into use */
    EXPECT(dot, "[label=\"make[size=1]\"]", "[label=\"make[size=2]\"]", "[label=\"profile[size=7,features=raw]\"]");
    EXPECT(draw(study, GRAPH_MERMAID, true), "[\"make#91;size=1#93;\"]", "{{\"best\"}}", " --> ");
}

/* A name shows a value as JSON, so quotes and backslashes are doubled twice. */
static void test_labels_stay_labels(void **state) {
    (void)state;
    EXPECT(draw(hostile, GRAPH_DOT, true), " [label=\"a[x=\\\"q\\\\\\\"];\\\"]\"];\n",
           " [label=\"a[x=\\\"<b>\\\"]\"];\n", " [label=\"a[x=\\\"&amp;lt;\\\"]\"];\n",
           " [label=\"a[x=\\\"l\\\\nb\\\"]\"];\n", " [label=\"a[x=\\\"\\\\\\\\N\\\"]\"];\n",
           " [label=\"a[x=\\\"#35;|{y}\\\"]\"];\n}\n");
    EXPECT(draw(hostile, GRAPH_MERMAID, true), "[\"a#91;x=#34;q#92;#34;#93;;#34;#93;\"]\n",
           "[\"a#91;x=#34;#60;b#62;#34;#93;\"]\n", "[\"a#91;x=#34;#38;lt;#34;#93;\"]\n",
           "[\"a#91;x=#34;l#92;nb#34;#93;\"]\n", "[\"a#91;x=#34;#92;#92;N#34;#93;\"]\n",
           "[\"a#91;x=#34;#35;35;#124;{y}#34;#93;\"]\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folded_is_a_node_a_stage),
        cmocka_unit_test(test_unfolded_is_a_node_an_instance),
        cmocka_unit_test(test_labels_stay_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
