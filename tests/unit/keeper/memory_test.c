/* The keeper: a stage's memory is held to what it declares. */
#include <math.h>

#include "tests/unit/keeper/fixture.h"

#define MIB (1 << 20)
#define HOLD(mib) "kept = bytearray(" #mib " << 20); open('../held', 'w').close(); time.sleep(1000)"

static void run_with(struct trial *t, int limit_mib, const char *script) {
    t->request.memory_bytes = (double)limit_mib * MIB;
    run(t, script);
}

static void assert_killed_for_memory(const struct trial *t, int limit_mib) {
    const struct attempt_memory *m = &t->result.memory;
    assert_int_equal(t->result.signal, SIGKILL);
    assert_true(m->exceeded);
    assert_true(m->limit_bytes == (double)limit_mib * MIB);
    assert_true(m->in_cgroup || m->peak_bytes > m->limit_bytes);
}

static void a_stage_that_takes_too_much_is_killed(void **state) {
    struct trial *t = *state;
    run_with(t, 64, "exec python3 -c \"import time; " HOLD(200) "\"");
    assert_killed_for_memory(t, 64);
    run_with(t, 64, "exit 3");
    assert_int_equal(t->result.exit, 3);
    assert_false(t->result.memory.exceeded);
}

static void the_memory_of_all_processes_counts_together(void **state) {
    struct trial *t = *state;
    run_with(t, 100, "for i in 1 2 3; do python3 -c \"import time; " HOLD(45) "\" & done; wait");
    assert_killed_for_memory(t, 100);
}

static void a_daemon_of_the_stage_counts_too(void **state) {
    struct trial *t = *state;
    run_with(t, 64,
             "exec python3 -c \"import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
             "    with open('../daemon', 'w') as file: file.write(str(os.getpid()))\n"
             "    kept = bytearray(200 << 20)\n    time.sleep(1000)\n  os._exit(0)\nos.wait()\ntime.sleep(1000)\"");
    assert_killed_for_memory(t, 64);
    assert_false(is_alive(read_pid(t, "daemon")));
}

/* Four processes with the same 60 MiB. */
static void pages_that_processes_share_count_once(void **state) {
    struct trial *t = *state;
    run_with(t, 128,
             "exec python3 -c \"import os, time\nkept = bytearray(60 << 20)\nfor i in range(3):\n"
             "  if os.fork() == 0: time.sleep(1000)\ntime.sleep(1)\nos._exit(5)\"");
    assert_int_equal(t->result.exit, 5);
    assert_false(t->result.memory.exceeded);
}

static void a_stage_that_declares_no_memory_is_not_watched(void **state) {
    struct trial *t = *state;
    run_with(t, 0, "exit 0");
    assert_true(t->result.memory.limit_bytes == 0);
}

/* An address space may be reserved that is never used. */
static void reserved_memory_does_not_count(void **state) {
    struct trial *t = *state;
    run_with(t, 64, "exec python3 -c \"import mmap; kept = mmap.mmap(-1, 4 << 30)\"");
    assert_int_equal(t->result.exit, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_stage_that_takes_too_much_is_killed),
        TEST(the_memory_of_all_processes_counts_together),
        TEST(a_daemon_of_the_stage_counts_too),
        TEST(pages_that_processes_share_count_once),
        TEST(a_stage_that_declares_no_memory_is_not_watched),
        TEST(reserved_memory_does_not_count),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
