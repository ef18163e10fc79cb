/* Reads rows: of CSV and TSV, or a list in JSON or YAML. */
#include "engine/pipeline/rows.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/data.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/suggest.h"

enum { MAX_COLUMNS = 1000 };

struct rows {
    const char *name;
    char separator; /* of cells; 0: the file is JSON or YAML */
    const struct rows_form *form;
    struct error *err;
};

static void fault(const struct rows *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fault(const struct rows *r, const char *format, ...) {
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    error_set(r->err, ERR_INVALID, "%s: %s", r->name, buffer_text(&text));
    buffer_close(&text);
}

static bool ends_in(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

char rows_separator(const char *name) {
    if (ends_in(name, ".csv"))
        return ',';
    return ends_in(name, ".tsv") ? '\t' : '\0';
}

bool rows_are_in(const char *name) {
    return rows_separator(name) || ends_in(name, ".json") || data_is_yaml(name);
}

/* ---- CSV and TSV ---- */

/* A cell, by the type of its column. NULL after a reported fault. */
static cJSON *cell_value(struct rows *r, const char *column, const char *cell, size_t row) {
    const char *type = r->form->types ? json_text(r->form->types, column, NULL) : NULL;
    struct json_document *doc = NULL;
    if (!type)
        return cJSON_CreateString(cell);
    cJSON *value = json_parse(&doc, cell, strlen(cell), NULL, NULL) == 0 ? json_detach(doc) : NULL;
    if (value && (strcmp(type, "number") == 0 ? cJSON_IsNumber(value) : cJSON_IsBool(value)))
        return value;
    cJSON_Delete(value);
    fault(r, "row %zu has \"%s\" as \"%s\", which is no %s; mend it, or leave its type out", row, cell, column, type);
    return NULL;
}

static bool has_name(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool check_columns(struct rows *r, const char *const *names, size_t count) {
    const char *repeated = NULL;
    for (size_t i = 0; i < count && count <= MAX_COLUMNS; i++)
        repeated = has_name(names, i, names[i]) ? names[i] : repeated;
    if (count > MAX_COLUMNS)
        fault(r, "it has more than %d columns", MAX_COLUMNS);
    else if (has_name(names, count, ""))
        fault(r, "a column has no name; the first line names each column");
    else if (repeated)
        fault(r, "two columns are named \"%s\"; rename one", repeated);
    else
        return true;
    return false;
}

static void unknown_column(struct rows *r, const char *name, const char *const *names, size_t count) {
    struct buffer text = {0};
    const char *near = suggest_nearest(name, names, count);
    buffer_printf(&text, "%s has no column \"%s\"; ", r->name, name);
    if (near)
        buffer_printf(&text, "did you mean \"%s\"? There are: ", near);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%s%s", i ? ", " : near ? "" : "there are: ", names[i]);
    error_set(r->err, ERR_INVALID, "%s", buffer_text(&text));
    buffer_close(&text);
}

static bool check_types(struct rows *r, const char *const *names, size_t count) {
    bool good = true;
    const cJSON *type;
    cJSON_ArrayForEach(type, r->form->types) {
        bool known = has_name(names, count, type->string);
        if (!known)
            unknown_column(r, type->string, names, count);
        good &= known;
    }
    return good;
}

static bool add_cells(struct rows *r, cJSON *list, const struct csv *csv) {
    size_t width = csv->rows ? csv->columns[0] : 0;
    size_t at = width;
    const char *const *names = (const char *const *)csv->cells;
    if (!check_columns(r, names, width) || !check_types(r, names, width))
        return false;
    for (size_t row = 1; row < csv->rows; row++) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddItemToArray(list, object);
        if (csv->columns[row] != width) {
            fault(r, "row %zu has %zu cells, and the header %zu", row, csv->columns[row], width);
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

static cJSON *read_cells(struct rows *r, const char *text, size_t size) {
    static const char mark[] = "\xEF\xBB\xBF"; /* some programs write it before UTF-8 */
    size_t skipped = strncmp(text, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
    struct csv csv;
    struct error err = {0};
    cJSON *list = cJSON_CreateArray();
    bool good = csv_parse(&csv, text + skipped, size - skipped, r->separator, &err) == 0;
    if (!good)
        fault(r, "%s", err.message);
    else if (!is_utf8(text)) {
        fault(r, "it is not UTF-8; save it as UTF-8");
        good = false;
    } else if (csv.rows > (size_t)ROWS_MAX + 1) {
        fault(r, "it has more than %d rows", ROWS_MAX);
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

static cJSON *read_data(struct rows *r, const char *text, size_t size) {
    cJSON *list = NULL;
    struct error err = {0};
    if (data_parse(&list, r->name, text, size, &err) < 0) {
        fault(r, "%s", err.message);
        return NULL;
    }
    if (cJSON_IsArray(list) && cJSON_GetArraySize(list) <= ROWS_MAX)
        return list;
    if (cJSON_IsArray(list))
        fault(r, "it has more than %d rows", ROWS_MAX);
    else
        fault(r, "it is a list of objects; found %s", cJSON_IsObject(list) ? "an object" : "one value");
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
static bool add_label(struct rows *r, cJSON *row, size_t number) {
    const char *wrong = NULL;
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(row, r->form->label);
    bool own = strcmp(r->form->label, "label") == 0;
    if (!cJSON_IsObject(row))
        wrong = "is no object";
    else if (cJSON_GetArraySize(row) > MAX_COLUMNS)
        wrong = "has more than 1000 members";
    else if (has_repeated_name(row))
        wrong = "has a name twice";
    else if (!own && cJSON_GetObjectItemCaseSensitive(row, "label"))
        wrong = "has a \"label\" already; rename that column, or leave \"label\" out of the axis";
    if (wrong)
        fault(r, "row %zu %s", number, wrong);
    else if (!member)
        fault(r, "row %zu has no \"%s\"; set \"label\" to the column that names a row", number, r->form->label);
    if (wrong || !member)
        return false;
    struct buffer text = {0};
    data_put(&text, member);
    cJSON_DeleteItemFromObjectCaseSensitive(row, "label");
    json_add_text(row, "label", buffer_text(&text));
    buffer_close(&text);
    return true;
}

/* A list of texts, numbers and truths is one of values as they are. */
static bool is_plain(const cJSON *list) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (cJSON_IsObject(item) || cJSON_IsArray(item) || cJSON_IsNull(item))
            return false;
    }
    return list->child != NULL;
}

static bool add_labels(struct rows *r, cJSON *list) {
    size_t number = 0;
    bool good = true;
    cJSON *row;
    cJSON_ArrayForEach(row, list) {
        good = good && add_label(r, row, ++number);
    }
    if (!list->child)
        fault(r, "it has no rows: the stage would have no instance");
    return good && list->child;
}

int rows_parse(cJSON **out, const struct rows_form *form, const char *name, const char *text, size_t size,
               struct error *err) {
    struct rows r = {.name = name, .separator = rows_separator(name), .form = form, .err = err};
    *out = NULL;
    cJSON *list = r.separator ? read_cells(&r, text, size) : read_data(&r, text, size);
    if (list && !is_plain(list) && !add_labels(&r, list)) {
        cJSON_Delete(list);
        list = NULL;
    }
    *out = list;
    return list ? 0 : ERR_INVALID;
}
