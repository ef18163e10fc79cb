/* Collections beside engines that live, die, and take notes meanwhile. */
#include "tests/unit/store/gc_fixture.h"

#include <fcntl.h>
#include <math.h>
#include <sys/file.h>

/* Whether a process waits for a lock of a file: /proc/locks has it behind an arrow. */
static bool waits_for_a_lock(pid_t pid) {
    char line[256], text[32];
    bool waits = false;
    FILE *locks = fopen("/proc/locks", "r");
    assert_non_null(locks);
    snprintf(text, sizeof text, " %d ", (int)pid);
    while (fgets(line, sizeof line, locks))
        waits |= strstr(line, "-> FLOCK") && strstr(line, text);
    fclose(locks);
    return waits;
}

static void what_an_engine_found_stays(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    RUN(p, "study", "old", "older");
    RUN(p, "study", "new");
    struct store *engine = open_store(p);
    store_hold(engine);
    find_out(engine, "old", hex);
    struct gc_report r = collect(p, 1);
    assert_int_equal(r.records, 1);
    assert_true(stands(p, "old"));
    assert_false(stands(p, "older"));
    assert_string_equal(find_out(engine, "old", hex), hex_of("old", (char[DIGEST_HEX_SIZE]){0}));
    assert_string_equal(find_out(engine, "older", hex), "");
    store_close(engine);
    assert_int_equal(count_in(p, "leases"), 0);
    r = collect(p, 1);
    assert_int_equal(r.records, 1);
    assert_false(stands(p, "old"));
    check_whole(p);
}

/* Its keys are noted when the session ends, and until then gc takes nothing away. */
static void what_a_session_found_stays(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char hex[DIGEST_HEX_SIZE];
    int tell[2], status;
    RUN(p, "study", "old", "older");
    RUN(p, "study", "new");
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    if (child == 0) {
        close(tell[1]);
        assert_int_equal(read(tell[0], hex, 1), 1);
        collect(p, 1);
        _exit(0);
    }
    struct store *engine = open_store(p);
    store_hold(engine);
    store_read_begin(engine);
    assert_int_equal(strlen(find_known(engine, "old", hex)), 64);
    assert_int_equal(write(tell[1], "g", 1), 1);
    while (!waits_for_a_lock(child)) {
        assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it did not wait */
        usleep(1000);
    }
    assert_true(stands(p, "older"));
    ok(store_read_end(engine, &err), err);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(strlen(find_known(engine, "old", hex)), 64);
    assert_false(stands(p, "older"));
    store_close(engine);
    close(tell[0]);
    close(tell[1]);
}

static void what_an_engine_put_stays(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct digest key = key_of("k");
    struct store *s = open_store(p);
    put_text(s, "garbage until now");
    store_close(s);
    struct store *engine = open_store(p);
    struct object o = put_text(engine, "garbage until now"); /* the store had it */
    struct object fresh = put_text(engine, "fresh");
    struct gc_report r = collect(p, 0);
    assert_int_equal(r.objects, 0);
    cJSON *record = make_record(&key, "k", &o);
    ok(store_record_add(engine, record, &err), err);
    ok(store_commit(engine, &err), err);
    assert_true(is_known(p, "k"));
    r = collect(p, 0); /* in no run, but in the segment of an engine that lives: it may not be written anew */
    assert_int_equal(r.records + r.objects, 0);
    assert_int_equal(store_object_require(engine, &fresh, NULL), 0);
    store_close(engine);
    r = collect(p, 0);
    assert_int_equal(r.records, 1);
    assert_int_equal(r.objects, 2);
    cJSON_Delete(record);
}

/* The third gc gives the segment the name that it had after the first. An engine that still has that first one open
   must not look for the record in it. */
static void a_segment_that_comes_again_under_its_name_is_read_anew(void **state) {
    static const char *const names[] = {"1", "22", "333", "4444"};
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    struct store *engine = NULL;
    RUN(p, "0", "1", "22", "333", "4444");
    RUN_AGAIN(p, "1", "22", "333", "4444");
    RUN_AGAIN(p, "2", "333", "4444");
    RUN_AGAIN(p, "3", "4444");
    for (int i = 0; i < 3; i++) {
        char pipeline[] = {(char)('0' + i), '\0'}, next[] = {(char)('a' + i), '\0'};
        RUN(p, pipeline, next);
        struct gc_report r = collect(p, 1);
        assert_int_equal(r.records, 1);
        assert_false(is_known(p, names[i]));
        if (!engine)
            engine = open_store(p);
        assert_string_equal(find_out(engine, "4444", hex), hex_of("4444", expected));
    }
    store_close(engine);
}

/* A child that is killed holds no lock any more, however its lease stands there. */
static void the_dead_keep_nothing(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "old");
    RUN(p, "study", "new");
    pid_t child = fork();
    if (child == 0) {
        char hex[DIGEST_HEX_SIZE];
        struct store *s = open_store(p);
        store_hold(s);
        find_out(s, "old", hex);
        put_text(s, "of the dead");
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(count_in(p, "leases"), 1);
    struct gc_report r = collect(p, 1);
    assert_int_equal(r.records, 1);
    assert_int_equal(r.objects, 2);
    assert_int_equal(count_in(p, "leases"), 0);
    assert_int_equal(count_in(p, "work"), 0);
}

static void only_one_gc_at_a_time(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct gc_report r;
    struct store *s = open_store(p);
    put_text(s, "x");
    char *path = path_join(p->directory, "leases/.gc");
    int fd = open(path, O_RDWR | O_CREAT, 0644);
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    assert_int_equal(store_gc(s, &(struct gc_options){0}, &r, &err), ERR_BUSY);
    assert_int_equal(store_fsck(p->directory, &(struct fsck_report){0}, keep_line, &(struct buffer){0}, &err),
                     ERR_BUSY);
    store_close(s);
    assert_int_equal(count_in(p, "leases"), 1); /* its notes count for the running gc */
    close(fd);
    s = open_store(p);
    ok(store_sweep(s, &err), err);
    assert_int_equal(count_in(p, "leases"), 0);
    store_close(s);
    free(path);
}

/* While an engine notes something, nothing is taken away: it may be just that. */
static void gc_waits_for_who_notes_something(void **state) {
    enum { POLL_US = 1000 };
    const struct place *p = *state;
    struct gc_report r;
    struct error err = {0};
    int status;
    struct store *s = open_store(p);
    put_text(s, "loose");
    store_close(s);
    char *path = path_join(p->directory, "lease");
    int fd = open(path, O_RDWR | O_CREAT, 0644);
    assert_true(fd >= 0 && flock(fd, LOCK_SH) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        s = open_store(p);
        _exit(store_gc(s, &(struct gc_options){0}, &r, &err) == 0 ? 0 : 1);
    }
    while (!waits_for_a_lock(child)) {
        assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it did not wait */
        usleep(POLL_US);
    }
    assert_true(stands(p, "loose"));
    close(fd);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(stands(p, "loose"));
    free(path);
}

/* Engines take in and record what a gc beside them takes for garbage, all the time. */
static int take_in(const struct place *p, unsigned seed) {
    enum { ROUNDS = 60, TEXTS = 5 };
    struct error err = {0};
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[32];
        char key_text[32];
        struct store *s = NULL;
        cJSON *found = NULL;
        snprintf(text, sizeof text, "text %u", (i * 7 + seed) % TEXTS);
        snprintf(key_text, sizeof key_text, "key %u of %u", i, seed);
        struct digest key = key_of(key_text);
        if (store_open(&s, p->directory, true, &err) < 0)
            return fprintf(stderr, "%s\n", err.message);
        store_hold(s);
        char *work = store_work_path(s, "a");
        char *path = path_join(work, "out");
        struct object o;
        int rc = file_make_directory(work, &err);
        if (rc == 0)
            rc = file_replace(path, text, strlen(text), 0644, &err);
        if (rc == 0)
            rc = store_object_put(s, AT_FDCWD, path, &o, &err);
        cJSON *record = rc == 0 ? make_record(&key, "s", &o) : NULL;
        if (rc == 0)
            rc = store_record_add(s, record, &err);
        if (rc == 0)
            rc = store_commit(s, &err);
        if (rc == 0)
            rc = store_record_find(s, &key, NULL, &found, &err); /* with its object */
        if (rc == 0)
            rc = store_object_verify(s, &o, &err);
        cJSON_Delete(found);
        cJSON_Delete(record);
        free(path);
        free(work);
        store_close(s);
        if (rc < 0)
            return fprintf(stderr, "round %u: %s\n", i, err.message);
    }
    return 0;
}

static void engines_and_gc_beside_each_other(void **state) {
    enum { ENGINES = 2 };
    const struct place *p = *state;
    pid_t children[ENGINES];
    store_close(open_store(p));
    for (unsigned i = 0; i < ENGINES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(take_in(p, i) == 0 ? 0 : 1);
    }
    size_t left = ENGINES;
    int status = 0;
    while (left > 0) {
        struct gc_report r;
        struct error err = {0};
        struct store *s = open_store(p);
        int rc = store_gc(s, &(struct gc_options){0}, &r, &err);
        if (rc != ERR_BUSY) /* as it says when an engine that comes or goes holds it up for longer than it waits */
            ok(rc, err);
        store_close(s);
        int one;
        while (left > 0 && waitpid(-1, &one, WNOHANG) > 0) {
            left--;
            status |= one;
        }
    }
    assert_int_equal(status, 0);
    struct gc_report r;
    struct error err = {0};
    struct store *s = open_store(p);
    ok(store_gc(s, &(struct gc_options){0}, &r, &err), err); /* there is no engine any more */
    store_close(s);
    check_whole(p);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_an_engine_found_stays),
        TEST(what_a_session_found_stays),
        TEST(what_an_engine_put_stays),
        TEST(a_segment_that_comes_again_under_its_name_is_read_anew),
        TEST(the_dead_keep_nothing),
        TEST(only_one_gc_at_a_time),
        TEST(gc_waits_for_who_notes_something),
        TEST(engines_and_gc_beside_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
