#include "tests/unit/store/gc_fixture.h"

#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <time.h>

/* ---- kept files ---- */

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
    ok(store_run_begin(s, "study", NULL, &err), err);
    ok(store_run_write(s, NULL, &err), err); /* and is killed */
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
    ok(store_run_write(s, NULL, &err), err);
    char *work = store_work_path(s, "attempt");
    char *sub = path_join(work, "tree/sub");
    char *file = path_join(sub, "file");
    char *tree = path_join(work, "tree");
    ok(file_make_directory(sub, &err), err);
    write_text(file, "in a directory", 0644);
    ok(store_object_put(s, AT_FDCWD, tree, &o, &err), err);
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

static void a_sweep_removes_the_checkpoint_of_a_record_s_platform_alone(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct store *s = open_store(p);
    struct digest key = key_of("done");
    char *other = store_checkpoint_path(s, &key, "elsewhere"),
         *foreign = mem_printf("%s/checkpoints/notes", p->directory);
    commit_text(s, "done", "done");
    make_checkpoint(p, s, "done");
    make_checkpoint(p, s, "begun");
    ok(file_make_directory(other, &err), err);
    ok(file_make_directory(foreign, &err), err);
    ok(store_sweep(s, &err), err);
    assert_false(has_checkpoint(s, "done"));
    assert_true(has_checkpoint(s, "begun") && file_exists(other) && file_exists(foreign));
    free(foreign);
    free(other);
    store_close(s);
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

/* A work directory, as a container left it that never comes back: of this boot, and of another space of processes. */
static char *left_work(const struct place *p, const char *space, int hours) {
    struct store *s = open_store(p);
    struct timespec old[2] = {{.tv_sec = time(NULL) - hours * 3600}, {.tv_sec = time(NULL) - hours * 3600}};
    char *ours = store_work_path(s, "x");
    const char *host = strrchr(ours, '@') + 1;
    char *path = mem_printf("%s/work/x@%.17s-%s-1-1-0", p->directory, host, space);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    free(ours);
    store_close(s);
    return path;
}

static void what_containers_left_goes(void **state) {
    const struct place *p = *state;
    RUN(p, "study", "a");
    char *gone = left_work(p, "11", 2), *alive = left_work(p, "12", 2), *young = left_work(p, "13", 0);
    char *lease = mem_printf("%s/leases/%s", p->directory, strrchr(alive, '@') + 1);
    char *temporary = mem_printf("%s/objects/tmp/%s.7", p->directory, strrchr(gone, '@') + 1);
    write_text(lease, "", 0644);
    write_text(temporary, "half", 0644);
    const struct timespec old[2] = {{.tv_sec = 946684800}, {.tv_sec = 946684800}};
    assert_int_equal(utimensat(AT_FDCWD, temporary, old, 0), 0);
    int fd = open(lease, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(collect(p, 0).leftovers, 2);
    assert_true(!file_exists(gone) && !file_exists(temporary) && file_exists(alive) && file_exists(young));
    close(fd);
    assert_int_equal(collect(p, 0).leftovers, 1);
    assert_true(!file_exists(alive) && file_exists(young));
    free(temporary);
    free(lease);
    free(young);
    free(alive);
    free(gone);
}

/* As fsck leaves a damaged run: nobody can say what it needs but what it made itself. */
static void a_run_that_was_set_aside_keeps_what_it_made(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct buffer said = {0};
    struct fsck_report found;
    char *id = make_run(p, "study", 0, (const char *const[NAMES]){"a"}, true);
    char *path = mem_printf("%s/runs/%s.json", p->directory, id), *aside = mem_printf("%s.damaged", path);
    write_text(path, "{", 0644);
    ok(store_fsck(p->directory, &found, keep_line, &said, &err), err);
    RUN(p, "study", "new");
    struct gc_report r = collect_with(p, &(struct gc_options){.keep_runs = 1, .grace_s = 3600});
    assert_int_equal(r.records + r.objects + r.leftovers, 0);
    assert_int_equal(r.kept_runs, 2);
    char *pin = mem_printf("%s/pins/%s", p->directory, id);
    write_text(pin, "", 0644);
    r = collect(p, 1);
    assert_int_equal(r.records + r.objects + r.leftovers, 0);
    assert_true(is_known(p, "a") && file_exists(aside));
    assert_int_equal(unlink(pin), 0);
    r = collect(p, 1);
    assert_int_equal(r.leftovers, 1);
    assert_int_equal(r.records, 1);
    assert_false(is_known(p, "a") || stands(p, "a") || file_exists(aside));
    assert_true(is_known(p, "new"));
    check_whole(p);
    free(pin);
    free(aside);
    free(path);
    free(id);
    buffer_close(&said);
}

static void an_attempt_that_was_set_aside_goes_with_its_run(void **state) {
    const struct place *p = *state;
    char *kept = make_run(p, "study", 0, (const char *const[NAMES]){"a"}, true);
    const char *const runs[] = {kept, "20250101T000000000Z-00000000"};
    for (size_t i = 0; i < 2; i++) {
        char *path = mem_printf("%s/attempts/%s-3-1.json.damaged", p->directory, runs[i]);
        write_text(path, "{", 0644);
        free(path);
    }
    assert_int_equal(collect(p, 0).attempts, 1);
    assert_int_equal(count_in(p, "attempts"), 1);
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
        TEST(a_sweep_removes_the_checkpoint_of_a_record_s_platform_alone),
        TEST(checkpoints_of_unfinished_work_stay),
        TEST(attempts_and_logs_go_with_their_runs),
        TEST(what_containers_left_goes),
        TEST(a_run_that_was_set_aside_keeps_what_it_made),
        TEST(an_attempt_that_was_set_aside_goes_with_its_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
