/*
 * The networks that the benchmarks train: the laptop study's six sizes, three that were timed with other programs too,
 * and DeepRx as published. Inputs are noise, labels are random bits.
 */
#ifndef RETORT_TESTS_BENCH_NETWORKS_H
#define RETORT_TESTS_BENCH_NETWORKS_H

#include "stages/run/network_model.h"

struct bench_network {
    const char *name;
    struct network_model model; /* a shape only */
    int batch;
    double goal; /* how many times PyTorch's speed a training step is meant to reach */
};

enum { BENCH_NETWORKS = 10, BENCH_SMALL = 0, BENCH_LARGE = 5, BENCH_DEEPRX = 9 };

/* Ends the program when a shape cannot be made. */
void bench_networks(struct bench_network list[BENCH_NETWORKS]);

/* A network with a batch to train it on, on one thread. */
struct bench_work {
    const struct bench_network *of;
    struct deeprx *net;
    float *x, *label, *mask, *logits;
    size_t inputs, outputs; /* floats of a batch */
    uint64_t step;          /* taken so far */
    double loss;            /* of the last step */
};

/* Ends the program when memory cannot be had. */
void bench_work_open(struct bench_work *out, const struct bench_network *of);
void bench_work_close(struct bench_work *w);

/* A step of AdamW at learning rate 1e-3 and weight decay 1e-4; inference of the batch. */
void bench_train(struct bench_work *w);
void bench_infer(struct bench_work *w);

#endif
