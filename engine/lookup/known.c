#include "engine/lookup/known.h"

#include <stdlib.h>

#include "engine/base/memory.h"
#include "engine/run/run.h"
#include "store/record_format.h"

static bool read_out(struct content *out, const cJSON *outs, const struct out_decl *decl) {
    struct object o;
    int rc = record_out_read(&o, cJSON_GetObjectItemCaseSensitive(outs, decl->name), NULL);
    *out = (struct content){o.digest, o.size, decl->type == OUT_DIRECTORY, o.executable};
    return rc == 0;
}

/* False: the record lacks an out that the instance declares. */
static bool finish(struct plan *plan, struct instance *i, const cJSON *record) {
    const struct stage_decl *decl = i->decl;
    const struct record_view r = record_read(record);
    struct content *contents = mem_array(decl->out_count + 1, sizeof *contents);
    bool complete = true;
    for (size_t k = 0; complete && k < decl->out_count; k++)
        complete = read_out(&contents[k], r.outs, &decl->outs[k]);
    if (complete)
        plan_finish(plan, i, contents, cJSON_IsObject(r.metrics) ? r.metrics : NULL);
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
        return error_set(err, rc, "stage %s: %s", instance_name(i), fault.message);
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
