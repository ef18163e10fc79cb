#include "engine/command/energy_account.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/attempts.h"

/* What one attempt or one record says. */
struct entry {
    const char *stage, *kind, *label, *source;
    double joules, uncertainty_j, cpu_s, wall_s;
    bool saved;
};

static char *name_of(const struct entry *e, enum energy_by by) {
    if (by == ENERGY_BY_STAGE)
        return mem_strndup(e->stage, strcspn(e->stage, "["));
    return mem_strdup(by == ENERGY_BY_KIND ? e->kind : by == ENERGY_BY_SOURCE ? e->source : e->stage);
}

static struct energy_row *row_create(const char *name, const struct entry *e) {
    struct energy_row *row = mem_alloc(sizeof *row);
    row->name = mem_strdup(name);
    row->kind = mem_strdup(e->kind);
    row->label = mem_strdup(e->label);
    row->source = mem_strdup(e->source);
    row->spent_j = row->saved_j = isnan(e->joules) ? (double)NAN : 0;
    return row;
}

static void row_free(struct energy_row *row) {
    free(row->key);
    free(row->name);
    free(row->kind);
    free(row->label);
    free(row->source);
    free(row);
}

static void row_add(struct energy_row *row, const struct entry *e) {
    *(e->saved ? &row->saved_j : &row->spent_j) += e->joules;
    row->uncertainty_j += e->uncertainty_j;
    row->cpu_s += e->cpu_s;
    row->wall_s += e->wall_s;
    row->count++;
    if (row->kind && strcmp(row->kind, e->kind) != 0) {
        free(row->kind);
        row->kind = NULL;
    }
}

static struct energy_row *find_row(struct energy_account *a, const struct entry *e) {
    char *name = name_of(e, a->by);
    char *key = mem_printf("%s\n%s\n%s", name, e->label, e->source);
    struct energy_row *row = bytemap_get(&a->index, key, strlen(key));
    if (!row) {
        row = row_create(name, e);
        mem_grow(a->rows, &a->capacity, a->count + 1);
        a->rows[a->count++] = row;
        row->key = key;
        bytemap_put(&a->index, key, strlen(key), row);
    } else {
        free(key);
    }
    free(name);
    return row;
}

static struct energy_row *find_total(struct energy_account *a, const struct entry *e) {
    for (size_t i = 0; i < a->total_count; i++)
        if (strcmp(a->totals[i]->label, e->label) == 0)
            return a->totals[i];
    mem_grow(a->totals, &a->total_capacity, a->total_count + 1);
    return a->totals[a->total_count++] = row_create("total", e);
}

static void add(struct energy_account *a, const struct entry *e) {
    row_add(find_row(a, e), e);
    row_add(find_total(a, e), e);
}

/* ---- what was spent, what was known ---- */

static void add_attempt(struct energy_account *a, const cJSON *row) {
    const struct entry e = {.stage = json_text(row, "stage", "?"),
                            .kind = json_text(row, "kind", ""),
                            .label = json_text(row, "label", "unavailable"),
                            .source = json_text(row, "source", ""),
                            .joules = json_double(row, "joules", (double)NAN),
                            .uncertainty_j = json_double(row, "uncertainty_j", (double)NAN),
                            .cpu_s = json_double(row, "cpu_s", 0),
                            .wall_s = json_double(row, "wall_s", 0)};
    add(a, &e);
}

static void add_record(struct energy_account *a, const char *stage, const cJSON *record) {
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(record, "energy");
    const cJSON *resources = cJSON_GetObjectItemCaseSensitive(record, "resources");
    const cJSON *attempts =
        cJSON_GetObjectItemCaseSensitive(energy, "attempts"); /* all that worked on its checkpoint */
    double cpu_s = json_double(resources, "user_s", 0) + json_double(resources, "system_s", 0);
    const struct entry e = {.stage = stage,
                            .kind = json_text(record, "kind", ""),
                            .label = json_text(energy, "label", "unavailable"),
                            .source = json_text(energy, "source", ""),
                            .joules = json_double(attempts ? attempts : energy, "joules", (double)NAN),
                            .uncertainty_j = json_double(energy, "uncertainty_j", (double)NAN),
                            .cpu_s = json_double(attempts, "cpu_s", cpu_s),
                            .wall_s = json_double(attempts, "wall_s", json_double(record, "wall_s", 0)),
                            .saved = true};
    add(a, &e);
}

/* What a run that was killed left: records of finished stages, accounts of those that it took with it. */
static void add_left(void *context, const cJSON *record) {
    struct energy_account *a = context;
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(record, "energy");
    const struct entry e = {.stage = json_text(record, "stage", "?"),
                            .kind = json_text(record, "kind", ""),
                            .label = json_text(energy, "label", "unavailable"),
                            .source = json_text(energy, "source", ""),
                            .joules = json_double(energy, "joules", (double)NAN),
                            .uncertainty_j = json_double(energy, "uncertainty_j", (double)NAN),
                            .cpu_s = json_double(energy, "cpu_s", 0),
                            .wall_s = json_double(record, "wall_s", 0)};
    if (cJSON_IsObject(energy)) /* else it never began */
        add(a, &e);
}

/* A key that stands for several stages was worked out once; what this run itself recorded is among its attempts. */
static void add_known(struct energy_account *a, struct store *store, const cJSON *run, const cJSON *stage,
                      struct bytemap *seen) {
    struct digest key;
    cJSON *record = NULL;
    const char *hex = json_text(stage, "key", "");
    if (strcmp(json_text(stage, "state", ""), "known") != 0 || !digest_parse(&key, hex) ||
        bytemap_get(seen, hex, strlen(hex)))
        return;
    bytemap_put(seen, hex, strlen(hex), seen);
    if (store_record_find(store, &key, NULL, &record, NULL) < 0)
        return;
    if (strcmp(json_text(record, "run", ""), json_text(run, "id", "-")) != 0)
        add_record(a, json_text(stage, "stage", "?"), record);
    cJSON_Delete(record);
}

int energy_account_read(struct energy_account *out, struct store *store, const cJSON *run, enum energy_by by,
                        struct error *err) {
    struct bytemap seen = {0};
    const cJSON *item;
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(run, "energy");
    *out = (struct energy_account){.by = by, .open = !cJSON_GetObjectItemCaseSensitive(run, "ended")};
    int code = out->open ? store_run_records(store, json_text(run, "id", ""), add_left, out, err) : 0;
    if (code < 0)
        return code;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(energy, "rows"))
        if (strcmp(json_text(item, "row", ""), "stage") == 0)
            add_attempt(out, item);
    store_read_begin(store);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(run, "stages"))
        add_known(out, store, run, item, &seen);
    store_read_end(store);
    bytemap_close(&seen);
    return 0;
}

static void rows_free(struct energy_row **rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        row_free(rows[i]);
    free(rows);
}

void energy_account_close(struct energy_account *a) {
    bytemap_close(&a->index);
    rows_free(a->rows, a->count);
    rows_free(a->totals, a->total_count);
    *a = (struct energy_account){0};
}
