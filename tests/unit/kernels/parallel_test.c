/* Every block once, whatever the number of threads; thread numbers in range; many calls on one pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/parallel.h"

enum { BLOCKS = 1000 };

struct tally {
    unsigned char calls[BLOCKS]; /* a block belongs to one thread alone */
    int threads;
    size_t out_of_range[BLOCKS];
};

static void count(void *context, size_t block, int thread) {
    struct tally *t = context;
    t->calls[block]++;
    t->out_of_range[block] += thread < 0 || thread >= t->threads;
}

static void check(struct parallel *p, size_t blocks) {
    struct tally t = {.threads = parallel_threads(p)};
    parallel_for(p, blocks, count, &t);
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(t.calls[i], i < blocks);
        assert_int_equal(t.out_of_range[i], 0);
    }
}

static void every_block_runs_once(void **state) {
    (void)state;
    const int threads[] = {1, 2, 3, 8};
    const size_t blocks[] = {0, 1, 2, 7, BLOCKS};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        struct parallel *p = parallel_create(threads[i]);
        assert_non_null(p);
        assert_int_equal(parallel_threads(p), threads[i]);
        for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++)
            check(p, blocks[b]);
        parallel_free(p);
    }
}

static void one_pool_serves_many_calls(void **state) {
    (void)state;
    struct parallel *p = parallel_create(3);
    assert_non_null(p);
    for (int i = 0; i < 3000; i++)
        check(p, (size_t)(i % 9));
    parallel_free(p);
}

static void work_without_a_pool_runs_on_one_thread(void **state) {
    (void)state;
    assert_int_equal(parallel_threads(NULL), 1);
    check(NULL, 17);
    parallel_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_runs_once),
        cmocka_unit_test(one_pool_serves_many_calls),
        cmocka_unit_test(work_without_a_pool_runs_on_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
