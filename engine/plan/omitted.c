/* The instances for which "when" is false, for messages and counts. */
#include "engine/plan/internal.h"

bool omitted_find(struct node **out, struct stage_plan *stage, uint64_t mask, const uint32_t *ids) {
    struct node **rows = NULL;
    size_t count = 0;
    if (stage->omitted.row_count > 0)
        view_find(stage->plan, &stage->omitted, mask, ids, &rows, &count);
    *out = count > 0 ? rows[0] : NULL;
    return count > 0;
}

size_t plan_omitted(const struct plan *p) {
    size_t count = 0;
    for (size_t i = 0; i < p->stage_count; i++)
        count += p->stages[i].requested ? p->stages[i].omitted.row_count : 0;
    return count;
}
