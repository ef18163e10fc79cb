#include "engine/lookup/recall.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "store/attempts.h"
#include "store/record_format.h"

const char recall_remembered[] = "failed", recall_left_out[] = "left_out";

static void fail(struct plan *plan, struct instance *i, const struct record_view *r) {
    bool repeats = strcmp(r->state, recall_remembered) != 0;
    char *reason = mem_printf("failed before%s%s: %s; %s", *r->end ? ", at " : "", r->end,
                              *r->reason ? r->reason : "no reason is known",
                              repeats ? "the next run tries it again" : "run --retry-failed runs it again");
    plan_fail(plan, i, reason);
    free(reason);
}

bool recall_failure(struct plan *plan, struct store *store, enum recall which, struct instance *i) {
    cJSON *record = NULL;
    if (which == RECALL_NONE || i->behind || !plan_serves_quorum(plan, i))
        return false;
    char *id = store_failure_id(&i->key);
    bool failed = store_attempt_read(store, id, &record, NULL) == 0;
    const struct record_view r = record_read(record);
    failed = failed && (which == RECALL_LEFT_OUT || strcmp(r.state, recall_remembered) == 0);
    if (failed)
        fail(plan, i, &r);
    cJSON_Delete(record);
    free(id);
    return failed;
}
