/* The memory of an attempt: held to its limit by a control group, or watched. */
#include <math.h>
#include <unistd.h>

#include "engine/meter/memory.h"
#include "stages/keeper/internal.h"

enum { FAR_MS = 250, NEAR_MS = 50 };

/* Beyond this share of the limit the pages that processes share are told apart, and the keeper looks more often. */
static const double near_share = 0.5;

void keeper_begin_memory(struct keeper *k) {
    double limit = k->attempt.request->memory_bytes;
    k->attempt.memory = (struct attempt_memory){.limit_bytes = limit, .peak_bytes = (double)NAN};
    if (limit <= 0)
        return;
    k->attempt.memory_group = memory_group_create("/", limit);
    k->attempt.memory.in_cgroup = k->attempt.memory_group != NULL;
}

bool keeper_watches_memory(const struct keeper *k) {
    return k->attempt.memory.limit_bytes > 0 && !k->attempt.memory_group;
}

int keeper_check_memory(struct keeper *k) {
    struct attempt_memory *m = &k->attempt.memory;
    struct tree_memory now = memory_below("/", getpid(), near_share * m->limit_bytes);
    m->peak_bytes = fmax(m->peak_bytes, now.proportional);
    m->exceeded |= now.proportional > m->limit_bytes;
    k->attempt.kill |= m->exceeded;
    return isnan(now.proportional) ? FAR_MS : NEAR_MS;
}

void keeper_end_memory(struct keeper *k) {
    struct attempt_memory *m = &k->attempt.memory;
    if (k->attempt.memory_group) {
        m->peak_bytes = memory_group_peak(k->attempt.memory_group);
        m->exceeded = memory_group_exceeded(k->attempt.memory_group);
    }
    if (m->exceeded) /* it grew until it was dead */
        m->peak_bytes = fmax(m->peak_bytes, k->attempt.usage.memory_bytes);
    memory_group_free(k->attempt.memory_group);
    k->attempt.memory_group = NULL;
}
