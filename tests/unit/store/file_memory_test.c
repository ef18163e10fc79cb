#include "tests/unit/store/fixture.h"

#include <linux/magic.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <time.h>

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static const char *content(struct store *s, const char *path, char hex[DIGEST_HEX_SIZE]) {
    struct error err = {0};
    struct object o;
    ok(store_file_content(s, path, &o, &err), err);
    digest_hex(hex, &o.digest);
    return hex;
}

/* Runs SQL on the index as another program would; returns the first column of its last row. */
static int64_t sql(const struct place *p, const char *text) {
    sqlite3 *db;
    sqlite3_stmt *q;
    int64_t result = -1;
    char *path = path_join(p->directory, "state.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &q, NULL), SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW)
        result = sqlite3_column_int64(q, 0);
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
    sqlite3_close(db);
    free(path);
    return result;
}

static void content_is_that_of_the_file(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o;
    char hex[DIGEST_HEX_SIZE];
    char *path = path_join(p->root, "file");
    char *linked = path_join(p->root, "link");
    write_text(path, "abc", 0755);
    assert_int_equal(symlink(path, linked), 0);
    assert_string_equal(content(s, path, hex), abc);
    assert_string_equal(content(s, linked, hex), abc); /* a link at the top is followed */
    ok(store_file_content(s, path, &o, &err), err);
    assert_true(o.executable);
    assert_int_equal(o.size, 3);
    assert_int_equal(store_file_content(s, "/nonexistent/file", &o, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nonexistent/file"));
    assert_int_equal(store_file_content(s, "/dev/null", &o, &err), ERR_INVALID);
    free(linked);
    free(path);
    store_close(s);
}

/* Same size, and the modification time put back: only the change time tells. */
static void an_edit_that_hides_is_seen(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    char first[DIGEST_HEX_SIZE];
    char second[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    struct stat st;
    char *path = path_join(p->root, "file");
    for (int i = 0; i < 200; i++) {
        write_text(path, "one", 0644);
        assert_int_equal(stat(path, &st), 0);
        content(s, path, first);
        write_text(path, "two", 0644); /* within the same tick of the file system's clock, most times */
        const struct timespec times[2] = {st.st_atim, st.st_mtim};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        assert_string_equal(content(s, path, second), hex_of("two", expected));
        assert_string_equal(first, hex_of("one", expected));
    }
    free(path);
    store_close(s);
}

static void only_a_file_at_rest_is_remembered(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    char *path = path_join(p->root, "file");
    struct store *s = open_store(p);
    write_text(path, "abc", 0644);
    content(s, path, hex);
    store_close(s);
    assert_int_equal(sql(p, "SELECT count(*) FROM file"), 0);
    nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 50000000}, NULL); /* the coarsest clock has steps of 2 s */
    s = open_store(p);
    content(s, path, hex);
    store_close(s);
    assert_int_equal(sql(p, "SELECT count(*) FROM file"), 1);

    /* A row that was damaged is no row. */
    sql(p, "UPDATE file SET digest = zeroblob(32)");
    s = open_store(p);
    assert_string_equal(content(s, path, hex), abc);
    store_close(s);
    free(path);
}

/* A process with the file mapped writes to it without a call; a dirty page gets no new time. */
static void a_store_to_a_mapped_page_is_seen(void **state) {
    const struct place *p = *state;
    struct statfs fs;
    char hex[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    if (statfs(p->root, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
        skip(); /* never written out, so no second time is ever set */
    char *path = path_join(p->root, "file");
    write_text(path, "abc", 0644);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char *mapped = mmap(NULL, 3, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(mapped != MAP_FAILED);
    mapped[0] = '1';
    nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 50000000}, NULL); /* so that it is remembered */
    struct store *s = open_store(p);
    assert_string_equal(content(s, path, hex), hex_of("1bc", expected));
    mapped[0] = '2';
    assert_string_equal(content(s, path, hex), hex_of("2bc", expected));
    store_close(s);
    munmap(mapped, 3);
    close(fd);
    free(path);
}

static void a_directory_with_the_store_is_refused(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct object o;
    struct store *s = open_store(p);
    char *beside = mem_printf("%s/.ret", p->root); /* its name begins the store's */
    assert_int_equal(store_file_content(s, p->root, &o, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "holds the store"));
    assert_int_equal(store_file_content(s, p->directory, &o, &err), ERR_INVALID);
    assert_int_equal(store_file_content(s, "/", &o, &err), ERR_INVALID);
    assert_int_equal(mkdir(beside, 0755), 0);
    ok(store_file_content(s, beside, &o, &err), err);
    free(beside);
    store_close(s);
}

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* Writes a row that gives the file the digest of zeros, with a right guard. */
static void forge_row(const struct place *p, const char *path) {
    char hex[DIGEST_HEX_SIZE];
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    int64_t stamp[5] = {(int64_t)st.st_dev, (int64_t)st.st_ino, st.st_size,
                        st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec,
                        st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec};
    struct digest guard;
    const uint8_t none[32] = {0};
    struct sha256 *h = sha256_create();
    sha256_field(h, path, strlen(path));
    sha256_field(h, stamp, sizeof stamp);
    sha256_field(h, none, sizeof none);
    sha256_finish(h, &guard);
    digest_hex(hex, &guard);
    char *forged = mem_printf(
        "INSERT INTO file VALUES(CAST('%s' AS BLOB), %lld, %lld, %lld, %lld, %lld, zeroblob(32), x'%s')", path,
        (long long)stamp[0], (long long)stamp[1], (long long)stamp[2], (long long)stamp[3], (long long)stamp[4], hex);
    sql(p, forged);
    free(forged);
}

static void the_memory_is_used(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    char *path = path_join(p->root, "file");
    store_close(open_store(p));
    write_text(path, "abc", 0644);
    forge_row(p, path);
    struct store *s = open_store(p);
    assert_string_equal(content(s, path, hex), zeros);
    store_close(s);
    free(path);
}

/* The row is deleted meanwhile: only a session that read ahead still knows it. */
static void a_session_of_many_look_ups_reads_ahead(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    char *path = path_join(p->root, "file"), *other = path_join(p->root, "other"),
         *folder = path_join(p->root, "empty");
    store_close(open_store(p));
    write_text(path, "abc", 0644);
    write_text(other, "other", 0644);
    assert_int_equal(mkdir(folder, 0755), 0);
    forge_row(p, path);
    struct store *s = open_store(p);
    store_read_begin(s);
    for (int i = 0; i < 256; i++)
        content(s, other, hex);
    content(s, folder, hex); /* returns the locks */
    sql(p, "DELETE FROM file");
    assert_string_equal(content(s, path, hex), zeros);
    write_text(path, "changed", 0644);
    assert_string_equal(content(s, path, hex), hex_of("changed", expected));
    ok(store_read_end(s, &err), err);
    store_close(s);
    free(folder);
    free(other);
    free(path);
}

static void note_path(void *context, const char *path) {
    struct buffer *paths = context;
    buffer_printf(paths, "%s\n", path_base(path));
}

static void a_large_file_is_left_to_the_caller(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o, folder;
    struct buffer paths = {0};
    char *directory = path_join(p->root, "folder");
    char *large = path_join(directory, "large"), *small = path_join(directory, "small");
    atomic_bool stop = false;
    ok(file_make_directory(directory, &err), err);
    write_text(large, "a text of many bytes", 0644);
    write_text(small, "abc", 0755);
    ok(store_file_content(s, directory, &folder, &err), err);
    assert_int_equal(store_file_recall(s, directory, 3, note_path, &paths, &o, &err), ERR_BUSY);
    assert_string_equal(buffer_text(&paths), "large\n");
    store_file_hashed(s, store_file_hash(large, &stop));
    ok(store_file_recall(s, directory, 3, note_path, &paths, &o, &err), err);
    assert_true(digest_equal(&o.digest, &folder.digest));
    assert_int_equal(o.size, folder.size);
    /* It changed less than two seconds ago: the digest was for one question. */
    assert_int_equal(store_file_recall(s, large, 3, note_path, &paths, &o, &err), ERR_BUSY);
    store_file_hashed(s, store_file_hash(large, &stop));
    write_text(large, "another text of many bytes", 0644);
    assert_int_equal(store_file_recall(s, large, 3, note_path, &paths, &o, &err), ERR_BUSY);
    buffer_close(&paths);
    free(large);
    free(small);
    free(directory);
    store_close(s);
}

static void a_fault_of_hashing_is_the_answer(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o;
    char *path = path_join(p->root, "file");
    atomic_bool stop = true;
    write_text(path, "abc", 0644);
    store_file_hashed(s, store_file_hash(path, &stop));
    assert_int_equal(store_file_recall(s, path, 0, NULL, NULL, &o, &err), ERR_INTERRUPTED);
    assert_int_equal(store_file_recall(s, path, 0, NULL, NULL, &o, &err), ERR_BUSY);
    free(path);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(content_is_that_of_the_file, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(an_edit_that_hides_is_seen, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(only_a_file_at_rest_is_remembered, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_store_to_a_mapped_page_is_seen, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_directory_with_the_store_is_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_memory_is_used, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_session_of_many_look_ups_reads_ahead, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_large_file_is_left_to_the_caller, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_fault_of_hashing_is_the_answer, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
