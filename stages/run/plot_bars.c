#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/run/figure.h"
#include "stages/run/group.h"
#include "stages/run/rows.h"
#include "stages/run/run.h"

struct bars {
    const struct stage *stage;
    const char *x, *y, *average_over;
    struct rows rows;
    cJSON *series; /* names of the labels that tell the bars of a group apart */
    struct figure figure;
    size_t category_capacity;
};

static void figure_read(struct bars *b) {
    const struct stage *s = b->stage;
    const char *x_label = stage_text(s, "x_label"), *y_label = stage_text(s, "y_label");
    const cJSON *range = cJSON_GetObjectItemCaseSensitive(stage_with(s), "y_range");
    b->figure = (struct figure){
        .title = stage_text(s, "title"),
        .legend = stage_text(s, "legend"),
        .style = FIGURE_BARS,
        .x = {.label = *x_label ? x_label : b->x},
        .y = {.label = *y_label ? y_label : b->y, .log = stage_boolean(s, "y_log")},
    };
    if (cJSON_GetArraySize(range) == 2) {
        b->figure.y.bounded = true;
        b->figure.y.min = range->child->valuedouble;
        b->figure.y.max = range->child->next->valuedouble;
    }
}

static size_t category_find(const struct figure *f, const char *text) {
    size_t i = 0;
    while (i < f->category_count && strcmp(f->categories[i], text) != 0)
        i++;
    return i;
}

static void category_add(struct bars *b, const char *text) {
    struct figure *f = &b->figure;
    if (category_find(f, text) < f->category_count)
        return;
    mem_grow(f->categories, &b->category_capacity, f->category_count + 1);
    f->categories[f->category_count++] = mem_strdup(text);
}

static bool is_number(const char *text) {
    char *end;
    strtod(text, &end);
    return end != text && *end == '\0';
}

static int by_number(const void *a, const void *b) {
    double x = strtod(*(char *const *)a, NULL), y = strtod(*(char *const *)b, NULL);
    return x < y ? -1 : x > y;
}

static void categories_read(struct bars *b) {
    struct figure *f = &b->figure;
    struct buffer text = {0};
    const cJSON *reference, *value;
    bool numbers = true;
    for (size_t i = 0; i < b->rows.count; i++) {
        buffer_clear(&text);
        row_text(&text, &b->rows.row[i], b->x);
        if (row_value(&b->rows.row[i], b->x))
            category_add(b, buffer_text(&text));
    }
    cJSON_ArrayForEach(reference, cJSON_GetObjectItemCaseSensitive(stage_with(b->stage), "reference")) {
        cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(reference, "values")) {
            category_add(b, value->string);
        }
    }
    for (size_t i = 0; i < f->category_count; i++)
        numbers = numbers && is_number(f->categories[i]);
    if (numbers && f->category_count)
        qsort(f->categories, f->category_count, sizeof *f->categories, by_number);
    buffer_close(&text);
}

static int by_x(const void *a, const void *b) {
    const struct figure_point *p = a, *q = b;
    return p->x < q->x ? -1 : p->x > q->x;
}

static void points_sort(struct figure_series *s) {
    if (s->count)
        qsort(s->points, s->count, sizeof *s->points, by_x);
}

static int bar_add(struct bars *b, struct figure_series *series, const struct group *g, struct error *err) {
    const struct row *row = &b->rows.row[g->rows[0]];
    struct buffer category = {0};
    struct mean mean;
    int rc = group_mean(&mean, &b->rows, g, b->y, b->average_over, spread_read(stage_text(b->stage, "spread")), err);
    row_text(&category, row, b->x);
    if (!rc && mean.count && row_value(row, b->x)) {
        double x = (double)category_find(&b->figure, buffer_text(&category));
        figure_point_add(series, (struct figure_point){x, mean.value, mean.low, mean.high, mean.count});
    }
    buffer_close(&category);
    return rc;
}

static int series_add(struct bars *b, const struct group *g, struct error *err) {
    struct buffer name = {0};
    struct groups bars;
    cJSON *x_only = mem_checked(cJSON_CreateStringArray(&b->x, 1));
    int rc = 0;
    groups_make(&bars, &b->rows, g, x_only);
    group_name(&name, &b->rows, g, b->series);
    const char *called = name.size ? buffer_text(&name) : b->y;
    struct figure_series *series = figure_add(&b->figure, called, called, false);
    for (size_t i = 0; i < bars.count && !rc; i++)
        rc = bar_add(b, series, &bars.group[i], err);
    points_sort(series);
    groups_close(&bars);
    cJSON_Delete(x_only);
    buffer_close(&name);
    return rc;
}

static bool differs_within(const struct bars *b, const struct groups *categories, const char *label) {
    struct buffer first = {0}, other = {0};
    bool differs = false;
    for (size_t g = 0; g < categories->count && !differs; g++)
        for (size_t i = 0; i < categories->group[g].count && !differs; i++) {
            struct buffer *text = i ? &other : &first;
            buffer_clear(text);
            row_text(text, &b->rows.row[categories->group[g].rows[i]], label);
            differs = i > 0 && strcmp(buffer_text(&first), buffer_text(&other)) != 0;
        }
    buffer_close(&first);
    buffer_close(&other);
    return differs;
}

/* Labels that tell the rows of one category apart: one that goes with x would leave a gap beside every bar. */
static cJSON *series_labels(const struct bars *b) {
    const char *but[] = {b->x, b->y, *b->average_over ? b->average_over : b->y, NULL};
    cJSON *x_only = mem_checked(cJSON_CreateStringArray(&b->x, 1)), *differing = rows_labels(&b->rows, but, false);
    struct groups categories;
    groups_make(&categories, &b->rows, NULL, x_only);
    for (cJSON *label = differing->child, *next; label; label = next) {
        next = label->next;
        if (!differs_within(b, &categories, label->valuestring))
            cJSON_Delete(cJSON_DetachItemViaPointer(differing, label));
    }
    groups_close(&categories);
    cJSON_Delete(x_only);
    return differing;
}

static int series_read(struct bars *b, struct error *err) {
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(stage_with(b->stage), "series"), *name;
    struct groups groups;
    int rc = 0;
    cJSON_ArrayForEach(name, given)
        if ((rc = rows_require(&b->rows, name->valuestring, err)))
            return rc;
    b->series = given->child ? mem_checked(cJSON_Duplicate(given, true)) : series_labels(b);
    groups_make(&groups, &b->rows, NULL, b->series);
    for (size_t i = 0; i < groups.count && !rc; i++)
        rc = series_add(b, &groups.group[i], err);
    groups_close(&groups);
    return rc;
}

static void references_add(struct bars *b) {
    const cJSON *reference, *value;
    cJSON_ArrayForEach(reference, cJSON_GetObjectItemCaseSensitive(stage_with(b->stage), "reference")) {
        const char *label = json_text(reference, "label", "");
        struct figure_series *series = figure_add(&b->figure, label, label, true);
        cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(reference, "values")) {
            double x = (double)category_find(&b->figure, value->string), y = value->valuedouble;
            figure_point_add(series, (struct figure_point){x, y, y, y, 1});
        }
        points_sort(series);
    }
}

static int picture_write(const struct bars *b, struct error *err) {
    struct buffer script = {0}, svg = {0}, csv = {0};
    int rc = figure_script(&script, &b->figure, "svg", err);
    figure_csv(&csv, &b->figure);
    if (!rc && !(rc = figure_draw(&svg, &script, err)) &&
        !(rc = stage_write(b->stage, "svg", buffer_text(&svg), svg.size, err)))
        rc = stage_write(b->stage, "data", csv.data, csv.size, err);
    buffer_close(&script);
    buffer_close(&svg);
    buffer_close(&csv);
    return rc;
}

int run_plot_bars(struct stage *s, struct error *err) {
    struct bars b = {
        .stage = s, .x = stage_text(s, "x"), .y = stage_text(s, "y"), .average_over = stage_text(s, "average_over")};
    int rc = rows_read(&b.rows, s, "values", err);
    if (rc || (rc = rows_require(&b.rows, b.x, err)) || (rc = rows_require(&b.rows, b.y, err)))
        goto out;
    if (*b.average_over && (rc = rows_require(&b.rows, b.average_over, err)))
        goto out;
    figure_read(&b);
    categories_read(&b);
    if ((rc = series_read(&b, err)))
        goto out;
    references_add(&b);
    rc = picture_write(&b, err);
out:
    figure_close(&b.figure);
    cJSON_Delete(b.series);
    rows_close(&b.rows);
    return rc;
}
