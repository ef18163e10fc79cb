#include <math.h>
#include <string.h>

#include "engine/base/json.h"
#include "stages/run/kind_functions.h"
#include "stages/run/plot.h"

static bool x_is_number(const struct plot *p) {
    bool number = true;
    double x;
    for (size_t i = 0; i < p->rows.count; i++)
        number = number && (!row_value(&p->rows.row[i], p->x) || row_number(&x, &p->rows.row[i], p->x) ||
                            row_nonfinite(&x, &p->rows.row[i], p->x));
    return number;
}

/* Texts are categories, in the order in which they come. */
static void read_x(struct plot *p) {
    p->figure.x = plot_axis(p, "x_label", p->x, "x_log", "x_range");
    if (!x_is_number(p))
        plot_add_categories(p);
}

static int add_references(struct plot *p, struct error *err) {
    const cJSON *references = cJSON_GetObjectItemCaseSensitive(stage_with(p->stage), "reference"), *reference, *point;
    if (references->child && !x_is_number(p))
        return error_set(err, ERR_INVALID, "\"reference\" needs an x that is a number; \"%s\" is text", p->x);
    cJSON_ArrayForEach(reference, references) {
        const char *label = json_text(reference, "label", "");
        struct figure_series *series = figure_add(&p->figure, label, label, true);
        cJSON_ArrayForEach(point, cJSON_GetObjectItemCaseSensitive(reference, "points")) {
            double x = point->child->valuedouble, y = point->child->next->valuedouble;
            figure_point_add(series, (struct figure_point){x, y, NAN, NAN, 1});
        }
    }
    return 0;
}

int run_plot_lines(struct stage *s, struct error *err) {
    const bool points = strcmp(stage_text(s, "style"), "points") == 0;
    const struct plot_form form = {.input = "curves",
                                   .style = points ? FIGURE_POINTS : FIGURE_LINES,
                                   .hues = true,
                                   .read_x = read_x,
                                   .find_series = plot_labels,
                                   .add_references = add_references};
    return plot_run(s, &form, err);
}
