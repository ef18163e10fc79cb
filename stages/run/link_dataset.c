#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "stages/npy.h"
#include "stages/run/count.h"
#include "stages/run/kind_functions.h"
#include "stages/run/link_params.h"
#include "stages/run/slot_memory.h"

enum { BATCH = 16 };

/* The outs that have a row for each slot. */
enum { OUT_X, OUT_LABEL, OUT_SNR, OUT_SIR, OUTS };
static const char *const out_names[OUTS] = {"x", "label", "snr_db", "sir_db"};

struct dataset {
    struct stage *stage;
    struct link_config link;
    enum link_features features;
    uint64_t seed;
    double *sinr_db; /* NULL: training slots */
    size_t points, slots, total;
    size_t inputs, labels;      /* values of a slot: S*F*C, S*F*B */
    struct slot_memory *memory; /* one a thread */
    float *x, *snr_db, *sir_db;
    uint8_t *label;
    size_t first; /* slot that the batch starts with */
    struct npy_writer *writers[OUTS];
};

static void dataset_read(struct dataset *d, struct stage *s) {
    *d = (struct dataset){
        .stage = s,
        .features = link_features_read(stage_text(s, "features")),
        .seed = (uint64_t)stage_integer(s, "seed"),
        .slots = (size_t)stage_integer(s, "slots"),
    };
    const cJSON *grid = cJSON_GetObjectItemCaseSensitive(stage_with(s), "sinr_db");
    link_config_read(&d->link, cJSON_GetObjectItemCaseSensitive(stage_with(s), "link"));
    if (grid->child)
        d->sinr_db = grid_read(&d->points, grid);
    d->total = d->sinr_db ? d->points * d->slots : d->slots;
    size_t elements = SLOT_SYMBOLS * (size_t)link_subcarriers(&d->link);
    d->inputs = elements * (size_t)link_feature_channels(&d->link, d->features);
    d->labels = elements * (size_t)d->link.bits;
}

static void memory_allocate(struct dataset *d, const struct parallel *p) {
    d->memory = slot_memory_create(&d->link, p, 0);
    d->x = slot_array(BATCH * d->inputs * sizeof *d->x);
    d->label = mem_array(BATCH, d->labels);
    d->snr_db = mem_array(BATCH, sizeof *d->snr_db);
    d->sir_db = mem_array(BATCH, sizeof *d->sir_db);
}

static int writers_open(struct dataset *d, struct error *err) {
    size_t subcarriers = (size_t)link_subcarriers(&d->link), bits = (size_t)d->link.bits;
    size_t channels = (size_t)link_feature_channels(&d->link, d->features);
    const struct npy arrays[OUTS] = {
        [OUT_X] = {NPY_F32, 4, {d->total, SLOT_SYMBOLS, subcarriers, channels}},
        [OUT_LABEL] = {NPY_U8, 4, {d->total, SLOT_SYMBOLS, subcarriers, bits}},
        [OUT_SNR] = {NPY_F32, 1, {d->total}},
        [OUT_SIR] = {NPY_F32, 1, {d->total}},
    };
    int rc = 0;
    for (int i = 0; i < OUTS && !rc; i++)
        rc = npy_writer_create(&d->writers[i], stage_out(d->stage, out_names[i]), &arrays[i], err);
    return rc;
}

static void dataset_close(struct dataset *d, const struct parallel *p) {
    slot_memory_free(d->memory, p);
    for (int i = 0; i < OUTS; i++)
        npy_writer_free(d->writers[i]);
    free(d->sinr_db);
    free(d->x);
    free(d->label);
    free(d->snr_db);
    free(d->sir_db);
}

/* The slots that deeprx/train learns from, or those that deeprx/evaluate counts on. */
static void slot_generate(const struct dataset *d, struct slot_memory *memory, size_t item) {
    double snr_db = (double)NAN, sir_db = (double)NAN;
    uint32_t index = (uint32_t)item;
    if (d->sinr_db) {
        size_t point = item / d->slots;
        link_split_sinr(&snr_db, &sir_db, &d->link, d->sinr_db[point]);
        index = (uint32_t)(item % d->slots * d->points + point);
    }
    link_generate(&memory->slot, &d->link, d->seed, d->sinr_db ? RNG_VALIDATION : RNG_TRAINING, index, snr_db, sir_db,
                  memory->workspace);
}

static void slot_make(void *context, size_t block, int thread) {
    struct dataset *d = context;
    struct slot_memory *memory = &d->memory[thread];
    slot_generate(d, memory, d->first + block);
    link_features(d->x + block * d->inputs, &memory->slot, &d->link, d->features, memory->workspace);
    memcpy(d->label + block * d->labels, memory->slot.bits, d->labels);
    d->snr_db[block] = (float)memory->slot.draw.snr_db;
    d->sir_db[block] = (float)memory->slot.draw.sir_db;
}

static int batch_write(struct dataset *d, size_t slots, struct error *err) {
    int rc = npy_write(d->writers[OUT_X], d->x, slots * d->inputs, err);
    if (!rc)
        rc = npy_write(d->writers[OUT_LABEL], d->label, slots * d->labels, err);
    if (!rc)
        rc = npy_write(d->writers[OUT_SNR], d->snr_db, slots, err);
    return rc ? rc : npy_write(d->writers[OUT_SIR], d->sir_db, slots, err);
}

static int slots_write(struct dataset *d, struct parallel *p, struct error *err) {
    int rc = writers_open(d, err);
    for (d->first = 0; !rc && d->first < d->total;) {
        size_t slots = d->total - d->first < BATCH ? d->total - d->first : BATCH;
        parallel_for(p, slots, slot_make, d);
        rc = batch_write(d, slots, err);
        d->first += slots;
        stage_progress(d->stage, (double)d->first, (double)d->total, "slot");
        if (!rc && stage_interrupted(d->stage))
            rc = STAGE_INTERRUPTED;
    }
    for (int i = 0; i < OUTS && !rc; i++)
        rc = npy_writer_finish(d->writers[i], err);
    return rc;
}

static int mask_write(const struct dataset *d, struct error *err) {
    size_t subcarriers = (size_t)link_subcarriers(&d->link);
    const struct npy array = {NPY_U8, 2, {SLOT_SYMBOLS, subcarriers}};
    struct buffer file = {0};
    npy_header_encode(&file, &array);
    for (int symbol = 0; symbol < SLOT_SYMBOLS; symbol++)
        for (size_t f = 0; f < subcarriers; f++)
            buffer_putc(&file, link_is_pilot_symbol(&d->link, symbol) ? 0 : 1);
    int rc = stage_write(d->stage, "mask", file.data, file.size, err);
    buffer_close(&file);
    return rc;
}

static int results_write(const struct dataset *d, struct error *err) {
    double labels = (double)d->total * (double)link_data_elements(&d->link) * d->link.bits;
    int rc = stage_result(d->stage, "slots", (double)d->total, err);
    if (!rc)
        rc = stage_result(d->stage, "channels", link_feature_channels(&d->link, d->features), err);
    return rc ? rc : stage_result(d->stage, "labels", labels, err);
}

int run_link_dataset(struct stage *s, struct error *err) {
    struct dataset d;
    dataset_read(&d, s);
    struct parallel *p = parallel_create(stage_cpus(s));
    int rc;
    if (!p)
        rc = error_set(err, ERR_FAILED, "no threads can be had");
    else if (d.total > UINT32_MAX)
        rc = error_set(err, ERR_INVALID, "%zu points of %zu slots are more slots than a stream has", d.points, d.slots);
    else {
        memory_allocate(&d, p);
        if (!(rc = slots_write(&d, p, err)) && !(rc = mask_write(&d, err)))
            rc = results_write(&d, err);
    }
    dataset_close(&d, p);
    parallel_free(p);
    return rc;
}
