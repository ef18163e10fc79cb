/*
 * The course that plot/lines and plot/bars share: rows are read, grouped into series, averaged and drawn. Each kind has
 * its own axes, default series and published values.
 */
#ifndef RETORT_STAGES_RUN_PLOT_H
#define RETORT_STAGES_RUN_PLOT_H

#include "stages/run/figure.h"
#include "stages/run/rows.h"
#include "stages/stage.h"

struct plot {
    struct stage *stage;
    const char *x, *y, *average_over;
    struct rows rows;
    cJSON *series; /* names of the labels that tell series apart */
    struct figure figure;
};

struct plot_form {
    const char *input; /* its rows are drawn */
    enum figure_style style;
    bool hues;                                   /* with several labels the first gives the colour */
    void (*read_x)(struct plot *p);              /* reads the x axis and its categories */
    cJSON *(*find_series)(const struct plot *p); /* the names of the series where none are given; caller deletes */
    int (*add_references)(struct plot *p, struct error *err);
};

/* Draws the rows of the input and writes the outs svg and data. */
int plot_run(struct stage *s, const struct plot_form *form, struct error *err);

/* Reads the parameters `label`, `log` and `range`. An axis without a label is named `fallback`. */
struct figure_axis plot_axis(const struct plot *p, const char *label, const char *fallback, const char *log,
                             const char *range);

/* Adds each row's x as a category. */
void plot_add_categories(struct plot *p);

/* The default of the parameter series: labels by which rows differ. The caller deletes. */
cJSON *plot_labels(const struct plot *p);

#endif
