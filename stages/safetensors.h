/*
 * Models on disk: safetensors files of 32-bit floats.
 *
 *   8 bytes, little endian: length of the header | header, JSON, padded with spaces to 8 bytes | data
 *   header: {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}}
 *
 * The reader is strict: known members only, every byte of the data belongs to exactly one tensor, sizes agree with
 * shapes. The writer's bytes depend on names, shapes, values and metadata alone: names are sorted, data follows them.
 * Source: the format's description in the safetensors project's README.
 */
#ifndef RETORT_STAGES_SAFETENSORS_H
#define RETORT_STAGES_SAFETENSORS_H

#include <cJSON.h>
#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

enum { SAFETENSORS_MAX_DIMS = 8 };

struct safetensor {
    const char *name;
    size_t dims;
    size_t shape[SAFETENSORS_MAX_DIMS];
    size_t size; /* elements */
    const float *data;
};

/* Appends a whole file. `metadata`: an object of texts, or NULL. Tensors may come in any order; their names differ. */
void safetensors_encode(struct buffer *out, const struct safetensor *tensors, size_t count, const cJSON *metadata);

struct safetensors;

/* Checks the bytes of a whole file; they stay the caller's. ERR_INVALID. */
int safetensors_parse(struct safetensors **out, const void *bytes, size_t size, struct error *err);

/* Reads and checks a file. ERR_INVALID, ERR_NOT_FOUND or ERR_IO; messages start with the path. */
int safetensors_open(struct safetensors **out, const char *path, struct error *err);
void safetensors_close(struct safetensors *f);

/* A text of the metadata, or NULL; its memory is the file's. */
const char *safetensors_metadata(const struct safetensors *f, const char *name);
size_t safetensors_count(const struct safetensors *f);

/* The tensor of that name, or NULL; its memory is the file's. */
const struct safetensor *safetensors_find(const struct safetensors *f, const char *name);

#endif
