#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "stages/run/train.h"

enum { MEMORY_ALIGNMENT = 64 };

struct scratch {
    struct link_slot slot;
    void *memory, *workspace;
};

struct train_batch {
    const struct train *train;
    struct scratch *scratch; /* one a thread */
    int threads;
    size_t inputs, teacher_inputs, labels; /* values of a slot */
    float *x, *teacher_x;                  /* the same memory where both networks read the same features */
    float *label, *mask, *teacher_logits;
    uint64_t step; /* being made, from 1 */
};

static void *aligned(size_t bytes) {
    size_t size = (bytes + MEMORY_ALIGNMENT) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    return memset(mem_checked(aligned_alloc(MEMORY_ALIGNMENT, size)), 0, size);
}

struct train_batch *train_batch_create(const struct train *t) {
    struct train_batch *b = mem_alloc(sizeof *b);
    size_t elements = SLOT_SYMBOLS * (size_t)link_subcarriers(&t->link), batch = (size_t)t->batch;
    size_t generate = link_generate_workspace_bytes(&t->link), features = link_features_workspace_bytes(&t->link);
    b->train = t;
    b->threads = parallel_threads(t->parallel);
    b->inputs = elements * (size_t)t->model.config.channels_in;
    b->teacher_inputs = elements * (size_t)t->teacher.config.channels_in;
    b->labels = elements * (size_t)t->link.bits;
    b->scratch = mem_array((size_t)b->threads, sizeof *b->scratch);
    for (int i = 0; i < b->threads; i++) {
        b->scratch[i].memory = aligned(link_slot_bytes(&t->link));
        b->scratch[i].workspace = aligned(generate > features ? generate : features);
        link_slot_place(&b->scratch[i].slot, &t->link, b->scratch[i].memory);
    }
    b->x = aligned(batch * b->inputs * sizeof(float));
    b->label = aligned(batch * b->labels * sizeof(float));
    b->mask = aligned(elements * sizeof(float));
    link_mask(b->mask, &t->link);
    if (t->teacher_net) {
        b->teacher_logits = aligned(batch * b->labels * sizeof(float));
        b->teacher_x =
            t->teacher.features == t->model.features ? b->x : aligned(batch * b->teacher_inputs * sizeof(float));
    }
    return b;
}

void train_batch_free(struct train_batch *b) {
    if (!b)
        return;
    for (int i = 0; i < b->threads; i++) {
        free(b->scratch[i].memory);
        free(b->scratch[i].workspace);
    }
    free(b->scratch);
    if (b->teacher_x != b->x)
        free(b->teacher_x);
    free(b->x);
    free(b->label);
    free(b->mask);
    free(b->teacher_logits);
    free(b);
}

static void slot_make(void *context, size_t block, int thread) {
    struct train_batch *b = context;
    const struct train *t = b->train;
    struct scratch *scratch = &b->scratch[thread];
    uint64_t index = (b->step - 1) * (uint64_t)t->batch + block;
    if (t->train_slots)
        index %= t->train_slots;
    link_generate(&scratch->slot, &t->link, t->seed, RNG_TRAINING, (uint32_t)index, (double)NAN, (double)NAN,
                  scratch->workspace);
    link_features(b->x + block * b->inputs, &scratch->slot, &t->link, t->model.features, scratch->workspace);
    if (b->teacher_x && b->teacher_x != b->x)
        link_features(b->teacher_x + block * b->teacher_inputs, &scratch->slot, &t->link, t->teacher.features,
                      scratch->workspace);
    link_labels(b->label + block * b->labels, &scratch->slot, &t->link);
}

void train_batch_step(struct train_batch *b, struct train *t, struct loss_value *value) {
    b->step = t->state.step + 1;
    parallel_for(t->parallel, (size_t)t->batch, slot_make, b);
    if (t->teacher_net)
        deeprx_infer(t->teacher_net, b->teacher_x, t->batch, b->teacher_logits);
    deeprx_train_step(t->net, b->x, b->label, b->mask, b->teacher_logits, &t->loss, &t->optimizer, b->step,
                      schedule_factor(b->step, t->steps), value);
    t->state.step = b->step;
}
