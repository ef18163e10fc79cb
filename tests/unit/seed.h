/* The seed of what a test draws: SEED of the environment, else 1. */
#ifndef RETORT_TESTS_UNIT_SEED_H
#define RETORT_TESTS_UNIT_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints it, so that a failure tells how to repeat it. */
static inline uint64_t test_seed(void) {
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    printf("# SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
