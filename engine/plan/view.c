#include <stdlib.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/plan/internal.h"

size_t view_axis(const struct view *v, const char *name) {
    for (size_t i = 0; i < v->axis_count; i++)
        if (strcmp(v->axes[i], name) == 0)
            return i;
    return AXIS_NONE;
}

static uint64_t mix(uint64_t hash, uint32_t id) {
    hash = (hash ^ id) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

static uint64_t hash_ids(uint64_t mask, const uint32_t *ids) {
    uint64_t hash = 0;
    for (size_t axis = 0; mask; axis++, mask >>= 1)
        if (mask & 1)
            hash = mix(hash, ids[axis]);
    return hash;
}

static bool same_ids(const struct view *v, size_t row, uint64_t mask, const uint32_t *ids) {
    for (size_t axis = 0; axis < v->axis_count; axis++)
        if ((mask >> axis & 1) && v->cells[row * v->axis_count + axis]->id != ids[axis])
            return false;
    return true;
}

/* The slot of a group, or the free one where it would stand. */
static uint32_t *find_slot(const struct view *v, const struct view_index *x, const uint32_t *ids) {
    size_t i = hash_ids(x->mask, ids) & (x->slot_count - 1);
    while (x->slots[i] && !same_ids(v, x->first_rows[x->slots[i] - 1], x->mask, ids))
        i = (i + 1) & (x->slot_count - 1);
    return &x->slots[i];
}

/* Counting sort by group, which keeps matrix order inside each. */
static void sort_rows(struct plan *p, const struct view *v, struct view_index *x, const uint32_t *group_of,
                      size_t groups) {
    x->offsets = arena_array(p->arena, groups + 1, sizeof *x->offsets);
    x->rows = arena_array(p->arena, v->row_count + 1, sizeof(struct node *));
    for (size_t row = 0; row < v->row_count; row++)
        x->offsets[group_of[row] + 1]++;
    for (size_t g = 0; g < groups; g++)
        x->offsets[g + 1] += x->offsets[g];
    size_t *next = mem_array(groups + 1, sizeof *next);
    memcpy(next, x->offsets, (groups + 1) * sizeof *next);
    for (size_t row = 0; row < v->row_count; row++)
        x->rows[next[group_of[row]]++] = v->rows[row];
    free(next);
}

static struct view_index *index_create(struct plan *p, struct view *v, uint64_t mask) {
    struct view_index *x = arena_alloc(p->arena, sizeof *x);
    x->mask = mask;
    for (x->slot_count = 16; x->slot_count < 2 * v->row_count;)
        x->slot_count *= 2;
    x->slots = arena_array(p->arena, x->slot_count, sizeof *x->slots);
    x->first_rows = arena_array(p->arena, v->row_count + 1, sizeof *x->first_rows);
    uint32_t *group_of = mem_array(v->row_count + 1, sizeof *group_of);
    uint32_t ids[PLAN_MAX_AXES] = {0}, groups = 0;
    for (size_t row = 0; row < v->row_count; row++) {
        for (size_t axis = 0; axis < v->axis_count; axis++)
            ids[axis] = v->cells[row * v->axis_count + axis]->id;
        uint32_t *slot = find_slot(v, x, ids);
        if (!*slot) {
            x->first_rows[groups] = row;
            *slot = ++groups;
        }
        group_of[row] = *slot - 1;
    }
    sort_rows(p, v, x, group_of, groups);
    free(group_of);
    x->next = v->indexes;
    v->indexes = x;
    return x;
}

void view_find(struct plan *p, struct view *v, uint64_t mask, const uint32_t *ids, struct node ***rows, size_t *count) {
    if (mask == 0) {
        *rows = v->rows;
        *count = v->row_count;
        return;
    }
    struct view_index *x = v->indexes;
    while (x && x->mask != mask)
        x = x->next;
    if (!x)
        x = index_create(p, v, mask);
    uint32_t group = *find_slot(v, x, ids);
    *rows = group ? x->rows + x->offsets[group - 1] : NULL;
    *count = group ? x->offsets[group] - x->offsets[group - 1] : 0;
}
