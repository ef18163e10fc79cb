#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/data.h"
#include "engine/base/memory.h"
#include "engine/plan/internal.h"

size_t metrics_count(const struct metrics *m) {
    return m ? m->names->count : 0;
}

const char *metrics_name(const struct metrics *m, size_t index) {
    return m->names->names[index];
}

static const char *other_at(const struct metrics *m, size_t index) {
    return m->others ? m->others[index] : NULL;
}

cJSON *metrics_json(const struct metrics *m, size_t index) {
    const char *other = other_at(m, index);
    return mem_checked(other ? cJSON_Parse(other) : cJSON_CreateNumber(m->values[index]));
}

static size_t find(const struct metrics *m, const char *name) {
    size_t i = 0, count = metrics_count(m);
    while (i < count && strcmp(m->names->names[i], name) != 0)
        i++;
    return i;
}

bool metrics_find(const struct metrics *m, const char *name, double *out) {
    size_t i = find(m, name);
    if (i == metrics_count(m))
        return false;
    *out = m->values[i];
    return !isnan(*out);
}

void metrics_put_fault(struct buffer *out, const struct metrics *m, const char *name) {
    size_t i = find(m, name);
    if (i == metrics_count(m) || !other_at(m, i)) {
        buffer_puts(out, "is missing");
        return;
    }
    cJSON *value = metrics_json(m, i);
    const char *nonfinite = data_nonfinite(value);
    buffer_printf(out, "is %s",
                  nonfinite               ? nonfinite
                  : cJSON_IsString(value) ? "a text"
                  : cJSON_IsArray(value)  ? "a list"
                                          : other_at(m, i));
    cJSON_Delete(value);
}

static bool has_names(const struct metric_names *names, const cJSON *object) {
    size_t i = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        if (i == names->count || strcmp(names->names[i++], member->string) != 0)
            return false;
    }
    return i == names->count;
}

static const struct metric_names *make_names(struct plan *p, const cJSON *object, const struct buffer *joined) {
    size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
    struct metric_names *names = arena_alloc(p->arena, sizeof *names + count * sizeof *names->names);
    const char *copy = memcpy(arena_alloc(p->arena, joined->size), joined->data, joined->size);
    names->count = count;
    for (const char *name = copy; i < count; name += strlen(name) + 1)
        names->names[i++] = name;
    bytemap_put(&p->metric_sets, copy, joined->size, names);
    return names;
}

/* Most instances have the names of the last one. */
static const struct metric_names *find_names(struct plan *p, const cJSON *object) {
    if (p->metric_names && has_names(p->metric_names, object))
        return p->metric_names;
    struct buffer joined = {0};
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        buffer_append(&joined, member->string, strlen(member->string) + 1);
    }
    const struct metric_names *names = bytemap_get(&p->metric_sets, joined.data, joined.size);
    p->metric_names = names ? names : make_names(p, object, &joined);
    buffer_close(&joined);
    return p->metric_names;
}

static const char *canonical(struct plan *p, const cJSON *value) {
    char *text = json_canonical_text(value);
    const char *kept = arena_strdup(p->arena, text);
    free(text);
    return kept;
}

const struct metrics *metrics_create(struct plan *p, const cJSON *object) {
    if (!object || !object->child)
        return NULL;
    const struct metric_names *names = find_names(p, object);
    struct metrics *m = arena_alloc(p->arena, sizeof *m + names->count * sizeof *m->values);
    const char **others = NULL;
    size_t i = 0;
    m->names = names;
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        m->values[i] = (double)NAN;
        data_number(&m->values[i], member);
        if (!cJSON_IsNumber(member)) {
            others = others ? others : arena_array(p->arena, names->count, sizeof *others);
            others[i] = canonical(p, member);
        }
        i++;
    }
    m->others = others;
    return m;
}
