#include "engine/report/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/data.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/printable.h"

struct cell {
    char *text;   /* NULL: empty */
    bool number;  /* aligned to the right */
    cJSON *value; /* the value in JSON */
};

struct row {
    struct cell *cells;
    size_t count, capacity;
};

struct table {
    char **columns;
    size_t column_count, column_capacity;
    struct row *rows;
    size_t row_count, row_capacity;
};

struct table *table_create(void) {
    return mem_alloc(sizeof(struct table));
}

void table_free(struct table *t) {
    if (!t)
        return;
    for (size_t r = 0; r < t->row_count; r++) {
        for (size_t c = 0; c < t->rows[r].count; c++) {
            free(t->rows[r].cells[c].text);
            cJSON_Delete(t->rows[r].cells[c].value);
        }
        free(t->rows[r].cells);
    }
    for (size_t c = 0; c < t->column_count; c++)
        free(t->columns[c]);
    free(t->columns);
    free(t->rows);
    free(t);
}

void table_row(struct table *t) {
    mem_grow(t->rows, &t->row_capacity, t->row_count + 1);
    t->rows[t->row_count++] = (struct row){0};
}

static size_t column_index(struct table *t, const char *column) {
    for (size_t c = 0; c < t->column_count; c++)
        if (strcmp(t->columns[c], column) == 0)
            return c;
    mem_grow(t->columns, &t->column_capacity, t->column_count + 1);
    t->columns[t->column_count] = mem_strdup(column);
    return t->column_count++;
}

static void set_cell(struct table *t, const char *column, char *text, bool number, cJSON *value) {
    struct row *row = &t->rows[t->row_count - 1];
    size_t index = column_index(t, column);
    mem_grow(row->cells, &row->capacity, index + 1);
    while (row->count <= index)
        row->cells[row->count++] = (struct cell){0};
    free(row->cells[index].text);
    cJSON_Delete(row->cells[index].value);
    row->cells[index] = (struct cell){text, number, value};
}

void table_text(struct table *t, const char *column, const char *text) {
    set_cell(t, column, mem_strdup(text), false, cJSON_CreateString(text));
}

void table_number(struct table *t, const char *column, double value, int digits) {
    if (isnan(value))
        set_cell(t, column, mem_strdup(""), true, cJSON_CreateNull());
    else
        set_cell(t, column, mem_printf("%.*g", digits, value), true, cJSON_CreateNumber(value));
}

void table_metric(struct table *t, const char *column, const cJSON *value) {
    enum { DIGITS = 6 };
    struct buffer text = {0};
    if (cJSON_IsNumber(value)) {
        table_number(t, column, value->valuedouble, DIGITS);
        return;
    }
    data_put(&text, value);
    set_cell(t, column, buffer_detach(&text), data_nonfinite(value) || data_integer(value),
             cJSON_Duplicate(value, true));
}

void table_value(struct table *t, const char *column, const cJSON *value) {
    if (cJSON_IsString(value)) {
        table_text(t, column, value->valuestring);
        return;
    }
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(value, "label");
    char *text = cJSON_IsString(label) ? mem_strdup(label->valuestring) : json_canonical_text(value);
    set_cell(t, column, text, cJSON_IsNumber(value), cJSON_Duplicate(value, true));
}

static const struct cell *cell_at(const struct table *t, size_t row, size_t column) {
    static const struct cell empty = {0};
    return column < t->rows[row].count ? &t->rows[row].cells[column] : &empty;
}

static const char *cell_text(const struct table *t, size_t row, size_t column) {
    const struct cell *c = cell_at(t, row, column);
    return c->text ? c->text : "";
}

static bool is_number_column(const struct table *t, size_t column) {
    for (size_t r = 0; r < t->row_count; r++)
        if (*cell_text(t, r, column) && !cell_at(t, r, column)->number)
            return false;
    return true;
}

static const char *raw_text(const struct table *t, size_t row, size_t column) {
    return row == SIZE_MAX ? t->columns[column] : cell_text(t, row, column);
}

/* Counts characters, not bytes: continuation bytes of UTF-8 take no place. */
static int text_width(const char *text) {
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* A cell as people are shown it. The caller frees. */
static char *shown_text(const char *text) {
    struct buffer shown = {0};
    printable_append_line(&shown, text);
    return buffer_detach(&shown);
}

/* The same for a table of aligned columns: a long array is cut. */
static char *narrow_text(const struct table *t, size_t row, size_t column) {
    enum { WIDEST = 40 };
    const char *raw = raw_text(t, row, column);
    bool cut = row != SIZE_MAX && cJSON_IsArray(cell_at(t, row, column)->value) && strlen(raw) > WIDEST;
    char *head = cut ? mem_printf("%.*s...", WIDEST - 3, raw) : NULL, *shown = shown_text(head ? head : raw);
    free(head);
    return shown;
}

static void append_padded(struct buffer *out, const char *text, int width, bool right) {
    int pad = width - text_width(text);
    if (right)
        buffer_printf(out, "%*s", pad > 0 ? pad : 0, "");
    buffer_puts(out, text);
    if (!right)
        buffer_printf(out, "%*s", pad > 0 ? pad : 0, "");
}

static void print_line(struct buffer *out, const struct table *t, const int *widths, size_t row) {
    size_t start = out->size;
    for (size_t c = 0; c < t->column_count; c++) {
        if (c)
            buffer_puts(out, "  ");
        char *text = narrow_text(t, row, c);
        append_padded(out, text, widths[c], is_number_column(t, c));
        free(text);
    }
    while (out->size > start && out->data[out->size - 1] == ' ')
        out->data[--out->size] = '\0';
    buffer_putc(out, '\n');
}

static void widen(int *width, const struct table *t, size_t row, size_t column) {
    char *text = narrow_text(t, row, column);
    *width = text_width(text) > *width ? text_width(text) : *width;
    free(text);
}

static void print_text(struct buffer *out, const struct table *t) {
    int *widths = mem_array(t->column_count + 1, sizeof *widths);
    for (size_t c = 0; c < t->column_count; c++) {
        widen(&widths[c], t, SIZE_MAX, c);
        for (size_t r = 0; r < t->row_count; r++)
            widen(&widths[c], t, r, c);
    }
    print_line(out, t, widths, SIZE_MAX);
    for (size_t r = 0; r < t->row_count; r++)
        print_line(out, t, widths, r);
    free(widths);
}

static void csv_value(struct buffer *out, const struct table *t, size_t row, size_t column) {
    const struct cell *c = cell_at(t, row, column);
    if (c->value && cJSON_IsNumber(c->value))
        json_number(out, c->value->valuedouble);
    else
        csv_cell(out, cell_text(t, row, column));
}

static void print_csv(struct buffer *out, const struct table *t) {
    for (size_t r = SIZE_MAX; r == SIZE_MAX || r < t->row_count; r++) {
        for (size_t c = 0; c < t->column_count; c++) {
            if (c)
                buffer_putc(out, ',');
            if (r == SIZE_MAX)
                csv_cell(out, t->columns[c]);
            else
                csv_value(out, t, r, c);
        }
        buffer_puts(out, "\n");
    }
}

static void print_json(struct buffer *out, const struct table *t) {
    buffer_puts(out, "[");
    for (size_t r = 0; r < t->row_count; r++) {
        buffer_puts(out, r ? ",\n {" : "\n {");
        bool first = true;
        for (size_t c = 0; c < t->column_count; c++) {
            const struct cell *cell = cell_at(t, r, c);
            if (!cell->value)
                continue;
            if (!first)
                buffer_puts(out, ",");
            first = false;
            json_string(out, t->columns[c]);
            buffer_puts(out, ":");
            json_canonical(out, cell->value);
        }
        buffer_puts(out, "}");
    }
    buffer_puts(out, "\n]\n");
}

static void markdown_cell(struct buffer *out, const char *raw) {
    char *text = shown_text(raw);
    buffer_puts(out, " ");
    for (const char *c = text; *c; c++) {
        if (*c == '|')
            buffer_putc(out, '\\');
        buffer_putc(out, *c);
    }
    buffer_puts(out, " |");
    free(text);
}

static void print_markdown(struct buffer *out, const struct table *t) {
    for (size_t r = SIZE_MAX; r == SIZE_MAX || r < t->row_count; r++) {
        buffer_puts(out, "|");
        for (size_t c = 0; c < t->column_count; c++)
            markdown_cell(out, raw_text(t, r, c));
        buffer_puts(out, "\n");
        if (r != SIZE_MAX)
            continue;
        buffer_puts(out, "|");
        for (size_t c = 0; c < t->column_count; c++)
            buffer_puts(out, is_number_column(t, c) ? "---:|" : "---|");
        buffer_puts(out, "\n");
    }
}

void table_print(struct buffer *out, const struct table *t, enum table_format format) {
    if (format == TABLE_JSON)
        print_json(out, t);
    else if (format == TABLE_CSV)
        print_csv(out, t);
    else if (format == TABLE_MARKDOWN)
        print_markdown(out, t);
    else
        print_text(out, t);
}
