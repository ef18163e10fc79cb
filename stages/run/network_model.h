/*
 * A trained network as a file: safetensors whose tensors are named by layer, with the architecture as JSON text in the
 * metadata. Nothing of where or when it was made: equal networks are equal bytes.
 */
#ifndef RETORT_STAGES_RUN_NETWORK_MODEL_H
#define RETORT_STAGES_RUN_NETWORK_MODEL_H

#include <cJSON.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"
#include "kernels/deeprx.h"
#include "kernels/link.h"

struct network_model {
    struct deeprx_config config;
    enum link_features features;
    int antennas;
    float *parameters, *statistics; /* NULL in a model that has a shape only */
};

/* The shape that `with` (architecture, size, ladder, blocks, depth_multiplier, features) gives on a link. */
int network_model_shape(struct network_model *out, const cJSON *with, const struct link_config *link,
                        struct error *err);

/* Appends the file. */
void network_model_encode(struct buffer *out, const struct network_model *m, const float *parameters,
                          const float *statistics);

/* Reads a file into `out`; network_model_close frees it. ERR_INVALID, ERR_NOT_FOUND, ERR_IO; messages start with the
   path. */
int network_model_open(struct network_model *out, const char *path, struct error *err);
void network_model_close(struct network_model *m);

/* ERR_INVALID when slots of the link are not what the model reads: constellation, antennas or subcarriers. */
int network_model_fits(const struct network_model *m, const struct link_config *link, struct error *err);

/* A network of the model, with its parameters when it has any. ERR_FAILED when memory cannot be had. */
int network_model_create(struct deeprx **out, const struct network_model *m, int batch, bool training,
                         struct parallel *p, struct error *err);

#endif
