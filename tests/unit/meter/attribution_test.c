#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "engine/meter/attribution.h"
#include "engine/meter/cputime.h"
#include "tests/unit/meter/fixture.h"
#include "tests/unit/seed.h"

static void assert_sum(const struct attribution *a) {
    double sum = a->idle_j + a->other_j;
    for (size_t i = 0; i < a->count; i++)
        sum += a->rows[i].joules;
    if (!(fabs(sum - a->counter_j) <= 1e-9 * a->counter_j))
        fail_msg("rows are %.17g J, the counter %.17g J", sum, a->counter_j);
}

static void the_base_power_is_a_median(void **state) {
    (void)state;
    struct base_power base;
    base_power_set(&base, (const double[]){50, 52, 51}, 3, (const double[]){54, 90}, 2, 7);
    assert_near(base.median_w, 52); /* 50 51 52 54 90 */
    assert_near(base.mad_w, 2);     /* 0 1 2 2 38 */
    assert_near(base.drift_w, (54 + 90) / 2.0 - 51);
    assert_int_equal(base.windows, 5);
    base_power_set(&base, (const double[]){10, 20, 30, 40}, 4, NULL, 0, 7);
    assert_near(base.median_w, 25);
    assert_near(base.mad_w, 10); /* 5 5 15 15 */
    assert_true(isnan(base.drift_w));
    base_power_set(&base, NULL, 0, NULL, 0, 0);
    assert_int_equal(base.windows, 0);
}

/* 10 s at 100 J/s over a base of 40 W: 400 J idle; 600 J by CPU seconds 6 : 3 : 1. */
static void shares_are_those_by_hand(void **state) {
    (void)state;
    struct attribution a = {.base = {.median_w = 40, .mad_w = 2, .windows = 30}};
    attribution_stage(&a);
    attribution_stage(&a);
    attribution_add(&a, 10, 1000, 10, (const double[]){6, 3});
    assert_near(a.idle_j, 400);
    assert_near(a.rows[0].joules, 360);
    assert_near(a.rows[1].joules, 180);
    assert_near(a.other_j, 60);
    assert_sum(&a);
    /* 2 x 0.5 J x 0.6 + 2 W x 6 s + 2 x 0.01 s x 60 J a busy second */
    assert_near(attribution_uncertainty(&a, 0, 0.5, 0.01), 0.6 + 12 + 1.2);
    attribution_close(&a);
}

static void shares_at_the_edges_are_those_by_hand(void **state) {
    (void)state;
    struct attribution a = {.base = {.median_w = 40, .windows = 30}};
    attribution_stage(&a);
    attribution_add(&a, 1, 30, 0.5, (const double[]){0.5}); /* less than the base power: nobody is charged below 0 */
    assert_near(a.idle_j, 30);
    assert_true(a.rows[0].joules == 0);
    attribution_add(&a, 1, 50, 0, (const double[]){0}); /* nobody ran */
    assert_near(a.idle_j, 80);
    attribution_add(&a, 1, 50, 0.99, (const double[]){1}); /* ticks: the stage's is more than the machine's */
    assert_near(a.rows[0].joules, 10);
    assert_true(a.other_j == 0);
    attribution_add(&a, 1, 50, (double)NAN, (const double[]){1});
    assert_near(a.rows[0].joules, 20);
    assert_sum(&a);
    attribution_close(&a);

    struct attribution no_base = {0};
    attribution_stage(&no_base);
    attribution_add(&no_base, 1, 50, 2, (const double[]){1});
    assert_true(no_base.idle_j == 0);
    assert_near(no_base.rows[0].joules, 25);
    assert_near(no_base.other_j, 25);
    attribution_close(&no_base);
}

/* A stage that starts late owes nothing to the time before it. */
static void a_stage_that_came_late_has_its_share(void **state) {
    (void)state;
    struct attribution a = {0};
    attribution_stage(&a);
    attribution_add(&a, 1, 70, 1, (const double[]){1});
    size_t late = attribution_stage(&a);
    attribution_add(&a, 1, 70, 1, (const double[]){0.5, 0.5});
    assert_int_equal(late, 1);
    assert_near(a.rows[0].joules, 105);
    assert_near(a.rows[1].joules, 35);
    assert_sum(&a);
    attribution_close(&a);
}

static void random_shares_add_up_to_the_counter(void **state) {
    (void)state;
    srand((unsigned)test_seed());
    struct attribution a = {.base = {.median_w = 35, .mad_w = 1, .windows = 60}};
    double counter_j = 0;
    for (int stage = 0; stage < 7; stage++)
        attribution_stage(&a);
    for (int i = 0; i < 10000; i++) {
        double cpu[7], dt = 0.05 + rand() % 100 / 100.0, sum = 0;
        for (int k = 0; k < 7; k++)
            sum += cpu[k] = rand() % 3 ? rand() % 1000 / 1000.0 * dt : 0;
        double joules = rand() % 5 ? dt * (rand() % 200) : 0;
        attribution_add(&a, dt, joules, sum * (rand() % 300) / 200.0, cpu);
        counter_j += joules;
    }
    assert_near(a.counter_j, counter_j);
    assert_sum(&a);
    for (int k = 0; k < 7; k++)
        assert_true(a.rows[k].joules >= 0);
    assert_true(a.other_j >= -1e-6 && a.idle_j > 0);
    attribution_close(&a);
}

static void the_four_steps_are_those_by_hand(void **state) {
    (void)state;
    const struct base_power base = {.median_w = 50, .mad_w = 0.5, .windows = 60};
    struct four_steps f = four_steps(1200, 20, &base, 0.1);
    assert_near(f.absolute_w, 60);
    assert_near(f.relative_w, 10);
    assert_near(f.relative_j, 200);
    assert_near(f.uncertainty_j, 0.2 + 10);
    assert_near(f.uncertainty_w, 10.2 / 20);
    f = four_steps(900, 20, &base, 0.1); /* the machine drew less than before: shown so */
    assert_near(f.relative_w, -5);
    assert_near(f.relative_j, -100);
    assert_true(isnan(four_steps(1, 1, &(struct base_power){0}, 0).relative_j));
    assert_true(isnan(four_steps(1, 0, &base, 0).relative_j));
}

/* ---- real processes, a simulated counter ---- */

static double process_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A stage whose work is done by a child of its own, so that the tree has to be followed. */
static pid_t start_burner(double cpu_s) {
    pid_t pid = fork();
    if (pid)
        return pid;
    if (fork() == 0) {
        while (process_s(CLOCK_PROCESS_CPUTIME_ID) < cpu_s)
            ;
        _exit(0);
    }
    wait(NULL);
    pause();
    _exit(0);
}

static void real_processes_share_a_counter(void **state) {
    (void)state;
    const double watts = 80, cpu_s[2] = {0.6, 0.2};
    struct attribution a = {.base = {.median_w = 20, .windows = 30}};
    pid_t pids[2];
    for (int i = 0; i < 2; i++) {
        attribution_stage(&a);
        pids[i] = start_burner(cpu_s[i]);
    }
    double seen[2] = {0}, busy = cputime_busy("/"), at = process_s(CLOCK_MONOTONIC), counter_j = 0;
    double enough = cpu_s[0] + cpu_s[1] - 8 * cputime_tick_s();
    while (a.rows[0].cpu_s + a.rows[1].cpu_s < enough) {
        double stage_s[2], now_s, now_busy;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        for (int k = 0; k < 2; k++) {
            double now = fmax(cputime_tree("/", pids[k]), seen[k]); /* one that ends between two looks is in neither */
            stage_s[k] = now - seen[k];
            seen[k] = now;
        }
        now_busy = cputime_busy("/");
        now_s = process_s(CLOCK_MONOTONIC);
        attribution_add(&a, now_s - at, watts * (now_s - at), now_busy - busy, stage_s);
        counter_j += watts * (now_s - at);
        at = now_s;
        busy = now_busy;
    }
    for (int i = 0; i < 2; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
        assert_true(fabs(a.rows[i].cpu_s - cpu_s[i]) < 0.1); /* ticks, and the parents' own */
        assert_true(a.rows[i].joules > 0);
    }
    assert_near(a.counter_j, counter_j);
    assert_sum(&a); /* other processes of the machine decide which has more */
    attribution_close(&a);
}

static void cpu_time_is_read_below_a_root(void **state) {
    put_busy(*state, 12.5);
    assert_near(cputime_busy(*state), 12.5);
    put(*state, "proc/stat", "cpu 1 2\n");
    assert_true(isnan(cputime_busy(*state)));
    assert_true(isnan(cputime_busy("/nowhere")));
    double tick = cputime_tick_s();
    put(*state, "proc/10/stat", "10 (a) b (c)) S 1 10 10 0 -1 4 1 2 3 4 100 20 3 4 20 0 2 0 5 6 7\n");
    assert_near(cputime_tree(*state, 10), 127 * tick);
    put(*state, "proc/10/task/10/children", "11 ");
    put(*state, "proc/10/task/12/children", "13 14 ");
    put(*state, "proc/11/stat", "11 (x) S 10 10 10 0 -1 4 1 2 3 4 7 0 0 0 20\n");
    put(*state, "proc/13/stat", "13 (x) S 10 10 10 0 -1 4 1 2 3 4 0 1 0 0 20\n"); /* 14 is gone already */
    put(*state, "proc/13/task/13/children", "15");
    put(*state, "proc/15/stat", "15 (x) S 13 10 10 0 -1 4 1 2 3 4 1000 0 0 0 20\n");
    assert_near(cputime_tree(*state, 10), (127 + 7 + 1 + 1000) * tick);
    put(*state, "proc/10/stat", "10 (damaged");
    assert_near(cputime_tree(*state, 10), (7 + 1 + 1000) * tick);
    assert_true(cputime_tree(*state, 99) == 0);
}

static void the_peak_memory_is_that_of_the_whole_tree(void **state) {
    put(*state, "proc/10/status", "Name:\tVmHWM:\nVmPeak:\t 9000 kB\nVmHWM:\t     100 kB\nVmRSS:\t 50 kB\n");
    put(*state, "proc/10/task/10/children", "11 12 ");
    put(*state, "proc/11/status", "Name:\tx\nVmHWM:\t     300 kB\n");
    put(*state, "proc/12/status", "Name:\tx\nState:\tZ (zombie)\n"); /* the dead hold none */
    assert_near(cputime_tree_peak(*state, 10), 300 * 1024);
    assert_near(cputime_tree_peak(*state, 11), 300 * 1024);
    assert_true(cputime_tree_peak(*state, 99) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_power_is_a_median),
        cmocka_unit_test(shares_are_those_by_hand),
        cmocka_unit_test(shares_at_the_edges_are_those_by_hand),
        cmocka_unit_test(a_stage_that_came_late_has_its_share),
        cmocka_unit_test(random_shares_add_up_to_the_counter),
        cmocka_unit_test(the_four_steps_are_those_by_hand),
        cmocka_unit_test(real_processes_share_a_counter),
        with_root(cpu_time_is_read_below_a_root),
        with_root(the_peak_memory_is_that_of_the_whole_tree),
    };
    return cmocka_run_group_tests_name("attribution", tests, NULL, NULL);
}
