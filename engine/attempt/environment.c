#include "engine/attempt/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/attempt/attempt.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/environment/toolchain.h"

struct variables {
    char **items;
    size_t count, capacity;
};

static void append(struct variables *v, char *entry) {
    mem_grow(v->items, &v->capacity, v->count + 1);
    v->items[v->count++] = entry;
}

/* A later value replaces an earlier one. */
static void set(struct variables *v, const char *name, const char *value) {
    size_t length = strlen(name);
    char *entry = mem_printf("%s=%s", name, value);
    for (size_t i = 0; i < v->count; i++) {
        if (strncmp(v->items[i], name, length) == 0 && v->items[i][length] == '=') {
            free(v->items[i]);
            v->items[i] = entry;
            return;
        }
    }
    append(v, entry);
}

static void set_path(struct variables *v, const char *name, const char *directory, const char *below) {
    char *path = mem_printf("%s/%s", directory, below);
    set(v, name, path);
    free(path);
}

static void set_variable(void *context, const char *name, const char *value) {
    set(context, name, value);
}

static void set_base(struct variables *v, const struct attempt *a) {
    toolchain_variables(&a->instance->decl->toolchain, set_variable, v);
    set_path(v, "HOME", a->directory->stage, ".home");
    set_path(v, "TMPDIR", a->directory->stage, ".tmp");
    set(v, "LC_ALL", "C.UTF-8");
    set(v, "TZ", "UTC");
    set(v, "PYTHONDONTWRITEBYTECODE", "1"); /* a folder input stays as it was given */
}

/* A command's libraries get as many threads as it has cpus. A kind uses BLAS with one thread and threads of its own. */
static void set_threads(struct variables *v, const struct attempt *a) {
    static const char *const limits[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                                         "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS"};
    char cpus[32];
    snprintf(cpus, sizeof cpus, "%d", a->cpus);
    if (a->instance->action->kind)
        set(v, "OPENBLAS_NUM_THREADS", "1");
    for (size_t i = 0; !a->instance->action->kind && i < sizeof limits / sizeof *limits; i++)
        set(v, limits[i], cpus);
}

/* Every vendor's variable: each library reads its own. Numbers count as in nvidia-smi. */
static void set_gpus(struct variables *v, const struct attempt *a) {
    if (!a->gpus)
        return;
    set(v, "CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    set(v, "CUDA_VISIBLE_DEVICES", a->gpus);
    set(v, "HIP_VISIBLE_DEVICES", a->gpus);
    if (a->gpus[strspn(a->gpus, "0123456789,")] == '\0') /* Intel's takes no names */
        set(v, "ZE_AFFINITY_MASK", a->gpus);
}

static void set_declared(struct variables *v, struct attempt *a) {
    const struct action *action = a->instance->action;
    const struct stage_decl *decl = a->instance->decl;
    const struct action_given given = inputs_given(a);
    for (size_t i = 0; i < action->env_count; i++) {
        char *value = action_env_text(action, &action->env[i], &given);
        set(v, action->env[i].name, value);
        free(value);
    }
    for (size_t i = 0; i < decl->pass_env_count; i++) {
        const char *value = getenv(decl->pass_env[i]);
        if (value)
            set(v, decl->pass_env[i], value);
    }
}

/* The copies of editable installs come before the originals, which a .pth file or a finder adds at the end. */
static void set_modules(struct variables *v, struct attempt *a) {
    const struct action *action = a->instance->action;
    struct buffer path = {0};
    for (size_t i = 0; i < action->input_count; i++) {
        const struct action_input *in = &action->inputs[i];
        bool folders = strcmp(in->name, ACTION_PYTHON_PATH) == 0;
        for (size_t k = 0; (folders || strcmp(in->name, ACTION_PYTHON_MODULES) == 0) && k < in->count; k++) {
            struct buffer item = {0};
            inputs_item_path(a, in, k, &item);
            char *folder = folders ? mem_strdup(buffer_text(&item)) : path_directory(buffer_text(&item));
            buffer_printf(&path, "%s%s/%s", path.size ? ":" : "", a->directory->stage, folder);
            free(folder);
            buffer_close(&item);
        }
    }
    append(v, NULL);
    const char *own = environment_value(v->items, "PYTHONPATH");
    v->count--;
    if (path.size > 0 && *own)
        buffer_printf(&path, ":%s", own);
    if (path.size > 0)
        set(v, "PYTHONPATH", buffer_text(&path));
    buffer_close(&path);
}

static void set_protocol(struct variables *v, const struct attempt *a) {
    char number[16];
    snprintf(number, sizeof number, "%d", ATTEMPT_EVENTS_FD);
    set(v, "RETORT_SPEC", a->directory->spec);
    set(v, "RETORT_EVENTS_FD", number);
    if (a->checkpoint)
        set(v, "RETORT_CHECKPOINT", a->checkpoint);
}

char **environment_create(struct attempt *a) {
    struct variables v = {0};
    set_base(&v, a);
    set_threads(&v, a);
    set_declared(&v, a);
    set_gpus(&v, a);
    set_modules(&v, a);
    set_protocol(&v, a);
    append(&v, NULL);
    return v.items;
}

const char *environment_value(char *const *environment, const char *name) {
    size_t length = strlen(name);
    for (char *const *v = environment; v && *v; v++)
        if (strncmp(*v, name, length) == 0 && (*v)[length] == '=')
            return *v + length + 1;
    return "";
}

void environment_free(char **environment) {
    for (size_t i = 0; environment && environment[i]; i++)
        free(environment[i]);
    free(environment);
}
