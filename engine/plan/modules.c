/*
 * Editable installs that lie in the project. The stage gets their code as inputs, so it is in the key. The copy comes
 * before the original on the module search path.
 *
 *   python.modules   packages and modules, each under the name by which it is imported
 *   python.path      folders of modules
 */
#include <stdlib.h>
#include <string.h>

#include "engine/plan/internal.h"

static int fill_input(struct action_input *out, struct scope *s, const struct module_place *places, size_t count,
                      bool folders) {
    struct action_item *items = arena_array(s->arena, count, sizeof *items);
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        const struct module_place *m = &places[i];
        if (folders != !m->module)
            continue;
        int rc = file_item(&items[filled], s, m->path, &s->node->pub.decl->at);
        if (rc)
            return rc;
        if (m->module)
            items[filled].name = arena_strdup(s->arena, m->module);
        filled++;
    }
    *out = (struct action_input){folders ? ACTION_PYTHON_PATH : ACTION_PYTHON_MODULES, true, items, filled};
    return 0;
}

static int fill_inputs(struct action_input inputs[2], size_t *filled, struct scope *s,
                       const struct module_place *places, size_t count) {
    int rc = 0;
    for (int folders = 0; rc == 0 && count > 0 && folders < 2; folders++) {
        rc = fill_input(&inputs[*filled], s, places, count, folders);
        if (rc == 0 && inputs[*filled].count > 0)
            ++*filled;
    }
    return rc == 0 && s->waits ? ERR_BUSY : rc;
}

/* Asks once a stage, so that all its keys hold the same answer. The plan keeps it. */
static int ask_modules(struct stage_plan *stage, struct scope *s) {
    struct plan *p = s->plan;
    struct arena *own = s->arena;
    const struct module_place *places = NULL;
    struct action_input *inputs = arena_array(p->arena, 2, sizeof *inputs);
    size_t filled = 0, count = p->facts.modules ? p->facts.modules(p->facts.context, stage->decl, &places) : 0;
    s->arena = p->arena;
    int rc = fill_inputs(inputs, &filled, s, places, count);
    s->arena = own;
    if (rc)
        return rc;
    stage->modules = inputs;
    stage->module_count = filled;
    return 0;
}

static int by_name(const void *a, const void *b) {
    const struct action_input *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int build_modules(struct action *a, struct scope *s) {
    struct stage_plan *stage = s->node->stage;
    if (stage->decl->toolchain.type == TOOLCHAIN_SYSTEM)
        return 0;
    int rc = stage->modules ? 0 : ask_modules(stage, s);
    if (rc || stage->module_count == 0)
        return rc;
    size_t count = a->input_count + stage->module_count;
    struct action_input *inputs = arena_array(s->arena, count, sizeof *inputs);
    for (size_t i = 0; i < count; i++)
        inputs[i] = i < a->input_count ? a->inputs[i] : stage->modules[i - a->input_count];
    qsort(inputs, count, sizeof *inputs, by_name);
    a->inputs = inputs;
    a->input_count = count;
    return 0;
}
