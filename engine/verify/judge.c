#include "engine/verify/judge.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/verify/compare.h"
#include "store/record_format.h"

/* The record to compare with: of this platform, where there is one. */
static int find_record(cJSON **out, const struct attempt *a, struct error *err) {
    struct store *store = a->all->options.store;
    int rc = store_record_find(store, &a->instance->key, a->all->platform, out, err);
    return rc == ERR_NOT_FOUND ? store_record_find(store, &a->instance->key, NULL, out, err) : rc;
}

/* The share by which metrics may differ; negative: the bytes are compared. */
static double tolerance_of(const struct attempt *a, const cJSON *record) {
    const struct kind *kind = a->instance->action->kind;
    bool elsewhere = strcmp(record_read(record).platform, a->all->platform) != 0;
    if (!a->instance->decl->deterministic)
        return a->instance->decl->tolerance;
    if (kind && (kind->measures_machine || (elsewhere && kind->tolerance > 0)))
        return kind->tolerance;
    return -1;
}

/* ---- outs ---- */

/* Puts the recorded object beside the new one, under work/, and looks for the first difference. */
static int find_first(cJSON **out, const struct attempt *a, const struct out_decl *decl, const cJSON *recorded,
                      struct error *err) {
    struct object o;
    char *aside = mem_printf("%s/recorded/%s", a->directory->root, decl->name);
    char *now = path_join(a->directory->stage, decl->path);
    struct error fault = {0};
    *out = NULL;
    int rc = record_out_read(&o, recorded, NULL);
    if (rc == 0)
        rc = store_materialise(a->all->options.store, &o, aside, MATERIALISE_LINK, &fault);
    if (rc == 0)
        rc = compare_paths(out, aside, now, &fault);
    free(now);
    free(aside);
    return rc == ERR_IO ? error_set(err, rc, "%s", fault.message) : 0;
}

static bool is_other(const cJSON *recorded, const struct object *now) {
    struct object o;
    return record_out_read(&o, recorded, NULL) < 0 || !digest_equal(&o.digest, &now->digest);
}

static int compare_out(cJSON *outs, const struct attempt *a, size_t index, const cJSON *recorded, struct error *err) {
    const struct out_decl *decl = &a->instance->action->outs[index];
    bool absent = digest_is_zero(&a->outcome.outs[index].digest);
    cJSON *now = absent ? cJSON_CreateNull() : attempt_out_json(decl, &a->outcome.outs[index]);
    cJSON *first = NULL;
    int rc = 0;
    if (recorded ? json_equal(recorded, now) : absent) {
        cJSON_Delete(now);
        return 0;
    }
    if (recorded && !absent && is_other(recorded, &a->outcome.outs[index]))
        rc = find_first(&first, a, decl, recorded, err);
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", decl->name);
    json_add_copy(item, "recorded", recorded);
    cJSON_AddItemToObject(item, "now", now);
    cJSON_AddItemToObject(item, "first", first ? first : cJSON_CreateNull());
    cJSON_AddItemToArray(outs, item);
    return rc;
}

static int compare_outs(cJSON *outs, const struct attempt *a, const cJSON *record, struct error *err) {
    const cJSON *recorded = record_read(record).outs;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->instance->action->out_count; i++)
        rc =
            compare_out(outs, a, i, cJSON_GetObjectItemCaseSensitive(recorded, a->instance->action->outs[i].name), err);
    return rc;
}

/* ---- the judgement ---- */

static const char *verdict_of(bool bytes_differ, bool metrics_differ, double tolerance) {
    if (!bytes_differ && !metrics_differ)
        return "same";
    return tolerance >= 0 && !metrics_differ ? "within" : "differs";
}

static int compare(cJSON *stage, const struct attempt *a, const cJSON *record, struct error *err) {
    double tolerance = tolerance_of(a, record);
    bool beyond = false;
    cJSON *outs = cJSON_AddArrayToObject(stage, "outs");
    int rc = compare_outs(outs, a, record, err);
    cJSON_AddItemToObject(
        stage, "metrics",
        compare_metrics(record_read(record).metrics, a->outcome.metrics, tolerance > 0 ? tolerance : 0, &beyond));
    cJSON_AddItemToObject(stage, "tolerance", tolerance >= 0 ? cJSON_CreateNumber(tolerance) : cJSON_CreateNull());
    cJSON_AddStringToObject(stage, "verdict", verdict_of(outs->child, beyond, tolerance));
    return rc;
}

static void add_failure(cJSON *stage, const char *reason) {
    cJSON_AddArrayToObject(stage, "outs");
    cJSON_AddArrayToObject(stage, "metrics");
    cJSON_AddNullToObject(stage, "tolerance");
    cJSON_AddStringToObject(stage, "verdict", "failed");
    cJSON_AddStringToObject(stage, "reason", reason);
}

int verify_judge(cJSON **out, struct attempt *a, bool timed_out, struct error *err) {
    struct error fault = {0};
    cJSON *record = NULL;
    char key[DIGEST_HEX_SIZE];
    cJSON *stage = cJSON_CreateObject();
    int rc = a->code;
    digest_hex(key, &a->instance->key);
    cJSON_AddStringToObject(stage, "stage", instance_name(a->instance));
    cJSON_AddStringToObject(stage, "key", key);
    if (rc < 0)
        fault = a->error;
    else if (!a->outcome.finished)
        rc = error_set(&fault, ERR_FAILED, "%s%s", timed_out ? "timed out: " : "", a->outcome.reason);
    if (rc == 0)
        rc = inputs_check_after(a, "while the stage ran", &fault);
    if (rc == 0)
        rc = find_record(&record, a, &fault);
    if (rc == 0)
        rc = compare(stage, a, record, &fault);
    else if (rc != ERR_IO)
        add_failure(stage, fault.message);
    cJSON_AddItemToObject(stage, "recorded", record ? record : cJSON_CreateNull());
    cJSON_AddItemToObject(stage, "now", attempt_record(a));
    *out = stage;
    if (rc != ERR_IO)
        return 0;
    cJSON_Delete(stage);
    *out = NULL;
    return error_set(err, rc, "stage %s: %s", instance_name(a->instance), fault.message);
}
