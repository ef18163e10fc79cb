#include "tests/unit/store/fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

enum { RECORDS = 40 };

static void fill(const struct place *p) {
    struct store *s = open_store(p);
    struct error err = {0};
    for (int i = 0; i < RECORDS; i++) {
        char *name = mem_printf("key %d", i);
        struct digest key = key_of(name);
        struct object o = put_text(s, name);
        cJSON *r = make_record(&key, name, &o);
        ok(store_record_add(s, r, &err), err);
        cJSON_Delete(r);
        free(name);
    }
    ok(store_commit(s, &err), err);
    store_close(s);
}

/* How many keys are found; none may be found wrong. */
static int found(struct store *s) {
    int count = 0;
    for (int i = 0; i < RECORDS; i++) {
        char hex[DIGEST_HEX_SIZE];
        char expected[DIGEST_HEX_SIZE];
        char *name = mem_printf("key %d", i);
        find_out(s, name, hex);
        if (*hex) {
            assert_string_equal(hex, hex_of(name, expected));
            count++;
        }
        free(name);
    }
    return count;
}

static void a_tail_that_is_not_indexed_is_found(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    fill(p);
    struct store *s = open_store(p);
    char *line = make_line(s, "late", 1700000000000000000);
    char *segment = only_segment(p);
    store_close(s);
    append_text(segment, line);
    s = open_store(p);
    assert_string_equal(find_out(s, "late", hex), hex_of("late", expected));
    assert_int_equal(found(s), RECORDS);
    store_close(s);
    free(segment);
    free(line);
}

static void a_torn_last_line_is_left_alone(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    fill(p);
    struct store *s = open_store(p);
    char *line = make_line(s, "torn", 1700000000000000000);
    char *segment = only_segment(p);
    store_close(s);
    size_t length = strlen(line);
    line[length / 2] = '\0';
    append_text(segment, line);
    char *before = read_text(segment);
    s = open_store(p);
    assert_string_equal(find_out(s, "torn", hex), "");
    commit_text(s, "new", "new"); /* goes into a segment of its own */
    char *after = read_text(segment);
    assert_string_equal(before, after);
    assert_string_equal(find_out(s, "new", hex), hex_of("new", expected));
    assert_int_equal(found(s), RECORDS);
    store_close(s);
    free(after);
    free(before);
    free(segment);
    free(line);
}

/* An existing file with the name of our segment is never appended to. */
static void a_segment_that_is_there_is_never_appended_to(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    ok(store_run_begin(s, "study", NULL, &err), err);
    char *segment = mem_printf("%s/actions/%s.jsonl", p->directory, store_run_id(s));
    write_text(segment, "torn", 0644);
    commit_text(s, "new", "new");
    char *text = read_text(segment);
    assert_string_equal(text, "torn");
    assert_string_equal(find_out(s, "new", hex), hex_of("new", expected));
    free(text);
    free(segment);
    store_close(s);
}

/* Another engine is in the middle of a line when we open; then it finishes it. */
static void a_line_that_is_finished_later_is_found_later(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    fill(p);
    struct store *s = open_store(p);
    char *line = make_line(s, "late", 1700000000000000000);
    char *rest = mem_strdup(line + 100);
    char *segment = only_segment(p);
    store_close(s);
    line[100] = '\0';
    append_text(segment, line);
    s = open_store(p);
    store_close(s);
    append_text(segment, rest);
    s = open_store(p);
    assert_string_equal(find_out(s, "late", hex), hex_of("late", expected));
    store_close(s);
    free(segment);
    free(rest);
    free(line);
}

static void a_damaged_line_costs_one_record(void **state) {
    const struct place *p = *state;
    struct stat st;
    fill(p);
    char *segment = only_segment(p);
    char *db = path_join(p->directory, "state.db");
    assert_int_equal(stat(segment, &st), 0);
    flip_byte(segment, st.st_size / 2);
    struct store *s = open_store(p);
    assert_int_equal(found(s), RECORDS - 1);
    store_close(s);
    assert_int_equal(unlink(db), 0); /* the same without what the index remembers */
    s = open_store(p);
    assert_int_equal(found(s), RECORDS - 1);
    char *said = notices(s);
    assert_non_null(strstr(said, "is left out"));
    store_close(s);
    free(said);
    free(db);
    free(segment);
}

static void a_segment_that_lost_its_end_keeps_its_start(void **state) {
    const struct place *p = *state;
    fill(p);
    char *segment = only_segment(p);
    char *text = read_text(segment);
    size_t size = 0;
    for (int i = 0; i < 10; i++)
        size += strcspn(text + size, "\n") + 1;
    assert_int_equal(truncate(segment, (off_t)size + 7), 0);
    struct store *s = open_store(p);
    assert_int_equal(found(s), 10);
    store_close(s);
    assert_int_equal(unlink(segment), 0);
    s = open_store(p);
    assert_int_equal(found(s), 0);
    char *said = notices(s);
    assert_non_null(strstr(said, "is gone"));
    store_close(s);
    free(said);
    free(text);
    free(segment);
}

/* Every page of the index in turn is overwritten: nothing wrong is found, ever, and fsck brings everything back. */
static void damage_to_any_page_of_the_index_is_mended(void **state) {
    enum { PAGE = 4096 };
    const struct place *p = *state;
    struct stat st;
    char noise[PAGE];
    char *db = path_join(p->directory, "state.db");
    fill(p);
    assert_int_equal(stat(db, &st), 0);
    for (int i = 0; i < PAGE; i++)
        noise[i] = (char)(i * 37 + 11);
    for (off_t page = 0; page < st.st_size / PAGE; page++) {
        for (int half = 0; half < 2; half++) { /* the whole page, then the end of it, where its cells are */
            struct fsck_report report;
            struct error err = {0};
            struct buffer said = {0};
            int fd = open(db, O_RDWR);
            assert_true(fd >= 0);
            assert_int_equal(pwrite(fd, noise, PAGE / 2, page * PAGE + (half ? PAGE / 2 : 0)), PAGE / 2);
            close(fd);
            struct store *s = open_store(p);
            found(s);
            store_close(s);
            ok(store_fsck(p->directory, &report, keep_line, &said, &err), err);
            assert_int_equal(report.records, RECORDS);
            s = open_store(p);
            assert_int_equal(found(s), RECORDS);
            store_close(s);
            buffer_close(&said);
        }
    }
    free(db);
}

static void a_database_that_is_none_is_replaced(void **state) {
    const struct place *p = *state;
    char *db = path_join(p->directory, "state.db");
    char *aside = path_join(p->directory, "state.db.damaged");
    fill(p);
    write_text(db,
               "this is a text, and long enough to have been a header of a hundred bytes, if it had been a "
               "database, which it is not",
               0644);
    struct store *s = open_store(p);
    assert_int_equal(found(s), RECORDS);
    char *said = notices(s);
    assert_non_null(strstr(said, "rebuilt from the records"));
    char *kept = read_text(aside);
    assert_non_null(strstr(kept, "this is a text"));
    store_close(s);
    free(kept);
    free(said);
    free(aside);
    free(db);
}

/* Somebody removes state.db under an engine that runs. */
static void a_database_removed_under_us_is_made_anew(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    char *db = path_join(p->directory, "state.db");
    fill(p);
    struct store *s = open_store(p);
    assert_int_equal(unlink(db), 0);
    commit_text(s, "new", "new");
    assert_string_equal(find_out(s, "new", hex), hex_of("new", expected));
    assert_int_equal(found(s), RECORDS);
    store_close(s);
    s = open_store(p);
    assert_int_equal(found(s), RECORDS);
    store_close(s);
    free(db);
}

static void a_newer_store_and_a_foreign_folder_are_refused(void **state) {
    const struct place *p = *state;
    struct store *s;
    struct error err = {0};
    char *format = path_join(p->directory, "format");
    char *other = path_join(p->root, "other");
    char *file = path_join(other, "thesis.tex");
    assert_int_equal(store_open(&s, p->directory, false, &err), ERR_NOT_FOUND);
    fill(p);
    write_text(format, "retort store 4\n", 0644);
    assert_int_equal(store_open(&s, p->directory, true, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "newer"));
    write_text(format, "something else\n", 0644);
    assert_int_equal(store_open(&s, p->directory, true, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, format));
    assert_int_equal(mkdir(other, 0755), 0);
    write_text(file, "", 0644);
    assert_int_equal(store_open(&s, other, true, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "thesis.tex"));
    assert_int_equal(unlink(format), 0); /* as if killed while it was made */
    s = open_store(p);
    assert_int_equal(found(s), RECORDS);
    store_close(s);
    free(file);
    free(other);
    free(format);
}

/* Reading must not wait for, nor disturb, an engine that is committing: twenty opens beside a hundred commits. */
static void readers_open_beside_a_writer(void **state) {
    const struct place *p = *state;
    fill(p);
    pid_t child = fork();
    if (child == 0) {
        struct store *s = open_store(p);
        for (int i = 0; i < 100; i++) {
            char *name = mem_printf("more %d", i);
            commit_text(s, name, name);
            free(name);
        }
        store_close(s);
        _exit(0);
    }
    for (int i = 0; i < 20; i++) {
        struct store *s = open_store(p);
        assert_int_equal(found(s), RECORDS);
        store_close(s);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* As on a full disk: no file may grow beyond `bytes`. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void queue(struct store *s, const char *name, size_t padding) {
    struct error err = {0};
    struct digest key = key_of(name);
    struct object o = put_text(s, name);
    cJSON *r = make_record(&key, name, &o);
    char *text = mem_alloc(padding + 1);
    memset(text, 'x', padding);
    cJSON_AddStringToObject(r, "padding", text);
    ok(store_record_add(s, r, &err), err);
    free(text);
    cJSON_Delete(r);
}

static void a_failed_append_loses_and_doubles_nothing(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct fsck_report report;
    struct buffer said = {0};
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    signal(SIGXFSZ, SIG_IGN);
    queue(s, "one", 3000);
    queue(s, "two", 3000);
    limit_files(5000); /* within the second line */
    assert_int_equal(store_commit(s, &err), ERR_IO);
    assert_non_null(strstr(err.message, "/actions/"));
    assert_int_equal(store_queued(s), 2);
    limit_files(RLIM_INFINITY);
    ok(store_commit(s, &err), err);
    assert_string_equal(find_out(s, "one", hex), hex_of("one", expected));
    assert_string_equal(find_out(s, "two", hex), hex_of("two", expected));
    store_close(s);
    ok(store_fsck(p->directory, &report, keep_line, &said, &err), err);
    assert_int_equal(report.bad_lines + report.orphaned + report.rebuilt, 0);
    assert_int_equal(report.records, 3); /* the first line was whole: it is the same record twice */
    buffer_close(&said);
}

static void records_that_only_the_index_missed_are_added(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    fill(p);
    struct store *s = open_store(p);
    signal(SIGXFSZ, SIG_IGN);
    queue(s, "late", 0);
    limit_files(2000); /* enough for the line, not for a page of the database */
    assert_true(store_commit(s, &err) < 0);
    assert_non_null(strstr(err.message, "state.db"));
    assert_int_equal(store_queued(s), 0);
    limit_files(RLIM_INFINITY);
    store_close(s);
    s = open_store(p);
    assert_string_equal(find_out(s, "late", hex), hex_of("late", expected));
    assert_int_equal(found(s), RECORDS);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tail_that_is_not_indexed_is_found, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_torn_last_line_is_left_alone, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_segment_that_is_there_is_never_appended_to, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_line_that_is_finished_later_is_found_later, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_line_costs_one_record, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_segment_that_lost_its_end_keeps_its_start, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(damage_to_any_page_of_the_index_is_mended, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_database_that_is_none_is_replaced, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_database_removed_under_us_is_made_anew, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_newer_store_and_a_foreign_folder_are_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_failed_append_loses_and_doubles_nothing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(records_that_only_the_index_missed_are_added, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(readers_open_beside_a_writer, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
