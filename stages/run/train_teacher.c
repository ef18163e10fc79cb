#include "stages/run/train.h"

/* Whether the array is [slots,S,F,B] of the link. */
static int logits_check(const struct train *t, const char *path, struct error *err) {
    const struct npy *a = npy_array(t->teacher.logits);
    size_t subcarriers = (size_t)link_subcarriers(&t->link), bits = (size_t)t->link.bits;
    if (a->type == NPY_F32 && a->dims == 4 && a->shape[1] == SLOT_SYMBOLS && a->shape[2] == subcarriers &&
        a->shape[3] == bits)
        return 0;
    struct buffer found = {0};
    npy_describe(&found, a);
    int rc = error_set(err, ERR_INVALID, "%s: is %s; the logits of a teacher on this link are [slots,%d,%zu,%zu] f32",
                       path, buffer_text(&found), SLOT_SYMBOLS, subcarriers, bits);
    buffer_close(&found);
    return rc;
}

static int logits_open(struct train *t, const char *path, struct error *err) {
    int rc = npy_open(&t->teacher.logits, path, err);
    if (!rc && !(rc = logits_check(t, path, err)))
        t->teacher.slots = npy_array(t->teacher.logits)->shape[0];
    return rc;
}

int teacher_open(struct train *t, struct error *err) {
    size_t given;
    const struct stage_item *model = stage_input(t->stage, "teacher", &given);
    const struct stage_item *logits = stage_input(t->stage, "logits", &given);
    if (!model)
        return logits ? error_set(err, ERR_INVALID, "the input \"logits\" is a teacher's: give \"teacher\" too") : 0;
    int rc = network_model_open(&t->teacher.model, model->path, err);
    if (!rc && (rc = network_model_fits(&t->teacher.model, &t->link, err)))
        error_prefix(err, "teacher");
    if (!rc)
        rc = network_model_create(&t->teacher.net, &t->teacher.model, t->batch, false, t->parallel, err);
    return !rc && logits ? logits_open(t, logits->path, err) : rc;
}

void teacher_close(struct teacher *teacher) {
    deeprx_free(teacher->net);
    network_model_close(&teacher->model);
    npy_close(teacher->logits);
}

uint64_t train_slot(const struct train *t, uint64_t step, size_t position) {
    uint64_t index = (step - 1) * (uint64_t)t->batch + position;
    return t->train_slots ? index % t->train_slots : index;
}

bool teacher_knows(const struct train *t, uint64_t step) {
    for (size_t i = 0; i < (size_t)t->batch; i++)
        if (train_slot(t, step, i) >= t->teacher.slots)
            return false;
    return true;
}

uint64_t teacher_slots_run(const struct train *t) {
    uint64_t slots = 0;
    for (uint64_t step = 1; t->teacher.net && step <= t->steps; step++)
        slots += teacher_knows(t, step) ? 0 : (uint64_t)t->batch;
    return slots;
}
