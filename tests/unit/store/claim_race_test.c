/* Several processes that want one key at the same instant: one of them has it. */
#include "tests/unit/store/fixture.h"

#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PROCESSES = 4, ROUNDS = 25, PAUSE_US = 2000 };

/* Stands before the C library's. Each process waits before it makes its claim, and before it writes it. Then a process
   that may look finds no claim, or an empty one. */
int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    bool is_new = flags & O_EXCL && strstr(path, "/claims/");
    if (is_new)
        usleep(PAUSE_US);
    int fd = openat(AT_FDCWD, path, flags, mode);
    if (is_new)
        usleep(PAUSE_US);
    return fd;
}

/* State shared by the threads. */
struct race {
    atomic_uint arrived, claimed, busy;
};

/* Waits until all have come here so many times. */
static void meet(struct race *race, unsigned times) {
    atomic_fetch_add(&race->arrived, 1);
    while (atomic_load(&race->arrived) < times * PROCESSES)
        sched_yield();
}

/* In every second round some of the processes hold a claim: they link to it, the others write theirs. */
static void want_keys(struct race *race, const char *store, bool may_link) {
    struct store *s;
    struct error err = {0};
    if (store_open(&s, store, true, &err) < 0) {
        atomic_store(&race->arrived, UINT_MAX / 2); /* nobody waits for this one */
        _exit(2);
    }
    struct digest own = key_of("own");
    own.bytes[0] ^= (uint8_t)getpid();
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct digest key;
        bool links = may_link && round % 2 == 1;
        if (links && store_claim(s, &own, &err) < 0)
            _exit(3);
        sha256_bytes(&key, &round, sizeof round);
        meet(race, 2 * round + 1);
        int rc = store_claim(s, &key, &err);
        atomic_fetch_add(rc == 0 ? &race->claimed : &race->busy, rc == 0 || rc == ERR_BUSY);
        meet(race, 2 * round + 2);
        if (rc == 0)
            store_release(s, &key, NULL);
        if (links)
            store_release(s, &own, NULL);
    }
    store_close(s);
    _exit(0);
}

static void one_of_several_has_a_key(void **state) {
    struct place *p = *state;
    struct race *race = mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    assert_ptr_not_equal(race, MAP_FAILED);
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0)
            want_keys(race, p->directory, i % 2 == 1);
    while (wait(&status) > 0)
        assert_int_equal(status, 0);
    assert_int_equal(atomic_load(&race->claimed), ROUNDS);
    assert_int_equal(atomic_load(&race->busy), ROUNDS * (PROCESSES - 1));
    munmap(race, sizeof *race);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_of_several_has_a_key, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
