#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "stages/run/count.h"
#include "stages/run/kind_functions.h"
#include "stages/run/link_params.h"
#include "stages/run/train.h"

enum {
    HISTORY_LINES = 100,
    CHECKPOINT_EVERY_S = 1,
    CHECKPOINT_SHARE = 50 /* writing a checkpoint may cost at most one part in so many of the time */
};

static struct loss_config loss_read(const struct stage *s, bool teacher) {
    bool softmax = strcmp(stage_text(s, "kd"), "softmax") == 0;
    return (struct loss_config){
        .kd = !teacher  ? KD_NONE
              : softmax ? KD_SOFTMAX
                        : KD_BERNOULLI,
        .reduction = strcmp(stage_text(s, "kd_reduction"), "mean") == 0 ? KD_MEAN : KD_SUM,
        .alpha = stage_number(s, "alpha"),
        .temperature = stage_number(s, "temperature"),
        .t_squared = stage_boolean(s, "t_squared"),
        .logit_clip = stage_number(s, "logit_clip"),
    };
}

static struct optimizer_config optimizer_read(const struct stage *s) {
    bool adamw = strcmp(stage_text(s, "optimizer"), "adamw") == 0;
    return (struct optimizer_config){
        .type = adamw ? OPTIMIZER_ADAMW : OPTIMIZER_LAMB,
        .learning_rate = stage_number(s, "learning_rate"),
        .weight_decay = stage_number(s, "weight_decay"),
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = adamw ? 1e-8 : 1e-6,
    };
}

static int train_open(struct train *t, struct stage *s, struct error *err) {
    size_t given;
    *t = (struct train){
        .stage = s,
        .loss = loss_read(s, stage_input(s, "teacher", &given) != NULL),
        .optimizer = optimizer_read(s),
        .steps = (uint64_t)stage_integer(s, "steps"),
        .seed = (uint64_t)stage_integer(s, "seed"),
        .train_slots = (uint32_t)stage_integer(s, "train_slots"),
        .batch = (int)stage_integer(s, "batch"),
    };
    link_config_read(&t->link, cJSON_GetObjectItemCaseSensitive(stage_with(s), "link"));
    int rc = network_model_shape(&t->model, stage_with(s), &t->link, err);
    if (rc)
        return rc;
    t->parallel = parallel_create(stage_cpus(s));
    if (!t->parallel)
        return error_set(err, ERR_FAILED, "no threads can be had");
    if ((rc = teacher_open(t, err)))
        return rc;
    if ((rc = network_model_create(&t->net, &t->model, t->batch, true, t->parallel, err)))
        return rc;
    deeprx_initialise(&t->model.config, t->seed, deeprx_parameters(t->net), deeprx_statistics(t->net));
    buffer_puts(&t->state.history, "step,loss,bce,kd,ber\n");
    return 0;
}

static void train_close(struct train *t) {
    deeprx_free(t->net);
    teacher_close(&t->teacher);
    network_model_close(&t->model);
    buffer_close(&t->state.history);
    parallel_free(t->parallel);
}

/* Identifies the training of a checkpoint: kind, parameters, the teacher's bytes. Its known logits say nothing new. */
static void identity_make(char hex[DIGEST_HEX_SIZE], const struct stage *s) {
    size_t given;
    const struct stage_item *teacher = stage_input(s, "teacher", &given);
    struct sha256 *h = sha256_create();
    struct digest digest;
    char *uses = kind_uses(stage_kind(s)), *with = json_canonical_text(stage_with(s));
    sha256_field(h, uses, strlen(uses));
    sha256_field(h, with, strlen(with));
    sha256_field(h, teacher ? teacher->sha256 : "", teacher ? strlen(teacher->sha256) : 0);
    sha256_finish(h, &digest);
    digest_hex(hex, &digest);
    free(uses);
    free(with);
}

static void sums_add(struct train_sums *sums, const struct loss_value *v) {
    sums->loss += v->total;
    sums->bce += v->bce;
    sums->kd += v->kd;
    sums->errors += v->bit_errors;
    sums->bits += v->bit_count;
    sums->steps++;
}

static void history_line(struct train *t) {
    struct train_sums *line = &t->state.line;
    double steps = (double)line->steps;
    double values[] = {(double)t->state.step, line->loss / steps, line->bce / steps, line->kd / steps,
                       (double)line->errors / (double)line->bits};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (i)
            buffer_putc(&t->state.history, ',');
        json_number(&t->state.history, values[i]);
    }
    buffer_putc(&t->state.history, '\n');
    stage_metric(t->stage, "loss", values[0], values[1]);
    *line = (struct train_sums){0};
}

static void step_record(struct train *t, const struct loss_value *v) {
    uint64_t every = (t->steps + HISTORY_LINES - 1) / HISTORY_LINES, tenth = (t->steps + 9) / 10;
    t->state.lambda = v->kd_weight;
    sums_add(&t->state.line, v);
    if (t->state.step > t->steps - tenth)
        sums_add(&t->state.tail, v);
    if (t->state.step % every == 0 || t->state.step == t->steps)
        history_line(t);
    stage_progress(t->stage, (double)t->state.step, (double)t->steps, "step");
}

/* Saves when it is due: so seldom that its cost stays below its share. */
static int checkpoint_due(const struct train *t, const char *identity, uint64_t *last_ns, uint64_t *cost_ns,
                          struct error *err) {
    uint64_t now = clock_monotonic_ns(), wait_ns = CHECKPOINT_EVERY_S * UINT64_C(1000000000);
    if (*cost_ns * CHECKPOINT_SHARE > wait_ns)
        wait_ns = *cost_ns * CHECKPOINT_SHARE;
    if (now - *last_ns < wait_ns)
        return 0;
    int rc = train_checkpoint_save(t, identity, err);
    *last_ns = clock_monotonic_ns();
    *cost_ns = *last_ns - now;
    return rc;
}

static int steps_run(struct train *t, const char *identity, struct error *err) {
    struct train_batch *batch = NULL;
    uint64_t last_ns = clock_monotonic_ns(), cost_ns = 0;
    int rc = train_batch_create(&batch, t, err);
    while (!rc && t->state.step < t->steps) {
        struct loss_value value = {0};
        if (stage_interrupted(t->stage)) {
            rc = STAGE_INTERRUPTED;
            break;
        }
        if ((rc = train_batch_step(batch, t, &value, err)))
            break;
        if (!isfinite(value.total))
            rc = error_set(err, ERR_FAILED, "the loss is not finite at step %llu: lower learning_rate",
                           (unsigned long long)t->state.step);
        else
            step_record(t, &value);
        if (!rc)
            rc = checkpoint_due(t, identity, &last_ns, &cost_ns, err);
    }
    train_batch_free(batch);
    return rc;
}

/* The curve over the validation slots, which no training slot is among. */
static int validate(struct curve *out, const struct train *t, struct error *err) {
    const cJSON *validation = cJSON_GetObjectItemCaseSensitive(stage_with(t->stage), "validation");
    struct network_model trained = t->model;
    struct count_job job = {
        .link = t->link,
        .seed = (uint64_t)json_double(validation, "seed", 0),
        .slots = (size_t)json_double(validation, "slots", 0),
        .model = &trained,
    };
    trained.parameters = deeprx_parameters(t->net);
    trained.statistics = deeprx_statistics(t->net);
    job.link.profiles = link_profiles_read(cJSON_GetObjectItemCaseSensitive(validation, "profiles"));
    double *grid = grid_read(&job.points, cJSON_GetObjectItemCaseSensitive(validation, "sinr_db"));
    job.sinr_db = grid;
    int rc = count_run(out, &job, t->parallel, t->stage, err);
    free(grid);
    return rc;
}

static int results_write(const struct train *t, const struct curve *c, struct error *err) {
    const struct train_sums *tail = &t->state.tail;
    size_t floored;
    double gm_ber = curve_gm_ber(c, &floored), steps = (double)tail->steps;
    double flops = (double)deeprx_flops_slot(&t->model.config);
    double teacher_flops = t->teacher.net ? (double)deeprx_flops_slot(&t->teacher.model.config) : 0;
    const struct {
        const char *name;
        double value;
    } results[] = {
        {"gm_ber", gm_ber},
        {"floored", (double)floored},
        {"loss", tail->loss / steps},
        {"bce", tail->bce / steps},
        {"kd", tail->kd / steps},
        {"lambda", t->state.lambda},
        {"flops", flops},
        {"parameters", (double)deeprx_parameter_count(&t->model.config)},
        {"training_flops", (double)t->steps * t->batch * 3 * flops + (double)teacher_slots_run(t) * teacher_flops},
        {"steps", (double)t->steps},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof results / sizeof *results && !rc; i++)
        rc = stage_result(t->stage, results[i].name, results[i].value, err);
    return rc;
}

static int outs_write(const struct train *t, struct error *err) {
    struct buffer file = {0};
    network_model_encode(&file, &t->model, deeprx_parameters(t->net), deeprx_statistics(t->net));
    int rc = stage_write(t->stage, "model", file.data, file.size, err);
    if (!rc)
        rc = stage_write(t->stage, "history", t->state.history.data, t->state.history.size, err);
    buffer_close(&file);
    return rc;
}

int run_deeprx_train(struct stage *s, struct error *err) {
    struct train t;
    struct curve curve = {0};
    char identity[DIGEST_HEX_SIZE];
    int rc = train_open(&t, s, err);
    if (rc)
        goto out;
    identity_make(identity, s);
    if ((rc = train_checkpoint_load(&t, identity, err)) < 0)
        goto out;
    if (rc > 0)
        stage_note(s, "continues at step %llu of %llu", (unsigned long long)t.state.step, (unsigned long long)t.steps);
    if (!(rc = steps_run(&t, identity, err)) && !(rc = validate(&curve, &t, err)) && !(rc = outs_write(&t, err)))
        rc = results_write(&t, &curve, err);
    if (rc == STAGE_INTERRUPTED && train_checkpoint_save(&t, identity, err))
        rc = err ? err->code : ERR_IO;
out:
    curves_free(&curve, 1);
    train_close(&t);
    return rc;
}
