#include "stages/run/network_model.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/kinds/shared.h"
#include "stages/run/link_params.h"
#include "stages/safetensors.h"

static const char *const feature_names[] = {
    [LINK_FEATURES_RAW] = "raw", [LINK_FEATURES_LS] = "ls", [LINK_FEATURES_MRC] = "mrc"};
static const char format_name[] = "retort-deeprx-1";

enum { MAX_CHANNELS = 1 << 16, MAX_SUBCARRIERS = 12 * 275 };

int network_model_shape(struct network_model *out, const cJSON *with, const struct link_config *link,
                        struct error *err) {
    struct network_shape shape;
    int rc = network_shape_read(&shape, with, err);
    if (rc)
        return rc;
    *out = (struct network_model){.features = link_features_read(json_text(with, "features", "raw")),
                                  .antennas = link->antennas};
    out->config = (struct deeprx_config){
        .channels_in = link_feature_channels(link, out->features),
        .bits = link->bits,
        .symbols = SLOT_SYMBOLS,
        .subcarriers = link_subcarriers(link),
        .depth_multiplier = shape.depth_multiplier,
        .block_count = shape.block_count,
    };
    for (int i = 0; i < shape.block_count; i++)
        out->config.blocks[i] = (struct deeprx_block){
            .width = shape.blocks[i].width + shape.blocks[i].scale * shape.s,
            .dilation_time = shape.blocks[i].dilation_time,
            .dilation_frequency = shape.blocks[i].dilation_frequency,
        };
    return 0;
}

static char *architecture_text(const struct network_model *m) {
    const struct deeprx_config *c = &m->config;
    struct buffer b = {0};
    buffer_printf(&b,
                  "{\"network\":\"deeprx\",\"features\":\"%s\",\"antennas\":%d,\"channels_in\":%d,\"bits\":%d,"
                  "\"symbols\":%d,\"subcarriers\":%d,\"depth_multiplier\":%d,\"blocks\":[",
                  feature_names[m->features], m->antennas, c->channels_in, c->bits, c->symbols, c->subcarriers,
                  c->depth_multiplier);
    for (int i = 0; i < c->block_count; i++)
        buffer_printf(&b, "%s{\"width\":%d,\"dilation\":[%d,%d]}", i ? "," : "", c->blocks[i].width,
                      c->blocks[i].dilation_time, c->blocks[i].dilation_frequency);
    buffer_puts(&b, "]}");
    return buffer_detach(&b);
}

/* Caller frees. */
static struct deeprx_tensor *tensors_list(const struct deeprx_config *c, size_t *count) {
    *count = deeprx_tensors(c, NULL, 0);
    struct deeprx_tensor *list = mem_array(*count, sizeof *list);
    deeprx_tensors(c, list, *count);
    return list;
}

void network_model_encode(struct buffer *out, const struct network_model *m, const float *parameters,
                          const float *statistics) {
    size_t count;
    struct deeprx_tensor *list = tensors_list(&m->config, &count);
    struct safetensor *tensors = mem_array(count, sizeof *tensors);
    for (size_t i = 0; i < count; i++) {
        tensors[i] = (struct safetensor){
            .name = list[i].name,
            .dims = (size_t)list[i].dims,
            .size = list[i].size,
            .data = (list[i].statistic ? statistics : parameters) + list[i].offset,
        };
        for (int d = 0; d < list[i].dims; d++)
            tensors[i].shape[d] = list[i].shape[d];
    }
    char *architecture = architecture_text(m);
    cJSON *metadata = cJSON_CreateObject();
    cJSON_AddStringToObject(metadata, "architecture", architecture);
    cJSON_AddStringToObject(metadata, "format", format_name);
    safetensors_encode(out, tensors, count, metadata);
    cJSON_Delete(metadata);
    free(architecture);
    free(tensors);
    free(list);
}

/* A whole number of a foreign file, within bounds. */
static int read_bounded(int *out, const cJSON *node, const char *name, int min, int max, struct error *err) {
    if (!cJSON_IsNumber(node) || node->valuedouble < min || node->valuedouble > max ||
        node->valuedouble != (double)(int)node->valuedouble)
        return error_set(err, ERR_INVALID, "architecture: \"%s\" must be a whole number from %d to %d", name, min, max);
    *out = (int)node->valuedouble;
    return 0;
}

static int read_member(int *out, const cJSON *object, const char *name, int min, int max, struct error *err) {
    return read_bounded(out, cJSON_GetObjectItemCaseSensitive(object, name), name, min, max, err);
}

static int blocks_parse(struct deeprx_config *c, const cJSON *blocks, struct error *err) {
    int count = cJSON_IsArray(blocks) ? cJSON_GetArraySize(blocks) : 0;
    if (count < 1 || count > DEEPRX_MAX_BLOCKS)
        return error_set(err, ERR_INVALID, "architecture: \"blocks\" must be a list of 1 to %d blocks",
                         DEEPRX_MAX_BLOCKS);
    for (const cJSON *b = blocks->child; b; b = b->next) {
        struct deeprx_block *block = &c->blocks[c->block_count++];
        const cJSON *dilation = cJSON_GetObjectItemCaseSensitive(b, "dilation");
        int rc = read_member(&block->width, b, "width", 1, MAX_CHANNELS, err);
        if (!rc && cJSON_GetArraySize(dilation) != 2)
            rc = error_set(err, ERR_INVALID, "architecture: \"dilation\" must be a list of two whole numbers");
        if (rc || (rc = read_bounded(&block->dilation_time, dilation->child, "dilation", 1, 64, err)) ||
            (rc = read_bounded(&block->dilation_frequency, dilation->child->next, "dilation", 1, 64, err)))
            return rc;
    }
    return 0;
}

static int features_parse(struct network_model *m, const cJSON *root, struct error *err) {
    const char *name = json_text(root, "features", "");
    for (size_t i = 0; i < COUNT_OF(feature_names); i++)
        if (strcmp(feature_names[i], name) == 0) {
            struct link_config link = {.antennas = m->antennas};
            m->features = (enum link_features)i;
            if (m->config.channels_in == link_feature_channels(&link, m->features))
                return 0;
            return error_set(err, ERR_INVALID,
                             "architecture: %d input channels are not those of \"%s\" with %d antennas",
                             m->config.channels_in, name, m->antennas);
        }
    return error_set(err, ERR_INVALID, "architecture: \"features\" must be raw, ls or mrc");
}

static int architecture_parse(struct network_model *m, const char *text, struct error *err) {
    struct json_document *doc = NULL;
    struct deeprx_config *c = &m->config;
    int rc = json_parse(&doc, text, strlen(text), NULL, err);
    if (rc) {
        error_prefix(err, "architecture");
        return rc;
    }
    const cJSON *root = json_root(doc);
    (void)((rc = read_member(&m->antennas, root, "antennas", 1, MAX_ANTENNAS, err)) ||
           (rc = read_member(&c->channels_in, root, "channels_in", 1, MAX_CHANNELS, err)) ||
           (rc = read_member(&c->bits, root, "bits", 2, MAX_BITS, err)) ||
           (rc = read_member(&c->symbols, root, "symbols", SLOT_SYMBOLS, SLOT_SYMBOLS, err)) ||
           (rc = read_member(&c->subcarriers, root, "subcarriers", BLOCK_SUBCARRIERS, MAX_SUBCARRIERS, err)) ||
           (rc = read_member(&c->depth_multiplier, root, "depth_multiplier", 1, 8, err)) ||
           (rc = blocks_parse(c, cJSON_GetObjectItemCaseSensitive(root, "blocks"), err)) ||
           (rc = features_parse(m, root, err)));
    json_free(doc);
    return rc;
}

static int tensor_check(const struct deeprx_tensor *wanted, const struct safetensors *f, struct error *err) {
    const struct safetensor *t = safetensors_find(f, wanted->name);
    if (!t)
        return error_set(err, ERR_INVALID, "no tensor \"%s\", which the architecture needs", wanted->name);
    bool same = t->dims == (size_t)wanted->dims && t->size == wanted->size;
    for (size_t d = 0; same && d < t->dims; d++)
        same = t->shape[d] == wanted->shape[d];
    if (!same)
        return error_set(err, ERR_INVALID, "tensor \"%s\" has another shape than the architecture says", wanted->name);
    return 0;
}

static void tensor_copy(const struct network_model *m, const struct deeprx_tensor *to, const struct safetensors *f) {
    float *array = to->statistic ? m->statistics : m->parameters;
    memcpy(array + to->offset, safetensors_find(f, to->name)->data, to->size * sizeof(float));
}

static int tensors_copy(struct network_model *m, const struct safetensors *f, struct error *err) {
    size_t count;
    struct deeprx_tensor *list = tensors_list(&m->config, &count);
    int rc = 0;
    if (safetensors_count(f) != count)
        rc = error_set(err, ERR_INVALID, "%zu tensors, but the architecture has %zu", safetensors_count(f), count);
    for (size_t i = 0; i < count && !rc; i++)
        rc = tensor_check(&list[i], f, err);
    if (!rc) { /* the file is as large as the architecture says: so may the arrays be */
        m->parameters = mem_array(deeprx_parameter_count(&m->config), sizeof(float));
        m->statistics = mem_array(deeprx_statistic_count(&m->config), sizeof(float));
        for (size_t i = 0; i < count; i++)
            tensor_copy(m, &list[i], f);
    }
    free(list);
    return rc;
}

int network_model_open(struct network_model *out, const char *path, struct error *err) {
    struct safetensors *f = NULL;
    *out = (struct network_model){0};
    int rc = safetensors_open(&f, path, err);
    if (rc)
        return rc;
    const char *format = safetensors_metadata(f, "format"), *architecture = safetensors_metadata(f, "architecture");
    if (!format || strcmp(format, format_name) != 0 || !architecture)
        rc = error_set(err, ERR_INVALID,
                       "not a network of deeprx/train: the metadata lack \"format\": \"%s\" or the architecture",
                       format_name);
    else if (!(rc = architecture_parse(out, architecture, err)))
        rc = tensors_copy(out, f, err);
    safetensors_close(f);
    if (rc) {
        error_prefix(err, "%s", path);
        network_model_close(out);
    }
    return rc;
}

void network_model_close(struct network_model *m) {
    free(m->parameters);
    free(m->statistics);
    m->parameters = m->statistics = NULL;
}

int network_model_fits(const struct network_model *m, const struct link_config *link, struct error *err) {
    if (m->config.bits != link->bits)
        return error_set(err, ERR_INVALID,
                         "the model reads %d-QAM, the link sends %d-QAM: make link.qam that of the model",
                         1 << m->config.bits, 1 << link->bits);
    if (m->antennas != link->antennas)
        return error_set(err, ERR_INVALID,
                         "the model has %d antennas, the link %d: make link.antennas that of the model", m->antennas,
                         link->antennas);
    if (m->config.subcarriers != link_subcarriers(link))
        return error_set(err, ERR_INVALID,
                         "the model has %d subcarriers, the link %d: make link.resource_blocks that of the model",
                         m->config.subcarriers, link_subcarriers(link));
    return 0;
}

int network_model_create(struct deeprx **out, const struct network_model *m, int batch, bool training,
                         struct parallel *p, struct error *err) {
    *out = deeprx_create(&m->config, batch, training, p);
    if (!*out)
        return error_set(err, ERR_FAILED, "no memory for a network of %zu parameters with a batch of %d (%zu bytes)",
                         deeprx_parameter_count(&m->config), batch,
                         deeprx_workspace_bytes(&m->config, batch, training));
    if (m->parameters) {
        memcpy(deeprx_parameters(*out), m->parameters, deeprx_parameter_count(&m->config) * sizeof(float));
        memcpy(deeprx_statistics(*out), m->statistics, deeprx_statistic_count(&m->config) * sizeof(float));
    }
    return 0;
}
