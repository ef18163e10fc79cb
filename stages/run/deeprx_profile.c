#include <stdio.h>
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/run/kind_functions.h"
#include "stages/run/link_params.h"
#include "stages/run/network_model.h"

struct line {
    char name[64], block[32];
    uint64_t parameters, macs_element, weight_bytes, activation_bytes;
};

struct profile {
    const struct deeprx_config *config;
    struct line *layers, *blocks;
    size_t layer_count, block_count;
    uint64_t macs_element, elements;
};

static void block_name(char out[32], int block, const struct deeprx_config *c) {
    if (block == 0)
        snprintf(out, 32, "stem");
    else if (block > c->block_count)
        snprintf(out, 32, "head");
    else
        snprintf(out, 32, "block%d", block);
}

static void profile_read(struct profile *p, const struct deeprx_config *c) {
    size_t count = deeprx_layers(c, NULL, 0);
    struct deeprx_layer *layers = mem_array(count, sizeof *layers);
    deeprx_layers(c, layers, count);
    *p = (struct profile){.config = c,
                          .layer_count = count,
                          .block_count = (size_t)c->block_count + 2,
                          .macs_element = deeprx_macs_element(c),
                          .elements = (uint64_t)c->symbols * (uint64_t)c->subcarriers};
    p->layers = mem_array(count, sizeof *p->layers);
    p->blocks = mem_array(p->block_count, sizeof *p->blocks);
    for (size_t b = 0; b < p->block_count; b++)
        block_name(p->blocks[b].block, (int)b, c);
    for (size_t i = 0; i < count; i++) {
        struct line *line = &p->layers[i], *block = &p->blocks[layers[i].block];
        snprintf(line->name, sizeof line->name, "%s", layers[i].name);
        block_name(line->block, layers[i].block, c);
        block->parameters += line->parameters = layers[i].parameters;
        block->macs_element += line->macs_element = layers[i].macs_element;
        block->weight_bytes += line->weight_bytes = layers[i].weight_bytes;
        block->activation_bytes += line->activation_bytes = layers[i].activation_bytes_element * p->elements;
    }
    free(layers);
}

static void profile_close(struct profile *p) {
    free(p->layers);
    free(p->blocks);
}

static double line_share(const struct line *line, const struct profile *p) {
    return (double)line->macs_element / (double)p->macs_element;
}

static uint64_t line_flops(const struct line *line, const struct profile *p) {
    return 2 * line->macs_element * p->elements;
}

static const char numbers_header[] = "parameters,macs_element,flops_slot,share,weight_bytes,activation_bytes_slot\n";

static void numbers_csv(struct buffer *out, const struct line *line, const struct profile *p) {
    buffer_printf(out, ",%llu,%llu,%llu,", (unsigned long long)line->parameters, (unsigned long long)line->macs_element,
                  (unsigned long long)line_flops(line, p));
    json_number(out, line_share(line, p));
    buffer_printf(out, ",%llu,%llu\n", (unsigned long long)line->weight_bytes,
                  (unsigned long long)line->activation_bytes);
}

static void layers_csv(struct buffer *out, const struct profile *p) {
    buffer_printf(out, "layer,block,%s", numbers_header);
    for (size_t i = 0; i < p->layer_count; i++) {
        buffer_printf(out, "%s,%s", p->layers[i].name, p->layers[i].block);
        numbers_csv(out, &p->layers[i], p);
    }
}

static void blocks_csv(struct buffer *out, const struct profile *p) {
    buffer_printf(out, "block,%s", numbers_header);
    for (size_t i = 0; i < p->block_count; i++) {
        buffer_puts(out, p->blocks[i].block);
        numbers_csv(out, &p->blocks[i], p);
    }
}

static void lines_json(struct buffer *out, const struct line *lines, size_t count, bool layers,
                       const struct profile *p) {
    for (size_t i = 0; i < count; i++) {
        const struct line *line = &lines[i];
        buffer_puts(out, i ? ",\n    {" : "\n    {");
        if (layers)
            buffer_printf(out, "\"layer\": \"%s\", ", line->name);
        buffer_printf(
            out, "\"block\": \"%s\", \"parameters\": %llu, \"macs_element\": %llu, \"flops_slot\": %llu, \"share\": ",
            line->block, (unsigned long long)line->parameters, (unsigned long long)line->macs_element,
            (unsigned long long)line_flops(line, p));
        json_number(out, line_share(line, p));
        buffer_printf(out, ", \"weight_bytes\": %llu, \"activation_bytes_slot\": %llu}",
                      (unsigned long long)line->weight_bytes, (unsigned long long)line->activation_bytes);
    }
}

static void profile_json(struct buffer *out, const struct profile *p) {
    buffer_puts(out, "{\n  \"rows\": [");
    lines_json(out, p->layers, p->layer_count, true, p);
    buffer_puts(out, "\n  ],\n  \"blocks\": [");
    lines_json(out, p->blocks, p->block_count, false, p);
    buffer_puts(out, "\n  ]\n}\n");
}

static int out_write(struct stage *s, const char *name, void (*text)(struct buffer *out, const struct profile *p),
                     const struct profile *p, struct error *err) {
    struct buffer bytes = {0};
    text(&bytes, p);
    int rc = stage_write(s, name, bytes.data, bytes.size, err);
    buffer_close(&bytes);
    return rc;
}

int run_deeprx_profile(struct stage *s, struct error *err) {
    struct link_config link;
    struct network_model model;
    struct profile p;
    link_config_read(&link, cJSON_GetObjectItemCaseSensitive(stage_with(s), "link"));
    int rc = network_model_shape(&model, stage_with(s), &link, err);
    if (rc)
        return rc;
    const struct deeprx_config *c = &model.config;
    profile_read(&p, c);
    const struct {
        const char *name;
        double value;
    } results[] = {
        {"parameters", (double)deeprx_parameter_count(c)},
        {"statistics", (double)deeprx_statistic_count(c)},
        {"macs_per_element", (double)deeprx_macs_element(c)},
        {"flops_per_slot", (double)deeprx_flops_slot(c)},
    };
    for (size_t i = 0; i < sizeof results / sizeof *results && !rc; i++)
        rc = stage_result(s, results[i].name, results[i].value, err);
    if (!rc && !(rc = out_write(s, "profile", layers_csv, &p, err)) &&
        !(rc = out_write(s, "blocks", blocks_csv, &p, err)))
        rc = out_write(s, "json", profile_json, &p, err);
    profile_close(&p);
    return rc;
}
