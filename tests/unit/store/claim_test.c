#include "tests/unit/store/fixture.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

/* How far the clocks are from where they were. */
static struct { long wall_s, awake_s, asleep_s; } clocks;

/* Stands before the C library's. */
int clock_gettime(clockid_t clock, struct timespec *out) {
    int rc = (int)syscall(SYS_clock_gettime, clock, out);
    out->tv_sec += clock == CLOCK_REALTIME    ? clocks.wall_s
                   : clock == CLOCK_MONOTONIC ? clocks.awake_s
                   : clock == CLOCK_BOOTTIME  ? clocks.awake_s + clocks.asleep_s
                                              : 0;
    return rc;
}

static int clocks_setup(void **state) {
    memset(&clocks, 0, sizeof clocks);
    return place_setup(state);
}

/* The parts of our own owner text: "<host>-<boot>-<space>-<pid>-<start>-<serial>". */
struct parts {
    char host[9], boot[9];
    unsigned long long space, start;
    long long pid;
};

static char *claim_path(const struct place *p, const struct digest *key) {
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, key);
    return mem_printf("%s/claims/%s", p->directory, hex);
}

/* Learned from a claim of our own, so that a forged one differs in one part only. */
static struct parts own_parts(const struct place *p, struct store *s) {
    struct parts parts;
    struct error err = {0};
    struct digest key = key_of("to learn");
    char *path = claim_path(p, &key);
    ok(store_claim(s, &key, &err), err);
    char *text = read_text(path);
    assert_int_equal(sscanf(text, "%8[0-9a-f]-%8[0-9a-f]-%llu-%lld-%llu", parts.host, parts.boot, &parts.space,
                            &parts.pid, &parts.start),
                     5);
    assert_int_equal(parts.pid, getpid());
    ok(store_release(s, &key, &err), err);
    assert_false(file_exists(path));
    free(text);
    free(path);
    return parts;
}

static void forge(const struct place *p, const struct digest *key, const struct parts *parts) {
    char *path = claim_path(p, key);
    char *text = mem_printf("%s-%s-%llu-%lld-%llu-77 somewhere\n", parts->host, parts->boot, parts->space, parts->pid,
                            parts->start);
    write_text(path, text, 0644);
    free(text);
    free(path);
}

static void the_living_are_respected(void **state) {
    struct store *a = open_store(*state);
    struct store *b = open_store(*state);
    struct error err = {0};
    struct digest key = key_of("k");
    char pid[32];
    ok(store_claim(a, &key, &err), err);
    ok(store_claim(a, &key, &err), err); /* ours already */
    assert_int_equal(store_claim(b, &key, &err), ERR_BUSY);
    snprintf(pid, sizeof pid, "process %d on ", (int)getpid());
    assert_non_null(strstr(err.message, pid));
    ok(store_release(b, &key, &err), err); /* not b's to release */
    assert_int_equal(store_claim(b, &key, &err), ERR_BUSY);
    ok(store_release(a, &key, &err), err);
    ok(store_claim(b, &key, &err), err);
    store_close(b); /* releases */
    ok(store_claim(a, &key, &err), err);
    store_close(a);
}

static void a_dead_owner_is_taken_over(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct digest key = key_of("k");
    struct store *s = open_store(p);
    pid_t child = fork();
    if (child == 0) {
        struct store *other;
        _exit(store_open(&other, p->directory, false, NULL) == 0 && store_claim(other, &key, NULL) == 0 ? 0 : 1);
    }
    int status;
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0); /* dead, and not reaped yet */
    ok(store_claim(s, &key, &err), err);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store_close(s);
}

static void a_pid_used_again_is_another_process(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct digest key = key_of("k");
    struct store *s = open_store(p);
    struct parts parts = own_parts(p, s);
    forge(p, &key, &parts);
    assert_int_equal(store_claim(s, &key, &err), ERR_BUSY); /* this very process, another of its stores */
    parts.start--;
    forge(p, &key, &parts);
    ok(store_claim(s, &key, &err), err);
    store_close(s);
}

static void a_restarted_host_has_no_owners_left(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct digest key = key_of("k");
    struct store *s = open_store(p);
    struct parts parts = own_parts(p, s);
    parts.boot[0] = parts.boot[0] == '0' ? '1' : '0';
    forge(p, &key, &parts);
    ok(store_claim(s, &key, &err), err);
    store_close(s);
}

/* A claim of another host, that shows by its time of `days` from now, and the key of which is taken. */
static char *forge_elsewhere(const struct place *p, struct store *s, const struct digest *key, int days) {
    struct parts parts = own_parts(p, s);
    const time_t then = time(NULL) + days * 86400;
    const struct timespec times[2] = {{.tv_sec = then}, {.tv_sec = then}};
    parts.boot[0] = parts.boot[0] == '0' ? '1' : '0';
    parts.host[0] = parts.host[0] == '0' ? '1' : '0';
    forge(p, key, &parts);
    char *path = claim_path(p, key);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    return path;
}

/* Its clock does not matter. The test is how long this store saw no sign of life. */
static void another_host_lives_while_it_shows(void **state) {
    const struct place *p = *state;
    static const int days[] = {-1, 0, 1};
    struct store *s = open_store(p);
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        struct error err = {0};
        char name[16];
        snprintf(name, sizeof name, "k%d", days[i]);
        struct digest key = key_of(name);
        char *path = forge_elsewhere(p, s, &key, days[i]);
        assert_int_equal(store_claim(s, &key, &err), ERR_BUSY);
        assert_non_null(strstr(err.message, "somewhere"));
        clocks.awake_s += 50;
        assert_int_equal(store_claim(s, &key, &err), ERR_BUSY);
        assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0); /* it shows */
        clocks.awake_s += 50;
        assert_int_equal(store_claim(s, &key, &err), ERR_BUSY);
        clocks.awake_s += 50;
        assert_int_equal(store_claim(s, &key, &err), ERR_BUSY);
        clocks.awake_s += 20; /* 70 since we saw that it showed */
        ok(store_claim(s, &key, &err), err);
        free(path);
    }
    store_close(s);
}

/* Our clock is set forward, and back; our machine sleeps: no claim is stolen for that, here or elsewhere. */
static void a_clock_that_jumps_steals_nothing(void **state) {
    static const long steps_s[] = {7200, -14400, 7200, 86400 * 365L * 30};
    const struct place *p = *state;
    struct error err = {0};
    struct store *s = open_store(p);
    struct store *other = open_store(p);
    struct digest far = key_of("far");
    struct digest near = key_of("near");
    free(forge_elsewhere(p, s, &far, 0));
    ok(store_claim(other, &near, &err), err);
    assert_int_equal(store_claim(s, &far, &err), ERR_BUSY);
    for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
        clocks.wall_s += steps_s[i];
        clocks.asleep_s += 8 * 3600;
        assert_int_equal(store_claim(s, &far, &err), ERR_BUSY);
        assert_int_equal(store_claim(s, &near, &err), ERR_BUSY);
    }
    store_close(other);
    ok(store_claim(s, &near, &err), err);
    store_close(s);
}

static void a_torn_claim_is_no_claim(void **state) {
    static const char *const torn[] = {"", "0123", "01234567-01234567-1-1-1-1", "nonsense\n",
                                       "01234567-01234567-1-1-1-1 host without newline"};
    const struct place *p = *state;
    struct store *s = open_store(p);
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        struct error err = {0};
        struct digest key = key_of(torn[i]);
        char *path = claim_path(p, &key);
        write_text(path, torn[i], 0644);
        ok(store_claim(s, &key, &err), err);
        free(path);
    }
    store_close(s);
}

/* The owner appended its record and was killed before that was in the index: who takes over must see it. */
static void a_record_of_the_dead_owner_is_seen(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct digest key = key_of("k");
    char hex[DIGEST_HEX_SIZE];
    char found[DIGEST_HEX_SIZE];
    char expected[DIGEST_HEX_SIZE];
    struct store *s = open_store(p);
    struct parts parts = own_parts(p, s);
    struct object o = put_text(s, "finished");
    cJSON *r = make_record(&key, "k", &o);
    char *json = json_canonical_text(r);
    char *body = mem_printf("1700000000000000000 %s", json);
    char *line = mem_printf("%s %s\n", hex_of(body, hex), body);
    char *path = mem_printf("%s/actions/dead.jsonl", p->directory);
    write_text(path, line, 0644);
    parts.start--;
    forge(p, &key, &parts);
    assert_string_equal(find_out(s, "k", found), "");
    ok(store_claim(s, &key, &err), err);
    assert_string_equal(find_out(s, "k", found), hex_of("finished", expected));
    cJSON_Delete(r);
    free(path);
    free(line);
    free(body);
    free(json);
    store_close(s);
}

static void only_what_the_dead_left_is_swept(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct store *s = open_store(p);
    struct parts parts = own_parts(p, s);
    char *ours = store_work_path(s, "a/b");
    char *owner = mem_printf("%s-%s-%llu-%lld-%llu-0", parts.host, parts.boot, parts.space, parts.pid, parts.start - 1);
    char *dead = mem_printf("%s/work/x@%s", p->directory, owner);
    char *temporary = mem_printf("%s/objects/tmp/%s.5", p->directory, owner);
    parts.host[0] = parts.host[0] == '0' ? '1' : '0';
    parts.boot[0] = parts.boot[0] == '0' ? '1' : '0';
    char *elsewhere = mem_printf("%s/work/x@%s-%s-1-1-1-0", p->directory, parts.host, parts.boot);
    char *foreign = mem_printf("%s/work/whatever", p->directory);
    assert_non_null(strstr(ours, "/work/a%2Fb@"));
    ok(file_make_directory(ours, &err), err);
    ok(file_make_directory(dead, &err), err);
    ok(file_make_directory(elsewhere, &err), err);
    ok(file_make_directory(foreign, &err), err);
    write_text(temporary, "half", 0600);
    ok(store_sweep(s, &err), err);
    assert_true(file_exists(ours) && file_exists(elsewhere) && file_exists(foreign));
    assert_false(file_exists(dead) || file_exists(temporary));
    free(foreign);
    free(elsewhere);
    free(temporary);
    free(dead);
    free(owner);
    free(ours);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_living_are_respected, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_dead_owner_is_taken_over, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_pid_used_again_is_another_process, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_restarted_host_has_no_owners_left, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(another_host_lives_while_it_shows, clocks_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_jumps_steals_nothing, clocks_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_torn_claim_is_no_claim, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_record_of_the_dead_owner_is_seen, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(only_what_the_dead_left_is_swept, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
