#include "stages/safetensors.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied to and from the file as they stand");

enum { LENGTH_BYTES = 8, ALIGNMENT = 8 };
static const size_t max_header_bytes = (size_t)16 << 20;
static const size_t max_file_bytes = (size_t)4 << 30;

struct safetensors {
    struct json_document *header;
    struct safetensor *tensors;
    size_t count;
    float *values;
};

static int by_name(const void *a, const void *b) {
    const struct safetensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void header_encode(struct buffer *out, const struct safetensor *sorted, size_t count, const cJSON *metadata) {
    size_t offset = 0;
    buffer_putc(out, '{');
    if (metadata) {
        buffer_puts(out, "\"__metadata__\":");
        json_canonical(out, metadata);
    }
    for (size_t i = 0; i < count; i++) {
        const struct safetensor *t = &sorted[i];
        buffer_puts(out, i || metadata ? "," : "");
        json_string(out, t->name);
        buffer_puts(out, ":{\"dtype\":\"F32\",\"shape\":[");
        for (size_t d = 0; d < t->dims; d++)
            buffer_printf(out, "%s%zu", d ? "," : "", t->shape[d]);
        buffer_printf(out, "],\"data_offsets\":[%zu,%zu]}", offset, offset + t->size * sizeof(float));
        offset += t->size * sizeof(float);
    }
    buffer_putc(out, '}');
    while (out->size % ALIGNMENT)
        buffer_putc(out, ' ');
}

void safetensors_encode(struct buffer *out, const struct safetensor *tensors, size_t count, const cJSON *metadata) {
    struct safetensor *sorted = mem_array(count, sizeof *sorted);
    if (count)
        memcpy(sorted, tensors, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_name);
    struct buffer header = {0};
    header_encode(&header, sorted, count, metadata);
    uint64_t length = header.size;
    buffer_append(out, &length, LENGTH_BYTES);
    buffer_append(out, header.data, header.size);
    for (size_t i = 0; i < count; i++)
        buffer_append(out, sorted[i].data, sorted[i].size * sizeof(float));
    buffer_close(&header);
    free(sorted);
}

/* A size that stands in the header: a whole number from 0. */
static bool read_size(size_t *out, const cJSON *node) {
    if (!cJSON_IsNumber(node) || node->valuedouble < 0 || node->valuedouble > 9007199254740991.0)
        return false;
    *out = (size_t)node->valuedouble;
    return (double)*out == node->valuedouble;
}

static int shape_read(struct safetensor *t, const cJSON *shape, struct error *err) {
    if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > SAFETENSORS_MAX_DIMS)
        return error_set(err, ERR_INVALID, "tensor \"%s\": \"shape\" must be a list of up to %d sizes", t->name,
                         SAFETENSORS_MAX_DIMS);
    t->size = 1;
    for (const cJSON *d = shape->child; d; d = d->next) {
        size_t extent;
        if (!read_size(&extent, d) || __builtin_mul_overflow(t->size, extent, &t->size))
            return error_set(err, ERR_INVALID, "tensor \"%s\": \"shape\" holds what is no size", t->name);
        t->shape[t->dims++] = extent;
    }
    return 0;
}

static int members_check(const cJSON *node, struct error *err) {
    if (!cJSON_IsObject(node))
        return error_set(err, ERR_INVALID, "tensor \"%s\" is not described by an object", node->string);
    for (const cJSON *m = node->child; m; m = m->next)
        if (strcmp(m->string, "dtype") != 0 && strcmp(m->string, "shape") != 0 &&
            strcmp(m->string, "data_offsets") != 0)
            return error_set(err, ERR_INVALID, "tensor \"%s\" has an unknown member \"%s\"", node->string, m->string);
    const char *dtype = json_text(node, "dtype", "missing");
    if (strcmp(dtype, "F32") != 0)
        return error_set(err, ERR_INVALID, "tensor \"%s\": the dtype is %s; only F32 is read", node->string, dtype);
    return 0;
}

/* Fills `t` but for its data; `begin` is where that starts in the data. */
static int tensor_read(struct safetensor *t, size_t *begin, const cJSON *node, size_t data_bytes, struct error *err) {
    t->name = node->string;
    int rc = members_check(node, err);
    if (!rc)
        rc = shape_read(t, cJSON_GetObjectItemCaseSensitive(node, "shape"), err);
    if (rc)
        return rc;
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(node, "data_offsets");
    size_t end, bytes;
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 || !read_size(begin, offsets->child) ||
        !read_size(&end, offsets->child->next))
        return error_set(err, ERR_INVALID, "tensor \"%s\": \"data_offsets\" must be [begin, end]", t->name);
    if (end < *begin || end > data_bytes)
        return error_set(err, ERR_INVALID, "tensor \"%s\": bytes %zu to %zu do not lie in the data of %zu bytes",
                         t->name, *begin, end, data_bytes);
    if (__builtin_mul_overflow(t->size, sizeof(float), &bytes) || bytes != end - *begin)
        return error_set(err, ERR_INVALID, "tensor \"%s\": %zu bytes do not hold its shape of %zu values", t->name,
                         end - *begin, t->size);
    return 0;
}

struct span {
    size_t begin, end;
    const char *name;
};

static int by_begin(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int spans_check(struct span *spans, size_t count, size_t data_bytes, struct error *err) {
    size_t at = 0;
    qsort(spans, count, sizeof *spans, by_begin);
    for (size_t i = 0; i < count; i++) {
        if (spans[i].begin < at)
            return error_set(err, ERR_INVALID, "tensor \"%s\" overlaps the one before it at byte %zu", spans[i].name,
                             spans[i].begin);
        if (spans[i].begin > at)
            return error_set(err, ERR_INVALID, "bytes %zu to %zu of the data belong to no tensor", at, spans[i].begin);
        at = spans[i].end;
    }
    if (at != data_bytes)
        return error_set(err, ERR_INVALID, "bytes %zu to %zu of the data belong to no tensor", at, data_bytes);
    return 0;
}

static int metadata_check(const cJSON *metadata, struct error *err) {
    if (!cJSON_IsObject(metadata))
        return error_set(err, ERR_INVALID, "\"__metadata__\" is not an object");
    for (const cJSON *m = metadata->child; m; m = m->next)
        if (!cJSON_IsString(m))
            return error_set(err, ERR_INVALID, "\"__metadata__\": \"%s\" is not a text", m->string);
    return 0;
}

static int tensors_read(struct safetensors *f, size_t data_bytes, struct error *err) {
    const cJSON *root = json_root(f->header);
    size_t members = (size_t)cJSON_GetArraySize(root);
    struct span *spans = mem_array(members, sizeof *spans);
    f->tensors = mem_array(members, sizeof *f->tensors);
    int rc = 0;
    for (const cJSON *node = root->child; node && !rc; node = node->next) {
        if (strcmp(node->string, "__metadata__") == 0) {
            rc = metadata_check(node, err);
            continue;
        }
        struct safetensor *t = &f->tensors[f->count];
        struct span *span = &spans[f->count];
        rc = tensor_read(t, &span->begin, node, data_bytes, err);
        if (rc)
            break;
        span->end = span->begin + t->size * sizeof(float);
        span->name = t->name;
        t->data = f->values + span->begin / sizeof(float);
        f->count++;
    }
    if (!rc)
        rc = spans_check(spans, f->count, data_bytes, err);
    free(spans);
    return rc;
}

static int file_parse(struct safetensors *f, const char *bytes, size_t size, struct error *err) {
    uint64_t length = 0;
    if (size < LENGTH_BYTES)
        return error_set(err, ERR_INVALID, "%zu bytes are too few for a safetensors file", size);
    memcpy(&length, bytes, LENGTH_BYTES);
    if (length > max_header_bytes || length > size - LENGTH_BYTES)
        return error_set(err, ERR_INVALID, "a header of %llu bytes does not fit a file of %zu (at most %zu are read)",
                         (unsigned long long)length, size, max_header_bytes);
    int rc = json_parse(&f->header, bytes + LENGTH_BYTES, (size_t)length, NULL, err);
    if (rc) {
        error_prefix(err, "header");
        return rc;
    }
    if (!cJSON_IsObject(json_root(f->header)))
        return error_set(err, ERR_INVALID, "the header is not an object");
    size_t data_bytes = size - LENGTH_BYTES - (size_t)length;
    f->values = mem_alloc(data_bytes + sizeof(float)); /* a copy: where the data starts need not be aligned */
    memcpy(f->values, bytes + LENGTH_BYTES + length, data_bytes);
    rc = tensors_read(f, data_bytes, err);
    if (!rc)
        qsort(f->tensors, f->count, sizeof *f->tensors, by_name);
    return rc;
}

int safetensors_parse(struct safetensors **out, const void *bytes, size_t size, struct error *err) {
    struct safetensors *f = mem_alloc(sizeof *f);
    int rc = file_parse(f, bytes, size, err);
    if (rc)
        safetensors_close(f);
    *out = rc ? NULL : f;
    return rc;
}

int safetensors_open(struct safetensors **out, const char *path, struct error *err) {
    struct buffer file = {0};
    *out = NULL;
    int rc = file_read(&file, path, max_file_bytes, err);
    if (!rc && (rc = safetensors_parse(out, file.data, file.size, err)))
        error_prefix(err, "%s", path);
    buffer_close(&file);
    return rc;
}

void safetensors_close(struct safetensors *f) {
    if (!f)
        return;
    json_free(f->header);
    free(f->tensors);
    free(f->values);
    free(f);
}

const char *safetensors_metadata(const struct safetensors *f, const char *name) {
    return json_text(cJSON_GetObjectItemCaseSensitive(json_root(f->header), "__metadata__"), name, NULL);
}

size_t safetensors_count(const struct safetensors *f) {
    return f->count;
}

const struct safetensor *safetensors_find(const struct safetensors *f, const char *name) {
    struct safetensor wanted = {.name = name};
    return f->count ? bsearch(&wanted, f->tensors, f->count, sizeof wanted, by_name) : NULL;
}
