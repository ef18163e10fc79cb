#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/command/project.h"
#include "engine/report/table.h"

enum { JOULE_DIGITS = 4 };

/* Joules of a run. One key is counted once, however many stages share it. */
struct account {
    struct store *store;
    const char *run;
    struct table *table;
    double spent_j, saved_j;
    size_t unknown;
    bool modelled;
};

static bool is_repeated(const cJSON *row) {
    const char *key = json_text(row, "key", "");
    for (const cJSON *before = row->prev; before && before->next; before = before->prev)
        if (strcmp(json_text(before, "key", "-"), key) == 0)
            return true;
    return false;
}

static void add_stage(struct account *a, const cJSON *row) {
    struct digest key;
    cJSON *record = NULL;
    const char *hex = json_text(row, "key", "");
    if (!digest_parse(&key, hex) || is_repeated(row) || store_record_find(a->store, &key, NULL, &record, NULL) != 0)
        return;
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(record, "energy");
    const cJSON *resources = cJSON_GetObjectItemCaseSensitive(record, "resources");
    double joules = json_double(energy, "joules", (double)NAN);
    double cpu_s = json_double(resources, "user_s", 0) + json_double(resources, "system_s", 0);
    double wall_s = json_double(record, "wall_s", 0);
    const char *label = json_text(energy, "label", "unavailable");
    bool here = strcmp(json_text(record, "run", ""), a->run) == 0;
    table_row(a->table);
    table_text(a->table, "stage", json_text(row, "stage", "?"));
    table_number(a->table, "spent_j", here ? joules : 0, JOULE_DIGITS);
    table_number(a->table, "saved_j", here ? 0 : joules, JOULE_DIGITS);
    table_number(a->table, "uncertainty_j", json_double(energy, "uncertainty_j", (double)NAN), 2);
    table_text(a->table, "label", label);
    table_text(a->table, "source", json_text(energy, "source", ""));
    table_number(a->table, "cpu_s", cpu_s, JOULE_DIGITS);
    table_number(a->table, "wall_s", wall_s, JOULE_DIGITS);
    table_number(a->table, "mean_w", wall_s > 0 ? joules / wall_s : (double)NAN, 3);
    if (isnan(joules))
        a->unknown++;
    else if (here)
        a->spent_j += joules;
    else
        a->saved_j += joules;
    a->modelled |= strcmp(label, "modelled") == 0;
    cJSON_Delete(record);
}

static void print_account(const struct account *a, enum table_format format) {
    struct buffer out = {0};
    table_print(&out, a->table, format);
    if (format == TABLE_TEXT) {
        buffer_printf(&out, "\nrun %s: %.*g J spent now, %.*g J saved by what was known", a->run, JOULE_DIGITS,
                      a->spent_j, JOULE_DIGITS, a->saved_j);
        if (a->unknown)
            buffer_printf(&out, ", %zu stages without a figure", a->unknown);
        buffer_puts(&out,
                    a->modelled ? " (modelled: CPU seconds and memory times constants, no counter was read)\n" : "\n");
    }
    fputs(buffer_text(&out), stdout);
    buffer_close(&out);
}

static int run(const struct arguments *a, struct error *err) {
    struct store *store = NULL;
    cJSON *tree = NULL;
    int code = project_open_store(&store, a, err);
    if (code == 0)
        code = store_run_read(store, operand(a, 0) ? operand(a, 0) : "latest", &tree, err);
    if (code == 0) {
        struct account account = {.store = store, .run = json_text(tree, "id", "?"), .table = table_create()};
        const cJSON *row;
        cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(tree, "stages"))
            add_stage(&account, row);
        print_account(&account, argument_given(a, "json")  ? TABLE_JSON
                                : argument_given(a, "csv") ? TABLE_CSV
                                                           : TABLE_TEXT);
        table_free(account.table);
    }
    cJSON_Delete(tree);
    store_close(store);
    return code;
}

static const struct option options[] = {OPTION_JSON, {"csv", 0, NULL, "Print CSV"}, OPTION_STORE};

const struct command command_energy = {
    .name = "energy",
    .operands = "[RUN]",
    .summary = "joules by stage and source, spent now and saved by the cache",
    .doc = "Prints for every stage of a run (default: the newest) its joules with their label: measured (a counter was "
           "read), modelled (CPU seconds and memory times constants) or unavailable. What came from the store costs "
           "nothing now; what it cost when it ran is shown as saved. No joule is counted twice.",
    .options = options,
    .option_count = COUNT(options),
    .run = run,
};
