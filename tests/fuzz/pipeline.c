/*
 * Pipeline files. The bytes up to a NUL are the pipeline, what follows up to the next its parts b.json and c.json. A
 * valid pipeline is planned and carried out over an invented world, so that expansion, keys and selects are tested too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/pipeline/pipeline.h"
#include "engine/plan/plan.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tree.h"

enum { FILES = 3, MOST_INSTANCES = 2000 };

static int give_content(void *context, const char *path, struct content *out, struct error *err) {
    (void)context;
    if (strstr(path, "missing"))
        return error_set(err, ERR_NOT_FOUND, "%s: there is no such file", path);
    const char *base = path_base(path); /* the folder has another name in each process */
    *out = (struct content){.size = strlen(base)};
    sha256_bytes(&out->digest, base, strlen(base));
    return 0;
}

static int give_program(void *context, const char *name, const char *search, struct digest *out, struct error *err) {
    (void)context, (void)search;
    (void)err;
    sha256_bytes(out, name, strlen(name));
    return 0;
}

static const cJSON *give_packages(void *context, const char *name, const char *search) {
    (void)context, (void)name, (void)search;
    return NULL;
}

static const char *give_path(void *context, const struct stage_decl *stage) {
    (void)context, (void)stage;
    return "";
}

static int give_members(void *context, const char *path, const char *const *names, size_t count, struct content *out,
                        struct error *err) {
    (void)names;
    (void)count;
    return give_content(context, path, out, err);
}

static int give_part(void *context, const struct content *whole, const char *part, struct content *out,
                     struct error *err) {
    (void)whole;
    return give_content(context, part, out, err);
}

static cJSON *give_machine(void *context) {
    (void)context;
    return cJSON_Parse("{\"host\":\"h\",\"cpu\":\"c\",\"meter\":\"m\"}");
}

static int give_text(void *context, const struct content *content, struct buffer *out, struct error *err) {
    (void)context;
    (void)err;
    buffer_puts(out, content->digest.bytes[2] % 2 ? "label,x\na,1\nb,2\n" : "[7, \"two\"]");
    return 0;
}

static void finish(struct plan *plan, struct instance *i) {
    struct content *outs = mem_array(i->decl->out_count + 1, sizeof *outs);
    cJSON *metrics = cJSON_CreateObject();
    for (size_t k = 0; k < i->decl->out_count; k++)
        outs[k] = (struct content){.digest = i->key, .size = k};
    cJSON_AddNumberToObject(metrics, "loss", i->key.bytes[0]);
    cJSON_AddNumberToObject(metrics, "flops", (double)i->index);
    if (i->key.bytes[1] % 16 == 0)
        plan_fail(plan, i, "exit status 1");
    else
        plan_finish(plan, i, outs, metrics);
    cJSON_Delete(metrics);
    free(outs);
}

static void hold_end(struct plan *plan, const struct pipeline *p) {
    size_t count;
    struct instance *const *all = plan_instances(plan, &count);
    for (size_t k = 0; k < count; k++) {
        HOLDS(all[k]->index == k && instance_name(all[k]));
        HOLDS((all[k]->state != INSTANCE_FAILED && all[k]->state != INSTANCE_SKIPPED) || all[k]->reason);
    }
    for (size_t k = 0; k < p->result_count; k++) {
        const struct result_item *items;
        bool waiting;
        struct error err = {0};
        HOLDS(plan_result(plan, &p->results[k], &items, &count, &waiting, &err) == 0 || *err.message);
    }
}

static void carry_out(const struct pipeline *p) {
    struct plan_facts facts = {.file_content = give_content,
                               .program = give_program,
                               .packages = give_packages,
                               .stage_path = give_path,
                               .machine = give_machine,
                               .file_members = give_members,
                               .object_part = give_part,
                               .object_text = give_text};
    struct plan *plan = NULL;
    struct diagnostics faults = {0};
    struct error err = {0};
    size_t count = 0;
    struct instance *i;
    bool any = true;
    int rc = plan_create(&plan, p, &facts, NULL, 0, &err);
    while (rc == 0 && any && (rc = plan_advance(plan, &faults, &err)) == 0) {
        plan_instances(plan, &count);
        for (any = false; count <= MOST_INSTANCES && (i = plan_next(plan)); any = true)
            finish(plan, i);
    }
    HOLDS(rc == 0 || *err.message);
    if (rc == 0 && count <= MOST_INSTANCES)
        hold_end(plan, p);
    diagnostics_close(&faults);
    plan_free(plan);
}

/* The words of the format, and names that the seeds use. */
static const char *const words[] = {"retort",
                                    "name",
                                    "description",
                                    "include",
                                    "params",
                                    "defaults",
                                    "stages",
                                    "results",
                                    "energy_budget",
                                    "path",
                                    "git",
                                    "rev",
                                    "ref",
                                    "uses",
                                    "cmd",
                                    "select",
                                    "matrix",
                                    "in",
                                    "with",
                                    "outs",
                                    "env",
                                    "pass_env",
                                    "pin",
                                    "checkpoint",
                                    "resources",
                                    "retries",
                                    "timeout",
                                    "after",
                                    "cache",
                                    "deterministic",
                                    "tolerance",
                                    "cpus",
                                    "memory",
                                    "gpus",
                                    "custom",
                                    "from",
                                    "label",
                                    "type",
                                    "like",
                                    "exclude",
                                    "extra",
                                    "group_by",
                                    "reduce",
                                    "where",
                                    "where_each",
                                    "minimize",
                                    "maximize",
                                    "pick",
                                    "metric",
                                    "at_most",
                                    "at_least",
                                    "equals",
                                    "$extends",
                                    "metrics",
                                    "file",
                                    "directory",
                                    "series",
                                    "mean",
                                    "median",
                                    "best",
                                    "first",
                                    "metrics.loss",
                                    "deeprx/train@1",
                                    "deeprx/evaluate@1",
                                    "plot/lines@2",
                                    "plot/table@1",
                                    "b.json",
                                    "c.json",
                                    "missing",
                                    "seed",
                                    "size",
                                    "1h",
                                    "1GiB",
                                    "1kJ",
                                    NULL};

/* Three of four inputs are changed as trees, the rest and those that are no JSON as bytes. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size_t changed = seed % 4 ? tree_mutate(data, size, max_size, seed / 4, words) : 0;
    return changed ? changed : LLVMFuzzerMutate(data, size, max_size);
}

/* The first file's path. */
static char *write_files(const uint8_t *data, size_t size) {
    static const char *const names[FILES] = {"a.json", "b.json", "c.json"};
    char *first = NULL;
    for (int i = 0; i < FILES; i++) {
        const uint8_t *end = i + 1 < FILES && size ? memchr(data, 0, size) : NULL;
        size_t length = end ? (size_t)(end - data) : size;
        char *path = fuzz_file(names[i], data, length);
        data += length + (end != NULL);
        size -= length + (end != NULL);
        if (i == 0)
            first = path;
        else
            free(path);
    }
    return first;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pipeline *p = NULL;
    struct diagnostics diagnostics = {0};
    struct error err = {0};
    struct buffer said = {0};
    char *path = write_files(data, size);
    int rc = pipeline_read(&p, &(struct pipeline_source){.path = path}, &diagnostics, &err);
    diagnostics_print(&said, &diagnostics);
    HOLDS((rc == 0) == (p != NULL));
    HOLDS(rc == 0 || rc == ERR_NOT_FOUND || rc == ERR_IO || (rc == ERR_INVALID && diagnostics.errors > 0));
    if (rc == 0)
        carry_out(p);
    pipeline_free(p);
    buffer_close(&said);
    diagnostics_close(&diagnostics);
    free(path);
    return 0;
}
