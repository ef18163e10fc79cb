/* Files that the system refuses to open or examine for once: what cannot be told is neither damaged, nor missing, nor
   dead. */
#include "tests/unit/store/gc_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>

/* The path that is refused, and the which time; the call of `open` or of `stat`. */
static struct {
    const char *open, *stat;
    int countdown;
} refused;

static bool is_refused(const char *which, const char *path) {
    return which && strcmp(which, path) == 0 && refused.countdown-- == 0;
}

/* Stand before the C library's. */
int open(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = NULL;
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (is_refused(refused.open, path)) {
        errno = EMFILE;
        return -1;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "open");
    return real(path, flags, mode);
}

int stat(const char *restrict path, struct stat *restrict st) {
    if (is_refused(refused.stat, path)) {
        errno = EIO;
        return -1;
    }
    return fstatat(AT_FDCWD, path, st, 0);
}

static void refuse_nothing(void) {
    memset(&refused, 0, sizeof refused);
}

static int place_mended(void **state) {
    refuse_nothing(); /* a test that failed did not come to that */
    return place_teardown(state);
}

static struct object put_directory(struct store *s) {
    struct object o;
    struct error err = {0};
    char *work = store_work_path(s, "attempt"), *path = path_join(work, "file");
    ok(file_make_directory(work, &err), err);
    write_text(path, "in a directory", 0644);
    ok(store_object_put(s, AT_FDCWD, work, &o, &err), err);
    free(path);
    free(work);
    return o;
}

/* A directory's listing is hashed in its own way: one that could not be opened was taken for a file, and thus for
   damaged. */
static void fsck_calls_no_directory_damaged_that_it_cannot_open(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct digest key = key_of("d");
    struct object o = put_directory(s);
    cJSON *record = make_record(&key, "d", &o);
    ok(store_record_add(s, record, &err), err);
    ok(store_commit(s, &err), err);
    cJSON_Delete(record);
    char *path = store_object_path(s, &o.digest);
    store_close(s);
    int times = 0;
    for (;; times++) {
        struct fsck_report r;
        struct buffer said = {0};
        refused.open = path;
        refused.countdown = times;
        int rc = store_fsck(p->directory, &r, keep_line, &said, &err);
        bool was_refused = refused.countdown < 0;
        assert_string_equal(buffer_text(&said), "");
        assert_int_equal(rc, was_refused ? ERR_IO : 0);
        buffer_close(&said);
        if (!was_refused)
            break;
        assert_memory_equal(err.message, path, strlen(path));
        assert_true(file_exists(path));
    }
    assert_true(times > 2); /* it is looked at, hashed, and read for the files that it lists */
    refuse_nothing();
    free(path);
}

/* An engine of this machine: its process is there, and /proc cannot be asked when it began. */
static void a_process_that_cannot_be_looked_at_may_live(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct digest key = key_of("k");
    char hex[DIGEST_HEX_SIZE];
    RUN(p, "study", "k"); /* claims of known keys are swept, where their owners are dead */
    struct store *engine = open_store(p), *other = open_store(p);
    ok(store_claim(engine, &key, &err), err);
    char *work = store_work_path(engine, "attempt"),
         *claim = mem_printf("%s/claims/%s", p->directory, hex_of("k", hex));
    char *process = mem_printf("/proc/%ld/stat", (long)getpid());
    ok(file_make_directory(work, &err), err);
    refused.open = process;
    for (int times = 0;; times++) { /* until nothing was refused any more */
        refused.countdown = times;
        ok(store_sweep(other, &err), err);
        assert_true(file_exists(work));
        assert_true(file_exists(claim));
        if (refused.countdown >= 0)
            break;
    }
    refused.countdown = 0;
    assert_int_equal(store_claim(other, &key, &err), ERR_BUSY);
    refuse_nothing();
    free(process);
    free(claim);
    free(work);
    store_close(other);
    store_close(engine);
}

/* An engine of another machine shows that it lives by its claim's time. */
static void a_claim_whose_time_cannot_be_told_is_not_taken(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct digest key = key_of("k");
    char hex[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    ok(store_claim(s, &key, &err), err);
    char *claim = mem_printf("%s/claims/%s", p->directory, hex_of("k", hex)), *text = read_text(claim);
    text[0] = text[0] == '0' ? '1' : '0'; /* of the host, and of its boot */
    text[9] = text[9] == '0' ? '1' : '0';
    write_text(claim, text, 0644);
    refused.stat = claim;
    refused.countdown = 0;
    assert_int_equal(store_claim(s, &key, &err), ERR_BUSY);
    assert_true(refused.countdown < 0);
    char *after = read_text(claim);
    assert_string_equal(after, text);
    refuse_nothing();
    free(after);
    free(text);
    free(claim);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fsck_calls_no_directory_damaged_that_it_cannot_open, place_setup, place_mended),
        cmocka_unit_test_setup_teardown(a_process_that_cannot_be_looked_at_may_live, place_setup, place_mended),
        cmocka_unit_test_setup_teardown(a_claim_whose_time_cannot_be_told_is_not_taken, place_setup, place_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
