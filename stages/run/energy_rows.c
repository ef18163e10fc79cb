#include "stages/run/energy_rows.h"

#include <math.h>

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "stages/rows_write.h"

cJSON *energy_row_add(cJSON *list) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddItemToArray(list, row);
    return row;
}

void energy_row_number(cJSON *row, const char *name, double value) {
    if (isfinite(value))
        cJSON_AddNumberToObject(row, name, value);
}

void energy_row_text(cJSON *row, const char *name, const char *text) {
    if (*text)
        cJSON_AddStringToObject(row, name, text);
}

static int csv_write(const struct stage *s, const char *name, const cJSON *list, const char *const *columns,
                     struct error *err) {
    struct buffer text = {0};
    rows_csv(&text, list, columns);
    int rc = stage_write(s, name, text.data, text.size, err);
    buffer_close(&text);
    return rc;
}

static int json_write(const struct stage *s, const char *name, const cJSON *list, struct error *err) {
    struct buffer text = {0};
    const cJSON *row;
    buffer_puts(&text, "{\"rows\": [");
    cJSON_ArrayForEach(row, list) {
        buffer_puts(&text, row != list->child ? ",\n" : "\n");
        json_canonical(&text, row);
    }
    buffer_puts(&text, "\n]}\n");
    int rc = stage_write(s, name, text.data, text.size, err);
    buffer_close(&text);
    return rc;
}

int energy_rows_write(const struct stage *s, const char *csv, const char *json, const cJSON *list,
                      const char *const *columns, struct error *err) {
    int rc = csv_write(s, csv, list, columns, err);
    return rc == 0 && json ? json_write(s, json, list, err) : rc;
}
