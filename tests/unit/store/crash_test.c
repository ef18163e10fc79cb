/*
 * An engine is killed at any instant. A child puts, adds and commits, and reports through a pipe when store_commit has
 * returned. It is killed at a random time. Every reported record must be there, and every record must be whole.
 */
#include "tests/unit/seed.h"
#include "tests/unit/store/fixture.h"

#include <signal.h>
#include <time.h>

#include "engine/base/clock.h"

enum { ROUNDS = 40, PER_COMMIT = 3, LONGEST_US = 30000 };

struct said {
    int round, number;
};

static void add_one(struct store *s, int round, int number) {
    struct error err = {0};
    char *name = mem_printf("round %d number %d", round, number);
    struct digest key = key_of(name);
    struct object o = put_text(s, name);
    cJSON *r = make_record(&key, name, &o);
    ok(store_record_add(s, r, &err), err);
    cJSON_Delete(r);
    free(name);
}

static void work_until_killed(const struct place *p, int round, int report) {
    struct store *s = open_store(p);
    struct error err = {0};
    ok(store_run_begin(s, "study", NULL, &err), err);
    for (int number = 0;;) {
        int first = number;
        while (number < first + PER_COMMIT)
            add_one(s, round, number++);
        ok(store_commit(s, &err), err);
        for (int i = first; i < number; i++) {
            const struct said said = {round, i};
            if (write(report, &said, sizeof said) != (ssize_t)sizeof said)
                _exit(1);
        }
    }
}

static void keep(struct said **all, size_t *count, const struct said *said) {
    *all = mem_resize(*all, *count + 1, sizeof **all);
    (*all)[(*count)++] = *said;
}

/* Kills after so many microseconds; `after_us` 0: after the first report, and says how long that took. */
static size_t run_and_kill(const struct place *p, int round, long *after_us, struct said **all, size_t count) {
    int ends[2];
    struct said said;
    int status;
    uint64_t began_ns = clock_monotonic_ns();
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        work_until_killed(p, round, ends[1]);
    }
    close(ends[1]);
    if (*after_us > 0) {
        nanosleep(&(struct timespec){.tv_sec = *after_us / 1000000, .tv_nsec = *after_us % 1000000 * 1000}, NULL);
    } else {
        assert_int_equal(read(ends[0], &said, sizeof said), sizeof said);
        keep(all, &count, &said);
        *after_us = (long)((clock_monotonic_ns() - began_ns) / 1000);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &said, sizeof said) == (ssize_t)sizeof said)
        keep(all, &count, &said);
    close(ends[0]);
    return count;
}

static void check_said(struct store *s, const struct said *said, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char hex[DIGEST_HEX_SIZE];
        char expected[DIGEST_HEX_SIZE];
        struct error err = {0};
        char *name = mem_printf("round %d number %d", said[i].round, said[i].number);
        assert_string_equal(find_out(s, name, hex), hex_of(name, expected));
        struct object o = {.digest = key_of(name), .size = strlen(name)};
        ok(store_object_verify(s, &o, &err), err);
        free(name);
    }
}

static void a_reported_record_survives_a_kill(void **state) {
    const struct place *p = *state;
    struct said *said = NULL;
    size_t count = 0;
    long first_us = 0;
    srandom((unsigned)test_seed());
    for (int round = 0; round < ROUNDS; round++) {
        struct error err = {0};
        size_t before = count;
        /* On a slow disk a commit takes its time. */
        long longest_us = 3 * first_us > LONGEST_US ? 3 * first_us : LONGEST_US;
        long after_us = 1 + random() % longest_us;
        count = run_and_kill(p, round, round == 0 ? &first_us : &after_us, &said, count);
        struct store *s = open_store(p); /* also when the first was killed while it made the store */
        check_said(s, said + before, count - before);
        ok(store_sweep(s, &err), err);
        store_close(s);
    }
    struct fsck_report report;
    struct buffer findings = {0};
    struct error err = {0};
    ok(store_fsck(p->directory, &report, keep_line, &findings, &err), err);
    assert_string_equal(buffer_text(&findings), "");
    assert_int_equal(report.damaged + report.missing + report.bad_lines + report.orphaned + report.rebuilt, 0);
    assert_true(report.records >= count);
    struct store *s = open_store(p);
    check_said(s, said, count);
    char *command = mem_printf("test -z \"$(ls %s/work %s/objects/tmp | grep -v :)\"", p->directory, p->directory);
    assert_int_equal(system(command), 0); /* nothing of the killed is left */
    print_message("%zu records reported, %llu found\n", count, (unsigned long long)report.records);
    free(command);
    store_close(s);
    buffer_close(&findings);
    free(said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reported_record_survives_a_kill, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
