/* The lines of a run: the JSON lines exactly as in the contract, and the lines for people. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/json.h"
#include "engine/report/progress.h"

static time_t ahead_s;

/* Stands before the C library's: what is told now and then is told when the test wants it. */
int clock_gettime(clockid_t clock, struct timespec *t) {
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    t->tv_sec += ahead_s;
    return rc;
}

struct display {
    struct progress *progress;
    struct run_observer observer;
    FILE *stream;
    char *text;
    size_t size;
};

static void display_open(struct display *d, enum progress_style style) {
    *d = (struct display){0};
    d->stream = open_memstream(&d->text, &d->size);
    assert_non_null(d->stream);
    d->progress = progress_create(style, d->stream);
    d->observer = progress_observer(d->progress);
}

static void display_close(struct display *d) {
    progress_free(d->progress);
    fclose(d->stream);
    free(d->text);
}

static const struct stage_decl command = {.name = "train", .type = STAGE_COMMAND},
                               select_stage = {.type = STAGE_SELECT};

/* Key: the digest of nothing, as FIPS 180-4's tables have it. */
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
static struct instance keyed(const char *name) {
    struct instance i = {.decl = &command, .cached_name = name, .keyed = true};
    sha256_bytes(&i.key, "", 0);
    return i;
}

static void test_json_lines_of_every_state(void **state) {
    static const char *const names[] = {"known", "started", "finished", "failed", "retrying", "interrupted", "skipped"};
    struct display d;
    struct instance i = keyed("train[size=7,seed=1]");
    (void)state;
    for (int event = STAGE_KNOWN; event <= STAGE_SKIPPED; event++) {
        char expected[256];
        display_open(&d, PROGRESS_JSON);
        d.observer.stage(d.observer.context, &i, (enum stage_event)event, NULL);
        snprintf(expected, sizeof expected,
                 "{\"event\":\"stage\",\"stage\":\"train[size=7,seed=1]\",\"key\":\"" EMPTY_SHA256
                 "\",\"state\":\"%s\"}\n",
                 names[event]);
        assert_string_equal(d.text, expected); /* flushed: a reader sees it now */
        display_close(&d);
    }
}

static void test_json_without_a_key_and_with_a_reason(void **state) {
    struct display d;
    struct instance skipped = {.decl = &command, .cached_name = "a[x=\"q\\\"\n\"]"};
    (void)state;
    display_open(&d, PROGRESS_JSON);
    d.observer.stage(d.observer.context, &skipped, STAGE_SKIPPED, "needs b,\nwhich \"failed\"");
    assert_string_equal(d.text, "{\"event\":\"stage\",\"stage\":\"a[x=\\\"q\\\\\\\"\\n\\\"]\",\"key\":null,\"state\":"
                                "\"skipped\",\"detail\":\"needs b,\\nwhich \\\"failed\\\"\"}\n");
    display_close(&d);
}

static void test_json_tells_nothing_else(void **state) {
    struct display d;
    struct instance i = keyed("train"), chosen = {.decl = &select_stage, .cached_name = "best"};
    (void)state;
    display_open(&d, PROGRESS_JSON);
    d.observer.stage(d.observer.context, &chosen, STAGE_SELECTED, NULL);
    d.observer.stage(d.observer.context, &chosen, STAGE_FAILED, "no candidate");
    d.observer.progress(d.observer.context, &i, 1, 2, "step");
    d.observer.note(d.observer.context, &i, "a note");
    fflush(d.stream);
    assert_string_equal(d.text, "");
    display_close(&d);
}

static const struct run_summary summary = {
    .known = 1, .finished = 22, .failed = 3, .interrupted = 4, .skipped = 5, .wall_s = 1.25};

static void test_json_end(void **state) {
    struct display d;
    (void)state;
    display_open(&d, PROGRESS_JSON);
    progress_end(d.progress, &summary);
    assert_string_equal(
        d.text, "{\"event\":\"end\",\"known\":1,\"finished\":22,\"failed\":3,\"interrupted\":4,\"skipped\":5}\n");
    display_close(&d);
}

static void test_plain_shows_what_happens(void **state) {
    struct display d;
    struct instance i = keyed("train");
    (void)state;
    display_open(&d, PROGRESS_PLAIN);
    d.observer.stage(d.observer.context, &i, STAGE_KNOWN, NULL);
    fflush(d.stream);
    assert_string_equal(d.text, "");
    d.observer.stage(d.observer.context, &i, STAGE_STARTED, NULL);
    assert_non_null(strstr(d.text, "s  started     train\n"));
    d.observer.stage(d.observer.context, &i, STAGE_FAILED, "exit status 1\nlog: /x");
    assert_non_null(strstr(d.text, "s  failed      train"));
    assert_non_null(strstr(d.text, "\n                      exit status 1\n                      log: /x\n"));
    progress_end(d.progress, &summary);
    assert_non_null(strstr(d.text, "1 known, 22 finished, 3 failed, 4 interrupted, 5 skipped in 1.2 s\n"));
    display_close(&d);
}

/* The results in the last line. */
static void says_of_results(const struct published *results, const char *expected) {
    struct display d;
    struct run_summary s = {.results = *results};
    display_open(&d, PROGRESS_PLAIN);
    progress_end(d.progress, &s);
    const char *line = strchr(d.text, '\n');
    assert_non_null(line);
    assert_string_equal(line + 1, expected);
    display_close(&d);
}

static void test_plain_names_the_folder_of_the_results(void **state) {
    char whole[] = "/p/results/x", partial[] = "/p/results/x@partial";
    (void)state;
    says_of_results(&(struct published){.path = whole, .known = 5, .total = 5}, "results: /p/results/x/\n");
    says_of_results(&(struct published){.path = partial, .known = 2, .total = 5},
                    "results: 3 of 5 are not known yet; the others are in /p/results/x@partial/\n");
    says_of_results(&(struct published){.path = partial, .known = 4, .total = 5},
                    "results: 1 of 5 is not known yet; the others are in /p/results/x@partial/\n");
    says_of_results(&(struct published){.known = 0, .total = 5}, "");
}

static void test_none_shows_failures_alone(void **state) {
    struct display d;
    struct instance i = keyed("train");
    (void)state;
    display_open(&d, PROGRESS_NONE);
    d.observer.stage(d.observer.context, &i, STAGE_STARTED, NULL);
    d.observer.stage(d.observer.context, &i, STAGE_FINISHED, NULL);
    d.observer.note(d.observer.context, NULL, "a note");
    progress_end(d.progress, &summary);
    assert_string_equal(d.text, "");
    d.observer.stage(d.observer.context, &i, STAGE_FAILED, "exit status 1");
    assert_non_null(strstr(d.text, "failed      train"));
    display_close(&d);
}

/* The line of a running stage, from its name on. */
static void says(const char *expected, bool more, double done, double total, const char *unit) {
    struct display d;
    struct instance i = keyed("train");
    ahead_s = 0;
    display_open(&d, PROGRESS_PLAIN);
    d.observer.stage(d.observer.context, &i, STAGE_STARTED, NULL);
    ahead_s = 1000;
    d.observer.progress(d.observer.context, &i, done, total, unit);
    const char *line = strstr(d.text, "running     train  ");
    assert_non_null(line);
    assert_int_equal(strncmp(line + 19, expected, strlen(expected)), 0);
    if (!more)
        assert_string_equal(line + 19, expected);
    display_close(&d);
    ahead_s = 0;
}

static void test_plain_tells_what_is_left_where_it_is_known(void **state) {
    (void)state;
    says("250 of 1000 step, about ", true, 250, 1000, "step");
    says("0 of 10 step\n", false, 0, 10, "step");
    says("1\n", false, 1, (double)NAN, NULL);
    says("20\n", false, 20, 10, NULL); /* more than all: the stage's total is wrong */
}

static void test_plain_lets_a_note_be_one_line(void **state) {
    struct display d;
    struct instance i = keyed("train");
    (void)state;
    display_open(&d, PROGRESS_PLAIN);
    d.observer.note(d.observer.context, &i, "caf\xC3\xA9 \x1B[31mred\x7F\nfinished");
    assert_non_null(strstr(d.text, "note        train: caf\xC3\xA9 \\x1b[31mred\\x7f\\nfinished\n"));
    display_close(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_lines_of_every_state),
        cmocka_unit_test(test_json_without_a_key_and_with_a_reason),
        cmocka_unit_test(test_json_tells_nothing_else),
        cmocka_unit_test(test_json_end),
        cmocka_unit_test(test_plain_shows_what_happens),
        cmocka_unit_test(test_plain_names_the_folder_of_the_results),
        cmocka_unit_test(test_none_shows_failures_alone),
        cmocka_unit_test(test_plain_lets_a_note_be_one_line),
        cmocka_unit_test(test_plain_tells_what_is_left_where_it_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
