#include "engine/command/energy_processors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/suggest.h"
#include "engine/meter/data.h"

static const char *const figures[] = {
    "cores",
    "ghz",
    "flop_per_clock",
    "tdp_w",
    "int8_tops",
    "kappa_f",
    "convolution_a_j",
    "convolution_b_j",
    "memory_j_per_byte",
};
static const char *const texts[] = {"name", "match", "source"};
enum { FIGURES = sizeof figures / sizeof *figures, TEXTS = sizeof texts / sizeof *texts, DIGITS = 6 };

static bool is_one_of(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int check_member(const cJSON *member, const char *file, const char *row, struct error *err) {
    const char *all[FIGURES + TEXTS];
    if (is_one_of(member->string, texts, TEXTS))
        return cJSON_IsString(member) ? 0
                                      : error_set(err, ERR_INVALID, "%s: processor \"%s\": \"%s\" is not a text", file,
                                                  row, member->string);
    if (is_one_of(member->string, figures, FIGURES))
        return cJSON_IsNumber(member) && member->valuedouble > 0
                   ? 0
                   : error_set(err, ERR_INVALID, "%s: processor \"%s\": \"%s\" is not a number above 0", file, row,
                               member->string);
    memcpy(all, figures, sizeof figures);
    memcpy(all + FIGURES, texts, sizeof texts);
    char *suggestion = suggest_text(member->string, all, FIGURES + TEXTS, "");
    int rc = error_set(err, ERR_INVALID, "%s: processor \"%s\": unknown figure \"%s\"%s", file, row, member->string,
                       suggestion);
    free(suggestion);
    return rc;
}

static cJSON *by_name(const cJSON *list, const char *name) {
    cJSON *row;
    cJSON_ArrayForEach(row, list)
        if (strcmp(json_text(row, "name", ""), name) == 0)
            return row;
    return NULL;
}

static int merge_row(cJSON *list, const cJSON *own, const char *file, struct error *err) {
    const char *name = json_text(own, "name", NULL);
    if (!name)
        return error_set(err, ERR_INVALID, "%s: a processor is an object with a \"name\"", file);
    cJSON *row = by_name(list, name);
    if (!row) {
        row = cJSON_CreateObject();
        cJSON_AddItemToArray(list, row);
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, own) {
        int rc = check_member(member, file, name, err);
        if (rc < 0)
            return rc;
        cJSON_DeleteItemFromObjectCaseSensitive(row, member->string);
        json_add_copy(row, member->string, member);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(row, "table");
    cJSON_AddStringToObject(row, "table", file);
    return 0;
}

static int merge_file(cJSON *list, const char *file, struct error *err) {
    struct json_document *document = NULL;
    int rc = json_read(&document, file, NULL, err);
    if (rc < 0)
        return rc;
    const cJSON *root = json_root(document), *own;
    const cJSON *rows = cJSON_IsArray(root) ? root : cJSON_GetObjectItemCaseSensitive(root, "processors");
    if (!cJSON_IsArray(rows))
        rc = error_set(err, ERR_INVALID, "%s: the file holds no list of processors, nor {\"processors\": [...]}", file);
    cJSON_ArrayForEach(own, rows)
        if (rc == 0)
            rc = merge_row(list, own, file, err);
    json_free(document);
    return rc;
}

/* Peak in GFLOP/s: cores x clock x FLOP per clock. */
static double peak_gflops(const cJSON *row) {
    const double none = (double)NAN;
    return json_double(row, "cores", none) * json_double(row, "ghz", none) * json_double(row, "flop_per_clock", none);
}

static void add_row(struct table *t, const cJSON *row, const char *table) {
    table_row(t);
    table_text(t, "name", json_text(row, "name", ""));
    for (size_t i = 0; i < FIGURES; i++) {
        double value = json_double(row, figures[i], (double)NAN);
        if (i < 5 || isfinite(value)) /* coefficients of other metrics, which only some rows have */
            table_number(t, figures[i], value, DIGITS);
    }
    table_number(t, "peak_gflops", peak_gflops(row), DIGITS);
    table_text(t, "match", json_text(row, "match", ""));
    table_text(t, "table", json_text(row, "table", table));
    table_text(t, "source", json_text(row, "source", ""));
}

int energy_processors_print(const char *file, enum table_format format, struct error *err) {
    cJSON *tree = NULL;
    int rc = meter_processors(&tree, err);
    cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "processors");
    if (rc == 0 && file)
        rc = merge_file(list, file, err);
    if (rc == 0) {
        struct table *t = table_create();
        struct buffer out = {0};
        const cJSON *row;
        cJSON_ArrayForEach(row, list)
            add_row(t, row, json_text(tree, "name", ""));
        table_print(&out, t, format);
        fputs(buffer_text(&out), stdout);
        buffer_close(&out);
        table_free(t);
    }
    cJSON_Delete(tree);
    return rc;
}
