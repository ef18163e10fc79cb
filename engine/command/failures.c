#include "engine/command/failures.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "store/attempts.h"
#include "store/record_format.h"

void failure_put(struct buffer *out, const char *when, const char *reason) {
    buffer_printf(out, "failed%s%s: %s", *when ? " at " : "", when, *reason ? reason : "no reason is known");
}

void failure_put_directory(struct buffer *out, const struct project *p, const struct instance *i) {
    char *kept = store_failed_path(p->store, p->pipeline->name, instance_name(i));
    if (file_is_directory(kept))
        buffer_printf(out, "  the directory of its last failure: %s\n", kept);
    free(kept);
}

/* Interrupted attempts and those of `verify` tell nothing about the stage. */
static void note(struct failure *f, const struct record_view *r) {
    bool failed = strcmp(r->state, "failed") == 0;
    f->searched = failed || strcmp(r->state, "finished") == 0;
    if (!failed)
        return;
    f->reason = mem_strdup(r->reason);
    f->when = mem_strdup(r->end);
}

static struct failure *find(const struct failures *all, const struct digest *key) {
    return bytemap_get(&all->by_key, key->bytes, sizeof key->bytes);
}

static bool is_wanted(void *context, const struct digest *key) {
    const struct failure *f = find(context, key);
    return f && !f->searched;
}

static void visit(void *context, const struct digest *key, const cJSON *record) {
    struct failure *f = find(context, key);
    const struct record_view r = record_read(record);
    note(f, &r);
}

static void add_open(struct failures *out, const struct project *p) {
    size_t count;
    struct instance *const *all = plan_instances(p->plan, &count);
    out->items = mem_array(count + 1, sizeof *out->items);
    for (size_t k = 0; k < count; k++) {
        const struct instance *i = all[k];
        if (!i->wanted || i->state != INSTANCE_KEYED || i->decl->type == STAGE_SELECT || find(out, &i->key))
            continue;
        struct failure *f = &out->items[out->count++];
        bytemap_put(&out->by_key, i->key.bytes, sizeof i->key.bytes, f);
    }
}

int failures_find(struct failures *out, const struct project *p, struct error *err) {
    *out = (struct failures){0};
    add_open(out, p);
    return out->count > 0 ? store_attempt_search(p->store, is_wanted, visit, out, err) : 0;
}

void failures_close(struct failures *f) {
    for (size_t k = 0; k < f->count; k++) {
        free(f->items[k].reason);
        free(f->items[k].when);
    }
    free(f->items);
    bytemap_close(&f->by_key);
    *f = (struct failures){0};
}

const struct failure *failures_get(const struct failures *f, const struct instance *i) {
    const struct failure *found = i->state == INSTANCE_KEYED ? find(f, &i->key) : NULL;
    return found && found->reason ? found : NULL;
}
