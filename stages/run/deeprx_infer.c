#include <math.h>
#include <stdlib.h>

#include "engine/base/memory.h"
#include "stages/npy.h"
#include "stages/run/kind_functions.h"
#include "stages/run/network_model.h"

enum { BATCH = 16 };

struct inference {
    struct stage *stage;
    struct network_model model;
    struct deeprx *net;
    struct npy_reader *x;
    struct npy_writer *llr;
    size_t slots, inputs, logits; /* values of a slot: S*F*C, S*F*B */
};

/* Whether the array is [slots,S,F,C] of the model. */
static int shape_check(const struct npy *a, const struct deeprx_config *c, const char *path, struct error *err) {
    const size_t wanted[] = {(size_t)c->symbols, (size_t)c->subcarriers, (size_t)c->channels_in};
    bool fits = a->type == NPY_F32 && a->dims == 4;
    for (size_t d = 0; fits && d < 3; d++)
        fits = a->shape[d + 1] == wanted[d];
    if (fits)
        return 0;
    struct buffer found = {0};
    npy_describe(&found, a);
    int rc = error_set(err, ERR_INVALID, "%s: is %s; the model reads [slots,%zu,%zu,%zu] f32", path,
                       buffer_text(&found), wanted[0], wanted[1], wanted[2]);
    buffer_close(&found);
    return rc;
}

static int inference_open(struct inference *n, struct parallel *p, struct error *err) {
    size_t given;
    const char *x = stage_input(n->stage, "x", &given)->path;
    int rc = network_model_open(&n->model, stage_input(n->stage, "model", &given)->path, err);
    if (rc || (rc = npy_open(&n->x, x, err)) || (rc = shape_check(npy_array(n->x), &n->model.config, x, err)))
        return rc;
    const struct deeprx_config *c = &n->model.config;
    const size_t *shape = npy_array(n->x)->shape;
    const struct npy llr = {NPY_F32, 4, {shape[0], shape[1], shape[2], (size_t)c->bits}};
    n->slots = shape[0];
    n->inputs = shape[1] * shape[2] * shape[3];
    n->logits = shape[1] * shape[2] * (size_t)c->bits;
    if ((rc = network_model_create(&n->net, &n->model, BATCH, false, p, err)))
        return rc;
    return npy_writer_create(&n->llr, stage_out(n->stage, "llr"), &llr, err);
}

static int finite_check(const struct inference *n, const float *x, size_t first, size_t slots, struct error *err) {
    for (size_t i = 0; i < slots * n->inputs; i++)
        if (!isfinite(x[i]))
            return error_set(err, ERR_INVALID, "the input \"x\" is not finite in slot %zu, value %zu of it",
                             first + i / n->inputs, i % n->inputs);
    return 0;
}

static int slots_run(struct inference *n, struct error *err) {
    float *x = mem_array(BATCH * n->inputs, sizeof *x), *logits = mem_array(BATCH * n->logits, sizeof *logits);
    int rc = 0;
    for (size_t first = 0; !rc && first < n->slots; first += BATCH) {
        size_t slots = n->slots - first < BATCH ? n->slots - first : BATCH;
        if ((rc = npy_read(n->x, x, first * n->inputs, slots * n->inputs, err)) ||
            (rc = finite_check(n, x, first, slots, err)))
            break;
        deeprx_infer(n->net, x, (int)slots, logits);
        rc = npy_write(n->llr, logits, slots * n->logits, err);
        stage_progress(n->stage, (double)(first + slots), (double)n->slots, "slot");
        if (!rc && stage_interrupted(n->stage))
            rc = STAGE_INTERRUPTED;
    }
    free(x);
    free(logits);
    return rc ? rc : npy_writer_finish(n->llr, err);
}

int run_deeprx_infer(struct stage *s, struct error *err) {
    struct inference n = {.stage = s};
    struct parallel *p = parallel_create(stage_cpus(s));
    int rc = p ? inference_open(&n, p, err) : error_set(err, ERR_FAILED, "no threads can be had");
    if (!rc && !(rc = slots_run(&n, err)) && !(rc = stage_result(s, "slots", (double)n.slots, err)))
        rc = stage_result(s, "flops", (double)n.slots * (double)deeprx_flops_slot(&n.model.config), err);
    deeprx_free(n.net);
    npy_writer_free(n.llr);
    npy_close(n.x);
    network_model_close(&n.model);
    parallel_free(p);
    return rc;
}
