#include "stages/run/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "stages/rows_write.h"

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
    const double values[PARTS] = {m->value, m->count > 1 ? m->high - m->value : (double)NAN, m->low, m->high,
                                  (double)m->count};
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

void table_csv(struct buffer *out, const struct table *t) {
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

static cJSON *cell_json(const struct table *t, const struct cell *cell, size_t column) {
    static const char *const words[PARTS] = {"mean", "std", "min", "max", "n"};
    cJSON *out = cJSON_CreateObject();
    for (int part = 0; part < PARTS; part++)
        if (part_shown(t, part))
            json_add_number(out, words[part], part_value(&cell->ours, part));
    if (t->has_published[column])
        json_add_number(out, t->published_by, cell->published);
    return out;
}

static cJSON *line_row(const struct table *t, const struct line *line) {
    const cJSON *name;
    size_t k = 0;
    cJSON *row = cJSON_CreateObject(), *labels = cJSON_AddObjectToObject(row, "labels");
    cJSON_ArrayForEach(name, t->labels)
        cJSON_AddStringToObject(labels, name->valuestring, line->labels[k++]);
    k = 0;
    cJSON_ArrayForEach(name, t->columns) {
        cJSON_AddItemToObject(row, name->valuestring, cell_json(t, &line->cells[k], k));
        k++;
    }
    return row;
}

void table_json(struct buffer *out, const struct table *t) {
    cJSON *rows = cJSON_CreateArray();
    for (size_t i = 0; i < t->count; i++)
        cJSON_AddItemToArray(rows, line_row(t, &t->lines[i]));
    buffer_puts(out, "{\n  \"title\": ");
    json_string(out, stage_text(t->stage, "title"));
    buffer_puts(out, ",\n  \"table\": ");
    rows_json(out, rows, "    ");
    buffer_puts(out, "\n  ]\n}\n");
    cJSON_Delete(rows);
}

void markdown_text(struct buffer *out, const char *text) {
    for (; *text; text++) {
        if (strchr("|\\`*_<>[]#&", *text))
            buffer_putc(out, '\\');
        buffer_putc(out, (char)((unsigned char)*text < 0x20 ? ' ' : *text));
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
    if (m->low == m->high) /* one value, or the same each time */
        return;
    if (t->spread == SPREAD_STD)
        buffer_printf(out, " ± %.2g", m->high - m->value);
    if (t->spread == SPREAD_RANGE) {
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

void table_markdown(struct buffer *out, const struct table *t) {
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
