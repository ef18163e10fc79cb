/*
 * The GPUs that stages are given, each to one stage at a time. They are, the first of these that is known:
 *
 *   a list of the user's   --gpus 0,2
 *   the caller's own       CUDA_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES or ZE_AFFINITY_MASK, as in a Slurm job
 *   the machine            its devices of NVIDIA, AMD or Intel (data-centre cards)
 */
#ifndef RETORT_ENGINE_ENVIRONMENT_GPUS_H
#define RETORT_ENGINE_ENVIRONMENT_GPUS_H

#include <stddef.h>

#include "engine/base/error.h"

struct gpus;

/* Those of a list: numbers or names ("GPU-5a1b..."), apart by ",". "none": none. ERR_USAGE for a name given twice or
   empty. The caller frees with gpus_free. */
int gpus_parse(struct gpus **out, const char *list, struct error *err);

/* The caller's, else those found below `root` ("/", except in tests). The caller frees. */
struct gpus *gpus_find(const char *root);
void gpus_free(struct gpus *g); /* NULL is fine */

size_t gpus_count(const struct gpus *g);

/* Takes `count` free ones, as "0,2". ERR_INVALID: fewer are free. The caller frees the text after gpus_return. */
int gpus_take(char **out, struct gpus *g, size_t count, struct error *err);
void gpus_return(struct gpus *g, const char *taken);

#endif
