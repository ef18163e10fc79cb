#include "engine/command/energy_account.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/meter/meter.h"
#include "store/attempts.h"
#include "store/record_format.h"

/* The figures of one attempt or one record. */
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
    row->saved_count += e->saved;
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

/* ---- spent and saved ---- */

static void add_view(struct energy_account *a, const char *stage, const char *kind, const struct energy_view *v,
                     bool saved) {
    const struct entry e = {.stage = *stage ? stage : "?",
                            .kind = kind,
                            .label = v->label,
                            .source = v->source,
                            .joules = v->joules,
                            .uncertainty_j = v->uncertainty_j,
                            .cpu_s = v->cpu_s,
                            .wall_s = v->wall_s,
                            .saved = saved};
    add(a, &e);
}

static void add_attempt(struct energy_account *a, const cJSON *item) {
    const struct run_file_row row = run_file_row_read(item);
    const struct energy_view view = energy_view_read(item);
    if (strcmp(row.part, "stage") == 0)
        add_view(a, row.stage, row.kind, &view, false);
}

/* Without a meter the energy has no times; those of the record are used. */
static void add_record(struct energy_account *a, const char *stage, const struct record_view *r,
                       struct energy_view view, bool saved) {
    view.cpu_s = isnan(view.cpu_s) ? r->user_s + r->system_s : view.cpu_s;
    view.wall_s = isnan(view.wall_s) ? r->wall_s : view.wall_s;
    add_view(a, stage, r->kind, &view, saved);
}

/* Adds an attempt of a killed run: the record of a finished stage, or a keeper's account. */
static void add_left(void *context, const cJSON *record) {
    const struct record_view r = record_read(record);
    if (cJSON_IsObject(r.energy)) /* otherwise the attempt never began */
        add_record(context, r.stage, &r, energy_view_read(r.energy), false);
}

/* A key that several stages share was computed once. Keys that this run recorded are among its attempts. */
static void add_known(struct energy_account *a, struct store *store, const struct run_file *run, const cJSON *item,
                      struct bytemap *seen) {
    const struct run_file_stage stage = run_file_stage_read(item);
    struct digest key;
    cJSON *record = NULL;
    if (strcmp(stage.state, "known") != 0 || !digest_parse(&key, stage.key) ||
        bytemap_get(seen, stage.key, strlen(stage.key)))
        return;
    bytemap_put(seen, stage.key, strlen(stage.key), seen);
    if (store_record_find(store, &key, NULL, &record, NULL) < 0)
        return;
    const struct record_view r = record_read(record);
    if (strcmp(r.run, run->id) != 0)
        add_record(a, stage.stage, &r, energy_view_all(r.energy), true);
    cJSON_Delete(record);
}

int energy_account_read(struct energy_account *out, struct store *store, const struct run_file *run, enum energy_by by,
                        struct error *err) {
    struct bytemap seen = {0};
    const cJSON *item;
    *out = (struct energy_account){.by = by};
    int code = run->ended ? 0 : store_run_records(store, run->id, add_left, out, err);
    if (code < 0)
        return code;
    cJSON_ArrayForEach(item, run->rows)
        add_attempt(out, item);
    store_read_begin(store);
    cJSON_ArrayForEach(item, run->stages)
        add_known(out, store, run, item, &seen);
    store_read_end(store, NULL);
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
