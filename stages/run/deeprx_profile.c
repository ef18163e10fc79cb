#include <stdio.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "stages/rows_write.h"
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

/* The caller deletes the list. */
static cJSON *line_rows(const struct line *lines, size_t count, const struct profile *p) {
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        const struct line *line = &lines[i];
        cJSON *row = cJSON_CreateObject();
        if (*line->name)
            cJSON_AddStringToObject(row, "layer", line->name);
        cJSON_AddStringToObject(row, "block", line->block);
        cJSON_AddNumberToObject(row, "parameters", (double)line->parameters);
        cJSON_AddNumberToObject(row, "macs_element", (double)line->macs_element);
        cJSON_AddNumberToObject(row, "flops_slot", (double)line_flops(line, p));
        cJSON_AddNumberToObject(row, "share", line_share(line, p));
        cJSON_AddNumberToObject(row, "weight_bytes", (double)line->weight_bytes);
        cJSON_AddNumberToObject(row, "activation_bytes_slot", (double)line->activation_bytes);
        cJSON_AddItemToArray(rows, row);
    }
    return rows;
}

static int rows_out(struct stage *s, const cJSON *layers, const cJSON *blocks, struct error *err) {
    static const char *const columns[] = {"layer",      "block", "parameters",   "macs_element",
                                          "flops_slot", "share", "weight_bytes", "activation_bytes_slot",
                                          NULL};
    struct buffer text = {0};
    rows_csv(&text, layers, columns);
    int rc = stage_write(s, "profile", text.data, text.size, err);
    buffer_clear(&text);
    rows_csv(&text, blocks, columns + 1);
    if (!rc)
        rc = stage_write(s, "blocks", text.data, text.size, err);
    buffer_clear(&text);
    buffer_puts(&text, "{\n  \"rows\": ");
    rows_json(&text, layers, "    ");
    buffer_puts(&text, "\n  ],\n  \"blocks\": ");
    rows_json(&text, blocks, "    ");
    buffer_puts(&text, "\n  ]\n}\n");
    if (!rc)
        rc = stage_write(s, "json", text.data, text.size, err);
    buffer_close(&text);
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
    cJSON *layers = line_rows(p.layers, p.layer_count, &p), *blocks = line_rows(p.blocks, p.block_count, &p);
    if (!rc)
        rc = rows_out(s, layers, blocks, err);
    cJSON_Delete(layers);
    cJSON_Delete(blocks);
    profile_close(&p);
    return rc;
}
