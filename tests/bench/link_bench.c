/*
 * Microseconds a slot: generation, features and receivers at the laptop's and the paper's sizes, on every code path
 * of this processor. Prints a table; asserts nothing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/code_path.h"
#include "kernels/link.h"
#include "tests/unit/kernels/link_laptop.h"

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

struct bench {
    const char *size;
    struct link_config config;
    struct link_slot slot;
    void *slot_memory, *workspace;
    float *output; /* features or LLRs */
};

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static void bench_open(struct bench *b) {
    const struct link_config *c = &b->config;
    size_t workspace = most(link_generate_workspace_bytes(c), link_features_workspace_bytes(c));
    for (int r = LINK_RECEIVER_LS; r <= LINK_RECEIVER_GENIE; r++)
        workspace = most(workspace, link_receive_workspace_bytes(c, (enum link_receiver)r));
    size_t channels = most((size_t)link_feature_channels(c, LINK_FEATURES_MRC), (size_t)c->bits);
    b->slot_memory = malloc(link_slot_bytes(c));
    b->workspace = malloc(workspace);
    b->output = malloc(SLOT_SYMBOLS * (size_t)link_subcarriers(c) * channels * sizeof *b->output);
    if (b->slot_memory == NULL || b->workspace == NULL || b->output == NULL)
        abort();
    link_slot_place(&b->slot, c, b->slot_memory);
}

static void bench_close(struct bench *b) {
    free(b->slot_memory);
    free(b->workspace);
    free(b->output);
}

static void generate(struct bench *b, uint32_t index) {
    link_generate(&b->slot, &b->config, 1, RNG_TEST, index, (double)NAN, (double)NAN, b->workspace);
}

static void features(struct bench *b, uint32_t index) {
    (void)index;
    link_features(b->output, &b->slot, &b->config, LINK_FEATURES_MRC, b->workspace);
}

static void receive_ls(struct bench *b, uint32_t index) {
    (void)index;
    link_receive(b->output, &b->slot, &b->config, LINK_RECEIVER_LS, LINK_DEMAP_MAXLOG, b->workspace);
}

static void receive_lmmse(struct bench *b, uint32_t index) {
    (void)index;
    link_receive(b->output, &b->slot, &b->config, LINK_RECEIVER_LMMSE, LINK_DEMAP_MAXLOG, b->workspace);
}

static void receive_genie_exact(struct bench *b, uint32_t index) {
    (void)index;
    link_receive(b->output, &b->slot, &b->config, LINK_RECEIVER_GENIE, LINK_DEMAP_EXACT, b->workspace);
}

static const struct {
    const char *name;
    void (*body)(struct bench *b, uint32_t index);
} bodies[] = {
    {"generate", generate},
    {"features mrc", features},
    {"LS, max-log", receive_ls},
    {"LMMSE, max-log", receive_lmmse},
    {"genie, exact", receive_genie_exact},
};

/* The median of five rounds of at least 20 ms. */
static double measure_us(struct bench *b, void (*body)(struct bench *b, uint32_t index)) {
    double round[5] = {0};
    body(b, 0);
    for (int i = 0; i < 5; i++) {
        double start = now_us(), spent = 0;
        uint32_t calls = 0;
        while (spent < 20e3) {
            body(b, calls++);
            spent = now_us() - start;
        }
        double value = spent / calls;
        int at = i;
        for (; at > 0 && round[at - 1] > value; at--)
            round[at] = round[at - 1];
        round[at] = value;
    }
    return round[2];
}

int main(void) {
    static const char *const paths[] = {"portable", "x86-64-avx2", "x86-64-avx512"};
    struct link_config laptop = laptop_config();
    struct link_config paper = laptop;
    paper.blocks = 26;
    paper.bits = 8;
    paper.pilots = 2;
    struct link_config disturbed = laptop;
    disturbed.interference = true;
    struct bench benches[] = {{.size = "laptop", .config = laptop},
                              {.size = "laptop, interference", .config = disturbed},
                              {.size = "paper", .config = paper}};

    printf("%-15s %-22s %-16s %10s\n", "path", "size", "kernel", "us/slot");
    for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
        if (kernels_platform_pin(paths[p]) != 0)
            continue;
        for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
            bench_open(&benches[i]);
            generate(&benches[i], 0);
            for (size_t k = 0; k < sizeof bodies / sizeof bodies[0]; k++)
                printf("%-15s %-22s %-16s %10.1f\n", paths[p], benches[i].size, bodies[k].name,
                       measure_us(&benches[i], bodies[k].body));
            bench_close(&benches[i]);
        }
    }
    return 0;
}
