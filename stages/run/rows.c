#include "stages/run/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/data.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"

static const size_t max_file_bytes = (size_t)256 << 20;

static struct row *row_add(struct rows *rows, const cJSON *labels) {
    mem_grow(rows->row, &rows->capacity, rows->count + 1);
    struct row *row = &rows->row[rows->count++];
    *row = (struct row){cJSON_CreateObject(), labels};
    return row;
}

/* A cell that reads as a number whole is one; an empty cell is no value. */
static void cell_add(cJSON *values, const char *name, const char *text) {
    char *end;
    double number = strtod(text, &end);
    if (!*text)
        return;
    if (*end == '\0' && end != text && !isfinite(number))
        cJSON_AddItemToObject(values, name, data_nonfinite_create(number));
    else if (*end == '\0' && end != text)
        cJSON_AddNumberToObject(values, name, number);
    else
        cJSON_AddStringToObject(values, name, text);
}

static int csv_add(struct rows *out, struct csv *csv, const char *name, const cJSON *labels, struct error *err) {
    if (csv->rows == 0)
        return error_set(err, ERR_INVALID, "%s: is empty; a header is needed", name);
    size_t columns = csv->columns[0];
    char **header = csv->cells;
    for (size_t c = 0; c < columns; c++)
        for (size_t d = 0; d < c; d++)
            if (strcmp(header[c], header[d]) == 0)
                return error_set(err, ERR_INVALID, "%s:1: two columns are named \"%s\"", name, header[c]);
    char **cells = csv->cells + columns;
    for (size_t r = 1; r < csv->rows; r++) {
        if (csv->columns[r] != columns)
            return error_set(err, ERR_INVALID, "%s: row %zu has %zu cells, the header %zu", name, r + 1,
                             csv->columns[r], columns);
        struct row *row = row_add(out, labels);
        for (size_t c = 0; c < columns; c++)
            cell_add(row->values, header[c], cells[c]);
        cells += columns;
    }
    return 0;
}

static void object_add(struct rows *out, const cJSON *object, const cJSON *labels) {
    struct row *row = row_add(out, labels);
    for (const cJSON *m = object->child; m; m = m->next)
        if (cJSON_IsNumber(m) || cJSON_IsString(m) || cJSON_IsBool(m) || data_nonfinite(m) || data_integer(m))
            json_add_copy(row->values, m->string, m);
}

/* Metrics of a stage: one object, which may be nested. */
static int metrics_add(struct rows *out, const cJSON *object, const char *name, const cJSON *labels,
                       struct error *err) {
    cJSON *flat = cJSON_CreateObject();
    struct buffer faults = {0};
    data_flatten(flat, object, &faults);
    int rc =
        faults.size ? error_set(err, ERR_INVALID, "%s: %.*s", name, (int)strcspn(faults.data, "\n"), faults.data) : 0;
    if (rc == 0)
        object_add(out, flat, labels);
    buffer_close(&faults);
    cJSON_Delete(flat);
    return rc;
}

static int json_add(struct rows *out, const cJSON *root, const char *name, const cJSON *labels, struct error *err) {
    const cJSON *list = cJSON_IsArray(root) ? root : cJSON_GetObjectItemCaseSensitive(root, "rows");
    if (!list && root)
        return metrics_add(out, root, name, labels, err);
    if (!list || !cJSON_IsArray(list))
        return error_set(err, ERR_INVALID, "%s: \"rows\" is not a list", name);
    for (const cJSON *object = list->child; object; object = object->next) {
        if (!cJSON_IsObject(object))
            return error_set(err, ERR_INVALID, "%s: a row is not an object", name);
        object_add(out, object, labels);
    }
    return 0;
}

int rows_parse(struct rows *out, const char *text, size_t size, const char *name, const cJSON *labels,
               struct error *err) {
    size_t start = strspn(text, " \t\r\n");
    int rc;
    if (data_is_yaml(name) || (start < size && (text[start] == '{' || text[start] == '['))) {
        cJSON *root = NULL;
        rc = data_parse(&root, name, text, size, err);
        if (rc)
            error_prefix(err, "%s", name);
        else
            rc = json_add(out, root, name, labels, err);
        cJSON_Delete(root);
        return rc;
    }
    struct csv csv = {0};
    rc = csv_parse(&csv, text, size, ',', err);
    if (rc)
        error_prefix(err, "%s", name);
    else
        rc = csv_add(out, &csv, name, labels, err);
    csv_close(&csv);
    return rc;
}

int rows_read(struct rows *out, const struct stage *s, const char *input, struct error *err) {
    size_t count;
    const struct stage_item *items = stage_input(s, input, &count);
    *out = (struct rows){0};
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        struct buffer text = {0};
        rc = file_read(&text, items[i].path, max_file_bytes, err);
        if (!rc)
            rc = rows_parse(out, buffer_text(&text), text.size, items[i].name, items[i].labels, err);
        buffer_close(&text);
    }
    return rc;
}

void rows_close(struct rows *rows) {
    for (size_t i = 0; i < rows->count; i++)
        cJSON_Delete(rows->row[i].values);
    free(rows->row);
    *rows = (struct rows){0};
}

const cJSON *row_value(const struct row *row, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(row->labels, name);
    if (!value)
        value = cJSON_GetObjectItemCaseSensitive(row->values, name);
    return value && !cJSON_IsNull(value) ? value : NULL;
}

bool row_number(double *out, const struct row *row, const char *name) {
    return data_number(out, row_value(row, name));
}

bool row_nonfinite(double *out, const struct row *row, const char *name) {
    const char *text = data_nonfinite(row_value(row, name));
    if (text)
        *out = strtod(text, NULL);
    return text != NULL;
}

void value_text(struct buffer *out, const cJSON *value) {
    if (cJSON_IsObject(value)) {
        const cJSON *label = cJSON_GetObjectItemCaseSensitive(value, "label");
        value = label ? label : value;
    }
    if (value)
        data_put(out, value);
}

void row_text(struct buffer *out, const struct row *row, const char *name) {
    value_text(out, row_value(row, name));
}

/* Names of labels (else of columns too), each once. */
static cJSON *names_collect(const struct rows *rows, bool columns) {
    cJSON *names = cJSON_CreateObject();
    for (size_t i = 0; i < rows->count; i++) {
        const cJSON *sources[] = {rows->row[i].labels, rows->row[i].values};
        for (size_t k = 0; k < 2; k++)
            for (const cJSON *m = sources[k] ? sources[k]->child : NULL; m; m = m->next)
                if ((k == 0 || columns || strcmp(m->string, "curve") == 0) &&
                    !cJSON_GetObjectItemCaseSensitive(names, m->string))
                    cJSON_AddTrueToObject(names, m->string);
    }
    return names;
}

int rows_require(const struct rows *rows, const char *name, struct error *err) {
    for (size_t i = 0; i < rows->count; i++)
        if (row_value(&rows->row[i], name))
            return 0;
    cJSON *names = names_collect(rows, true);
    size_t count = (size_t)cJSON_GetArraySize(names), i = 0;
    const char **candidates = mem_array(count, sizeof *candidates);
    struct buffer all = {0};
    for (const cJSON *m = names->child; m; m = m->next) {
        candidates[i++] = m->string;
        buffer_printf(&all, "%s%s", all.size ? ", " : "; there are ", m->string);
    }
    char *suggestion = suggest_text(name, candidates, count, buffer_text(&all));
    int rc = error_set(err, ERR_INVALID, "no input has a value \"%s\"%s", name, suggestion);
    free(suggestion);
    buffer_close(&all);
    free(candidates);
    cJSON_Delete(names);
    return rc;
}

static bool label_differs(const struct rows *rows, const char *name) {
    struct buffer first = {0}, other = {0};
    bool differs = false;
    for (size_t i = 0; i < rows->count && !differs; i++) {
        struct buffer *text = i ? &other : &first;
        buffer_clear(text);
        row_text(text, &rows->row[i], name);
        differs = i > 0 && strcmp(buffer_text(&first), buffer_text(&other)) != 0;
    }
    buffer_close(&first);
    buffer_close(&other);
    return differs;
}

cJSON *rows_labels(const struct rows *rows, const char *const *but, bool all) {
    cJSON *names = names_collect(rows, false), *labels = cJSON_CreateArray();
    for (const cJSON *m = names->child; m; m = m->next) {
        bool wanted = all || label_differs(rows, m->string);
        for (size_t i = 0; but[i]; i++)
            wanted = wanted && strcmp(but[i], m->string) != 0;
        if (wanted)
            cJSON_AddItemToArray(labels, cJSON_CreateString(m->string));
    }
    cJSON_Delete(names);
    return labels;
}
