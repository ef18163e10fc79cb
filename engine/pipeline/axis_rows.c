/* The rows that {"rows": "samples.csv"} reads: of CSV and TSV, or a list of objects in JSON or YAML. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/data.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/pipeline/axes.h"

enum { MAX_COLUMNS = 1000, MAX_BYTES = 8 << 20 };

struct rows_axis {
    struct part *part;
    const cJSON *node; /* of "rows" */
    const char *file;
    char separator;     /* of cells; 0: the file is JSON or YAML */
    const char *label;  /* the member that names a row */
    const cJSON *types; /* NULL: none */
};

/* Reports a fault of the file. */
static void report_file(const struct rows_axis *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void report_file(const struct rows_axis *r, const char *format, ...) {
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    report_value(r->part, r->node, "%s: %s", r->file, buffer_text(&text));
    buffer_close(&text);
}

/* ---- the axis ---- */

/* The text of a member, which may refer to params. NULL after a reported fault. */
static const char *read_text(struct part *part, const cJSON *member) {
    const cJSON *text = compile_constant(part, member);
    if (text && cJSON_IsString(text) && text->valuestring[0])
        return text->valuestring;
    if (text)
        report_value(part, member, "\"%s\" is text; found %s", member->string,
                     cJSON_IsString(text) ? "the empty text" : describe(part->reader, text));
    return NULL;
}

static bool ends_in(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static bool read_file_name(struct rows_axis *r) {
    r->file = read_text(r->part, r->node);
    if (!r->file)
        return false;
    const char *fault = path_fault(r->file);
    if (ends_in(r->file, ".csv"))
        r->separator = ',';
    else if (ends_in(r->file, ".tsv"))
        r->separator = '\t';
    if (!fault && !r->separator && !ends_in(r->file, ".json") && !data_is_yaml(r->file))
        fault = "ends in none of .csv, .tsv, .json, .yaml and .yml";
    if (fault)
        report_value(r->part, r->node, "\"rows\" %s", fault);
    return !fault;
}

static bool read_types(struct rows_axis *r, const cJSON *types) {
    if (!need_object(r->part, types, "\"types\""))
        return false;
    if (!r->separator) {
        report_key(r->part, types, "\"types\" is for CSV and TSV; the values of %s have types, so leave it out",
                   r->file);
        return false;
    }
    bool good = true;
    const cJSON *type;
    cJSON_ArrayForEach(type, types) {
        if (cJSON_IsString(type) &&
            (strcmp(type->valuestring, "number") == 0 || strcmp(type->valuestring, "boolean") == 0))
            continue;
        report_value(r->part, type, "a type is \"number\" or \"boolean\", and text without one; found %s",
                     describe(r->part->reader, type));
        good = false;
    }
    r->types = types;
    return good;
}

static bool read_axis(struct rows_axis *r, const cJSON *axis) {
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(axis, "label");
    const cJSON *types = cJSON_GetObjectItemCaseSensitive(axis, "types");
    r->label = label ? read_text(r->part, label) : "label";
    return read_file_name(r) && r->label && (!types || read_types(r, types));
}

/* ---- CSV and TSV ---- */

/* A cell, by the type of its column. NULL after a reported fault. */
static cJSON *cell_value(const struct rows_axis *r, const char *column, const char *cell, size_t row) {
    const char *type = r->types ? json_text(r->types, column, NULL) : NULL;
    struct json_document *doc = NULL;
    if (!type)
        return cJSON_CreateString(cell);
    cJSON *value = json_parse(&doc, cell, strlen(cell), NULL, NULL) == 0 ? json_detach(doc) : NULL;
    if (value && (strcmp(type, "number") == 0 ? cJSON_IsNumber(value) : cJSON_IsBool(value)))
        return value;
    cJSON_Delete(value);
    report_file(r, "row %zu has \"%s\" as \"%s\", which is no %s; mend it, or leave its type out", row, cell, column,
                type);
    return NULL;
}

static bool has_name(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool check_columns(const struct rows_axis *r, const char *const *names, size_t count) {
    const char *repeated = NULL;
    for (size_t i = 0; i < count && count <= MAX_COLUMNS; i++)
        repeated = has_name(names, i, names[i]) ? names[i] : repeated;
    if (count > MAX_COLUMNS)
        report_file(r, "it has more than %d columns", MAX_COLUMNS);
    else if (has_name(names, count, ""))
        report_file(r, "a column has no name; the first line names each column");
    else if (repeated)
        report_file(r, "two columns are named \"%s\"; rename one", repeated);
    else
        return true;
    return false;
}

static bool check_types(const struct rows_axis *r, const char *const *names, size_t count) {
    bool good = true;
    const cJSON *type;
    cJSON_ArrayForEach(type, r->types) {
        bool known = has_name(names, count, type->string);
        if (!known)
            report_key(r->part, type, "%s has no column \"%s\"%s", r->file, type->string,
                       suggestion(r->part->reader, type->string, names, count, "it has none"));
        good &= known;
    }
    return good;
}

static bool add_cells(const struct rows_axis *r, cJSON *list, const struct csv *csv) {
    size_t width = csv->rows ? csv->columns[0] : 0;
    size_t at = width;
    const char *const *names = (const char *const *)csv->cells;
    if (!check_columns(r, names, width) || !check_types(r, names, width))
        return false;
    for (size_t row = 1; row < csv->rows; row++) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddItemToArray(list, object);
        if (csv->columns[row] != width) {
            report_file(r, "row %zu has %zu cells, and the header %zu", row, csv->columns[row], width);
            return false;
        }
        for (size_t i = 0; i < width; i++, at++) {
            cJSON *value = cell_value(r, csv->cells[i], csv->cells[at], row);
            if (!value)
                return false;
            cJSON_AddItemToObject(object, csv->cells[i], value);
        }
    }
    return true;
}

/* Our JSON scanner knows UTF-8. */
static bool is_utf8(const char *text) {
    struct buffer quoted = {0};
    struct json_document *doc = NULL;
    json_string(&quoted, text);
    bool good = json_parse(&doc, buffer_text(&quoted), quoted.size, NULL, NULL) == 0;
    json_free(doc);
    buffer_close(&quoted);
    return good;
}

static cJSON *read_cells(const struct rows_axis *r, const char *text, size_t size) {
    static const char mark[] = "\xEF\xBB\xBF"; /* some programs write it before UTF-8 */
    size_t skipped = strncmp(text, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
    struct csv csv;
    struct error err = {0};
    cJSON *list = cJSON_CreateArray();
    bool good = csv_parse(&csv, text + skipped, size - skipped, r->separator, &err) == 0;
    if (!good)
        report_file(r, "%s", err.message);
    else if (!is_utf8(text)) {
        report_file(r, "it is not UTF-8; save it as UTF-8");
        good = false;
    } else if (csv.rows > (size_t)MAX_AXIS_VALUES + 1) {
        report_file(r, "it has more than %d rows", MAX_AXIS_VALUES);
        good = false;
    }
    good = good && add_cells(r, list, &csv);
    csv_close(&csv);
    if (good)
        return list;
    cJSON_Delete(list);
    return NULL;
}

/* ---- JSON and YAML ---- */

static cJSON *read_data(const struct rows_axis *r, const char *text, size_t size) {
    cJSON *list = NULL;
    struct error err = {0};
    if (data_parse(&list, r->file, text, size, &err) < 0) {
        report_file(r, "%s", err.message);
        return NULL;
    }
    if (cJSON_IsArray(list) && cJSON_GetArraySize(list) <= MAX_AXIS_VALUES)
        return list;
    if (cJSON_IsArray(list))
        report_file(r, "it has more than %d rows", MAX_AXIS_VALUES);
    else
        report_file(r, "it is a list of objects; found %s", describe(r->part->reader, list));
    cJSON_Delete(list);
    return NULL;
}

/* ---- labels ---- */

static bool has_repeated_name(const cJSON *object) {
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        if (cJSON_GetObjectItemCaseSensitive(object, member->string) != member)
            return true;
    }
    return false;
}

/* Gives a row its label, as text. */
static bool add_label(const struct rows_axis *r, cJSON *row, size_t number) {
    const char *fault = NULL;
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(row, r->label);
    bool own = strcmp(r->label, "label") == 0;
    if (!cJSON_IsObject(row))
        fault = "is no object";
    else if (cJSON_GetArraySize(row) > MAX_COLUMNS)
        fault = "has more than 1000 members";
    else if (has_repeated_name(row))
        fault = "has a name twice";
    else if (!own && cJSON_GetObjectItemCaseSensitive(row, "label"))
        fault = "has a \"label\" already; rename that column, or leave \"label\" out of the axis";
    if (fault)
        report_file(r, "row %zu %s", number, fault);
    else if (!member)
        report_file(r, "row %zu has no \"%s\"; set \"label\" to the column that names a row", number, r->label);
    if (fault || !member)
        return false;
    struct buffer text = {0};
    data_put(&text, member);
    cJSON_DeleteItemFromObjectCaseSensitive(row, "label");
    json_add_text(row, "label", buffer_text(&text));
    buffer_close(&text);
    return true;
}

static bool add_labels(const struct rows_axis *r, cJSON *list) {
    size_t number = 0;
    bool good = true;
    cJSON *row;
    cJSON_ArrayForEach(row, list) {
        good = good && add_label(r, row, ++number);
    }
    if (!list->child)
        report_file(r, "it has no rows: the stage would have no instance");
    return good && list->child;
}

cJSON *axis_rows(struct part *part, const cJSON *axis) {
    struct rows_axis r = {.part = part, .node = cJSON_GetObjectItemCaseSensitive(axis, "rows")};
    struct error err = {0};
    struct buffer text = {0};
    if (!read_axis(&r, axis))
        return NULL;
    char *path = path_join(part->pipeline->directory, r.file);
    int rc = file_read(&text, path, MAX_BYTES, &err);
    free(path);
    if (rc == ERR_NOT_FOUND)
        report_value(part, r.node, "there is no file %s below the folder of %s", r.file, part->file);
    else if (rc < 0)
        report_value(part, r.node, "\"rows\": %s", err.message);
    cJSON *list = rc < 0        ? NULL
                  : r.separator ? read_cells(&r, buffer_text(&text), text.size)
                                : read_data(&r, buffer_text(&text), text.size);
    buffer_close(&text);
    if (list && !add_labels(&r, list)) {
        cJSON_Delete(list);
        list = NULL;
    }
    return list;
}
