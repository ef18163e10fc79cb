#include "engine/base/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

struct reader {
    const char *at, *end;
    size_t line;
    char separator;
};

static bool at_delimiter(const struct reader *r) {
    return r->at >= r->end || *r->at == r->separator || *r->at == '\n' || *r->at == '\r';
}

static int quoted_read(struct buffer *cell, struct reader *r, struct error *err) {
    size_t opened = r->line;
    for (r->at++; r->at < r->end; r->at++) {
        if (*r->at == '"' && (++r->at >= r->end || *r->at != '"')) { /* a single quote, which ends the cell */
            if (at_delimiter(r))
                return 0;
            return error_set(err, ERR_INVALID, "line %zu: text after a closed quote", r->line);
        }
        r->line += *r->at == '\n';
        buffer_putc(cell, *r->at);
    }
    return error_set(err, ERR_INVALID, "line %zu: a quote is not closed", opened);
}

/* Reads one cell. Leaves `at` on the separator, line break or end after it. */
static int cell_read(struct buffer *cell, struct reader *r, struct error *err) {
    buffer_clear(cell);
    if (r->at < r->end && *r->at == '"')
        return quoted_read(cell, r, err);
    while (!at_delimiter(r))
        buffer_putc(cell, *r->at++);
    return 0;
}

static void cell_append(struct csv *out, const struct buffer *cell) {
    mem_grow(out->cells, &out->cell_capacity, out->cell_count + 1);
    out->cells[out->cell_count++] = mem_strdup(buffer_text(cell));
    out->columns[out->rows - 1]++;
}

static int line_read(struct csv *out, struct reader *r, struct buffer *cell, struct error *err) {
    mem_grow(out->columns, &out->row_capacity, out->rows + 1);
    out->columns[out->rows++] = 0;
    for (;;) {
        int rc = cell_read(cell, r, err);
        if (rc)
            return rc;
        cell_append(out, cell);
        if (r->at >= r->end || *r->at != r->separator)
            break;
        r->at++;
    }
    if (r->at < r->end && *r->at == '\r')
        r->at++;
    if (r->at < r->end && *r->at == '\n')
        r->at++;
    r->line++;
    return 0;
}

int csv_parse(struct csv *out, const char *text, size_t size, char separator, struct error *err) {
    struct reader r = {text, size ? text + size : text, 1, separator}; /* an empty text may be NULL */
    struct buffer cell = {0};
    int rc = 0;
    *out = (struct csv){0};
    if (size && memchr(text, '\0', size))
        return error_set(err, ERR_INVALID, "it holds a NUL byte: it is no CSV");
    while (!rc && r.at < r.end) {
        if (*r.at == '\n' || *r.at == '\r') {
            r.line += *r.at++ == '\n';
            continue;
        }
        rc = line_read(out, &r, &cell, err);
    }
    buffer_close(&cell);
    return rc;
}

void csv_close(struct csv *csv) {
    for (size_t i = 0; i < csv->cell_count; i++)
        free(csv->cells[i]);
    free(csv->cells);
    free(csv->columns);
    *csv = (struct csv){0};
}

void csv_cell(struct buffer *out, const char *text) {
    if (!text[strcspn(text, ",\"\r\n")]) {
        buffer_puts(out, text);
        return;
    }
    buffer_putc(out, '"');
    for (; *text; text++) {
        if (*text == '"')
            buffer_putc(out, '"');
        buffer_putc(out, *text);
    }
    buffer_putc(out, '"');
}
