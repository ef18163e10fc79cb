/* Of several records of a key one of this store counts, and without one the foreign record that arrived first. */
#include <sqlite3.h>

#include "store/segment.h"
#include "tests/unit/store/gc_fixture.h"

/* Records that come from elsewhere, made at a time of their own. */
static void import_text(struct store *s, const char *name, const char *text, const char *made) {
    struct error err = {0};
    struct digest key = key_of(name);
    struct object o = put_text(s, text);
    cJSON *r = make_record(&key, name, &o);
    cJSON_AddStringToObject(r, "started", made);
    ok(store_record_import(s, r, &err), err);
    ok(store_commit(s, &err), err);
    cJSON_Delete(r);
}

/* The out of a key, by its record and by its row. */
static void assert_out(struct store *s, const char *name, const char *text) {
    char found[DIGEST_HEX_SIZE], wanted[DIGEST_HEX_SIZE];
    assert_string_equal(find_out(s, name, found), hex_of(text, wanted));
    assert_string_equal(find_known(s, name, found), wanted);
}

static void assert_out_after_a_rebuild(const struct place *p, const char *name, const char *text) {
    char *path = path_join(p->directory, "state.db");
    assert_int_equal(unlink(path), 0);
    free(path);
    struct store *s = open_store(p);
    assert_out(s, name, text);
    store_close(s);
}

/* A segment of an engine with another clock: one line of a record of `name`, whose out holds `name`. */
static void write_segment(const struct place *p, const char *segment, const char *name, int64_t at) {
    struct store *s = open_store(p);
    char *line = make_line(s, name, at), *path = mem_printf("%s/actions/%s.jsonl", p->directory, segment);
    write_text(path, line, 0644);
    store_close(s);
    free(path);
    free(line);
}

static void assert_format(const struct place *p, const char *text) {
    char *path = path_join(p->directory, "format"), *found = read_text(path);
    assert_string_equal(found, text);
    free(found);
    free(path);
}

static void a_later_record_of_this_store_wins(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    import_text(s, "k", "foreign", "2001-01-01T00:00:00Z");
    assert_out(s, "k", "foreign");
    commit_text(s, "k", "local");
    assert_out(s, "k", "local");
    store_close(s);
    assert_out_after_a_rebuild(p, "k", "local");
}

static void an_earlier_record_of_this_store_wins(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    commit_text(s, "k", "local");
    import_text(s, "k", "foreign", "2001-01-01T00:00:00Z");
    assert_out(s, "k", "local");
    store_close(s);
    assert_out_after_a_rebuild(p, "k", "local");
}

static void of_foreign_records_the_first_that_arrived_counts(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    import_text(s, "k", "first", "2026-01-01T00:00:00Z");
    import_text(s, "k", "second", "2001-01-01T00:00:00Z");
    assert_out(s, "k", "first");
    store_close(s);
    s = open_store(p);
    import_text(s, "k", "third", "1999-01-01T00:00:00Z");
    assert_out(s, "k", "first");
    store_close(s);
    assert_out_after_a_rebuild(p, "k", "first");
}

/* The line of 2096 stands for an engine whose clock was ahead. */
static void a_clock_set_back_changes_no_order_of_foreign_records(void **state) {
    const struct place *p = *state;
    write_segment(p, "ahead", "k", SEGMENT_FOREIGN + INT64_C(4000000000000000000));
    struct store *s = open_store(p);
    import_text(s, "k", "late", "2001-01-01T00:00:00Z");
    assert_out(s, "k", "k");
    store_close(s);
    assert_out_after_a_rebuild(p, "k", "k");
}

static void a_foreign_record_of_a_clock_ahead_makes_no_later_record_foreign(void **state) {
    const struct place *p = *state;
    write_segment(p, "ahead", "x", SEGMENT_FOREIGN + INT64_C(4000000000000000000));
    struct store *s = open_store(p);
    import_text(s, "k", "foreign", "2001-01-01T00:00:00Z");
    commit_text(s, "k", "local");
    assert_out(s, "k", "local");
    store_close(s);
    assert_out_after_a_rebuild(p, "k", "local");
}

static void a_record_without_its_objects_is_refused_and_changes_nothing(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct digest key = key_of("k");
    struct object o = {.digest = key_of("never stored"), .size = 12};
    cJSON *r = make_record(&key, "k", &o);
    assert_int_equal(store_record_import(s, r, &err), ERR_NOT_FOUND);
    assert_int_equal(store_queued(s), 0);
    assert_format(p, "retort store 1\n");
    cJSON_Delete(r);
    store_close(s);
}

static void the_first_foreign_record_raises_the_format(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    import_text(s, "k", "foreign", "2001-01-01T00:00:00Z");
    store_close(s);
    assert_format(p, "retort store 3\n");
}

static void fsck_takes_foreign_records(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    import_text(s, "k", "foreign", "2001-01-01T00:00:00Z");
    commit_text(s, "k", "local");
    store_close(s);
    check_whole(p);
}

static void gc_keeps_a_young_foreign_record_and_drops_an_old_one(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct gc_report r;
    write_segment(p, "old", "old", SEGMENT_FOREIGN + INT64_C(1000000000000000000)); /* in 2001 */
    struct store *s = open_store(p);
    import_text(s, "young", "young", "2001-01-01T00:00:00Z");
    store_close(s);
    s = open_store(p);
    ok(store_gc(s, &(struct gc_options){.grace_s = 3600}, &r, &err), err);
    store_close(s);
    assert_int_equal(r.records, 1);
    assert_false(is_known(p, "old"));
    assert_true(is_known(p, "young"));
}

static void the_newest_records_are_those_of_this_store(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct buffer text = {0};
    cJSON **found;
    size_t count;
    struct digest key = key_of("k");
    for (int i = 0; i < 5; i++) {
        cJSON *r = make_record(&key, "a[n=1]", NULL);
        cJSON_AddNumberToObject(r, "i", i);
        ok(i % 2 == 0 ? store_record_import(s, r, &err) : store_record_add(s, r, &err), err);
        cJSON_Delete(r);
    }
    ok(store_commit(s, &err), err);
    ok(store_record_newest(s, RECORDS_OF_STAGE, "a", 4, &found, &count, &err), err);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&text, "%d", (int)json_double(found[i], "i", -1));
        cJSON_Delete(found[i]);
    }
    assert_string_equal(buffer_text(&text), "3142");
    buffer_close(&text);
    free(found);
    store_close(s);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_later_record_of_this_store_wins),
        TEST(an_earlier_record_of_this_store_wins),
        TEST(of_foreign_records_the_first_that_arrived_counts),
        TEST(a_clock_set_back_changes_no_order_of_foreign_records),
        TEST(a_foreign_record_of_a_clock_ahead_makes_no_later_record_foreign),
        TEST(a_record_without_its_objects_is_refused_and_changes_nothing),
        TEST(the_first_foreign_record_raises_the_format),
        TEST(fsck_takes_foreign_records),
        TEST(gc_keeps_a_young_foreign_record_and_drops_an_old_one),
        TEST(the_newest_records_are_those_of_this_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
