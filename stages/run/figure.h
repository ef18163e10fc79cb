/*
 * A figure: axes and series of points, and the gnuplot script that draws it. Every text of a pipeline file is data
 * here: signs other than letters and digits enter the script as octal escapes.
 */
#ifndef RETORT_STAGES_RUN_FIGURE_H
#define RETORT_STAGES_RUN_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buffer.h"
#include "engine/base/error.h"

struct figure_point {
    double x, y;      /* y NaN or infinite: a gap */
    double low, high; /* NaN: it has no spread */
    size_t count;     /* values that the mean is of */
};

struct figure_series {
    char *name;
    bool reference; /* published values */
    char *hue;      /* series of equal hue share a colour and mark, and differ in their dashes */
    size_t colour;  /* number of the hue among those of its sort (ours, published) */
    size_t round;   /* how many series of that hue stand before it */
    struct figure_point *points;
    size_t count, capacity;
};

enum figure_style { FIGURE_LINES, FIGURE_POINTS, FIGURE_BARS };

struct figure_axis {
    const char *label;
    bool log;
    bool bounded;
    double min, max;
};

struct figure {
    const char *title;
    const char *legend; /* "outside", "top right", ..., "none" */
    enum figure_style style;
    struct figure_axis x, y;
    char **categories; /* text of x = 0, 1, ...; NULL: x is a number */
    size_t left_out;   /* values that are NaN or infinite, or whose x is */
    size_t category_count, category_capacity;
    struct figure_series *series;
    size_t series_count, series_capacity;
};

/* Adds a series and copies its texts. The pointer is valid until the next series is added. */
struct figure_series *figure_add(struct figure *f, const char *name, const char *hue, bool reference);
void figure_point_add(struct figure_series *s, struct figure_point p);
void figure_points_sort(struct figure_series *s); /* by x */

/* The index of a category, the count where there is none of that text; adds it unless it is there. */
size_t figure_category(const struct figure *f, const char *text);
void figure_category_add(struct figure *f, const char *text);
void figure_close(struct figure *f);

/* Appends the script; `terminal` is gnuplot's, such as "svg". ERR_INVALID when nothing can be shown. */
int figure_script(struct buffer *out, const struct figure *f, const char *terminal, struct error *err);

/* Appends the points as CSV: series,x,y,low,high,count,reference. */
void figure_csv(struct buffer *out, const struct figure *f);

/* Runs a script for "svg" through /usr/bin/gnuplot, with no settings but its own; `out` is the whole picture.
   ERR_NOT_FOUND when the program is not there. ERR_FAILED with its message. ERR_IO: the picture cannot be written or
   read whole. STAGE_INTERRUPTED: it was asked to leave. */
int figure_draw(struct buffer *out, const struct buffer *script, struct error *err);

#endif
