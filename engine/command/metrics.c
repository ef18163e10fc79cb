#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/command/project.h"
#include "engine/report/table.h"

/* A metric with the name of an axis is shown as a select refers to it. */
static void metric_cell(struct table *t, const struct instance *i, size_t index) {
    const char *metric = metrics_name(i->metrics, index);
    bool axis = false;
    for (size_t c = 0; c < instance_coordinate_count(i); c++)
        axis |= strcmp(instance_coordinate(i, c).axis, metric) == 0;
    char *name = mem_printf("%s%s", axis ? "metrics." : "", metric);
    cJSON *value = metrics_json(i->metrics, index);
    table_metric(t, name, value);
    cJSON_Delete(value);
    free(name);
}

/* The members of an object on an axis, as a reference names them: the label of a random draw says nothing by itself.
   People are shown numbers; paths would fill the screen. */
static void member_cells(struct table *t, const struct coordinate *at, enum table_format format) {
    const cJSON *member;
    if (!cJSON_IsObject(at->value) || format == TABLE_JSON) /* JSON has the whole object */
        return;
    cJSON_ArrayForEach(member, at->value) {
        bool text = cJSON_IsString(member) && format == TABLE_CSV && !strstr(member->valuestring, "${");
        if (strcmp(member->string, "label") == 0 || !(text || cJSON_IsNumber(member) || cJSON_IsBool(member)))
            continue;
        char *name = mem_printf("%s.%s", at->axis, member->string);
        table_value(t, name, member);
        free(name);
    }
}

static size_t metric_rows(struct table *t, const struct project *p, bool all_named, const struct stage_decl *only,
                          enum table_format format) {
    size_t rows = 0, count;
    struct instance *const *all = plan_instances(p->plan, &count);
    for (size_t k = 0; k < count; k++) {
        const struct instance *i = all[k];
        if (i->decl != only || !(i->named || all_named) || metrics_count(i->metrics) == 0)
            continue;
        rows++;
        table_row(t);
        table_text(t, "stage", i->decl->full_name);
        for (size_t c = 0; c < instance_coordinate_count(i); c++) {
            struct coordinate at = instance_coordinate(i, c);
            table_value(t, at.axis, at.value);
            member_cells(t, &at, format);
        }
        for (size_t m = 0; m < metrics_count(i->metrics); m++)
            metric_cell(t, i, m);
    }
    return rows;
}

/* Stages differ in their axes and metrics, so people get one table per stage. */
static void print_metrics(const struct project *p, bool all_named, enum table_format format) {
    struct buffer out = {0};
    struct table *t = table_create();
    for (size_t s = 0; s < p->pipeline->stage_count; s++) {
        if (p->pipeline->stages[s]->type == STAGE_SELECT)
            continue;
        size_t rows = metric_rows(t, p, all_named, p->pipeline->stages[s], format);
        if (rows == 0 || format != TABLE_TEXT)
            continue;
        if (out.size)
            buffer_puts(&out, "\n");
        table_print(&out, t, format);
        table_free(t);
        t = table_create();
    }
    if (format != TABLE_TEXT)
        table_print(&out, t, format);
    fputs(buffer_text(&out), stdout);
    buffer_close(&out);
    table_free(t);
}

static int run(const struct arguments *a, struct error *err) {
    struct project p;
    int code = project_open(&p, a, PROJECT_STORE, err);
    if (code == 0)
        code = project_plan(&p, err);
    if (code == 0)
        print_metrics(&p, p.target_count == 0,
                      argument_given(a, "json")  ? TABLE_JSON
                      : argument_given(a, "csv") ? TABLE_CSV
                                                 : TABLE_TEXT);
    project_close(&p);
    return code;
}

static const struct option options[] = {
    OPTION_JSON,
    {"csv", 0, NULL, "Print CSV"},
    OPTIONS_PARAMS,
    OPTION_STORE,
};

const struct command command_metrics = {
    .name = "metrics",
    .operands = "[PIPELINE] [STAGE...]",
    .summary = "table of axes and metrics over a sweep",
    .doc =
        "Prints the axes and metrics of every named instance (without names: all) whose result is known, a row each.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
