#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/bytemap.h"
#include "engine/base/json.h"

static int values[8];

static void an_empty_table_has_no_key(void **state) {
    (void)state;
    struct bytemap m = {0};
    assert_null(bytemap_get(&m, "", 0));
    assert_null(bytemap_get(&m, "a", 1));
    bytemap_close(&m);
}

static void keys_are_told_apart_by_every_byte_and_by_length(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } keys[] = {{"", 0},   {"a", 1},        {"a\0", 2},        {"a\0b", 3},
                {"ab", 2}, {"abcdefgh", 8}, {"abcdefgh\0", 9}, {"abcdefgi", 8}};
    enum { KEYS = sizeof keys / sizeof *keys };
    struct bytemap m = {0};
    for (int i = 0; i < KEYS; i++) {
        assert_null(bytemap_get(&m, keys[i].bytes, keys[i].size));
        bytemap_put(&m, keys[i].bytes, keys[i].size, &values[i]);
    }
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(bytemap_get(&m, keys[i].bytes, keys[i].size), &values[i]);
    assert_null(bytemap_get(&m, "b", 1));
    bytemap_close(&m);
    assert_null(bytemap_get(&m, "a", 1));
}

static void a_large_table_finds_each_key_and_no_other(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    static char names[COUNT][16];
    struct bytemap m = {0};
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "s%d", i);
        bytemap_put(&m, names[i], strlen(names[i]), names[i]);
    }
    assert_int_equal(m.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        char other[16];
        size_t size = (size_t)snprintf(other, sizeof other, "s%d", i);
        assert_ptr_equal(bytemap_get(&m, other, size), names[i]);
        other[0] = 't';
        assert_null(bytemap_get(&m, other, size));
    }
    bytemap_close(&m);
}

static void an_index_finds_the_members_of_small_and_large_objects(void **state) {
    (void)state;
    for (int count = 0; count < 40; count++) {
        struct json_index x;
        char name[16];
        cJSON *object = cJSON_CreateObject();
        for (int i = 0; i < count; i++) {
            snprintf(name, sizeof name, "m%d", i);
            cJSON_AddNumberToObject(object, name, i);
        }
        json_index_open(&x, object);
        for (int i = 0; i < count; i++) {
            snprintf(name, sizeof name, "m%d", i);
            assert_true(json_index_get(&x, name)->valuedouble == i);
        }
        assert_null(json_index_get(&x, "M0"));
        assert_null(json_index_get(&x, "m40"));
        json_index_close(&x);
        cJSON_Delete(object);
    }
}

static void an_index_of_no_object_has_no_member(void **state) {
    (void)state;
    struct json_index x;
    cJSON *list = cJSON_Parse("[1,2,3,4,5,6,7,8,9,10]");
    json_index_open(&x, list);
    assert_null(json_index_get(&x, "1"));
    json_index_close(&x);
    json_index_open(&x, NULL);
    assert_null(json_index_get(&x, "1"));
    json_index_close(&x);
    cJSON_Delete(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_has_no_key),
        cmocka_unit_test(keys_are_told_apart_by_every_byte_and_by_length),
        cmocka_unit_test(a_large_table_finds_each_key_and_no_other),
        cmocka_unit_test(an_index_finds_the_members_of_small_and_large_objects),
        cmocka_unit_test(an_index_of_no_object_has_no_member),
    };
    return cmocka_run_group_tests_name("base/bytemap", tests, NULL, NULL);
}
