#include "tests/unit/store/fixture.h"

#include <math.h>
#include <sys/file.h>

enum { NAMES = 4 };

/* A run that ended with `status` and names the keys; what is not committed yet is by a record whose out holds the name. */
static char *make_run(const struct place *p, const char *pipeline, double status, const char *const names[NAMES],
                      bool commit) {
    struct store *s = open_store(p);
    struct error err = {0};
    cJSON *run = cJSON_CreateObject();
    ok(store_run_begin(s, pipeline, NULL, &err), err);
    char *id = mem_strdup(store_run_id(s));
    cJSON *stages = cJSON_AddArrayToObject(run, "stages");
    for (size_t i = 0; i < NAMES && names[i]; i++) {
        char hex[DIGEST_HEX_SIZE];
        cJSON *stage = cJSON_CreateObject();
        if (commit)
            commit_text(s, names[i], names[i]);
        cJSON_AddStringToObject(stage, "stage", names[i]);
        cJSON_AddStringToObject(stage, "key", hex_of(names[i], hex));
        cJSON_AddItemToArray(stages, stage);
    }
    cJSON_AddNumberToObject(run, "exit", status);
    ok(store_run_write(s, run, &err), err);
    cJSON_Delete(run);
    store_close(s);
    return id;
}

#define RUN(p, pipeline, ...) free(make_run((p), (pipeline), 0, (const char *const[NAMES]){__VA_ARGS__}, true))
#define RUN_AGAIN(p, pipeline, ...) free(make_run((p), (pipeline), 0, (const char *const[NAMES]){__VA_ARGS__}, false))

static struct gc_report collect_with(const struct place *p, const struct gc_options *options) {
    struct gc_report r;
    struct error err = {0};
    struct store *s = open_store(p);
    ok(store_gc(s, options, &r, &err), err);
    char *said = notices(s);
    assert_string_equal(said, "");
    free(said);
    store_close(s);
    return r;
}

static struct gc_report collect(const struct place *p, long keep_runs) {
    return collect_with(p, &(struct gc_options){.keep_runs = keep_runs});
}

static bool stands(const struct place *p, const char *text) {
    char hex[DIGEST_HEX_SIZE];
    hex_of(text, hex);
    char *path = mem_printf("%s/objects/%.2s/%s", p->directory, hex, hex + 2);
    bool there = file_exists(path);
    free(path);
    return there;
}

/* As a newly opened store sees it. */
static bool is_known(const struct place *p, const char *name) {
    char hex[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    bool known = *find_out(s, name, hex);
    store_close(s);
    return known;
}

static void check_whole(const struct place *p) {
    struct fsck_report r;
    struct error err = {0};
    struct buffer said = {0};
    ok(store_fsck(p->directory, &r, keep_line, &said, &err), err);
    assert_string_equal(buffer_text(&said), "");
    assert_int_equal(r.damaged + r.bad_lines + r.orphaned + r.missing, 0);
    buffer_close(&said);
}

static size_t count_in(const struct place *p, const char *folder) {
    char *command = mem_printf("find %s/%s -type f ! -name '.*' | wc -l", p->directory, folder);
    FILE *f = popen(command, "r");
    unsigned long count = 0;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &count), 1);
    pclose(f);
    free(command);
    return count;
}

/* ---- what is kept ---- */

static void what_no_run_names_goes(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "needed");
    struct store *s = open_store(p);
    commit_text(s, "nobody's", "nobody's"); /* recorded, and in no run */
    put_text(s, "loose");                   /* not even recorded */
    store_close(s);
    struct gc_report r = collect(p, 0);
    assert_int_equal(r.runs, 0);
    assert_int_equal(r.records, 1);
    assert_int_equal(r.objects, 2);
    assert_int_equal(r.kept_runs, 1);
    assert_int_equal(r.kept_records, 1);
    assert_int_equal(r.kept_objects, 1);
    assert_int_equal(r.kept_bytes, strlen("needed"));
    assert_true(is_known(p, "needed") && stands(p, "needed"));
    assert_false(is_known(p, "nobody's") || stands(p, "nobody's") || stands(p, "loose"));
    check_whole(p);
    r = collect(p, 0);
    assert_int_equal(r.records + r.objects + r.leftovers + r.bytes, 0);
}

static void the_young_stay(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "old");
    RUN(p, "study", "new");
    struct store *s = open_store(p);
    commit_text(s, "nobody's", "nobody's");
    store_close(s);
    struct gc_report r = collect_with(p, &(struct gc_options){.keep_runs = 1, .grace_s = 3600});
    assert_int_equal(r.runs + r.records + r.objects + r.bytes, 0);
    assert_true(is_known(p, "nobody's") && is_known(p, "old"));
}

static void the_newest_runs_stay(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "shared", "first");
    RUN(p, "other", "other's");
    RUN(p, "study", "second");
    RUN_AGAIN(p, "study", "shared", "second"); /* finds what the first made */
    struct gc_report r = collect(p, 2);
    assert_int_equal(r.runs, 1);
    assert_true(is_known(p, "shared") && is_known(p, "second") && is_known(p, "other's"));
    assert_false(is_known(p, "first") || stands(p, "first"));
    r = collect(p, 1);
    assert_int_equal(r.runs, 1);
    assert_int_equal(r.records, 0);
    assert_true(is_known(p, "shared") && is_known(p, "second") && is_known(p, "other's"));
    check_whole(p);
}

/* A run that was killed, or failed, says too little of what the study needs to take the place of one that ended. */
static void runs_that_did_not_end_do_not_count(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    RUN(p, "study", "old");
    RUN(p, "study", "good");
    free(make_run(p, "study", 1, (const char *const[NAMES]){"failed"}, true));
    struct store *s = open_store(p);
    ok(store_run_begin(s, "study", NULL, &err), err); /* and is killed */
    commit_text(s, "killed", "killed");
    store_close(s);
    struct gc_report r = collect(p, 1);
    assert_int_equal(r.runs, 1);
    assert_int_equal(r.kept_runs, 3);
    assert_true(is_known(p, "good") && is_known(p, "failed") && is_known(p, "killed"));
    assert_false(is_known(p, "old"));
}

static void pins_keep_runs_and_pipelines(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char *first = make_run(p, "study", 0, (const char *const[NAMES]){"first"}, true);
    RUN(p, "study", "second");
    RUN(p, "study", "third");
    RUN(p, "pinned", "fourth");
    RUN(p, "pinned", "fifth");
    struct store *s = open_store(p);
    ok(store_pin(s, first, &err), err);
    ok(store_pin(s, "pinned", &err), err);
    assert_int_equal(store_pin(s, "neither", &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "neither"));
    assert_int_equal(store_unpin(s, "study", &err), ERR_NOT_FOUND);
    store_close(s);
    struct gc_report r = collect(p, 1);
    assert_int_equal(r.runs, 1);
    assert_int_equal(r.pinned_runs, 3);
    assert_true(is_known(p, "first") && is_known(p, "third") && is_known(p, "fourth") && is_known(p, "fifth"));
    assert_false(is_known(p, "second"));
    s = open_store(p);
    ok(store_unpin(s, first, &err), err);
    ok(store_unpin(s, "pinned", &err), err);
    ok(store_pin(s, "latest", &err), err);
    store_close(s);
    r = collect(p, 1);
    assert_int_equal(r.runs, 2);
    assert_false(is_known(p, "first") || is_known(p, "fourth"));
    assert_true(is_known(p, "third") && is_known(p, "fifth"));
    free(first);
}

static void a_dry_run_says_the_same_and_changes_nothing(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "first", "both");
    RUN(p, "study", "second", "third");
    struct store *s = open_store(p);
    put_text(s, "loose");
    store_close(s);
    struct gc_report dry = collect_with(p, &(struct gc_options){.keep_runs = 1, .dry_run = true});
    assert_true(is_known(p, "first") && is_known(p, "both") && stands(p, "loose"));
    struct gc_report wet = collect(p, 1);
    assert_memory_equal(&dry, &wet, sizeof dry);
    assert_int_equal(wet.runs, 1);
    assert_int_equal(wet.records, 2);
    assert_int_equal(wet.objects, 3);
}

/* A directory's files have no record of their own. */
static void directories_keep_their_files(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct object o;
    struct digest key = key_of("tree");
    struct store *s = open_store(p);
    ok(store_run_begin(s, "study", NULL, &err), err);
    char *work = store_work_path(s, "attempt");
    char *sub = path_join(work, "tree/sub");
    char *file = path_join(sub, "file");
    char *tree = path_join(work, "tree");
    ok(file_make_directory(sub, &err), err);
    write_text(file, "in a directory", 0644);
    ok(store_object_put(s, tree, &o, &err), err);
    cJSON *record = make_record(&key, "tree", &o);
    ok(store_record_add(s, record, &err), err);
    ok(store_commit(s, &err), err);
    store_close(s);
    struct gc_report r = collect(p, 0);
    assert_int_equal(r.objects, 0);
    assert_true(is_known(p, "tree") && stands(p, "in a directory"));
    check_whole(p);
    cJSON_Delete(record);
    free(tree);
    free(file);
    free(sub);
    free(work);
}

/* ---- segments ---- */

static void lines_that_stay_are_the_same_bytes(void **state) {
    const struct place *p = *state;
    char hex[DIGEST_HEX_SIZE];
    RUN(p, "study", "first", "stays", "third");
    struct store *reader = open_store(p);
    find_out(reader, "stays", hex); /* has the segment open */
    char *old = only_segment(p);
    char *before = read_text(old);
    RUN_AGAIN(p, "study", "stays");
    struct gc_report r = collect(p, 1);
    assert_int_equal(r.records, 2);
    assert_false(file_exists(old));
    char *now = only_segment(p);
    char *after = read_text(now);
    const char *line = strstr(before, after);
    assert_non_null(line);
    assert_true(line > before && line[-1] == '\n');
    assert_int_equal(strcspn(after, "\n"), strlen(after) - 1);
    assert_string_equal(find_out(reader, "stays", hex), hex_of("stays", (char[DIGEST_HEX_SIZE]){0}));
    assert_string_equal(find_out(reader, "first", hex), "");
    char *said = notices(reader);
    assert_string_equal(said, "");
    check_whole(p);
    free(said);
    free(after);
    free(now);
    free(before);
    free(old);
    store_close(reader);
}

/* As a kill leaves it: the segment anew, the old one not removed yet. */
static void a_line_that_stands_twice_is_kept_once(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "a", "b");
    char *segment = only_segment(p);
    char *text = read_text(segment);
    char *copy = mem_strndup(segment, strlen(segment) - strlen(".jsonl"));
    char *second = mem_printf("%s.1.jsonl", copy);
    write_text(second, text, 0644);
    struct gc_report r = collect(p, 0);
    assert_int_equal(r.records, 2);
    assert_int_equal(r.kept_records, 2);
    assert_int_equal(r.objects, 0);
    assert_int_equal(count_in(p, "actions"), 1);
    assert_true(is_known(p, "a") && is_known(p, "b"));
    check_whole(p);
    free(second);
    free(copy);
    free(text);
    free(segment);
}

static void torn_and_damaged_lines_go(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "a", "b");
    char *segment = only_segment(p);
    append_text(segment, "0123 torn");
    flip_byte(segment, 80); /* in the line of a */
    struct store *s = open_store(p);
    free(notices(s));
    store_close(s);
    struct gc_report r = collect(p, 0);
    assert_int_equal(r.records, 1);
    assert_true(is_known(p, "b"));
    check_whole(p);
    free(segment);
}

/* ---- engines that live ---- */

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
    assert_true(store_object_exists(engine, &fresh));
    store_close(engine);
    r = collect(p, 0);
    assert_int_equal(r.records, 1);
    assert_int_equal(r.objects, 2);
    cJSON_Delete(record);
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
    assert_int_equal(count_in(p, "leases"), 1); /* what it noted counts for the gc that is at work */
    close(fd);
    s = open_store(p);
    ok(store_sweep(s, &err), err);
    assert_int_equal(count_in(p, "leases"), 0);
    store_close(s);
    free(path);
}

/* While an engine notes something, nothing is taken away: it may be just that. */
static void gc_waits_for_who_notes_something(void **state) {
    enum { POLLS = 30, POLL_US = 10000 };
    const struct place *p = *state;
    struct gc_report r;
    struct error err = {0};
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
    for (int i = 0; i < POLLS; i++) {
        usleep(POLL_US);
        assert_true(stands(p, "loose"));
    }
    close(fd);
    int status;
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
            rc = store_object_put(s, path, &o, &err);
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
        ok(store_gc(s, &(struct gc_options){0}, &r, &err), err);
        store_close(s);
        int one;
        while (left > 0 && waitpid(-1, &one, WNOHANG) > 0) {
            left--;
            status |= one;
        }
    }
    assert_int_equal(status, 0);
    check_whole(p);
}

/* ---- the rest ---- */

static void make_checkpoint(const struct place *p, struct store *s, const char *name) {
    struct error err = {0};
    struct digest key = key_of(name);
    char *path = store_checkpoint_path(s, &key, "here");
    char *file = path_join(path, "state");
    (void)p;
    ok(file_make_directory(path, &err), err);
    write_text(file, "step 7", 0644);
    free(file);
    free(path);
}

static bool has_checkpoint(struct store *s, const char *name) {
    struct digest key = key_of(name);
    char *path = store_checkpoint_path(s, &key, "here");
    bool there = file_is_directory(path);
    free(path);
    return there;
}

static void checkpoints_of_unfinished_work_stay(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    RUN_AGAIN(p, "study", "interrupted"); /* a run names the key, and it has no record */
    pid_t child = fork();
    if (child == 0) {
        struct store *s = NULL;
        struct digest key = key_of("killed");
        _exit(store_open(&s, p->directory, false, NULL) == 0 && store_claim(s, &key, NULL) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct store *s = open_store(p);
    struct digest held = key_of("at work");
    ok(store_claim(s, &held, &err), err);
    make_checkpoint(p, s, "interrupted");
    make_checkpoint(p, s, "killed");
    make_checkpoint(p, s, "at work");
    make_checkpoint(p, s, "nobody's");
    struct gc_report r = collect(p, 0);
    assert_int_equal(r.checkpoints, 1);
    assert_int_equal(r.bytes, strlen("step 7"));
    assert_true(has_checkpoint(s, "interrupted") && has_checkpoint(s, "killed") && has_checkpoint(s, "at work"));
    assert_false(has_checkpoint(s, "nobody's"));
    store_close(s);
}

static void attempts_and_logs_go_with_their_runs(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    char *kept = make_run(p, "study", 0, (const char *const[NAMES]){"a"}, true);
    struct store *s = open_store(p);
    const char *const runs[] = {kept, "20250101T000000000Z-00000000"};
    for (size_t i = 0; i < 2; i++) {
        char *attempt = mem_printf("%s-3-1", runs[i]);
        char *log = store_log_path(s, attempt, "stderr");
        cJSON *record = cJSON_CreateObject();
        cJSON_AddStringToObject(record, "attempt", attempt);
        cJSON_AddStringToObject(record, "state", "failed");
        ok(store_attempt_write(s, attempt, record, &err), err);
        write_text(log, "it failed\n", 0644);
        cJSON_Delete(record);
        free(log);
        free(attempt);
    }
    store_close(s);
    struct gc_report r = collect(p, 0);
    assert_int_equal(r.attempts, 1);
    assert_int_equal(r.logs, 1);
    assert_int_equal(count_in(p, "attempts"), 1);
    assert_int_equal(count_in(p, "logs"), 1);
    free(kept);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_no_run_names_goes),
        TEST(the_young_stay),
        TEST(the_newest_runs_stay),
        TEST(runs_that_did_not_end_do_not_count),
        TEST(pins_keep_runs_and_pipelines),
        TEST(a_dry_run_says_the_same_and_changes_nothing),
        TEST(directories_keep_their_files),
        TEST(lines_that_stay_are_the_same_bytes),
        TEST(a_line_that_stands_twice_is_kept_once),
        TEST(torn_and_damaged_lines_go),
        TEST(what_an_engine_found_stays),
        TEST(what_an_engine_put_stays),
        TEST(the_dead_keep_nothing),
        TEST(only_one_gc_at_a_time),
        TEST(gc_waits_for_who_notes_something),
        TEST(engines_and_gc_beside_each_other),
        TEST(checkpoints_of_unfinished_work_stay),
        TEST(attempts_and_logs_go_with_their_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
