#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/deeprx.h"
#include "kernels/deeprx_layout.h"
#include "kernels/rng.h"

struct list {
    struct layer *out;
    size_t capacity, count;
};

static void add(struct list *l, enum layer_kind kind, int block, const char *part, int in, int out) {
    if (l->count < l->capacity) {
        struct layer *layer = &l->out[l->count];
        *layer = (struct layer){.kind = kind, .block = block, .in = in, .out = out};
        if (block == 0 || part[0] == 'h')
            snprintf(layer->name, sizeof layer->name, "%s", part);
        else
            snprintf(layer->name, sizeof layer->name, "block%d.%s", block, part);
    }
    l->count++;
}

size_t layout_layers(const struct deeprx_config *c, struct layer *out, size_t capacity) {
    struct list l = {out, capacity, 0};
    int width = c->blocks[0].width;
    add(&l, LAYER_STEM, 0, "stem", c->channels_in, width);
    for (int b = 0; b < c->block_count; b++) {
        const int next = c->blocks[b].width;
        add(&l, LAYER_NORM, b + 1, "norm1", width, width);
        add(&l, LAYER_DEPTHWISE, b + 1, "depthwise1", width, width * c->depth_multiplier);
        add(&l, LAYER_POINTWISE, b + 1, "pointwise1", width * c->depth_multiplier, next);
        add(&l, LAYER_NORM, b + 1, "norm2", next, next);
        add(&l, LAYER_DEPTHWISE, b + 1, "depthwise2", next, next * c->depth_multiplier);
        add(&l, LAYER_POINTWISE, b + 1, "pointwise2", next * c->depth_multiplier, next);
        if (width != next)
            add(&l, LAYER_POINTWISE, b + 1, "skip", width, next);
        width = next;
    }
    add(&l, LAYER_NORM, c->block_count + 1, "head.norm", width, width);
    add(&l, LAYER_POINTWISE, c->block_count + 1, "head", width, c->bits);
    return l.count;
}

/* Inputs that one output of a convolution adds up: the shape of its weight past the first dimension. */
static size_t layer_fan_in(const struct layer *layer) {
    switch (layer->kind) {
    case LAYER_STEM:
        return 9 * (size_t)layer->in;
    case LAYER_DEPTHWISE:
        return 9;
    case LAYER_POINTWISE:
        return (size_t)layer->in;
    case LAYER_NORM:
        break;
    }
    return 1;
}

size_t layer_weights(const struct layer *layer) {
    return layer_fan_in(layer) * (size_t)layer->out;
}

struct tensor_list {
    struct deeprx_tensor *out;
    size_t capacity, count, parameters, statistics;
};

static void add_tensor(struct tensor_list *l, const struct layer *layer, const char *part, bool matrix,
                       bool statistic) {
    const size_t size = matrix ? layer_weights(layer) : (size_t)layer->out;
    size_t *flat = statistic ? &l->statistics : &l->parameters;
    if (l->count < l->capacity) {
        struct deeprx_tensor *t = &l->out[l->count];
        *t = (struct deeprx_tensor){.dims = matrix ? 4 : 1,
                                    .shape = {(size_t)layer->out},
                                    .offset = *flat,
                                    .size = size,
                                    .statistic = statistic};
        snprintf(t->name, sizeof t->name, "%s.%s", layer->name, part);
        if (matrix) {
            const size_t window = layer->kind == LAYER_POINTWISE ? 1 : 3;
            t->shape[1] = layer->kind == LAYER_DEPTHWISE ? 1 : (size_t)layer->in;
            t->shape[2] = window;
            t->shape[3] = window;
        }
    }
    *flat += size;
    l->count++;
}

static void list_tensors(const struct deeprx_config *c, struct tensor_list *l) {
    struct layer layers[LAYERS_MAX];
    const size_t count = layout_layers(c, layers, LAYERS_MAX);
    for (size_t i = 0; i < count; i++) {
        const bool norm = layers[i].kind == LAYER_NORM;
        add_tensor(l, &layers[i], "weight", !norm, false);
        add_tensor(l, &layers[i], "bias", false, false);
        if (norm) {
            add_tensor(l, &layers[i], "running_mean", false, true);
            add_tensor(l, &layers[i], "running_var", false, true);
        }
    }
}

size_t deeprx_tensors(const struct deeprx_config *c, struct deeprx_tensor *out, size_t capacity) {
    struct tensor_list l = {.out = out, .capacity = capacity};
    list_tensors(c, &l);
    return l.count;
}

size_t deeprx_parameter_count(const struct deeprx_config *c) {
    struct tensor_list l = {0};
    list_tensors(c, &l);
    return l.parameters;
}

size_t deeprx_statistic_count(const struct deeprx_config *c) {
    struct tensor_list l = {0};
    list_tensors(c, &l);
    return l.statistics;
}

static bool ends_with(const char *name, const char *end) {
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static void fill(float *out, size_t n, float value) {
    for (size_t i = 0; i < n; i++)
        out[i] = value;
}

void deeprx_initialise(const struct deeprx_config *c, uint64_t seed, float *parameters, float *statistics) {
    struct deeprx_tensor tensors[TENSORS_MAX];
    const size_t count = deeprx_tensors(c, tensors, TENSORS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct deeprx_tensor *t = &tensors[i];
        float *values = (t->statistic ? statistics : parameters) + t->offset;
        if (t->dims > 1) {
            struct rng rng;
            rng_init(&rng, seed, RNG_WEIGHTS, (uint32_t)i, 0);
            const double fan_in = (double)t->size / (double)t->shape[0];
            rng_fill_normal(&rng, values, t->size, (float)sqrt(2.0 / fan_in));
        } else {
            const bool one = ends_with(t->name, ".running_var") || (!t->statistic && ends_with(t->name, ".weight"));
            fill(values, t->size, one ? 1.0f : 0.0f);
        }
    }
}

size_t deeprx_layers(const struct deeprx_config *c, struct deeprx_layer *out, size_t capacity) {
    struct layer layers[LAYERS_MAX];
    const size_t count = layout_layers(c, layers, LAYERS_MAX);
    for (size_t i = 0; i < count && i < capacity; i++) {
        const struct layer *layer = &layers[i];
        const bool norm = layer->kind == LAYER_NORM;
        const uint64_t channels = (uint64_t)layer->out, weights = layer_weights(layer);
        out[i] = (struct deeprx_layer){
            .block = layer->block,
            .parameters = weights + channels,
            .macs_element = norm ? 0 : weights,
            .weight_bytes = sizeof(float) * (norm ? 4 * channels : weights + channels),
            .activation_bytes_element = sizeof(float) * ((uint64_t)layer->in + channels),
        };
        memcpy(out[i].name, layer->name, sizeof layer->name);
    }
    return count;
}

uint64_t deeprx_macs_element(const struct deeprx_config *c) {
    struct layer layers[LAYERS_MAX];
    const size_t count = layout_layers(c, layers, LAYERS_MAX);
    uint64_t macs = 0;
    for (size_t i = 0; i < count; i++)
        macs += layers[i].kind == LAYER_NORM ? 0 : layer_weights(&layers[i]);
    return macs;
}

uint64_t deeprx_flops_slot(const struct deeprx_config *c) {
    return 2 * deeprx_macs_element(c) * (uint64_t)c->symbols * (uint64_t)c->subcarriers;
}
