/* Safetensors: what the reader takes can be written, and read again as the same; and the same bytes as a network. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "stages/run/network_model.h"
#include "stages/safetensors.h"
#include "tests/fuzz/fuzz.h"

static void hold_parsed(const struct safetensors *f) {
    struct safetensors *again = NULL;
    struct buffer bytes = {0};
    struct error err = {0};
    size_t count = safetensors_count(f);
    /* Its names are known to the file alone: a network's are asked for. */
    const struct safetensor *t = safetensors_find(f, "head.weight");
    HOLDS(!t || count > 0);
    safetensors_encode(&bytes, t, t ? 1 : 0, NULL);
    HOLDS(safetensors_parse(&again, bytes.data, bytes.size, &err) == 0);
    const struct safetensor *u = safetensors_find(again, "head.weight");
    HOLDS(!t == !u);
    if (t)
        HOLDS(t->size == u->size && t->dims == u->dims &&
              (t->size == 0 || memcmp(t->data, u->data, t->size * sizeof *t->data) == 0));
    safetensors_close(again);
    buffer_close(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct safetensors *f = NULL;
    struct network_model model = {0};
    struct error err = {0};
    if (safetensors_parse(&f, data, size, &err) == 0)
        hold_parsed(f);
    else
        HOLDS(err.code == ERR_INVALID && *err.message);
    safetensors_close(f);
    char *path = fuzz_file("model.safetensors", data, size);
    if (network_model_open(&model, path, &err) == 0)
        network_model_close(&model);
    free(path);
    return 0;
}
