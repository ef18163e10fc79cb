/* A pipeline from text and a plan over an invented world: files and outs are digests of what they were made of. */
#ifndef RETORT_TESTS_PLAN_FIXTURE_H
#define RETORT_TESTS_PLAN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/plan/plan.h"

struct world {
    char directory[64];
    struct pipeline *pipeline;
    struct plan *plan;
    struct diagnostics faults;
    const char *changed;                /* a file with this in its path has other content */
    const struct module_place *modules; /* editable installs */
    size_t module_count;
    const char *numpy; /* version of the package; NULL: "1.0" */
    cJSON *packages;
    size_t file_questions;         /* how often content was asked for */
    const struct commits *commits; /* NULL: there are none */
    const char *variable;          /* the value of every variable; NULL: none is set */
    const char *late;              /* the content of a file with this in its path comes later */

    /* The metrics of an instance; NULL: none. */
    cJSON *(*metrics)(const struct world *w, const struct instance *i);
    bool (*fails)(const struct instance *i);
    /* Outs with the same bytes whatever the key: early cutoff. */
    bool (*constant)(const struct instance *i);
    struct buffer order; /* names as plan_next gave them, one a line */
};

static inline int world_file(void *context, const char *path, struct content *out, struct error *err) {
    struct world *w = context;
    w->file_questions++;
    if (strstr(path, "missing"))
        return error_set(err, ERR_NOT_FOUND, "%s: there is no such file", path_base(path));
    if (w->late && strstr(path, w->late))
        return error_set(err, ERR_BUSY, "%s: comes later", path);
    struct buffer text = {0};
    buffer_puts(&text, path_base(path));
    if (w->changed && strstr(path, w->changed))
        buffer_puts(&text, " changed");
    sha256_bytes(&out->digest, text.data, text.size);
    out->size = text.size;
    out->executable = strstr(path, ".sh") != NULL;
    out->directory = strstr(path, "folder") != NULL;
    buffer_close(&text);
    return 0;
}

/* On another PATH another program has the name. */
/* The members alone: their names. */
static inline int world_members(void *context, const char *path, const char *const *names, size_t count,
                                struct content *out, struct error *err) {
    (void)path;
    (void)err;
    ((struct world *)context)->file_questions++;
    struct buffer text = {0};
    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%s\n", names[i]);
    sha256_bytes(&out->digest, text.data, text.size);
    out->size = text.size;
    buffer_close(&text);
    return 0;
}

/* A part of a folder: its path; one with a dot is a file. */
static inline int world_part(void *context, const struct content *whole, const char *part, struct content *out,
                             struct error *err) {
    (void)whole;
    if (strstr(part, "missing"))
        return error_set(err, ERR_INVALID, "the folder has no \"%s\"", part);
    ((struct world *)context)->file_questions++;
    *out = (struct content){.directory = !strchr(part, '.')};
    sha256_bytes(&out->digest, part, strlen(part));
    return 0;
}

/* A file of a commit has the content of a file of the project with its name. */
static inline int world_committed(void *context, const struct origin *origin, const char *path, const char *const *only,
                                  size_t only_count, struct content *out, struct error *err) {
    (void)origin;
    return only ? world_members(context, path, only, only_count, out, err) : world_file(context, path, out, err);
}

static inline bool world_variable(void *context, const char *name, struct digest *out) {
    const struct world *w = context;
    (void)name;
    if (w->variable)
        sha256_bytes(out, w->variable, strlen(w->variable));
    return w->variable != NULL;
}

static inline int world_program(void *context, const char *name, const char *search, struct digest *out,
                                struct error *err) {
    (void)context;
    (void)err;
    struct buffer text = {0};
    buffer_printf(&text, "%s%s", name, search);
    sha256_bytes(out, text.data, text.size);
    buffer_close(&text);
    return 0;
}

/* Every Python has numpy, of the version that the world says. */
static inline const cJSON *world_packages(void *context, const char *name, const char *search) {
    struct world *w = context;
    (void)search;
    if (strcmp(name, "python3") != 0)
        return NULL;
    cJSON_Delete(w->packages);
    w->packages = cJSON_CreateObject();
    cJSON_AddStringToObject(w->packages, "numpy", w->numpy ? w->numpy : "1.0");
    return w->packages;
}

static inline size_t world_modules(void *context, const struct stage_decl *stage, const struct module_place **out) {
    struct world *w = context;
    (void)stage;
    *out = w->modules;
    return w->module_count;
}

static inline const char *world_path(void *context, const struct stage_decl *stage) {
    (void)context;
    (void)stage;
    return "";
}

static inline cJSON *world_machine(void *context) {
    (void)context;
    return cJSON_Parse("{\"host\":\"h\",\"cpu\":\"c\",\"meter\":\"m\"}");
}

static inline struct diagnostics world_read(struct world *w, const char *json) {
    struct diagnostics d = {0};
    struct error err = {0};
    strcpy(w->directory, "/tmp/retort-plan-XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    char *path = path_join(w->directory, "study.json");
    assert_int_equal(file_replace(path, json, strlen(json), 0644, &err), 0);
    int rc = pipeline_read(&w->pipeline, &(struct pipeline_source){.path = path, .commits = w->commits}, &d, &err);
    struct buffer text = {0};
    diagnostics_print(&text, &d);
    if (rc)
        fail_msg("%s\n%s", err.message, buffer_text(&text));
    buffer_close(&text);
    free(path);
    return d;
}

static inline int world_plan(struct world *w, const char *const *targets, size_t count, struct error *err) {
    struct plan_facts facts = {.context = w,
                               .file_content = world_file,
                               .program = world_program,
                               .packages = world_packages,
                               .stage_path = world_path,
                               .machine = world_machine,
                               .file_members = world_members,
                               .modules = world_modules,
                               .object_part = world_part,
                               .committed = world_committed,
                               .variable = world_variable};
    return plan_create(&w->plan, w->pipeline, &facts, targets, count, err);
}

/* Plans a text for some targets; returns the code of plan_create. Quotes are written as ' in the text. */
static inline int world_open_targets(struct world *w, const char *text, const char *const *targets, size_t count,
                                     struct error *err) {
    char *json = mem_strdup(text);
    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct diagnostics d = world_read(w, json);
    diagnostics_close(&d);
    free(json);
    return world_plan(w, targets, count, err);
}

/* Everything wanted. */
static inline void world_open(struct world *w, const char *text) {
    struct error err = {0};
    if (world_open_targets(w, text, NULL, 0, &err))
        fail_msg("%s", err.message);
}

static inline void world_advance(struct world *w) {
    struct error err = {0};
    if (plan_advance(w->plan, &w->faults, &err))
        fail_msg("%s", err.message);
}

static inline void world_finish(struct world *w, struct instance *i) {
    struct content *outs = mem_array(i->decl->out_count + 1, sizeof *outs);
    for (size_t k = 0; k < i->decl->out_count; k++) {
        struct buffer text = {0};
        if (w->constant && w->constant(i))
            buffer_puts(&text, instance_name(i));
        else
            buffer_append(&text, &i->key, sizeof i->key);
        buffer_puts(&text, i->decl->outs[k].name);
        sha256_bytes(&outs[k].digest, text.data, text.size);
        buffer_close(&text);
    }
    cJSON *metrics = w->metrics ? w->metrics(w, i) : NULL;
    plan_finish(w->plan, i, outs, metrics);
    cJSON_Delete(metrics);
    free(outs);
}

/* One wave: everything that is keyed ends. False when nothing was. */
static inline bool world_wave(struct world *w) {
    struct instance *i;
    bool any = false;
    world_advance(w);
    while ((i = plan_next(w->plan))) {
        if (i->behind) /* nothing is known of it before it runs */
            continue;
        any = true;
        buffer_printf(&w->order, "%s\n", instance_name(i));
        if (w->fails && w->fails(i))
            plan_fail(w->plan, i, "exit status 1");
        else
            world_finish(w, i);
    }
    return any;
}

static inline void world_run(struct world *w) {
    while (world_wave(w))
        ;
}

static inline void world_close(struct world *w) {
    plan_free(w->plan);
    cJSON_Delete(w->packages);
    pipeline_free(w->pipeline);
    diagnostics_close(&w->faults);
    buffer_close(&w->order);
    if (w->directory[0])
        file_remove_tree(w->directory, NULL);
    *w = (struct world){0};
}

/* NULL when there is none of that name. */
static inline struct instance *world_find(const struct world *w, const char *name) {
    size_t count;
    struct instance *const *all = plan_instances(w->plan, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(instance_name(all[i]), name) == 0)
            return all[i];
    return NULL;
}

static inline struct instance *world_instance(const struct world *w, const char *name) {
    struct instance *i = world_find(w, name);
    if (!i)
        fail_msg("there is no instance %s", name);
    return i;
}

static inline const struct action *world_action(const struct world *w, const char *name) {
    struct instance *i = world_instance(w, name);
    instance_hold_action(i);
    return i->action;
}

static inline void put_labels(struct buffer *out, const struct action_item *item) {
    cJSON *labels = action_labels(item->labels, item->label_count);
    json_canonical(out, labels);
    cJSON_Delete(labels);
}

/* The names of all instances of a stage in order, joined by a space. */
static inline void expect_instances(const struct world *w, const char *stage, const char *names) {
    struct buffer b = {0};
    size_t count;
    struct instance *const *all = plan_instances(w->plan, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i]->decl->full_name, stage) == 0)
            buffer_printf(&b, "%s%s", b.size ? " " : "", instance_name(all[i]));
    assert_string_equal(buffer_text(&b), names);
    buffer_close(&b);
}

/* One component of an instance's key as canonical JSON, ' for quotes; "(none)" when it has none. */
static inline void expect_component(const struct world *w, const char *instance, const char *name, const char *text) {
    cJSON *components = instance_components(world_instance(w, instance));
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(components, name);
    char *canonical = found ? json_canonical_text(found) : mem_strdup("(none)");
    for (char *c = canonical; *c; c++)
        if (*c == '"')
            *c = '\'';
    assert_string_equal(canonical, text);
    free(canonical);
    cJSON_Delete(components);
}

/* The names of the files of one input, with their labels: "model.bin{'size':7} ...". */
static inline void expect_input(const struct world *w, const char *instance, const char *input, const char *text) {
    const struct action *a = world_action(w, instance);
    struct buffer b = {0};
    for (size_t k = 0; k < a->input_count; k++) {
        const struct action_input *in = &a->inputs[k];
        for (size_t n = 0; strcmp(in->name, input) == 0 && n < in->count; n++) {
            buffer_printf(&b, "%s%s", b.size ? " " : "", in->items[n].name);
            if (in->items[n].label_count)
                put_labels(&b, &in->items[n]);
        }
    }
    for (size_t k = 0; k < b.size; k++)
        if (b.data[k] == '"')
            b.data[k] = '\'';
    assert_string_equal(buffer_text(&b), text);
    buffer_close(&b);
}

/* Exactly one fault was found, with these words in it. */
static inline void expect_fault(struct world *w, const char *words) {
    struct buffer b = {0};
    diagnostics_print(&b, &w->faults);
    if (w->faults.errors != 1 || !strstr(buffer_text(&b), words))
        fail_msg("expected one fault with \"%s\", found:\n%s", words, buffer_text(&b));
    buffer_close(&b);
}

static inline void expect_no_fault(struct world *w) {
    struct buffer b = {0};
    diagnostics_print(&b, &w->faults);
    assert_string_equal(buffer_text(&b), "");
    buffer_close(&b);
}

static inline void expect_state(const struct world *w, const char *instance, enum instance_state state) {
    const struct instance *i = world_instance(w, instance);
    if (i->state != state)
        fail_msg("%s is in state %d, not %d (%s)", instance, (int)i->state, (int)state, i->reason ? i->reason : "");
}

#endif
