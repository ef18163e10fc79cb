/* energy/amortize: how many inferences take the energy that the training took. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/meter/data.h"
#include "stages/run/energy_processors.h"
#include "stages/run/energy_rows.h"
#include "stages/run/kind_functions.h"
#include "stages/run/rows.h"

enum { POINTS_PER_DECADE = 4 };

struct energies {
    double training_j, inference_j; /* NaN: not given */
};

/* Turns a column's values into joules. */
struct scale {
    double per_j;          /* 1: they are joules; else FLOP a joule */
    const char *processor; /* the one that metric (0) takes; NULL: they are joules */
};

/* ---- our own joules ---- */

/* Sum and count of a column over an input's rows; rows without it are passed over. */
static int column_read(double *sum, size_t *count, const struct stage *s, const char *input, const char *column,
                       struct error *err) {
    struct rows rows;
    double value;
    *sum = 0;
    *count = 0;
    int rc = rows_read(&rows, s, input, err);
    if (!rc && (rc = rows_require(&rows, column, err)))
        error_prefix(err, "%s", input);
    for (size_t i = 0; i < rows.count && !rc; i++)
        if (row_number(&value, &rows.row[i], column)) {
            *sum += value;
            ++*count;
        }
    rows_close(&rows);
    return rc;
}

static int scale_read(struct scale *out, const struct stage *s, struct error *err) {
    struct processor *list = NULL;
    const struct processor *p;
    size_t count;
    *out = (struct scale){.per_j = 1};
    if (!*stage_text(s, "processor"))
        return 0;
    int rc = processors_read(&list, &count, NULL, NULL, err);
    if (!rc && !(rc = processor_find(&p, list, count, stage_text(s, "processor"), err)))
        *out = (struct scale){p->flops_per_s / p->power_w, stage_text(s, "processor")};
    free(list);
    return rc;
}

/* A number in `with`, else the input, else NaN. */
static int energy_read(double *out, const struct stage *s, const struct scale *scale, const char *number,
                       const char *input, const char *column, bool mean, struct error *err) {
    double given = stage_number(s, number), sum = 0;
    size_t files, count = 0;
    stage_input(s, input, &files);
    *out = given > 0 ? given : (double)NAN;
    if (given > 0 || files == 0)
        return 0;
    int rc = column_read(&sum, &count, s, input, stage_text(s, column), err);
    if (!rc && count > 0)
        *out = (mean ? sum / (double)count : sum) / scale->per_j;
    return rc;
}

static int energies_read(struct energies *out, const struct stage *s, const struct scale *scale, struct error *err) {
    int rc = energy_read(&out->training_j, s, scale, "training_j", "training", "training_column", false, err);
    return rc ? rc
              : energy_read(&out->inference_j, s, scale, "inference_j", "inference", "inference_column", true, err);
}

/* ---- the table ---- */

static cJSON *case_add(cJSON *list, const char *name, struct energies e, double rate, const char *note) {
    double count = e.inference_j > 0 ? e.training_j / e.inference_j : (double)NAN;
    cJSON *row = energy_row_add(list);
    energy_row_text(row, "case", name);
    energy_row_number(row, "training_j", e.training_j);
    energy_row_number(row, "inference_j", e.inference_j);
    energy_row_number(row, "break_even_inferences", count);
    energy_row_number(row, "break_even_s", count / rate);
    energy_row_number(row, "inferences_per_s", rate);
    energy_row_text(row, "note", note);
    return row;
}

static void own_add(cJSON *list, const struct stage *s, const struct scale *scale, struct energies e) {
    char *counted = scale->processor
                        ? mem_printf("FLOP counted, at %.4g FLOP/J of metric (0) (%s)", scale->per_j, scale->processor)
                        : NULL;
    const char *note = *stage_text(s, "basis") || !counted ? stage_text(s, "basis") : counted;
    if (!isfinite(e.training_j))
        note = "the energy of our training is not known";
    else if (!isfinite(e.inference_j))
        note = "the energy of our inference is not known";
    else if (e.inference_j <= 0)
        note = "our inference took no more than the machine takes without it: it never breaks even";
    case_add(list, stage_text(s, "label"), e, stage_number(s, "inferences_per_s"), note);
    free(counted);
}

struct paper {
    double training_j, step_j, inference_j, rate, balance_inferences, balance_s, size_flops, slot_flops;
    double flops_per_j; /* of its processor */
    char processor[64];
};

static double figure(const cJSON *published, const char *name) {
    return json_double(cJSON_GetObjectItemCaseSensitive(published, name), "value", (double)NAN);
}

static int paper_read(struct paper *out, struct error *err) {
    cJSON *published = NULL;
    struct processor *list = NULL;
    const struct processor *p;
    size_t count;
    int rc = meter_published(&published, err);
    if (!rc)
        rc = processors_read(&list, &count, NULL, NULL, err);
    if (!rc)
        rc = processor_find(&p, list, count, json_text(published, "processor", ""), err);
    if (!rc) {
        *out = (struct paper){
            .step_j = figure(published, "training_step_j"),
            .inference_j = figure(published, "inference_j"),
            .rate = figure(published, "inferences_per_s"),
            .balance_inferences = figure(published, "balance_inferences"),
            .balance_s = figure(published, "balance_s"),
            .size_flops = figure(published, "size_flops"),
            .slot_flops = figure(published, "deeprx_flops_slot"),
            .flops_per_j = p->flops_per_s / p->power_w,
        };
        out->training_j = out->step_j * figure(published, "training_steps");
        snprintf(out->processor, sizeof out->processor, "%s", p->name);
    }
    free(list);
    cJSON_Delete(published);
    return rc;
}

/* A line whose note is made of figures computed here. */
static void reading_add(cJSON *list, const struct paper *p, const char *name, double inference_j, char *note) {
    case_add(list, name, (struct energies){p->training_j, inference_j}, p->rate, note);
    free(note);
}

static void paper_add(cJSON *list, const struct paper *p) {
    double by_time_count = p->balance_s * p->rate;
    double size_j = p->size_flops / p->flops_per_j, slot_j = p->slot_flops / p->flops_per_j;
    reading_add(list, p, "paper: its step energy, steps and energy an inference", p->inference_j,
                mem_printf("%.4g J a step; the paper prints %.4g inferences and %.4g s instead", p->step_j,
                           p->balance_inferences, p->balance_s));
    reading_add(list, p, "paper: its printed number of inferences", p->training_j / p->balance_inferences,
                mem_printf("holds only at %.4g J an inference, %.4g times the printed one",
                           p->training_j / p->balance_inferences,
                           p->training_j / p->balance_inferences / p->inference_j));
    reading_add(list, p, "paper: its printed time", p->training_j / by_time_count,
                mem_printf("%.4g inferences; holds only at %.4g J an inference; at the printed energy that time takes "
                           "%.4g J, %.4g training steps",
                           by_time_count, p->training_j / by_time_count, by_time_count * p->inference_j,
                           by_time_count * p->inference_j / p->step_j));
    reading_add(list, p, "paper: its printed size on its processor", size_j,
                mem_printf("%.4g FLOP at %.4g FLOP/J (%s) are %.4g J, %.4g times the printed energy", p->size_flops,
                           p->flops_per_j, p->processor, size_j, size_j / p->inference_j));
    reading_add(list, p, "counted: DeepRx's FLOP a slot on that processor", slot_j,
                mem_printf("%.6g FLOP a slot; the printed energy would be %.4g FLOP", p->slot_flops,
                           p->inference_j * p->flops_per_j));
}

/* ---- the curves ---- */

static void curve_add(cJSON *list, const char *label, struct energies e, long decades) {
    if (!(e.training_j > 0) || !isfinite(e.inference_j))
        return;
    for (long i = 0; i <= decades * POINTS_PER_DECADE; i++) {
        double n = pow(10, (double)i / POINTS_PER_DECADE);
        const double joules[] = {e.training_j / n, e.inference_j};
        static const char *const names[] = {"training, amortized", "one inference"};
        for (size_t k = 0; k < 2; k++) {
            char *curve = mem_printf("%s: %s", label, names[k]);
            cJSON *row = energy_row_add(list);
            energy_row_text(row, "curve", curve);
            energy_row_number(row, "inferences", n);
            energy_row_number(row, "joules", joules[k]);
            free(curve);
        }
    }
}

/* ---- results ---- */

static int own_results(struct stage *s, struct energies e, struct error *err) {
    int rc = isfinite(e.training_j) ? stage_result(s, "training_j", e.training_j, err) : 0;
    if (!rc && isfinite(e.inference_j))
        rc = stage_result(s, "inference_j", e.inference_j, err);
    if (rc || !isfinite(e.training_j) || !(e.inference_j > 0))
        return rc;
    double count = e.training_j / e.inference_j;
    rc = stage_result(s, "break_even_inferences", count, err);
    return rc ? rc : stage_result(s, "break_even_s", count / stage_number(s, "inferences_per_s"), err);
}

static int paper_results(struct stage *s, const struct paper *p, struct error *err) {
    double count = p->training_j / p->inference_j;
    int rc = stage_result(s, "paper_break_even_inferences", count, err);
    return rc ? rc : stage_result(s, "paper_break_even_s", count / p->rate, err);
}

int run_energy_amortize(struct stage *s, struct error *err) {
    static const char *const columns[] = {"case",         "training_j",       "inference_j", "break_even_inferences",
                                          "break_even_s", "inferences_per_s", "note",        NULL};
    static const char *const curve_columns[] = {"curve", "inferences", "joules", NULL};
    bool with_paper = stage_boolean(s, "paper");
    cJSON *cases = cJSON_CreateArray(), *curves = cJSON_CreateArray();
    struct scale scale;
    struct energies own;
    struct paper paper;
    int rc = scale_read(&scale, s, err);
    if (!rc && !(rc = energies_read(&own, s, &scale, err))) {
        own_add(cases, s, &scale, own);
        curve_add(curves, stage_text(s, "label"), own, (long)stage_integer(s, "decades"));
        rc = own_results(s, own, err);
    }
    if (!rc && with_paper && !(rc = paper_read(&paper, err))) {
        paper_add(cases, &paper);
        curve_add(curves, "paper", (struct energies){paper.training_j, paper.inference_j},
                  (long)stage_integer(s, "decades"));
        rc = paper_results(s, &paper, err);
    }
    if (!rc)
        rc = energy_rows_write(s, "csv", "json", cases, columns, err);
    if (!rc)
        rc = energy_rows_write(s, "curves", NULL, curves, curve_columns, err);
    cJSON_Delete(cases);
    cJSON_Delete(curves);
    return rc;
}
