#include "engine/command/states.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/why.h"
#include "store/record_format.h"

const char *state_name(struct plan *plan, const struct instance *i) {
    if (plan_was_left_out(plan, i))
        return "known";
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

/* ---- earlier records ---- */

static void records_close(struct record_list *r) {
    for (size_t k = 0; k < r->count; k++)
        cJSON_Delete(r->items[k]);
    free(r->items);
    *r = (struct record_list){0};
}

void earlier_close(struct earlier_records *e) {
    records_close(&e->of_kind);
    records_close(&e->of_stage);
    records_close(&e->of_instance);
}

static void read_newest(struct record_list *r, struct store *store, enum record_group group, const char *name) {
    records_close(r);
    store_record_newest(store, group, name, SIMILAR_RECORDS, &r->items, &r->count, NULL);
}

/* Once for the instances of a stage that follow each other. */
static void read_stage(struct earlier_records *e, const struct stage_decl *decl) {
    if (e->decl == decl)
        return;
    if (decl->kind && decl->kind != e->kind) {
        char *kind = kind_uses(decl->kind);
        read_newest(&e->of_kind, e->store, RECORDS_OF_KIND, kind);
        e->kind = decl->kind;
        free(kind);
    }
    read_newest(&e->of_stage, e->store, RECORDS_OF_STAGE, decl->full_name);
    e->decl = decl;
}

/* The instance's own records are among those of its stage, unless only the newest of these were read. */
static void read_lists(struct earlier_records *e, const struct instance *i) {
    read_stage(e, i->decl);
    records_close(&e->of_instance);
    if (instance_coordinate_count(i) > 0 && e->of_stage.count == SIMILAR_RECORDS)
        read_newest(&e->of_instance, e->store, RECORDS_OF_INSTANCE, instance_name(i));
}

static bool earlier_exist(struct earlier_records *e, const struct instance *i) {
    read_stage(e, i->decl);
    return e->of_stage.count > 0 || (i->decl->kind && e->of_kind.count > 0);
}

/* Those of `name`; NULL: all. Returns the count. */
static size_t append_list(const cJSON **records, size_t count, const struct record_list *list, const char *name) {
    for (size_t k = 0; k < list->count; k++)
        if (!name || strcmp(record_read(list->items[k]).stage, name) == 0)
            records[count++] = list->items[k];
    return count;
}

/* The instance's own come first: of records that are equally near, why_nearest takes the first. */
const cJSON *earlier_nearest(struct earlier_records *e, const struct instance *i, const cJSON *components) {
    const cJSON *records[4 * SIMILAR_RECORDS], *all[4 * SIMILAR_RECORDS];
    read_lists(e, i);
    size_t count = append_list(records, 0, &e->of_instance, NULL);
    count = append_list(records, count, &e->of_stage, instance_name(i));
    count = append_list(records, count, &e->of_stage, NULL);
    if (i->decl->kind)
        count = append_list(records, count, &e->of_kind, NULL);
    for (size_t k = 0; k < count; k++)
        all[k] = record_read(records[k]).components;
    return count > 0 ? records[why_nearest(components, all, count)] : NULL;
}

/* ---- reasons ---- */

static void reason_to_run(struct buffer *out, struct earlier_records *e, const struct instance *i) {
    const struct failure *failure = e->failures ? failures_get(e->failures, i) : NULL;
    if (failure) {
        failure_put(out, failure->when, failure->reason);
        return;
    }
    if (!earlier_exist(e, i)) {
        buffer_puts(out, "never run");
        return;
    }
    cJSON *components = instance_components(i);
    const cJSON *nearest = earlier_nearest(e, i, components);
    size_t before = out->size;
    why_reason(out, components, record_read(nearest).components);
    if (out->size == before)
        buffer_puts(out, i->decl->cache ? "its results are gone or of another platform" : "never cached");
    cJSON_Delete(components);
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

void state_reason(struct buffer *out, struct earlier_records *e, struct plan *plan, const struct instance *i) {
    if (plan_was_left_out(plan, i))
        buffer_puts(out, "left out: ");
    if (i->state == INSTANCE_DONE)
        buffer_puts(out, "known");
    else if (i->state == INSTANCE_KEYED)
        reason_to_run(out, e, i);
    else if (i->reason)
        buffer_puts(out, i->reason);
    else
        reason_to_wait(out, i);
}

void state_put_withdrawals(struct buffer *out, const struct texts *runs) {
    for (size_t i = 0; i < runs->count; i++)
        buffer_printf(out, "%s%s", i ? ", " : "  an earlier record was withdrawn by run ", runs->list[i]);
    buffer_puts(out, runs->count ? "\n" : "");
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
