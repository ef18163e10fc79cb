/*
 * The key of an action made by hand. The expected digests were computed with Python's hashlib: "retort-key-1", then
 * name and canonical text of each component by name, each after eight bytes of length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/json.h"
#include "engine/plan/action.h"

static const struct word_part texts[] = {
    {WORD_TEXT, "cat"}, {WORD_IN, "table"}, {WORD_TEXT, "--out="}, {WORD_OUT, "sum"}, {WORD_TEXT, "3"},
    {WORD_TEXT, "4"},   {WORD_TEXT, "5"},   {WORD_TEXT, "6"},      {WORD_TEXT, "7"},  {WORD_TEXT, "8"},
    {WORD_TEXT, "9"},   {WORD_TEXT, "k"},   {WORD_TEXT, "C"}};
static const struct word argv[] = {{&texts[0], 1}, {&texts[1], 1},  {&texts[2], 2}, {&texts[4], 1},
                                   {&texts[5], 1}, {&texts[6], 1},  {&texts[7], 1}, {&texts[8], 1},
                                   {&texts[9], 1}, {&texts[10], 1}, {&texts[11], 1}};
static const struct action_env env[] = {{"LANG", {&texts[12], 1}}};
static const struct out_decl outs[] = {{.name = "sum", .path = "s.json", .type = OUT_METRICS}};

static struct digest key_of(const struct action *a) {
    struct key_maker *maker = key_maker_create();
    struct digest key;
    action_key(&key, maker, a);
    key_maker_free(maker);
    return key;
}

static void expect_key(const struct action *a, const char *expected) {
    struct digest key = key_of(a);
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &key);
    assert_string_equal(hex, expected);
}

static void a_command(void **state) {
    (void)state;
    const struct label labels[] = {{"size", "7"}, {"seed", "1"}};
    struct action_item item = {.name = "t.csv", .path = "/anywhere/t.csv", .labels = labels, .label_count = 2};
    struct action_pin pin = {.program = "cat"};
    sha256_bytes(&item.content.digest, "abc", 3);
    sha256_bytes(&pin.digest, "", 0);
    item.content.size = 3;
    const struct action_input in = {"table", false, &item, 1};
    struct action a = {.argv = argv,
                       .argc = 11,
                       .env = env,
                       .env_count = 1,
                       .inputs = &in,
                       .input_count = 1,
                       .outs = outs,
                       .out_count = 1,
                       .pins = &pin,
                       .pin_count = 1};
    expect_key(&a, "1e4e7274118663272d875ac0dcb06edf33cba8c2a8ffd24ea5bf45fdd2f72fb0");

    /* The key holds a file's executable bit, and not its path. */
    item.path = NULL;
    expect_key(&a, "1e4e7274118663272d875ac0dcb06edf33cba8c2a8ffd24ea5bf45fdd2f72fb0");
    struct digest before = key_of(&a);
    item.content.executable = true;
    struct digest after = key_of(&a);
    assert_false(digest_equal(&before, &after));
}

static void a_command_with_a_place_and_its_cpus(void **state) {
    (void)state;
    const struct word_part parts[] = {{WORD_TEXT, "-j"}, {WORD_CPUS, NULL}};
    const struct word words[] = {{parts, 2}};
    const struct out_decl any = {.name = "o", .path = "o", .type = OUT_ANY};
    struct action_item item = {.name = "raw", .place = "data/raw", .path = "/anywhere", .content.directory = true};
    sha256_bytes(&item.content.digest, "abc", 3);
    const struct action_input in = {"data/raw", false, &item, 1};
    const struct action a = {.argv = words, .argc = 1, .inputs = &in, .input_count = 1, .outs = &any, .out_count = 1};
    expect_key(&a, "be277b8c18bb5f4d96dbd7d524802fd8fd6359e4cf64de6cffcdb42fceee6813");
}

static void a_kind_that_measures_its_machine(void **state) {
    (void)state;
    const struct kind *kind = NULL;
    assert_int_equal(kind_find(&kind, "link/baseline@1", NULL), 0);
    cJSON *with = cJSON_Parse("{\"slots\":41,\"receiver\":\"ls\",\"branches\":1}");
    cJSON *reduced = kind_with_reduced(kind, with);
    cJSON *machine = cJSON_Parse("{\"host\":\"h\",\"cpu\":\"c\",\"meter\":\"m\"}");
    struct action a = {.kind = kind, .reduced = reduced, .machine = machine};
    expect_key(&a, "58b1538937e4ba40967dba5924f6d30ca60c5c1c723b62b5a1341907908fc17d");
    cJSON_Delete(with);
    cJSON_Delete(reduced);
    cJSON_Delete(machine);
}

/* Word boundaries count: no two lists of words give one key. */
static void words_are_framed(void **state) {
    (void)state;
    const struct word_part parts[] = {{WORD_TEXT, "ab"}, {WORD_TEXT, "c"}, {WORD_TEXT, "a"},
                                      {WORD_TEXT, "bc"}, {WORD_IN, "in"},  {WORD_TEXT, "{\"in\":\"in\"}"}};
    const struct word first[] = {{&parts[0], 1}, {&parts[1], 1}}, second[] = {{&parts[2], 1}, {&parts[3], 1}};
    const struct word symbol[] = {{&parts[4], 1}}, text[] = {{&parts[5], 1}};
    const struct action actions[] = {{.argv = first, .argc = 2},
                                     {.argv = second, .argc = 2},
                                     {.argv = symbol, .argc = 1},
                                     {.argv = text, .argc = 1}};
    struct digest keys[4];
    for (int i = 0; i < 4; i++) {
        keys[i] = key_of(&actions[i]);
        for (int k = 0; k < i; k++)
            assert_false(digest_equal(&keys[i], &keys[k]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command),
        cmocka_unit_test(a_command_with_a_place_and_its_cpus),
        cmocka_unit_test(a_kind_that_measures_its_machine),
        cmocka_unit_test(words_are_framed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
