/* The differences of two outs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/verify/compare.h"

static int setup(void **state) {
    char *directory = mem_strdup("/tmp/retort-compare-XXXXXX");
    *state = directory;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    int rc = chdir("/");
    file_remove_tree(*state, NULL);
    free(*state);
    return rc;
}

static void write_bytes(const char *path, const void *bytes, size_t size) {
    char *parent = path_directory(path);
    assert_int_equal(file_make_directory(parent, NULL), 0);
    assert_int_equal(file_replace(path, bytes, size, 0644, NULL), 0);
    free(parent);
}

/* The differences as canonical JSON; "null" when there are none. */
static void expect(const char *recorded, const char *now, const char *wanted) {
    cJSON *out = NULL;
    struct error err = {0};
    if (compare_paths(&out, recorded, now, &err) != 0)
        fail_msg("%s", err.message);
    char *text = out ? json_canonical_text(out) : mem_strdup("null");
    assert_string_equal(text, wanted);
    free(text);
    cJSON_Delete(out);
}

static void expect_texts(const char *recorded, const char *now, const char *wanted) {
    write_bytes("a", recorded, strlen(recorded));
    write_bytes("b", now, strlen(now));
    expect("a", "b", wanted);
}

static void texts_differ_by_a_line(void **state) {
    (void)state;
    expect_texts("", "", "null");
    expect_texts("one\ntwo\n", "one\ntwo\n", "null");
    expect_texts("one\ntwo\n", "one\n2\n", "{\"line\":2,\"now\":\"2\",\"recorded\":\"two\",\"type\":\"text\"}");
    expect_texts("one\n", "one\ntwo\n", "{\"line\":2,\"now\":\"two\",\"recorded\":null,\"type\":\"text\"}");
    expect_texts("one", "one\n", "{\"line\":1,\"now\":\"one\",\"recorded\":\"one\",\"type\":\"text\"}");
    expect_texts("a\tb\xC3\xA9", "",
                 "{\"line\":1,\"now\":null,\"recorded\":\"a\\\\x09b\\\\xc3\\\\xa9\",\"type\":\"text\"}");
}

/* Of a line of 1000 characters whose 500th differs, 60 before it and 100 from there on are shown. */
static void of_long_lines_a_part_is_shown(void **state) {
    enum { LENGTH = 1000, AT = 500 };
    char recorded[LENGTH + 1], now[LENGTH + 1];
    cJSON *out = NULL;
    (void)state;
    memset(recorded, 'x', LENGTH);
    recorded[LENGTH] = '\0';
    strcpy(now, recorded);
    now[AT] = 'y';
    write_bytes("a", recorded, LENGTH);
    write_bytes("b", now, LENGTH);
    assert_int_equal(compare_paths(&out, "a", "b", NULL), 0);
    assert_int_equal(strlen(json_text(out, "now", "")), 160);
    assert_int_equal(strcspn(json_text(out, "now", ""), "y"), 60);
    assert_int_equal(json_double(out, "line", 0), 1);
    cJSON_Delete(out);
}

/* Beyond what is read at once. */
static void bytes_differ_by_a_place(void **state) {
    enum { SIZE = 200000, AT = 150000 };
    static char bytes[SIZE];
    (void)state;
    write_bytes("a", bytes, SIZE);
    write_bytes("b", bytes, SIZE - 1);
    bytes[AT] = 7;
    write_bytes("c", bytes, SIZE);
    bytes[AT] = 0;
    expect("a", "a", "null");
    expect("a", "c", "{\"now\":7,\"offset\":150000,\"recorded\":0,\"type\":\"binary\"}");
    expect("a", "b", "{\"now\":null,\"offset\":199999,\"recorded\":0,\"type\":\"binary\"}");
}

static void directories_differ_by_their_files(void **state) {
    (void)state;
    write_bytes("a/same", "s", 1);
    write_bytes("a/sub/other", "1\n", 2);
    write_bytes("a/gone/file", "g", 1);
    write_bytes("a/kind", "k", 1);
    write_bytes("b/same", "s", 1);
    write_bytes("b/sub/other", "2\n", 2);
    write_bytes("b/sub/new", "n", 1);
    write_bytes("b/kind/file", "k", 1);
    expect("a", "a", "null");
    expect("a", "b",
           "{\"files\":[{\"only\":\"recorded\",\"path\":\"gone\"},{\"only\":\"recorded\",\"path\":\"kind\"},"
           "{\"line\":1,\"now\":\"2\",\"path\":\"sub/other\",\"recorded\":\"1\",\"type\":\"text\"},"
           "{\"only\":\"now\",\"path\":\"sub/new\"},{\"only\":\"now\",\"path\":\"kind\"}],"
           "\"more\":0,\"type\":\"directory\"}");
}

static void of_many_files_some_are_shown(void **state) {
    cJSON *out = NULL;
    (void)state;
    assert_int_equal(file_make_directory("b", NULL), 0);
    for (char c = 'a'; c <= 'z'; c++) {
        char path[] = "a/?";
        path[2] = c;
        write_bytes(path, "", 0);
    }
    assert_int_equal(compare_paths(&out, "a", "b", NULL), 0);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(out, "files")), 10);
    assert_int_equal(json_double(out, "more", 0), 16);
    cJSON_Delete(out);
}

static void what_cannot_be_read_is_an_error(void **state) {
    cJSON *out = NULL;
    struct error err = {0};
    (void)state;
    write_bytes("a", "x", 1);
    assert_int_equal(compare_paths(&out, "a", "gone", &err), ERR_IO);
    assert_non_null(strstr(err.message, "gone"));
    assert_null(out);
}

static void expect_metrics(const char *recorded, const char *now, double tolerance, const char *wanted) {
    cJSON *a = cJSON_Parse(recorded), *b = cJSON_Parse(now);
    bool beyond;
    cJSON *list = compare_metrics(a, b, tolerance, &beyond);
    char *text = json_canonical_text(list);
    assert_string_equal(text, wanted);
    assert_int_equal(beyond, strcmp(wanted, "[]") != 0);
    free(text);
    cJSON_Delete(list);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

/* The share is one of what is recorded: 0.25 of -4 is 1, of 0 it is 0. */
static void metrics_differ_beyond_a_share(void **state) {
    (void)state;
    expect_metrics("{\"m\":-4}", "{\"m\":-3}", 0.25, "[]");
    expect_metrics("{\"m\":-4}", "{\"m\":-2.5}", 0.25,
                   "[{\"difference\":1.5,\"name\":\"m\",\"now\":-2.5,\"recorded\":-4}]");
    expect_metrics("{\"m\":0,\"n\":1}", "{\"m\":0,\"n\":1}", 0, "[]");
    expect_metrics("{\"m\":0}", "{\"m\":0.5}", 0.25,
                   "[{\"difference\":0.5,\"name\":\"m\",\"now\":0.5,\"recorded\":0}]");
    expect_metrics("{\"gone\":1}", "{\"new\":2}", 1,
                   "[{\"difference\":null,\"name\":\"gone\",\"now\":null,\"recorded\":1},"
                   "{\"difference\":null,\"name\":\"new\",\"now\":2,\"recorded\":null}]");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(texts_differ_by_a_line),        TEST(of_long_lines_a_part_is_shown),
        TEST(bytes_differ_by_a_place),       TEST(directories_differ_by_their_files),
        TEST(of_many_files_some_are_shown),  TEST(what_cannot_be_read_is_an_error),
        TEST(metrics_differ_beyond_a_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
