/* Stages that run although they are known: `run --force`. */
#include <string.h>

#include "engine/run/internal.h"

bool force_wants(const struct run *r, const struct instance *i) {
    struct digest name;
    if (!r->options->force || !i->named || !i->decl->cache)
        return false;
    sha256_bytes(&name, instance_name(i), strlen(instance_name(i)));
    return !key_map_get(&r->tally->finished, &name);
}

bool force_has_record(const struct run *r, const struct instance *i) {
    struct known_record known;
    return store_known_find(r->store, &i->key, r->options->same_platform ? r->platform : NULL, &known, NULL) == 0;
}

static const struct object *find_out(const struct known_record *known, const char *name) {
    for (size_t i = 0; i < known->out_count; i++)
        if (strcmp(known->outs[i].name, name) == 0)
            return &known->outs[i].object;
    return NULL;
}

static bool is_same(const struct task *t, const struct known_record *known) {
    const struct stage_decl *decl = t->instance->decl;
    bool same = known->out_count == decl->out_count;
    for (size_t i = 0; same && i < decl->out_count; i++) {
        const struct object *now = &t->attempt->outcome.outs[i], *before = find_out(known, decl->outs[i].name);
        same = before && digest_equal(&before->digest, &now->digest) && before->directory == now->directory &&
               before->executable == now->executable;
    }
    return same;
}

int force_add_record(bool *kept, struct task *t, const cJSON *record, struct error *err) {
    struct run *r = t->run;
    struct known_record known;
    const char *platform = r->options->same_platform ? r->platform : NULL;
    int rc = store_known_find(r->store, &t->instance->key, platform, &known, err);
    bool found = rc == 0;
    *kept = found && is_same(t, &known);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    if (*kept) {
        run_note(r, t->instance, "the same result: its earlier record stays");
        return 0;
    }
    rc = store_record_add(r->store, record, err);
    if (rc == 0)
        rc = store_withdraw(r->store, &t->instance->key, err);
    if (rc == 0 && found)
        run_note(r, t->instance, "another result: its earlier record is withdrawn");
    return rc;
}
