#include "stages/run/curve_gain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/curve.h"
#include "stages/run/kind_functions.h"

enum reach { REACHED, STAYS_ABOVE, STARTS_BELOW };

/* The place at which a curve first falls to the rate. */
struct crossing {
    enum reach reach;
    double sinr_db;    /* REACHED */
    size_t lowest;     /* the point with the lowest rate */
    bool rises_again;  /* above the rate, behind the crossing */
    bool beside_floor; /* the point below the rate has no error */
};

struct member {
    const struct row *row; /* any of the curve's: all have its labels */
    struct curve curve;
    struct crossing crossing;
    bool baseline;
};

struct members {
    struct member *member;
    size_t count;
};

static double point_ber(const struct curve_point *p) {
    if (p->bits == 0)
        return p->ber;
    return (p->errors ? (double)p->errors : 0.5) / (double)p->bits;
}

static struct crossing crossing_find(const struct curve *c, double ber) {
    struct crossing x = {.reach = STAYS_ABOVE};
    size_t first = 0; /* at or below the rate */
    while (first < c->count && log10(point_ber(&c->points[first])) > log10(ber))
        first++;
    for (size_t i = 1; i < c->count; i++)
        if (point_ber(&c->points[i]) < point_ber(&c->points[x.lowest]))
            x.lowest = i;
    if (first == c->count)
        return x;
    x.reach = REACHED;
    if (first == 0 && log10(point_ber(&c->points[0])) < log10(ber))
        x.reach = STARTS_BELOW;
    else if (first == 0)
        x.sinr_db = c->points[0].sinr_db;
    else
        curve_reaches(&x.sinr_db, c, ber);
    x.beside_floor = c->points[first].bits && c->points[first].errors == 0;
    for (size_t i = first; i < c->count; i++)
        x.rises_again = x.rises_again || log10(point_ber(&c->points[i])) > log10(ber);
    return x;
}

static void crossing_note(struct buffer *out, const char *who, const struct member *m, double ber) {
    const struct crossing *x = &m->crossing;
    const struct curve_point *lowest = &m->curve.points[x->lowest];
    if (x->reach == STAYS_ABOVE)
        buffer_printf(out, "%s%s never falls to %g: its lowest is %.3g at %g dB", out->size ? "; " : "", who, ber,
                      point_ber(lowest), lowest->sinr_db);
    else if (x->reach == STARTS_BELOW)
        buffer_printf(out, "%s%s lies below %g from its first point at %g dB on", out->size ? "; " : "", who, ber,
                      m->curve.points[0].sinr_db);
    else if (x->beside_floor)
        buffer_printf(out, "%s%s falls to %g beside a point without an error, which is taken as half an error",
                      out->size ? "; " : "", who, ber);
    if (x->reach == REACHED && x->rises_again)
        buffer_printf(out, "%s%s rises above %g again behind its first crossing", out->size ? "; " : "", who, ber);
}

static int by_sinr(const void *a, const void *b) {
    const struct curve_point *p = a, *q = b;
    return p->sinr_db < q->sinr_db ? -1 : p->sinr_db > q->sinr_db;
}

/* A row's labels and its "curve", for messages and notes. */
static void row_name(struct buffer *out, const struct row *row) {
    for (const cJSON *label = row->labels ? row->labels->child : NULL; label; label = label->next) {
        buffer_printf(out, "%s%s=", out->size ? ", " : "", label->string);
        value_text(out, label);
    }
    const cJSON *curve = cJSON_GetObjectItemCaseSensitive(row->values, "curve");
    if (curve)
        buffer_printf(out, "%scurve=", out->size ? ", " : "");
    value_text(out, curve);
}

static int row_fault(const struct row *row, struct error *err, const char *fault) {
    struct buffer name = {0};
    row_name(&name, row);
    int rc = error_set(err, ERR_INVALID, "a curve (%s) %s", buffer_text(&name), fault);
    buffer_close(&name);
    return rc;
}

static int point_read(struct curve_point *p, const struct row *row, struct error *err) {
    double bits, errors;
    if (!row_number(&p->sinr_db, row, "sinr_db") || !row_number(&p->ber, row, "ber"))
        return row_fault(row, err, "has a row without \"sinr_db\" or \"ber\"");
    bool counted = row_number(&bits, row, "bits") && bits > 0 && row_number(&errors, row, "errors");
    if (!(p->ber >= 0 && p->ber <= 1) || (counted && !(errors >= 0 && errors <= bits && bits <= 0x1p53)))
        return row_fault(row, err, "has a row whose bit error rate is none");
    p->bits = counted ? (uint64_t)bits : 0;
    p->errors = counted ? (uint64_t)errors : 0;
    if (p->bits == 0 && p->ber == 0)
        return row_fault(row, err, "has a bit error rate of 0 and no \"bits\" to say of how many");
    return 0;
}

static int member_read(struct member *m, const struct rows *rows, const struct group *g, double ber,
                       struct error *err) {
    *m = (struct member){.row = &rows->row[g->rows[0]]};
    m->curve.points = mem_array(g->count, sizeof *m->curve.points);
    for (size_t i = 0; i < g->count; i++) {
        int rc = point_read(&m->curve.points[m->curve.count++], &rows->row[g->rows[i]], err);
        if (rc)
            return rc;
    }
    qsort(m->curve.points, m->curve.count, sizeof *m->curve.points, by_sinr);
    for (size_t i = 1; i < m->curve.count; i++)
        if (m->curve.points[i].sinr_db == m->curve.points[i - 1].sinr_db)
            return row_fault(m->row, err, "has two points at one SINR: two files have the same labels");
    m->crossing = crossing_find(&m->curve, ber);
    return 0;
}

static bool text_equal(const cJSON *a, const cJSON *b) {
    struct buffer x = {0}, y = {0};
    value_text(&x, a);
    value_text(&y, b);
    bool equal = strcmp(buffer_text(&x), buffer_text(&y)) == 0;
    buffer_close(&x);
    buffer_close(&y);
    return equal;
}

static bool is_baseline(const struct row *row, const cJSON *baseline) {
    for (const cJSON *label = baseline->child; label; label = label->next)
        if (!row_value(row, label->string) || !text_equal(row_value(row, label->string), label))
            return false;
    return true;
}

/* Whether the two agree in every label but the baseline's own; one that only one of them has is no difference. */
static bool is_pair(const struct row *curve, const struct row *base, const cJSON *names, const cJSON *baseline) {
    for (const cJSON *name = names->child; name; name = name->next) {
        const cJSON *a = row_value(curve, name->valuestring), *b = row_value(base, name->valuestring);
        if (a && b && !cJSON_GetObjectItemCaseSensitive(baseline, name->valuestring) && !text_equal(a, b))
            return false;
    }
    return true;
}

static void number_add(cJSON *object, const char *name, double value) {
    cJSON_AddNumberToObject(object, name, value);
}

static void pair_add(struct gains *g, const struct member *curve, const struct member *base, const cJSON *names,
                     const cJSON *baseline) {
    cJSON *labels = cJSON_CreateObject(), *values = cJSON_CreateObject();
    struct buffer note = {0};
    for (const cJSON *name = names->child; name; name = name->next) {
        const char *label = name->valuestring;
        const cJSON *value = row_value(curve->row, label);
        if (!value && !cJSON_GetObjectItemCaseSensitive(baseline, label))
            value = row_value(base->row, label);
        if (value)
            json_add_copy(labels, label, value);
    }
    crossing_note(&note, "the curve", curve, g->ber);
    crossing_note(&note, "the baseline", base, g->ber);
    if (curve->crossing.reach == REACHED)
        number_add(values, "sinr_db", curve->crossing.sinr_db);
    if (base->crossing.reach == REACHED)
        number_add(values, "baseline_sinr_db", base->crossing.sinr_db);
    if (curve->crossing.reach == REACHED && base->crossing.reach == REACHED)
        number_add(values, "gain_db", base->crossing.sinr_db - curve->crossing.sinr_db);
    cJSON_AddStringToObject(values, "note", buffer_text(&note));
    buffer_close(&note);
    cJSON_AddItemToArray(g->pair_labels, labels);
    mem_grow(g->pairs.row, &g->pairs.capacity, g->pairs.count + 1);
    g->pairs.row[g->pairs.count++] = (struct row){values, labels};
}

static int pairs_make(struct gains *g, const struct members *m, const cJSON *names, const cJSON *baseline,
                      struct error *err) {
    size_t bases = 0;
    for (size_t i = 0; i < m->count; i++)
        bases += m->member[i].baseline;
    if (bases == 0 || bases == m->count) {
        char *text = json_canonical_text(baseline);
        int rc = error_set(err, ERR_INVALID, "%s curve is labelled as \"baseline\" says: %s",
                           bases ? "there is nothing to compare: every" : "no", text);
        free(text);
        return rc;
    }
    for (size_t i = 0; i < m->count; i++) {
        size_t before = g->pairs.count;
        for (size_t k = 0; k < m->count && !m->member[i].baseline; k++)
            if (m->member[k].baseline && is_pair(m->member[i].row, m->member[k].row, names, baseline))
                pair_add(g, &m->member[i], &m->member[k], names, baseline);
        if (!m->member[i].baseline && g->pairs.count == before)
            return row_fault(m->member[i].row, err,
                             "has no baseline: none agrees with it in every label that \"baseline\" does not name");
    }
    return 0;
}

static char *comparison_note(const struct gains *g, const struct group *pairs) {
    struct buffer out = {0};
    for (size_t i = 0; i < pairs->count; i++) {
        const struct row *row = &g->pairs.row[pairs->rows[i]];
        const char *note = json_text(row->values, "note", "");
        if (!*note)
            continue;
        buffer_puts(&out, out.size ? "; " : "");
        if (*g->average_over && row_value(row, g->average_over)) {
            buffer_printf(&out, "%s=", g->average_over);
            row_text(&out, row, g->average_over);
            buffer_puts(&out, ": ");
        }
        buffer_puts(&out, note);
    }
    return buffer_detach(&out);
}

static int comparison_make(struct comparison *c, const struct gains *g, const struct group *pairs, struct error *err) {
    int rc;
    c->pairs = pairs;
    c->note = comparison_note(g, pairs);
    if ((rc = group_mean(&c->gain, &g->pairs, pairs, "gain_db", g->average_over, g->spread, err)) ||
        (rc = group_mean(&c->at, &g->pairs, pairs, "sinr_db", g->average_over, g->spread, err)) ||
        (rc = group_mean(&c->baseline_at, &g->pairs, pairs, "baseline_sinr_db", g->average_over, g->spread, err)))
        return rc;
    c->reached = c->gain.count;
    if (c->reached < pairs->count) /* a mean over those that reach it would flatter the ones that do not */
        c->gain = (struct mean){0};
    return 0;
}

/* Labels in which the pairs differ, and those that the baseline names, but average_over. */
static cJSON *comparison_names(const struct gains *g, const cJSON *names, const cJSON *baseline) {
    const char *but[] = {g->average_over, NULL};
    cJSON *differing = rows_labels(&g->pairs, but, false), *out = cJSON_CreateArray();
    for (const cJSON *name = names->child; name; name = name->next) {
        bool wanted = cJSON_GetObjectItemCaseSensitive(baseline, name->valuestring) != NULL;
        const cJSON *other;
        cJSON_ArrayForEach(other, differing) {
            wanted = wanted || strcmp(other->valuestring, name->valuestring) == 0;
        }
        if (wanted && strcmp(name->valuestring, g->average_over) != 0)
            cJSON_AddItemToArray(out, cJSON_CreateString(name->valuestring));
    }
    cJSON_Delete(differing);
    return out;
}

static int gains_make(struct gains *g, const struct rows *rows, const cJSON *names, struct error *err) {
    const cJSON *baseline = cJSON_GetObjectItemCaseSensitive(stage_with(g->stage), "baseline");
    struct groups groups;
    struct members m = {0};
    int rc = 0;
    groups_make(&groups, rows, NULL, names);
    m.member = mem_array(groups.count, sizeof *m.member);
    for (size_t i = 0; i < groups.count && !rc; i++, m.count++) {
        rc = member_read(&m.member[i], rows, &groups.group[i], g->ber, err);
        m.member[i].baseline = is_baseline(m.member[i].row, baseline);
    }
    if (rc || (rc = pairs_make(g, &m, names, baseline, err)))
        goto out;
    g->names = comparison_names(g, names, baseline);
    groups_make(&g->groups, &g->pairs, NULL, g->names);
    g->comparisons = mem_array(g->groups.count, sizeof *g->comparisons);
    for (size_t i = 0; i < g->groups.count && !rc; i++)
        rc = comparison_make(&g->comparisons[i], g, &g->groups.group[i], err);
out:
    for (size_t i = 0; i < m.count; i++)
        free(m.member[i].curve.points);
    free(m.member);
    groups_close(&groups);
    return rc;
}

static void gains_close(struct gains *g) {
    for (size_t i = 0; i < g->groups.count && g->comparisons; i++)
        free(g->comparisons[i].note);
    free(g->comparisons);
    groups_close(&g->groups);
    rows_close(&g->pairs);
    cJSON_Delete(g->pair_labels);
    cJSON_Delete(g->names);
}

static int gains_write(const struct gains *g, struct error *err) {
    static const struct {
        const char *out;
        void (*append)(struct buffer *out, const struct gains *g);
    } forms[] = {{"csv", gains_csv}, {"json", gains_json}, {"markdown", gains_markdown}};
    int rc = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && !rc; i++) {
        struct buffer text = {0};
        forms[i].append(&text, g);
        rc = stage_write(g->stage, forms[i].out, text.data, text.size, err);
        buffer_close(&text);
    }
    return rc;
}

static int results_write(struct stage *s, const struct gains *g, struct error *err) {
    double least = INFINITY, most = -INFINITY;
    size_t reached = 0;
    for (size_t i = 0; i < g->groups.count; i++)
        if (g->comparisons[i].gain.count) {
            reached++;
            least = fmin(least, g->comparisons[i].gain.value);
            most = fmax(most, g->comparisons[i].gain.value);
        }
    int rc = stage_result(s, "comparisons", (double)g->groups.count, err);
    if (!rc)
        rc = stage_result(s, "reached", (double)reached, err);
    if (!rc && reached && g->groups.count == 1)
        rc = stage_result(s, "gain_db", least, err);
    if (!rc && reached)
        rc = stage_result(s, "gain_db_min", least, err);
    return rc || !reached ? rc : stage_result(s, "gain_db_max", most, err);
}

int run_curve_gain(struct stage *s, struct error *err) {
    static const char *const none[] = {NULL};
    struct gains g = {.stage = s,
                      .ber = stage_number(s, "ber"),
                      .average_over = stage_text(s, "average_over"),
                      .spread = spread_read(stage_text(s, "spread")),
                      .pair_labels = cJSON_CreateArray()};
    struct rows rows;
    cJSON *names = NULL;
    const cJSON *label;
    int rc = rows_read(&rows, s, "curves", err);
    cJSON_ArrayForEach(label, cJSON_GetObjectItemCaseSensitive(stage_with(s), "baseline"))
        if (!rc)
            rc = rows_require(&rows, label->string, err);
    if (!rc && *g.average_over)
        rc = rows_require(&rows, g.average_over, err);
    if (rc)
        goto out;
    names = rows_labels(&rows, none, true);
    if (!(rc = gains_make(&g, &rows, names, err)) && !(rc = gains_write(&g, err)))
        rc = results_write(s, &g, err);
out:
    cJSON_Delete(names);
    gains_close(&g);
    rows_close(&rows);
    return rc;
}
