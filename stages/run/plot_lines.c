#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/run/figure.h"
#include "stages/run/group.h"
#include "stages/run/rows.h"
#include "stages/run/run.h"

struct plot {
    const struct stage *stage;
    const char *x, *y, *average_over;
    enum spread spread;
    struct rows rows;
    cJSON *series; /* names of the labels that tell series apart */
    struct figure figure;
};

static struct figure_axis axis_read(const struct stage *s, const char *label, const char *fallback, const char *log,
                                    const char *range) {
    const cJSON *bounds = cJSON_GetObjectItemCaseSensitive(stage_with(s), range);
    const char *text = stage_text(s, label);
    struct figure_axis axis = {.label = *text ? text : fallback, .log = stage_boolean(s, log)};
    if (cJSON_GetArraySize(bounds) == 2) {
        axis.bounded = true;
        axis.min = bounds->child->valuedouble;
        axis.max = bounds->child->next->valuedouble;
    }
    return axis;
}

static void figure_read(struct plot *p) {
    const struct stage *s = p->stage;
    const char *style = stage_text(s, "style");
    p->figure = (struct figure){
        .title = stage_text(s, "title"),
        .legend = stage_text(s, "legend"),
        .style = strcmp(style, "points") == 0 ? FIGURE_POINTS : FIGURE_LINES,
        .x = axis_read(s, "x_label", p->x, "x_log", "x_range"),
        .y = axis_read(s, "y_label", p->y, "y_log", "y_range"),
    };
}

static size_t category_find(const struct figure *f, const char *text) {
    size_t i = 0;
    while (i < f->category_count && strcmp(f->categories[i], text) != 0)
        i++;
    return i;
}

static size_t category_add(struct figure *f, size_t *capacity, const char *text) {
    size_t i = category_find(f, text);
    if (i == f->category_count) {
        mem_grow(f->categories, capacity, f->category_count + 1);
        f->categories[f->category_count++] = mem_strdup(text);
    }
    return i;
}

static bool x_is_number(const struct plot *p) {
    bool number = true;
    double x;
    for (size_t i = 0; i < p->rows.count; i++)
        number = number && (!row_value(&p->rows.row[i], p->x) || row_number(&x, &p->rows.row[i], p->x));
    return number;
}

static int by_number(const void *a, const void *b) {
    double x = strtod(*(char *const *)a, NULL), y = strtod(*(char *const *)b, NULL);
    return x < y ? -1 : x > y;
}

/* Bars stand side by side, and so does an x that is not always a number. Texts keep the order in which they come; numbers
   are sorted. */
static void categories_read(struct plot *p) {
    size_t capacity = 0;
    struct buffer text = {0};
    const cJSON *reference, *point;
    bool number = x_is_number(p);
    if (number && p->figure.style != FIGURE_BARS)
        return;
    for (size_t i = 0; i < p->rows.count; i++) {
        buffer_clear(&text);
        row_text(&text, &p->rows.row[i], p->x);
        if (row_value(&p->rows.row[i], p->x))
            category_add(&p->figure, &capacity, buffer_text(&text));
    }
    cJSON_ArrayForEach(reference, cJSON_GetObjectItemCaseSensitive(stage_with(p->stage), "reference")) {
        cJSON_ArrayForEach(point, cJSON_GetObjectItemCaseSensitive(reference, "points")) {
            buffer_clear(&text);
            json_number(&text, point->child->valuedouble);
            category_add(&p->figure, &capacity, buffer_text(&text));
        }
    }
    if (number && p->figure.category_count)
        qsort(p->figure.categories, p->figure.category_count, sizeof *p->figure.categories, by_number);
    buffer_close(&text);
}

/* The row's place on the x axis. */
static bool row_x(double *x, const struct plot *p, const struct row *row) {
    if (!p->figure.categories)
        return row_number(x, row, p->x);
    struct buffer text = {0};
    row_text(&text, row, p->x);
    *x = (double)category_find(&p->figure, buffer_text(&text));
    buffer_close(&text);
    return row_value(row, p->x) != NULL;
}

static int by_x(const void *a, const void *b) {
    const struct figure_point *p = a, *q = b;
    return p->x < q->x ? -1 : p->x > q->x;
}

static int series_add(struct plot *p, const struct group *g, struct error *err) {
    const char *names[] = {p->x};
    struct buffer name = {0}, hue = {0}; /* with several labels the first gives the colour */
    struct groups points;
    cJSON *x_only = mem_checked(cJSON_CreateStringArray(names, 1));
    int rc = 0;
    groups_make(&points, &p->rows, g, x_only);
    group_name(&name, &p->rows, g, p->series);
    if (cJSON_GetArraySize(p->series) > 1)
        row_text(&hue, &p->rows.row[g->rows[0]], p->series->child->valuestring);
    const char *called = name.size ? buffer_text(&name) : p->y;
    struct figure_series *series = figure_add(&p->figure, called, hue.size ? buffer_text(&hue) : called, false);
    for (size_t i = 0; i < points.count && !rc; i++) {
        struct mean mean;
        double x;
        rc = group_mean(&mean, &p->rows, &points.group[i], p->y, p->average_over, p->spread, err);
        if (!rc && mean.count && row_x(&x, p, &p->rows.row[points.group[i].rows[0]]))
            figure_point_add(series, (struct figure_point){x, mean.value, mean.low, mean.high, mean.count});
    }
    if (series->count)
        qsort(series->points, series->count, sizeof *series->points, by_x);
    groups_close(&points);
    cJSON_Delete(x_only);
    buffer_close(&name);
    buffer_close(&hue);
    return rc;
}

static double reference_x(const struct plot *p, double x) {
    if (!p->figure.categories)
        return x;
    struct buffer text = {0};
    json_number(&text, x);
    x = (double)category_find(&p->figure, buffer_text(&text));
    buffer_close(&text);
    return x;
}

static void references_add(struct plot *p) {
    const cJSON *reference, *point;
    cJSON_ArrayForEach(reference, cJSON_GetObjectItemCaseSensitive(stage_with(p->stage), "reference")) {
        struct figure_series *series =
            figure_add(&p->figure, json_text(reference, "label", ""), json_text(reference, "label", ""), true);
        cJSON_ArrayForEach(point, cJSON_GetObjectItemCaseSensitive(reference, "points")) {
            double x = point->child->valuedouble, y = point->child->next->valuedouble;
            figure_point_add(series, (struct figure_point){reference_x(p, x), y, y, y, 1});
        }
    }
}

static int series_read(struct plot *p, struct error *err) {
    const char *but[] = {p->x, p->y, *p->average_over ? p->average_over : p->y, NULL};
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(stage_with(p->stage), "series");
    struct groups groups;
    int rc = 0;
    const cJSON *name;
    cJSON_ArrayForEach(name, given)
        if ((rc = rows_require(&p->rows, name->valuestring, err)))
            return rc;
    p->series = given->child ? mem_checked(cJSON_Duplicate(given, true)) : rows_labels(&p->rows, but, false);
    groups_make(&groups, &p->rows, NULL, p->series);
    for (size_t i = 0; i < groups.count && !rc; i++)
        rc = series_add(p, &groups.group[i], err);
    groups_close(&groups);
    return rc;
}

static int plot_write(const struct plot *p, struct error *err) {
    struct buffer script = {0}, svg = {0}, csv = {0};
    int rc = figure_script(&script, &p->figure, "svg", err);
    figure_csv(&csv, &p->figure);
    if (!rc && !(rc = figure_draw(&svg, &script, err)) &&
        !(rc = stage_write(p->stage, "svg", buffer_text(&svg), svg.size, err)))
        rc = stage_write(p->stage, "data", csv.data, csv.size, err);
    buffer_close(&script);
    buffer_close(&svg);
    buffer_close(&csv);
    return rc;
}

int run_plot_lines(struct stage *s, struct error *err) {
    struct plot p = {.stage = s,
                     .x = stage_text(s, "x"),
                     .y = stage_text(s, "y"),
                     .average_over = stage_text(s, "average_over"),
                     .spread = spread_read(stage_text(s, "spread"))};
    int rc = rows_read(&p.rows, s, "curves", err);
    if (rc || (rc = rows_require(&p.rows, p.x, err)) || (rc = rows_require(&p.rows, p.y, err)))
        goto out;
    if (*p.average_over && (rc = rows_require(&p.rows, p.average_over, err)))
        goto out;
    figure_read(&p);
    categories_read(&p);
    if ((rc = series_read(&p, err)))
        goto out;
    references_add(&p);
    if (!x_is_number(&p) && cJSON_GetObjectItemCaseSensitive(stage_with(s), "reference")->child)
        rc = error_set(err, ERR_INVALID, "\"reference\" needs an x that is a number; \"%s\" is text", p.x);
    else
        rc = plot_write(&p, err);
out:
    figure_close(&p.figure);
    cJSON_Delete(p.series);
    rows_close(&p.rows);
    return rc;
}
