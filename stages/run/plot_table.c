#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/run/kind_functions.h"
#include "stages/run/table.h"

static struct line *line_add(struct table *t) {
    mem_grow(t->lines, &t->capacity, t->count + 1);
    struct line *line = &t->lines[t->count++];
    line->labels = mem_array(t->label_count, sizeof *line->labels);
    line->cells = mem_array(t->column_count, sizeof *line->cells);
    for (size_t c = 0; c < t->column_count; c++)
        line->cells[c].published = (double)NAN;
    return line;
}

static int group_line(struct table *t, const struct group *g, struct error *err) {
    struct line *line = line_add(t);
    const cJSON *name;
    size_t i = 0;
    int rc = 0;
    cJSON_ArrayForEach(name, t->labels) {
        struct buffer text = {0};
        row_text(&text, &t->rows.row[g->rows[0]], name->valuestring);
        line->labels[i++] = buffer_detach(&text);
    }
    i = 0;
    cJSON_ArrayForEach(name, t->columns) {
        if ((rc = group_mean(&line->cells[i++].ours, &t->rows, g, name->valuestring, t->average_over, t->spread, err)))
            break;
    }
    return rc;
}

static bool line_matches(const struct table *t, const struct line *line, const cJSON *wanted) {
    for (const cJSON *value = wanted->child; value; value = value->next) {
        struct buffer text = {0};
        bool same = false;
        size_t i = 0;
        const cJSON *name;
        value_text(&text, value);
        cJSON_ArrayForEach(name, t->labels) {
            same = same ||
                   (strcmp(name->valuestring, value->string) == 0 && strcmp(line->labels[i], buffer_text(&text)) == 0);
            i++;
        }
        buffer_close(&text);
        if (!same)
            return false;
    }
    return true;
}

/* A published row that none of ours is: it gets its labels and stands behind ours. */
static struct line *reference_line(struct table *t, const cJSON *wanted) {
    struct line *line = line_add(t);
    size_t i = 0;
    const cJSON *name;
    cJSON_ArrayForEach(name, t->labels) {
        struct buffer text = {0};
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(wanted, name->valuestring);
        value_text(&text, value);
        line->labels[i++] = buffer_detach(&text);
    }
    return line;
}

static int reference_names_check(const cJSON *object, const cJSON *allowed, const char *what, struct error *err) {
    for (const cJSON *m = object->child; m; m = m->next) {
        bool known = false;
        const cJSON *name;
        cJSON_ArrayForEach(name, allowed)
            known = known || strcmp(name->valuestring, m->string) == 0;
        if (!known)
            return error_set(err, ERR_INVALID, "\"reference\" names \"%s\", which is no %s of the table", m->string,
                             what);
    }
    return 0;
}

static int reference_add(struct table *t, const cJSON *reference, struct error *err) {
    const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(reference, "row");
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(reference, "values");
    int rc = reference_names_check(wanted, t->labels, "row label", err);
    if (rc || (rc = reference_names_check(values, t->columns, "column", err)))
        return rc;
    bool matched = false;
    size_t ours = t->count;
    for (size_t i = 0; i <= ours; i++) {
        struct line *line = NULL;
        if (i < ours && line_matches(t, &t->lines[i], wanted))
            line = &t->lines[i];
        else if (i == ours && !matched)
            line = reference_line(t, wanted);
        matched = matched || line;
        size_t c = 0;
        const cJSON *name;
        cJSON_ArrayForEach(name, t->columns) {
            const cJSON *value = cJSON_GetObjectItemCaseSensitive(values, name->valuestring);
            if (line && value) {
                line->cells[c].published = value->valuedouble;
                t->has_published[c] = true;
            }
            c++;
        }
    }
    return 0;
}

static int table_fill(struct table *t, struct error *err) {
    const char *but[] = {*t->average_over ? t->average_over : NULL, NULL};
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(stage_with(t->stage), "rows"), *name;
    int rc = 0;
    cJSON_ArrayForEach(name, t->columns)
        if ((rc = rows_require(&t->rows, name->valuestring, err)))
            return rc;
    cJSON_ArrayForEach(name, given)
        if ((rc = rows_require(&t->rows, name->valuestring, err)))
            return rc;
    t->labels = given->child ? cJSON_Duplicate(given, true) : rows_labels(&t->rows, but, true);
    t->label_count = (size_t)cJSON_GetArraySize(t->labels);
    t->column_count = (size_t)cJSON_GetArraySize(t->columns);
    t->has_published = mem_array(t->column_count, sizeof *t->has_published);
    struct groups groups;
    groups_make(&groups, &t->rows, NULL, t->labels);
    for (size_t i = 0; i < groups.count && !rc; i++)
        rc = group_line(t, &groups.group[i], err);
    groups_close(&groups);
    const cJSON *reference;
    cJSON_ArrayForEach(reference, cJSON_GetObjectItemCaseSensitive(stage_with(t->stage), "reference"))
        if (!rc)
            rc = reference_add(t, reference, err);
    return rc;
}

static void table_close(struct table *t) {
    for (size_t i = 0; i < t->count; i++) {
        for (size_t k = 0; k < t->label_count; k++)
            free(t->lines[i].labels[k]);
        free(t->lines[i].labels);
        free(t->lines[i].cells);
    }
    free(t->lines);
    free(t->has_published);
    cJSON_Delete(t->labels);
    rows_close(&t->rows);
}

static int out_write(const struct table *t, const char *name, void (*text)(struct buffer *out, const struct table *t),
                     struct error *err) {
    struct buffer bytes = {0};
    text(&bytes, t);
    int rc = stage_write(t->stage, name, bytes.data, bytes.size, err);
    buffer_close(&bytes);
    return rc;
}

int run_plot_table(struct stage *s, struct error *err) {
    struct table t = {.stage = s,
                      .average_over = stage_text(s, "average_over"),
                      .published_by = stage_text(s, "reference_title"),
                      .spread = spread_read(stage_text(s, "spread")),
                      .digits = (int)stage_integer(s, "digits"),
                      .columns = cJSON_GetObjectItemCaseSensitive(stage_with(s), "columns")};
    int rc = rows_read(&t.rows, s, "metrics", err);
    if (!rc && *t.average_over)
        rc = rows_require(&t.rows, t.average_over, err);
    if (!rc && !(rc = table_fill(&t, err)) && !(rc = out_write(&t, "csv", table_csv, err)) &&
        !(rc = out_write(&t, "markdown", table_markdown, err)))
        rc = out_write(&t, "json", table_json, err);
    table_close(&t);
    return rc;
}
