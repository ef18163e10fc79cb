#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/folder.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "stages/run/train.h"
#include "stages/safetensors.h"

/* The file: 64 hex digits of SHA-256, a newline, and the safetensors bytes that they are of. */
static const char file_name[] = "training";
enum { DIGEST_BYTES = DIGEST_HEX_SIZE }; /* the digits and the newline in the place of their NUL */
static const size_t max_checkpoint_bytes = (size_t)8 << 30;

static char *checkpoint_path(const struct train *t) {
    return path_join(stage_checkpoint(t->stage), file_name);
}

static void sums_add(cJSON *state, const char *name, const struct train_sums *sums) {
    double values[] = {sums->loss, sums->bce, sums->kd, (double)sums->errors, (double)sums->bits, (double)sums->steps};
    cJSON_AddItemToObject(state, name, cJSON_CreateDoubleArray(values, 6));
}

static bool is_count(double value) {
    return value >= 0 && value <= 9007199254740992.0 && floor(value) == value;
}

static bool sums_read(struct train_sums *out, const cJSON *state, const char *name) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(state, name);
    double values[6];
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != 6)
        return false;
    const cJSON *value = list->child;
    for (int i = 0; i < 6; i++, value = value->next) {
        if (!cJSON_IsNumber(value) || (i >= 3 && !is_count(value->valuedouble)))
            return false;
        values[i] = value->valuedouble;
    }
    *out = (struct train_sums){values[0],           values[1],           values[2],
                               (uint64_t)values[3], (uint64_t)values[4], (uint64_t)values[5]};
    return true;
}

static cJSON *metadata_create(const struct train *t, const char *identity) {
    cJSON *state = cJSON_CreateObject(), *metadata = cJSON_CreateObject();
    cJSON_AddNumberToObject(state, "step", (double)t->state.step);
    cJSON_AddNumberToObject(state, "lambda", t->state.lambda);
    sums_add(state, "line", &t->state.line);
    sums_add(state, "tail", &t->state.tail);
    char *text = json_canonical_text(state);
    cJSON_AddStringToObject(metadata, "identity", identity);
    cJSON_AddStringToObject(metadata, "state", text);
    cJSON_AddStringToObject(metadata, "history", buffer_text(&t->state.history));
    free(text);
    cJSON_Delete(state);
    return metadata;
}

enum { ARRAYS = 3 };

static void arrays_describe(struct safetensor out[ARRAYS], const struct train *t) {
    size_t parameters = deeprx_parameter_count(&t->model.config), statistics = deeprx_statistic_count(&t->model.config);
    out[0] = (struct safetensor){"moments", 1, {2 * parameters}, 2 * parameters, deeprx_moments(t->net)};
    out[1] = (struct safetensor){"parameters", 1, {parameters}, parameters, deeprx_parameters(t->net)};
    out[2] = (struct safetensor){"statistics", 1, {statistics}, statistics, deeprx_statistics(t->net)};
}

int train_checkpoint_save(const struct train *t, const char *identity, struct error *err) {
    if (!stage_checkpoint(t->stage))
        return 0;
    struct safetensor arrays[ARRAYS];
    struct buffer body = {0}, file = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    char *path = checkpoint_path(t);
    cJSON *metadata = metadata_create(t, identity);
    arrays_describe(arrays, t);
    safetensors_encode(&body, arrays, ARRAYS, metadata);
    sha256_bytes(&digest, body.data, body.size);
    digest_hex(hex, &digest);
    buffer_printf(&file, "%s\n", hex);
    buffer_append(&file, body.data, body.size);
    int rc = file_replace(path, file.data, file.size, 0666, err);
    cJSON_Delete(metadata);
    buffer_close(&body);
    buffer_close(&file);
    free(path);
    return rc;
}

static int state_parse(struct train_state *out, const char *text, uint64_t steps, struct error *err) {
    struct json_document *doc = NULL;
    int rc = json_parse(&doc, text, strlen(text), NULL, err);
    if (rc)
        return rc;
    const cJSON *root = json_root(doc);
    double step = json_double(root, "step", -1);
    if (!is_count(step) || step > (double)steps || !sums_read(&out->line, root, "line") ||
        !sums_read(&out->tail, root, "tail"))
        rc = error_set(err, ERR_CORRUPT, "its state is not one of this training");
    else
        out->step = (uint64_t)step;
    out->lambda = json_double(root, "lambda", 0);
    json_free(doc);
    return rc;
}

/* Everything is checked before anything of `t` is changed. */
static int contents_restore(struct train *t, const struct safetensors *f, const char *identity, struct error *err) {
    const char *whose = safetensors_metadata(f, "identity"), *state = safetensors_metadata(f, "state");
    const char *history = safetensors_metadata(f, "history");
    struct safetensor arrays[ARRAYS];
    struct train_state next = {0};
    if (!whose || !state || !history || strcmp(whose, identity) != 0)
        return error_set(err, ERR_INVALID, "it belongs to another training");
    int rc = state_parse(&next, state, t->steps, err);
    arrays_describe(arrays, t);
    for (int i = 0; i < ARRAYS && !rc; i++) {
        const struct safetensor *given = safetensors_find(f, arrays[i].name);
        if (!given || given->size != arrays[i].size)
            rc = error_set(err, ERR_INVALID, "its \"%s\" are not those of this network", arrays[i].name);
    }
    if (rc)
        return rc;
    float *places[ARRAYS] = {deeprx_moments(t->net), deeprx_parameters(t->net), deeprx_statistics(t->net)};
    for (int i = 0; i < ARRAYS; i++)
        memcpy(places[i], safetensors_find(f, arrays[i].name)->data, arrays[i].size * sizeof(float));
    buffer_close(&t->state.history);
    t->state = next;
    buffer_puts(&t->state.history, history);
    return 0;
}

static int checkpoint_restore(struct train *t, const struct buffer *file, const char *identity, struct error *err) {
    struct safetensors *f = NULL;
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    if (file->size < DIGEST_BYTES)
        return error_set(err, ERR_CORRUPT, "it is cut off");
    sha256_bytes(&digest, file->data + DIGEST_BYTES, file->size - DIGEST_BYTES);
    digest_hex(hex, &digest);
    if (memcmp(hex, file->data, DIGEST_BYTES - 1) != 0)
        return error_set(err, ERR_CORRUPT, "its bytes are not those that were written");
    int rc = safetensors_parse(&f, file->data + DIGEST_BYTES, file->size - DIGEST_BYTES, err);
    if (!rc)
        rc = contents_restore(t, f, identity, err);
    safetensors_close(f);
    return rc;
}

/* Removes temporary files that killed attempts left, where it can: each may be as large as a checkpoint. */
static void clear_left(const char *directory) {
    struct folder entries;
    const char *name;
    folder_open(&entries, directory, NULL);
    while (folder_next(&entries, &name, NULL) > 0) {
        if (!path_is_temporary_of(name, file_name))
            continue;
        char *path = path_join(directory, name);
        unlink(path);
        free(path);
    }
    folder_close(&entries);
}

int train_checkpoint_load(struct train *t, const char *identity, struct error *err) {
    if (!stage_checkpoint(t->stage))
        return 0;
    struct buffer file = {0};
    struct error fault = {0};
    clear_left(stage_checkpoint(t->stage));
    char *path = checkpoint_path(t);
    int rc = file_read(&file, path, max_checkpoint_bytes, &fault);
    if (rc == ERR_IO) {
        rc = error_set(err, rc, "%s; where that lasts, remove it: training then starts afresh", fault.message);
    } else {
        bool there = rc != ERR_NOT_FOUND;
        if (!rc)
            rc = checkpoint_restore(t, &file, identity, &fault);
        if (rc && there)
            stage_note(t->stage, "the checkpoint is not used, training starts afresh: %s", fault.message);
        rc = !rc;
    }
    buffer_close(&file);
    free(path);
    return rc;
}
