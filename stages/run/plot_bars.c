#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "stages/run/group.h"
#include "stages/run/kind_functions.h"
#include "stages/run/plot.h"

static bool is_number(const char *text) {
    char *end;
    strtod(text, &end);
    return end != text && *end == '\0';
}

static int by_number(const void *a, const void *b) {
    double x = strtod(*(char *const *)a, NULL), y = strtod(*(char *const *)b, NULL);
    return x < y ? -1 : x > y;
}

/* Bars stand side by side, so every x is a category. Numbers are sorted, texts keep the order in which they come. */
static void read_x(struct plot *p) {
    struct figure *f = &p->figure;
    const char *label = stage_text(p->stage, "x_label");
    const cJSON *reference, *value;
    bool numbers = true;
    f->x.label = *label ? label : p->x;
    plot_add_categories(p);
    cJSON_ArrayForEach(reference, cJSON_GetObjectItemCaseSensitive(stage_with(p->stage), "reference")) {
        cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(reference, "values")) {
            figure_category_add(f, value->string);
        }
    }
    for (size_t i = 0; i < f->category_count; i++)
        numbers = numbers && is_number(f->categories[i]);
    if (numbers && f->category_count)
        qsort(f->categories, f->category_count, sizeof *f->categories, by_number);
}

static bool differs_within(const struct rows *rows, const struct groups *categories, const char *label) {
    struct buffer first = {0}, other = {0};
    bool differs = false;
    for (size_t g = 0; g < categories->count && !differs; g++)
        for (size_t i = 0; i < categories->group[g].count && !differs; i++) {
            struct buffer *text = i ? &other : &first;
            buffer_clear(text);
            row_text(text, &rows->row[categories->group[g].rows[i]], label);
            differs = i > 0 && strcmp(buffer_text(&first), buffer_text(&other)) != 0;
        }
    buffer_close(&first);
    buffer_close(&other);
    return differs;
}

/* Labels that tell the rows of one category apart: one that goes with x would leave a gap beside every bar. */
static cJSON *find_series(const struct plot *p) {
    cJSON *x_only = cJSON_CreateStringArray(&p->x, 1), *differing = plot_labels(p);
    struct groups categories;
    groups_make(&categories, &p->rows, NULL, x_only);
    for (cJSON *label = differing->child, *next; label; label = next) {
        next = label->next;
        if (!differs_within(&p->rows, &categories, label->valuestring))
            cJSON_Delete(cJSON_DetachItemViaPointer(differing, label));
    }
    groups_close(&categories);
    cJSON_Delete(x_only);
    return differing;
}

static int add_references(struct plot *p, struct error *err) {
    const cJSON *reference, *value;
    (void)err;
    cJSON_ArrayForEach(reference, cJSON_GetObjectItemCaseSensitive(stage_with(p->stage), "reference")) {
        const char *label = json_text(reference, "label", "");
        struct figure_series *series = figure_add(&p->figure, label, label, true);
        cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(reference, "values")) {
            double x = (double)figure_category(&p->figure, value->string), y = value->valuedouble;
            figure_point_add(series, (struct figure_point){x, y, NAN, NAN, 1});
        }
        figure_points_sort(series);
    }
    return 0;
}

int run_plot_bars(struct stage *s, struct error *err) {
    static const struct plot_form form = {.input = "values",
                                          .style = FIGURE_BARS,
                                          .read_x = read_x,
                                          .find_series = find_series,
                                          .add_references = add_references};
    return plot_run(s, &form, err);
}
