/*
 * A training in progress. All that a step depends on is the configuration, the step's number (slots are counter-based)
 * and the state below; so a checkpoint is the state, and a resumed training ends with the bytes of one never stopped.
 */
#ifndef RETORT_STAGES_RUN_TRAIN_H
#define RETORT_STAGES_RUN_TRAIN_H

#include "engine/base/buffer.h"
#include "kernels/deeprx.h"
#include "stages/run/network_model.h"
#include "stages/stage.h"

/* Sums over steps, for a mean. */
struct train_sums {
    double loss, bce, kd;
    uint64_t errors, bits, steps;
};

struct train_state {
    uint64_t step;          /* steps done */
    struct buffer history;  /* the CSV so far */
    struct train_sums line; /* since the history's last line */
    struct train_sums tail; /* over the last tenth of the steps */
    double lambda;
};

struct train {
    struct stage *stage;
    struct parallel *parallel;
    struct link_config link;
    struct network_model model, teacher; /* teacher.parameters NULL: none */
    struct deeprx *net, *teacher_net;
    struct loss_config loss;
    struct optimizer_config optimizer;
    uint64_t steps, seed;
    uint32_t train_slots;
    int batch;
    struct train_state state;
};

struct train_batch; /* slots of a step, ready for the network */

struct train_batch *train_batch_create(const struct train *t);
void train_batch_free(struct train_batch *b);

/* Makes the slots of the step after state.step and takes that step. */
void train_batch_step(struct train_batch *b, struct train *t, struct loss_value *value);

/* One file in the checkpoint directory, replaced atomically. `identity`: 64 hex digits of what is being trained. */
int train_checkpoint_save(const struct train *t, const char *identity, struct error *err);

/* Fills the state and the network. False when there is none, or when it is damaged or of another training: then a note
   says so, and nothing is changed. */
bool train_checkpoint_load(struct train *t, const char *identity);

#endif
