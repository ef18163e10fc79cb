#include "engine/lookup/drift.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/memory.h"

enum { MOST_SHOWN = 3 }; /* changes of packages in a line */

/* Instances whose results came from the same other Python. */
struct change {
    struct digest recorded;
    const struct interpreter *now;
    struct digest key; /* of the first of them */
    size_t count;
};

/* The Python that a stage would get now; asked once. */
struct current {
    const struct stage_decl *stage;
    const struct interpreter *interpreter; /* NULL: none is known */
};

struct drift {
    struct facts *facts;
    struct bytemap stages; /* address of a declaration -> struct current */
    struct change *changes;
    size_t count, capacity;
};

struct drift *drift_create(struct facts *f) {
    struct drift *d = mem_alloc(sizeof *d);
    d->facts = f;
    return d;
}

void drift_free(struct drift *d) {
    if (!d)
        return;
    for (size_t i = 0; i < d->stages.count; i++)
        free(d->stages.entries[i].value);
    bytemap_close(&d->stages);
    free(d->changes);
    free(d);
}

static const struct interpreter *current_of(struct drift *d, const struct stage_decl *stage) {
    struct current *c = bytemap_get(&d->stages, &stage, sizeof stage);
    if (!c) {
        c = mem_alloc(sizeof *c);
        *c = (struct current){stage, interpreter_of_stage(d->facts, stage)};
        bytemap_put(&d->stages, &c->stage, sizeof c->stage, c);
    }
    return c->interpreter;
}

void drift_note(struct drift *d, const struct instance *i, const struct digest *python) {
    const struct interpreter *now = current_of(d, i->decl);
    if (!now || digest_equal(&now->digest, python))
        return;
    size_t at = 0;
    while (at < d->count && !(d->changes[at].now == now && digest_equal(&d->changes[at].recorded, python)))
        at++;
    if (at == d->count) {
        mem_grow(d->changes, &d->capacity, d->count + 1);
        d->changes[d->count++] = (struct change){.recorded = *python, .now = now, .key = i->key};
    }
    d->changes[at].count++;
}

/* ---- words ---- */

struct words {
    struct buffer *out;
    size_t shown, more;
};

static void put_change(struct words *w, const char *name, const char *before, const char *after) {
    if (w->shown == MOST_SHOWN) {
        w->more++;
        return;
    }
    buffer_printf(w->out, "%s%s %s -> %s", w->shown++ ? ", " : "", name, before, after);
}

static const char *version_in(const cJSON *packages, const char *name) {
    return json_text(packages, name, "none");
}

void drift_difference(struct buffer *out, const struct record_python *recorded, const struct interpreter *now) {
    struct words w = {.out = out};
    const cJSON *package, *present = now->python->packages;
    if (strcmp(recorded->version, now->python->version) != 0)
        put_change(&w, "Python", recorded->version, now->python->version);
    cJSON_ArrayForEach(package, recorded->packages) {
        const char *version = version_in(present, package->string);
        if (strcmp(version, package->valuestring) != 0)
            put_change(&w, package->string, package->valuestring, version);
    }
    cJSON_ArrayForEach(package, present) {
        if (!cJSON_GetObjectItemCaseSensitive(recorded->packages, package->string))
            put_change(&w, package->string, "none", package->valuestring);
    }
    if (w.shown == 0)
        buffer_puts(out, "another file of the interpreter");
    if (w.more > 0)
        buffer_printf(out, " and %zu more", w.more);
}

void drift_report(const struct drift *d, struct store *store, const char *platform,
                  void (*say)(void *context, const char *line), void *context) {
    for (size_t i = 0; i < d->count; i++) {
        const struct change *c = &d->changes[i];
        struct buffer line = {0};
        cJSON *record = NULL;
        if (store_record_find(store, &c->key, platform, &record, NULL) < 0)
            continue;
        const struct record_python recorded = record_python_read(record_read(record).python);
        buffer_printf(&line, "%zu stage%s known from another Python environment: ", c->count,
                      c->count == 1 ? " is" : "s are");
        drift_difference(&line, &recorded, c->now);
        buffer_puts(&line,
                    "; \"pin\": [\"python3\"] beside \"toolchain\" puts it in the key, run --force runs a stage again");
        say(context, buffer_text(&line));
        buffer_close(&line);
        cJSON_Delete(record);
    }
}
