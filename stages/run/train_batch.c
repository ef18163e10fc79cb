#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "stages/run/slot_memory.h"
#include "stages/run/train.h"

/* Rounding differs between code paths in the last digits of a logit; another seed, link or teacher differs in the
   first. */
#define LOGIT_TOLERANCE 1e-3

struct train_batch {
    const struct train *train;
    struct slot_memory *memory;            /* one a thread */
    size_t inputs, teacher_inputs, labels; /* values of a slot */
    float *x, *teacher_x;                  /* the same memory where both networks read the same features */
    float *label, *mask, *teacher_logits;
    uint64_t step; /* being made, from 1 */
};

/* Memory for the slots of a step. */
static struct train_batch *batch_create(const struct train *t) {
    struct train_batch *b = mem_alloc(sizeof *b);
    size_t elements = SLOT_SYMBOLS * (size_t)link_subcarriers(&t->link), batch = (size_t)t->batch;
    b->train = t;
    b->inputs = elements * (size_t)t->model.config.channels_in;
    b->teacher_inputs = elements * (size_t)t->teacher.model.config.channels_in;
    b->labels = elements * (size_t)t->link.bits;
    b->memory = slot_memory_create(&t->link, t->parallel, 0);
    b->x = slot_array(batch * b->inputs * sizeof(float));
    b->label = slot_array(batch * b->labels * sizeof(float));
    b->mask = slot_array(elements * sizeof(float));
    link_mask(b->mask, &t->link);
    if (t->teacher.net) {
        b->teacher_logits = slot_array(batch * b->labels * sizeof(float));
        b->teacher_x = t->teacher.model.features == t->model.features
                           ? b->x
                           : slot_array(batch * b->teacher_inputs * sizeof(float));
    }
    return b;
}

void train_batch_free(struct train_batch *b) {
    if (!b)
        return;
    slot_memory_free(b->memory, b->train->parallel);
    if (b->teacher_x != b->x)
        free(b->teacher_x);
    free(b->x);
    free(b->label);
    free(b->mask);
    free(b->teacher_logits);
    free(b);
}

static void slot_make(struct train_batch *b, uint64_t index, size_t position, struct slot_memory *memory) {
    const struct train *t = b->train;
    link_generate(&memory->slot, &t->link, t->seed, RNG_TRAINING, (uint32_t)index, (double)NAN, (double)NAN,
                  memory->workspace);
    link_features(b->x + position * b->inputs, &memory->slot, &t->link, t->model.features, memory->workspace);
    if (b->teacher_x && b->teacher_x != b->x)
        link_features(b->teacher_x + position * b->teacher_inputs, &memory->slot, &t->link, t->teacher.model.features,
                      memory->workspace);
    link_labels(b->label + position * b->labels, &memory->slot, &t->link);
}

static void block_make(void *context, size_t block, int thread) {
    struct train_batch *b = context;
    slot_make(b, train_slot(b->train, b->step, block), block, &b->memory[thread]);
}

/* ---- known logits ---- */

static int logits_read(struct train_batch *b, uint64_t index, size_t position, struct error *err) {
    return npy_read(b->train->teacher.logits, b->teacher_logits + position * b->labels, index * b->labels, b->labels,
                    err);
}

static bool logits_near(const float *known, const float *own, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(known[i] - own[i]) <= (float)LOGIT_TOLERANCE * (1 + fabsf(own[i]))))
            return false;
    return true;
}

static int logits_compare(struct train_batch *b, uint64_t index, struct error *err) {
    float *own = slot_array(b->labels * sizeof *own);
    slot_make(b, index, 0, &b->memory[0]);
    deeprx_infer(b->train->teacher.net, b->teacher_x, 1, own);
    int rc = logits_read(b, index, 0, err);
    if (!rc && !logits_near(b->teacher_logits, own, b->labels))
        rc = error_set(err, ERR_INVALID,
                       "the input \"logits\" is not what the teacher says to slot %llu of this training: give "
                       "deeprx/logits the same teacher, link and seed",
                       (unsigned long long)index);
    free(own);
    return rc;
}

int train_batch_create(struct train_batch **out, struct train *t, struct error *err) {
    struct train_batch *b = *out = batch_create(t);
    int rc = 0;
    if (t->teacher.slots)
        rc = logits_compare(b, 0, err);
    if (!rc && t->teacher.slots > 1 && t->teacher.slots <= UINT32_MAX)
        rc = logits_compare(b, t->teacher.slots - 1, err);
    return rc;
}

static int teacher_answer(struct train_batch *b, struct error *err) {
    const struct train *t = b->train;
    int rc = 0;
    if (!t->teacher.net)
        return 0;
    if (!teacher_knows(t, b->step)) {
        deeprx_infer(t->teacher.net, b->teacher_x, t->batch, b->teacher_logits);
        return 0;
    }
    for (size_t i = 0; i < (size_t)t->batch && !rc; i++)
        rc = logits_read(b, train_slot(t, b->step, i), i, err);
    return rc;
}

int train_batch_step(struct train_batch *b, struct train *t, struct loss_value *value, struct error *err) {
    b->step = t->state.step + 1;
    parallel_for(t->parallel, (size_t)t->batch, block_make, b);
    int rc = teacher_answer(b, err);
    if (rc)
        return rc;
    deeprx_train_step(t->net, b->x, b->label, b->mask, b->teacher_logits, &t->loss, &t->optimizer, b->step,
                      schedule_factor(b->step, t->steps), value);
    t->state.step = b->step;
    return 0;
}
