#include "stages/run/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"

enum { WIDTH_PX = 960, HEIGHT_PX = 560, LONG_CATEGORY = 8, MANY_CATEGORIES = 10, CROWDED_CATEGORIES = 24 };

/* Colours that colour-blind people tell apart; their yellow is left out, for it is weak on white. Each has its mark;
   the second round of colours, and the second series of a hue, has dashes and hollow marks. Source: Okabe and Ito,
   "Color Universal Design", 2008. */
enum { ROUND = 7 };
static const char *const colours[ROUND] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};
static const int marks[ROUND] = {7, 5, 9, 11, 13, 15, 3};      /* filled */
static const int reference_marks[] = {6, 4, 8, 10, 12, 14, 1}; /* hollow */
static const char *const reference_colours[] = {"#444444", "#7a7a7a"};

struct figure_series *figure_add(struct figure *f, const char *name, const char *hue, bool reference) {
    mem_grow(f->series, &f->series_capacity, f->series_count + 1);
    struct figure_series *s = &f->series[f->series_count++];
    *s = (struct figure_series){.name = mem_strdup(name), .hue = mem_strdup(hue), .reference = reference};
    for (const struct figure_series *before = f->series; before < s; before++) {
        if (before->reference != reference)
            continue;
        if (strcmp(before->hue, hue) == 0) {
            s->colour = before->colour;
            s->round++;
        } else if (s->round == 0 && before->colour >= s->colour) {
            s->colour = before->colour + 1;
        }
    }
    return s;
}

void figure_point_add(struct figure_series *s, struct figure_point p) {
    mem_grow(s->points, &s->capacity, s->count + 1);
    s->points[s->count++] = p;
}

static int by_x(const void *a, const void *b) {
    const struct figure_point *p = a, *q = b;
    return p->x < q->x ? -1 : p->x > q->x;
}

void figure_points_sort(struct figure_series *s) {
    if (s->count)
        qsort(s->points, s->count, sizeof *s->points, by_x);
}

size_t figure_category(const struct figure *f, const char *text) {
    size_t i = 0;
    while (i < f->category_count && strcmp(f->categories[i], text) != 0)
        i++;
    return i;
}

void figure_category_add(struct figure *f, const char *text) {
    if (figure_category(f, text) < f->category_count)
        return;
    mem_grow(f->categories, &f->category_capacity, f->category_count + 1);
    f->categories[f->category_count++] = mem_strdup(text);
}

void figure_close(struct figure *f) {
    for (size_t i = 0; i < f->series_count; i++) {
        free(f->series[i].name);
        free(f->series[i].hue);
        free(f->series[i].points);
    }
    for (size_t i = 0; i < f->category_count; i++)
        free(f->categories[i]);
    free(f->categories);
    free(f->series);
}

/* A gnuplot string. Letters, digits, spaces and bytes beyond ASCII stand as they are. Every other sign could mean
   something to gnuplot, so it is written as an octal escape. Control characters become spaces. */
static void quote(struct buffer *out, const char *text) {
    buffer_putc(out, '"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || *c >= 0x80;
        if (plain)
            buffer_putc(out, (char)*c);
        else if (*c <= 0x20 || *c == 0x7f)
            buffer_putc(out, ' ');
        else
            buffer_printf(out, *c < 0100 ? "\\0%03o" : "\\%o", *c); /* gnuplot reads four digits where the first is 0 */
    }
    buffer_putc(out, '"');
}

static void command(struct buffer *out, const char *words, const char *text) {
    buffer_printf(out, "%s ", words);
    quote(out, text);
    buffer_putc(out, '\n');
}

static bool drawable(const struct figure *f, const struct figure_point *p) {
    return isfinite(p->y) && (!f->x.log || p->x > 0) && (!f->y.log || p->y > 0);
}

/* The smallest value shown. On a logarithmic axis an open bar is drawn down to half of it. */
static double smallest_y(const struct figure *f) {
    double least = INFINITY;
    for (size_t i = 0; i < f->series_count; i++)
        for (size_t k = 0; k < f->series[i].count; k++)
            if (drawable(f, &f->series[i].points[k]))
                least = fmin(least, f->series[i].points[k].y);
    return least;
}

static bool series_drawable(const struct figure *f, const struct figure_series *s, bool *spread) {
    bool any = false;
    *spread = false;
    for (size_t i = 0; i < s->count; i++)
        if (drawable(f, &s->points[i])) {
            any = true;
            *spread = *spread || s->points[i].low < s->points[i].high;
        }
    return any;
}

/* Of the first `count` series, those that have a bar: one without takes no place in a group. */
static size_t bars_among(const struct figure *f, size_t count) {
    size_t bars = 0;
    bool spread;
    for (size_t i = 0; i < count; i++)
        bars += series_drawable(f, &f->series[i], &spread);
    return bars;
}

static double bar_width(const struct figure *f) {
    return 0.8 / (double)bars_among(f, f->series_count);
}

/* From the middle of the group. */
static double bar_shift(const struct figure *f, size_t index) {
    double middle = (double)(bars_among(f, f->series_count) - 1) / 2;
    return ((double)bars_among(f, index) - middle) * bar_width(f);
}

/* On a logarithmic axis, an error bar that reaches below zero has no lower end. */
static bool is_open(const struct figure *f, const struct figure_point *p) {
    return f->y.log && p->low <= 0 && p->high > p->low;
}

static bool any_open(const struct figure *f, const struct figure_series *s) {
    bool any = false;
    for (size_t i = 0; i < s->count; i++)
        any = any || (drawable(f, &s->points[i]) && is_open(f, &s->points[i]));
    return any;
}

/* The ends of the bar that is drawn closed; y itself for a point without one. */
static double bar_low(const struct figure *f, const struct figure_point *p) {
    return isnan(p->low) || is_open(f, p) ? p->y : p->low;
}

static double bar_high(const struct figure *f, const struct figure_point *p) {
    return isnan(p->high) || is_open(f, p) ? p->y : p->high;
}

static void data_line(struct buffer *out, double x, double y, double low, double high) {
    const double values[] = {x, y, low, high};
    for (size_t k = 0; k < 4; k++) {
        json_number(out, values[k]);
        buffer_putc(out, k < 3 ? ' ' : '\n');
    }
}

static void series_data(struct buffer *out, const struct figure *f, size_t index, double floor_y) {
    const struct figure_series *s = &f->series[index];
    double shift = f->style == FIGURE_BARS ? bar_shift(f, index) : 0;
    buffer_printf(out, "$series%zu << RETORT_END_OF_DATA\n", index);
    for (size_t i = 0; i < s->count; i++) {
        const struct figure_point *p = &s->points[i];
        if (drawable(f, p))
            data_line(out, p->x + shift, p->y, bar_low(f, p), bar_high(f, p));
        else
            buffer_putc(out, '\n'); /* a gap: its neighbours are not joined */
    }
    buffer_puts(out, "RETORT_END_OF_DATA\n");
    if (!any_open(f, s))
        return;
    buffer_printf(out, "$open%zu << RETORT_END_OF_DATA\n", index);
    for (size_t i = 0; i < s->count; i++) {
        const struct figure_point *p = &s->points[i];
        if (drawable(f, p) && is_open(f, p))
            data_line(out, p->x + shift, p->y, fmin(p->y, floor_y) / 2, p->high);
    }
    buffer_puts(out, "RETORT_END_OF_DATA\n");
}

struct appearance {
    const char *colour;
    int mark, dash;
};

static struct appearance appearance_of(const struct figure_series *s) {
    size_t round = s->round + s->colour / ROUND;
    if (s->reference)
        return (struct appearance){reference_colours[s->colour % 2], reference_marks[s->colour % ROUND], 2};
    return (struct appearance){colours[s->colour % ROUND],
                               round % 2 ? reference_marks[s->colour % ROUND] : marks[s->colour % ROUND],
                               1 + 2 * (int)(round % 3)};
}

static const char *error_colour(const struct figure *f, const struct appearance *appearance) {
    return f->style == FIGURE_BARS ? "#222222" : appearance->colour;
}

static void series_plot(struct buffer *out, const struct figure *f, size_t index, bool spread) {
    const struct figure_series *s = &f->series[index];
    const struct appearance appearance = appearance_of(s);
    buffer_printf(out, "$series%zu ", index);
    if (f->style == FIGURE_BARS) {
        if (spread)
            buffer_puts(out, "using 1:2:3:4:(");
        else
            buffer_puts(out, "using 1:2:(");
        json_number(out, bar_width(f));
        buffer_printf(out, ") with %s lc rgb '%s' %s title ", spread ? "boxerrorbars" : "boxes", appearance.colour,
                      s->reference ? "fs empty" : "fs solid 0.85 border lc rgb '#222222'");
    } else {
        bool line = f->style == FIGURE_LINES;
        if (spread) /* the bars first and without a name, so that they take no place in the legend */
            buffer_printf(out, "using 1:2:3:4 with yerrorbars lc rgb '%s' lw 1.4 pt -1 notitle, $series%zu ",
                          appearance.colour, index);
        buffer_printf(out, "using 1:2 with %s lc rgb '%s' pt %d ps 0.9 ", line ? "linespoints" : "points",
                      appearance.colour, appearance.mark);
        if (line)
            buffer_printf(out, "lw 2 dt %d ", appearance.dash);
        buffer_puts(out, "title ");
    }
    quote(out, s->name);
    if (any_open(f, s)) /* an arrow from below, whose flat head is the upper cap */
        buffer_printf(out,
                      ", $open%zu using 1:3:(0):($4-$3) with vectors head size screen 0.0035,90 nofilled lc rgb '%s' "
                      "lw 1.4 notitle",
                      index, error_colour(f, &appearance));
}

static void axis_commands(struct buffer *out, const char *axis, const struct figure_axis *a) {
    char words[32];
    snprintf(words, sizeof words, "set %slabel", axis);
    command(out, words, a->label);
    if (a->log)
        buffer_printf(out, "set logscale %s 10\n", axis);
    if (a->bounded) {
        buffer_printf(out, "set %srange [", axis);
        json_number(out, a->min);
        buffer_putc(out, ':');
        json_number(out, a->max);
        buffer_puts(out, "]\n");
    }
}

static int by_value(const void *a, const void *b) {
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Every x that is drawn, in order and once; the caller frees. */
static double *drawn_x(const struct figure *f, size_t *count) {
    size_t total = 0, distinct = 0;
    for (size_t i = 0; i < f->series_count; i++)
        total += f->series[i].count;
    double *x = mem_array(total, sizeof *x);
    total = 0;
    for (size_t i = 0; i < f->series_count; i++)
        for (size_t k = 0; k < f->series[i].count; k++)
            if (drawable(f, &f->series[i].points[k]))
                x[total++] = f->series[i].points[k].x;
    qsort(x, total, sizeof *x, by_value);
    for (size_t i = 0; i < total; i++)
        if (distinct == 0 || x[i] != x[distinct - 1])
            x[distinct++] = x[i];
    *count = distinct;
    return x;
}

/* gnuplot widens a logarithmic axis to whole decades; here the data decide. A few values that are far enough apart to
   be written are the marks of the axis. */
static void log_x_commands(struct buffer *out, const struct figure *f) {
    size_t count;
    double *x = drawn_x(f, &count);
    double range = count > 1 ? log10(x[count - 1] / x[0]) : 0;
    bool marks_fit = count > 1 && count <= MANY_CATEGORIES;
    for (size_t i = 1; i < count; i++)
        marks_fit = marks_fit && log10(x[i] / x[i - 1]) >= 0.06 * range;
    if (range > 0) {
        buffer_puts(out, "set xrange [");
        json_number(out, x[0] / pow(10, 0.05 * range));
        buffer_putc(out, ':');
        json_number(out, x[count - 1] * pow(10, 0.05 * range));
        buffer_puts(out, "]\n");
    }
    if (marks_fit) {
        buffer_puts(out, "set xtics nomirror (");
        for (size_t i = 0; i < count; i++) {
            buffer_puts(out, i ? ", " : "");
            json_number(out, x[i]);
        }
        buffer_puts(out, ")\n");
    }
    free(x);
}

/* The text of a mark is a format to gnuplot. */
static void quote_format(struct buffer *out, const char *text) {
    struct buffer doubled = {0};
    for (; *text; text++) {
        buffer_puts(&doubled, *text == '%' ? "%" : "");
        buffer_putc(&doubled, *text);
    }
    quote(out, buffer_text(&doubled));
    buffer_close(&doubled);
}

static void category_commands(struct buffer *out, const struct figure *f) {
    bool rotate = f->category_count > MANY_CATEGORIES;
    for (size_t i = 0; i < f->category_count; i++)
        rotate = rotate || (f->category_count > 4 && strlen(f->categories[i]) > LONG_CATEGORY);
    const char *turn = f->category_count > CROWDED_CATEGORIES ? "font ',7' rotate by -90"
                       : rotate                               ? "rotate by -45"
                                                              : "norotate";
    buffer_printf(out, "set xtics nomirror %s (", turn);
    for (size_t i = 0; i < f->category_count; i++) {
        buffer_puts(out, i ? ", " : "");
        quote_format(out, f->categories[i]);
        buffer_printf(out, " %zu", i);
    }
    buffer_puts(out, ")\n");
    if (!f->x.bounded)
        buffer_printf(out, "set xrange [-0.6:%zu.6]\n", f->category_count ? f->category_count - 1 : 0);
}

static void key_command(struct buffer *out, const struct figure *f) {
    if (strcmp(f->legend, "none") == 0)
        buffer_puts(out, "unset key\n");
    else
        buffer_printf(out, "set key %s%s Left reverse samplen 2.5 spacing 1.25 width 1 noenhanced\n",
                      strcmp(f->legend, "outside") == 0 ? "outside right top vertical" : "inside ",
                      strcmp(f->legend, "outside") == 0 ? "" : f->legend);
}

static void head_commands(struct buffer *out, const struct figure *f, const char *terminal) {
    buffer_printf(
        out, "set encoding utf8\nset terminal %s noenhanced size %d,%d font 'DejaVu Sans,12' background '#ffffff'\n",
        terminal, WIDTH_PX, HEIGHT_PX);
    buffer_puts(
        out, "set border 3 lc rgb '#444444'\nset grid lc rgb '#dddddd' lt 1 lw 0.8\nset tics nomirror\nset bars 0.7\n"
             "set offsets graph 0.02, graph 0.02, 0, 0\n");
    if (*f->title)
        command(out, "set title", f->title);
    axis_commands(out, "x", &f->x);
    axis_commands(out, "y", &f->y);
    if (f->y.log)
        buffer_puts(out, "set format y '1e%T'\n");
    if (f->x.log && !f->x.bounded && !f->categories)
        log_x_commands(out, f);
    if (f->style == FIGURE_BARS && !f->y.log && !f->y.bounded)
        buffer_puts(out, "set yrange [*<0:0<*]\n");
    if (f->categories)
        category_commands(out, f);
    key_command(out, f);
}

/* Values that no axis can show. */
static size_t count_below(const struct figure *f) {
    size_t count = 0;
    for (size_t i = 0; i < f->series_count; i++)
        for (size_t k = 0; k < f->series[i].count; k++) {
            const struct figure_point *p = &f->series[i].points[k];
            count += isfinite(p->y) && !drawable(f, p);
        }
    return count;
}

static void left_out_command(struct buffer *out, const struct figure *f) {
    size_t below = count_below(f);
    struct buffer text = {0};
    if (f->left_out)
        buffer_printf(&text, "%zu not finite", f->left_out);
    if (below)
        buffer_printf(&text, "%s%zu not above zero", f->left_out ? ", " : "", below);
    if (text.size) {
        buffer_puts(out, "set label 1 ");
        char *words = mem_printf("left out: %s", buffer_text(&text));
        quote(out, words);
        free(words);
        buffer_puts(out, " at screen 0.01, screen 0.025 font ',9' textcolor rgb '#666666'\n");
    }
    buffer_close(&text);
}

int figure_script(struct buffer *out, const struct figure *f, const char *terminal, struct error *err) {
    double floor_y = smallest_y(f);
    const char *separator = "plot ";
    bool spread;
    head_commands(out, f, terminal);
    left_out_command(out, f);
    for (size_t i = 0; i < f->series_count; i++)
        if (series_drawable(f, &f->series[i], &spread))
            series_data(out, f, i, floor_y);
    for (size_t i = 0; i < f->series_count; i++) {
        if (!series_drawable(f, &f->series[i], &spread))
            continue;
        buffer_puts(out, separator);
        series_plot(out, f, i, spread);
        separator = ", ";
    }
    buffer_puts(out, "\n");
    if (*separator == 'p')
        return error_set(err, ERR_INVALID, "there is no point to draw%s",
                         f->x.log || f->y.log ? ": nothing on the logarithmic axis is positive" : "");
    return 0;
}

void figure_csv(struct buffer *out, const struct figure *f) {
    buffer_puts(out, "series,x,y,low,high,count,reference\n");
    for (size_t i = 0; i < f->series_count; i++)
        for (size_t k = 0; k < f->series[i].count; k++) {
            const struct figure_series *s = &f->series[i];
            const struct figure_point *p = &s->points[k];
            csv_cell(out, s->name);
            buffer_putc(out, ',');
            if (f->categories)
                csv_cell(out, f->categories[(size_t)p->x]);
            else
                json_number(out, p->x);
            double values[] = {p->y, p->low, p->high};
            for (size_t v = 0; v < 3; v++) {
                buffer_putc(out, ',');
                if (isfinite(values[v]))
                    json_number(out, values[v]);
                else if (v == 0) /* no spread is an empty cell */
                    buffer_puts(out, isnan(p->y) ? "NaN" : p->y < 0 ? "-Infinity" : "Infinity");
            }
            buffer_printf(out, ",%zu,%s\n", p->count, s->reference ? "true" : "false");
        }
}
