/* energy/estimate: metrics (0), (1), (2) and the memory term of Eq. 1 over the processor table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "kernels/energy_metric.h"
#include "stages/run/energy_processors.h"
#include "stages/run/energy_rows.h"
#include "stages/run/kind_functions.h"
#include "stages/run/rows.h"

/* The work of an inference, from the profile's layers. */
struct work {
    double flops, bytes; /* bytes NaN: no profile */
    struct rows layers;
    struct energy_layer *convolutions;
    size_t convolution_count;
};

/* A layer has as many weights as MACs an element, so its other parameters are one bias an output. For each element it
   reads its inputs and writes its outputs. */
static struct energy_layer convolution(const struct row *row, double flops, double macs_element,
                                       double activation_bytes) {
    double parameters = 0;
    row_number(&parameters, row, "parameters");
    double elements = flops / (2 * macs_element);
    double outputs = parameters - macs_element;
    return (struct energy_layer){flops / 2, activation_bytes / (4 * elements) - outputs, 1};
}

static int layer_read(struct work *w, const struct row *row, struct error *err) {
    double flops, macs_element, weight_bytes, activation_bytes;
    if (!row_number(&flops, row, "flops_slot") || !row_number(&macs_element, row, "macs_element") ||
        !row_number(&weight_bytes, row, "weight_bytes") || !row_number(&activation_bytes, row, "activation_bytes_slot"))
        return error_set(err, ERR_INVALID,
                         "profile: a row lacks flops_slot, macs_element, weight_bytes or activation_bytes_slot: give "
                         "deeprx/profile's out \"json\"");
    w->flops += flops;
    w->bytes += weight_bytes + activation_bytes;
    if (macs_element > 0)
        w->convolutions[w->convolution_count++] = convolution(row, flops, macs_element, activation_bytes);
    return 0;
}

static int work_read(struct work *w, const struct stage *s, struct error *err) {
    size_t files;
    double given = stage_number(s, "flops");
    stage_input(s, "profile", &files);
    *w = (struct work){0};
    int rc = rows_read(&w->layers, s, "profile", err);
    w->convolutions = mem_array(w->layers.count, sizeof *w->convolutions);
    for (size_t i = 0; i < w->layers.count && !rc; i++)
        rc = layer_read(w, &w->layers.row[i], err);
    if (rc)
        return rc;
    if (files == 0)
        w->bytes = (double)NAN;
    if (given > 0)
        w->flops = given;
    if (!(w->flops > 0))
        return error_set(err, ERR_INVALID,
                         "nothing says what an inference does: give the input \"profile\" or \"flops\"");
    return 0;
}

static void work_close(struct work *w) {
    free(w->convolutions);
    rows_close(&w->layers);
}

/* ---- by processor ---- */

static void row_write(cJSON *list, const struct processor *p, const struct work *w, const char *metric,
                      double computation_j, const char *note) {
    double memory_j = energy_memory(w->bytes, p->memory_j_per_byte);
    bool has_memory = isfinite(memory_j) && isfinite(computation_j);
    cJSON *row = energy_row_add(list);
    energy_row_text(row, "processor", p->name);
    energy_row_text(row, "curve", metric);
    energy_row_number(row, "computation_j", computation_j);
    energy_row_number(row, "memory_j", memory_j);
    energy_row_number(row, "joules", has_memory ? computation_j + memory_j : computation_j);
    if (isfinite(computation_j))
        energy_row_text(row, "covers", has_memory ? "computation and memory" : "computation");
    energy_row_number(row, "flops_per_s", p->flops_per_s);
    energy_row_number(row, "power_w", p->power_w);
    energy_row_text(row, "note", note);
}

static void metric_1_write(cJSON *list, const struct processor *p, const struct work *w) {
    bool own = isfinite(p->kappa_f);
    double kappa = own ? p->kappa_f : energy_metric_1_kappa(p->power_w, p->cores, p->clock_hz);
    double joules = energy_metric_1(w->flops, p->flop_per_clock, p->cores, p->clock_hz, kappa);
    row_write(list, p, w, "metric (1)", joules,
              !isfinite(joules) ? "needs cores, ghz, flop_per_clock"
              : own             ? "kappa f^2 W / S"
                                : "kappa from the design power: equals metric (0)");
}

static void metric_2_write(cJSON *list, const struct processor *p, const struct work *w) {
    const struct energy_coefficients c = {p->convolution_a_j, p->convolution_b_j, (double)NAN};
    double joules = w->convolution_count ? energy_metric_2(w->convolutions, w->convolution_count, &c) : (double)NAN;
    row_write(list, p, w, "metric (2)", joules,
              isfinite(joules) ? "" : "needs a profile, convolution_a_j and convolution_b_j: the paper gives none");
}

static int processors_write(const struct stage *s, const struct processor *list, size_t count, const struct work *w,
                            struct error *err) {
    static const char *const columns[] = {"processor", "curve",       "computation_j", "memory_j", "joules",
                                          "covers",    "flops_per_s", "power_w",       "note",     NULL};
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        double joules = energy_metric_0(w->flops, list[i].flops_per_s, list[i].power_w);
        row_write(rows, &list[i], w, "metric (0)", joules,
                  isfinite(joules) ? "" : "needs tdp_w, and cores, ghz, flop_per_clock or int8_tops");
        metric_1_write(rows, &list[i], w);
        metric_2_write(rows, &list[i], w);
    }
    int rc = energy_rows_write(s, "csv", "json", rows, columns, err);
    cJSON_Delete(rows);
    return rc;
}

/* ---- by layer and block ---- */

static double number_of(const cJSON *row, const char *name) {
    return json_double(row, name, 0);
}

/* Adds a layer to the row of its block, which is the last one or a new one. */
static void block_add(cJSON *blocks, const char *block, double flops, double bytes) {
    cJSON *row = NULL;
    cJSON_ArrayForEach(row, blocks)
        if (strcmp(json_text(row, "block", ""), block) == 0)
            break;
    if (!row) {
        row = energy_row_add(blocks);
        energy_row_text(row, "block", block);
        energy_row_number(row, "flops", 0);
        energy_row_number(row, "bytes", 0);
    }
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(row, "flops"), number_of(row, "flops") + flops);
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(row, "bytes"), number_of(row, "bytes") + bytes);
}

static void rows_finish(cJSON *rows, const struct processor *p, double total_flops) {
    cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        double flops = number_of(row, "flops");
        energy_row_number(row, "computation_j", energy_metric_0(flops, p->flops_per_s, p->power_w));
        energy_row_number(row, "memory_j", energy_memory(number_of(row, "bytes"), p->memory_j_per_byte));
        energy_row_number(row, "share", flops / total_flops);
    }
}

static int breakdown_write(const struct stage *s, const struct processor *p, const struct work *w, struct error *err) {
    static const char *const columns[] = {"layer", "block", "flops", "computation_j", "memory_j", "share", NULL};
    cJSON *layers = cJSON_CreateArray(), *blocks = cJSON_CreateArray();
    double total = 0;
    for (size_t i = 0; i < w->layers.count; i++) {
        const struct row *layer = &w->layers.row[i];
        double flops = 0, weight_bytes = 0, activation_bytes = 0;
        row_number(&flops, layer, "flops_slot");
        row_number(&weight_bytes, layer, "weight_bytes");
        row_number(&activation_bytes, layer, "activation_bytes_slot");
        const char *block = json_text(layer->values, "block", "");
        cJSON *row = energy_row_add(layers);
        energy_row_text(row, "layer", json_text(layer->values, "layer", ""));
        energy_row_text(row, "block", block);
        energy_row_number(row, "flops", flops);
        energy_row_number(row, "bytes", weight_bytes + activation_bytes);
        block_add(blocks, block, flops, weight_bytes + activation_bytes);
        total += flops;
    }
    rows_finish(layers, p, total);
    rows_finish(blocks, p, total);
    int rc = energy_rows_write(s, "layers", NULL, layers, columns, err);
    if (!rc)
        rc = energy_rows_write(s, "blocks", NULL, blocks, columns + 1, err);
    cJSON_Delete(layers);
    cJSON_Delete(blocks);
    return rc;
}

static int results_write(struct stage *s, const struct processor *p, const struct work *w, struct error *err) {
    double joules = energy_metric_0(w->flops, p->flops_per_s, p->power_w);
    int rc = stage_result(s, "flops_per_inference", w->flops, err);
    if (!rc && isfinite(w->bytes))
        rc = stage_result(s, "bytes_per_inference", w->bytes, err);
    if (!rc && isfinite(joules))
        rc = stage_result(s, "breakdown_j", joules, err);
    return rc;
}

int run_energy_estimate(struct stage *s, struct error *err) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(stage_with(s), "processors");
    const cJSON *only = cJSON_GetObjectItemCaseSensitive(stage_with(s), "only");
    struct processor *all = NULL, *shown = NULL;
    size_t all_count = 0, shown_count = 0;
    const struct processor *breakdown = NULL;
    struct work w;
    int rc = work_read(&w, s, err);
    if (!rc)
        rc = processors_read(&all, &all_count, own, NULL, err);
    if (!rc)
        rc = processors_read(&shown, &shown_count, own, only, err);
    if (!rc && (rc = processor_find(&breakdown, all, all_count, stage_text(s, "breakdown"), err)))
        error_prefix(err, "\"breakdown\"");
    if (!rc)
        rc = processors_write(s, shown, shown_count, &w, err);
    if (!rc)
        rc = breakdown_write(s, breakdown, &w, err);
    if (!rc)
        rc = results_write(s, breakdown, &w, err);
    free(shown);
    free(all);
    work_close(&w);
    return rc;
}
