#include <assert.h>
#include <string.h>

#include "engine/plan/internal.h"

struct known_program {
    struct digest digest;
    const cJSON *packages;
    bool has_packages; /* they were asked for */
};

static struct known_program *find_program(struct action_pin *pin, struct scope *s, struct error *err) {
    struct plan *p = s->plan;
    buffer_clear(&p->text);
    buffer_printf(&p->text, "%s\n%s", pin->program, pin->search);
    struct known_program *known = bytemap_get(&p->programs, p->text.data, p->text.size);
    if (known)
        return known;
    known = arena_alloc(p->arena, sizeof *known);
    if (p->facts.program(p->facts.context, pin->program, pin->search, &known->digest, err))
        return NULL;
    bytemap_put(&p->programs, arena_strndup(p->arena, p->text.data, p->text.size), p->text.size, known);
    return known;
}

/* Asks once for each program and PATH, so that all keys of a plan hold the same answer. */
static int ask_program(struct action_pin *pin, struct scope *s) {
    struct plan *p = s->plan;
    struct error err = {0};
    struct known_program *known = find_program(pin, s, &err);
    if (!known)
        return facts_fault(s, &s->node->pub.decl->at, &err);
    pin->digest = known->digest;
    if (!s->node->pub.decl->toolchain.is_declared)
        return 0;
    if (!known->has_packages) {
        const cJSON *packages = p->facts.packages(p->facts.context, pin->program, pin->search);
        known->packages = packages ? tree_keep(p->arena, cJSON_Duplicate(packages, true)) : NULL;
        known->has_packages = true;
    }
    pin->packages = known->packages;
    return 0;
}

/* The program that a toolchain's folder gives to another team's stage. An own stage with another program of that name
   must not take its results. NULL: it is pinned already, or has a path, which is in the key. */
static const char *program_of_prefix(const struct stage_decl *decl) {
    const struct value *cmd = decl->cmd;
    if (!decl->scope->origin || decl->toolchain.type != TOOLCHAIN_PREFIX || cmd->type != VALUE_LIST)
        return NULL;
    const char *program = cmd->as.list.count > 0 ? value_text(cmd->as.list.items[0]) : NULL;
    for (size_t i = 0; program && i < decl->pin_count; i++)
        if (strcmp(decl->pin[i], program) == 0)
            return NULL;
    return program && !strchr(program, '/') ? program : NULL;
}

int build_pins(struct action *a, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    const char *search = NULL, *own = decl->kind ? NULL : program_of_prefix(decl);
    size_t count = decl->pin_count + (own != NULL);
    struct action_pin *pins = arena_array(s->arena, count, sizeof *pins);
    int rc = 0;
    if (count > 0)
        search = action_search(a, s->arena, s->plan->facts.stage_path(s->plan->facts.context, decl));
    for (size_t i = 0; rc == 0 && i < count; i++) {
        pins[i] = (struct action_pin){.program = i < decl->pin_count ? decl->pin[i] : own, .search = search};
        rc = ask_program(&pins[i], s);
    }
    if (decl->scope->origin && !decl->kind)
        a->prefix = decl->toolchain.prefix;
    a->pins = pins;
    a->pin_count = count;
    return rc;
}

/* The values that another team's stage is passed enter its key: a result of other values is none of this stage. */
static void build_passes(struct action *a, struct scope *s) {
    const struct stage_decl *decl = s->node->pub.decl;
    if (!decl->scope->origin)
        return;
    struct action_pass *passes = arena_array(s->arena, decl->pass_env_count, sizeof *passes);
    for (size_t i = 0; i < decl->pass_env_count; i++) {
        passes[a->pass_count].name = decl->pass_env[i];
        if (s->plan->facts.variable(s->plan->facts.context, decl->pass_env[i], &passes[a->pass_count].digest))
            a->pass_count++;
    }
    a->passes = passes;
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
    int rc = build_outs(a, s);
    if (rc == 0)
        rc = build_inputs(a, s);
    if (rc == 0 && decl->places_vary)
        rc = build_check_places(a, s);
    if (rc == 0)
        rc = decl->kind ? build_with(a, s) : build_command(a, s);
    if (rc == 0)
        rc = build_env(a, s);
    if (rc == 0 && !decl->kind)
        rc = build_check_words(a, s);
    if (rc == 0)
        rc = build_modules(a, s);
    if (rc == 0)
        rc = build_pins(a, s);
    if (rc == 0)
        build_passes(a, s);
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
