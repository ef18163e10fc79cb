#include <string.h>

#include "engine/plan/internal.h"

static const struct node *node_of(const struct instance *i) {
    return (const struct node *)i;
}

void instance_put_name(struct buffer *out, const struct instance *i) {
    size_t count = i->cached_name ? 0 : instance_coordinate_count(i);
    buffer_puts(out, i->cached_name ? i->cached_name : i->decl->full_name);
    for (size_t k = 0; k < count; k++) {
        buffer_putc(out, k ? ',' : '[');
        buffer_puts(out, i->decl->matrix.axes[k].name);
        buffer_putc(out, '=');
        buffer_puts(out, node_of(i)->values[k]->name);
    }
    if (count)
        buffer_putc(out, ']');
}

const char *instance_name(const struct instance *i) {
    if (i->cached_name)
        return i->cached_name;
    struct plan *p = node_of(i)->stage->plan;
    struct buffer name = {0};
    instance_put_name(&name, i);
    const char *kept = arena_strndup(p->arena, name.data, name.size);
    if (i->index < p->instance_count && p->instances[i->index] == i) /* one that "when" leaves out is none of them */
        p->instances[i->index]->cached_name = kept;
    buffer_close(&name);
    return kept;
}

size_t instance_coordinate_count(const struct instance *i) {
    return node_of(i)->values ? i->decl->matrix.axis_count : 0;
}

struct coordinate instance_coordinate(const struct instance *i, size_t index) {
    return (struct coordinate){i->decl->matrix.axes[index].name, node_of(i)->values[index]->json};
}
