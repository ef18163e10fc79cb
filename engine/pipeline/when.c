/* Reads "when": conditions on params and the matrix that every instance of the plan meets. */
#include "engine/pipeline/reader.h"

static const cJSON *read_bound(struct part *part, const cJSON *item, enum where_type *type) {
    const cJSON *node = find_bound(part, item, type), *bound = node ? compile_constant(part, node) : NULL;
    if (!bound)
        return NULL;
    if (*type == WHERE_EQUALS ? !cJSON_IsArray(bound) && !cJSON_IsObject(bound) : cJSON_IsNumber(bound))
        return bound;
    report_value(part, node, "\"%s\" is %s; found %s", node->string,
                 *type == WHERE_EQUALS ? "a text, a number, true, false or null" : "a number",
                 describe(part->reader, bound));
    return NULL;
}

/* NULL after a reported fault. */
static const struct value *read_value(struct draft *d, const cJSON *item) {
    struct scope scope = {.part = d->part, .draft = d, .place = &place_when, .uses = &d->uses};
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(item, "value");
    if (!node) {
        report_value(
            d->part, item,
            "a condition of \"when\" needs \"value\", as in {\"value\": \"${params.mode}\", \"equals\": \"full\"}");
        return NULL;
    }
    if (cJSON_IsArray(node) || cJSON_IsObject(node)) {
        report_value(d->part, node, "\"value\" is a reference to params or the matrix; found %s",
                     describe(d->part->reader, node));
        return NULL;
    }
    const struct value *v = value_compile(&scope, node);
    return value_is_broken(v) ? NULL : v;
}

void read_when(struct draft *d, const cJSON *node) {
    static const char *const keys[] = {"value", "at_most", "at_least", "equals"};
    struct part *part = d->part;
    if (!need_list(part, node, "\"when\""))
        return;
    struct condition *when = arena_array(part->reader->arena, (size_t)cJSON_GetArraySize(node), sizeof *when);
    const cJSON *item;
    cJSON_ArrayForEach(item, node) {
        if (!need_object(part, item, "a condition"))
            continue;
        CHECK_KEYS(part, item, keys);
        struct condition c = {.at = locate_value(part, item)};
        c.value = read_value(d, item);
        c.bound = read_bound(part, item, &c.type);
        if (c.value && c.bound)
            when[d->decl.when_count++] = c;
    }
    d->decl.when = when;
}
