#include "engine/command/retry.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "store/attempts.h"
#include "store/run_file.h"

/* The failed stages of the last run. */
struct last_run {
    cJSON *tree; /* NULL: there is none */
    struct bytemap keys, names;
};

static void read_failed(struct last_run *last) {
    const struct run_file run = run_file_read(last->tree);
    cJSON *item;
    cJSON_ArrayForEach(item, run.stages) {
        const struct run_file_stage stage = run_file_stage_read(item);
        if (strcmp(stage.state, "failed") != 0)
            continue;
        if (!bytemap_get(&last->keys, stage.key, strlen(stage.key)))
            bytemap_put(&last->keys, stage.key, strlen(stage.key), item);
        bytemap_put(&last->names, stage.stage, strlen(stage.stage), item);
    }
}

/* The last run of the pipeline that ended. */
static int last_run_read(struct last_run *out, const struct project *p, struct error *err) {
    struct texts ids = {0};
    int code = store_run_list(p->store, &ids, err);
    for (size_t k = 0; code == 0 && !out->tree && k < ids.count; k++) {
        if (store_run_read(p->store, ids.list[k], &out->tree, NULL) < 0)
            continue;
        const struct run_file run = run_file_read(out->tree);
        if (run.ended && strcmp(run.pipeline, p->pipeline->name) == 0)
            break;
        cJSON_Delete(out->tree);
        out->tree = NULL;
    }
    texts_close(&ids);
    read_failed(out);
    return code;
}

static bool was_left_out(const struct project *p, const struct instance *i) {
    char *id = store_failure_id(&i->key), *path = store_attempt_path(p->store, id);
    bool was = access(path, F_OK) == 0;
    free(path);
    free(id);
    return was;
}

static bool has_failed(const struct project *p, const struct last_run *last, const struct instance *i) {
    if (i->decl->type == STAGE_SELECT)
        return false;
    if (i->state == INSTANCE_WAITING && last->names.count > 0)
        return bytemap_get(&last->names, instance_name(i), strlen(instance_name(i))) != NULL;
    char hex[DIGEST_HEX_SIZE];
    digest_hex(hex, &i->key);
    return i->state == INSTANCE_KEYED && (bytemap_get(&last->keys, hex, strlen(hex)) || was_left_out(p, i));
}

/* ---- targets ---- */

static void add_instance(void *context, const struct instance *i) {
    texts_add(context, mem_strdup(instance_name(i)));
}

static void add_stage(void *context, const struct stage_decl *decl) {
    texts_add(context, mem_strdup(decl->full_name));
}

static void list(struct texts *out, const struct project *p, const struct last_run *last, struct plan *plan) {
    const struct dependents_visitor visitor = {.context = out, .instance = add_instance, .stage = add_stage};
    size_t count, failed = 0;
    struct instance *const *all = plan_instances(plan, &count);
    const struct instance **from = mem_array(count + 1, sizeof *from);
    for (size_t k = 0; k < count; k++)
        if (has_failed(p, last, all[k]))
            from[failed++] = all[k];
    plan_dependents(plan, from, failed, &visitor);
    free(from);
}

int retry_targets(struct texts *out, const struct project *p, struct error *err) {
    struct plan_facts facts = facts_table(p->facts);
    struct diagnostics ignored = {0}; /* the run reports them */
    struct last_run last = {0};
    struct plan *plan = NULL;
    int code = last_run_read(&last, p, err);
    if (code == 0)
        code = plan_create(&plan, p->pipeline, &facts, NULL, 0, err);
    if (code == 0)
        code = known_lookup_plan(plan, p->store, p->platform, NULL, RECALL_NONE, &ignored, err);
    if (code == 0)
        list(out, p, &last, plan);
    plan_free(plan);
    diagnostics_close(&ignored);
    bytemap_close(&last.keys);
    bytemap_close(&last.names);
    cJSON_Delete(last.tree);
    return code;
}
