#include "stages/curve.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "kernels/link.h"
#include "stages/rows_write.h"

void curve_count(struct curve_point *p, uint64_t errors, uint64_t bits) {
    p->errors = errors;
    p->bits = bits;
    p->ber = (double)errors / (double)bits;
}

static double log_ber(const struct curve_point *p) {
    if (p->bits == 0)
        return log10(p->ber);
    return log10((p->errors ? (double)p->errors : 0.5) / (double)p->bits);
}

static double counted_gm_ber(const struct curve *c, size_t *floored) {
    uint64_t *errors = mem_array(c->count, sizeof *errors), *bits = mem_array(c->count, sizeof *bits);
    for (size_t i = 0; i < c->count; i++) {
        errors[i] = c->points[i].errors;
        bits[i] = c->points[i].bits;
    }
    double mean = ber_geometric_mean(errors, bits, c->count, floored);
    free(errors);
    free(bits);
    return mean;
}

double curve_gm_ber(const struct curve *c, size_t *floored) {
    double sum = 0;
    if (c->points[0].bits)
        return counted_gm_ber(c, floored);
    *floored = 0;
    for (size_t i = 0; i < c->count; i++)
        sum += log10(c->points[i].ber);
    return sum / (double)c->count;
}

bool curve_reaches(double *sinr_db, const struct curve *c, double ber) {
    double wanted = log10(ber);
    for (size_t i = 1; i < c->count; i++) {
        const struct curve_point *a = &c->points[i - 1], *b = &c->points[i];
        double from = log_ber(a), to = log_ber(b);
        if (from > wanted && to <= wanted) {
            *sinr_db = a->sinr_db + (b->sinr_db - a->sinr_db) * (from - wanted) / (from - to);
            return true;
        }
    }
    return false;
}

/* A list of rows. The caller deletes it. */
static cJSON *curve_rows(const struct curve *curves, size_t count) {
    cJSON *rows = cJSON_CreateArray();
    for (size_t c = 0; c < count; c++)
        for (size_t i = 0; i < curves[c].count; i++) {
            const struct curve_point *p = &curves[c].points[i];
            cJSON *row = cJSON_CreateObject();
            cJSON_AddStringToObject(row, "curve", curves[c].name);
            cJSON_AddNumberToObject(row, "sinr_db", p->sinr_db);
            json_add_number(row, "bits", p->bits ? (double)p->bits : (double)NAN);
            json_add_number(row, "errors", p->bits ? (double)p->errors : (double)NAN);
            cJSON_AddNumberToObject(row, "ber", p->ber);
            cJSON_AddItemToArray(rows, row);
        }
    return rows;
}

void curves_csv(struct buffer *out, const struct curve *curves, size_t count) {
    static const char *const columns[] = {"curve", "sinr_db", "bits", "errors", "ber", NULL};
    cJSON *rows = curve_rows(curves, count);
    rows_csv(out, rows, columns);
    cJSON_Delete(rows);
}

void curves_json(struct buffer *out, const struct curve *curves, size_t count) {
    cJSON *rows = curve_rows(curves, count);
    buffer_puts(out, "{\"rows\": ");
    rows_json(out, rows, "  ");
    buffer_puts(out, "\n]}\n");
    cJSON_Delete(rows);
}
