/*
 * Memory in which the threads of a stage make slots of a link, each in its own.
 */
#ifndef RETORT_STAGES_RUN_SLOT_MEMORY_H
#define RETORT_STAGES_RUN_SLOT_MEMORY_H

#include "kernels/link.h"
#include "kernels/parallel.h"

struct slot_memory {
    struct link_slot slot;
    void *block, *workspace; /* of the slot; for link_generate, link_features and what the caller asked for */
};

/* One for each thread of `p`. `workspace_bytes`: at least so many, beside what making a slot and its features needs. */
struct slot_memory *slot_memory_create(const struct link_config *link, const struct parallel *p,
                                       size_t workspace_bytes);
void slot_memory_free(struct slot_memory *list, const struct parallel *p);

/* Zeroed, aligned for vectors of any code path; freed by free. */
void *slot_array(size_t bytes);

#endif
