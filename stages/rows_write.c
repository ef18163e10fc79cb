#include "stages/rows_write.h"

#include "engine/base/csv.h"
#include "engine/base/json.h"

static void cell(struct buffer *out, const cJSON *value) {
    if (cJSON_IsString(value))
        csv_cell(out, value->valuestring);
    else if (cJSON_IsNumber(value))
        json_number(out, value->valuedouble);
}

void rows_csv(struct buffer *out, const cJSON *rows, const char *const *columns) {
    const cJSON *row;
    for (size_t c = 0; columns[c]; c++)
        buffer_printf(out, "%s%s", c ? "," : "", columns[c]);
    buffer_putc(out, '\n');
    cJSON_ArrayForEach(row, rows) {
        for (size_t c = 0; columns[c]; c++) {
            buffer_puts(out, c ? "," : "");
            cell(out, cJSON_GetObjectItemCaseSensitive(row, columns[c]));
        }
        buffer_putc(out, '\n');
    }
}

/* Members keep their order. */
static void line_json(struct buffer *out, const cJSON *value) {
    if (!cJSON_IsObject(value)) {
        json_canonical(out, value);
        return;
    }
    buffer_putc(out, '{');
    for (const cJSON *m = value->child; m; m = m->next) {
        buffer_puts(out, m == value->child ? "" : ", ");
        json_string(out, m->string);
        buffer_puts(out, ": ");
        line_json(out, m);
    }
    buffer_putc(out, '}');
}

void rows_json(struct buffer *out, const cJSON *rows, const char *indent) {
    const cJSON *row;
    buffer_putc(out, '[');
    cJSON_ArrayForEach(row, rows) {
        buffer_printf(out, "%s\n%s", row == rows->child ? "" : ",", indent);
        line_json(out, row);
    }
}
