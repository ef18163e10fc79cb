/*
 * Checkpoints of a training: the bytes as the file, and behind the checksum that they would have to have. One that is
 * taken leaves a state of this training; one that is not leaves everything as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "stages/run/train.h"
#include "stages/stage.h"
#include "tests/fuzz/fuzz.h"

enum { STEPS = 100, FIRST = 4200 };

static const char spec[] =
    "{\"retort_spec\":1,\"kind\":\"deeprx/"
    "train@1\",\"with\":{\"size\":1,\"ladder\":{\"1\":2},\"blocks\":[{\"width\":2}],"
    "\"steps\":100,\"link\":{\"resource_blocks\":1,\"profiles\":[\"A\"]}},\"in\":{},"
    "\"outs\":{\"model\":{\"path\":\"m\"},\"history\":{\"path\":\"h\"},\"metrics\":{\"path\":\"s\"}}}";
static const char identity[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* A network of a few parameters, made once. */
static struct train *training(void) {
    static struct train t;
    static const struct deeprx_config config = {.channels_in = 10,
                                                .bits = 2,
                                                .symbols = 14,
                                                .subcarriers = 12,
                                                .depth_multiplier = 1,
                                                .block_count = 1,
                                                .blocks = {{.width = 2, .dilation_time = 1, .dilation_frequency = 1}}};
    struct error err = {0};
    if (t.net)
        return &t;
    setenv("RETORT_CHECKPOINT", fuzz_folder(), 1);
    char *path = fuzz_file("spec.json", spec, sizeof spec - 1);
    int rc = stage_open(&t.stage, path, &err);
    free(path);
    if (rc < 0)
        fuzz_holds(0, err.message, __FILE__, __LINE__);
    t.model.config = config;
    t.parallel = parallel_create(1);
    t.net = deeprx_create(&config, 1, true, t.parallel);
    t.steps = STEPS;
    HOLDS(t.net != NULL);
    return &t;
}

static void give_file(const void *bytes, size_t size) {
    struct train *t = training();
    t->state = (struct train_state){.step = FIRST};
    buffer_puts(&t->state.history, "as it was");
    char *path = fuzz_file("training", bytes, size);
    struct error err = {0};
    int rc = train_checkpoint_load(t, identity, &err);
    HOLDS(rc >= 0);
    if (rc)
        HOLDS(t->state.step <= STEPS);
    else
        HOLDS(t->state.step == FIRST && strcmp(buffer_text(&t->state.history), "as it was") == 0);
    buffer_close(&t->state.history);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    struct buffer whole = {0};
    give_file(data, size);
    sha256_bytes(&digest, data, size);
    digest_hex(hex, &digest);
    buffer_printf(&whole, "%s\n", hex);
    buffer_append(&whole, data, size);
    give_file(whole.data, whole.size);
    buffer_close(&whole);
    return 0;
}
