#include "tests/bench/networks.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernels/rng.h"

/* A network of its own: its list of blocks in place of a preset's. */
#define BLOCK(width, time, frequency) "{\"width\":" #width ",\"dilation\":[" #time "," #frequency "]}"
#define ELEVEN(w, w2, w4)                                                                                               \
    "{\"size\":7,\"depth_multiplier\":1,\"features\":\"raw\",\"blocks\":[" BLOCK(w, 1, 1) "," BLOCK(w, 1, 1) "," BLOCK( \
        w2, 2,                                                                                                          \
        3) "," BLOCK(w2, 2,                                                                                             \
                     3) "," BLOCK(w4, 3,                                                                                \
                                  6) "," BLOCK(w4, 3,                                                                   \
                                               6) "," BLOCK(w4, 3,                                                      \
                                                            6) "," BLOCK(w2, 2,                                         \
                                                                         3) "," BLOCK(w2, 2,                            \
                                                                                      3) "," BLOCK(w, 1,                \
                                                                                                   1) "," BLOCK(w, 1,   \
                                                                                                                1) "]"  \
                                                                                                                   "}"
#define LAPTOP(size) "{\"architecture\":\"laptop\",\"size\":" #size ",\"features\":\"mrc\"}"

static const struct {
    const char *name, *with;
    int resource_blocks, bits, batch;
    double goal;
} table[BENCH_NETWORKS] = {
    {"laptop 7", LAPTOP(7), 4, 4, 8, 4},
    {"laptop 11", LAPTOP(11), 4, 4, 8, 4},
    {"laptop 19", LAPTOP(19), 4, 4, 8, 4},
    {"laptop 30", LAPTOP(30), 4, 4, 8, 4},
    {"laptop 125", LAPTOP(125), 4, 4, 8, 4},
    {"laptop 164", LAPTOP(164), 4, 4, 8, 4},
    {"11 blocks, 8", ELEVEN(8, 16, 32), 6, 8, 16, 4},
    {"11 blocks, 16", ELEVEN(16, 32, 64), 6, 8, 16, 4},
    {"11 blocks, 64", ELEVEN(64, 128, 256), 26, 8, 2, 2.5},
    {"DeepRx", "{\"architecture\":\"deeprx\",\"size\":30,\"features\":\"raw\"}", 26, 8, 2, 2.5},
};

static void fail(const char *name, const char *why) {
    fprintf(stderr, "bench: %s: %s\n", name, why);
    exit(3);
}

void bench_networks(struct bench_network list[BENCH_NETWORKS]) {
    for (size_t i = 0; i < BENCH_NETWORKS; i++) {
        const struct link_config link = {.blocks = table[i].resource_blocks, .antennas = 2, .bits = table[i].bits};
        struct error err = {0};
        cJSON *with = cJSON_Parse(table[i].with);
        list[i] = (struct bench_network){.name = table[i].name, .batch = table[i].batch, .goal = table[i].goal};
        if (with == NULL || network_model_shape(&list[i].model, with, &link, &err))
            fail(table[i].name, with == NULL ? "no JSON" : err.message);
        cJSON_Delete(with);
    }
}

static float *floats(const char *name, size_t count) {
    float *memory = malloc(count * sizeof *memory);
    if (memory == NULL)
        fail(name, "out of memory");
    return memory;
}

void bench_work_open(struct bench_work *out, const struct bench_network *of) {
    const struct deeprx_config *c = &of->model.config;
    const size_t grid = (size_t)c->symbols * (size_t)c->subcarriers, elements = (size_t)of->batch * grid;
    struct rng rng;
    *out = (struct bench_work){.of = of,
                               .inputs = elements * (size_t)c->channels_in,
                               .outputs = elements * (size_t)c->bits,
                               .net = deeprx_create(c, of->batch, true, NULL)};
    if (out->net == NULL)
        fail(of->name, "out of memory");
    deeprx_initialise(c, 1, deeprx_parameters(out->net), deeprx_statistics(out->net));
    rng_init(&rng, 1, RNG_TEST, 0, 0);
    rng_fill_normal(&rng, out->x = floats(of->name, out->inputs), out->inputs, 1);
    out->label = floats(of->name, out->outputs);
    for (size_t i = 0; i < out->outputs; i++)
        out->label[i] = (float)(rng_u32(&rng) & 1);
    out->mask = floats(of->name, grid);
    for (size_t i = 0; i < grid; i++)
        out->mask[i] = 1;
    out->logits = floats(of->name, out->outputs);
}

void bench_work_close(struct bench_work *w) {
    deeprx_free(w->net);
    free(w->x);
    free(w->label);
    free(w->mask);
    free(w->logits);
}

void bench_train(struct bench_work *w) {
    const struct loss_config loss = {.kd = KD_NONE};
    const struct optimizer_config optimizer = {.type = OPTIMIZER_ADAMW,
                                               .learning_rate = 1e-3,
                                               .weight_decay = 1e-4,
                                               .beta1 = 0.9,
                                               .beta2 = 0.999,
                                               .epsilon = 1e-8};
    struct loss_value value;
    deeprx_train_step(w->net, w->x, w->label, w->mask, NULL, &loss, &optimizer, ++w->step, 1.0, &value);
    w->loss = value.total;
}

void bench_infer(struct bench_work *w) {
    deeprx_infer(w->net, w->x, w->of->batch, w->logits);
}
