/* CSV: what is read can be written, and read again as the same cells. */
#include <stdbool.h>
#include <string.h>

#include "engine/base/buffer.h"
#include "engine/base/csv.h"
#include "tests/fuzz/fuzz.h"

static void write_rows(struct buffer *out, const struct csv *csv) {
    size_t cell = 0;
    for (size_t row = 0; row < csv->rows; row++) {
        for (size_t column = 0; column < csv->columns[row]; column++) {
            buffer_puts(out, column ? "," : "");
            csv_cell(out, csv->cells[cell++]);
        }
        buffer_putc(out, '\n');
    }
    HOLDS(cell == csv->cell_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct csv csv = {0};
    struct csv again = {0};
    struct buffer text = {0};
    struct error err = {0};
    bool empty_row = false;
    if (csv_parse(&csv, (const char *)data, size, ',', &err) == 0) {
        size_t cell = 0;
        for (size_t row = 0; row < csv.rows; cell += csv.columns[row++]) /* a row of one empty cell is an empty line */
            empty_row |= csv.columns[row] == 1 && *csv.cells[cell] == '\0';
        write_rows(&text, &csv);
        HOLDS(csv_parse(&again, text.data, text.size, ',', &err) == 0);
        HOLDS(empty_row || (again.rows == csv.rows && again.cell_count == csv.cell_count));
        for (size_t i = 0; !empty_row && i < csv.cell_count; i++)
            HOLDS(strcmp(csv.cells[i], again.cells[i]) == 0);
    } else {
        HOLDS(err.code == ERR_INVALID && *err.message);
    }
    csv_close(&again);
    csv_close(&csv);
    buffer_close(&text);
    return 0;
}
