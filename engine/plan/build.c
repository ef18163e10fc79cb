#include <assert.h>
#include <string.h>

#include "engine/plan/internal.h"

static int program_digest(struct digest *out, struct scope *s, const char *program) {
    struct plan *p = s->plan;
    struct error err = {0};
    const struct digest *known = bytemap_get(&p->programs, program, strlen(program));
    if (known) {
        *out = *known;
        return 0;
    }
    if (p->facts.program_digest(p->facts.context, program, out, &err))
        return facts_fault(s, &s->node->pub.decl->at, &err);
    struct digest *copy = arena_alloc(p->arena, sizeof *copy);
    *copy = *out;
    bytemap_put(&p->programs, program, strlen(program), copy);
    return 0;
}

static int build_pins(struct action *a, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    struct action_pin *pins = arena_array(s->arena, decl->pin_count, sizeof *pins);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < decl->pin_count; i++) {
        pins[i].program = decl->pin[i];
        rc = program_digest(&pins[i].digest, s, decl->pin[i]);
    }
    a->pins = pins;
    a->pin_count = decl->pin_count;
    return rc;
}

static const cJSON *machine(struct plan *p) {
    if (!p->machine)
        p->machine = p->facts.machine(p->facts.context);
    return p->machine;
}

int build_action(struct action **out, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    struct action *a = arena_alloc(s->arena, sizeof *a);
    a->arena = s->arena;
    a->kind = decl->kind;
    a->outs = decl->outs;
    a->out_count = decl->out_count;
    int rc = build_inputs(a, s);
    if (rc == 0)
        rc = decl->kind ? build_with(a, s) : build_command(a, s);
    if (rc == 0)
        rc = build_env(a, s);
    if (rc == 0)
        rc = build_pins(a, s);
    if (rc == 0 && decl->kind && decl->kind->measures_machine)
        a->machine = machine(s->plan);
    *out = a;
    return rc;
}

/* Cannot fail: the plan keeps everything that the key was made of. */
static struct action *build_again(struct node *n, struct arena *arena) {
    struct scope s = {.plan = n->stage->plan, .arena = arena, .node = n, .silent = true};
    struct action *action = NULL;
    int rc = build_action(&action, &s);
    assert(rc == 0);
    (void)rc;
    return action;
}

void instance_hold_action(struct instance *i) {
    assert(i->keyed);
    if (!i->action)
        i->action = build_again((struct node *)i, arena_create());
}

void instance_release_action(struct instance *i) {
    if (i->action)
        arena_free(i->action->arena);
    i->action = NULL;
}

cJSON *instance_components(const struct instance *i) {
    struct plan *p = ((const struct node *)i)->stage->plan;
    cJSON *components = action_components(build_again((struct node *)p->instances[i->index], p->scratch));
    arena_reset(p->scratch);
    return components;
}
