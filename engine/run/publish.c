/* Gives publishing what it needs of a run. */
#include "engine/publish/publish.h"

#include <stdlib.h>

#include "engine/lookup/known.h"
#include "engine/run/internal.h"
#include "store/record_format.h"

static bool is_interrupted(void *context) {
    return run_is_interrupted(context);
}

static void note(void *context, const char *text) {
    run_note(context, NULL, text);
}

static cJSON *find_energy(void *context, const struct instance *i) {
    struct run *r = context;
    const struct task *t = key_map_get(&r->tasks, &i->key);
    cJSON *record = NULL;
    if (t && t->finished && !task_is_cached(t))
        return cJSON_Duplicate(t->energy_record, true);
    store_record_find(r->store, &i->key, r->options->same_platform ? r->platform : NULL, &record, NULL);
    cJSON *energy = cJSON_Duplicate(record_read(record).energy, true);
    cJSON_Delete(record);
    return energy;
}

/* The git state of the attempts; asked now if no attempt ran. */
static cJSON *find_git(void *context) {
    const struct run *r = context;
    return r->attempts.git ? cJSON_Duplicate(r->attempts.git, true) : attempts_git(r->pipeline, NULL);
}

/* Takes over what this run has made and the store does not know: stages that are never cached. False: there is
   nothing. */
static bool finish_uncached(struct plan *plan, const struct run *r) {
    size_t count;
    struct instance *const *all = plan_instances(plan, &count);
    bool any = false;
    for (size_t k = 0; k < count; k++) {
        const struct task *t = all[k]->state == INSTANCE_KEYED ? key_map_get(&r->tasks, &all[k]->key) : NULL;
        if (!t || t->instance->state != INSTANCE_DONE)
            continue;
        plan_finish_like(plan, all[k], t->instance);
        any = true;
    }
    return any;
}

/* Makes a plan of all stages, also of those that the run was not asked for. Faults of the file that show in them do not
   fail this run. */
static int plan_all(struct plan **out, struct run *r, struct error *err) {
    struct plan_facts facts = facts_table(r->facts);
    struct diagnostics ignored = {0};
    const char *platform = r->options->same_platform ? r->platform : NULL;
    int rc = plan_create(out, r->pipeline, &facts, NULL, 0, err);
    do
        rc = rc < 0 ? rc : known_lookup_plan(*out, r->store, platform, NULL, RECALL_LEFT_OUT, &ignored, err);
    while (rc == 0 && finish_uncached(*out, r));
    diagnostics_close(&ignored);
    return rc;
}

int run_publish(struct run *r, struct error *err) {
    struct plan *all = NULL;
    struct publishing how = {.store = r->store,
                             .plan = r->plan,
                             .pipeline = r->pipeline,
                             .directory = r->options->results,
                             .executed = r->summary->finished > 0,
                             .context = r,
                             .is_interrupted = is_interrupted,
                             .note = note,
                             .energy = find_energy,
                             .git = find_git};
    int rc = 0;
    if (r->pipeline->result_count > 0 && r->options->target_count > 0) {
        rc = plan_all(&all, r, err);
        how.plan = all;
    }
    if (rc == 0)
        rc = publish_results(&r->summary->results, &how, err);
    plan_free(all);
    return rc;
}
