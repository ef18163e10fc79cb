/* A withdrawn record counts no longer in its store, whatever is rebuilt, collected or lost. */
#include <sqlite3.h>

#include "store/attempts.h"
#include "tests/unit/store/gc_fixture.h"

/* A run that makes another result of a key and withdraws what there was. */
static void make_anew(const struct place *p, const char *name, const char *text) {
    struct store *s = open_store(p);
    struct error err = {0};
    struct digest key = key_of(name);
    ok(store_run_begin(s, "study", NULL, &err), err);
    struct object o = put_text(s, text);
    cJSON *r = make_record(&key, name, &o);
    ok(store_record_add(s, r, &err), err);
    ok(store_withdraw(s, &key, &err), err);
    ok(store_commit(s, &err), err);
    cJSON_Delete(r);
    cJSON *run = cJSON_CreateObject(), *stage = cJSON_CreateObject();
    char hex[DIGEST_HEX_SIZE];
    cJSON_AddStringToObject(stage, "stage", name);
    cJSON_AddStringToObject(stage, "key", hex_of(name, hex));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(run, "stages"), stage);
    cJSON_AddNumberToObject(run, "exit", 0);
    ok(store_run_write(s, run, &err), err);
    cJSON_Delete(run);
    store_close(s);
}

/* Record and row of a key, as a newly opened store sees them, have an out with this text; NULL: it has none. */
static void assert_out(const struct place *p, const char *name, const char *text) {
    char found[DIGEST_HEX_SIZE], wanted[DIGEST_HEX_SIZE] = "";
    struct store *s = open_store(p);
    if (text)
        hex_of(text, wanted);
    assert_string_equal(find_out(s, name, found), wanted);
    assert_string_equal(find_known(s, name, found), wanted);
    store_close(s);
}

static void remove_index(const struct place *p) {
    char *path = path_join(p->directory, "state.db");
    assert_int_equal(unlink(path), 0);
    free(path);
}

/* Segments sort by the ids of their runs. The caller frees. */
static char *segment_path(const struct place *p, size_t index) {
    char *command = mem_printf("ls %s/actions | sed -n %zup", p->directory, index + 1);
    FILE *f = popen(command, "r");
    char name[256] = {0};
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%255s", name), 1);
    pclose(f);
    free(command);
    return mem_printf("%s/actions/%s", p->directory, name);
}

static void assert_format(const struct place *p, const char *text) {
    char *path = path_join(p->directory, "format"), *found = read_text(path);
    assert_string_equal(found, text);
    free(found);
    free(path);
}

static char *fsck_says(const struct place *p) {
    struct fsck_report r;
    struct error err = {0};
    struct buffer said = {0};
    ok(store_fsck(p->directory, &r, keep_line, &said, &err), err);
    return buffer_detach(&said);
}

/* ---- look-ups ---- */

static void the_new_record_counts_once_the_old_one_is_withdrawn(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    assert_out(p, "k", "k");
    make_anew(p, "k", "other");
    assert_out(p, "k", "other");
    make_anew(p, "k", "third");
    assert_out(p, "k", "third");
}

static void an_index_filled_anew_honours_withdrawals(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    remove_index(p);
    assert_out(p, "k", "other");
}

/* gc gives segments other names. */
static void a_withdrawal_may_be_read_before_its_record(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    char *last = segment_path(p, 1), *first = mem_printf("%s/actions/0.jsonl", p->directory);
    assert_int_equal(rename(last, first), 0);
    remove_index(p);
    assert_out(p, "k", "other");
    free(first);
    free(last);
}

static void all_records_of_a_key_are_withdrawn(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    struct store *s = open_store(p);
    commit_text(s, "k", "late"); /* another engine was late with the same work */
    store_close(s);
    make_anew(p, "k", "other");
    assert_out(p, "k", "other");
}

static void a_key_without_a_record_has_nothing_to_withdraw(void **state) {
    const struct place *p = *state;
    make_anew(p, "k", "first");
    assert_out(p, "k", "first");
    assert_format(p, "retort store 1\n");
}

static void the_runs_that_withdrew_are_told(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct texts runs = {0};
    struct digest key = key_of("k");
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    struct store *s = open_store(p);
    ok(store_withdrawals(&runs, s, &key, &err), err);
    char *last = segment_path(p, 1);
    assert_int_equal(runs.count, 1);
    assert_non_null(strstr(last, runs.list[0]));
    texts_close(&runs);
    store_close(s);
    free(last);
}

static void count_record(void *context, const cJSON *record) {
    (void)record;
    ++*(size_t *)context;
}

static void a_withdrawal_is_no_record_of_its_run(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct texts ids = {0};
    size_t records = 0;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    struct store *s = open_store(p);
    ok(store_run_list(s, &ids, &err), err);
    ok(store_run_records(s, ids.list[0], count_record, &records, &err), err);
    assert_int_equal(records, 1);
    texts_close(&ids);
    store_close(s);
}

/* ---- formats ---- */

static void the_first_withdrawal_raises_the_format(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    assert_format(p, "retort store 1\n");
    make_anew(p, "k", "other");
    assert_format(p, "retort store 2\n");
    make_anew(p, "k", "third");
    assert_format(p, "retort store 2\n");
}

static void an_index_of_the_schema_before_gets_the_table(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    change_index(p, "DROP TABLE withdrawn; PRAGMA user_version = 2");
    assert_out(p, "k", "k");
    make_anew(p, "k", "other");
    assert_out(p, "k", "other");
}

/* ---- losses ---- */

static void a_record_whose_withdrawal_is_lost_counts_again(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    char *last = segment_path(p, 1);
    assert_int_equal(unlink(last), 0);
    free(last);
    struct store *s = open_store(p); /* it says that the segment is gone, and reads the others anew */
    store_close(s);
    assert_out(p, "k", "k");
}

static void half_of_the_group_loses_no_result(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    char *last = segment_path(p, 1), *text = read_text(last);
    size_t record = strcspn(text, "\n") + 1;
    assert_true(record < strlen(text)); /* the record comes before the withdrawal */
    assert_int_equal(truncate(last, (off_t)record), 0);
    remove_index(p);
    assert_out(p, "k", "k");
    assert_int_equal(truncate(last, 0), 0);
    remove_index(p);
    assert_out(p, "k", "k");
    free(text);
    free(last);
}

static void a_damaged_withdrawal_does_not_count(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    char *last = segment_path(p, 1), *text = read_text(last);
    flip_byte(last, (off_t)(strstr(text, "retort_withdrawal") - text));
    remove_index(p);
    assert_out(p, "k", "k");
    free(text);
    free(last);
}

/* ---- fsck ---- */

static void fsck_takes_withdrawals(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    check_whole(p);
}

static void fsck_mends_rows_of_withdrawals(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    change_index(p, "DELETE FROM withdrawn");
    char *said = fsck_says(p);
    assert_non_null(strstr(said, "its rows for actions/"));
    free(said);
    check_whole(p);
    assert_out(p, "k", "other");
}

static void fsck_removes_the_row_of_a_withdrawn_record(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    change_index(p, "CREATE TABLE kept AS SELECT * FROM record");
    make_anew(p, "k", "other");
    change_index(p, "INSERT INTO record SELECT * FROM kept; DROP TABLE kept");
    assert_out(p, "k", "k"); /* as if the row had come back */
    free(fsck_says(p));
    assert_out(p, "k", "other");
    check_whole(p);
}

static void fsck_tells_a_withdrawal_of_no_record(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    char *first = segment_path(p, 0);
    assert_int_equal(unlink(first), 0);
    char *said = fsck_says(p);
    assert_non_null(strstr(said, "names no record that is there"));
    assert_out(p, "k", "other");
    free(said);
    free(first);
}

/* ---- gc ---- */

static void gc_keeps_a_withdrawal_as_long_as_its_record(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k", "x");
    make_anew(p, "k", "other");
    RUN_AGAIN(p, "study", "k", "x"); /* a newer run needs both keys */
    collect(p, 1);
    assert_out(p, "k", "other");
    remove_index(p);
    assert_out(p, "k", "other");
    check_whole(p);
}

static void gc_drops_it_once_its_record_is_gone(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "k");
    make_anew(p, "k", "other");
    RUN(p, "study", "x");
    collect(p, 1);
    assert_out(p, "k", NULL); /* no kept run needs the key */
    remove_index(p);
    assert_out(p, "k", NULL);
    collect(p, 1);
    assert_int_equal(count_in(p, "actions"), 1);
    assert_out(p, "x", "x");
    check_whole(p);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_new_record_counts_once_the_old_one_is_withdrawn),
        TEST(an_index_filled_anew_honours_withdrawals),
        TEST(a_withdrawal_may_be_read_before_its_record),
        TEST(all_records_of_a_key_are_withdrawn),
        TEST(a_key_without_a_record_has_nothing_to_withdraw),
        TEST(the_runs_that_withdrew_are_told),
        TEST(a_withdrawal_is_no_record_of_its_run),
        TEST(the_first_withdrawal_raises_the_format),
        TEST(an_index_of_the_schema_before_gets_the_table),
        TEST(a_record_whose_withdrawal_is_lost_counts_again),
        TEST(half_of_the_group_loses_no_result),
        TEST(a_damaged_withdrawal_does_not_count),
        TEST(fsck_takes_withdrawals),
        TEST(fsck_mends_rows_of_withdrawals),
        TEST(fsck_removes_the_row_of_a_withdrawn_record),
        TEST(fsck_tells_a_withdrawal_of_no_record),
        TEST(gc_keeps_a_withdrawal_as_long_as_its_record),
        TEST(gc_drops_it_once_its_record_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
