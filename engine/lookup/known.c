#include "engine/lookup/known.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/run/run.h"

static const char mode_file[] = "0644", mode_executable[] = "0755";

cJSON *known_out(const struct object *o, enum out_type type) {
    char hex[DIGEST_HEX_SIZE];
    cJSON *out = cJSON_CreateObject();
    digest_hex(hex, &o->digest);
    cJSON_AddStringToObject(out, "sha256", hex);
    cJSON_AddNumberToObject(out, "size", (double)o->size);
    cJSON_AddStringToObject(out, "mode", o->executable || o->directory ? mode_executable : mode_file);
    cJSON_AddStringToObject(out, "type", action_out_type(type));
    return out;
}

static bool read_out(struct content *out, const cJSON *outs, const struct out_decl *decl) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(outs, decl->name);
    *out = (struct content){.size = (uint64_t)json_double(item, "size", 0), .directory = decl->type == OUT_DIRECTORY};
    out->executable = !out->directory && strcmp(json_text(item, "mode", ""), mode_executable) == 0;
    return item && digest_parse(&out->digest, json_text(item, "sha256", ""));
}

/* False: the record lacks an out that the instance declares. */
static bool finish(struct plan *plan, struct instance *i, const cJSON *record) {
    const struct action *action = i->action;
    const cJSON *outs = cJSON_GetObjectItemCaseSensitive(record, "outs");
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(record, "metrics");
    struct content *contents = mem_array(action->out_count + 1, sizeof *contents);
    cJSON *none = cJSON_CreateObject();
    bool complete = true;
    for (size_t k = 0; complete && k < action->out_count; k++)
        complete = read_out(&contents[k], outs, &action->outs[k]);
    if (complete)
        plan_finish(plan, i, contents, cJSON_IsObject(metrics) ? metrics : none);
    cJSON_Delete(none);
    free(contents);
    return complete;
}

int known_lookup(bool *known, struct plan *plan, struct store *store, const char *platform, struct instance *i,
                 struct error *err) {
    cJSON *record = NULL;
    struct error fault = {0};
    *known = false;
    if (!i->decl->cache)
        return 0;
    int rc = store_record_find(store, &i->key, platform, &record, &fault);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc < 0)
        return error_set(err, rc, "stage %s: %s", i->name, fault.message);
    *known = finish(plan, i, record);
    cJSON_Delete(record);
    return 0;
}

int run_lookup(struct plan *plan, struct store *store, const char *platform, struct diagnostics *diagnostics,
               struct error *err) {
    for (;;) {
        bool any = false;
        int rc = plan_advance(plan, diagnostics, err);
        for (struct instance *i; rc == 0 && (i = plan_next(plan));) {
            bool known;
            rc = known_lookup(&known, plan, store, platform, i, err);
            any = any || known;
        }
        if (rc < 0 || !any)
            return rc;
    }
}
