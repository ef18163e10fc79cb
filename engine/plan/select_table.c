#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/plan/internal.h"

static cJSON *group_json(const struct select_decl *select, const struct candidate *c) {
    cJSON *group = cJSON_CreateObject();
    for (size_t i = 0; i < select->group_by_count; i++)
        json_add_copy(group, select->group_by[i], axis_label(c->group[i]->json));
    return group;
}

static cJSON *group_metrics(const struct metrics *m) {
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < metrics_count(m); i++)
        if (!isnan(m->values[i]) || (m->others && m->others[i]))
            cJSON_AddItemToObject(json, metrics_name(m, i), metrics_json(m, i));
    return json;
}

static cJSON *candidate_json(const struct stage_plan *stage, const struct candidate *c) {
    struct buffer why = {0};
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "group", group_json(stage->decl->select, c));
    cJSON_AddItemToObject(json, "metrics", group_metrics(c->metrics));
    cJSON_AddBoolToObject(json, "passes", c->passes);
    cJSON_AddBoolToObject(json, "winner", c == stage->winner);
    if (!candidate_passes(stage->decl->select, c, &why))
        cJSON_AddStringToObject(json, "reason", buffer_text(&why));
    buffer_close(&why);
    return json;
}

/* Another group is as good as the winner, which came first. */
static bool is_tie(const struct stage_plan *stage, const struct candidate *c) {
    double value, best;
    const char *metric = stage->decl->select->metric;
    return stage->winner && c != stage->winner && c->passes && metrics_find(c->metrics, metric, &value) &&
           metrics_find(stage->winner->metrics, metric, &best) && value == best;
}

static cJSON *table_json(const struct stage_plan *stage) {
    cJSON *table = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(table, "candidates"), *ties = cJSON_AddArrayToObject(table, "ties");
    for (size_t i = 0; i < stage->candidate_count; i++) {
        const struct candidate *c = &stage->candidates[i];
        cJSON_AddItemToArray(list, candidate_json(stage, c));
        if (is_tie(stage, c))
            cJSON_AddItemToArray(ties, group_json(stage->decl->select, c));
    }
    return table;
}

const cJSON *plan_select_table(struct plan *p, const struct instance *select) {
    struct stage_plan *stage = &p->stages[select->decl->index];
    if (!stage->table && stage->candidates)
        stage->table = table_json(stage);
    return stage->table;
}

void plan_select_text(struct buffer *out, const struct plan *p, const struct instance *select) {
    select_table_text(out, &p->stages[select->decl->index]);
}

/* "size=7,alpha=5" */
static void put_group(struct buffer *out, const struct select_decl *select, const struct candidate *c) {
    for (size_t i = 0; i < select->group_by_count; i++)
        buffer_printf(out, "%s%s=%s", i ? "," : "", select->group_by[i], c->group[i]->label);
}

void plan_select_left_out(struct buffer *out, const struct plan *p, const struct instance *select) {
    enum { SHOWN = 10 };
    const struct stage_plan *stage = &p->stages[select->decl->index];
    for (size_t i = 0; i < stage->left_out_count && i < SHOWN; i++)
        buffer_printf(out, "%s%s", i ? ", " : "left out: ", instance_name(&stage->left_out[i]->pub));
    if (stage->left_out_count > SHOWN)
        buffer_printf(out, " and %zu more", stage->left_out_count - SHOWN);
}

void plan_select_choice(struct buffer *out, const struct plan *p, const struct instance *select) {
    const struct stage_plan *stage = &p->stages[select->decl->index];
    if (!stage->winner)
        return;
    put_group(out, stage->decl->select, stage->winner);
    if (stage->decl->select->group_by_count > 0)
        buffer_printf(out, " of %zu", stage->candidate_count);
    else
        buffer_printf(out, "%zu instances", stage->winner->count);
    buffer_puts(out, stage->left_out_count ? "\n" : "");
    plan_select_left_out(out, p, select);
    for (size_t i = 0; i < stage->candidate_count; i++) {
        if (!is_tie(stage, &stage->candidates[i]))
            continue;
        buffer_puts(out, "\na tie, the earlier one counts: ");
        put_group(out, stage->decl->select, &stage->candidates[i]);
    }
}

/* The metrics that decide: the one that is minimized or maximized, and those of `where`. */
static size_t deciding_metrics(const struct select_decl *select, const char **names) {
    size_t count = 0;
    if (select->metric)
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

static void put_verdict(struct buffer *b, const struct select_decl *select, const struct candidate *c) {
    if (c && candidate_passes(select, c, b))
        buffer_puts(b, "passes");
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
        put_verdict(&b, select, c);
    return buffer_detach(&b);
}

static void put_line(struct buffer *out, char *const *cells, const int *widths, size_t columns) {
    for (size_t i = 0; i < columns; i++)
        buffer_printf(out, "  %-*s", i + 1 < columns ? widths[i] : 0, cells[i]);
    while (out->size > 0 && out->data[out->size - 1] == ' ')
        out->data[--out->size] = '\0';
    buffer_putc(out, '\n');
}

void select_table_text(struct buffer *out, const struct stage_plan *stage) {
    const struct select_decl *select = stage->decl->select;
    size_t count = stage->candidate_count;
    const char **metrics = mem_array(select->where_count + 1, sizeof *metrics);
    size_t metric_count = deciding_metrics(select, metrics), columns = select->group_by_count + metric_count + 1;
    char **cells = mem_array((count + 1) * columns, sizeof *cells);
    int *widths = mem_array(columns, sizeof *widths);
    for (size_t row = 0; row <= count; row++)
        for (size_t i = 0; i < columns; i++) {
            char *text = cell_text(select, row ? &stage->candidates[row - 1] : NULL, metrics, metric_count, i);
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
