/* The energy of a run, a row an attempt: what runs/<id>.json keeps, so that no joule of a failed or uncached attempt is
   forgotten and none is counted twice. */
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/internal.h"
#include "store/attempts.h"

static cJSON *unavailable(void) {
    cJSON *energy = mem_checked(cJSON_CreateObject());
    cJSON_AddStringToObject(energy, "label", "unavailable");
    cJSON_AddNullToObject(energy, "joules");
    cJSON_AddStringToObject(energy, "why", "its keeper was killed before it had written anything down");
    return energy;
}

/* The keeper was killed: what it had written down of its attempt is all that it says; else nobody knows. */
static void take_account(struct task *t) {
    cJSON *account = NULL;
    t->outcome.result = mem_checked(cJSON_CreateObject());
    store_attempt_read(t->run->store, t->attempt->id, &account, NULL);
    if (!account && !WIFSIGNALED(t->keeper_status)) /* it did not start */
        return;
    cJSON *energy = cJSON_DetachItemFromObjectCaseSensitive(account, "energy");
    cJSON_AddItemToObject(t->outcome.result, "energy", energy ? energy : unavailable());
    t->outcome.wall_s = json_double(account, "wall_s", (double)NAN);
    cJSON_Delete(account);
}

void run_energy_take(struct task *t) {
    if (!t->outcome.result && t->attempt)
        take_account(t);
    if (!t->share)
        return;
    const cJSON *kept = cJSON_GetObjectItemCaseSensitive(t->outcome.result, "energy");
    cJSON *record = energy_record(t->share, kept);
    cJSON_DeleteItemFromObjectCaseSensitive(t->outcome.result, "energy");
    if (record)
        cJSON_AddItemToObject(t->outcome.result, "energy", record);
}

static void add_number(cJSON *row, const char *name, double value) {
    mem_checked(isfinite(value) ? cJSON_AddNumberToObject(row, name, value) : cJSON_AddNullToObject(row, name));
}

static cJSON *describe(const struct task *t, const cJSON *energy) {
    static const char *const texts[] = {"label", "source"};
    static const char *const numbers[] = {"joules", "uncertainty_j", "cpu_s", "wall_s"};
    char hex[DIGEST_HEX_SIZE];
    const struct kind *kind = t->instance->action->kind;
    char *name = kind ? mem_printf("%s@%d", kind->name, kind->version) : mem_strdup("cmd");
    cJSON *row = mem_checked(cJSON_CreateObject());
    digest_hex(hex, &t->instance->key);
    cJSON_AddStringToObject(row, "row", "stage");
    cJSON_AddStringToObject(row, "stage", t->instance->name);
    cJSON_AddStringToObject(row, "key", hex);
    cJSON_AddStringToObject(row, "kind", name);
    cJSON_AddNumberToObject(row, "attempt", t->job.attempt);
    cJSON_AddBoolToObject(row, "finished", t->outcome.finished);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cJSON_AddStringToObject(row, texts[i], json_text(energy, texts[i], ""));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        add_number(row, numbers[i], json_double(energy, numbers[i], (double)NAN));
    const cJSON *attempts = cJSON_GetObjectItemCaseSensitive(energy, "attempts");
    if (attempts)
        cJSON_AddItemToObject(row, "attempts", mem_checked(cJSON_Duplicate(attempts, true)));
    free(name);
    return row;
}

void run_energy_add(struct run *r, const struct task *t) {
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(t->outcome.result, "energy");
    if (!cJSON_IsObject(energy)) /* it did not start */
        return;
    if (!r->energy_rows)
        r->energy_rows = mem_checked(cJSON_CreateArray());
    cJSON_AddItemToArray(r->energy_rows, describe(t, energy));
}

/* A part of the machine's joules that is no stage's. */
static void add_part(cJSON *rows, const cJSON *table, const char *part, const char *member) {
    cJSON *row = mem_checked(cJSON_CreateObject());
    cJSON_AddStringToObject(row, "row", part);
    cJSON_AddStringToObject(row, "label", json_text(table, "label", "unavailable"));
    cJSON_AddStringToObject(row, "source", json_text(table, "source", ""));
    add_number(row, "joules", json_double(table, member, (double)NAN));
    cJSON_AddItemToArray(rows, row);
}

/* Signals come in meanwhile. */
static bool is_stopped(void *context) {
    return run_signals(context) > 0;
}

void run_energy_base(struct run *r) {
    struct error err = {0};
    bool before = !r->base;
    if (before)
        r->base = energy_base_create(r->options->meter_root ? r->options->meter_root : "/", r->options->base_window_s);
    int rc = energy_base_measure(r->base, is_stopped, r, &err);
    if (rc < 0) {
        char *text = mem_printf("the base power %s is not known: %s", before ? "before" : "after", err.message);
        run_note(r, NULL, text);
        free(text);
    }
    if (rc < 0 && before) {
        energy_base_free(r->base);
        r->base = NULL;
    }
}

/* Both halves, where there are two: what was taken off while the run went on was the first. */
static void add_base(struct run *r, cJSON *table) {
    if (r->signals_seen == 0 && r->code == 0)
        run_energy_base(r);
    cJSON_DeleteItemFromObjectCaseSensitive(table, "baseline");
    cJSON_AddItemToObject(table, "baseline", mem_checked(meter_base_json(energy_base_power(r->base))));
}

cJSON *run_energy_table(struct run *r) {
    if (r->energy)
        uv_timer_stop(&r->energy_timer);
    cJSON *table = energy_close(r->energy);
    cJSON *rows = r->energy_rows ? r->energy_rows : mem_checked(cJSON_CreateArray());
    r->energy = NULL;
    r->energy_rows = NULL;
    if (table) {
        add_part(rows, table, "unresolved", "unresolved_j");
        add_part(rows, table, "other", "other_j");
        add_part(rows, table, "idle", "idle_j");
        if (r->base)
            add_base(r, table);
    } else {
        table = mem_checked(cJSON_CreateObject());
    }
    cJSON_AddItemToObject(table, "rows", rows);
    return table;
}
