/*
 * Several engines on one store: each wants all keys, claims one, looks again, makes it with bytes of its own, commits.
 */
#include "tests/unit/store/fixture.h"

#include <signal.h>
#include <time.h>

#include "engine/base/clock.h"

enum { ENGINES = 3, KEYS = 60, GIVE_UP_S = 60 };

/* Without claims: what happens when two engines know nothing of each other, as on hosts that share no locks. */
static void make_anyway(struct store *s, int i) {
    char *name = mem_printf("key %d", i);
    char *text = mem_printf("key %d made by %d", i, (int)getpid());
    commit_text(s, name, text);
    free(text);
    free(name);
}

/* True when the key is known by now, made here or elsewhere. */
static bool make_once(struct store *s, int i) {
    char hex[DIGEST_HEX_SIZE];
    struct error err = {0};
    char *name = mem_printf("key %d", i);
    struct digest key = key_of(name);
    bool known = *find_out(s, name, hex) != '\0';
    if (!known) {
        int rc = store_claim(s, &key, &err);
        if (rc != 0 && rc != ERR_BUSY)
            fail_msg("%s", err.message);
        if (rc == 0) {
            if (*find_out(s, name, hex) == '\0')
                make_anyway(s, i);
            ok(store_release(s, &key, &err), err);
            known = true;
        }
    }
    free(name);
    return known;
}

/* 1: it came no further for a minute. */
static int engine(const struct place *p, bool claims, unsigned seed) {
    struct store *s = open_store(p);
    uint64_t last_ns = clock_monotonic_ns();
    bool known[KEYS] = {false};
    srandom(seed);
    for (int left = KEYS; left > 0;) {
        int i = (int)(random() % KEYS);
        if (clock_monotonic_ns() - last_ns > GIVE_UP_S * UINT64_C(1000000000))
            return 1;
        if (known[i])
            continue;
        if (claims)
            known[i] = make_once(s, i);
        else
            make_anyway(s, i), known[i] = true;
        if (!known[i])
            continue;
        left--;
        last_ns = clock_monotonic_ns();
    }
    store_close(s);
    return 0;
}

static void run_engines(const struct place *p, bool claims) {
    pid_t children[ENGINES];
    for (unsigned i = 0; i < ENGINES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(engine(p, claims, i + 1));
    }
    for (int i = 0; i < ENGINES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}

static void collect(const struct place *p, char found[KEYS][DIGEST_HEX_SIZE]) {
    struct store *s = open_store(p);
    for (int i = 0; i < KEYS; i++) {
        char *name = mem_printf("key %d", i);
        find_out(s, name, found[i]);
        assert_int_equal(strlen(found[i]), 64);
        free(name);
    }
    store_close(s);
}

static struct fsck_report clean(const struct place *p) {
    struct fsck_report report;
    struct error err = {0};
    struct buffer findings = {0};
    ok(store_fsck(p->directory, &report, keep_line, &findings, &err), err);
    assert_string_equal(buffer_text(&findings), "");
    buffer_close(&findings);
    return report;
}

static void with_claims_every_key_is_made_once(void **state) {
    const struct place *p = *state;
    run_engines(p, true);
    assert_int_equal(clean(p).records, KEYS);
}

static void without_claims_the_first_record_wins_for_everybody(void **state) {
    const struct place *p = *state;
    char before[KEYS][DIGEST_HEX_SIZE];
    char after[KEYS][DIGEST_HEX_SIZE];
    run_engines(p, false);
    assert_int_equal(clean(p).records, KEYS * ENGINES);
    collect(p, before);
    char *db = path_join(p->directory, "state.db");
    assert_int_equal(unlink(db), 0);
    collect(p, after); /* the same ones from the segments alone */
    assert_memory_equal(before, after, sizeof before);
    free(db);
}

/* One of the engines is killed again and again while the others go on. */
static void the_killed_hold_nobody_up(void **state) {
    const struct place *p = *state;
    pid_t steady = fork();
    if (steady == 0)
        _exit(engine(p, true, 99));
    for (unsigned i = 0; i < 10; i++) {
        pid_t victim = fork();
        if (victim == 0)
            _exit(engine(p, true, i + 1));
        nanosleep(&(struct timespec){.tv_nsec = 15000000}, NULL);
        kill(victim, SIGKILL);
        assert_int_equal(waitpid(victim, NULL, 0), victim);
    }
    int status;
    assert_int_equal(waitpid(steady, &status, 0), steady);
    assert_int_equal(status, 0);
    char found[KEYS][DIGEST_HEX_SIZE];
    collect(p, found);
    assert_int_equal(clean(p).records, KEYS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(with_claims_every_key_is_made_once, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(without_claims_the_first_record_wins_for_everybody, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(the_killed_hold_nobody_up, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
