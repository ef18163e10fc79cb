#include "tests/unit/store/fixture.h"

#include <math.h>

static void a_record_comes_back_as_it_was_added(void **state) {
    struct store *s = open_store(*state);
    struct error err = {0};
    struct digest key = key_of("k");
    struct object o = put_text(s, "abc");
    cJSON *r = make_record(&key, "scratch", &o);
    cJSON *found = NULL;
    cJSON_AddNumberToObject(r, "tiny", 5e-324);
    cJSON_AddStringToObject(r, "text", "line\nbreak \"quoted\" \xc3\xa9");
    ok(store_record_add(s, r, &err), err);
    assert_int_equal(store_queued(s), 1);
    assert_int_equal(store_record_find(s, &key, NULL, &found, &err), ERR_NOT_FOUND);
    ok(store_commit(s, &err), err);
    assert_int_equal(store_queued(s), 0);
    ok(store_record_find(s, &key, NULL, &found, &err), err);
    assert_true(json_equal(r, found));
    cJSON_Delete(found);
    store_close(s);
    s = open_store(*state);
    ok(store_record_find(s, &key, "here", &found, &err), err);
    assert_true(json_equal(r, found));
    cJSON_Delete(found);
    assert_int_equal(store_record_find(s, &key, "elsewhere", &found, &err), ERR_NOT_FOUND);
    cJSON_Delete(r);
    store_close(s);
}

static void the_line_on_disk_is_as_documented(void **state) {
    struct store *s = open_store(*state);
    char hex[DIGEST_HEX_SIZE];
    commit_text(s, "k", "abc");
    char *path = only_segment(*state);
    char *line = read_text(path);
    size_t length = strlen(line);
    assert_int_equal(line[length - 1], '\n');
    assert_int_equal(line[64], ' ');
    line[length - 1] = '\0';
    line[64] = '\0';
    assert_string_equal(line, hex_of(line + 65, hex));
    char *end;
    long long at = strtoll(line + 65, &end, 10);
    assert_true(at > 1500000000000000000LL); /* nanoseconds since 1970, after 2017 */
    assert_int_equal(*end, ' ');
    cJSON *tree = cJSON_Parse(end + 1);
    char *canonical = json_canonical_text(tree);
    assert_string_equal(canonical, end + 1);
    free(canonical);
    cJSON_Delete(tree);
    free(line);
    free(path);
    store_close(s);
}

static void of_two_records_of_a_key_the_earliest_counts(void **state) {
    struct store *a = open_store(*state);
    struct store *b = open_store(*state);
    char found[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    commit_text(b, "k", "first");
    commit_text(a, "k", "second");
    assert_string_equal(find_out(a, "k", found), hex_of("first", expected));
    assert_string_equal(find_out(b, "k", found), hex_of("first", expected));
    store_close(a);
    store_close(b);
}

/* The order must not be that of the index: it is rebuilt from files whose names sort otherwise. */
static void the_earliest_counts_after_a_rebuild_too(void **state) {
    const struct place *p = *state;
    char found[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    commit_text(s, "k", "first");
    store_close(s);
    char *segment = only_segment(p);
    char *last = mem_printf("%s/actions/99999999T000000000Z-00000000.jsonl", p->directory);
    assert_int_equal(rename(segment, last), 0);
    s = open_store(p);
    commit_text(s, "k", "second");
    store_close(s);
    char *db = path_join(p->directory, "state.db");
    assert_int_equal(unlink(db), 0);
    s = open_store(p);
    assert_string_equal(find_out(s, "k", found), hex_of("first", expected));
    char *said = notices(s);
    assert_non_null(strstr(said, "rebuilt from the records"));
    store_close(s);
    free(said);
    free(db);
    free(last);
    free(segment);
}

/* A clock that was set back must not let a late record win. The record gets a time far ahead, as from an engine with
   a wrong clock. The next one must still come after it. */
static void a_clock_set_back_changes_no_order(void **state) {
    const struct place *p = *state;
    char found[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    char hex[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    struct digest key = key_of("k");
    struct object o = put_text(s, "ahead");
    commit_text(s, "other", "x");
    cJSON *r = make_record(&key, "k", &o);
    char *json = json_canonical_text(r);
    char *body = mem_printf("4000000000000000000 %s", json); /* in the year 2096 */
    char *line = mem_printf("%s %s\n", hex_of(body, hex), body);
    char *path = mem_printf("%s/actions/ahead.jsonl", p->directory);
    write_text(path, line, 0644);
    store_close(s);
    s = open_store(p);
    commit_text(s, "k", "late");
    assert_string_equal(find_out(s, "k", found), hex_of("ahead", expected));
    store_close(s);
    cJSON_Delete(r);
    free(json);
    free(body);
    free(line);
    free(path);
}

static void a_record_whose_objects_are_gone_does_not_count(void **state) {
    struct store *s = open_store(*state);
    char found[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    struct object first = commit_text(s, "k", "first");
    commit_text(s, "k", "second");
    char *path = store_object_path(s, &first.digest);
    assert_int_equal(unlink(path), 0);
    assert_string_equal(find_out(s, "k", found), hex_of("second", expected));
    char *said = notices(s);
    assert_non_null(strstr(said, hex_of("first", expected)));
    put_text(s, "first"); /* it comes back: the earliest counts again */
    assert_string_equal(find_out(s, "k", found), hex_of("first", expected));
    free(said);
    free(path);
    store_close(s);
}

static void a_record_without_its_objects_is_not_taken(void **state) {
    struct store *s = open_store(*state);
    struct error err = {0};
    struct digest key = key_of("k");
    struct object o = {.digest = key_of("never stored"), .size = 12};
    cJSON *r = make_record(&key, "k", &o);
    assert_int_equal(store_record_add(s, r, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "out model"));
    assert_int_equal(store_queued(s), 0);
    cJSON_Delete(r);
    store_close(s);
}

static void a_tree_that_is_no_record_is_refused(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "\"key\""},
        {"{\"key\":\"12\"}", "\"key\""},
        {"{\"key\":\"%s\"}", "\"stage\""},
        {"{\"key\":\"%s\",\"stage\":\"s\"}", "\"platform\""},
        {"{\"key\":\"%s\",\"stage\":\"s\",\"platform\":\"p\"}", "\"outs\""},
        {"{\"key\":\"%s\",\"stage\":\"s\",\"platform\":\"p\",\"outs\":{\"m\":{}}}", "outs/m: \"sha256\""},
        {"{\"key\":\"%s\",\"stage\":\"s\",\"platform\":\"p\",\"outs\":{\"m\":{\"sha256\":\"%s\",\"size\":-1}}}",
         "outs/m: \"size\""},
        {"{\"key\":\"%s\",\"stage\":\"s\",\"platform\":\"p\",\"outs\":{\"m\":{\"sha256\":\"%s\",\"size\":1.5}}}",
         "outs/m: \"size\""},
    };
    struct store *s = open_store(*state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct buffer text = {0};
        char hex[DIGEST_HEX_SIZE];
        for (const char *c = cases[i].text; *c; c++) {
            if (c[0] == '%')
                buffer_puts(&text, hex_of("x", hex)), c++;
            else
                buffer_putc(&text, *c);
        }
        cJSON *r = cJSON_Parse(text.data);
        assert_non_null(r);
        assert_int_equal(store_record_add(s, r, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].message));
        cJSON_Delete(r);
        buffer_close(&text);
    }
    store_close(s);
}

/* Nobody could read it back: the stage would run again for ever. */
static void a_record_too_large_to_read_is_refused(void **state) {
    struct store *s = open_store(*state);
    struct error err = {0};
    struct digest key = key_of("large");
    cJSON *r = make_record(&key, "large", NULL);
    size_t rest = JSON_MAX_BYTES - strlen(",\"text\":\"\"");
    char *canonical = json_canonical_text(r);
    rest -= strlen(canonical);
    char *text = mem_alloc(rest + 2);
    memset(text, 'x', rest + 1);
    text[rest + 1] = '\0';
    cJSON_AddStringToObject(r, "text", text);
    assert_int_equal(store_record_add(s, r, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "the record of large has 67108865 bytes"));
    text[rest] = '\0'; /* as large as can be */
    cJSON_ReplaceItemInObjectCaseSensitive(r, "text", cJSON_CreateString(text));
    ok(store_record_add(s, r, &err), err);
    ok(store_commit(s, &err), err);
    cJSON_Delete(r);
    ok(store_record_find(s, &key, NULL, &r, &err), err);
    cJSON_Delete(r);
    free(text);
    free(canonical);
    store_close(s);
}

/* It would be called damaged by whoever lists it. */
static void a_run_too_large_to_read_is_refused(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    cJSON *run = cJSON_CreateObject(), *read = NULL;
    ok(store_run_begin(s, "large", NULL, &err), err);
    ok(store_run_write(s, run, &err), err);
    char *path = mem_printf("%s/runs/%s.json", p->directory, store_run_id(s)), *before = read_text(path);
    size_t rest = JSON_MAX_BYTES - (strlen(before) + strlen(",\n  \"text\": \"\""));
    char *text = mem_alloc(rest + 2);
    memset(text, 'x', rest + 1);
    text[rest + 1] = '\0';
    cJSON_AddStringToObject(run, "text", text);
    assert_int_equal(store_run_write(s, run, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "would have 67108865 bytes"));
    char *after = read_text(path);
    assert_string_equal(after, before);
    text[rest] = '\0'; /* as large as can be */
    cJSON_ReplaceItemInObjectCaseSensitive(run, "text", cJSON_CreateString(text));
    ok(store_run_write(s, run, &err), err);
    ok(store_run_read(s, store_run_id(s), &read, &err), err);
    cJSON_Delete(read);
    cJSON_Delete(run);
    free(text);
    free(after);
    free(before);
    free(path);
    store_close(s);
}

/* Commits a record of each stage, in this order. */
static void commit_stages(struct store *s, const char *const *stages, int count) {
    struct error err = {0};
    for (int i = 0; i < count; i++) {
        char *name = mem_printf("key %d", i);
        struct digest key = key_of(name);
        cJSON *r = make_record(&key, stages[i], NULL);
        cJSON_AddNumberToObject(r, "i", i);
        ok(store_record_add(s, r, &err), err);
        cJSON_Delete(r);
        free(name);
    }
    ok(store_commit(s, &err), err);
}

/* The records that are found, by their place among those committed; at most four. */
static void assert_newest(struct store *s, enum record_group group, const char *name, const char *expected) {
    struct error err = {0};
    struct buffer text = {0};
    cJSON **found;
    size_t count;
    ok(store_record_newest(s, group, name, 4, &found, &count, &err), err);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&text, "%d", (int)json_double(found[i], "i", -1));
        cJSON_Delete(found[i]);
    }
    assert_string_equal(buffer_text(&text), expected);
    buffer_close(&text);
    free(found);
}

static void the_newest_records_of_an_instance_a_stage_and_a_kind(void **state) {
    struct store *s = open_store(*state);
    static const char *const stages[] = {"a[n=1]", "a", "ab[n=1]", "a[n=2]", "a/b", "a[n=1]"};
    commit_stages(s, stages, 6);
    assert_newest(s, RECORDS_OF_INSTANCE, "a[n=1]", "50");
    assert_newest(s, RECORDS_OF_STAGE, "a", "5310");
    assert_newest(s, RECORDS_OF_STAGE, "ab", "2");
    assert_newest(s, RECORDS_OF_STAGE, "nobody", "");
    assert_newest(s, RECORDS_OF_KIND, "test/kind@1", "5432");
    assert_newest(s, RECORDS_OF_KIND, "test/other@1", "");
    store_close(s);
}

static void runs_are_listed_newest_first_and_read(void **state) {
    struct store *s = open_store(*state);
    struct error err = {0};
    struct texts ids;
    cJSON *run = NULL;
    assert_int_equal(store_run_read(s, "latest", &run, &err), ERR_NOT_FOUND);
    assert_int_equal(store_run_write(s, NULL, &err), ERR_USAGE);
    cJSON *overrides = cJSON_Parse("{\"params.steps\":5}");
    ok(store_run_begin(s, "study.json", overrides, &err), err);
    ok(store_run_list(s, &ids, &err), err);
    assert_int_equal(ids.count, 0);
    ok(store_run_write(s, NULL, &err), err);
    char *first = mem_strdup(store_run_id(s));
    usleep(2000); /* ids carry milliseconds */
    ok(store_run_begin(s, "study.json", NULL, &err), err);
    cJSON *more = cJSON_Parse("{\"stages\":[1,null,2]}");
    ok(store_run_write(s, more, &err), err);
    ok(store_run_list(s, &ids, &err), err);
    assert_int_equal(ids.count, 2);
    assert_string_equal(ids.list[0], store_run_id(s));
    assert_string_equal(ids.list[1], first);
    ok(store_run_read(s, first, &run, &err), err);
    assert_string_equal(json_text(run, "pipeline", ""), "study.json");
    assert_true(json_equal(cJSON_GetObjectItem(run, "overrides"), overrides));
    cJSON_Delete(run);
    ok(store_run_read(s, "", &run, &err), err);
    assert_string_equal(json_text(run, "id", ""), ids.list[0]);
    assert_true(json_equal(cJSON_GetObjectItem(run, "stages"), cJSON_GetObjectItem(more, "stages")));
    cJSON_Delete(run);
    assert_int_equal(store_run_read(s, "../format", &run, &err), ERR_NOT_FOUND);
    texts_close(&ids);
    free(first);
    cJSON_Delete(overrides);
    cJSON_Delete(more);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_comes_back_as_it_was_added, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_line_on_disk_is_as_documented, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(of_two_records_of_a_key_the_earliest_counts, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_earliest_counts_after_a_rebuild_too, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_clock_set_back_changes_no_order, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_record_whose_objects_are_gone_does_not_count, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_record_without_its_objects_is_not_taken, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_tree_that_is_no_record_is_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_record_too_large_to_read_is_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_run_too_large_to_read_is_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_newest_records_of_an_instance_a_stage_and_a_kind, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(runs_are_listed_newest_first_and_read, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
