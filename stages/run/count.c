#include "stages/run/count.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "stages/run/link_params.h"
#include "stages/run/slot_memory.h"

enum { BATCH = 16 };

static const char *const receiver_names[] = {
    [LINK_RECEIVER_LS] = "ls", [LINK_RECEIVER_LMMSE] = "lmmse", [LINK_RECEIVER_GENIE] = "genie"};

static const char *receiver_name(enum link_receiver receiver) {
    return receiver_names[receiver];
}

enum link_receiver receiver_read(const char *name) {
    return strcmp(name, "ls") == 0      ? LINK_RECEIVER_LS
           : strcmp(name, "lmmse") == 0 ? LINK_RECEIVER_LMMSE
                                        : LINK_RECEIVER_GENIE;
}

double *grid_read(size_t *count, const cJSON *list) {
    *count = (size_t)cJSON_GetArraySize(list);
    double *grid = mem_array(*count, sizeof *grid);
    size_t i = 0;
    for (const cJSON *value = list->child; value; value = value->next)
        grid[i++] = value->valuedouble;
    return grid;
}

struct counter {
    const struct count_job *job;
    struct deeprx *net;
    struct slot_memory *memory; /* one a thread */
    float *llr;                 /* [threads,S,F,B] */
    size_t labels, features;    /* values of a slot: S*F*B, S*F*C */
    size_t rows;                /* curves */
    size_t first, batch;        /* the items of this batch; item = point * slots + slot */
    float *x, *logits;          /* [BATCH,S,F,C], [BATCH,S,F,B] */
    uint8_t *bits;              /* [BATCH,S,F,B] */
    uint64_t *errors;           /* [BATCH,rows] */
};

/* Of the receivers. */
static size_t workspace_bytes(const struct count_job *job) {
    size_t most = 0;
    for (size_t i = 0; i < job->receiver_count; i++) {
        size_t bytes = link_receive_workspace_bytes(&job->link, job->receivers[i]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static uint64_t count_errors(const float *llr, const uint8_t *bits, const struct link_config *link) {
    uint64_t errors = 0;
    size_t row = (size_t)link_subcarriers(link) * (size_t)link->bits;
    for (int symbol = 0; symbol < SLOT_SYMBOLS; symbol++) {
        if (link_is_pilot_symbol(link, symbol))
            continue;
        const float *z = llr + (size_t)symbol * row;
        const uint8_t *b = bits + (size_t)symbol * row;
        for (size_t i = 0; i < row; i++)
            errors += (z[i] > 0) != (b[i] != 0);
    }
    return errors;
}

static void slot_make(struct counter *c, struct slot_memory *memory, size_t item) {
    const struct count_job *job = c->job;
    size_t point = item / job->slots, slot = item % job->slots;
    double snr_db, sir_db;
    link_split_sinr(&snr_db, &sir_db, &job->link, job->sinr_db[point]);
    link_generate(&memory->slot, &job->link, job->seed, RNG_VALIDATION, (uint32_t)(slot * job->points + point), snr_db,
                  sir_db, memory->workspace);
}

static void block_receive(void *context, size_t block, int thread) {
    struct counter *c = context;
    const struct count_job *job = c->job;
    struct slot_memory *memory = &c->memory[thread];
    float *llr = c->llr + (size_t)thread * c->labels;
    uint64_t *errors = c->errors + block * c->rows + (c->net ? 1 : 0);
    slot_make(c, memory, c->first + block);
    for (size_t i = 0; i < job->receiver_count; i++) {
        link_receive(llr, &memory->slot, &job->link, job->receivers[i], job->demapper, memory->workspace);
        errors[i] = count_errors(llr, memory->slot.bits, &job->link);
    }
    if (!c->net)
        return;
    link_features(c->x + block * c->features, &memory->slot, &job->link, job->model->features, memory->workspace);
    memcpy(c->bits + block * c->labels, memory->slot.bits, c->labels);
}

static void block_judge(void *context, size_t block, int thread) {
    struct counter *c = context;
    (void)thread;
    c->errors[block * c->rows] =
        count_errors(c->logits + block * c->labels, c->bits + block * c->labels, &c->job->link);
}

static void batch_run(struct counter *c, struct parallel *p, uint64_t *totals) {
    parallel_for(p, c->batch, block_receive, c);
    if (c->net) {
        deeprx_infer(c->net, c->x, (int)c->batch, c->logits);
        parallel_for(p, c->batch, block_judge, c);
    }
    for (size_t b = 0; b < c->batch; b++)
        for (size_t row = 0; row < c->rows; row++)
            totals[row * c->job->points + (c->first + b) / c->job->slots] += c->errors[b * c->rows + row];
}

static int counter_init(struct counter *c, const struct count_job *job, struct parallel *p, struct error *err) {
    size_t elements = SLOT_SYMBOLS * (size_t)link_subcarriers(&job->link);
    *c = (struct counter){.job = job, .rows = job->receiver_count + (job->model ? 1 : 0)};
    c->labels = elements * (size_t)job->link.bits;
    c->memory = slot_memory_create(&job->link, p, workspace_bytes(job));
    c->llr = mem_array((size_t)parallel_threads(p), c->labels * sizeof *c->llr);
    c->errors = mem_array(BATCH * c->rows, sizeof *c->errors);
    if (!job->model)
        return 0;
    c->features = elements * (size_t)job->model->config.channels_in;
    c->x = slot_array(BATCH * c->features * sizeof(float));
    c->logits = slot_array(BATCH * c->labels * sizeof(float));
    c->bits = mem_array(BATCH, c->labels);
    return network_model_create(&c->net, job->model, BATCH, false, p, err);
}

static void counter_close(struct counter *c, struct parallel *p) {
    slot_memory_free(c->memory, p);
    free(c->llr);
    free(c->errors);
    free(c->x);
    free(c->logits);
    free(c->bits);
    deeprx_free(c->net);
}

static void curves_fill(struct curve *curves, const struct count_job *job, size_t rows, const uint64_t *totals) {
    uint64_t bits = (uint64_t)job->slots * link_data_elements(&job->link) * (uint64_t)job->link.bits;
    for (size_t row = 0; row < rows; row++) {
        size_t receiver = row - (job->model ? 1 : 0);
        curves[row].name = job->model && row == 0 ? "network" : receiver_name(job->receivers[receiver]);
        curves[row].count = job->points;
        curves[row].points = mem_array(job->points, sizeof *curves[row].points);
        for (size_t i = 0; i < job->points; i++) {
            curves[row].points[i].sinr_db = job->sinr_db[i];
            curve_count(&curves[row].points[i], totals[row * job->points + i], bits);
        }
    }
}

int count_run(struct curve *curves, const struct count_job *job, struct parallel *p, struct stage *s,
              struct error *err) {
    struct counter c;
    size_t items = job->points * job->slots;
    uint64_t *totals = NULL;
    if (items > UINT32_MAX)
        return error_set(err, ERR_INVALID, "%zu points of %zu slots are more slots than a stream has", job->points,
                         job->slots);
    int rc = counter_init(&c, job, p, err);
    totals = mem_array(c.rows * job->points, sizeof *totals);
    while (!rc && c.first < items) {
        c.batch = items - c.first < BATCH ? items - c.first : BATCH;
        batch_run(&c, p, totals);
        c.first += c.batch;
        stage_progress(s, (double)c.first, (double)items, "slot");
        rc = stage_interrupted(s) ? STAGE_INTERRUPTED : 0;
    }
    if (!rc)
        curves_fill(curves, job, c.rows, totals);
    counter_close(&c, p);
    free(totals);
    return rc;
}

void curves_free(struct curve *curves, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(curves[i].points);
}

int curve_results(struct stage *s, const char *prefix, const struct curve *c, struct error *err) {
    char name[64];
    size_t floored;
    double at_db;
    snprintf(name, sizeof name, "%sgm_ber", prefix);
    int rc = stage_result(s, name, curve_gm_ber(c, &floored), err);
    snprintf(name, sizeof name, "%sfloored", prefix);
    if (!rc)
        rc = stage_result(s, name, (double)floored, err);
    snprintf(name, sizeof name, "%ssinr_db_at_1e-3", prefix);
    if (!rc && curve_reaches(&at_db, c, 1e-3))
        rc = stage_result(s, name, at_db, err);
    return rc;
}

int curves_write(const struct stage *s, const char *csv, const struct curve *curves, size_t count, struct error *err) {
    struct buffer text = {0};
    curves_csv(&text, curves, count);
    int rc = stage_write(s, csv, text.data, text.size, err);
    buffer_clear(&text);
    curves_json(&text, curves, count);
    if (!rc)
        rc = stage_write(s, "json", text.data, text.size, err);
    buffer_close(&text);
    return rc;
}
