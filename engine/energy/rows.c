#include "engine/energy/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "store/attempts.h"

/* ---- rows ---- */

cJSON *row_of_attempt(const struct instance *i, const struct attempt_end *end, const cJSON *energy) {
    static const char *const texts[] = {"label", "source"};
    static const char *const numbers[] = {"joules", "uncertainty_j", "cpu_s", "wall_s"};
    char *kind = kind_uses(i->decl->kind);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "row", "stage");
    cJSON_AddStringToObject(row, "stage", instance_name(i));
    json_add_digest(row, "key", &i->key);
    cJSON_AddStringToObject(row, "kind", kind);
    cJSON_AddNumberToObject(row, "attempt", end->number);
    cJSON_AddBoolToObject(row, "finished", end->finished);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        cJSON_AddStringToObject(row, texts[k], json_text(energy, texts[k], ""));
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        json_add_number(row, numbers[k], json_double(energy, numbers[k], (double)NAN));
    const cJSON *attempts = cJSON_GetObjectItemCaseSensitive(energy, "attempts");
    if (attempts)
        json_add_copy(row, "attempts", attempts);
    free(kind);
    return row;
}

void rows_add_parts(cJSON *rows, const cJSON *table) {
    static const struct {
        const char *row, *member;
    } parts[] = {{"unresolved", "unresolved_j"}, {"other", "other_j"}, {"idle", "idle_j"}};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "row", parts[k].row);
        cJSON_AddStringToObject(row, "label", json_text(table, "label", "unavailable"));
        cJSON_AddStringToObject(row, "source", json_text(table, "source", ""));
        json_add_number(row, "joules", json_double(table, parts[k].member, (double)NAN));
        cJSON_AddItemToArray(rows, row);
    }
}

/* ---- a keeper that left no result ---- */

static cJSON *unavailable(void) {
    cJSON *energy = cJSON_CreateObject();
    cJSON_AddStringToObject(energy, "label", "unavailable");
    cJSON_AddNullToObject(energy, "joules");
    cJSON_AddStringToObject(energy, "why", "its keeper was killed before it had written anything down");
    return energy;
}

void row_read_account(struct attempt_end *end, struct store *store) {
    cJSON *account = NULL;
    store_attempt_read(store, end->id, &account, NULL);
    if (!account && !end->killed)
        return;
    cJSON *energy = cJSON_DetachItemFromObjectCaseSensitive(account, "energy");
    end->energy = energy ? energy : unavailable();
    end->wall_s = json_double(account, "wall_s", (double)NAN);
    cJSON_Delete(account);
}

/* ---- several attempts at one stage ---- */

struct total {
    const char *label; /* of the last attempt: joules under other labels are not added */
    size_t count, unknown;
    double joules, cpu_s, wall_s;
};

static void total_add(struct total *t, const cJSON *energy) {
    double joules = json_double(energy, "joules", (double)NAN);
    t->count++;
    t->cpu_s += json_double(energy, "cpu_s", 0);
    t->wall_s += json_double(energy, "wall_s", 0);
    if (isfinite(joules) && strcmp(json_text(energy, "label", ""), t->label) == 0)
        t->joules += joules;
    else
        t->unknown++;
}

/* An attempt without a record, or of unknown length, has unknown joules. An attempt of length 0 never began. */
static void add_earlier(struct total *total, cJSON *names, struct store *store, const char *attempt) {
    cJSON *record = NULL;
    store_attempt_read(store, attempt, &record, NULL);
    if (json_double(record, "wall_s", (double)NAN) != 0) {
        total_add(total, cJSON_GetObjectItemCaseSensitive(record, "energy"));
        cJSON_AddItemToArray(names, cJSON_CreateString(attempt));
    }
    cJSON_Delete(record);
}

static cJSON *total_json(const struct total *t, cJSON *earlier) {
    cJSON *attempts = cJSON_CreateObject();
    cJSON_AddNumberToObject(attempts, "count", (double)t->count);
    cJSON_AddNumberToObject(attempts, "unknown", (double)t->unknown);
    cJSON_AddStringToObject(attempts, "label", t->label);
    json_add_number(attempts, "joules", t->unknown < t->count ? t->joules : (double)NAN);
    cJSON_AddNumberToObject(attempts, "cpu_s", t->cpu_s);
    cJSON_AddNumberToObject(attempts, "wall_s", t->wall_s);
    cJSON_AddItemToObject(attempts, "earlier", earlier);
    return attempts;
}

void row_add_earlier(cJSON *energy, struct store *store, const struct digest *key, const struct attempt_end *end) {
    struct total total = {.label = json_text(energy, "label", "unavailable")};
    struct texts names = {0};
    cJSON *earlier = cJSON_CreateArray();
    store_checkpoint_attempts(&names, store, key, end->platform);
    for (size_t k = 0; k < names.count; k++)
        if (strcmp(names.list[k], end->id) != 0)
            add_earlier(&total, earlier, store, names.list[k]);
    texts_close(&names);
    if (total.count == 0) {
        cJSON_Delete(earlier);
        return;
    }
    total_add(&total, energy);
    cJSON_AddItemToObject(energy, "attempts", total_json(&total, earlier));
}
