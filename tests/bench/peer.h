/*
 * The same network in PyTorch, in a process of its own (tests/peers/steps.py). It takes a step on request and returns
 * its time.
 */
#ifndef RETORT_TESTS_BENCH_PEER_H
#define RETORT_TESTS_BENCH_PEER_H

#include "tests/bench/networks.h"

struct peer;

/* NULL when PyTorch is not installed. */
struct peer *peer_open(void);
void peer_close(struct peer *p);

/* PyTorch's version and its threads, as text. */
const char *peer_version(const struct peer *p);

/* Hands over the network, which has taken no step yet, and its batch. */
void peer_load(struct peer *p, const struct bench_work *w);

/* Processor seconds of `times` training steps (`loss`: the last one's) or inferences. The program ends when the peer
   has. */
double peer_train(struct peer *p, int times, double *loss);
double peer_infer(struct peer *p, int times);

#endif
