#include "engine/lookup/known.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"

/* A record usually lists its outs in the order of the declaration, so the search begins at the same index. */
static const struct object *find_out(const struct known_record *record, size_t likely, const char *name) {
    for (size_t k = 0; k < record->out_count; k++) {
        const struct known_out *out = &record->outs[(likely + k) % record->out_count];
        if (strcmp(out->name, name) == 0)
            return &out->object;
    }
    return NULL;
}

/* `*complete` false: the record lacks an out that the instance must have. */
static int finish(bool *complete, struct plan *plan, struct instance *i, const struct known_record *record,
                  struct error *err) {
    const struct stage_decl *decl = i->decl;
    struct content *contents = mem_array(decl->out_count + 1, sizeof *contents);
    *complete = true;
    for (size_t k = 0; *complete && k < decl->out_count; k++) {
        const struct object *o = find_out(record, k, decl->outs[k].name);
        *complete = o || decl->outs[k].optional;
        if (o)
            contents[k] = (struct content){o->digest, o->size, o->directory, o->executable};
    }
    int rc = *complete ? plan_finish_known(plan, i, contents, record->metrics, err) : 0;
    free(contents);
    return rc;
}

int known_lookup(bool *known, struct plan *plan, struct store *store, const char *platform, struct drift *drift,
                 struct instance *i, struct error *err) {
    struct known_record record;
    *known = false;
    if (!i->decl->cache)
        return 0;
    int rc = store_known_find(store, &i->key, platform, &record, err);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0 && drift && record.python)
        drift_note(drift, i, record.python);
    if (rc == 0)
        rc = finish(known, plan, i, &record, err);
    if (rc < 0)
        error_prefix(err, "stage %s", instance_name(i));
    return rc;
}

static int look_up_all(struct plan *plan, struct store *store, const char *platform, struct drift *drift,
                       enum recall recall, struct diagnostics *diagnostics, struct error *err) {
    for (;;) {
        bool any = false;
        int rc = plan_advance(plan, diagnostics, err);
        for (struct instance *i; rc == 0 && (i = plan_next(plan));) {
            bool known;
            rc = known_lookup(&known, plan, store, platform, drift, i, err);
            any |= known || (rc == 0 && recall_failure(plan, store, recall, i));
        }
        if (rc < 0 || !any)
            return rc;
    }
}

int known_lookup_plan(struct plan *plan, struct store *store, const char *platform, struct drift *drift,
                      enum recall recall, struct diagnostics *diagnostics, struct error *err) {
    struct error fault = {0};
    store_read_begin(store);
    int rc = look_up_all(plan, store, platform, drift, recall, diagnostics, err);
    int ended = store_read_end(store, &fault);
    return rc == 0 && ended < 0 ? error_set(err, ended, "%s", fault.message) : rc;
}
