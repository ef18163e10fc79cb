#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/run/csv.h"
#include "stages/run/group.h"
#include "stages/run/rows.h"
#include "stages/run/run.h"

/* One number of the table, and the published one beside it. */
struct cell {
    struct mean ours; /* count 0: none */
    double published; /* NAN: none */
};

struct line {
    char **labels;      /* text of each row label; "" where there is none */
    struct cell *cells; /* one a column */
};

struct table {
    const struct stage *stage;
    const char *average_over, *published_by;
    enum spread spread;
    int digits;
    struct rows rows;
    cJSON *labels;        /* names of the row labels */
    const cJSON *columns; /* names of the columns */
    size_t label_count, column_count;
    bool *has_published; /* by column */
    struct line *lines;
    size_t count, capacity;
};

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

/* A value of a reference's "row" as a label's text is written. */
static void reference_text(struct buffer *out, const cJSON *value) {
    struct row row = {NULL, NULL};
    cJSON *labels = mem_checked(cJSON_CreateObject());
    mem_checked(cJSON_AddItemReferenceToObject(labels, "v", (cJSON *)(uintptr_t)value) ? labels : NULL);
    row.labels = labels;
    row_text(out, &row, "v");
    cJSON_Delete(labels);
}

static bool line_matches(const struct table *t, const struct line *line, const cJSON *wanted) {
    for (const cJSON *value = wanted->child; value; value = value->next) {
        struct buffer text = {0};
        bool same = false;
        size_t i = 0;
        const cJSON *name;
        reference_text(&text, value);
        cJSON_ArrayForEach(name, t->labels) {
            same = same || (strcmp(name->valuestring, value->string) == 0 && strcmp(line->labels[i], buffer_text(&text)) == 0);
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
        if (value)
            reference_text(&text, value);
        line->labels[i++] = buffer_detach(&text);
    }
    return line;
}

static int reference_names_check(const struct table *t, const cJSON *object, const cJSON *allowed, const char *what,
                                 struct error *err) {
    (void)t;
    for (const cJSON *m = object->child; m; m = m->next) {
        bool known = false;
        const cJSON *name;
        cJSON_ArrayForEach(name, allowed) known = known || strcmp(name->valuestring, m->string) == 0;
        if (!known)
            return error_set(err, ERR_INVALID, "\"reference\" names \"%s\", which is no %s of the table", m->string, what);
    }
    return 0;
}

static int reference_add(struct table *t, const cJSON *reference, struct error *err) {
    const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(reference, "row");
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(reference, "values");
    int rc = reference_names_check(t, wanted, t->labels, "row label", err);
    if (rc || (rc = reference_names_check(t, values, t->columns, "column", err)))
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
    t->labels = given->child ? mem_checked(cJSON_Duplicate(given, true)) : rows_labels(&t->rows, but, true);
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

/* The names of what stands in a column, one after another, and their values for a cell. */
enum { PARTS = 5 };
static const char *const part_names[PARTS] = {"", "_std", "_min", "_max", "_n"};

static bool part_shown(const struct table *t, int part) {
    if (part == 1)
        return t->spread == SPREAD_STD && *t->average_over;
    if (part == 2 || part == 3)
        return t->spread == SPREAD_RANGE && *t->average_over;
    return part == 0 || *t->average_over;
}

/* NAN where the cell has no such value: the deviation of a single value is not known. */
static double part_value(const struct mean *m, int part) {
    if (m->count == 0)
        return part == 4 ? 0 : (double)NAN;
    const double values[PARTS] = {m->value, m->count > 1 ? m->high - m->value : (double)NAN, m->low, m->high, (double)m->count};
    return values[part];
}

static void csv_number(struct buffer *out, double value) {
    buffer_putc(out, ',');
    if (isfinite(value))
        json_number(out, value);
}

static void csv_header(struct buffer *out, const struct table *t) {
    const cJSON *name;
    size_t c = 0;
    cJSON_ArrayForEach(name, t->labels) {
        csv_cell(out, name->valuestring);
        buffer_putc(out, ',');
    }
    cJSON_ArrayForEach(name, t->columns) {
        for (int part = 0; part < PARTS; part++)
            if (part_shown(t, part)) {
                char *text = mem_printf("%s%s", name->valuestring, part_names[part]);
                buffer_puts(out, part == 0 && c == 0 ? "" : ",");
                csv_cell(out, text);
                free(text);
            }
        if (t->has_published[c++]) {
            char *text = mem_printf("%s_%s", name->valuestring, t->published_by);
            buffer_putc(out, ',');
            csv_cell(out, text);
            free(text);
        }
    }
    buffer_putc(out, '\n');
}

static void table_csv(struct buffer *out, const struct table *t) {
    csv_header(out, t);
    for (size_t i = 0; i < t->count; i++) {
        for (size_t k = 0; k < t->label_count; k++) {
            buffer_puts(out, k ? "," : "");
            csv_cell(out, t->lines[i].labels[k]);
        }
        struct buffer numbers = {0};
        for (size_t c = 0; c < t->column_count; c++) {
            for (int part = 0; part < PARTS; part++)
                if (part_shown(t, part))
                    csv_number(&numbers, part_value(&t->lines[i].cells[c].ours, part));
            if (t->has_published[c])
                csv_number(&numbers, t->lines[i].cells[c].published);
        }
        buffer_puts(out, buffer_text(&numbers) + (t->label_count ? 0 : 1));
        buffer_putc(out, '\n');
        buffer_close(&numbers);
    }
}

static void json_member(struct buffer *out, const char *name, double value) {
    json_string(out, name);
    buffer_puts(out, ": ");
    json_number(out, value);
}

static void cell_json(struct buffer *out, const struct table *t, const struct cell *cell, size_t column, const char *name) {
    static const char *const words[PARTS] = {"mean", "std", "min", "max", "n"};
    buffer_puts(out, ", ");
    json_string(out, name);
    buffer_puts(out, ": {");
    for (int part = 0; part < PARTS; part++)
        if (part_shown(t, part)) {
            buffer_puts(out, part ? ", " : "");
            json_member(out, words[part], part_value(&cell->ours, part));
        }
    if (t->has_published[column]) {
        buffer_puts(out, ", ");
        json_member(out, t->published_by, cell->published);
    }
    buffer_putc(out, '}');
}

static void table_json(struct buffer *out, const struct table *t) {
    buffer_puts(out, "{\n  \"title\": ");
    json_string(out, stage_text(t->stage, "title"));
    buffer_puts(out, ",\n  \"table\": [");
    for (size_t i = 0; i < t->count; i++) {
        const cJSON *name;
        size_t k = 0;
        buffer_puts(out, i ? ",\n    {\"labels\": {" : "\n    {\"labels\": {");
        cJSON_ArrayForEach(name, t->labels) {
            buffer_puts(out, k ? ", " : "");
            json_string(out, name->valuestring);
            buffer_puts(out, ": ");
            json_string(out, t->lines[i].labels[k++]);
        }
        buffer_putc(out, '}');
        k = 0;
        cJSON_ArrayForEach(name, t->columns) {
            cell_json(out, t, &t->lines[i].cells[k], k, name->valuestring);
            k++;
        }
        buffer_putc(out, '}');
    }
    buffer_puts(out, "\n  ]\n}\n");
}

/* Text in a Markdown table: its own signs stand as they are, and a line stays a line. */
static void markdown_text(struct buffer *out, const char *text) {
    for (; *text; text++) {
        if (strchr("|\\`*_<>[]#&", *text))
            buffer_putc(out, '\\');
        buffer_putc(out, (unsigned char)*text < 0x20 ? ' ' : *text);
    }
}

static void markdown_number(struct buffer *out, double value, int digits) {
    if (isfinite(value) && value == floor(value) && fabs(value) < 1e15) /* a count stands whole */
        buffer_printf(out, "%.0f", value);
    else if (isfinite(value))
        buffer_printf(out, "%.*g", digits, value);
}

static void markdown_cell(struct buffer *out, const struct table *t, const struct mean *m) {
    if (m->count == 0)
        return;
    markdown_number(out, m->value, t->digits);
    if (t->spread == SPREAD_STD && m->count > 1)
        buffer_printf(out, " ± %.2g", m->high - m->value);
    if (t->spread == SPREAD_RANGE && m->count > 1) {
        buffer_puts(out, " (");
        markdown_number(out, m->low, t->digits);
        buffer_puts(out, " to ");
        markdown_number(out, m->high, t->digits);
        buffer_putc(out, ')');
    }
}

static void markdown_header(struct buffer *out, const struct table *t) {
    const cJSON *name;
    size_t c = 0;
    if (*stage_text(t->stage, "title")) {
        buffer_puts(out, "**");
        markdown_text(out, stage_text(t->stage, "title"));
        buffer_puts(out, "**\n\n");
    }
    buffer_putc(out, '|');
    cJSON_ArrayForEach(name, t->labels) {
        buffer_putc(out, ' ');
        markdown_text(out, name->valuestring);
        buffer_puts(out, " |");
    }
    cJSON_ArrayForEach(name, t->columns) {
        buffer_putc(out, ' ');
        markdown_text(out, name->valuestring);
        buffer_puts(out, " |");
        if (t->has_published[c++]) {
            buffer_putc(out, ' ');
            markdown_text(out, name->valuestring);
            buffer_puts(out, ", ");
            markdown_text(out, t->published_by);
            buffer_puts(out, " |");
        }
    }
    buffer_puts(out, "\n|");
    for (size_t k = 0; k < t->label_count; k++)
        buffer_puts(out, "---|");
    for (c = 0; c < t->column_count; c++)
        buffer_puts(out, t->has_published[c] ? "---:|---:|" : "---:|");
    buffer_putc(out, '\n');
}

static void table_markdown(struct buffer *out, const struct table *t) {
    markdown_header(out, t);
    for (size_t i = 0; i < t->count; i++) {
        buffer_putc(out, '|');
        for (size_t k = 0; k < t->label_count; k++) {
            buffer_putc(out, ' ');
            markdown_text(out, t->lines[i].labels[k]);
            buffer_puts(out, " |");
        }
        for (size_t c = 0; c < t->column_count; c++) {
            buffer_putc(out, ' ');
            markdown_cell(out, t, &t->lines[i].cells[c].ours);
            buffer_puts(out, " |");
            if (t->has_published[c]) {
                buffer_putc(out, ' ');
                markdown_number(out, t->lines[i].cells[c].published, t->digits);
                buffer_puts(out, " |");
            }
        }
        buffer_putc(out, '\n');
    }
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
