/* The changes between two keys, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/memory.h"
#include "engine/plan/why.h"

/* ' for quotes. */
static cJSON *parse(const char *text) {
    char *json = mem_strdup(text);
    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    cJSON *tree = cJSON_Parse(json);
    free(json);
    assert_non_null(tree);
    return tree;
}

static void expect(const char *now, const char *before, const char *difference, const char *reason) {
    cJSON *a = parse(now), *b = parse(before);
    struct buffer text = {0};
    why_difference(&text, a, b);
    assert_string_equal(buffer_text(&text), difference);
    buffer_clear(&text);
    why_reason(&text, a, b);
    assert_string_equal(buffer_text(&text), reason);
    buffer_close(&text);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

#define FILE_A "{'name':'m.bin','sha256':'aaaaaaaaaaaaaaaaaaaa','executable':false,'labels':{'size':7}}"
#define FILE_B "{'name':'m.bin','sha256':'bbbbbbbbbbbbbbbbbbbb','executable':false,'labels':{'size':7}}"
#define FILE_X "{'name':'m.bin','sha256':'aaaaaaaaaaaaaaaaaaaa','executable':true,'labels':{'size':7}}"
#define FILE_L "{'name':'m.bin','sha256':'aaaaaaaaaaaaaaaaaaaa','executable':false,'labels':{'size':11}}"

static void equal_components_say_nothing(void **state) {
    (void)state;
    expect("{'with.a':1,'kind':'k@1'}", "{'kind':'k@1','with.a':1.0}", "", "");
}

static void parameters_from_and_to(void **state) {
    (void)state;
    expect("{'with.alpha':50000}", "{'with.alpha':500000}", "with.alpha: 500000 -> 50000\n",
           "with.alpha: 500000 -> 50000");
    expect("{'with.alpha':0.1}", "{}", "with.alpha: (default) -> 0.1\n", "with.alpha: (default) -> 0.1");
    expect("{}", "{'env.LANG':'C'}", "env.LANG: \"C\" -> (none)\n", "env.LANG: \"C\" -> (none)");
}

static void the_most_telling_components_come_first(void **state) {
    (void)state;
    expect("{'argv.10':'b','argv.9':'b','in.x':" FILE_B ",'kind':'k@2','with.a':2}",
           "{'argv.10':'a','argv.9':'a','in.x':" FILE_A ",'kind':'k@1','with.a':1}",
           "kind: \"k@1\" -> \"k@2\"\nwith.a: 1 -> 2\nargv.9: \"a\" -> \"b\"\nargv.10: \"a\" -> \"b\"\n"
           "in.x: m.bin aaaaaaaaaaaa -> m.bin bbbbbbbbbbbb\n",
           "kind: \"k@1\" -> \"k@2\" (and 4 more)");
}

static void inputs_by_what_differs(void **state) {
    (void)state;
    expect("{'in.m':" FILE_X "}", "{'in.m':" FILE_A "}",
           "in.m: m.bin aaaaaaaaaaaa -> m.bin aaaaaaaaaaaa (executable)\n",
           "in.m: m.bin aaaaaaaaaaaa -> m.bin aaaaaaaaaaaa (executable)");
    expect("{'in.m':" FILE_L "}", "{'in.m':" FILE_A "}", "in.m labels: {\"size\":7} -> {\"size\":11}\n",
           "in.m labels: {\"size\":7} -> {\"size\":11}");
    expect("{'in.m':[" FILE_A "," FILE_B "," FILE_L "]}", "{'in.m':[" FILE_A "," FILE_A "," FILE_A "]}",
           "in.m[1]: m.bin aaaaaaaaaaaa -> m.bin bbbbbbbbbbbb (and 1 more of its items)\n",
           "in.m[1]: m.bin aaaaaaaaaaaa -> m.bin bbbbbbbbbbbb (and 1 more of its items)");
    expect("{'in.m':{'as':'b/m','name':'m','sha256':'aaaaaaaaaaaaaaaaaaaa'}}",
           "{'in.m':{'as':'a/m','name':'m','sha256':'aaaaaaaaaaaaaaaaaaaa'}}",
           "in.m: a/m aaaaaaaaaaaa -> b/m aaaaaaaaaaaa\n", "in.m: a/m aaaaaaaaaaaa -> b/m aaaaaaaaaaaa");
    expect("{'in.m':[" FILE_A "," FILE_B "]}", "{'in.m':" FILE_A "}", "in.m: m.bin aaaaaaaaaaaa -> a list of 2\n",
           "in.m: m.bin aaaaaaaaaaaa -> a list of 2");
}

static void the_nearest_has_the_fewest_differences(void **state) {
    (void)state;
    cJSON *now = parse("{'a':1,'b':2,'c':3}");
    cJSON *earlier[] = {parse("{'a':0,'b':0,'c':3}"), parse("{'a':1,'b':2,'c':0}"), parse("{'a':0,'b':2,'c':3}"),
                        parse("{'a':1,'b':2,'c':3,'d':4}")};
    assert_int_equal(why_nearest(now, (const cJSON *const *)earlier, 4), 1);
    assert_int_equal(why_nearest(now, (const cJSON *const *)earlier, 1), 0);
    cJSON_Delete(now);
    for (int i = 0; i < 4; i++)
        cJSON_Delete(earlier[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_components_say_nothing),           cmocka_unit_test(parameters_from_and_to),
        cmocka_unit_test(the_most_telling_components_come_first), cmocka_unit_test(inputs_by_what_differs),
        cmocka_unit_test(the_nearest_has_the_fewest_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
