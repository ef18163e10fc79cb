/* Keys looked up by what the index holds of their records; sessions of look-ups. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "tests/unit/store/fixture.h"

/* A record with a file, an executable one, a directory, and metrics. */
static void commit_outs(struct store *s, const char *name, const cJSON *metrics) {
    struct error err = {0};
    struct digest key = key_of(name);
    struct object o = put_text(s, "plain");
    cJSON *r = make_record(&key, name, &o), *outs = cJSON_GetObjectItem(r, "outs");
    char *work = store_work_path(s, "outs"), *program = path_join(work, "p"), *folder = path_join(work, "d");
    char *file = path_join(folder, "f");
    ok(file_make_directory(folder, &err), err);
    write_text(program, "runs", 0755);
    write_text(file, "inside", 0644);
    const struct {
        const char *name, *path, *mode, *type;
    } more[] = {{"program", program, "0755", "file"}, {"folder", folder, "0755", "directory"}};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        char hex[DIGEST_HEX_SIZE];
        ok(store_object_put(s, AT_FDCWD, more[i].path, &o, &err), err);
        cJSON *out = cJSON_AddObjectToObject(outs, more[i].name);
        digest_hex(hex, &o.digest);
        cJSON_AddStringToObject(out, "sha256", hex);
        cJSON_AddNumberToObject(out, "size", (double)o.size);
        cJSON_AddStringToObject(out, "mode", more[i].mode);
        cJSON_AddStringToObject(out, "type", more[i].type);
    }
    cJSON_AddItemToObject(r, "metrics", cJSON_Duplicate(metrics, true));
    ok(store_record_add(s, r, &err), err);
    ok(store_commit(s, &err), err);
    cJSON_Delete(r);
    free(file);
    free(folder);
    free(program);
    free(work);
}

static const struct object *out_of(const struct known_record *r, const char *name) {
    for (size_t i = 0; i < r->out_count; i++)
        if (strcmp(r->outs[i].name, name) == 0)
            return &r->outs[i].object;
    fail_msg("there is no out %s", name);
    return NULL;
}

static void expect_outs(struct store *s, const char *name, const char *metrics) {
    struct known_record r;
    struct error err = {0};
    struct digest key = key_of(name), plain = key_of("plain"), runs = key_of("runs");
    ok(store_known_find(s, &key, NULL, &r, &err), err);
    assert_int_equal(r.out_count, 3);
    assert_true(digest_equal(&out_of(&r, "model")->digest, &plain));
    assert_int_equal(out_of(&r, "model")->size, strlen("plain"));
    assert_false(out_of(&r, "model")->executable || out_of(&r, "model")->directory);
    assert_true(digest_equal(&out_of(&r, "program")->digest, &runs));
    assert_true(out_of(&r, "program")->executable);
    assert_true(out_of(&r, "folder")->directory);
    assert_int_equal(out_of(&r, "folder")->size, strlen("inside"));
    assert_string_equal(r.metrics, metrics);
}

static void a_row_tells_outs_and_metrics(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    cJSON *metrics = cJSON_Parse("{\"loss\": 0.25, \"acc\": 3}");
    commit_outs(s, "a", metrics);
    expect_outs(s, "a", "{\"acc\":3,\"loss\":0.25}");
    cJSON_Delete(metrics);
    store_close(s);
}

/* The line cannot be read any more, and the row still tells what it said: fsck is who finds that. */
static void a_row_is_found_without_its_record(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    commit_text(s, "a", "text");
    char *segment = only_segment(p);
    flip_byte(segment, 100);
    assert_string_equal(find_known(s, "a", hex), hex_of("text", expected));
    assert_string_equal(find_out(s, "a", hex), "");
    store_close(s);
    free(segment);
}

static void more_metrics_than_a_row_holds_are_read_from_the_record(void **state) {
    enum { METRICS = 9999 };
    const struct place *p = *state;
    struct store *s = open_store(p);
    cJSON *metrics = cJSON_CreateObject();
    for (int i = 0; i < METRICS; i++) {
        char name[32];
        snprintf(name, sizeof name, "metric %d", i);
        cJSON_AddNumberToObject(metrics, name, i);
    }
    char *text = json_canonical_text(metrics);
    commit_outs(s, "a", metrics);
    expect_outs(s, "a", text);
    free(text);
    cJSON_Delete(metrics);
    store_close(s);
}

static void no_key_is_found_that_was_not_recorded(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    commit_text(s, "a", "text");
    assert_string_equal(find_known(s, "b", hex), "");
    store_close(s);
}

/* ---- the record that counts ---- */

static void remove_object(struct store *s, const char *text) {
    struct digest d = key_of(text);
    char *path = store_object_path(s, &d);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void the_first_record_whose_objects_are_there_counts(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    commit_text(s, "a", "first");
    commit_text(s, "a", "second");
    assert_string_equal(find_known(s, "a", hex), hex_of("first", expected));
    remove_object(s, "first");
    assert_string_equal(find_known(s, "a", hex), hex_of("second", expected));
    char *said = notices(s);
    assert_non_null(strstr(said, "is set aside"));
    free(said);
    remove_object(s, "second");
    assert_string_equal(find_known(s, "a", hex), "");
    put_text(s, "first");
    assert_string_equal(find_known(s, "a", hex), hex_of("first", expected));
    store_close(s);
}

/* Their segments' names decide, as they do for whoever reads the records. */
static void of_two_records_of_one_time_the_same_counts_as_before(void **state) {
    static const char *const names[] = {"20990101T000000000Z-b.jsonl", "20990101T000000000Z-a.jsonl"};
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE], record_hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    for (size_t i = 0; i < 2; i++) { /* "b" is indexed first */
        struct store *s = open_store(p);
        struct digest key = key_of("a");
        struct object o = put_text(s, names[i]);
        cJSON *r = make_record(&key, "a", &o);
        char *json = json_canonical_text(r), *body = mem_printf("1700000000000000000 %s", json);
        char *line = mem_printf("%s %s\n", hex_of(body, hex), body);
        char *path = mem_printf("%s/actions/%s", p->directory, names[i]);
        write_text(path, line, 0644);
        store_close(s);
        store_close(open_store(p));
        free(path);
        free(line);
        free(body);
        free(json);
        cJSON_Delete(r);
    }
    struct store *s = open_store(p);
    assert_string_equal(find_out(s, "a", record_hex), hex_of(names[1], expected));
    assert_string_equal(find_known(s, "a", hex), record_hex);
    store_close(s);
}

/* The digest of the Python that a stage ran on stands behind the metrics. */
static void a_row_tells_the_python(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct known_record r;
    char hex[DIGEST_HEX_SIZE];
    const struct digest key = key_of("a"), plain = key_of("plain"), python = key_of("python");
    struct store *s = open_store(p);
    digest_hex(hex, &python);
    commit_text(s, "plain", "text");
    ok(store_known_find(s, &plain, NULL, &r, &err), err);
    assert_null(r.python);
    struct object out = put_text(s, "text");
    cJSON *record = make_record(&key, "a", &out);
    cJSON *member = cJSON_AddObjectToObject(cJSON_AddObjectToObject(record, "provenance"), "python");
    cJSON_AddStringToObject(member, "sha256", hex);
    ok(store_record_add(s, record, &err), err);
    ok(store_commit(s, &err), err);
    ok(store_known_find(s, &key, NULL, &r, &err), err);
    assert_non_null(r.python);
    assert_true(digest_equal(r.python, &python));
    assert_int_equal(r.out_count, 1);
    cJSON_Delete(record);
    store_close(s);
}

static void a_platform_is_asked_for(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct known_record r;
    struct store *s = open_store(p);
    struct digest key = key_of("a");
    commit_text(s, "a", "text");
    assert_int_equal(store_known_find(s, &key, "elsewhere", &r, &err), ERR_NOT_FOUND);
    ok(store_known_find(s, &key, "here", &r, &err), err);
    store_close(s);
}

/* ---- damage ---- */

static void a_damaged_row_is_not_believed_and_written_anew(void **state) {
    static const char *const damage[] = {
        "UPDATE record SET known = CAST(substr(known, 1, 20) || x'00' || substr(known, 22) AS BLOB)",
        "UPDATE record SET known = substr(known, 1, 20)",
        "UPDATE record SET known = x''",
        "UPDATE record SET known = NULL",
        "UPDATE record SET guard = zeroblob(16)",
        "UPDATE record SET guard = NULL",
        "UPDATE record SET guard = substr(guard, 1, 15)",
        "UPDATE record SET at = at + 1",
        "UPDATE record SET known = (SELECT known FROM record WHERE stage = 'b') WHERE stage = 'a'",
    };
    const struct place *p = *state;
    struct error err = {0};
    struct buffer said = {0};
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    commit_text(s, "a", "text");
    commit_text(s, "b", "other");
    store_close(s);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        struct fsck_report report;
        change_index(p, damage[i]);
        s = open_store(p);
        assert_string_equal(find_known(s, "a", hex), hex_of("text", expected));
        assert_string_equal(find_known(s, "b", hex), hex_of("other", expected));
        store_close(s);
        ok(store_fsck(p->directory, &report, keep_line, &said, &err), err);
        assert_int_equal(report.rebuilt, 0);
    }
    buffer_close(&said);
}

/* Schema 1 had no outs in its rows. The digests of the project's files are still there afterwards. */
static const char schema_1[] =
    "DROP TABLE record; DROP TABLE segment;"
    "CREATE TABLE segment(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, indexed INTEGER NOT NULL,"
    " seen INTEGER NOT NULL, newest INTEGER NOT NULL) STRICT;"
    "CREATE TABLE record(segment INTEGER NOT NULL REFERENCES segment(id), start INTEGER NOT NULL, length INTEGER NOT "
    "NULL,"
    " at INTEGER NOT NULL, key BLOB NOT NULL, stage TEXT NOT NULL, kind TEXT, platform TEXT NOT NULL, wall_s REAL,"
    " PRIMARY KEY(segment, start)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX record_by_key ON record(key, at);"
    "INSERT INTO file VALUES(x'61', 1, 2, 3, 4, 5, zeroblob(32), zeroblob(32));"
    "PRAGMA user_version = 1;";

static void the_index_of_an_older_engine_is_made_anew(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    commit_text(s, "a", "text");
    store_close(s);
    change_index(p, schema_1);
    s = open_store(p);
    assert_string_equal(find_known(s, "a", hex), hex_of("text", expected));
    assert_string_equal(find_out(s, "a", hex), expected);
    char *said = notices(s);
    assert_string_equal(said, "");
    store_close(s);
    change_index(
        p, "CREATE TABLE kept(n INTEGER CHECK(n = 1)); INSERT INTO kept SELECT count(*) FROM file; DROP TABLE kept;");
    free(said);
}

/* ---- sessions ---- */

static void the_next_session_sees_that_an_object_is_gone(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    commit_text(s, "a", "text");
    store_read_begin(s);
    assert_string_equal(find_known(s, "a", hex), hex_of("text", expected));
    ok(store_read_end(s, &err), err);
    remove_object(s, "text");
    store_read_begin(s);
    assert_string_equal(find_known(s, "a", hex), "");
    ok(store_read_end(s, &err), err);
    store_close(s);
}

/* After so many look-ups a session holds all rows in memory. */
static void look_up_many(struct store *s) {
    char name[32], hex[DIGEST_HEX_SIZE];
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "missing %d", i);
        assert_string_equal(find_known(s, name, hex), "");
    }
}

static void a_session_of_many_look_ups_finds_the_same(void **state) {
    static const char *const committed[][2] = {{"a", "first"}, {"a", "second"}, {"b", "lost"},
                                               {"b", "kept"},  {"c", "text"},   {"d", "gone"}};
    static const char *const found[][2] = {{"a", "first"}, {"b", "kept"}, {"c", "text"}, {"e", "late"}};
    const struct place *p = *state;
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    for (size_t i = 0; i < sizeof committed / sizeof *committed; i++)
        commit_text(s, committed[i][0], committed[i][1]);
    remove_object(s, "lost");
    remove_object(s, "gone");
    store_close(s);
    change_index(p, "UPDATE record SET guard = zeroblob(16) WHERE stage = 'c'");
    s = open_store(p);
    store_read_begin(s);
    look_up_many(s);
    commit_text(s, "e", "late");
    for (size_t i = 0; i < sizeof found / sizeof *found; i++)
        assert_string_equal(find_known(s, found[i][0], hex), hex_of(found[i][1], expected));
    assert_string_equal(find_known(s, "d", hex), "");
    ok(store_read_end(s, &err), err);
    store_close(s);
}

/* A child that commits when it is told to; SQLite's locks do not outlive a fork, so it opens nothing before. */
static pid_t start_committer(const struct place *p, int *tell, const char *name) {
    int ends[2];
    char go;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        assert_int_equal(read(ends[0], &go, 1), 1);
        struct store *s = open_store(p);
        commit_text(s, name, "other");
        _exit(0);
    }
    close(ends[0]);
    *tell = ends[1];
    return child;
}

/* An engine that looks up all the time, or does something else in between, keeps nobody from committing. */
static void others_commit_while_a_session_goes_on(void **state) {
    static const char *const names[] = {"b", "c"};
    const struct place *p = *state;
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE];
    for (int look_up = 0; look_up < 2; look_up++) {
        int tell, status = 0;
        pid_t child = start_committer(p, &tell, names[look_up]);
        struct store *s = open_store(p);
        if (!look_up)
            commit_text(s, "a", "text");
        store_hold(s);
        store_read_begin(s);
        assert_int_equal(strlen(find_known(s, "a", hex)), 64);
        assert_int_equal(write(tell, "g", 1), 1);
        while (waitpid(child, &status, WNOHANG) == 0) {
            if (look_up)
                find_known(s, "a", hex);
            else
                store_read_tick(s);
        }
        assert_int_equal(status, 0);
        ok(store_read_end(s, &err), err);
        store_close(s);
        close(tell);
    }
    struct store *s = open_store(p);
    assert_int_equal(strlen(find_known(s, "b", hex)) + strlen(find_known(s, "c", hex)), 128);
    store_close(s);
}

/* A session writes its notes for gc when it ends. If it cannot, nothing that it found is safe. */
static void a_session_whose_notes_cannot_be_written_fails(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    commit_text(s, "a", "text");
    store_hold(s);
    const struct rlimit none = {0, RLIM_INFINITY};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    store_read_begin(s);
    find_known(s, "a", hex);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    int rc = store_read_end(s, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, ERR_IO);
    assert_non_null(strstr(err.message, "leases/"));
    store_read_begin(s);
    find_known(s, "a", hex);
    ok(store_read_end(s, &err), err); /* noted now */
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_tells_outs_and_metrics, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_row_is_found_without_its_record, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(more_metrics_than_a_row_holds_are_read_from_the_record, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(no_key_is_found_that_was_not_recorded, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_first_record_whose_objects_are_there_counts, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(of_two_records_of_one_time_the_same_counts_as_before, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_row_tells_the_python, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_platform_is_asked_for, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_row_is_not_believed_and_written_anew, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_index_of_an_older_engine_is_made_anew, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_next_session_sees_that_an_object_is_gone, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_session_of_many_look_ups_finds_the_same, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(others_commit_while_a_session_goes_on, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_session_whose_notes_cannot_be_written_fails, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
