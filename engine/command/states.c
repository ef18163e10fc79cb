#include "engine/command/states.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/why.h"
#include "store/record_format.h"

const char *state_name(const struct instance *i) {
    switch (i->state) {
    case INSTANCE_DONE:
        return "known";
    case INSTANCE_KEYED:
        return "run";
    case INSTANCE_WAITING:
    case INSTANCE_FAILED:
    case INSTANCE_SKIPPED:
        break;
    }
    return "waiting";
}

static const char *kind_text(const cJSON *components) {
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(components, "kind");
    return cJSON_IsString(kind) ? kind->valuestring : "cmd";
}

/* A command of another stage is another program: it explains nothing. */
static bool explains(const cJSON *record, const struct instance *i) {
    const char *stage = record_read(record).stage;
    size_t length = strcspn(stage, "[");
    return i->decl->kind || (strlen(i->decl->full_name) == length && strncmp(stage, i->decl->full_name, length) == 0);
}

cJSON *state_nearest_record(const struct project *p, const struct instance *i) {
    cJSON **records = NULL;
    size_t count = 0, kept = 0;
    cJSON *nearest = NULL;
    cJSON *components = instance_components(i);
    if (store_record_similar(p->store, instance_name(i), kind_text(components), SIMILAR_RECORDS, &records, &count,
                             NULL) == 0) {
        const cJSON **earlier = mem_array(count + 1, sizeof *earlier);
        size_t *places = mem_array(count + 1, sizeof *places);
        for (size_t k = 0; k < count; k++) {
            if (!explains(records[k], i))
                continue;
            places[kept] = k;
            earlier[kept++] = record_read(records[k]).components;
        }
        if (kept > 0) {
            size_t best = places[why_nearest(components, earlier, kept)];
            nearest = records[best];
            records[best] = NULL;
        }
        free(places);
        free(earlier);
    }
    for (size_t k = 0; k < count; k++)
        cJSON_Delete(records[k]);
    free(records);
    cJSON_Delete(components);
    return nearest;
}

static void reason_to_run(struct buffer *out, const struct project *p, const struct instance *i) {
    cJSON *nearest = state_nearest_record(p, i);
    if (!nearest) {
        buffer_puts(out, "never run");
        return;
    }
    cJSON *components = instance_components(i);
    struct buffer reason = {0};
    why_reason(&reason, components, record_read(nearest).components);
    if (reason.size > 0)
        buffer_puts(out, buffer_text(&reason));
    else
        buffer_puts(out, i->decl->cache ? "its results are gone or of another platform" : "never cached");
    buffer_close(&reason);
    cJSON_Delete(components);
    cJSON_Delete(nearest);
}

static void reason_to_wait(struct buffer *out, const struct instance *i) {
    buffer_puts(out, "waits for ");
    size_t shown = 0, open = 0;
    for (size_t k = 0; k < i->need_count; k++) {
        if (i->needs[k]->state == INSTANCE_DONE)
            continue;
        if (open++ < 3) {
            buffer_puts(out, shown++ ? ", " : "");
            instance_put_name(out, i->needs[k]);
        }
    }
    if (open > 3)
        buffer_printf(out, " and %zu more", open - 3);
    if (open == 0)
        buffer_puts(out, "its inputs");
}

void state_reason(struct buffer *out, const struct project *p, const struct instance *i) {
    if (i->state == INSTANCE_DONE)
        buffer_puts(out, "known");
    else if (i->state == INSTANCE_KEYED)
        reason_to_run(out, p, i);
    else if (i->reason)
        buffer_puts(out, i->reason);
    else
        reason_to_wait(out, i);
}

size_t state_each_named(const struct project *p,
                        void (*each)(void *context, const struct project *p, const struct instance *i), void *context) {
    size_t count, named = 0;
    struct instance *const *all = plan_instances(p->plan, &count);
    for (size_t k = 0; k < count; k++) {
        if (!all[k]->named)
            continue;
        each(context, p, all[k]);
        named++;
    }
    return named;
}
