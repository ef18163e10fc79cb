#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/environment/toolchain.h"
#include "engine/lookup/facts.h"
#include "engine/lookup/interpreter.h"
#include "engine/lookup/members.h"
#include "engine/meter/meter.h"
#include "engine/pipeline/rows.h"
#include "engine/provenance/provenance.h"

struct facts *facts_create(struct store *store, const char *stage_program, struct committed *committed) {
    struct facts *f = mem_alloc(sizeof *f);
    f->store = store;
    f->committed = committed;
    f->stage_program = mem_strdup(stage_program);
    char *folder = path_directory(stage_program);
    f->keeper_program = path_join(folder, "retort-keeper");
    free(folder);
    return f;
}

void facts_free(struct facts *f) {
    if (!f)
        return;
    cJSON_Delete(f->machine);
    for (size_t i = 0; i < f->paths.count; i++)
        free(f->paths.entries[i].value);
    bytemap_close(&f->paths);
    if (f->modules)
        arena_free(f->modules);
    interpreters_free(&f->interpreters);
    facts_drop_platform(f);
    free(f->stage_program);
    free(f->keeper_program);
    free(f);
}

const char *facts_stage_program(const struct facts *f) {
    return f->stage_program;
}

const char *facts_keeper_program(const struct facts *f) {
    return f->keeper_program;
}

void facts_defer(struct facts *f, store_unhashed *defer, void *context) {
    f->defer = defer;
    f->defer_context = context;
}

int facts_members(const char *path, const char *const *names, size_t count, struct content *out, struct error *err) {
    struct buffer text = {0};
    int rc = members_read(&text, path, names, count, err);
    *out = (struct content){.size = text.size};
    if (rc == 0)
        sha256_bytes(&out->digest, text.data, text.size);
    buffer_close(&text);
    return rc;
}

static int file_members(void *context, const char *path, const char *const *names, size_t count, struct content *out,
                        struct error *err) {
    (void)context;
    return facts_members(path, names, count, out, err);
}

static int object_part(void *context, const struct content *whole, const char *part, struct content *out,
                       struct error *err) {
    const struct facts *f = context;
    const struct object o = {whole->digest, whole->size, true, false};
    struct object found;
    int rc = store_object_part(f->store, &o, part, &found, err);
    if (rc == 0)
        *out = (struct content){found.digest, found.size, found.directory, found.executable};
    return rc;
}

static int object_text(void *context, const struct content *content, struct buffer *out, struct error *err) {
    const struct facts *f = context;
    const struct object o = {content->digest, content->size, content->directory, content->executable};
    char *path = store_object_path(f->store, &o.digest);
    int rc = store_object_check(f->store, &o, err);
    if (rc == 0)
        rc = file_read(out, path, ROWS_MAX_BYTES, err);
    free(path);
    return rc;
}

static int file_content(void *context, const char *path, struct content *out, struct error *err) {
    return facts_content(context, path, out, err);
}

static int program(void *context, const char *name, const char *search, struct digest *out, struct error *err) {
    return facts_program(context, name, search, out, err);
}

static const char *stage_path(void *context, const struct stage_decl *stage) {
    return facts_stage_path(context, stage);
}

static cJSON *machine(void *context) {
    struct facts *f = context;
    if (f->machine)
        return cJSON_Duplicate(f->machine, true);
    cJSON *host = provenance_host("/");
    struct meter *meter = NULL;
    f->machine = cJSON_CreateObject();
    cJSON_AddStringToObject(f->machine, "host", json_text(host, "hostname", "unknown"));
    cJSON_AddStringToObject(f->machine, "cpu", json_text(host, "cpu", "unknown"));
    cJSON_AddStringToObject(f->machine, "meter",
                            meter_open(&meter, "/", NULL) == 0 ? meter_name(meter) : "unavailable");
    meter_close(meter);
    cJSON_Delete(host);
    return cJSON_Duplicate(f->machine, true);
}

static void tick(void *context) {
    const struct facts *f = context;
    store_read_tick(f->store);
}

static const cJSON *packages(void *context, const char *name, const char *search) {
    return interpreter_packages(context, name, search);
}

static size_t modules(void *context, const struct stage_decl *stage, const struct module_place **out) {
    struct facts *f = context;
    struct module_place *places;
    if (f->modules)
        arena_reset(f->modules);
    else
        f->modules = arena_create();
    size_t count = interpreter_modules(f, stage, f->modules, &places);
    *out = places;
    return count;
}

static int committed(void *context, const struct origin *origin, const char *path, const char *const *only,
                     size_t only_count, struct content *out, struct error *err) {
    const struct facts *f = context;
    return committed_content(f->committed, origin, path, only, only_count, out, err);
}

bool facts_variable(const char *name, struct digest *out) {
    const char *value = getenv(name);
    if (value)
        sha256_bytes(out, value, strlen(value));
    return value != NULL;
}

static bool variable(void *context, const char *name, struct digest *out) {
    (void)context;
    return facts_variable(name, out);
}

size_t facts_command_bytes(void) {
    enum { KERNELS_MOST = 6 << 20, VARIABLES_OF_EACH = 8 << 10 };
    long most = sysconf(_SC_ARG_MAX);
    return (size_t)(most > 0 && most < KERNELS_MOST ? most : KERNELS_MOST) - VARIABLES_OF_EACH;
}

struct plan_facts facts_table(struct facts *f) {
    return (struct plan_facts){.context = f,
                               .file_content = file_content,
                               .program = program,
                               .packages = packages,
                               .stage_path = stage_path,
                               .modules = modules,
                               .machine = machine,
                               .tick = tick,
                               .file_members = file_members,
                               .object_part = object_part,
                               .object_text = object_text,
                               .committed = committed,
                               .variable = variable,
                               .command_bytes = facts_command_bytes()};
}
