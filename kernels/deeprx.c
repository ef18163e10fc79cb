#include "kernels/deeprx.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/backend.h"
#include "kernels/deeprx_layout.h"

/* A residual block: x -> h by `half[0]`, h -> y by `half[1]`, plus the skip. */
struct block {
    struct norm norm[2];
    struct separable half[2];
    bool projects; /* the skip is a convolution */
    struct convolution skip;
    float *x, *h, *y; /* training: kept for the way back */
};

struct deeprx {
    struct deeprx_config config;
    const struct backend *backend;
    struct grid grid;
    struct run run;
    bool training;

    float *parameters, *statistics, *gradients, *moments;
    float *logits, *logits_gradient;
    float *buffers[3]; /* gradients of activations on the way back */
    struct convolution stem;
    struct block blocks[DEEPRX_MAX_BLOCKS];
    struct norm head_norm;
    struct convolution head;
    struct optimizer_tensor tensors[TENSORS_MAX];
    size_t tensor_count;
};

/* Gives out places in one allocation, each on a cache line; without a base it only counts. */
struct cursor {
    char *base;
    size_t bytes;
};

static void *reserve(struct cursor *at, size_t bytes) {
    void *place = at->base == NULL ? NULL : at->base + at->bytes;
    at->bytes += (bytes + 63) / 64 * 64;
    return place;
}

static float *reserve_floats(struct cursor *at, size_t floats) {
    return reserve(at, floats * sizeof(float));
}

/* Walks the flat arrays in the order of the layers; NULL arrays (while counting) give NULL. */
struct binder {
    struct deeprx *net;
    size_t parameter, statistic;
};

static float *at_offset(float *array, size_t offset) {
    return array == NULL ? NULL : array + offset;
}

static void bind_pair(struct binder *b, size_t weights, size_t biases, const float **weight, const float **bias,
                      float **weight_gradient, float **bias_gradient) {
    *weight = at_offset(b->net->parameters, b->parameter);
    *weight_gradient = at_offset(b->net->gradients, b->parameter);
    b->parameter += weights;
    *bias = at_offset(b->net->parameters, b->parameter);
    *bias_gradient = at_offset(b->net->gradients, b->parameter);
    b->parameter += biases;
}

static void bind_convolution(struct binder *b, const struct layer *layer, struct convolution *c) {
    c->channels_in = layer->in;
    c->channels_out = layer->out;
    bind_pair(b, layer_weights(layer), (size_t)layer->out, &c->weight, &c->bias, &c->weight_gradient,
              &c->bias_gradient);
}

static void bind_norm(struct binder *b, struct cursor *at, const struct layer *layer, struct norm *n) {
    const size_t channels = (size_t)layer->out;
    n->channels = layer->out;
    bind_pair(b, channels, channels, &n->gamma, &n->beta, &n->gamma_gradient, &n->beta_gradient);
    n->running_mean = at_offset(b->net->statistics, b->statistic);
    n->running_variance = at_offset(b->net->statistics, b->statistic + channels);
    b->statistic += 2 * channels;
    n->coefficients = reserve_floats(at, NORM_COEFFICIENTS * b->net->backend->channel_stride(layer->out));
}

static void bind_layers(struct deeprx *net, struct cursor *at) {
    struct layer layers[LAYERS_MAX];
    layout_layers(&net->config, layers, LAYERS_MAX);
    struct binder b = {.net = net};
    const struct layer *layer = layers;
    bind_convolution(&b, layer++, &net->stem);
    for (int i = 0; i < net->config.block_count; i++) {
        struct block *block = &net->blocks[i];
        for (int half = 0; half < 2; half++) {
            struct separable *s = &block->half[half];
            bind_norm(&b, at, layer++, &block->norm[half]);
            bind_convolution(&b, layer++, &s->depthwise);
            bind_convolution(&b, layer++, &s->pointwise);
            s->multiplier = net->config.depth_multiplier;
            s->dilation_time = net->config.blocks[i].dilation_time;
            s->dilation_frequency = net->config.blocks[i].dilation_frequency;
        }
        block->projects = block->norm[0].channels != block->norm[1].channels;
        if (block->projects)
            bind_convolution(&b, layer++, &block->skip);
    }
    bind_norm(&b, at, layer++, &net->head_norm);
    bind_convolution(&b, layer, &net->head);
}

static size_t elements(const struct deeprx *net) {
    return (size_t)net->grid.slots * (size_t)net->grid.symbols * (size_t)net->grid.subcarriers;
}

static size_t activation_floats(const struct deeprx *net, int channels) {
    return elements(net) * net->backend->channel_stride(channels);
}

static size_t widest(const struct deeprx *net) {
    size_t most = activation_floats(net, net->stem.channels_out);
    for (int i = 0; i < net->config.block_count; i++) {
        const size_t floats = activation_floats(net, net->config.blocks[i].width);
        most = floats > most ? floats : most;
    }
    return most;
}

/* In training every activation is kept. In inference three buffers do: h, and x and y, which swap where the width
   changes and are one where it does not. */
static void place_activations(struct deeprx *net, struct cursor *at) {
    const size_t most = widest(net);
    float *h = net->training ? NULL : reserve_floats(at, most);
    float *x = reserve_floats(at, net->training ? activation_floats(net, net->stem.channels_out) : most);
    float *spare = net->training ? NULL : reserve_floats(at, most);
    for (int i = 0; i < net->config.block_count; i++) {
        struct block *block = &net->blocks[i];
        const size_t floats = activation_floats(net, net->config.blocks[i].width);
        block->x = x;
        if (net->training) {
            block->h = reserve_floats(at, floats);
            block->y = reserve_floats(at, floats);
        } else {
            block->h = h;
            block->y = block->projects ? spare : x;
            spare = block->projects ? x : spare;
        }
        x = block->y;
    }
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t operator_workspace(const struct deeprx *net) {
    const struct backend *k = net->backend;
    const int threads = parallel_threads(net->run.parallel);
    size_t most = k->stem_workspace_bytes(net->grid, threads, &net->stem);
    for (int i = 0; i < net->config.block_count; i++) {
        const struct block *block = &net->blocks[i];
        most = larger(most, k->separable_workspace_bytes(net->grid, threads, &block->half[0]));
        most = larger(most, k->separable_workspace_bytes(net->grid, threads, &block->half[1]));
        if (block->projects)
            most = larger(most, k->project_workspace_bytes(net->grid, threads, &block->skip));
    }
    most = larger(most, k->project_workspace_bytes(net->grid, threads, &net->head));
    return larger(most, k->loss_workspace_bytes(net->grid, threads, net->config.bits));
}

/* Places everything from `base` on, or counts where base is NULL; returns the bytes. */
static size_t place(struct deeprx *net, char *base) {
    struct cursor at = {.base = base};
    const size_t parameters = deeprx_parameter_count(&net->config), statistics = deeprx_statistic_count(&net->config);
    net->parameters = reserve_floats(&at, parameters);
    net->statistics = reserve_floats(&at, statistics);
    if (net->training) {
        net->gradients = reserve_floats(&at, parameters);
        net->moments = reserve_floats(&at, 2 * parameters);
    }
    bind_layers(net, &at);
    net->logits = net->training ? reserve_floats(&at, elements(net) * (size_t)net->config.bits) : NULL;
    place_activations(net, &at);
    if (net->training) {
        net->logits_gradient = reserve_floats(&at, elements(net) * (size_t)net->config.bits);
        for (size_t i = 0; i < 3; i++)
            net->buffers[i] = reserve_floats(&at, widest(net));
    }
    net->run.workspace = reserve(&at, operator_workspace(net));
    return at.bytes;
}

static void list_optimizer_tensors(struct deeprx *net) {
    struct deeprx_tensor tensors[TENSORS_MAX];
    const size_t count = deeprx_tensors(&net->config, tensors, TENSORS_MAX);
    float *second = net->moments + deeprx_parameter_count(&net->config);
    for (size_t i = 0; i < count; i++)
        if (!tensors[i].statistic)
            net->tensors[net->tensor_count++] = (struct optimizer_tensor){
                .parameter = net->parameters + tensors[i].offset,
                .gradient = net->gradients + tensors[i].offset,
                .first = net->moments + tensors[i].offset,
                .second = second + tensors[i].offset,
                .size = tensors[i].size,
                .matrix = tensors[i].dims > 1,
            };
}

static void describe(struct deeprx *net, const struct deeprx_config *c, int batch, bool training, struct parallel *p) {
    net->config = *c;
    net->backend = backend_cpu();
    net->grid = (struct grid){batch, c->symbols, c->subcarriers};
    net->run = (struct run){.grid = net->grid, .parallel = p};
    net->training = training;
}

size_t deeprx_workspace_bytes(const struct deeprx_config *c, int batch, bool training) {
    struct deeprx net = {0};
    describe(&net, c, batch, training, NULL);
    return sizeof net + place(&net, NULL);
}

struct deeprx *deeprx_create(const struct deeprx_config *c, int batch, bool training, struct parallel *p) {
    struct deeprx counted = {0};
    describe(&counted, c, batch, training, p);
    const size_t header = (sizeof counted + 63) / 64 * 64, bytes = place(&counted, NULL);
    char *memory = counted.backend->allocate(header + bytes);
    if (memory == NULL)
        return NULL;
    openblas_set_num_threads(1);
    struct deeprx *net = (struct deeprx *)(void *)memory;
    describe(net, c, batch, training, p);
    place(net, memory + header);
    if (training)
        list_optimizer_tensors(net);
    return net;
}

void deeprx_free(struct deeprx *net) {
    if (net != NULL)
        net->backend->release(net);
}

float *deeprx_parameters(struct deeprx *net) {
    return net->parameters;
}

float *deeprx_statistics(struct deeprx *net) {
    return net->statistics;
}

float *deeprx_moments(struct deeprx *net) {
    return net->moments;
}

float *deeprx_gradients(struct deeprx *net) {
    return net->gradients;
}

/* The norm that comes after block i (counted from 0), or after the stem for -1. */
static const struct norm *norm_after(const struct deeprx *net, int i) {
    return i + 1 < net->config.block_count ? &net->blocks[i + 1].norm[0] : &net->head_norm;
}

/* `train`: norms take the batch's statistics. Otherwise their coefficients are set already. */
static void forward(struct deeprx *net, const struct run *run, const float *x, float *logits, bool train) {
    const struct backend *k = net->backend;
    k->stem_forward(run, &net->stem, x, net->blocks[0].x, train ? norm_after(net, -1) : NULL);
    for (int i = 0; i < net->config.block_count; i++) {
        const struct block *b = &net->blocks[i];
        k->separable_forward(run, &b->half[0], b->x, &b->norm[0], NULL, b->h, train ? &b->norm[1] : NULL);
        if (b->projects)
            k->project_forward(run, &b->skip, b->x, &b->norm[0], b->y, false);
        k->separable_forward(run, &b->half[1], b->h, &b->norm[1], b->projects ? b->y : b->x, b->y,
                             train ? norm_after(net, i) : NULL);
    }
    const struct block *last = &net->blocks[net->config.block_count - 1];
    k->project_forward(run, &net->head, last->y, &net->head_norm, logits, true);
}

/* Each block turns the gradient by its y (buffer 0, known up to the norm after it) into that by its x. */
static void backward(struct deeprx *net, const float *x) {
    const struct backend *k = net->backend;
    const struct run *run = &net->run;
    const struct block *last = &net->blocks[net->config.block_count - 1];
    float *dy = net->buffers[0], *dh = net->buffers[1], *dx = net->buffers[2];
    const struct gradient by_logits = {.g = net->logits_gradient};
    k->project_backward(run, &net->head, last->y, &net->head_norm, &by_logits, dy, true, true);
    struct gradient by_y = {dy, &net->head_norm, last->y, NULL};
    for (int i = net->config.block_count - 1; i >= 0; i--) {
        const struct block *b = &net->blocks[i];
        k->separable_backward(run, &b->half[1], b->h, &b->norm[1], &by_y, dh, false);
        if (b->projects) {
            const struct gradient complete = {.g = dy};
            k->project_backward(run, &b->skip, b->x, &b->norm[0], &complete, dx, false, false);
        }
        const struct gradient by_h = {dh, &b->norm[1], b->h, NULL};
        k->separable_backward(run, &b->half[0], b->x, &b->norm[0], &by_h, dx, b->projects);
        by_y = (struct gradient){dx, &b->norm[0], b->x, b->projects ? NULL : dy};
        float *free_buffer = dy;
        dy = dx;
        dx = free_buffer;
    }
    k->stem_backward(run, &net->stem, x, &by_y);
}

void deeprx_infer(struct deeprx *net, const float *x, int n, float *logits) {
    struct run run = net->run;
    run.grid.slots = n;
    for (int i = -1; i < net->config.block_count; i++) {
        net->backend->norm_evaluate(norm_after(net, i));
        if (i >= 0)
            net->backend->norm_evaluate(&net->blocks[i].norm[1]);
    }
    forward(net, &run, x, logits, false);
}

void deeprx_train_step(struct deeprx *net, const float *x, const float *label, const float *mask, const float *teacher,
                       const struct loss_config *loss, const struct optimizer_config *optimizer, uint64_t step,
                       double rate_factor, struct loss_value *value) {
    const struct backend *k = net->backend;
    const struct loss_batch batch = {
        .slots = (size_t)net->grid.slots,
        .elements = (size_t)net->grid.symbols * (size_t)net->grid.subcarriers,
        .bits = (size_t)net->config.bits,
        .logits = net->logits,
        .label = label,
        .mask = mask,
        .teacher = teacher,
    };
    struct loss_config used = *loss;
    if (teacher == NULL)
        used.kd = KD_NONE;
    forward(net, &net->run, x, net->logits, true);
    k->loss(&net->run, &batch, &used, net->logits_gradient, value);
    backward(net, x);
    k->optimize(&net->run, net->tensors, net->tensor_count, optimizer, step, rate_factor);
}
