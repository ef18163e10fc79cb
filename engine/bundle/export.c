#include "engine/bundle/export.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/bundle/crate.h"
#include "engine/bundle/inputs.h"
#include "engine/bundle/redact.h"
#include "store/record_format.h"
#include "store/run_file.h"

struct collecting {
    const struct export_source *source;
    const struct bundle_watch *watch;
    struct export *out;
    struct redaction redaction;
    struct crate_result *results; /* one a key */
    size_t count, capacity;
    struct bytemap keys, published; /* of keys; digests of published outs */
};

void export_close(struct export *e) {
    bundle_close(&e->bundle);
    texts_close(&e->left);
}

/* ---- records ---- */

static int add_record(struct collecting *c, const struct instance *i, struct error *err) {
    cJSON *record = NULL;
    if (bytemap_get(&c->keys, i->key.bytes, sizeof i->key.bytes))
        return 0;
    int rc = store_record_find(c->source->store, &i->key, NULL, &record, err);
    if (rc == ERR_NOT_FOUND) {
        c->out->unknown++;
        return 0;
    }
    if (rc < 0)
        return rc;
    bytemap_put(&c->keys, i->key.bytes, sizeof i->key.bytes, record);
    mem_grow(c->results, &c->capacity, c->count + 1);
    c->results[c->count++] = (struct crate_result){record, i};
    return 0;
}

static int add_records(struct collecting *c, struct error *err) {
    size_t count;
    struct instance *const *all = plan_instances(c->source->plan, &count);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (!all[i]->wanted || all[i]->decl->type == STAGE_SELECT)
            continue;
        if (all[i]->state == INSTANCE_DONE)
            rc = add_record(c, all[i], err);
        else
            c->out->unknown++;
    }
    c->out->records = c->count;
    if (rc == 0 && c->count == 0)
        rc = error_set(err, ERR_NOT_FOUND, "the store has no result of %s; retort run makes them",
                       c->source->pipeline->path);
    return rc;
}

static int write_records(struct collecting *c, struct error *err) {
    struct buffer text = {0};
    for (size_t i = 0; i < c->count; i++) {
        json_canonical(&text, c->results[i].record);
        buffer_putc(&text, '\n');
    }
    return bundle_add_text(&c->out->bundle, BUNDLE_RECORDS, &text, err);
}

/* ---- outs ---- */

static int note_published(struct collecting *c, struct error *err) {
    const struct pipeline *p = c->source->pipeline;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->result_count; i++) {
        const struct result_item *items;
        size_t count = 0;
        bool waiting;
        rc = plan_result(c->source->plan, &p->results[i], &items, &count, &waiting, err);
        for (size_t k = 0; rc == 0 && k < count; k++) {
            const struct digest *d = &items[k].content->digest;
            if (!bytemap_get(&c->published, d->bytes, sizeof d->bytes))
                bytemap_put(&c->published, d->bytes, sizeof d->bytes, c);
        }
    }
    return rc;
}

static bool leaves(const struct collecting *c, const cJSON *out, const struct object *o) {
    if (c->source->outs == EXPORT_OUTS_RESULTS)
        return strcmp(json_text(out, "type", ""), "metrics") == 0 ||
               bytemap_get(&c->published, o->digest.bytes, sizeof o->digest.bytes);
    return c->source->outs == EXPORT_OUTS_ALL;
}

static int add_object(void *context, const struct digest *d, bool listing, struct error *err) {
    const struct collecting *c = context;
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, d);
    char *name = mem_printf(BUNDLE_OBJECTS "%.2s/%s", hex, hex + 2), *path = store_object_path(c->source->store, d);
    /* The digest of a listing is of another kind. */
    int rc = listing ? bundle_add_file(&c->out->bundle, name, path, err)
                     : bundle_add_known(&c->out->bundle, name, path, d, err);
    if (rc == 0 && c->watch->stop && atomic_load(c->watch->stop))
        rc = error_set(err, ERR_INTERRUPTED, "interrupted; nothing was written");
    free(path);
    free(name);
    return rc;
}

static int add_outs(struct collecting *c, const cJSON *record, struct error *err) {
    const cJSON *item;
    int rc = 0;
    cJSON_ArrayForEach(item, record_read(record).outs) {
        struct object o;
        if (rc == 0)
            rc = record_out_read(&o, item, err);
        if (rc < 0 || !leaves(c, item, &o))
            continue;
        rc = store_object_check(c->source->store, &o, err);
        if (rc == 0)
            rc = store_object_each_file(c->source->store, &o, add_object, c, err);
    }
    return rc;
}

/* ---- logs and patches ---- */

static int add_log(struct collecting *c, const char *log, struct error *err) {
    const char *folder = store_directory(c->source->store);
    char *path = mem_printf("%s/logs/%s", folder, log), *name = mem_printf(BUNDLE_LOGS "%s", log);
    int rc = file_exists(path) ? bundle_add_file(&c->out->bundle, name, path, err) : 0;
    free(name);
    free(path);
    return rc;
}

static int add_extras(struct collecting *c, const cJSON *record, struct error *err) {
    const struct record_attempt attempt = record_attempt_read(record);
    const char *hex = record_read(record).diff;
    struct digest d;
    int rc = 0;
    for (int i = 0; rc == 0 && c->source->logs && i < 2; i++)
        if (attempt.logs[i])
            rc = add_log(c, attempt.logs[i], err);
    if (rc < 0 || !c->source->diffs || !digest_parse(&d, hex))
        return rc;
    char *path = store_object_path(c->source->store, &d), *name = mem_printf(BUNDLE_DIFFS "%s.patch", hex);
    if (file_exists(path))
        rc = bundle_add_file(&c->out->bundle, name, path, err);
    free(name);
    free(path);
    return rc;
}

/* ---- the whole ---- */

/* The newest run of the pipeline; NULL: none is recorded. */
static char *find_run(const struct export_source *s) {
    struct texts ids = {0};
    char *found = NULL;
    if (store_run_list(s->store, &ids, NULL) < 0)
        return NULL;
    for (size_t i = 0; !found && i < ids.count; i++) {
        cJSON *run = NULL;
        if (store_run_read(s->store, ids.list[i], &run, NULL) == 0 &&
            strcmp(run_file_read(run).pipeline, s->pipeline->name) == 0)
            found = mem_strdup(ids.list[i]);
        cJSON_Delete(run);
    }
    texts_close(&ids);
    return found;
}

static void redact(struct collecting *c) {
    for (size_t i = 0; i < c->count; i++)
        redaction_note(&c->redaction, c->results[i].record);
    for (size_t i = 0; i < c->count; i++)
        redaction_apply(&c->redaction, c->results[i].record);
}

static int add_crate(struct collecting *c, struct error *err) {
    struct buffer text = {0};
    crate_write(&text, &(struct crate){.pipeline = c->source->pipeline,
                                       .bundle = &c->out->bundle,
                                       .root = c->source->root,
                                       .results = c->results,
                                       .count = c->count});
    return bundle_add_text(&c->out->bundle, BUNDLE_CRATE, &text, err);
}

static int collect(struct collecting *c, struct error *err) {
    struct bundle *b = &c->out->bundle;
    b->run = find_run(c->source);
    int rc = inputs_add_pipeline(c->out, c->source, err);
    if (rc == 0)
        rc = inputs_add_files(c->out, c->source, err);
    if (rc == 0)
        rc = add_records(c, err);
    if (rc == 0)
        rc = note_published(c, err);
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        rc = add_outs(c, c->results[i].record, err);
        if (rc == 0)
            rc = add_extras(c, c->results[i].record, err);
    }
    if (rc == 0 && !c->source->full)
        redact(c);
    if (rc == 0)
        rc = write_records(c, err);
    return rc < 0 ? rc : add_crate(c, err);
}

int export_collect(struct export *out, const struct export_source *source, const struct bundle_watch *watch,
                   struct error *err) {
    struct collecting c = {.source = source, .watch = watch, .out = out};
    *out = (struct export){0};
    redaction_open(&c.redaction, source->root);
    int rc = collect(&c, err);
    for (size_t i = 0; i < c.count; i++)
        cJSON_Delete(c.results[i].record);
    free(c.results);
    bytemap_close(&c.keys);
    bytemap_close(&c.published);
    redaction_close(&c.redaction);
    return rc;
}
