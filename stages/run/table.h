/* A table of means over groups of rows, with published values beside them, and the three forms it is written in. */
#ifndef RETORT_STAGES_RUN_TABLE_H
#define RETORT_STAGES_RUN_TABLE_H

#include "stages/run/group.h"
#include "stages/run/rows.h"
#include "stages/stage.h"

/* One number of the table, and the published one beside it. */
struct cell {
    struct mean ours; /* count 0: none */
    double published; /* NAN: none */
};

struct line {
    char **labels;      /* text of each row label; "" where there is none */
    struct cell *cells; /* one a column */
};

struct table {
    const struct stage *stage;
    const char *average_over, *published_by;
    enum spread spread;
    int digits;
    struct rows rows;
    cJSON *labels;        /* names of the row labels */
    const cJSON *columns; /* names of the columns */
    size_t label_count, column_count;
    bool *has_published; /* by column */
    struct line *lines;
    size_t count, capacity;
};

/* Append the table: with all digits, for people, for programs. */
void table_csv(struct buffer *out, const struct table *t);
void table_markdown(struct buffer *out, const struct table *t);
void table_json(struct buffer *out, const struct table *t);

/* Appends text for Markdown: escapes its signs, and replaces control characters by spaces. */
void markdown_text(struct buffer *out, const char *text);

#endif
