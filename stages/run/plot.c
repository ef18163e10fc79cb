#include "stages/run/plot.h"

#include <math.h>
#include <stdlib.h>

#include "stages/run/group.h"

struct figure_axis plot_axis(const struct plot *p, const char *label, const char *fallback, const char *log,
                             const char *range) {
    const cJSON *bounds = cJSON_GetObjectItemCaseSensitive(stage_with(p->stage), range);
    const char *text = stage_text(p->stage, label);
    struct figure_axis axis = {.label = *text ? text : fallback, .log = stage_boolean(p->stage, log)};
    if (cJSON_GetArraySize(bounds) == 2) {
        axis.bounded = true;
        axis.min = bounds->child->valuedouble;
        axis.max = bounds->child->next->valuedouble;
    }
    return axis;
}

void plot_add_categories(struct plot *p) {
    struct buffer text = {0};
    for (size_t i = 0; i < p->rows.count; i++) {
        buffer_clear(&text);
        row_text(&text, &p->rows.row[i], p->x);
        if (row_value(&p->rows.row[i], p->x))
            figure_category_add(&p->figure, buffer_text(&text));
    }
    buffer_close(&text);
}

cJSON *plot_labels(const struct plot *p) {
    const char *but[] = {p->x, p->y, *p->average_over ? p->average_over : p->y, NULL};
    return rows_labels(&p->rows, but, false);
}

/* The row's place on the x axis. */
static bool row_x(double *x, const struct plot *p, const struct row *row) {
    if (!p->figure.categories)
        return row_number(x, row, p->x);
    struct buffer text = {0};
    row_text(&text, row, p->x);
    *x = (double)figure_category(&p->figure, buffer_text(&text));
    buffer_close(&text);
    return row_value(row, p->x) != NULL;
}

static struct figure_point point_of(const struct mean *m, double x) {
    const double none = (double)NAN;
    return (struct figure_point){.x = x,
                                 .y = m->count ? m->value : m->other,
                                 .low = m->has_spread ? m->low : none,
                                 .high = m->has_spread ? m->high : none,
                                 .count = m->count};
}

static int series_add(struct plot *p, const struct plot_form *form, const struct group *g, struct error *err) {
    const enum spread spread = spread_read(stage_text(p->stage, "spread"));
    struct buffer name = {0}, hue = {0};
    struct groups points;
    cJSON *x_only = cJSON_CreateStringArray(&p->x, 1);
    int rc = 0;
    groups_make(&points, &p->rows, g, x_only);
    group_name(&name, &p->rows, g, p->series);
    if (form->hues && cJSON_GetArraySize(p->series) > 1)
        row_text(&hue, &p->rows.row[g->rows[0]], p->series->child->valuestring);
    const char *called = name.size ? buffer_text(&name) : p->y;
    struct figure_series *series = figure_add(&p->figure, called, hue.size ? buffer_text(&hue) : called, false);
    for (size_t i = 0; i < points.count && !rc; i++) {
        struct mean mean;
        double x;
        rc = group_mean(&mean, &p->rows, &points.group[i], p->y, p->average_over, spread, err);
        if (rc || !(mean.count || mean.left_out))
            continue;
        bool placed = row_x(&x, p, &p->rows.row[points.group[i].rows[0]]);
        if (placed)
            figure_point_add(series, point_of(&mean, x));
        p->figure.left_out += mean.left_out + (placed ? 0 : mean.count);
    }
    figure_points_sort(series);
    groups_close(&points);
    cJSON_Delete(x_only);
    buffer_close(&name);
    buffer_close(&hue);
    return rc;
}

static int series_read(struct plot *p, const struct plot_form *form, struct error *err) {
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(stage_with(p->stage), "series"), *name;
    struct groups groups;
    int rc = 0;
    cJSON_ArrayForEach(name, given)
        if ((rc = rows_require(&p->rows, name->valuestring, err)))
            return rc;
    p->series = given->child ? cJSON_Duplicate(given, true) : form->find_series(p);
    groups_make(&groups, &p->rows, NULL, p->series);
    for (size_t i = 0; i < groups.count && !rc; i++)
        rc = series_add(p, form, &groups.group[i], err);
    groups_close(&groups);
    return rc;
}

static int outs_write(const struct plot *p, struct error *err) {
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

int plot_run(struct stage *s, const struct plot_form *form, struct error *err) {
    struct plot p = {
        .stage = s,
        .x = stage_text(s, "x"),
        .y = stage_text(s, "y"),
        .average_over = stage_text(s, "average_over"),
        .figure = {.title = stage_text(s, "title"), .legend = stage_text(s, "legend"), .style = form->style}};
    int rc = rows_read(&p.rows, s, form->input, err);
    if (rc || (rc = rows_require(&p.rows, p.x, err)) || (rc = rows_require(&p.rows, p.y, err)))
        goto out;
    if (*p.average_over && (rc = rows_require(&p.rows, p.average_over, err)))
        goto out;
    p.figure.y = plot_axis(&p, "y_label", p.y, "y_log", "y_range");
    form->read_x(&p);
    if (!(rc = series_read(&p, form, err)) && !(rc = form->add_references(&p, err)))
        rc = outs_write(&p, err);
out:
    figure_close(&p.figure);
    cJSON_Delete(p.series);
    rows_close(&p.rows);
    return rc;
}
