/* Folders of a store whose disk fails while their names are read: who goes through one must not act on half a list. */
#include "tests/unit/store/gc_fixture.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>

/* The folder that cannot be read to its end, and how many of its names can. */
static struct {
    ino_t folder; /* 0: none */
    int readable, read;
} failing;

/* Stands before the C library's. */
struct dirent *readdir(DIR *entries) {
    struct dirent *(*real)(DIR *) = NULL;
    struct stat st;
    *(void **)&real = dlsym(RTLD_NEXT, "readdir");
    if (failing.folder && fstat(dirfd(entries), &st) == 0 && st.st_ino == failing.folder) {
        if (failing.read == failing.readable) {
            errno = EIO;
            return NULL;
        }
        failing.read++;
    }
    return real(entries);
}

static void fail_in(const struct place *p, const char *folder, int readable) {
    struct stat st;
    char *path = path_join(p->directory, folder);
    assert_int_equal(stat(path, &st), 0);
    failing.folder = st.st_ino;
    failing.readable = readable;
    failing.read = 0;
    free(path);
}

static int place_mended(void **state) {
    failing.folder = 0;
    return place_teardown(state);
}

static void assert_says(const struct error *err, const struct place *p, const char *folder) {
    char *path = path_join(p->directory, folder);
    assert_memory_equal(err->message, path, strlen(path));
    free(path);
}

/* Every object under the store, by name. The caller frees. */
static char *list(const struct place *p) {
    struct buffer b = {0};
    char *command =
        mem_printf("cd %s && find objects actions runs attempts logs checkpoints -type f | sort", p->directory);
    FILE *f = popen(command, "r");
    char part[4096];
    assert_non_null(f);
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        buffer_append(&b, part, n);
    assert_int_equal(pclose(f), 0);
    free(command);
    return buffer_detach(&b);
}

static int collect_all(struct store *s, struct error *err) {
    struct gc_report r;
    return store_gc(s, &(struct gc_options){.keep_runs = 1}, &r, err);
}

/* Only its lease says what a living engine uses, and an unreadable lease says nothing. */
static void gc_removes_nothing_when_it_cannot_tell_who_lives(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    RUN(p, "study", "old");
    RUN(p, "study", "new");
    struct store *engine = open_store(p);
    store_hold(engine);
    find_out(engine, "old", hex);
    char *before = list(p);
    for (int readable = 0; readable < 3; readable++) {
        struct error err = {0};
        struct store *s = open_store(p);
        fail_in(p, "leases", readable);
        assert_int_equal(collect_all(s, &err), ERR_IO);
        failing.folder = 0;
        assert_says(&err, p, "leases");
        char *after = list(p);
        assert_string_equal(after, before);
        free(after);
        store_close(s);
    }
    assert_string_equal(find_out(engine, "old", hex), hex_of("old", (char[DIGEST_HEX_SIZE]){0}));
    free(before);
    store_close(engine);
}

/* Records of attempts name objects, runs name records: half a list of either would condemn what the rest names. */
static void gc_removes_nothing_on_half_a_list(void **state) {
    static const char *const folders[] = {"attempts", "runs", "actions"};
    const struct place *p = *state;
    RUN(p, "study", "old");
    RUN(p, "study", "new");
    char *before = list(p);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct error err = {0};
        struct store *s = open_store(p);
        fail_in(p, folders[i], 0);
        assert_int_equal(collect_all(s, &err), ERR_IO);
        failing.folder = 0;
        assert_says(&err, p, folders[i]);
        char *after = list(p);
        assert_string_equal(after, before);
        free(after);
        store_close(s);
    }
    free(before);
}

/* Objects that were not looked at are not whole. */
static void fsck_does_not_call_a_store_whole_that_it_cannot_read(void **state) {
    const struct place *p = *state;
    struct fsck_report r;
    struct error err = {0};
    struct buffer said = {0};
    char hex[DIGEST_HEX_SIZE];
    RUN(p, "study", "a");
    char *folder = mem_printf("objects/%.2s", hex_of("a", hex));
    fail_in(p, folder, 0);
    assert_int_equal(store_fsck(p->directory, &r, keep_line, &said, &err), ERR_IO);
    assert_says(&err, p, folder);
    free(folder);
    buffer_close(&said);
}

static void a_list_of_runs_is_whole_or_none(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    cJSON *run = NULL;
    RUN(p, "study", "a");
    struct store *s = open_store(p);
    fail_in(p, "runs", 0);
    assert_int_equal(store_run_read(s, "latest", &run, &err), ERR_IO);
    assert_says(&err, p, "runs");
    store_close(s);
}

/* An entry of a folder that cannot be seen may belong to another engine. */
static void no_store_is_made_where_something_may_stand(void **state) {
    const struct place *p = *state;
    struct store *s = NULL;
    struct error err = {0};
    assert_int_equal(file_make_directory(p->directory, NULL), 0);
    fail_in(p, ".", 0);
    assert_int_equal(store_open(&s, p->directory, true, &err), ERR_IO);
    assert_memory_equal(err.message, p->directory, strlen(p->directory));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gc_removes_nothing_when_it_cannot_tell_who_lives, place_setup, place_mended),
        cmocka_unit_test_setup_teardown(gc_removes_nothing_on_half_a_list, place_setup, place_mended),
        cmocka_unit_test_setup_teardown(fsck_does_not_call_a_store_whole_that_it_cannot_read, place_setup,
                                        place_mended),
        cmocka_unit_test_setup_teardown(a_list_of_runs_is_whole_or_none, place_setup, place_mended),
        cmocka_unit_test_setup_teardown(no_store_is_made_where_something_may_stand, place_setup, place_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
