#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

static cJSON *group_json(const struct select_decl *select, const struct candidate *c) {
    cJSON *group = cJSON_CreateObject();
    for (size_t i = 0; i < select->group_by_count; i++)
        cJSON_AddItemToObject(group, select->group_by[i], cJSON_Duplicate(axis_label(c->group[i]->json), true));
    return group;
}

static cJSON *metrics_json(const struct metrics *m) {
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < metrics_count(m); i++)
        if (!isnan(metrics_value(m, i)))
            cJSON_AddNumberToObject(json, metrics_name(m, i), metrics_value(m, i));
    return json;
}

static cJSON *candidate_json(const struct select_decl *select, const struct candidate *c, bool winner) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "group", group_json(select, c));
    cJSON_AddItemToObject(json, "metrics", metrics_json(c->metrics));
    cJSON_AddBoolToObject(json, "passes", c->passes);
    cJSON_AddBoolToObject(json, "winner", winner);
    if (c->reason)
        cJSON_AddStringToObject(json, "reason", c->reason);
    return json;
}

cJSON *select_table_json(const struct select_decl *select, const struct candidate *candidates, size_t count,
                         const struct candidate *winner) {
    cJSON *table = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(table, "candidates"), *ties = cJSON_AddArrayToObject(table, "ties");
    for (size_t i = 0; i < count; i++) {
        const struct candidate *c = &candidates[i];
        cJSON_AddItemToArray(list, candidate_json(select, c, c == winner));
        if (winner && c != winner && c->passes && c->objective == winner->objective)
            cJSON_AddItemToArray(ties, group_json(select, c));
    }
    return table;
}

/* The metrics that decide: the one that is minimized or maximized, and those of `where`. */
static size_t deciding_metrics(const struct select_decl *select, const char **names) {
    size_t count = 0;
    names[count++] = select->metric;
    for (size_t i = 0; i < select->where_count; i++) {
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known |= strcmp(names[k], select->where[i].metric) == 0;
        if (!known)
            names[count++] = select->where[i].metric;
    }
    return count;
}

static void put_metric(struct buffer *b, const struct candidate *c, const char *name) {
    double value;
    if (c && metrics_find(c->metrics, name, &value))
        json_number(b, value);
    else
        buffer_puts(b, c ? "-" : name);
}

/* One cell of the text; the head for no candidate. */
static char *cell_text(const struct select_decl *select, const struct candidate *c, const char *const *metrics,
                       size_t metric_count, size_t column) {
    struct buffer b = {0};
    if (column < select->group_by_count)
        buffer_puts(&b, c ? c->group[column]->name : select->group_by[column]);
    else if (column < select->group_by_count + metric_count)
        put_metric(&b, c, metrics[column - select->group_by_count]);
    else
        buffer_puts(&b, c ? (c->reason ? c->reason : "passes") : "");
    return buffer_detach(&b);
}

static void put_line(struct buffer *out, char *const *cells, const int *widths, size_t columns) {
    for (size_t i = 0; i < columns; i++)
        buffer_printf(out, "  %-*s", i + 1 < columns ? widths[i] : 0, cells[i]);
    while (out->size > 0 && out->data[out->size - 1] == ' ')
        out->data[--out->size] = '\0';
    buffer_putc(out, '\n');
}

void select_table_text(struct buffer *out, const struct select_decl *select, const struct candidate *candidates,
                       size_t count) {
    const char **metrics = mem_array(select->where_count + 1, sizeof *metrics);
    size_t metric_count = deciding_metrics(select, metrics), columns = select->group_by_count + metric_count + 1;
    char **cells = mem_array((count + 1) * columns, sizeof *cells);
    int *widths = mem_array(columns, sizeof *widths);
    for (size_t row = 0; row <= count; row++)
        for (size_t i = 0; i < columns; i++) {
            char *text = cell_text(select, row ? &candidates[row - 1] : NULL, metrics, metric_count, i);
            int width = (int)strlen(text);
            cells[row * columns + i] = text;
            widths[i] = width > widths[i] ? width : widths[i];
        }
    for (size_t row = 0; row <= count; row++)
        put_line(out, cells + row * columns, widths, columns);
    for (size_t i = 0; i < (count + 1) * columns; i++)
        free(cells[i]);
    free(cells);
    free(widths);
    free(metrics);
}
