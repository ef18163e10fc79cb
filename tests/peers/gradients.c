/*
 * One training step of a model on a data set, for comparison with another program's:
 *
 *   gradients OUT MODEL DATASET
 *   gradients OUT MODEL DATASET TEACHER bernoulli|softmax sum|mean 0|1 ALPHA TEMPERATURE CLIP
 *
 * DATASET is a folder that link/dataset has written: all its slots are one batch. OUT becomes a safetensors file of the
 * model's tensors, each parameter's gradient in its place and the running statistics as they are after the step. The
 * loss is printed as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "kernels/deeprx.h"
#include "stages/npy.h"
#include "stages/run/network_model.h"

struct step {
    struct network_model model, teacher;
    struct deeprx *net, *teacher_net;
    struct parallel *parallel;
    float *x, *label, *mask, *teacher_logits;
    size_t slots;
    struct loss_config loss;
};

/* A whole array as floats; `slots` gets its first size. */
static int array_read(float **out, size_t *slots, const char *folder, const char *name, struct error *err) {
    struct npy_reader *r = NULL;
    size_t count;
    char *path = path_join(folder, name);
    int rc = npy_open(&r, path, err);
    free(path);
    if (rc || (rc = npy_count(&count, npy_array(r), err)))
        goto out;
    *out = mem_array(count, sizeof **out);
    *slots = npy_array(r)->shape[0];
    rc = npy_read(r, *out, 0, count, err);
    if (!rc && npy_array(r)->type == NPY_U8) { /* widened in place, from the end */
        const unsigned char *bytes = (const unsigned char *)*out;
        for (size_t i = count; i-- > 0;)
            (*out)[i] = bytes[i];
    }
out:
    npy_close(r);
    return rc;
}

static int teacher_open(struct step *s, char **argv, struct error *err) {
    int rc = network_model_open(&s->teacher, argv[4], err);
    if (rc || (rc = network_model_create(&s->teacher_net, &s->teacher, (int)s->slots, false, s->parallel, err)))
        return rc;
    const struct deeprx_config *c = &s->teacher.config;
    s->loss = (struct loss_config){
        .kd = strcmp(argv[5], "softmax") == 0 ? KD_SOFTMAX : KD_BERNOULLI,
        .reduction = strcmp(argv[6], "mean") == 0 ? KD_MEAN : KD_SUM,
        .t_squared = strcmp(argv[7], "1") == 0,
        .alpha = strtod(argv[8], NULL),
        .temperature = strtod(argv[9], NULL),
        .logit_clip = strtod(argv[10], NULL),
    };
    s->teacher_logits = mem_array(s->slots * (size_t)(c->symbols * c->subcarriers * c->bits), sizeof(float));
    deeprx_infer(s->teacher_net, s->x, (int)s->slots, s->teacher_logits);
    return 0;
}

static int step_run(int argc, char **argv, struct error *err) {
    const struct optimizer_config still = {.type = OPTIMIZER_LAMB, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-6};
    struct step s = {.parallel = parallel_create(1)};
    struct loss_value value;
    struct buffer file = {0};
    size_t rows;
    int rc;
    if ((rc = network_model_open(&s.model, argv[2], err)) ||
        (rc = array_read(&s.label, &rows, argv[3], "label.npy", err)) ||
        (rc = array_read(&s.mask, &rows, argv[3], "mask.npy", err)) ||
        (rc = array_read(&s.x, &s.slots, argv[3], "x.npy", err)) ||
        (rc = network_model_create(&s.net, &s.model, (int)s.slots, true, s.parallel, err)) ||
        (argc > 4 && (rc = teacher_open(&s, argv, err))))
        goto out;
    deeprx_train_step(s.net, s.x, s.label, s.mask, s.teacher_logits, &s.loss, &still, 1, 0, &value);
    network_model_encode(&file, &s.model, deeprx_gradients(s.net), deeprx_statistics(s.net));
    rc = file_replace(argv[1], file.data, file.size, 0644, err);
    printf("{\"total\": %.17g, \"bce\": %.17g, \"kd\": %.17g, \"lambda\": %.17g, \"errors\": %llu, \"bits\": %llu}\n",
           value.total, value.bce, value.kd, value.kd_weight, (unsigned long long)value.bit_errors,
           (unsigned long long)value.bit_count);
out:
    buffer_close(&file);
    free(s.x), free(s.label), free(s.mask), free(s.teacher_logits);
    deeprx_free(s.net);
    deeprx_free(s.teacher_net);
    network_model_close(&s.model);
    network_model_close(&s.teacher);
    parallel_free(s.parallel);
    return rc;
}

int main(int argc, char **argv) {
    struct error err = {0};
    if (argc != 4 && argc != 11) {
        fprintf(stderr, "usage: gradients OUT MODEL DATASET [TEACHER KD REDUCTION T_SQUARED ALPHA TEMPERATURE CLIP]\n");
        return 2;
    }
    int rc = step_run(argc, argv, &err);
    if (rc)
        fprintf(stderr, "gradients: %s\n", err.message);
    return rc ? 1 : 0;
}
