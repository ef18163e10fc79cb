#include "tests/unit/store/fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <time.h>

static struct fsck_report run_fsck(const struct place *p, struct buffer *said) {
    struct fsck_report report;
    struct error err = {0};
    buffer_clear(said);
    ok(store_fsck(p->directory, &report, keep_line, said, &err), err);
    return report;
}

static void assert_report(struct fsck_report r, uint64_t damaged, uint64_t missing, uint64_t bad_lines,
                          uint64_t orphaned, uint64_t rebuilt) {
    assert_int_equal(r.damaged, damaged);
    assert_int_equal(r.missing, missing);
    assert_int_equal(r.bad_lines, bad_lines);
    assert_int_equal(r.orphaned, orphaned);
    assert_int_equal(r.rebuilt, rebuilt);
}

/* Damage that no time stamp shows. */
static void flip_silently(const char *path, off_t offset) {
    const struct timespec times[2] = {{.tv_sec = 946684800}, {.tv_sec = 946684800}};
    flip_byte(path, offset);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Three records; two share an object. Returns the path of the shared one. */
static char *fill(const struct place *p) {
    struct store *s = open_store(p);
    commit_text(s, "a", "shared");
    commit_text(s, "b", "shared");
    struct object o = commit_text(s, "c", "own");
    o.digest = key_of("shared");
    char *path = store_object_path(s, &o.digest);
    store_close(s);
    return path;
}

static void a_clean_store_has_no_findings(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    free(fill(p));
    struct fsck_report r = run_fsck(p, &said);
    assert_int_equal(r.objects, 2);
    assert_int_equal(r.object_bytes, strlen("shared") + strlen("own"));
    assert_int_equal(r.records, 3);
    assert_report(r, 0, 0, 0, 0, 0);
    assert_string_equal(buffer_text(&said), "");
    buffer_close(&said);
}

static void a_damaged_object_orphans_its_records(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    char hex[DIGEST_HEX_SIZE];
    char *path = fill(p);
    flip_silently(path, 2);
    assert_report(run_fsck(p, &said), 1, 1, 0, 2, 0);
    assert_non_null(strstr(said.data, path));
    assert_non_null(strstr(said.data, "the record of a "));
    assert_non_null(strstr(said.data, "the record of b "));
    struct store *s = open_store(p);
    assert_string_equal(find_out(s, "a", hex), "");
    assert_int_equal(strlen(find_out(s, "c", hex)), 64);
    put_text(s, "shared"); /* made again: all is well, and the damaged one is kept aside */
    store_close(s);
    assert_report(run_fsck(p, &said), 0, 0, 0, 0, 0);
    char *aside = mem_printf("%s/objects/damaged/%s", p->directory, hex_of("shared", hex));
    assert_true(file_exists(aside));
    free(aside);
    free(path);
    buffer_close(&said);
}

static void a_truncated_object_is_damaged_a_removed_one_missing(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    char *path = fill(p);
    assert_int_equal(truncate(path, 0), 0);
    assert_report(run_fsck(p, &said), 1, 1, 0, 2, 0);
    assert_report(run_fsck(p, &said), 0, 1, 0, 2, 0);
    free(path);
    buffer_close(&said);
}

static void a_directory_is_checked_file_by_file(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    struct error err = {0};
    struct object o;
    struct digest key = key_of("d");
    struct store *s = open_store(p);
    char *work = store_work_path(s, "x");
    char *path = path_join(work, "file");
    ok(file_make_directory(work, &err), err);
    write_text(path, "inside", 0644);
    ok(store_object_put(s, AT_FDCWD, work, &o, &err), err);
    cJSON *r = make_record(&key, "d", &o);
    ok(store_record_add(s, r, &err), err);
    ok(store_commit(s, &err), err);
    struct digest inside = key_of("inside");
    char *file = store_object_path(s, &inside);
    char *listing = store_object_path(s, &o.digest);
    store_close(s);
    assert_report(run_fsck(p, &said), 0, 0, 0, 0, 0);
    flip_silently(file, 0);
    assert_report(run_fsck(p, &said), 1, 1, 0, 1, 0);
    s = open_store(p);
    put_text(s, "inside");
    store_close(s);
    assert_report(run_fsck(p, &said), 0, 0, 0, 0, 0);
    flip_silently(listing, 30);
    assert_report(run_fsck(p, &said), 1, 1, 0, 1, 0);
    cJSON_Delete(r);
    free(listing);
    free(file);
    free(path);
    free(work);
    buffer_close(&said);
}

static void damaged_lines_are_counted(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    struct stat st;
    free(fill(p));
    char *segment = only_segment(p);
    assert_int_equal(stat(segment, &st), 0);
    flip_byte(segment, 70); /* in the first line */
    struct fsck_report r = run_fsck(p, &said);
    assert_int_equal(r.records, 2);
    assert_report(r, 0, 0, 1, 0, 2);    /* its row goes; the segment's two others are written with it */
    flip_byte(segment, st.st_size - 1); /* the last newline: not a line that was never finished */
    r = run_fsck(p, &said);
    assert_int_equal(r.records, 1);
    assert_report(r, 0, 0, 2, 0, 1);
    free(segment);
    buffer_close(&said);
}

static off_t first_newline(const char *path) {
    struct buffer b = {0};
    struct error err = {0};
    ok(file_read(&b, path, 1 << 20, &err), err);
    off_t place = (off_t)strcspn(buffer_text(&b), "\n");
    buffer_close(&b);
    return place;
}

/* A record that the index still finds is found afterwards too; only the line before is lost. */
static void a_damaged_newline_loses_one_record(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    char hex[DIGEST_HEX_SIZE];
    free(fill(p));
    char *segment = only_segment(p);
    off_t newline = first_newline(segment);
    flip_byte(segment, newline);
    for (int i = 0; i < 2; i++) {
        struct fsck_report r = run_fsck(p, &said);
        assert_int_equal(r.records, 2);
        assert_report(r, 0, 0, 1, 0, i == 0 ? 2 : 0);
        struct store *s = open_store(p);
        assert_string_equal(find_out(s, "a", hex), "");
        assert_int_equal(strlen(find_out(s, "b", hex)), 64);
        assert_int_equal(strlen(find_out(s, "c", hex)), 64);
        store_close(s);
    }
    flip_byte(segment, newline + 70); /* the record behind it too: nothing of the line is served */
    struct fsck_report r = run_fsck(p, &said);
    assert_int_equal(r.records, 1);
    assert_report(r, 0, 0, 1, 0, 1);
    free(segment);
    buffer_close(&said);
}

static void wrong_rows_are_written_anew(void **state) {
    static const char *const wrong[] = {
        "UPDATE record SET key = zeroblob(32) WHERE stage = 'b'",
        "DELETE FROM record WHERE stage = 'b'",
        "UPDATE record SET start = start + 1 WHERE stage = 'b'",
        "UPDATE record SET at = 1 WHERE stage = 'b'",
        "UPDATE record SET platform = 'nowhere' WHERE stage = 'b'",
        "UPDATE record SET declared = 'x' WHERE stage = 'b'",
        "UPDATE record SET known = zeroblob(length(known)) WHERE stage = 'b'",
        "UPDATE record SET guard = NULL WHERE stage = 'b'",
        "INSERT INTO record(segment, start, length, at, key, stage, declared, kind, platform, wall_s, known, guard) "
        "SELECT segment, start + 7, length, at, key, stage, declared, kind, platform, wall_s, known, guard FROM record",
    };
    const struct place *p = *state;
    struct buffer said = {0};
    free(fill(p));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char hex[DIGEST_HEX_SIZE];
        change_index(p, wrong[i]);
        assert_report(run_fsck(p, &said), 0, 0, 0, 0, 3);
        assert_non_null(strstr(said.data, "state.db"));
        assert_report(run_fsck(p, &said), 0, 0, 0, 0, 0);
        struct store *s = open_store(p);
        assert_int_equal(strlen(find_out(s, "b", hex)), 64);
        store_close(s);
    }
    buffer_close(&said);
}

/* A row that was moved to another key must not make that key known. */
static void a_row_of_another_key_serves_nothing(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    free(fill(p));
    change_index(p, "UPDATE record SET key = (SELECT key FROM record WHERE stage = 'a') WHERE stage = 'c'");
    change_index(p, "DELETE FROM record WHERE stage = 'a'");
    struct store *s = open_store(p);
    assert_string_equal(find_out(s, "a", hex), "");
    assert_string_equal(find_known(s, "a", hex), "");
    store_close(s);
}

static void strange_files_are_told_and_left(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    free(fill(p));
    char *folder = path_join(p->directory, "objects/00");
    char *note = path_join(folder, "note.txt");
    assert_int_equal(file_make_directory(folder, NULL), 0);
    write_text(note, "mine", 0644);
    assert_report(run_fsck(p, &said), 0, 0, 0, 0, 0);
    assert_non_null(strstr(said.data, "note.txt"));
    assert_true(file_exists(note));
    free(note);
    free(folder);
    buffer_close(&said);
}

static void remove_segment(const char *segment) {
    assert_int_equal(unlink(segment), 0);
}

static void cut_segment(const char *segment) {
    struct stat st;
    assert_int_equal(stat(segment, &st), 0);
    assert_int_equal(truncate(segment, st.st_size / 2), 0);
}

/* Nothing is left of what they held but that the index knew of it: that is told, and counted, once. */
static void a_segment_that_is_gone_or_cut_is_counted_once(void **state) {
    static void (*const ways[])(const char *segment) = {cut_segment, remove_segment};
    const struct place *p = *state;
    struct buffer said = {0};
    free(fill(p));
    char *segment = only_segment(p);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        ways[i](segment);
        assert_int_equal(run_fsck(p, &said).lost_segments, 1);
        assert_non_null(strstr(said.data, segment));
        assert_int_equal(run_fsck(p, &said).lost_segments, 0);
        assert_string_equal(buffer_text(&said), "");
    }
    free(segment);
    buffer_close(&said);
}

static void a_damaged_index_is_no_lost_segment(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    free(fill(p));
    char *path = path_join(p->directory, "state.db");
    write_text(path, "no database", 0644);
    struct fsck_report r = run_fsck(p, &said);
    assert_int_equal(r.lost_segments, 0);
    assert_int_equal(r.records, 3);
    free(path);
    buffer_close(&said);
}

/* A run, and an attempt of it with a name that its file cannot have. Returns their paths in `paths`. */
static void write_documents(const struct place *p, char *paths[2]) {
    struct error err = {0};
    struct store *s = open_store(p);
    ok(store_run_begin(s, "study", NULL, &err), err);
    ok(store_run_write(s, NULL, &err), err);
    char *attempt = mem_printf("%s-a/b-1", store_run_id(s));
    cJSON *record = cJSON_CreateObject();
    cJSON_AddStringToObject(record, "attempt", attempt);
    ok(store_attempt_write(s, attempt, record, &err), err);
    paths[0] = mem_printf("%s/runs/%s.json", p->directory, store_run_id(s));
    paths[1] = mem_printf("%s/attempts/%s-a%%2Fb-1.json", p->directory, store_run_id(s));
    assert_true(file_exists(paths[0]) && file_exists(paths[1]));
    cJSON_Delete(record);
    free(attempt);
    store_close(s);
}

static void damaged_runs_and_attempts_are_set_aside(void **state) {
    static const char *const damage[] = {
        "", "{\"id\": \"2026", "garbage", "[]", "{}", "{\"id\": \"x\", \"attempt\": \"x\"}"};
    const struct place *p = *state;
    struct buffer said = {0};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++)
        for (size_t which = 0; which < 2; which++) {
            char *paths[2];
            write_documents(p, paths);
            struct fsck_report r = run_fsck(p, &said);
            uint64_t runs = r.runs, attempts = r.attempts;
            assert_int_equal(r.damaged_files, 0);
            write_text(paths[which], damage[i], 0644);
            r = run_fsck(p, &said);
            assert_int_equal(r.damaged_files, 1);
            assert_int_equal(r.runs, runs);
            assert_int_equal(r.attempts, attempts);
            assert_memory_equal(said.data, paths[which], strlen(paths[which]));
            char *aside = mem_printf("%s.damaged", paths[which]), *kept = read_text(aside);
            assert_string_equal(kept, damage[i]); /* for whoever can mend it */
            assert_false(file_exists(paths[which]));
            r = run_fsck(p, &said);
            assert_string_equal(buffer_text(&said), "");
            assert_int_equal(r.damaged_files, 0);
            assert_int_equal(r.runs, runs - (which == 0));
            assert_int_equal(r.attempts, attempts - (which == 1));
            free(kept);
            free(aside);
            free(paths[0]);
            free(paths[1]);
        }
    buffer_close(&said);
}

static void an_object_that_is_no_file_is_set_aside_too(void **state) {
    const struct place *p = *state;
    struct buffer said = {0};
    char *paths[2];
    write_documents(p, paths);
    assert_int_equal(unlink(paths[0]), 0);
    assert_int_equal(mkdir(paths[0], 0755), 0);
    assert_int_equal(run_fsck(p, &said).damaged_files, 1);
    assert_int_equal(run_fsck(p, &said).damaged_files, 0);
    free(paths[0]);
    free(paths[1]);
    buffer_close(&said);
}

static void a_damaged_run_is_no_wrong_use(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char *paths[2];
    cJSON *tree = NULL;
    write_documents(p, paths);
    write_text(paths[0], "{", 0644);
    struct store *s = open_store(p);
    assert_int_equal(store_run_read(s, "latest", &tree, &err), ERR_CORRUPT);
    assert_memory_equal(err.message, paths[0], strlen(paths[0]));
    assert_non_null(strstr(err.message, "retort fsck"));
    assert_null(tree);
    store_close(s);
    free(paths[0]);
    free(paths[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_clean_store_has_no_findings, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_object_orphans_its_records, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_truncated_object_is_damaged_a_removed_one_missing, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_directory_is_checked_file_by_file, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(damaged_lines_are_counted, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_newline_loses_one_record, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(wrong_rows_are_written_anew, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_row_of_another_key_serves_nothing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(strange_files_are_told_and_left, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_segment_that_is_gone_or_cut_is_counted_once, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_index_is_no_lost_segment, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(damaged_runs_and_attempts_are_set_aside, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(an_object_that_is_no_file_is_set_aside_too, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_run_is_no_wrong_use, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
