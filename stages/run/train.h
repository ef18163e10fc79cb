/*
 * A training in progress. A step depends only on the configuration, its number (slots are counter-based) and the state
 * below. So a checkpoint is the state, and a resumed training ends with the bytes of one that never stopped.
 */
#ifndef RETORT_STAGES_RUN_TRAIN_H
#define RETORT_STAGES_RUN_TRAIN_H

#include "engine/base/buffer.h"
#include "kernels/deeprx.h"
#include "stages/npy.h"
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

/* The teacher of a student: a network and, if another stage has computed them, its logits on the first slots. */
struct teacher {
    struct network_model model; /* parameters NULL: there is no teacher */
    struct deeprx *net;         /* NULL likewise */
    struct npy_reader *logits;  /* [slots,S,F,B]; NULL: none are known */
    uint64_t slots;             /* the logits of slots 0 to slots-1 are known */
};

struct train {
    struct stage *stage;
    struct parallel *parallel;
    struct link_config link;
    struct network_model model;
    struct deeprx *net;
    struct teacher teacher;
    struct loss_config loss;
    struct optimizer_config optimizer;
    uint64_t steps, seed;
    uint32_t train_slots;
    int batch;
    struct train_state state;
};

/* Opens the inputs `teacher` and `logits` of the stage, where given. `t` has its link, batch and threads already. */
int teacher_open(struct train *t, struct error *err);
void teacher_close(struct teacher *teacher);

/* Index of the slot that stands at `position` of a step's batch; steps count from 1. */
uint64_t train_slot(const struct train *t, uint64_t step, size_t position);

/* Whether the logits of every slot of a step are known, so that the network need not run. */
bool teacher_knows(const struct train *t, uint64_t step);

/* Slots on which the teacher's network runs in the whole training. */
uint64_t teacher_slots_run(const struct train *t);

struct train_batch; /* slots of a step, ready for the network */

/* Checks known logits against the network's own, on the first and the last slot: ERR_INVALID. */
int train_batch_create(struct train_batch **out, struct train *t, struct error *err);
void train_batch_free(struct train_batch *b);

/* Makes the slots of the step after state.step and takes that step. ERR_IO where known logits cannot be read. */
int train_batch_step(struct train_batch *b, struct train *t, struct loss_value *value, struct error *err);

/* One file in the checkpoint directory, replaced atomically. `identity`: 64 hex digits of what is being trained. */
int train_checkpoint_save(const struct train *t, const char *identity, struct error *err);

/* 1: the state and the network are filled. 0: there is none, or it is damaged or of another training: then a note says
   so, and nothing is changed. ERR_IO: it cannot be read now, but may be whole, so no training may write over it.
   Removes the temporary files of attempts that were killed while they wrote a checkpoint. */
int train_checkpoint_load(struct train *t, const char *identity, struct error *err);

#endif
