/* Groups of records, and the rows that the index gets without reading the lines. */
#include "tests/unit/store/fixture.h"

#include <math.h>

static void add_text(struct store *s, const char *name) {
    struct error err = {0};
    struct digest key = key_of(name);
    struct object o = put_text(s, name);
    cJSON *r = make_record(&key, name, &o);
    ok(store_record_add(s, r, &err), err);
    cJSON_Delete(r);
}

static void assert_known(struct store *s, const char *name) {
    char found[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    assert_string_equal(find_known(s, name, found), hex_of(name, expected));
}

static void assert_unknown(struct store *s, const char *name) {
    char found[DIGEST_HEX_SIZE];
    assert_string_equal(find_known(s, name, found), "");
}

static void ignore_line(void *context, const char *line) {
    (void)context;
    (void)line;
}

/* fsck compares each column of each row with the line. */
static void assert_rows_match_lines(const struct place *p, uint64_t records) {
    struct fsck_report report;
    struct error err = {0};
    ok(store_fsck(p->directory, &report, ignore_line, NULL, &err), err);
    assert_int_equal(report.records, records);
    assert_int_equal(report.rebuilt, 0);
    assert_int_equal(report.bad_lines, 0);
}

static void write_group(struct store *s) {
    struct store_group *g = NULL;
    struct error err = {0};
    ok(store_group_begin(&g, s, &err), err);
    assert_non_null(g);
    ok(store_group_write(g, &err), err);
    store_group_end(g, 0);
}

static cJSON *strange_record(struct store *s, const char *name) {
    struct digest key = key_of(name);
    struct object o = put_text(s, name);
    cJSON *r = make_record(&key, name, &o);
    cJSON *outs = cJSON_GetObjectItem(r, "outs");
    cJSON_AddItemToObject(outs, "a", cJSON_Duplicate(outs->child, true)); /* a line has it before "model" */
    cJSON *metrics = cJSON_AddObjectToObject(r, "metrics");
    cJSON_AddNumberToObject(metrics, "z\xc3\xa9\"\n", 5e-324);
    cJSON_AddNumberToObject(metrics, "a", 1e21);
    cJSON_AddNumberToObject(metrics, "b", -0.0);
    cJSON_AddNumberToObject(metrics, "c", (double)NAN);
    cJSON_AddNumberToObject(metrics, "d", 0.1);
    return r;
}

static void the_rows_are_those_that_reading_the_lines_gives(void **state) {
    static const char *const kinds[] = {"test/kind@1", "cmd", "", NULL};
    struct store *s = open_store(*state);
    struct error err = {0};
    for (int i = 0; i < 4; i++) {
        char *name = mem_printf("scratch[size=%d,label=\"\xc3\xbc\"]", i);
        cJSON *r = strange_record(s, name);
        cJSON_DeleteItemFromObject(r, "kind");
        cJSON_AddItemToObject(r, "kind", kinds[i] ? cJSON_CreateString(kinds[i]) : cJSON_CreateNull());
        cJSON_DeleteItemFromObject(r, "wall_s");
        if (i < 3)
            cJSON_AddNumberToObject(r, "wall_s", i == 0 ? 0.1 + 0.2 : i == 1 ? (double)NAN : 1e-7);
        ok(store_record_add(s, r, &err), err);
        cJSON_Delete(r);
        free(name);
        if (i == 1)
            ok(store_commit(s, &err), err);
    }
    ok(store_commit(s, &err), err);
    store_close(s);
    assert_rows_match_lines(*state, 4);
}

static void a_record_queued_during_a_group_waits_for_the_next(void **state) {
    struct store *s = open_store(*state);
    struct store_group *g = NULL;
    struct error err = {0};
    add_text(s, "first");
    ok(store_group_begin(&g, s, &err), err);
    assert_int_equal(store_queued(s), 0);
    add_text(s, "second");
    ok(store_group_write(g, &err), err);
    store_group_end(g, 0);
    assert_int_equal(store_queued(s), 1);
    assert_int_equal(store_unindexed(s), 1);
    assert_unknown(s, "first");
    ok(store_index(s, &err), err);
    assert_int_equal(store_unindexed(s), 0);
    assert_known(s, "first");
    assert_unknown(s, "second");
    ok(store_commit(s, &err), err);
    assert_known(s, "second");
    store_close(s);
    assert_rows_match_lines(*state, 2);
}

static void several_groups_get_their_rows_at_once(void **state) {
    struct store *s = open_store(*state);
    struct error err = {0};
    add_text(s, "first");
    write_group(s);
    add_text(s, "second");
    write_group(s);
    assert_int_equal(store_unindexed(s), 2);
    ok(store_index(s, &err), err);
    assert_known(s, "first");
    assert_known(s, "second");
    store_close(s);
    assert_rows_match_lines(*state, 2);
}

/* The later record of a group must not overtake: of two records of a key the earlier counts. */
static void a_failed_group_is_queued_again_in_its_order(void **state) {
    struct store *s = open_store(*state);
    struct store_group *g = NULL;
    struct error err = {0};
    char found[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    struct digest key = key_of("k");
    static const char *const texts[] = {"first", "second"};
    for (int i = 0; i < 2; i++) {
        struct object o = put_text(s, texts[i]);
        cJSON *r = make_record(&key, "k", &o);
        ok(store_record_add(s, r, &err), err);
        cJSON_Delete(r);
        if (i == 0)
            ok(store_group_begin(&g, s, &err), err);
    }
    store_group_end(g, ERR_IO);
    assert_int_equal(store_queued(s), 2);
    ok(store_commit(s, &err), err);
    assert_string_equal(find_known(s, "k", found), hex_of("first", expected));
    store_close(s);
    assert_rows_match_lines(*state, 2);
}

static void rows_that_another_engine_has_read_already_stay(void **state) {
    struct store *a = open_store(*state);
    struct error err = {0};
    add_text(a, "first");
    write_group(a);
    struct store *b = open_store(*state);
    assert_known(b, "first");
    ok(store_index(a, &err), err);
    add_text(a, "second");
    ok(store_commit(a, &err), err);
    assert_known(b, "second");
    store_close(a);
    store_close(b);
    assert_rows_match_lines(*state, 2);
}

/* Another engine may empty and fill the index between a group and its rows. */
static void rows_of_a_lost_index_are_read_from_the_segment(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    char *db = path_join(p->directory, "state.db");
    commit_text(s, "first", "first");
    add_text(s, "second");
    write_group(s);
    write_text(db, "", 0644);
    ok(store_index(s, &err), err);
    assert_known(s, "first");
    assert_known(s, "second");
    store_close(s);
    assert_rows_match_lines(p, 2);
    free(db);
}

/* Its line is left out by every reader, so it must have no row. */
static void a_record_that_cannot_be_read_gets_no_row(void **state) {
    struct store *s = open_store(*state);
    struct error err = {0};
    cJSON *r = strange_record(s, "broken");
    cJSON_AddStringToObject(r, "path", "\xff is no UTF-8");
    ok(store_record_add(s, r, &err), err);
    add_text(s, "whole");
    ok(store_commit(s, &err), err);
    assert_unknown(s, "broken");
    assert_known(s, "whole");
    cJSON_Delete(r);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_rows_are_those_that_reading_the_lines_gives, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_record_queued_during_a_group_waits_for_the_next, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(several_groups_get_their_rows_at_once, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_failed_group_is_queued_again_in_its_order, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(rows_that_another_engine_has_read_already_stay, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(rows_of_a_lost_index_are_read_from_the_segment, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_record_that_cannot_be_read_gets_no_row, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
