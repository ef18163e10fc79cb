#include <math.h>
#include <stdlib.h>

#include "stages/npy.h"
#include "stages/run/kind_functions.h"
#include "stages/run/link_params.h"
#include "stages/run/network_model.h"
#include "stages/run/slot_memory.h"

enum { BATCH = 32 };

struct lesson {
    struct stage *stage;
    struct parallel *parallel;
    struct link_config link;
    struct network_model model;
    struct deeprx *net;
    struct slot_memory *memory; /* one a thread */
    struct npy_writer *out;
    size_t slots, inputs, labels; /* of both: values of a slot */
    uint64_t seed;
    float *x, *logits;
    size_t first; /* slot that the batch starts with */
};

static int lesson_open(struct lesson *l, struct stage *s, struct error *err) {
    size_t given;
    *l = (struct lesson){
        .stage = s, .slots = (size_t)stage_integer(s, "slots"), .seed = (uint64_t)stage_integer(s, "seed")};
    link_config_read(&l->link, cJSON_GetObjectItemCaseSensitive(stage_with(s), "link"));
    int rc = network_model_open(&l->model, stage_input(s, "model", &given)->path, err);
    if (rc || (rc = network_model_fits(&l->model, &l->link, err)))
        return rc;
    l->parallel = parallel_create(stage_cpus(s));
    if (!l->parallel)
        return error_set(err, ERR_FAILED, "no threads can be had");
    if ((rc = network_model_create(&l->net, &l->model, BATCH, false, l->parallel, err)))
        return rc;
    size_t subcarriers = (size_t)link_subcarriers(&l->link), bits = (size_t)l->link.bits;
    l->inputs = SLOT_SYMBOLS * subcarriers * (size_t)l->model.config.channels_in;
    l->labels = SLOT_SYMBOLS * subcarriers * bits;
    l->memory = slot_memory_create(&l->link, l->parallel, 0);
    l->x = slot_array(BATCH * l->inputs * sizeof(float));
    l->logits = slot_array(BATCH * l->labels * sizeof(float));
    const struct npy array = {NPY_F32, 4, {l->slots, SLOT_SYMBOLS, subcarriers, bits}};
    return npy_writer_create(&l->out, stage_out(s, "logits"), &array, err);
}

static void lesson_close(struct lesson *l) {
    slot_memory_free(l->memory, l->parallel);
    npy_writer_free(l->out);
    deeprx_free(l->net);
    network_model_close(&l->model);
    parallel_free(l->parallel);
    free(l->x);
    free(l->logits);
}

static void slot_make(void *context, size_t block, int thread) {
    struct lesson *l = context;
    struct slot_memory *memory = &l->memory[thread];
    link_generate(&memory->slot, &l->link, l->seed, RNG_TRAINING, (uint32_t)(l->first + block), (double)NAN,
                  (double)NAN, memory->workspace);
    link_features(l->x + block * l->inputs, &memory->slot, &l->link, l->model.features, memory->workspace);
}

static int slots_run(struct lesson *l, struct error *err) {
    int rc = 0;
    while (!rc && l->first < l->slots) {
        size_t batch = l->slots - l->first < BATCH ? l->slots - l->first : BATCH;
        parallel_for(l->parallel, batch, slot_make, l);
        deeprx_infer(l->net, l->x, (int)batch, l->logits);
        rc = npy_write(l->out, l->logits, batch * l->labels, err);
        l->first += batch;
        stage_progress(l->stage, (double)l->first, (double)l->slots, "slot");
        if (!rc && stage_interrupted(l->stage))
            rc = STAGE_INTERRUPTED;
    }
    return rc ? rc : npy_writer_finish(l->out, err);
}

int run_deeprx_logits(struct stage *s, struct error *err) {
    struct lesson l;
    int rc = lesson_open(&l, s, err);
    if (!rc && !(rc = slots_run(&l, err)) && !(rc = stage_result(s, "slots", (double)l.slots, err)))
        rc = stage_result(s, "flops", (double)l.slots * (double)deeprx_flops_slot(&l.model.config), err);
    lesson_close(&l);
    return rc;
}
