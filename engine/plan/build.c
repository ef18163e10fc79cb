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
    struct action_pin *pins = arena_array(s->plan->arena, decl->pin_count, sizeof *pins);
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

int build_action(struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    struct action *a = arena_alloc(s->plan->arena, sizeof *a);
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
    s->node->pub.action = a;
    return rc;
}
